"""Every sum from the smallest magnitude to the largest."""

import numpy as np


def smallest_first(rows):
    order = np.argsort(np.abs(rows), axis=0)
    return np.add.accumulate(np.take_along_axis(rows, order, axis=0), axis=0)[-1]


class BatchNorm1d:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, is_training=True):
        if x.ndim != 2:
            raise ValueError(f"x must be (N, C), got {x.shape}")
        if is_training:
            n = len(x)
            mean = smallest_first(x) / n
            var = smallest_first((x - mean) ** 2) / n
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * (var * n / max(n - 1, 1))
        else:
            mean, var = self.running_mean, self.running_var
        self.cache = x - mean, 1 / np.sqrt(var + self.eps), is_training
        return self.gamma * (self.cache[0] * self.cache[1]) + self.beta

    def backward(self, dy):
        centered, inv_std, is_training = self.cache
        dbeta = smallest_first(dy)
        dot = smallest_first(dy * centered)
        dx = dy - dbeta / len(dy) - centered * (dot * inv_std * inv_std / len(dy)) if is_training else dy
        return dx * inv_std * self.gamma, dot * inv_std, dbeta
