import numpy as np


def batchnorm_nhwc(x, gamma, beta, running_mean, running_var, is_training, decay=0.99, epsilon=1e-3):
    batch, height, width, channels = x.shape
    if is_training:
        flat = x.reshape(-1, channels)
        mean = flat.mean(axis=0)
        var = flat.var(axis=0)
        running_mean[:] = decay * running_mean + (1 - decay) * mean
        running_var[:] = decay * running_var + (1 - decay) * var
    else:
        mean, var = running_mean, running_var
    normalized = (x - mean) / np.sqrt(var + epsilon)
    return gamma * normalized + beta
