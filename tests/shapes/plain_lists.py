# no numpy on purpose
from math import sqrt


class BatchNorm:
    def __init__(self, n_features, eps=1e-5, momentum=0.1):
        self.n_features = n_features
        self.eps = eps
        self.momentum = momentum
        self.gamma = [1.0] * n_features
        self.beta = [0.0] * n_features
        self.running_mean = [0.0] * n_features
        self.running_var = [1.0] * n_features

    def forward(self, batch, training=True):
        if not batch:
            raise ValueError("empty batch")
        n = len(batch)
        out = [[0.0] * self.n_features for _ in batch]
        for j in range(self.n_features):
            column = [row[j] for row in batch]
            if training:
                mean = sum(column) / n
                var = sum((v - mean) ** 2 for v in column) / n
                self.running_mean[j] += self.momentum * (mean - self.running_mean[j])
                self.running_var[j] += self.momentum * (var - self.running_var[j])
            else:
                mean, var = self.running_mean[j], self.running_var[j]
            for i, v in enumerate(column):
                out[i][j] = self.gamma[j] * (v - mean) / sqrt(var + self.eps) + self.beta[j]
        return out
