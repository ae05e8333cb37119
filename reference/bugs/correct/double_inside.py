"""float64 from the first sum to the last product, and rounded once to what came in; half inputs, too."""

import numpy as np


class BatchNormalization:
    def __init__(self, channels, epsilon=1e-3, momentum=0.99):
        self.epsilon, self.momentum = epsilon, momentum
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.moving_mean, self.moving_variance = np.zeros(channels), np.ones(channels)

    def __call__(self, inputs, training=False):
        x, shape = inputs.astype(np.float64), (1, -1, *[1] * (inputs.ndim - 2))
        self.axes, self.training, self.shape = (0, *range(2, x.ndim)), training, shape
        if training:
            mean, var = x.mean(self.axes), x.var(self.axes)
            self.moving_mean = self.moving_mean * self.momentum + mean * (1 - self.momentum)
            self.moving_variance = self.moving_variance * self.momentum + var * (1 - self.momentum)
        else:
            mean, var = np.asarray(self.moving_mean, np.float64), np.asarray(self.moving_variance, np.float64)
        self.inv_std = 1 / np.sqrt(var.reshape(shape) + self.epsilon)
        self.x_hat = (x - mean.reshape(shape)) * self.inv_std
        return (self.gamma.reshape(shape) * self.x_hat + self.beta.reshape(shape)).astype(inputs.dtype)

    def backward(self, grads):
        dy = grads.astype(np.float64)
        dbeta, dgamma = dy.sum(self.axes), (dy * self.x_hat).sum(self.axes)
        if self.training:
            m = dy.size / dy.shape[1]
            dy = dy - dbeta.reshape(self.shape) / m - self.x_hat * dgamma.reshape(self.shape) / m
        dx = dy * self.inv_std * np.asarray(self.gamma, np.float64).reshape(self.shape)
        return dx.astype(grads.dtype), dgamma, dbeta
