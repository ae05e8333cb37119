import numpy as np

class BatchNormLayer(object):
    '''net.bn.is_train = False before testing!'''
    def __init__(self, n_in, eps = 1e-3, rho = 0.1):
        self.is_train = True
        self.eps = eps
        self.rho = rho     # weight of the newest batch
        self.gamma = np.ones((1, n_in))
        self.beta = np.zeros((1, n_in))
        self.avg_mean = np.zeros((1, n_in))
        self.avg_var = np.ones((1, n_in))

    def forward(self, inp):
        if self.is_train:
            self.mean = inp.mean(axis = 0, keepdims = True)
            self.var = inp.var(axis = 0, keepdims = True)
            n = inp.shape[0]
            unbiased = self.var * n / max(n - 1, 1)
            self.avg_mean = (1 - self.rho) * self.avg_mean + self.rho * self.mean
            self.avg_var = (1 - self.rho) * self.avg_var + self.rho * unbiased
            self.centered = inp - self.mean
            self.isd = 1. / np.sqrt(self.var + self.eps)
        else:
            self.centered = inp - self.avg_mean
            self.isd = 1. / np.sqrt(self.avg_var + self.eps)
        return self.gamma * self.centered * self.isd + self.beta

    def backward(self, delta):
        xh = self.centered * self.isd
        self.grad_gamma = np.sum(delta * xh, axis = 0, keepdims = True)
        self.grad_beta = np.sum(delta, axis = 0, keepdims = True)
        m = delta.shape[0]
        return self.gamma * self.isd * (delta - self.grad_beta / m - xh * self.grad_gamma / m)
