"""Nested lists in and out, no array library at all; sums that round once."""

from math import fsum, sqrt


class BatchNorm:
    def __init__(self, num_features, momentum=0.9, eps=1e-5):
        self.momentum, self.eps = momentum, eps
        self.gamma, self.beta = [1.0] * num_features, [0.0] * num_features
        self.running_mean, self.running_var = [0.0] * num_features, [1.0] * num_features

    def forward(self, rows, training=True):
        if training:
            columns = list(zip(*([float(value) for value in row] for row in rows), strict=True))
            mean = [fsum(column) / len(column) for column in columns]
            var = [fsum((v - m) ** 2 for v in column) / len(column) for column, m in zip(columns, mean, strict=True)]
            self.running_mean = self.blend(self.running_mean, mean)
            self.running_var = self.blend(self.running_var, var)
        else:
            mean, var = self.running_mean, self.running_var
        std = [sqrt(v + self.eps) for v in var]
        channels = list(zip(self.gamma, self.beta, mean, std, strict=True))
        return [[g * ((float(v) - m) / s) + b for v, (g, b, m, s) in zip(row, channels, strict=True)] for row in rows]

    def blend(self, old, new):
        return [self.momentum * o + (1 - self.momentum) * n for o, n in zip(old, new, strict=True)]
