"""Backward as the course draws it: nine small steps back through the graph, each with a cached input."""

import numpy as np


def batchnorm_forward(x, gamma, beta, bn_param):
    eps, momentum = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    running_mean = bn_param.get("running_mean", np.zeros(x.shape[1]))
    running_var = bn_param.get("running_var", np.zeros(x.shape[1]))
    if bn_param["mode"] == "test":
        return gamma * ((x - running_mean) / np.sqrt(running_var + eps)) + beta, None
    mean = x.mean(axis=0)
    centered = x - mean
    squares = centered**2
    var = squares.mean(axis=0)
    std = np.sqrt(var + eps)
    inverse = 1.0 / std
    x_hat = centered * inverse
    bn_param["running_mean"] = momentum * running_mean + (1 - momentum) * mean
    bn_param["running_var"] = momentum * running_var + (1 - momentum) * var
    return gamma * x_hat + beta, (x_hat, gamma, centered, inverse, std)


def batchnorm_backward(dout, cache):
    x_hat, gamma, centered, inverse, std = cache
    m = len(dout)
    dbeta = dout.sum(axis=0)
    dgamma = (dout * x_hat).sum(axis=0)
    dx_hat = dout * gamma
    dinverse = (dx_hat * centered).sum(axis=0)
    dcentered = dx_hat * inverse
    dstd = -dinverse / std**2
    dvar = 0.5 * dstd / std
    dsquares = np.ones_like(dout) * dvar / m
    dcentered = dcentered + 2 * centered * dsquares
    dmean = -dcentered.sum(axis=0)
    return dcentered + np.ones_like(dout) * dmean / m, dgamma, dbeta
