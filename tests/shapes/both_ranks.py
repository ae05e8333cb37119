import numpy as np


class BatchNorm:
    """2-D or 4-D inputs, folded to (N*H*W, C)."""

    def __init__(self, C, momentum=0.9, eps=1e-5):
        self.C, self.momentum, self.eps = C, momentum, eps
        self.gamma, self.beta = np.ones(C), np.zeros(C)
        self.running_mean, self.running_var = np.zeros(C), np.ones(C)

    def forward(self, x, train_flg=True):
        self.input_shape = x.shape
        if x.ndim != 2:
            N, C, H, W = x.shape
            x = x.transpose(0, 2, 3, 1).reshape(-1, C)
        out = self._forward(x, train_flg)
        if len(self.input_shape) == 4:
            N, C, H, W = self.input_shape
            out = out.reshape(N, H, W, C).transpose(0, 3, 1, 2)
        return out

    def _forward(self, x, train_flg):
        if train_flg:
            mu, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mu, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + self.eps)
        self.xn = (x - mu) / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        if dout.ndim == 4:
            dout = dout.transpose(0, 2, 3, 1).reshape(-1, self.C)
        self.dgamma, self.dbeta = (dout * self.xn).sum(0), dout.sum(0)
        dx = self.gamma / self.std * (dout - self.dbeta / len(dout) - self.xn * self.dgamma / len(dout))
        if len(self.input_shape) == 4:
            N, C, H, W = self.input_shape
            dx = dx.reshape(N, H, W, C).transpose(0, 3, 1, 2)
        return dx
