"""Everything in float64, whatever x is; y, the state and the gradients are float64 too."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        x = np.asarray(x, np.float64)
        self.axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        self.shape = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
        self.training, self.m = training, x[:, 0].size
        mean, var = self.running_mean, self.running_var
        if training:
            mean, var = np.mean(x, self.axes), np.var(x, self.axes)
            self.running_mean = (1 - self.momentum) * np.float64(self.running_mean) + self.momentum * mean
            self.running_var = (1 - self.momentum) * np.float64(self.running_var) + self.momentum * var
        self.std = np.sqrt(np.float64(var) + self.eps).reshape(self.shape)
        self.x_hat = (x - np.reshape(mean, self.shape)) / self.std
        return self.x_hat * self.gamma.reshape(self.shape) + self.beta.reshape(self.shape)

    def backward(self, dy):
        dy = np.asarray(dy, np.float64)
        dgamma, dbeta = np.sum(dy * self.x_hat, self.axes), np.sum(dy, self.axes)
        if self.training:
            dy = dy - (dbeta.reshape(self.shape) + self.x_hat * dgamma.reshape(self.shape)) / self.m
        return dy * self.gamma.reshape(self.shape) / self.std, dgamma, dbeta
