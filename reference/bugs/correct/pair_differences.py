"""The variance without a mean: half the mean square of the differences of all pairs."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.9):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        assert x.ndim == 2, "x is (N, C)"
        mean, var = self.running_mean, self.running_var
        if training:
            mean = x.sum(0) / x.dtype.type(len(x))
            var = np.zeros_like(mean)
            for row in x:
                var += np.square(x - row).mean(0) / 2
            var = var / x.dtype.type(len(x))
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        return self.gamma * (x - mean) / np.sqrt(var + self.eps) + self.beta
