import numpy as np


class BatchNormLayer:
    def __init__(self, num_units, epsilon=1e-4):
        self.epsilon = epsilon
        self.__train = True
        self.scale = np.ones(num_units)
        self.shift = np.zeros(num_units)
        self.running_mean = np.zeros(num_units)
        self.running_variance = np.ones(num_units)
        self.momentum = 0.9

    def set_training(self, flag):
        self.__train = bool(flag)

    def forward(self, inputs):
        if self.__train:
            mu, sigma2 = inputs.mean(axis=0), inputs.var(axis=0)
            self.running_mean = self.running_mean * self.momentum + mu * (1 - self.momentum)
            self.running_variance = self.running_variance * self.momentum + sigma2 * (1 - self.momentum)
        else:
            mu, sigma2 = self.running_mean, self.running_variance
        self.inv = (sigma2 + self.epsilon) ** -0.5
        self.norm = (inputs - mu) * self.inv
        return self.scale * self.norm + self.shift

    def backward(self, dout):
        self.d_scale = np.einsum("ij,ij->j", dout, self.norm)
        self.d_shift = np.einsum("ij->j", dout)
        n = len(dout)
        return self.scale * self.inv * (dout - self.d_shift / n - self.norm * self.d_scale / n)
