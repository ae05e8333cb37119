"""The class of the tutorials: (N, C), a word for the mode, (1, C) parameters, backward that leaves gradients on the object."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, momentum=0.9, epsilon=1e-5):
        self.momentum = momentum
        self.epsilon = epsilon
        self.gamma = np.ones((1, num_features))
        self.beta = np.zeros((1, num_features))
        self.running_mean = np.zeros((1, num_features))
        self.running_var = np.ones((1, num_features))

    def forward(self, x, mode="train"):
        self.mode = mode
        if mode == "train":
            mean = np.mean(x, axis=0, keepdims=True)
            var = np.var(x, axis=0, keepdims=True)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
            self.x_centered = x - mean
            self.std = np.sqrt(var + self.epsilon)
            self.x_norm = self.x_centered / self.std
            out = self.gamma * self.x_norm + self.beta
        elif mode == "test":
            x_norm = (x - self.running_mean) / np.sqrt(self.running_var + self.epsilon)
            out = self.gamma * x_norm + self.beta
        else:
            raise ValueError(f'mode is "train" or "test", not {mode!r}')
        return out

    def backward(self, dout):
        if self.mode != "train":
            raise NotImplementedError("gradients are those of the training mode")
        N = dout.shape[0]
        self.dbeta = np.sum(dout, axis=0)
        self.dgamma = np.sum(dout * self.x_norm, axis=0)
        dx_norm = dout * self.gamma
        dvar = np.sum(dx_norm * self.x_centered, axis=0) * -0.5 * self.std**-3
        dmean = np.sum(-dx_norm / self.std, axis=0) + dvar * np.sum(-2 * self.x_centered, axis=0) / N
        return dx_norm / self.std + dvar * 2 * self.x_centered / N + dmean / N
