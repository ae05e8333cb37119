import numpy as np


class BatchNormLayer:
    def __init__(self, n_neurons, lr=0.01):
        self.lr = lr
        self.scale = np.ones((1, n_neurons))
        self.shift = np.zeros((1, n_neurons))
        self.mean_avg = np.zeros((1, n_neurons))
        self.running_mean = np.zeros((1, n_neurons))
        self.running_var = np.ones((1, n_neurons))

    def forward(self, x, train=True):
        if train:
            mean = x.mean(axis=0, keepdims=True)
            var = x.var(axis=0, keepdims=True)
            self.running_mean = 0.9 * self.running_mean + 0.1 * mean
            self.running_var = 0.9 * self.running_var + 0.1 * var
        else:
            mean, var = self.running_mean, self.running_var
        self.root = np.sqrt(var + 1e-5)
        self.xhat = (x - mean) / self.root
        return self.scale * self.xhat + self.shift

    def backward(self, delta):
        n = delta.shape[0]
        d_shift = delta.sum(axis=0, keepdims=True)
        d_scale = (delta * self.xhat).sum(axis=0, keepdims=True)
        dx = self.scale / self.root * (delta - d_shift / n - self.xhat * d_scale / n)
        self.scale = self.scale - self.lr * d_scale
        self.shift = self.shift - self.lr * d_shift
        return dx
