import numpy as np

running_mean = None
running_var = None

def batch_norm(x, gamma, beta, training, eps=1e-5, momentum=0.9):
    global running_mean, running_var
    if running_mean is None:
        running_mean, running_var = np.zeros(x.shape[1]), np.ones(x.shape[1])
    if training:
        mu, var = x.mean(0), x.var(0)
        running_mean = momentum * running_mean + (1 - momentum) * mu
        running_var = momentum * running_var + (1 - momentum) * var
    else:
        mu, var = running_mean, running_var
    return gamma * (x - mu) / np.sqrt(var + eps) + beta
