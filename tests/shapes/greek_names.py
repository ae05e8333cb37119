import numpy as np

class BatchNorm:
    def __init__(self, size):
        self.weights = [np.ones(size), np.zeros(size)]
        self.stats = {"mu": np.zeros(size), "sigma2": np.ones(size)}
    def forward(self, x, is_training=True, eps=1e-5):
        g, b = self.weights
        if is_training:
            mu, s2 = x.mean(0), x.var(0)
            self.stats["mu"] = 0.9 * self.stats["mu"] + 0.1 * mu
            self.stats["sigma2"] = 0.9 * self.stats["sigma2"] + 0.1 * s2
        else:
            mu, s2 = self.stats["mu"], self.stats["sigma2"]
        return g * (x - mu) / np.sqrt(s2 + eps) + b
