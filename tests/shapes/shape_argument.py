import numpy as np


class BatchNorm:
    def __init__(self, num_features, num_dims, eps=1e-5, momentum=0.9):
        # num_dims: 2 for a fully connected layer, 4 for a convolution
        shape = (1, num_features) if num_dims == 2 else (1, num_features, 1, 1)
        self.gamma, self.beta = np.ones(shape), np.zeros(shape)
        self.moving_mean, self.moving_var = np.zeros(shape), np.ones(shape)
        self.eps, self.momentum = eps, momentum

    def forward(self, X, training=True):
        if not training:
            X_hat = (X - self.moving_mean) / np.sqrt(self.moving_var + self.eps)
            return self.gamma * X_hat + self.beta
        assert X.ndim in (2, 4)
        axes = (0,) if X.ndim == 2 else (0, 2, 3)
        mean = X.mean(axis=axes, keepdims=True)
        var = ((X - mean) ** 2).mean(axis=axes, keepdims=True)
        self.moving_mean = self.momentum * self.moving_mean + (1.0 - self.momentum) * mean
        self.moving_var = self.momentum * self.moving_var + (1.0 - self.momentum) * var
        return self.gamma * (X - mean) / np.sqrt(var + self.eps) + self.beta
