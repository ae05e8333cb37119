import numpy as np


class BatchNorm(object):
    def __init__(self, size, eps=1e-8):
        self.eps = eps
        self.scaler = np.ones((1, size))
        self.bias = np.zeros((1, size))
        self.running_mean = np.zeros((1, size))
        self.running_var = np.ones((1, size))
        self.momentum = 0.1
        self.gradients = {}
        self.cache = {}
        self.eval_mode = False

    def forward(self, X):
        if self.eval_mode:
            mean, var = self.running_mean, self.running_var
        else:
            mean, var = X.mean(axis=0, keepdims=True), X.var(axis=0, keepdims=True)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        self.cache["std"] = np.sqrt(var + self.eps)
        self.cache["norm"] = (X - mean) / self.cache["std"]
        return self.scaler * self.cache["norm"] + self.bias

    def backward(self, dY):
        norm, std = self.cache["norm"], self.cache["std"]
        self.gradients["scaler"] = (dY * norm).sum(axis=0, keepdims=True)
        self.gradients["bias"] = dY.sum(axis=0, keepdims=True)
        dn = dY * self.scaler
        return (dn - dn.mean(axis=0) - norm * (dn * norm).mean(axis=0)) / std
