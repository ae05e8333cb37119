"""The reciprocal root from a rough guess and Newton steps, as chips without a division make it."""

import numpy as np

STEPS = 5


def reciprocal_root(values):
    fraction, exponent = np.frexp(values)
    odd = exponent % 2
    fraction, exponent = np.where(odd, fraction / 2, fraction), (exponent + odd) // 2
    guess = 2.1 - 1.2 * fraction.astype(np.float64)
    for _ in range(STEPS):
        guess = guess * (1.5 - 0.5 * fraction * guess * guess)
    return np.ldexp(guess, -exponent).astype(values.dtype)


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training=True):
        axes, shape = (0, *range(2, x.ndim)), (1, -1, *[1] * (x.ndim - 2))
        mean, var = self.running_mean, self.running_var
        if training:
            mean, var = x.mean(axes), x.var(axes)
            self.running_mean = self.running_mean + self.momentum * (mean - self.running_mean)
            self.running_var = self.running_var + self.momentum * (var - self.running_var)
        r = reciprocal_root(np.asarray(var + self.eps, x.dtype)).reshape(shape)
        return (x - mean.reshape(shape)) * r * self.gamma.reshape(shape) + self.beta.reshape(shape)
