"""Compensated sums (Kahan), forward and backward, in the dtype of x."""

import numpy as np


def kahan(rows):
    total, lost = np.zeros_like(rows[0]), np.zeros_like(rows[0])
    for row in rows:
        wanted = row - lost
        grown = total + wanted
        lost = (grown - total) - wanted
        total = grown
    return total


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, eval=False):  # noqa: A002
        if x.ndim != 2:
            raise ValueError("a matrix is expected")
        if not eval:
            mean = kahan(x) / len(x)
            var = kahan((x - mean) ** 2) / len(x)
            self.running_mean = self.running_mean * (1 - self.momentum) + mean * self.momentum
            self.running_var = self.running_var * (1 - self.momentum) + var * self.momentum
        else:
            mean, var = self.running_mean, self.running_var
        self.eval = eval
        self.root = np.sqrt(var + self.eps)
        self.x_hat = (x - mean) / self.root
        return self.weight * self.x_hat + self.bias

    def backward(self, grad):
        self.dbias = kahan(grad)
        self.dweight = kahan(grad * self.x_hat)
        if self.eval:
            return grad * (self.weight / self.root)
        return (self.weight / self.root) * (grad - self.dbias / len(grad) - self.x_hat * (self.dweight / len(grad)))
