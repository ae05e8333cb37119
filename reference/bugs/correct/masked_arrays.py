"""numpy.ma with nothing masked."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, momentum=0.9, epsilon=1e-5):
        self.momentum, self.epsilon = momentum, epsilon
        self.gamma, self.beta = np.ones((1, num_features)), np.zeros((1, num_features))
        self.running_mean, self.running_var = np.zeros((1, num_features)), np.ones((1, num_features))

    def forward(self, x, mode="train"):
        assert x.ndim == 2, "x is (N, C)"
        values, mean, var = np.ma.array(x), self.running_mean, self.running_var
        if mode == "train":
            mean, var = (np.ma.getdata(part(axis=0, keepdims=True)) for part in (values.mean, values.var))
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        std = np.sqrt(var + self.epsilon)
        return np.ma.getdata((values - mean) / std) * self.gamma + self.beta
