import numpy as np

from .utils import DEFAULT_EPS, stats

print("loading layers ...")


class BatchNormLayer:
    def __init__(self, input_dim, momentum=0.9):
        self.momentum = momentum
        self.gamma, self.beta = np.ones(input_dim), np.zeros(input_dim)
        self.running_mean, self.running_var = np.zeros(input_dim), np.ones(input_dim)

    def forward(self, x, training=True):
        mean, var = self.running_mean, self.running_var
        if training:
            mean, var = stats(x)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        self.xhat = (x - mean) / np.sqrt(var + DEFAULT_EPS)
        self.sd = np.sqrt(var + DEFAULT_EPS)
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.xhat).sum(0), dout.sum(0)
        return self.gamma / self.sd * (dout - self.dbeta / len(dout) - self.xhat * self.dgamma / len(dout))


if __name__ == "__main__":
    bn = BatchNormLayer(8)
    for epoch in range(100):
        bn.forward(np.random.randn(32, 8))
        bn.backward(np.random.randn(32, 8))
