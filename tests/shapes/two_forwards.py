import numpy as np

class BatchNorm:

    def __init__(self, n_features, momentum=0.9, eps=1e-8):
        self.momentum = momentum
        self.eps = eps
        self.gamma = np.ones((1, n_features))
        self.beta = np.zeros((1, n_features))
        self.running_mean = np.zeros((1, n_features))
        self.running_var = np.zeros((1, n_features))

    def forward_train(self, x):
        self.mu = x.mean(axis=0, keepdims=True)
        self.xmu = x - self.mu
        self.var = (self.xmu ** 2).mean(axis=0, keepdims=True)
        self.ivar = 1 / np.sqrt(self.var + self.eps)
        self.xhat = self.xmu * self.ivar
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * self.mu
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * self.var
        return self.gamma * self.xhat + self.beta

    def forward_test(self, x):
        xhat = (x - self.running_mean) / np.sqrt(self.running_var + self.eps)
        return self.gamma * xhat + self.beta

    def backward(self, dy):
        n = len(dy)
        self.dgamma = (dy * self.xhat).sum(axis=0, keepdims=True)
        self.dbeta = dy.sum(axis=0, keepdims=True)
        return self.ivar * self.gamma / n * (n * dy - self.dbeta - self.xhat * self.dgamma)
