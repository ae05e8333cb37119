import numpy as np


class BatchNorm(object):
    def __init__(self, n_channels, alpha=0.1, epsilon=1e-4):
        self.alpha = alpha
        self.epsilon = epsilon
        self.gamma = np.ones(n_channels)
        self.beta = np.zeros(n_channels)
        self.mean = np.zeros(n_channels)
        self.inv_cache = None
        self.var = np.ones(n_channels)

    def get_output_for(self, input, deterministic=False):
        axes = (0,) + tuple(range(2, input.ndim))
        shape = (1, -1) + (1,) * (input.ndim - 2)
        if deterministic:
            mean, var = self.mean, self.var
        else:
            mean = input.mean(axes)
            var = input.var(axes)
            self.mean = (1 - self.alpha) * self.mean + self.alpha * mean
            self.var = (1 - self.alpha) * self.var + self.alpha * var
        mean, var = mean.reshape(shape), var.reshape(shape)
        return (input - mean) / np.sqrt(var + self.epsilon) * self.gamma.reshape(shape) + self.beta.reshape(shape)

    forward = get_output_for
