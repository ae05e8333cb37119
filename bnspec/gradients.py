"""The gradients of both modes, and the gradient of the training gradient, all in closed form.

Ioffe & Szegedy 2015, sec. 3, give the training gradient step by step through d l/d var and d l/d mean; collected, it is the
three lines of `train_backward`. Nothing here rounds to half: callers round once at the end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bnspec.case import Array, Gradients
from bnspec.spec import Normalized, per_channel, reduction_axes, working_dtype


class DoubleGradients(NamedTuple):
    """The gradients of <v_dx, dx> + <v_dgamma, dgamma> + <v_dbeta, dbeta>: dx and ddy shaped as x, dgamma (C,); beta has none."""

    dx: Array
    ddy: Array
    dgamma: Array


def parameter_gradients(dy: Array, x_hat: Array, channel_axis: int) -> tuple[Array, Array]:
    """dgamma = sum(dy * x_hat) and dbeta = sum(dy), over every axis but the channel's; (C,) each."""
    axes = reduction_axes(dy, channel_axis)
    return (dy * x_hat).sum(axes), dy.sum(axes)


def train_backward(dy: Array, gamma: Array, normalized: Normalized, *, channel_axis: int = 1) -> Gradients:
    """Gradients through a training forward: the batch's mean and variance depend on x too (Ioffe & Szegedy 2015, sec. 3).

    dbeta  = sum(dy)
    dgamma = sum(dy * x_hat)
    dx     = gamma * inv_std * (dy - dbeta / m - x_hat * dgamma / m)

    dy shaped as x, dx in dy's dtype. So in every channel
    sum(dx) = 0 and sum(dx * x_hat) = gamma * inv_std * dgamma * eps * inv_std**2.
    """
    wide = dy.astype(working_dtype(dy.dtype), copy=False)
    dgamma, dbeta = parameter_gradients(wide, normalized.x_hat, channel_axis)
    m = dy.size // dy.shape[channel_axis]
    mean_dy, mean_dy_x_hat = (per_channel(total / m, dy, channel_axis) for total in (dbeta, dgamma))
    dx = per_channel(gamma, dy, channel_axis) * normalized.inv_std * (wide - mean_dy - normalized.x_hat * mean_dy_x_hat)
    return Gradients(dx.astype(dy.dtype, copy=False), dgamma, dbeta)


def infer_backward(dy: Array, gamma: Array, normalized: Normalized, *, channel_axis: int = 1) -> Gradients:
    """Gradients through inference, where the statistics are constants: dx = gamma * inv_std * dy.

    `normalized` is the inference's own: its x_hat holds (x - running_mean) / sqrt(running_var + eps).
    """
    wide = dy.astype(working_dtype(dy.dtype), copy=False)
    dgamma, dbeta = parameter_gradients(wide, normalized.x_hat, channel_axis)
    dx = per_channel(gamma, dy, channel_axis) * normalized.inv_std * wide
    return Gradients(dx.astype(dy.dtype, copy=False), dgamma, dbeta)


def double_backward(
    dy: Array,
    gamma: Array,
    normalized: Normalized,
    v_dx: Array,
    v_dgamma: Array,
    v_dbeta: Array,
    *,
    channel_axis: int = 1,
) -> DoubleGradients:
    """The gradient of `train_backward` itself: how <v_dx, dx> + <v_dgamma, dgamma> + <v_dbeta, dbeta> moves with x, dy and gamma.

    With r = inv_std, h = x_hat, means over the m values of a channel, and
    a = mean(dy), q = mean(dy h), b = mean(v_dx), p = mean(v_dx h), c = mean(v_dx dy) - a b - p q:

    d/dx     = -gamma r**2 (h (c - 2 p q) + p (dy - a) + q (v_dx - b)) + v_dgamma r (dy - a - q h)
    d/ddy    = gamma r (v_dx - b - p h) + v_dgamma h + v_dbeta
    d/dgamma = m r c

    Derived by differentiating the three lines of `train_backward`, with dr/dx = -r**2 h / m.
    """
    axes = reduction_axes(dy, channel_axis)

    def mean(values: Array) -> Array:
        averaged: Array = values.mean(axes, keepdims=True)
        return averaged

    h, r, g = normalized.x_hat, normalized.inv_std, per_channel(gamma, dy, channel_axis)
    v_g, v_b = per_channel(v_dgamma, dy, channel_axis), per_channel(v_dbeta, dy, channel_axis)
    a, q, b, p = mean(dy), mean(dy * h), mean(v_dx), mean(v_dx * h)
    c = mean(v_dx * dy) - a * b - p * q
    dx = -g * r**2 * (h * (c - 2 * p * q) + p * (dy - a) + q * (v_dx - b)) + v_g * r * (dy - a - q * h)
    ddy = g * r * (v_dx - b - p * h) + v_g * h + v_b
    m = dy.size // dy.shape[channel_axis]
    return DoubleGradients(dx, ddy, np.ravel(m * r * c))
