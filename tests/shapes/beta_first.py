import numpy as np

class BatchNormLayer:
    def __init__(self, D, eps=1e-8, momentum=0.9):
        self.gamma = np.ones(D)
        self.beta = np.zeros(D)
        self.eps = eps
        self.momentum = momentum
        self.running_mean = np.zeros(D)
        self.running_var = np.zeros(D)

    def forward(self, x, is_train=True):
        if is_train:
            self.mu = np.mean(x, axis=0)
            self.var = np.var(x, axis=0)
            self.running_mean = self.momentum * self.running_mean + (1-self.momentum) * self.mu
            self.running_var = self.momentum * self.running_var + (1-self.momentum) * self.var
            self.xn = (x - self.mu) / np.sqrt(self.var + self.eps)
            return self.gamma * self.xn + self.beta
        xn = (x - self.running_mean) / np.sqrt(self.running_var + self.eps)
        return self.gamma * xn + self.beta

    def backward(self, dout):
        N = dout.shape[0]
        dbeta = np.sum(dout, axis=0)
        dgamma = np.sum(dout * self.xn, axis=0)
        dxn = dout * self.gamma
        dx = (N * dxn - dxn.sum(axis=0) - self.xn * (dxn * self.xn).sum(axis=0)) / (N * np.sqrt(self.var + self.eps))
        return dx, dbeta, dgamma
