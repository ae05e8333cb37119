import numpy as np
from typing import Optional


class Module:
    def __init__(self) -> None:
        self._training = True

    def train(self):
        self._training = True
        return self

    def eval(self):
        self._training = False
        return self

    def __call__(self, *args):
        return self.forward(*args)


class BatchNorm1D(Module):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = np.ones(num_features)
        self.bias = np.zeros(num_features)
        self.weight_grad: Optional[np.ndarray] = None
        self.bias_grad: Optional[np.ndarray] = None
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)

    def forward(self, x: np.ndarray) -> np.ndarray:
        if self._training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            m = self.momentum
            n = x.shape[0]
            self.running_mean = (1 - m) * self.running_mean + m * mean
            self.running_var = (1 - m) * self.running_var + m * var * (n / (n - 1) if n > 1 else 1)
        else:
            mean, var = self.running_mean, self.running_var
        self.inv = 1.0 / np.sqrt(var + self.eps)
        self.norm = (x - mean) * self.inv
        return self.norm * self.weight + self.bias

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        self.weight_grad = (grad_output * self.norm).sum(axis=0)
        self.bias_grad = grad_output.sum(axis=0)
        g = grad_output * self.weight
        if not self._training:
            return g * self.inv
        return self.inv * (g - g.mean(axis=0) - self.norm * (g * self.norm).mean(axis=0))
