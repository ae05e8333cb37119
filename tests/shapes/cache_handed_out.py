import numpy as np


class BatchNormFunctionLike:
    def __init__(self, num_channels, eps=1e-5, momentum=0.9):
        self.eps = eps
        self.momentum = momentum
        self.gamma = np.ones(num_channels)
        self.beta = np.zeros(num_channels)
        self.running_mean = np.zeros(num_channels)
        self.running_var = np.ones(num_channels)

    def forward(self, x, training=True):
        if not training:
            out = (x - self.running_mean) / np.sqrt(self.running_var + self.eps) * self.gamma + self.beta
            return out, None
        mean = x.mean(axis=0)
        var = ((x - mean) ** 2).mean(axis=0)
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        inv_std = 1.0 / np.sqrt(var + self.eps)
        x_hat = (x - mean) * inv_std
        return self.gamma * x_hat + self.beta, (x_hat, inv_std)

    def backward(self, dout, cache):
        x_hat, inv_std = cache
        N = dout.shape[0]
        grads = {"gamma": np.sum(dout * x_hat, axis=0), "beta": np.sum(dout, axis=0)}
        dx = self.gamma * inv_std / N * (N * dout - grads["beta"] - x_hat * grads["gamma"])
        return dx, grads
