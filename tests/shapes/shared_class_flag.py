import numpy as np


class Layer:
    training = True   # shared by all layers: Layer.training = False to test

    def forward(self, x):
        raise NotImplementedError

    def backward(self, grad):
        raise NotImplementedError


class BatchNorm(Layer):
    EPS = 1e-5

    def __init__(self, n_units, momentum=0.99):
        self.momentum = momentum
        self.g = np.ones(n_units)
        self.b = np.zeros(n_units)
        self.running_mu = np.zeros(n_units)
        self.running_var = np.ones(n_units)

    def forward(self, x):
        if Layer.training:
            mu = x.mean(0)
            var = x.var(0)
            self.running_mu = self.momentum * self.running_mu + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mu, var = self.running_mu, self.running_var
        self.sd = np.sqrt(var + BatchNorm.EPS)
        self.xn = (x - mu) / self.sd
        return self.g * self.xn + self.b

    def backward(self, grad):
        self.dg = (grad * self.xn).sum(0)
        self.db = grad.sum(0)
        N = len(grad)
        return self.g / self.sd * (grad - self.db / N - self.xn * self.dg / N)
