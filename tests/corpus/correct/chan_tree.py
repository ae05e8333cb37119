"""Mean and sum of squares of halves, merged up a tree (Chan, Golub & LeVeque 1979)."""

import numpy as np


def merge(left, right):
    (a, mean_a, squares_a), (b, mean_b, squares_b) = left, right
    apart = mean_b - mean_a
    share = mean_a.dtype.type(b / (a + b))
    return a + b, mean_a + apart * share, squares_a + squares_b + apart * apart * share * mean_a.dtype.type(a)


def moments(rows):
    if len(rows) == 1:
        return 1, rows[0], np.zeros_like(rows[0])
    half = len(rows) // 2
    return merge(moments(rows[:half]), moments(rows[half:]))


class BatchNormalization:
    def __init__(self, channels, decay=0.9, epsilon=1e-5):
        self.decay, self.epsilon = decay, epsilon
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.avg_mean, self.avg_var = np.zeros(channels), np.ones(channels)

    def forward(self, x, train=True):
        rows = x.reshape(x.shape[0], x.shape[1], -1).transpose(0, 2, 1).reshape(-1, x.shape[1])
        if train:
            m, mean, squares = moments(rows)
            var = squares / rows.dtype.type(m)
            self.avg_mean = self.decay * self.avg_mean + (1 - self.decay) * mean
            self.avg_var = self.decay * self.avg_var + (1 - self.decay) * var
        else:
            mean, var = self.avg_mean, self.avg_var
        y = (rows - mean) / np.sqrt(var + self.epsilon) * self.gamma + self.beta
        return y.reshape(x.shape[0], -1, x.shape[1]).transpose(0, 2, 1).reshape(x.shape)
