"""Sums by cumsum, whose last entry is the total: one value after the other."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, momentum=0.1, eps=1e-5):
        self.momentum, self.eps = momentum, eps
        self.params = {"gamma": np.ones(num_features), "beta": np.zeros(num_features)}
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.grads = {}

    def forward(self, x, train_flg=True):
        rows = np.swapaxes(x.reshape(*x.shape[:2], -1), 1, 2).reshape(-1, x.shape[1])
        self.train_flg, self.shape, mean, var = train_flg, x.shape, self.running_mean, self.running_var
        if train_flg:
            m = len(rows)
            mean = np.cumsum(rows, axis=0)[-1] / m
            var = np.cumsum((rows - mean) ** 2, axis=0)[-1] / m
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var * (m / max(m - 1, 1))
        self.std = np.sqrt(var + self.eps)
        self.x_hat = (rows - mean) / self.std
        return self.unfolded(self.params["gamma"] * self.x_hat + self.params["beta"])

    def backward(self, dout):
        rows = np.swapaxes(dout.reshape(*dout.shape[:2], -1), 1, 2).reshape(-1, dout.shape[1])
        self.grads["beta"] = np.cumsum(rows, axis=0)[-1]
        self.grads["gamma"] = np.cumsum(rows * self.x_hat, axis=0)[-1]
        if self.train_flg:
            rows = rows - (self.grads["beta"] + self.x_hat * self.grads["gamma"]) / len(rows)
        return self.unfolded(rows * (self.params["gamma"] / self.std))

    def unfolded(self, rows):
        positions = rows.reshape(self.shape[0], -1, self.shape[1])
        return np.swapaxes(positions, 1, 2).reshape(self.shape)
