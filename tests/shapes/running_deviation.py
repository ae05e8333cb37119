import numpy as np


class BatchNorm:
    def __init__(self, size, eps=1e-5, momentum=0.9):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(size), np.zeros(size)
        self.running_mean = np.zeros(size)
        self.running_std = np.ones(size)

    def forward(self, x, training=True):
        if training:
            mean, std = x.mean(axis=0), np.sqrt(x.var(axis=0) + self.eps)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_std = self.momentum * self.running_std + (1 - self.momentum) * std
        else:
            mean, std = self.running_mean, self.running_std
        return self.gamma * (x - mean) / std + self.beta
