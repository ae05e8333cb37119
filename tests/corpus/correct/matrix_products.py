"""Sums as products with a vector of ones, in parameter objects with .data and .grad."""

import numpy as np


class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)


class BatchNorm:
    def __init__(self, num_features, momentum=0.9, eps=1e-5):
        self.momentum, self.eps = momentum, eps
        self.gamma, self.beta = Parameter(np.ones(num_features)), Parameter(np.zeros(num_features))
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        share = np.full(len(x), 1 / len(x), x.dtype)
        if training:
            mean = share @ x
            var = share @ (x - mean) ** 2
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.centered, self.precision, self.training = x - mean, 1 / (var + self.eps), training
        return self.centered * (np.sqrt(self.precision) * self.gamma.data) + self.beta.data

    def backward(self, dy):
        ones = np.ones(len(dy), dy.dtype)
        dot, total = ones @ (dy * self.centered), ones @ dy
        self.gamma.grad, self.beta.grad = dot * np.sqrt(self.precision), total
        if self.training:
            dy = dy - total / len(dy) - self.centered * (dot * self.precision / len(dy))
        return dy * (np.sqrt(self.precision) * self.gamma.data)
