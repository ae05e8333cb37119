import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self._eps, self._momentum = eps, momentum
        self._gamma, self._beta = np.ones(num_features), np.zeros(num_features)
        self._running_mean, self._running_var = np.zeros(num_features), np.ones(num_features)
        self._mode = "train"

    @property
    def gamma(self):
        return self._gamma.copy()

    def train(self):
        self._mode = "train"

    def eval(self):
        self._mode = "eval"

    def forward(self, x):
        if self._mode == "train":
            mean, var = x.mean(axis=0), x.var(axis=0)
            self._running_mean += self._momentum * (mean - self._running_mean)
            self._running_var += self._momentum * (var - self._running_var)
        else:
            mean, var = self._running_mean, self._running_var
        self._inv = 1 / np.sqrt(var + self._eps)
        self._xhat = (x - mean) * self._inv
        return self._gamma * self._xhat + self._beta

    def backward(self, dout):
        self._dgamma = (dout * self._xhat).sum(axis=0)
        self._dbeta = dout.sum(axis=0)
        return self._gamma * self._inv * (dout - dout.mean(axis=0) - self._xhat * (dout * self._xhat).mean(axis=0))
