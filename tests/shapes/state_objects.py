import numpy as np
from dataclasses import dataclass

@dataclass
class BNParams:
    gamma: np.ndarray
    beta: np.ndarray

@dataclass
class BNState:
    running_mean: np.ndarray
    running_var: np.ndarray
    momentum: float = 0.9

def bn_apply(params: BNParams, state: BNState, x, training=True, eps=1e-5):
    if training:
        mu, var = x.mean(0), x.var(0)
        state.running_mean = state.momentum * state.running_mean + (1 - state.momentum) * mu
        state.running_var = state.momentum * state.running_var + (1 - state.momentum) * var
    else:
        mu, var = state.running_mean, state.running_var
    return params.gamma * (x - mu) / np.sqrt(var + eps) + params.beta
