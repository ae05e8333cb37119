"""Mean first, then the mean squared distance; any rank with channels on axis 1, a boolean for the mode."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps = eps
        self.momentum = momentum
        self.gamma = np.ones(num_features)
        self.beta = np.zeros(num_features)
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)

    def forward(self, x, training=True):
        self.axes = (0, *range(2, x.ndim))
        self.shape = (1, -1) + (1,) * (x.ndim - 2)
        self.m = x.size // x.shape[1]
        self.batch = training
        if training:
            if self.m < 2:
                raise ValueError(f"training needs more than one value per channel, got x of shape {x.shape}")
            mean = x.mean(axis=self.axes)
            centered = x - mean.reshape(self.shape)
            var = (centered * centered).sum(axis=self.axes) / self.m
            unbiased = var * (self.m / (self.m - 1))
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * unbiased
        else:
            var = self.running_var
            centered = x - self.running_mean.reshape(self.shape)
        self.inv_std = (1 / np.sqrt(var + self.eps)).reshape(self.shape)
        self.x_hat = centered * self.inv_std
        return self.gamma.reshape(self.shape) * self.x_hat + self.beta.reshape(self.shape)

    def backward(self, dy):
        dbeta = dy.sum(axis=self.axes)
        dgamma = (dy * self.x_hat).sum(axis=self.axes)
        scale = self.gamma.reshape(self.shape) * self.inv_std
        if not self.batch:
            return scale * dy, dgamma, dbeta
        through_mean = dbeta.reshape(self.shape) / self.m
        through_var = self.x_hat * dgamma.reshape(self.shape) / self.m
        return scale * (dy - through_mean - through_var), dgamma, dbeta
