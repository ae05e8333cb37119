"""What a benchmark gives to an implementation: inputs made from a seed, alike at both ends, and no two of them the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from bnspec.case import Array, dtype_named
from bnspec.layouts import present

OPERATIONS = ("forward", "inference", "backward", "step")
"""What is timed: a training forward, an inference, a training backward, and a forward with its backward."""

OFFSETS = 1 << 13
"""Places in the pool at which an input may begin: inputs that differ in every value, and not by a scale or a shift, which
Batch Normalization takes out again."""

TRAFFIC = {"forward": 2, "inference": 2, "backward": 3, "step": 4}
"""Arrays of the size of x that an operation must move at least: x read and y written; x and dy read and dx written; all four."""


@dataclass(frozen=True)
class Workload:
    """The inputs of one benchmark: normal numbers of this mean and standard deviation, in a channel.

    shape     of x, channels on `channel_axis`;  dtype: of x and dy;  layout: how they lie in memory, one of `bnspec.case.LAYOUTS`
    """

    shape: tuple[int, ...]
    dtype: str
    channel_axis: int
    layout: str = "contiguous"
    mean: float = 0.5
    std: float = 1.0
    seed: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of x."""
        return prod(self.shape) * dtype_named(self.dtype).itemsize

    @cached_property
    def pool(self) -> Array:
        """The numbers that inputs are pieces of; in float64 only where x is."""
        kind = np.float64 if self.dtype == "float64" else np.float32
        return np.random.Generator(np.random.PCG64(self.seed)).standard_normal(prod(self.shape) + OFFSETS, dtype=kind)

    def x(self, call: int) -> Array:
        """The input of a call, in memory of its own."""
        return self._laid_out(self._piece(2 * call) * self.std + self.mean)

    def dy(self, call: int) -> Array:
        """The upstream gradient of a call."""
        return self._laid_out(self._piece(2 * call + 1)[::-1])

    def _piece(self, number: int) -> Array:
        start = int(np.random.Generator(np.random.PCG64([self.seed, number])).integers(OFFSETS))
        return self.pool[start : start + prod(self.shape)]

    def _laid_out(self, values: Array) -> Array:
        return present(values.astype(dtype_named(self.dtype), copy=False).reshape(self.shape), self.layout, self.channel_axis)


def some_channels(values: Array, channels: Array, channel_axis: int) -> Array:
    """Only these channels of an array shaped as x."""
    return np.ascontiguousarray(np.take(values, channels, channel_axis))
