"""The calls of a counterexample as plain data: arrays that JSON can hold, and the steps that use them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from bnspec.case import Array

NonFinite = Literal["nan", "inf", "-inf"]

Number = float | NonFinite
"""JSON has no NaN and no infinity, so they are written as words; `float(number)` reads both."""

Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]+$(?!\n)", max_length=100)]
"""A name that goes into generated code and file names: letters, digits and underscores, and no line break behind them."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""What is counted. A file can hold whole numbers of any length, and Python has no words for the longest."""

Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A number that may be negative."""

DIMENSIONS = 32
"""Axes of an array: as many as every NumPy has."""

LARGEST_EMPTY = 1 << 24
"""What the axes of an array without values may come to, those of length 0 left out."""

REAL = "biuf"
"""Kinds of NumPy's dtypes that hold real numbers."""


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """An array as JSON: `data` is flat, in C order; a dtype NumPy lacks (bfloat16) is that of ml_dtypes."""

    dtype: Word
    shape: Annotated[list[Count], msgspec.Meta(max_length=DIMENSIONS)]
    data: list[float | Whole | bool | NonFinite]

    def __post_init__(self) -> None:
        numpy_dtype(self.dtype)
        if len(self.data) != math.prod(self.shape):
            raise ValueError(f"an array of shape {self.shape} cannot have {len(self.data)} values")
        if not self.data and math.prod(max(size, 1) for size in self.shape) > LARGEST_EMPTY:
            raise ValueError(f"an array of shape {self.shape} is larger than any of ours")

    @classmethod
    def of(cls, array: Array) -> Values:
        """An array as plain data, every bit of it."""
        flat: list[float] = array.astype(np.float64).ravel().tolist()
        words = [value if math.isfinite(value) else repr(value) for value in flat]
        return cls(dtype=array.dtype.name, shape=list(array.shape), data=words)  # type: ignore[arg-type]

    def numpy(self) -> Array:
        """The array, in its own dtype and shape."""
        numbers = np.array([float(value) for value in self.data])
        with np.errstate(all="ignore"):  # of a record that others wrote: NaN as a whole number
            return numbers.astype(numpy_dtype(self.dtype)).reshape(self.shape)


class LayerStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="layer"):
    """A fresh layer: the setup it was given, field for field; None asks for the layer's own start or default."""

    layer: Count
    gamma: Values | None
    beta: Values | None
    running_mean: Values | None
    running_var: Values | None
    eps: float | None
    momentum: float | None
    dtype: Word
    channel_axis: Whole
    rank: Count
    channels: Count


class ForwardStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="forward"):
    """`layer.forward(x, training=...)`, the bytes of x lying in memory as `layout` says."""

    layer: Count
    training: bool
    x: Values
    layout: Word = "contiguous"


class BackwardStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="backward"):
    """`layer.backward(dy)` for the latest forward, the bytes of dy lying in memory as `layout` says."""

    layer: Count
    dy: Values
    layout: Word = "contiguous"


class RunningStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="running"):
    """`layer.running()`."""

    layer: Count


class CopyStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="copy"):
    """The layer `to`, made of `layer` by copy.deepcopy or a round trip through pickle."""

    layer: Count
    to: Count
    how: Literal["deepcopy", "pickle"]


class SaveStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="save"):
    """`layer.save()`, kept under the number `state`."""

    layer: Count
    state: Count


class LoadStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="load"):
    """`layer.load(...)` of what was kept under the number `state`."""

    layer: Count
    state: Count


Step = LayerStep | ForwardStep | BackwardStep | RunningStep | CopyStep | SaveStep | LoadStep


class Shows(msgspec.Struct, frozen=True, kw_only=True):
    """Where the failure is seen: the result `name` of step number `step` of the trace, counted from 0."""

    step: Count
    name: Word


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The dtype of this name, asking ml_dtypes for those that NumPy lacks; ValueError where neither has it for real numbers."""
    try:
        found: np.dtype[Any] = np.dtype(name)
    except TypeError:
        import ml_dtypes

        kind = getattr(ml_dtypes, name, None)
        found = np.dtype(kind if isinstance(kind, type) else object)
    if found.name != name or not (found.kind in REAL or found.type.__module__ == "ml_dtypes"):
        raise ValueError(f"{name!r} is the name of no dtype, neither of NumPy nor of ml_dtypes")
    return found


def largest(name: str) -> float:
    """The largest finite number of the dtype of this name."""
    dtype = numpy_dtype(name)
    if hasattr(np, name):
        return float(np.finfo(dtype).max)
    import ml_dtypes

    foreign: Any = ml_dtypes.finfo
    return float(foreign(dtype).max)


def bracketed(words: Sequence[str], shape: Sequence[int]) -> str:
    """The words of an array, flat in C order, in nested brackets: [[1, 2], [3, 4]]."""
    if not shape:
        return words[0]
    size = math.prod(shape[1:])
    rows = [bracketed(words[row * size : (row + 1) * size], shape[1:]) for row in range(shape[0])]
    return f"[{', '.join(rows)}]"
