import numpy as np


class BatchNormalization:
    """channels_last, any number of axes"""

    def __init__(self, channels, momentum=0.99, epsilon=1e-3):
        self.momentum = momentum
        self.epsilon = epsilon
        self.gamma = np.ones(channels, dtype="float32")
        self.beta = np.zeros(channels, dtype="float32")
        self.moving_mean = np.zeros(channels, dtype="float32")
        self.moving_variance = np.ones(channels, dtype="float32")

    def call(self, inputs, training=False):
        if training:
            axes = tuple(range(inputs.ndim - 1))
            mean = inputs.mean(axis=axes)
            variance = inputs.var(axis=axes)
            self.moving_mean = self.moving_mean * self.momentum + mean * (1 - self.momentum)
            self.moving_variance = self.moving_variance * self.momentum + variance * (1 - self.momentum)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        self.axes = tuple(range(inputs.ndim - 1))
        self.inv = 1 / np.sqrt(variance + self.epsilon)
        self.normalized = (inputs - mean) * self.inv
        return self.normalized * self.gamma + self.beta

    def backward(self, dout):
        m = dout.size // dout.shape[-1]
        dgamma = (dout * self.normalized).sum(axis=self.axes)
        dbeta = dout.sum(axis=self.axes)
        dx = self.gamma * self.inv * (dout - dbeta / m - self.normalized * dgamma / m)
        return dx, dgamma, dbeta
