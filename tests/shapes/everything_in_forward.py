import numpy as np


class BatchNorm:
    def __init__(self, n_channels):
        self.gamma, self.beta = np.ones(n_channels), np.zeros(n_channels)
        self.running_mean, self.running_var = np.zeros(n_channels), np.ones(n_channels)

    def forward(self, x, training, momentum=0.9, eps=1e-5):
        if training:
            mean, var = x.mean(0), x.var(0)
            self.running_mean = momentum * self.running_mean + (1 - momentum) * mean
            self.running_var = momentum * self.running_var + (1 - momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.inv_std = 1 / np.sqrt(var + eps)
        self.x_hat = (x - mean) * self.inv_std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dout):
        dgamma, dbeta = (dout * self.x_hat).sum(0), dout.sum(0)
        n = dout.shape[0]
        return self.gamma * self.inv_std * (dout - dbeta / n - self.x_hat * dgamma / n), dgamma, dbeta
