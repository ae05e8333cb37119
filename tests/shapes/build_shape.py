import numpy as np


class BatchNormalization:
    def __init__(self, momentum=0.99, epsilon=1e-3):
        self.momentum = momentum
        self.epsilon = epsilon
        self.built = False

    def build(self, input_shape):
        n = input_shape[-1]
        self.gamma, self.beta = np.ones(n), np.zeros(n)
        self.moving_mean, self.moving_var = np.zeros(n), np.ones(n)
        self.built = True

    def forward(self, x, training=True):
        if not self.built:
            self.build(x.shape)
        if training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.moving_mean = self.moving_mean * self.momentum + mean * (1 - self.momentum)
            self.moving_var = self.moving_var * self.momentum + var * (1 - self.momentum)
        else:
            mean, var = self.moving_mean, self.moving_var
        self.xc, self.inv = x - mean, 1 / np.sqrt(var + self.epsilon)
        return self.xc * self.inv * self.gamma + self.beta

    def backward(self, dy):
        xhat = self.xc * self.inv
        self.dgamma, self.dbeta = (dy * xhat).sum(axis=0), dy.sum(axis=0)
        return self.gamma * self.inv * (dy - dy.mean(axis=0) - xhat * (dy * xhat).mean(axis=0))
