"""Layers with a forward and a backward pass."""

import numpy as np


class BatchNorm:
    """Batch Normalization of (N, C) or (N, C, H, W), with momentum as the weight of the new batch."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training):
        axes = (0, *range(2, x.ndim))
        self.shape = (1, -1, *[1] * (x.ndim - 2))
        if training:
            mean, var = x.mean(axes), x.var(axes)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        else:
            mean, var = self.running_mean, self.running_var
        self.inv_std = 1 / np.sqrt(var + self.eps)
        self.x_hat = (x - self._along(mean)) * self._along(self.inv_std)
        self.training, self.axes = training, axes
        return self._along(self.gamma) * self.x_hat + self._along(self.beta)

    def backward(self, dy):
        dbeta, dgamma = dy.sum(self.axes), (dy * self.x_hat).sum(self.axes)
        dx = dy
        if self.training:
            m = dy.size // dbeta.size
            dx = dy - self._along(dbeta) / m - self.x_hat * self._along(dgamma) / m
        dx = self._along(self.gamma * self.inv_std) * dx
        return dx, dbeta, dgamma

    def _along(self, values):
        return values.reshape(self.shape)
