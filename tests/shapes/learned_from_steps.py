import numpy as np


class BatchNorm:
    """Keeps every batch it has seen, and averages over them at test time."""

    def __init__(self, n_features, eps=1e-5):
        self.eps = eps
        self.gamma = np.ones(n_features)
        self.beta = np.zeros(n_features)
        self._history = []

    def forward(self, x, training=True):
        if training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self._history.append((mean, var))
        else:
            if not self._history:
                raise RuntimeError("train first")
            mean = np.mean([m for m, _ in self._history], axis=0)
            var = np.mean([v for _, v in self._history], axis=0)
        self.sd = np.sqrt(var + self.eps)
        self.x_hat = (x - mean) / self.sd
        return self.gamma * self.x_hat + self.beta

    def backward(self, dy):
        n = len(dy)
        dgamma, dbeta = (dy * self.x_hat).sum(axis=0), dy.sum(axis=0)
        dx = self.gamma / self.sd * (dy - dbeta / n - self.x_hat * dgamma / n)
        return dx, dgamma, dbeta
