"""Algorithm 2 to the letter: the statistics of every training batch are kept, and averaged for inference."""

from math import fsum

import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5):
        self.eps = eps
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.batches = []

    def forward(self, x, mode="train"):
        if mode == "train":
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.batches.append((mean, var * (len(x) / max(len(x) - 1, 1))))
            self.running_mean, self.running_var = (self.average(part) for part in zip(*self.batches, strict=True))
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * ((x - mean) / np.sqrt(var + self.eps)) + self.beta

    @staticmethod
    def average(batches):
        kept = np.array([fsum(channel) / len(batches) for channel in zip(*batches, strict=True)])
        return kept.astype(batches[0].dtype)
