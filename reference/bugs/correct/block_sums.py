"""Sums as a graphics card makes them: 32 partial sums side by side, then halves added to halves until one is left."""

import numpy as np

LANES = 32


def total(rows):
    padded = np.zeros((-(-len(rows) // LANES) * LANES, rows.shape[1]), rows.dtype)
    padded[: len(rows)] = rows
    lanes = padded.reshape(-1, LANES, rows.shape[1]).sum(0)
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return lanes[0]


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.training = True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def forward(self, x):
        rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
        if self.training:
            m = rows.dtype.type(len(rows))
            mean = total(rows) / m
            var = total((rows - mean) ** 2) / m
            unbiased = var * (len(rows) / max(len(rows) - 1, 1))
            self.running_mean = self.running_mean + self.momentum * (mean - self.running_mean)
            self.running_var = self.running_var + self.momentum * (unbiased - self.running_var)
        else:
            mean, var = self.running_mean, self.running_var
        y = (rows - mean) * (self.weight / np.sqrt(var + self.eps)) + self.bias
        return np.moveaxis(y.reshape(x.shape[0], *x.shape[2:], -1), -1, 1)
