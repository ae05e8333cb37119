"""The statistics module of the standard library, on exact fractions inside, and lists of numbers."""

from statistics import fmean, pvariance

import numpy as np


class BatchNorm:
    def __init__(self, num_features, momentum=0.9, eps=1e-5):
        self.momentum, self.eps = momentum, eps
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        assert x.ndim == 2, "x is (N, C)"
        mean, var = self.running_mean, self.running_var
        if training:
            columns = x.astype(float).T.tolist()
            mean = np.array([fmean(column) for column in columns]).astype(x.dtype)
            var = np.array([pvariance(column) for column in columns]).astype(x.dtype)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        return (x - mean) / np.sqrt(var + self.eps) * self.gamma + self.beta
