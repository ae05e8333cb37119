import numpy as np

class Layer:
    def __init__(self):
        self.phase = "train"

class BatchNorm(Layer):
    def __init__(self, shape, eps=1e-5, decay=0.9):
        super().__init__()
        self.W = {"gamma": np.ones(shape), "beta": np.zeros(shape)}
        self.dW = {"gamma": None, "beta": None}
        self.mean = np.zeros(shape)
        self.var = np.ones(shape)
        self.eps = eps
        self.decay = decay

    def forward(self, x):
        if self.phase == "train":
            self.mu = x.mean(0)
            self.sigma = x.var(0)
            self.mean = self.decay * self.mean + (1 - self.decay) * self.mu
            self.var = self.decay * self.var + (1 - self.decay) * self.sigma
        elif self.phase == "test":
            self.mu, self.sigma = self.mean, self.var
        self.xn = (x - self.mu) / np.sqrt(self.sigma + self.eps)
        return self.W["gamma"] * self.xn + self.W["beta"]

    def backward(self, d):
        self.dW["gamma"] = (d * self.xn).sum(0)
        self.dW["beta"] = d.sum(0)
        n = len(d)
        return self.W["gamma"] / np.sqrt(self.sigma + self.eps) * (d - self.dW["beta"] / n - self.xn * self.dW["gamma"] / n)
