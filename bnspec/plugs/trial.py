"""Trying an adapter's own text on small inputs, to see what somebody's code returns and where it leaves things."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

from bnspec.case import Array
from bnspec.implementation import Setup
from bnspec.plugs.adapter import Question
from bnspec.plugs.constructor import CHANNELS, STARTS, USUAL

T = TypeVar("T")

Shape = tuple[int, ...]

SHAPES: tuple[Shape, ...] = ((4, CHANNELS), (4, CHANNELS, 5, 2), (4, CHANNELS, 5), (4, 5, 2, CHANNELS), (4, CHANNELS, 5, 2, 6))
"""Inputs tried, in this order: no axis but the channels' has their size."""


FIXED: ContextVar[tuple[Shape, int]] = ContextVar("FIXED", default=((), CHANNELS))
"""The only shape of x that the code on trial takes, () for any, and its number of channels."""

TRYING: ContextVar[bool] = ContextVar("TRYING", default=True)
"""Whether anything is tried. A child whose predecessor ended in a trial is made without, so that the laws can say what happened."""


class NotTried(Exception):
    """What a trial comes to where none is made."""


class Exited(Exception):
    """What a trial comes to in which SystemExit was raised."""


@contextlib.contextmanager
def trying_only(shape: Shape, channels: int) -> Iterator[None]:
    """Try code on this shape alone, for a while; () for any."""
    token = FIXED.set((shape, channels))
    try:
        yield
    finally:
        FIXED.reset(token)


def shapes_tried() -> Sequence[Shape]:
    """The shapes of x that are tried, in this order."""
    fixed, _ = FIXED.get()
    return (fixed,) if fixed else SHAPES


def channels_tried() -> int:
    """The number of channels that these have."""
    return FIXED.get()[1]


def tried(
    body: str,
    names: Mapping[str, Any],
    known: Collection[str],
    use: Callable[[Any, Array], T],
    shapes: Sequence[Shape] | None = None,
) -> T | Exception:
    """What `use(layer, x)` returns for the first shape of x with which it raises nothing; else the first thing raised.

    A `Question` goes to the user at once: other shapes would only hide it. Where nothing is tried it is `NotTried`.

    body, names   the adapter, and what it calls by name
    known         the parts of a setup that the layer is given, at their usual start
    """
    if not TRYING.get():
        return NotTried("it is not tried, since a trial ended the process")
    run = dict(names)
    first: Exception | None = None
    exec(body, run)
    for shape in shapes or shapes_tried():
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                layer = run["Adapter"]().layer(usual_setup(known, len(shape), channels_tried()))
                return use(layer, np.linspace(-1.0, 1.0, math.prod(shape)).reshape(shape))
            except Question:
                raise
            except SystemExit as error:
                first = first or Exited(f"SystemExit: {error}")
            except Exception as error:
                first = first or error
    assert first is not None
    return first


def usual_setup(known: Collection[str], rank: int, channels: int = CHANNELS) -> Setup:
    """A setup with the usual start for what is known, and nothing said of the rest."""
    given = {role: np.resize(value, channels) if role in STARTS else value for role, value in USUAL.items() if role in known}
    return Setup(**{**dict.fromkeys(USUAL), **given}, dtype="float64", channel_axis=1, rank=rank, channels=channels)  # type: ignore[arg-type]


def is_output(value: Any, x: Array) -> bool:
    """Whether this is y: an array or tensor shaped as x. Lists of numbers are no parts of a returned tuple."""
    return tuple(getattr(value, "shape", ())) == x.shape
