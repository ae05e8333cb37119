import numpy as np


class Stats:
    def __init__(self, n, momentum):
        self.mean, self.var, self.momentum = np.zeros(n), np.ones(n), momentum

    def update(self, mean, var):
        self.mean = self.momentum * self.mean + (1 - self.momentum) * mean
        self.var = self.momentum * self.var + (1 - self.momentum) * var


class BatchNorm:
    def __init__(self, n, momentum=0.9, eps=1e-5):
        self.eps = eps
        self.running = Stats(n, momentum)
        self.gamma, self.beta = np.ones(n), np.zeros(n)

    def forward(self, x, training=True):
        mean, var = self.running.mean, self.running.var
        if training:
            mean, var = x.mean(0), x.var(0)
            self.running.update(mean, var)
        return (x - mean) / np.sqrt(var + self.eps) * self.gamma + self.beta
