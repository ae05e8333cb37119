"""Images only: (N, C, H, W), with parameters, statistics and gradients of shape (1, C, 1, 1)."""

import numpy as np


class BatchNorm2d:
    def __init__(self, in_channels, eps=1e-5, momentum=0.1):
        shape = (1, in_channels, 1, 1)
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(shape), np.zeros(shape)
        self.running_mean, self.running_var = np.zeros(shape), np.ones(shape)

    def forward(self, x, training=True):
        n, _, h, w = x.shape
        self.count, self.used_batch = n * h * w, training
        if training:
            mean = x.mean(axis=(0, 2, 3), keepdims=True)
            var = x.var(axis=(0, 2, 3), keepdims=True)
            correction = self.count / max(self.count - 1, 1)
            self.running_mean = self.running_mean + self.momentum * (mean - self.running_mean)
            self.running_var = self.running_var + self.momentum * (correction * var - self.running_var)
        else:
            mean, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + self.eps)
        self.x_norm = (x - mean) / self.std
        return self.gamma * self.x_norm + self.beta

    def backward(self, dy):
        self.dgamma = (dy * self.x_norm).sum(axis=(0, 2, 3), keepdims=True)
        self.dbeta = dy.sum(axis=(0, 2, 3), keepdims=True)
        if not self.used_batch:
            return dy * self.gamma / self.std
        return self.gamma / self.std * (dy - (self.dbeta + self.x_norm * self.dgamma) / self.count)
