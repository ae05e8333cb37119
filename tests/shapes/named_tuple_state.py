from typing import NamedTuple

import numpy as np


class BNState(NamedTuple):
    mean: np.ndarray
    var: np.ndarray


def batchnorm(x, gamma, beta, state: BNState, training: bool, momentum=0.1, eps=1e-5):
    if not training:
        return gamma * (x - state.mean) / np.sqrt(state.var + eps) + beta, state
    mean, var = x.mean(0), x.var(0)
    new_state = BNState(
        mean=(1 - momentum) * state.mean + momentum * mean,
        var=(1 - momentum) * state.var + momentum * var,
    )
    return gamma * (x - mean) / np.sqrt(var + eps) + beta, new_state
