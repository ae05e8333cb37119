import numpy as np
def bn_forward(x, gamma, beta, running, training, eps=1e-5, momentum=0.9):
    rm, rv = running
    if training:
        mu, var = x.mean(0), x.var(0)
        rm = momentum * rm + (1 - momentum) * mu
        rv = momentum * rv + (1 - momentum) * var
    else:
        mu, var = rm, rv
    xhat = (x - mu) / np.sqrt(var + eps)
    return gamma * xhat + beta, (rm, rv), (xhat, gamma, var, eps)

def bn_backward(dout, cache):
    xhat, gamma, var, eps = cache
    dgamma = (dout * xhat).sum(0)
    dbeta = dout.sum(0)
    dx = gamma / np.sqrt(var + eps) * (dout - dbeta / len(dout) - xhat * dgamma / len(dout))
    return dgamma, dbeta, dx
