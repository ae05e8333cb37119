import numpy as np


class BatchNorm2d:
    def __init__(self, in_channels, eps=1e-5, momentum=0.1):
        self.eps = eps
        self.momentum = momentum
        shape = (1, in_channels, 1, 1)
        self.gamma = np.ones(shape)
        self.beta = np.zeros(shape)
        self.running_mean = np.zeros(shape)
        self.running_var = np.ones(shape)
        self.training = True

    def train(self, mode=True):
        self.training = mode

    def eval(self):
        self.train(False)

    def forward(self, x):
        N, C, H, W = x.shape
        if self.training:
            mean = x.mean(axis=(0, 2, 3), keepdims=True)
            var = x.var(axis=(0, 2, 3), keepdims=True)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        else:
            mean, var = self.running_mean, self.running_var
        self.inv = 1 / np.sqrt(var + self.eps)
        self.xhat = (x - mean) * self.inv
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        axes = (0, 2, 3)
        self.dgamma = (dout * self.xhat).sum(axis=axes, keepdims=True)
        self.dbeta = dout.sum(axis=axes, keepdims=True)
        m = dout.size // dout.shape[1]
        return self.gamma * self.inv * (dout - self.dbeta / m - self.xhat * self.dgamma / m)
