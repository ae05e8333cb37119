"""Statistics in the widest float there is, as a list of channels."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.9):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, is_test=False):
        statistics = zip(self.running_mean, self.running_var, strict=True)
        if not is_test:
            statistics = [(one.mean(), one.var()) for one in np.moveaxis(x, 1, 0).astype(np.longdouble)]
            mean, var = (np.array(part).astype(x.dtype) for part in zip(*statistics, strict=True))
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        y = np.empty_like(x)
        for channel, (mean, var) in enumerate(statistics):
            scale = self.gamma[channel] / np.sqrt(np.longdouble(var) + self.eps)
            y[:, channel] = (x[:, channel].astype(np.longdouble) - mean) * scale + self.beta[channel]
        return y
