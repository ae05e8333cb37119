import numpy as np


def init_state(num_features):
    return {"mean": np.zeros(num_features), "var": np.ones(num_features)}


def batch_norm(params, state, x, train, momentum=0.9, eps=1e-5):
    """A pure function: returns y and the new state."""
    if train:
        mean, var = x.mean(axis=0), x.var(axis=0)
        state = {
            "mean": momentum * state["mean"] + (1 - momentum) * mean,
            "var": momentum * state["var"] + (1 - momentum) * var,
        }
    else:
        mean, var = state["mean"], state["var"]
    y = params["gamma"] * (x - mean) / np.sqrt(var + eps) + params["beta"]
    return y, state
