import numpy as np


class BatchNorm:
    def __init__(self, n_channels, momentum=0.99, eps=1e-3):
        self.momentum, self.eps = momentum, eps
        self.gamma, self.beta = np.ones(n_channels), np.zeros(n_channels)
        self.running_stats = (np.zeros(n_channels), np.ones(n_channels))  # mean, variance

    def __call__(self, x, training=True):
        if training:
            stats = x.mean(axis=0), x.var(axis=0)
            self.running_stats = tuple(
                self.momentum * old + (1 - self.momentum) * new for old, new in zip(self.running_stats, stats)
            )
        else:
            stats = self.running_stats
        mean, var = stats
        return self.gamma * (x - mean) / np.sqrt(var + self.eps) + self.beta
