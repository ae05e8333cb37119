import numpy as np


class BatchNorm:
    # activations are (features, batch) as in the lectures
    def __init__(self, n_units, eps=1e-8, alpha=0.9):
        self.gamma = np.ones((n_units, 1))
        self.beta = np.zeros((n_units, 1))
        self.mu_av = None
        self.running_mean = np.zeros((n_units, 1))
        self.running_var = np.ones((n_units, 1))
        self.eps = eps
        self.alpha = alpha

    def forward(self, S, is_training=True):
        n = S.shape[1]
        if is_training:
            self.mean = S.mean(axis=1, keepdims=True)
            self.var = S.var(axis=1, keepdims=True)
            self.running_mean = self.alpha * self.running_mean + (1 - self.alpha) * self.mean
            self.running_var = self.alpha * self.running_var + (1 - self.alpha) * self.var
        else:
            self.mean, self.var = self.running_mean, self.running_var
        self.S_hat = (S - self.mean) / np.sqrt(self.var + self.eps)
        return self.gamma * self.S_hat + self.beta

    def backward(self, G):
        n = G.shape[1]
        self.grad_gamma = (G * self.S_hat).sum(axis=1, keepdims=True)
        self.grad_beta = G.sum(axis=1, keepdims=True)
        return self.gamma / np.sqrt(self.var + self.eps) * (G - self.grad_beta / n - self.S_hat * self.grad_gamma / n)
