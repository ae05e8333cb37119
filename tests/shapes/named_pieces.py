import numpy as np


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=0)
    var = x.var(axis=0)
    x_hat = (x - mean) / np.sqrt(var + eps)
    out = gamma * x_hat + beta
    return out, x_hat, mean, var


def batch_norm_backward(dout, x, x_hat, mean, var, gamma, eps=1e-5):
    m = x.shape[0]
    dgamma = (dout * x_hat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dx_hat = dout * gamma
    dvar = (dx_hat * (x - mean) * -0.5 * (var + eps) ** -1.5).sum(axis=0)
    dmean = (-dx_hat / np.sqrt(var + eps)).sum(axis=0)
    dx = dx_hat / np.sqrt(var + eps) + dvar * 2 * (x - mean) / m + dmean / m
    return {"dx": dx, "dgamma": dgamma, "dbeta": dbeta}
