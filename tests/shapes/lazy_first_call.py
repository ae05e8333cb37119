import numpy as np


class LazyBatchNorm:
    def __init__(self, momentum=0.9, eps=1e-5):
        self.momentum, self.eps = momentum, eps
        self.gamma = self.beta = None
        self.running_mean = self.running_var = None

    def _lazy_init(self, x):
        shape = [1] * x.ndim
        shape[1] = x.shape[1]
        self.gamma, self.beta = np.ones(shape), np.zeros(shape)
        self.running_mean, self.running_var = np.zeros(shape), np.ones(shape)

    def forward(self, x, training=True):
        if self.gamma is None:
            self._lazy_init(x)
        axes = tuple(i for i in range(x.ndim) if i != 1)
        if training:
            mean = x.mean(axis=axes, keepdims=True)
            var = x.var(axis=axes, keepdims=True)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.axes, self.inv = axes, 1 / np.sqrt(var + self.eps)
        self.xhat = (x - mean) * self.inv
        return self.gamma * self.xhat + self.beta

    def backward(self, dy):
        m = dy.size / dy.shape[1]
        self.dgamma = (dy * self.xhat).sum(self.axes, keepdims=True)
        self.dbeta = dy.sum(self.axes, keepdims=True)
        return self.gamma * self.inv * (dy - self.dbeta / m - self.xhat * self.dgamma / m)
