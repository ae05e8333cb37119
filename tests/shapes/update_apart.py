import numpy as np

class BatchNorm:
    def __init__(self, in_features, lr=0.01, eps=1e-5, momentum=0.9):
        self.lr = lr
        self.gamma, self.beta = np.ones(in_features), np.zeros(in_features)
        self.running_mean, self.running_var = np.zeros(in_features), np.ones(in_features)
        self.eps, self.momentum = eps, momentum
    def forward(self, x, training=True):
        self.x = x
        if training:
            self.mu, self.var = x.mean(0), x.var(0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * self.mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * self.var
        else:
            self.mu, self.var = self.running_mean, self.running_var
        self.xh = (x - self.mu) / np.sqrt(self.var + self.eps)
        return self.gamma * self.xh + self.beta
    def backward(self, dout):
        n = len(dout)
        self.dgamma, self.dbeta = (dout * self.xh).sum(0), dout.sum(0)
        return self.gamma / np.sqrt(self.var + self.eps) * (dout - self.dbeta / n - self.xh * self.dgamma / n)
    def update(self, lr=None):
        self.gamma -= (lr or self.lr) * self.dgamma
        self.beta -= (lr or self.lr) * self.dbeta
