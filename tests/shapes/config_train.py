import numpy as np


class Config:
    enable_backprop = True
    train = True


class BatchNormFunction:
    def __init__(self, size, decay=0.9, eps=2e-5):
        self.decay, self.eps = decay, eps
        self.gamma = np.ones(size)
        self.beta = np.zeros(size)
        self.avg_mean = np.zeros(size)
        self.avg_var = np.ones(size)

    def forward(self, x):
        if Config.train:
            mean = x.mean(axis=0)
            var = x.var(axis=0)
            inv_std = 1 / np.sqrt(var + self.eps)
            xc = (x - mean) * inv_std
            m = x.shape[0]
            adjust = m / max(m - 1.0, 1.0)  # unbiased
            self.avg_mean *= self.decay
            self.avg_mean += (1 - self.decay) * mean
            self.avg_var *= self.decay
            self.avg_var += (1 - self.decay) * adjust * var
        else:
            inv_std = 1 / np.sqrt(self.avg_var + self.eps)
            xc = (x - self.avg_mean) * inv_std
        self.inv_std = inv_std
        self.xc = xc
        return self.gamma * xc + self.beta

    def backward(self, gy):
        """gx, ggamma, gbeta"""
        batch_size = len(gy)
        gbeta = gy.sum(axis=0)
        ggamma = (self.xc * gy).sum(axis=0)
        gx = gy - gbeta / batch_size - self.xc * ggamma / batch_size
        gx *= self.gamma * self.inv_std
        return gx, ggamma, gbeta
