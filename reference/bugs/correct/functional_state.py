"""Functions without side effects: state goes in and comes out, as a new dict each time."""

import numpy as np


def batch_norm(x, params, state, training, eps=1e-5, momentum=0.9):
    shape = (1, -1, *[1] * (x.ndim - 2))
    mean, var = state["running_mean"], state["running_var"]
    if training:
        axes = (0, *range(2, x.ndim))
        mean, var = x.mean(axes), x.var(axes)
        state = {
            "running_mean": momentum * state["running_mean"] + (1 - momentum) * mean,
            "running_var": momentum * state["running_var"] + (1 - momentum) * var,
        }
    x_hat = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    return params["gamma"].reshape(shape) * x_hat + params["beta"].reshape(shape), state
