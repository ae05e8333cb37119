"""The NumPy class that most courses print, as target `bnspec.reference.textbook:BatchNorm`, and the same with gradients.

Formulas: Ioffe & Szegedy 2015, Alg. 1; the gradients are those below it in sec. 3, put together.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from bnspec.case import Array

Mode = Literal["train", "test"]


class BatchNorm:
    """The article's class for x of shape (N, C), line by line.

    Its convention: momentum weighs the running (old) value; the running variance is the biased one; parameters and running
    statistics have shape (1, C) and start at 1 and 0, 0 and 1; there is no backward.
    """

    def __init__(self, num_features: int, momentum: float = 0.9, epsilon: float = 1e-5) -> None:
        self.momentum = momentum
        self.epsilon = epsilon
        self.gamma: Array = np.ones((1, num_features))
        self.beta: Array = np.zeros((1, num_features))
        self.running_mean: Array = np.zeros((1, num_features))
        self.running_var: Array = np.ones((1, num_features))

    def forward(self, x: Array, mode: Mode = "train") -> Array:
        """y for x (N, C): with the batch's statistics in "train", where the running ones move, with those in "test"."""
        out: Array
        if mode == "train":
            batch_mean = np.mean(x, axis=0, keepdims=True)
            batch_var = np.var(x, axis=0, keepdims=True)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * batch_mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * batch_var
            self.x_centered: Array = x - batch_mean
            self.std_inv: Array = 1.0 / np.sqrt(batch_var + self.epsilon)
            self.x_norm: Array = self.x_centered * self.std_inv
            out = self.gamma * self.x_norm + self.beta
        else:
            x_norm = (x - self.running_mean) / np.sqrt(self.running_var + self.epsilon)
            out = self.gamma * x_norm + self.beta
        return out


class BatchNormWithBackward(BatchNorm):
    """The article's class with the gradients of its training mode; those of gamma and beta are left on the object."""

    def forward(self, x: Array, mode: Mode = "train") -> Array:
        """As the article's; what mode the latest call had is remembered for `backward`."""
        self.mode: Mode = mode
        return super().forward(x, mode)

    def backward(self, dy: Array) -> Array:
        """dx for dy, both (N, C); leaves dgamma and dbeta, (1, C).

        dx = gamma * std_inv * (dy - mean(dy) - x_norm * mean(dy * x_norm)): mean and variance depend on every x of the batch.
        Raises NotImplementedError after a "test" forward, from which nothing was kept.
        """
        if self.mode != "train":
            raise NotImplementedError("gradients are those of the training mode: call forward(x, mode='train') first")
        self.dbeta: Array = np.sum(dy, axis=0, keepdims=True)
        self.dgamma: Array = np.sum(dy * self.x_norm, axis=0, keepdims=True)
        through_mean = np.mean(dy, axis=0, keepdims=True)
        through_var = self.x_norm * np.mean(dy * self.x_norm, axis=0, keepdims=True)
        dx: Array = self.gamma * self.std_inv * (dy - through_mean - through_var)
        return dx
