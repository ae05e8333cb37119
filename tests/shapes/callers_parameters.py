import numpy as np


class RunningNorm:
    """Batch normalization; gamma and beta belong to the network, only the averages live here."""

    def __init__(self, channels, momentum=0.9, eps=1e-5):
        self.momentum, self.eps = momentum, eps
        self.running_mean = np.zeros(channels)
        self.running_var = np.ones(channels)

    def forward(self, x, gamma, beta, training=True):
        if training:
            mean, var = x.mean(0), x.var(0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        inv_std = 1 / np.sqrt(var + self.eps)
        x_hat = (x - mean) * inv_std
        self.cache = x_hat, inv_std, gamma
        return gamma * x_hat + beta

    def backward(self, dout):
        x_hat, inv_std, gamma = self.cache
        dgamma, dbeta = (dout * x_hat).sum(0), dout.sum(0)
        dx = gamma * inv_std * (dout - dbeta / len(dout) - x_hat * dgamma / len(dout))
        return dx, dgamma, dbeta
