import numpy as np


class BatchNorm:
    """Call set_mode('train') / set_mode('test')."""

    def __init__(self, n, eps=1e-5, momentum=0.1):
        self.mode = 'train'
        self.eps, self.momentum = eps, momentum
        self.gamma = np.ones(n)
        self.beta = np.zeros(n)
        self.running_mean = np.zeros(n)
        self.running_var = np.ones(n)

    def set_mode(self, mode):
        if mode not in ('train', 'test'):
            raise ValueError(mode)
        self.mode = mode

    def forward(self, x):
        if self.mode == 'train':
            mean = x.mean(axis=0)
            var = ((x - mean) ** 2).mean(axis=0)
            self.running_mean += self.momentum * (mean - self.running_mean)
            self.running_var += self.momentum * (var - self.running_var)
        else:
            mean, var = self.running_mean, self.running_var
        self.cache = (x - mean, np.sqrt(var + self.eps))
        return self.gamma * self.cache[0] / self.cache[1] + self.beta

    def backward(self, dout):
        xc, sd = self.cache
        xhat = xc / sd
        dgamma = (dout * xhat).sum(axis=0)
        dbeta = dout.sum(axis=0)
        dx = self.gamma / sd * (dout - dout.mean(axis=0) - xhat * (dout * xhat).mean(axis=0))
        return dx, (dgamma, dbeta)
