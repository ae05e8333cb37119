"""A batch that is worked off in slices: the slices' counts, means and sums of squares are merged (Chan, Golub & LeVeque 1979)."""

import numpy as np

SLICE = 3


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
        mean, var = self.running_mean, self.running_var
        if training:
            mean, var = self.merged(rows)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        std = np.sqrt(var + self.eps)
        slices = [((part - mean) / std) * self.gamma + self.beta for part in np.split(rows, range(SLICE, len(rows), SLICE))]
        return np.moveaxis(np.concatenate(slices).reshape(x.shape[0], *x.shape[2:], x.shape[1]), -1, 1)

    def merged(self, rows):
        count, mean, squares = 0, np.zeros(rows.shape[1], rows.dtype), np.zeros(rows.shape[1], rows.dtype)
        for start in range(0, len(rows), SLICE):
            part = rows[start : start + SLICE]
            own = part.mean(0)
            apart, total = own - mean, count + len(part)
            squares = squares + ((part - own) ** 2).sum(0) + apart**2 * rows.dtype.type(count * len(part) / total)
            mean, count = mean + apart * rows.dtype.type(len(part) / total), total
        return mean, squares / rows.dtype.type(count)
