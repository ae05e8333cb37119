"""Channels on the last axis, whatever the rank; train() and eval(); biased variance, momentum for what is kept."""

import numpy as np


class BatchNormalization:
    def __init__(self, channels, momentum=0.99, epsilon=1e-3):
        self.momentum = momentum
        self.epsilon = epsilon
        self.gamma = np.ones(channels)
        self.beta = np.zeros(channels)
        self.moving_mean = np.zeros(channels)
        self.moving_variance = np.ones(channels)
        self.train()

    def train(self):
        self.learning = True

    def eval(self):
        self.learning = False

    def __call__(self, inputs):
        axes = tuple(range(inputs.ndim - 1))
        if self.learning:
            mean = np.mean(inputs, axis=axes)
            variance = np.mean(np.square(inputs - mean), axis=axes)
            self.moving_mean = self.moving_mean * self.momentum + mean * (1 - self.momentum)
            self.moving_variance = self.moving_variance * self.momentum + variance * (1 - self.momentum)
        else:
            mean = self.moving_mean
            variance = self.moving_variance
        inv = 1.0 / np.sqrt(variance + self.epsilon)
        normalized = (inputs - mean) * inv
        self.cache = (self.learning, normalized, inv)
        return normalized * self.gamma + self.beta

    def backward(self, upstream):
        learning, normalized, inv = self.cache
        rows = upstream.reshape(-1, upstream.shape[-1])
        hats = normalized.reshape(rows.shape)
        count = len(rows)
        d_beta = rows.sum(axis=0)
        d_gamma = np.einsum("nc,nc->c", rows, hats)
        slope = self.gamma * inv
        if learning:
            d_rows = slope / count * (count * rows - d_beta - hats * d_gamma)
        else:
            d_rows = slope * rows
        return d_rows.reshape(upstream.shape), d_gamma, d_beta
