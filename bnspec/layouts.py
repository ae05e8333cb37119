"""How the bytes of x lie in memory: the same values, presented in each of `bnspec.case.LAYOUTS`."""

from __future__ import annotations

import numpy as np

from bnspec.case import LAYOUTS, Array
from bnspec.implementation import NotOffered


def present(values: Array, layout: str, channel_axis: int) -> Array:
    """A writable array equal to `values`, in memory of its own, laid out as asked. Raises `NotOffered` for an unknown layout."""
    if layout == "contiguous":
        return np.array(values, order="C")
    if layout == "strided":
        return _strided(values)
    if layout == "reversed":
        backwards = (slice(None, None, -1),) * values.ndim
        return np.array(values[backwards], order="C")[backwards]
    if layout == "fortran":
        return np.array(values, order="F")
    if layout == "channels_last":
        return np.moveaxis(np.array(np.moveaxis(values, channel_axis, -1), order="C"), -1, channel_axis)
    raise NotOffered(f"the layout {layout!r} is not known here; the layouts are {', '.join(LAYOUTS)}")


def _strided(values: Array) -> Array:
    """Every second element of a larger array. What lies between is NaN, so that who reads the memory as it lies is seen."""
    larger = np.full([2 * size for size in values.shape], np.nan if values.dtype.kind in "fV" else 0, values.dtype)
    view = larger[(slice(None, None, 2),) * values.ndim]
    view[...] = values
    return view
