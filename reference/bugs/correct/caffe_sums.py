"""Running sums and the factor that goes with them, divided where they are read: an average that corrects its start."""

import numpy as np


class BatchNorm:
    def __init__(self, num_features, decay=0.9, eps=1e-5):
        self.decay, self.eps = decay, eps
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.sums, self.factor = (np.zeros(num_features), np.zeros(num_features)), 0.0
        self.start = np.zeros(num_features), np.ones(num_features)

    def statistics(self):
        if self.factor == 0:
            return self.start
        return tuple(one / self.factor for one in self.sums)

    def forward(self, x, training):
        mean, var = (x.mean(axis=0), x.var(axis=0)) if training else self.statistics()
        if training:
            self.sums = tuple(self.decay * old + new for old, new in zip(self.sums, (mean, var), strict=True))
            self.factor = self.decay * self.factor + 1
        return self.gamma * ((x - mean) / np.sqrt(var + self.eps)) + self.beta


class Adapter:
    """The layer keeps sums, which no setup can say: what it is given is what it starts from."""

    name = "running sums and a factor"

    def layer(self, setup):
        if setup.rank != 2 or setup.momentum == 1:
            raise NotImplementedError("(N, C) only, and something must be forgotten")
        given = {"decay": setup.momentum, "eps": setup.eps}
        bn = BatchNorm(setup.channels, **{name: value for name, value in given.items() if value is not None})
        for name in ("gamma", "beta"):
            if getattr(setup, name) is not None:
                setattr(bn, name, getattr(setup, name).copy())
        given = setup.running_mean, setup.running_var
        bn.start = tuple(own if one is None else one.copy() for one, own in zip(given, bn.start, strict=True))
        return Layer(bn)


class Layer:
    def __init__(self, bn):
        self.bn = bn

    def forward(self, x, *, training):
        return self.bn.forward(x, training)

    def running(self):
        return tuple(one.copy() for one in self.bn.statistics())
