import numpy as np

def bn_forward(X, gamma, beta, moving_mean, moving_var, training=True, eps=1e-5, momentum=0.9):
    if training:
        mean = X.mean(axis=0)
        var = ((X - mean)**2).mean(axis=0)
        X_hat = (X - mean)/np.sqrt(var + eps)
        # update of the moving averages
        moving_mean = momentum*moving_mean + (1.0 - momentum)*mean
        moving_var = momentum*moving_var + (1.0 - momentum)*var
    else:
        X_hat = (X - moving_mean)/np.sqrt(moving_var + eps)
        var = moving_var
    Y = gamma*X_hat + beta
    cache = (X_hat, gamma, var, eps)
    return Y, cache, moving_mean, moving_var

def bn_backward(dY, cache):
    X_hat, gamma, var, eps = cache
    m = dY.shape[0]
    dgamma = (dY*X_hat).sum(axis=0)
    dbeta = dY.sum(axis=0)
    dX_hat = dY*gamma
    dX = (dX_hat - dX_hat.mean(axis=0) - X_hat*(dX_hat*X_hat).mean(axis=0))/np.sqrt(var + eps)
    return dX, dgamma, dbeta
