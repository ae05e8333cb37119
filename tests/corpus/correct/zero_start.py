"""The course template: both running statistics start at zero, parameters live in a dict, the mode is an attribute."""

import numpy as np


class BatchNorm:
    def __init__(self, dim, momentum=0.9, eps=1e-5):
        self.momentum, self.eps = momentum, eps
        self.params = {"gamma": np.ones(dim), "beta": np.zeros(dim)}
        self.grads = {}
        self.running_mean = np.zeros(dim)
        self.running_var = np.zeros(dim)
        self.mode = "train"

    def forward(self, x):
        gamma, beta = self.params["gamma"], self.params["beta"]
        if self.mode == "train":
            sample_mean, sample_var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * sample_mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * sample_var
            self.std = np.sqrt(sample_var + self.eps)
            self.x_hat = (x - sample_mean) / self.std
        elif self.mode == "test":
            self.x_hat = (x - self.running_mean) / np.sqrt(self.running_var + self.eps)
        return gamma * self.x_hat + beta

    def backward(self, dout):
        if self.mode == "test":
            raise NotImplementedError("there is nothing to learn from a test batch")
        N, gamma = len(dout), self.params["gamma"]
        self.grads["beta"] = dout.sum(axis=0)
        self.grads["gamma"] = np.sum(dout * self.x_hat, axis=0)
        return gamma / (N * self.std) * (N * dout - self.grads["beta"] - self.x_hat * self.grads["gamma"])
