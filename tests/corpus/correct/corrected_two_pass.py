"""The two-pass variance, less the square of what the mean was off by."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        axes = (0, *range(2, x.ndim))
        kept = {"axis": axes, "keepdims": True}
        shape = (1, -1) + (1,) * (x.ndim - 2)
        if training:
            m = x.size // x.shape[1]
            mean = x.mean(**kept)
            d = x - mean
            off = d.sum(**kept)
            var = np.maximum(((d * d).sum(**kept) - off * off / m) / m, 0)
            for name, new in (("running_mean", mean), ("running_var", var)):
                old = getattr(self, name)
                setattr(self, name, old - self.momentum * (old - new.ravel()))
        else:
            mean, var = self.running_mean.reshape(shape), self.running_var.reshape(shape)
        return (x - mean) / np.sqrt(var + self.eps) * self.gamma.reshape(shape) + self.beta.reshape(shape)
