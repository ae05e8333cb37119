"""Functions over features-first arrays (C, m) with their state in a dict, and the adapter that asks them."""

import numpy as np


def fresh_state(channels, dtype):
    names = ("gamma", "beta", "mean", "var")
    starts = (1, 0, 0, 1)
    return {name: np.full(channels, start, dtype) for name, start in zip(names, starts, strict=True)}


def apply(x, state, keep, eps, train):
    if train:
        mean = x.mean(axis=1)
        centered = x - mean[:, None]
        var = np.einsum("cm,cm->c", centered, centered) / x.shape[1]
        state["mean"] = keep * state["mean"] + (1 - keep) * mean
        state["var"] = keep * state["var"] + (1 - keep) * var
    else:
        centered = x - state["mean"][:, None]
        var = state["var"]
    std = np.sqrt(var + eps)[:, None]
    y = state["gamma"][:, None] * (centered / std) + state["beta"][:, None]
    return y, (centered, std, train)


def gradients(dy, state, cache):
    centered, std, train = cache
    dbeta = dy.sum(axis=1)
    dgamma = (dy * centered / std).sum(axis=1)
    dx = dy
    if train:
        dx = dx - dy.mean(axis=1)[:, None]
        dx = dx - centered * (dy * centered).mean(axis=1)[:, None] / std**2
    return dx * (state["gamma"][:, None] / std), dgamma, dbeta


class Layer:
    def __init__(self, setup):
        self.axis = setup.channel_axis
        self.eps = 1e-5 if setup.eps is None else setup.eps
        self.keep = 0.9 if setup.momentum is None else setup.momentum
        self.state = fresh_state(setup.channels, setup.dtype)
        given = {"gamma": setup.gamma, "beta": setup.beta, "mean": setup.running_mean, "var": setup.running_var}
        self.state.update({name: values.copy() for name, values in given.items() if values is not None})

    def forward(self, x, *, training):
        first = np.moveaxis(x, self.axis, 0)
        self.shape = first.shape
        y, self.cache = apply(first.reshape(len(first), -1), self.state, self.keep, self.eps, training)
        return np.moveaxis(y.reshape(self.shape), 0, self.axis)

    def backward(self, dy):
        rows = np.moveaxis(dy, self.axis, 0).reshape(self.shape[0], -1)
        dx, dgamma, dbeta = gradients(rows, self.state, self.cache)
        return np.moveaxis(dx.reshape(self.shape), 0, self.axis), dgamma, dbeta

    def running(self):
        return self.state["mean"].copy(), self.state["var"].copy()


class Adapter:
    name = "functions over (C, m)"
    convention = {"momentum_weighs": "running", "running_var": "biased", "single_value": "beta", "backward": "train+infer"}  # noqa: RUF012

    def layer(self, setup):
        return Layer(setup)
