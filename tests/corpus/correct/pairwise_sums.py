"""Every sum by hand, neighbours first, as reductions on parallel hardware do."""

import numpy as np


def pairwise(rows):
    while len(rows) > 1:
        odd = rows[-1:] if len(rows) % 2 else rows[:0]
        rows = np.concatenate([rows[:-1:2] + rows[1::2], odd])
    return rows[0]


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        self.training = training
        rows = np.moveaxis(x, 1, -1)
        self.shape = rows.shape
        rows = rows.reshape(-1, x.shape[1])
        if training:
            mean = pairwise(rows) / len(rows)
            var = pairwise((rows - mean) ** 2) / len(rows)
            self.running_mean = self.running_mean + self.momentum * (mean - self.running_mean)
            self.running_var = self.running_var + self.momentum * (var - self.running_var)
        else:
            mean, var = self.running_mean, self.running_var
        self.inv_std = 1 / np.sqrt(var + self.eps)
        self.x_hat = (rows - mean) * self.inv_std
        return self.back(self.gamma * self.x_hat + self.beta)

    def backward(self, dy):
        rows = np.moveaxis(dy, 1, -1).reshape(self.x_hat.shape)
        dbeta, dgamma = pairwise(rows), pairwise(rows * self.x_hat)
        if self.training:
            rows = rows - dbeta / len(rows) - self.x_hat * (dgamma / len(rows))
        return self.back(self.gamma * self.inv_std * rows), dgamma, dbeta

    def back(self, rows):
        return np.ascontiguousarray(np.moveaxis(rows.reshape(self.shape), -1, 1))
