import numpy as np


class BatchNormalization:
    def __init__(self, input_dim, momentum=0.9, epsilon=1e-5):
        self.momentum = momentum
        self.epsilon = epsilon
        self.gamma = np.ones((input_dim,))
        self.beta = np.zeros((input_dim,))
        self.moving_mean = np.zeros((input_dim,))
        self.moving_var = np.ones((input_dim,))
        self.input_shape = None
        self.training = True

    def forward(self, X):
        if self.training:
            mu = X.mean(0)
            var = X.var(0)
            self.moving_mean = self.momentum * self.moving_mean + (1 - self.momentum) * mu
            self.moving_var = self.momentum * self.moving_var + (1 - self.momentum) * var
        else:
            mu, var = self.moving_mean, self.moving_var
        self.inv_std = 1.0 / np.sqrt(var + self.epsilon)
        self.X_hat = (X - mu) * self.inv_std
        return self.gamma * self.X_hat + self.beta

    def backward(self, dout):
        self._d = {"gamma": (dout * self.X_hat).sum(0), "beta": dout.sum(0)}
        n = len(dout)
        return self.gamma * self.inv_std * (dout - self._d["beta"] / n - self.X_hat * self._d["gamma"] / n)

    def gradients(self):
        return self._d["gamma"], self._d["beta"]
