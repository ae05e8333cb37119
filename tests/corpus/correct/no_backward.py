"""Forward only, with everything that NumPy does at once: broadcast state of the right shape, np.var and np.divide."""

import numpy as np


class BatchNormLayer:
    def __init__(self, input_dim, epsilon=1e-6, momentum=0.99):
        self.epsilon, self.momentum = epsilon, momentum
        self._gamma, self._beta = np.ones(input_dim), np.zeros(input_dim)
        self.moving_mean, self.moving_var = np.zeros(input_dim), np.ones(input_dim)

    def forward(self, inputs, trainable=True):
        reduce, spread = (0, *range(2, inputs.ndim)), tuple(range(1, inputs.ndim - 1))
        mean, var = self.moving_mean, self.moving_var
        if trainable:
            mean, var = np.mean(inputs, reduce), np.var(inputs, reduce)
            self.moving_mean = np.average([self.moving_mean, mean], axis=0, weights=[self.momentum, 1 - self.momentum])
            self.moving_var = np.average([self.moving_var, var], axis=0, weights=[self.momentum, 1 - self.momentum])
        mean, std, gamma, beta = (np.expand_dims(v, spread) for v in (mean, np.sqrt(var + self.epsilon), self._gamma, self._beta))
        return np.add(np.multiply(gamma, np.divide(np.subtract(inputs, mean), std)), beta)
