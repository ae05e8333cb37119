import numpy as np


class BatchNorm:
    def __init__(self, eps=1e-5, momentum=0.9):
        self.eps = eps
        self.momentum = momentum
        self.params = None

    def init_params(self, n_features):
        self.params = {"gamma": np.ones(n_features), "beta": np.zeros(n_features)}
        self.stats = {"running_mean": np.zeros(n_features), "running_var": np.ones(n_features)}
        self.grads = dict.fromkeys(self.params)

    def forward(self, x, train=True):
        if train:
            mean, var = x.mean(axis=0), x.var(axis=0)
            for key, new in (("running_mean", mean), ("running_var", var)):
                self.stats[key] = self.momentum * self.stats[key] + (1 - self.momentum) * new
        else:
            mean, var = self.stats["running_mean"], self.stats["running_var"]
        self.cache = x - mean, np.sqrt(var + self.eps)
        return self.cache[0] / self.cache[1] * self.params["gamma"] + self.params["beta"]

    def backward(self, dout):
        xc, std = self.cache
        xhat = xc / std
        self.grads["gamma"] = (dout * xhat).sum(axis=0)
        self.grads["beta"] = dout.sum(axis=0)
        n = len(dout)
        return self.params["gamma"] / std * (dout - self.grads["beta"] / n - xhat * self.grads["gamma"] / n)
