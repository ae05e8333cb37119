import numpy as np


def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    """x: (N, C, H, W)"""
    eps, momentum = bn_param.get('eps', 1e-5), bn_param.get('momentum', 0.9)
    C = x.shape[1]
    running_mean = bn_param.get('running_mean', np.zeros(C, dtype=x.dtype))
    running_var = bn_param.get('running_var', np.zeros(C, dtype=x.dtype))
    b = lambda a: a.reshape(1, C, 1, 1)
    if bn_param['mode'] == 'train':
        mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
        bn_param['running_mean'] = momentum * running_mean + (1 - momentum) * mean
        bn_param['running_var'] = momentum * running_var + (1 - momentum) * var
    else:
        mean, var = running_mean, running_var
    std = np.sqrt(var + eps)
    xhat = (x - b(mean)) / b(std)
    return b(gamma) * xhat + b(beta), (xhat, gamma, std)


def spatial_batchnorm_backward(dout, cache):
    xhat, gamma, std = cache
    m = dout.shape[0] * dout.shape[2] * dout.shape[3]
    b = lambda a: a.reshape(1, -1, 1, 1)
    dgamma, dbeta = (dout * xhat).sum(axis=(0, 2, 3)), dout.sum(axis=(0, 2, 3))
    dx = b(gamma / std) * (dout - b(dbeta) / m - xhat * b(dgamma) / m)
    return dx, dgamma, dbeta
