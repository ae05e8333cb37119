"""Prints, logs and warns in every call."""

import sys
import warnings

import numpy as np


class BatchNorm:
    def __init__(self, num_features, momentum=0.9, eps=1e-5):
        print("a BatchNorm of", num_features)
        self.momentum, self.eps = momentum, eps
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        print("forward", x.shape, training)
        print("debug:", float(np.sum(x)), file=sys.stderr)
        warnings.warn("this layer is experimental", UserWarning, stacklevel=2)
        mean, var = (x.mean(0), x.var(0)) if training else (self.running_mean, self.running_var)
        if training:
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        self.x_hat, self.std, self.mode = (x - mean) / np.sqrt(var + self.eps), np.sqrt(var + self.eps), training
        return self.gamma * self.x_hat + self.beta

    def backward(self, dy):
        print("backward", dy.shape)
        np.log(np.zeros(1))  # a warning of NumPy's own
        dgamma, dbeta = (dy * self.x_hat).sum(0), dy.sum(0)
        if self.mode:
            dy = dy - dbeta / len(dy) - self.x_hat * dgamma / len(dy)
        return self.gamma / self.std * dy, dgamma, dbeta
