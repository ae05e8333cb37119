"""(var + eps) ** -0.5, and gamma multiplied into it first."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, momentum=0.9, eps=1e-8):
        self.momentum, self.eps = momentum, eps
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.is_training = True

    def forward(self, x):
        self.was_training = self.is_training
        if self.is_training:
            mu, var = x.mean(0), x.var(0)
            self.running_mean = self.momentum * self.running_mean + (1.0 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1.0 - self.momentum) * var
        else:
            mu, var = self.running_mean, self.running_var
        self.rstd = (var + self.eps) ** -0.5
        self.xmu = x - mu
        return self.xmu * (self.rstd * self.gamma) + self.beta

    def backward(self, dy):
        self.dgamma, self.dbeta = (dy * self.xmu * self.rstd).sum(0), dy.sum(0)
        if not self.was_training:
            return dy * self.gamma * self.rstd
        return self.gamma * self.rstd * (dy - dy.mean(0) - self.xmu * self.rstd**2 * (dy * self.xmu).mean(0))
