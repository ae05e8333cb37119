import numpy as np


def bn_forward(a, gamma, beta, run_mean, run_var, train, momentum=0.9, eps=1e-5):
    if train:
        mu = a.mean(axis=1, keepdims=True)
        va = a.var(axis=1, keepdims=True)
        run_mean = momentum * run_mean + (1 - momentum) * mu
        run_var = momentum * run_var + (1 - momentum) * va
    else:
        mu, va = run_mean, run_var
    a_hat = (a - mu) / np.sqrt(va + eps)
    return gamma * a_hat + beta, run_mean, run_var
