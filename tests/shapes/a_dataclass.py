from dataclasses import dataclass, field

import numpy as np


@dataclass
class BatchNorm:
    num_features: int
    eps: float = 1e-5
    momentum: float = 0.1
    gamma: np.ndarray = field(init=False, repr=False)
    beta: np.ndarray = field(init=False, repr=False)
    running_mean: np.ndarray = field(init=False, repr=False)
    running_var: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        self.gamma, self.beta = np.ones(self.num_features), np.zeros(self.num_features)
        self.running_mean, self.running_var = np.zeros(self.num_features), np.ones(self.num_features)

    def forward(self, x, *, train: bool):
        mean, var = (x.mean(0), x.var(0)) if train else (self.running_mean, self.running_var)
        if train:
            n = len(x)
            self.running_mean += self.momentum * (mean - self.running_mean)
            self.running_var += self.momentum * (var * n / max(n - 1, 1) - self.running_var)
        self._kept = (x - mean) / np.sqrt(var + self.eps), np.sqrt(var + self.eps)
        return self.gamma * self._kept[0] + self.beta

    def backward(self, dy):
        x_hat, std = self._kept
        dgamma, dbeta = (dy * x_hat).sum(0), dy.sum(0)
        return self.gamma / std * (dy - dbeta / len(dy) - x_hat * dgamma / len(dy)), dgamma, dbeta
