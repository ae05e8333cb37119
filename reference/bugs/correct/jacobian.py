"""Backward as a matrix: dx is the Jacobian of a channel times dy, with the matrix written out."""

import numpy as np


class BatchNorm1d:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        if x.ndim != 2:
            raise ValueError(f"expected (N, C), got {x.shape}")
        self.training, mean, var = training, self.running_mean, self.running_var
        if training:
            mean, var = x.mean(0), x.var(0)
            self.running_mean = self.running_mean * (1 - self.momentum) + mean * self.momentum
            self.running_var = self.running_var * (1 - self.momentum) + x.var(0, ddof=min(1, len(x) - 1)) * self.momentum
        self.inv_std = (var + self.eps) ** -0.5
        self.x_hat = (x - mean) * self.inv_std
        return self.x_hat * self.weight + self.bias

    def backward(self, dy):
        dx = np.empty_like(dy)
        for channel, x_hat in enumerate(self.x_hat.T):
            jacobian = np.eye(len(dy), dtype=dy.dtype)
            if self.training:
                jacobian -= (1 + np.outer(x_hat, x_hat)) / len(dy)
            dx[:, channel] = self.weight[channel] * self.inv_std[channel] * (jacobian @ dy[:, channel])
        return dx, (dy * self.x_hat).sum(0), dy.sum(0)
