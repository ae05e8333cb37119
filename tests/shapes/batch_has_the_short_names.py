import numpy as np
class BatchNorm:
    def __init__(self, n, eps=1e-5, momentum=0.9):
        self.gamma, self.beta = np.ones(n), np.zeros(n)
        self.mean, self.var = np.zeros(n), np.ones(n)     # of the batch
        self.mean_inf, self.var_inf = np.zeros(n), np.ones(n)
        self.eps, self.momentum = eps, momentum
    def forward(self, x, training=True):
        if training:
            self.mean, self.var = x.mean(0), x.var(0)
            self.mean_inf = self.momentum * self.mean_inf + (1 - self.momentum) * self.mean
            self.var_inf = self.momentum * self.var_inf + (1 - self.momentum) * self.var
            m, v = self.mean, self.var
        else: m, v = self.mean_inf, self.var_inf
        return self.gamma * (x - m) / np.sqrt(v + self.eps) + self.beta
