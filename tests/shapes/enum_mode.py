from enum import Enum

import numpy as np


class Mode(Enum):
    TRAIN = "train"
    TEST = "test"


class BatchNorm:
    def __init__(self, num_features: int, *, eps: float = 1e-5, momentum: float = 0.1):
        self.eps = eps
        self.momentum = momentum
        self.gamma = np.ones(num_features)
        self.beta = np.zeros(num_features)
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)

    def forward(self, x, mode=Mode.TRAIN):
        if mode is Mode.TRAIN:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        elif mode is Mode.TEST:
            mean, var = self.running_mean, self.running_var
        else:
            raise TypeError(f"not a Mode: {mode}")
        return (x - mean) / np.sqrt(var + self.eps) * self.gamma + self.beta
