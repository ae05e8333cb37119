import numpy as np


class BatchNormOp:
    @staticmethod
    def forward(x, gamma, beta, running_mean, running_var, momentum, eps, training):
        if training:
            mean, var = x.mean(0), x.var(0)
            running_mean *= momentum
            running_mean += (1 - momentum) * mean
            running_var *= momentum
            running_var += (1 - momentum) * var
        else:
            mean, var = running_mean, running_var
        inv = 1 / np.sqrt(var + eps)
        xhat = (x - mean) * inv
        return gamma * xhat + beta, (xhat, inv, gamma)

    @staticmethod
    def backward(grad_out, ctx):
        xhat, inv, gamma = ctx
        ggamma, gbeta = (grad_out * xhat).sum(0), grad_out.sum(0)
        return gamma * inv * (grad_out - gbeta / len(grad_out) - xhat * ggamma / len(grad_out)), ggamma, gbeta
