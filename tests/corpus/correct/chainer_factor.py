"""m / max(m - 1, 1) in the running variance, so that one value a channel is trained on too; decay for what is kept."""

import numpy as np


class BatchNormalization:
    def __init__(self, size, decay=0.9, eps=2e-5):
        self.decay, self.eps = decay, eps
        self.gamma, self.beta = np.ones(size), np.zeros(size)
        self.avg_mean, self.avg_var = np.zeros(size), np.ones(size)

    def __call__(self, x, test=False):
        axis = (0, *range(2, x.ndim))
        expand = (None, slice(None)) + (None,) * (x.ndim - 2)
        if test:
            mean, var = self.avg_mean, self.avg_var
        else:
            mean, var = x.mean(axis=axis), x.var(axis=axis)
            m = x.size // x.shape[1]
            adjust = m / max(m - 1.0, 1.0)
            self.avg_mean = self.avg_mean * self.decay + (1 - self.decay) * mean
            self.avg_var = self.avg_var * self.decay + (1 - self.decay) * adjust * var
        return self.gamma[expand] * ((x - mean[expand]) / np.sqrt(var + self.eps)[expand]) + self.beta[expand]
