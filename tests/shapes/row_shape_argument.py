import numpy as np


class BatchNorm:
    def __init__(self, param_shape, eps=1e-5, momentum=0.9):
        """param_shape: e.g. (1, 64) or (1, 16, 1, 1)"""
        self.gamma = np.ones(param_shape)
        self.beta = np.zeros(param_shape)
        self.running_mean = np.zeros(param_shape)
        self.running_var = np.ones(param_shape)
        self.axes = tuple(i for i, s in enumerate(param_shape) if s == 1)
        self.eps, self.momentum = eps, momentum

    def forward(self, x, training=True):
        if training:
            mean = x.mean(axis=self.axes, keepdims=True)
            var = x.var(axis=self.axes, keepdims=True)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        return (x - mean) / np.sqrt(var + self.eps) * self.gamma + self.beta
