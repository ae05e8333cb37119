import numpy as np

TRAINING = True   # set to False for evaluation


class BatchNorm():
    def __init__(self, channels):
        self.gamma = np.ones(channels)
        self.beta = np.zeros(channels)
        self.mov_mean = np.zeros(channels)
        self.mov_var = np.ones(channels)

    def __call__(self, h):
        if TRAINING:
            mean = np.sum(h, axis=0) / h.shape[0]
            var = np.sum((h - mean) * (h - mean), axis=0) / h.shape[0]
            self.mov_mean = 0.95 * self.mov_mean + 0.05 * mean
            self.mov_var = 0.95 * self.mov_var + 0.05 * var
        else:
            mean = self.mov_mean
            var = self.mov_var
        self.hn = (h - mean) / np.sqrt(var + 1e-6)
        self.s = np.sqrt(var + 1e-6)
        return self.hn * self.gamma + self.beta

    def backprop(self, dh):
        self.dgamma = np.sum(dh * self.hn, axis=0)
        self.dbeta = np.sum(dh, axis=0)
        n = dh.shape[0]
        return self.gamma * (n * dh - self.dbeta - self.hn * self.dgamma) / (n * self.s)
