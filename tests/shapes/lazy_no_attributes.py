import numpy as np


class BN:
    def __init__(self, momentum=0.9):
        self.momentum = momentum
        self.initialized = False

    def __call__(self, x, is_train=True):
        if not self.initialized:
            d = x.shape[1]
            self.gamma, self.beta = np.ones(d), np.zeros(d)
            self.running_mean, self.running_var = np.zeros(d), np.ones(d)
            self.initialized = True
        if is_train:
            mu, var = x.mean(0), x.var(0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mu, var = self.running_mean, self.running_var
        return (x - mu) / np.sqrt(var + 1e-5) * self.gamma + self.beta
