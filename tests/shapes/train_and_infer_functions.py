import numpy as np


def batchnorm_train(x, gamma, beta, running_mean, running_var, momentum=0.9, eps=1e-5):
    """In training. Updates running_mean and running_var in place, returns (y, cache)."""
    mean = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    running_mean *= momentum
    running_mean += (1 - momentum) * mean
    running_var *= momentum
    running_var += (1 - momentum) * var
    xhat = (x - mean) / np.sqrt(var + eps)
    return gamma * xhat + beta, (xhat, gamma, np.sqrt(var + eps))


def batchnorm_infer(x, gamma, beta, running_mean, running_var, eps=1e-5):
    return gamma * (x - running_mean) / np.sqrt(running_var + eps) + beta


def batchnorm_grad(dy, cache):
    xhat, gamma, sd = cache
    n = dy.shape[0]
    dgamma = (dy * xhat).sum(axis=0)
    dbeta = dy.sum(axis=0)
    return gamma / sd * (dy - dbeta / n - xhat * dgamma / n), dgamma, dbeta
