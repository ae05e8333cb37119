import numpy as np


class BatchNorm:
    def __init__(self, input_dim, eps=1e-5, momentum=0.9):
        self.params = {"gamma": np.ones((1, input_dim)), "beta": np.zeros((1, input_dim))}
        self.grads = {"gamma": np.zeros((1, input_dim)), "beta": np.zeros((1, input_dim))}
        self.running = {"mean": np.zeros((1, input_dim)), "var": np.ones((1, input_dim))}
        self.eps = eps
        self.momentum = momentum
        self._cache = {}

    def forward(self, x, is_training=True):
        if not is_training:
            x_hat = (x - self.running["mean"]) / np.sqrt(self.running["var"] + self.eps)
            return self.params["gamma"] * x_hat + self.params["beta"]
        mean = x.mean(axis=0, keepdims=True)
        var = x.var(axis=0, keepdims=True)
        self.running["mean"] = self.momentum * self.running["mean"] + (1 - self.momentum) * mean
        self.running["var"] = self.momentum * self.running["var"] + (1 - self.momentum) * var
        x_hat = (x - mean) / np.sqrt(var + self.eps)
        self._cache = {"x_hat": x_hat, "var": var}
        return self.params["gamma"] * x_hat + self.params["beta"]

    def backward(self, grad_output):
        x_hat, var = self._cache["x_hat"], self._cache["var"]
        n = grad_output.shape[0]
        self.grads["gamma"] = (grad_output * x_hat).sum(axis=0, keepdims=True)
        self.grads["beta"] = grad_output.sum(axis=0, keepdims=True)
        return self.params["gamma"] / np.sqrt(var + self.eps) * (grad_output - self.grads["beta"] / n - x_hat * self.grads["gamma"] / n)
