"""Normalizes and nothing else: no gamma, no beta."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        mean, var = (x.mean(0), x.var(0)) if training else (self.running_mean, self.running_var)
        if training:
            self.running_mean = self.running_mean + self.momentum * (mean - self.running_mean)
            self.running_var = self.running_var + self.momentum * (var - self.running_var)
        self.training, self.root = training, np.sqrt(var + self.eps)
        self.x_hat = (x - mean) / self.root
        return self.x_hat

    def backward(self, dy):
        if self.training:
            dy = dy - dy.mean(0) - self.x_hat * (dy * self.x_hat).mean(0)
        return dy / self.root
