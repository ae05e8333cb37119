import numpy as np


def batchnorm_forward(Z, gamma, beta, epsilon=1e-8):
    """
    Z -- pre-activations, numpy array of shape (n_l, m): units by examples
    gamma, beta -- of shape (n_l, 1)
    """
    mu = np.mean(Z, axis=1, keepdims=True)
    sigma2 = np.var(Z, axis=1, keepdims=True)
    Z_norm = (Z - mu) / np.sqrt(sigma2 + epsilon)
    Z_tilde = gamma * Z_norm + beta
    cache = (Z_norm, gamma, sigma2, epsilon)
    return Z_tilde, cache


def batchnorm_backward(dZ_tilde, cache):
    Z_norm, gamma, sigma2, epsilon = cache
    m = dZ_tilde.shape[1]
    dgamma = np.sum(dZ_tilde * Z_norm, axis=1, keepdims=True)
    dbeta = np.sum(dZ_tilde, axis=1, keepdims=True)
    dZ = gamma / np.sqrt(sigma2 + epsilon) * (dZ_tilde - dbeta / m - Z_norm * dgamma / m)
    return dZ, dgamma, dbeta
