"""The nouns of a question: `Case` (what is asked), `Outcome` and `Gradients` (what came back). Frozen, checked once."""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

HALF_DTYPES = ("float16", "bfloat16")
"""Dtypes whose parameters and statistics are kept in float32, unless a layer is half throughout."""

LAYOUTS = ("contiguous", "strided", "reversed", "channels_last", "fortran")
"""How the bytes of x may lie in memory; the values are the same in each."""


class BadCase(ValueError):
    """A case that asks nothing: shapes that disagree, a negative eps, an axis out of range."""


def dtype_named(name: str) -> np.dtype[Any]:
    """The dtype of a name; bfloat16, which NumPy lacks, comes from the package ml_dtypes. Raises TypeError for no dtype."""
    if name == "bfloat16":
        try:
            bfloat16: np.dtype[Any] = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
        except ImportError:
            raise TypeError("bfloat16 needs the package ml_dtypes: pip install 'bnspec[bfloat16]'") from None
        return bfloat16
    return np.dtype(name)


def parameter_dtype(dtype: str) -> np.dtype[Any]:
    """The dtype in which gamma, beta and the running statistics accompany an x of `dtype`: never narrower than float32."""
    return np.dtype(np.float32 if dtype in HALF_DTYPES else dtype)


def to_columns(values: Array, channel_axis: int) -> Array:
    """`values` (N, C, *S), channels on `channel_axis`, as (m, C): one column a channel, m = N * prod(S) values each."""
    moved = values if channel_axis in (-1, values.ndim - 1) else np.moveaxis(values, channel_axis, -1)
    return moved.reshape(-1, moved.shape[-1])


def from_columns(columns: Array, shape: tuple[int, ...], channel_axis: int) -> Array:
    """The inverse of `to_columns`: (m, C) back to `shape`."""
    channels = shape[channel_axis]
    others = [size for axis, size in enumerate(shape) if axis != channel_axis % len(shape)]
    return np.ascontiguousarray(np.moveaxis(columns.reshape(*others, channels), -1, channel_axis))


@dataclass(frozen=True, eq=False)
class Case:
    """One question to a BatchNorm: an input, the parameters and the state it meets.

    x             (N, C, *S), rank 2 to 5, channels on `channel_axis`; float16, bfloat16, float32 or float64. Whole numbers can
                  be asked too; they are judged by the case that has them as floats
    gamma, beta   (C,), and so are running_mean and running_var, the state before the call
    eps           added to the variance, >= 0
    momentum      the argument as the implementation takes it; what it weighs is the convention's affair; None: cumulative
    dy            the upstream gradient, shaped as x; None where no gradient is asked
    layout        how the bytes of x lie in memory, one of `LAYOUTS`

    Raises `BadCase` when the pieces do not fit together.
    """

    x: Array
    gamma: Array
    beta: Array
    running_mean: Array
    running_var: Array
    eps: float = 1e-5
    momentum: float | None = 0.1
    dy: Array | None = None
    channel_axis: int = 1
    layout: str = "contiguous"

    def __post_init__(self) -> None:
        rank = self.x.ndim
        if rank < 2 or not -rank <= self.channel_axis < rank:
            raise BadCase(f"x needs at least 2 axes, one of them channel axis {self.channel_axis}; its shape is {self.x.shape}")
        for name in ("gamma", "beta", "running_mean", "running_var"):
            shape = getattr(self, name).shape
            if shape != (self.channels,):
                raise BadCase(f"{name} must have shape ({self.channels},), one value a channel of x {self.x.shape}; got {shape}")
        if self.dy is not None and self.dy.shape != self.x.shape:
            raise BadCase(f"dy must be shaped as x {self.x.shape}; got {self.dy.shape}")
        if not self.eps >= 0:
            raise BadCase(f"eps must be zero or more; got {self.eps!r}")
        if self.layout not in LAYOUTS:
            raise BadCase(f"layout must be one of {', '.join(LAYOUTS)}; got {self.layout!r}")

    @property
    def channels(self) -> int:
        """C, the size of the channel axis."""
        return int(self.x.shape[self.channel_axis])

    @property
    def m(self) -> int:
        """Values a channel: every axis of x but the channel's multiplied together."""
        return self.x.size // self.channels if self.channels else 0

    @property
    def dtype(self) -> str:
        """The name of x's dtype; its unit roundoff rules."""
        return self.x.dtype.name

    @property
    def upstream(self) -> Array:
        """dy, which must be there; raises `BadCase` where the case asks for no gradient."""
        if self.dy is None:
            raise BadCase("this case has no dy, the upstream gradient that gradients are asked for")
        return self.dy

    def replace(self, **changes: Any) -> Case:
        """The same case with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def columns(self, values: Array) -> Array:
        """An array shaped as x as float64 columns (m, C), exactly."""
        return to_columns(values, self.channel_axis).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Gradients:
    """dx shaped as x; dgamma and dbeta (C,), or None where the implementation has no such gradient."""

    dx: Array
    dgamma: Array | None = None
    dbeta: Array | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an implementation answered: y shaped as x, the running statistics after the call, gradients if asked."""

    y: Array
    running_mean: Array | None = None
    running_var: Array | None = None
    gradients: Gradients | None = None
