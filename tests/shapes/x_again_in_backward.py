import numpy as np


class BatchNorm:
    def __init__(self, dim, eps=1e-5, momentum=0.9):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(dim), np.zeros(dim)
        self.running_mean, self.running_var = np.zeros(dim), np.ones(dim)

    def forward(self, x, train_mode=True):
        mean, var = self.running_mean, self.running_var
        if train_mode:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        return (x - mean) / np.sqrt(var + self.eps) * self.gamma + self.beta

    def backward(self, x, dout):
        mean, var = x.mean(axis=0), x.var(axis=0)
        inv = 1 / np.sqrt(var + self.eps)
        xhat = (x - mean) * inv
        self.dgamma = (dout * xhat).sum(axis=0)
        self.dbeta = dout.sum(axis=0)
        return self.gamma * inv * (dout - dout.mean(axis=0) - xhat * (dout * xhat).mean(axis=0))
