import numpy as np


class BatchNorm:
    def __init__(self, size, momentum=0.9):
        gamma = np.ones(size)
        beta = np.zeros(size)
        self.params = [gamma, beta]
        self.grads = [np.zeros_like(gamma), np.zeros_like(beta)]
        self.momentum = momentum
        self.running_mean = np.zeros(size)
        self.running_var = np.ones(size)

    def forward(self, x, train=True):
        gamma, beta = self.params
        if train:
            mean = np.mean(x, axis=0)
            var = np.mean((x - mean) ** 2, axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.s = np.sqrt(var + 1e-7)
        self.xn = (x - mean) / self.s
        return gamma * self.xn + beta

    def backward(self, dout):
        gamma, _ = self.params
        dgamma = np.sum(dout * self.xn, axis=0)
        dbeta = np.sum(dout, axis=0)
        self.grads[0][...] = dgamma
        self.grads[1][...] = dbeta
        return gamma / self.s * (dout - np.mean(dout, axis=0) - self.xn * np.mean(dout * self.xn, axis=0))
