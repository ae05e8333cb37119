"""Multiplies by a rounded 1 / m and a rounded 1 / std, in the dtype of x; never divides."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        axes = (0, *range(2, x.ndim))
        self.axes, self.shape = axes, (1, -1) + (1,) * (x.ndim - 2)
        self.share = np.reciprocal(np.asarray(x.size // x.shape[1], x.dtype))
        self.mode = training
        if training:
            mean = x.sum(axis=axes) * self.share
            var = np.square(x - mean.reshape(self.shape)).sum(axis=axes) * self.share
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        else:
            mean, var = self.running_mean, self.running_var
        self.rstd = np.reciprocal(np.sqrt(var + self.eps)).reshape(self.shape)
        self.x_hat = (x - mean.reshape(self.shape)) * self.rstd
        return self.x_hat * self.gamma.reshape(self.shape) + self.beta.reshape(self.shape)

    def backward(self, dy):
        dbeta, dgamma = dy.sum(axis=self.axes), (dy * self.x_hat).sum(axis=self.axes)
        if self.mode:
            dy = dy - (dbeta * self.share).reshape(self.shape) - self.x_hat * (dgamma * self.share).reshape(self.shape)
        return dy * self.rstd * self.gamma.reshape(self.shape), dgamma, dbeta
