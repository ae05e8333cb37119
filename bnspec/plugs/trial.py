"""Trying an adapter's own text on small inputs, to see what somebody's code returns and where it leaves things."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
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


TRYING: ContextVar[bool] = ContextVar("TRYING", default=True)
"""Whether anything is tried. A child whose predecessor ended in a trial is made without, so that the laws can say what happened."""


class NotTried(Exception):
    """What a trial comes to where none is made."""


class Exited(Exception):
    """What a trial comes to in which SystemExit was raised."""


def tried(
    body: str, names: Mapping[str, Any], known: Collection[str], use: Callable[[Any, Array], T], shapes: Sequence[Shape] = SHAPES
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
    for shape in shapes:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                layer = run["Adapter"]().layer(usual_setup(known, len(shape)))
                return use(layer, np.linspace(-1.0, 1.0, math.prod(shape)).reshape(shape))
            except Question:
                raise
            except SystemExit as error:
                first = first or Exited(f"SystemExit: {error}")
            except Exception as error:
                first = first or error
    assert first is not None
    return first


def usual_setup(known: Collection[str], rank: int) -> Setup:
    """A setup with the usual start for what is known, and nothing said of the rest."""
    given = {role: np.copy(value) if role in STARTS else value for role, value in USUAL.items() if role in known}
    return Setup(**{**dict.fromkeys(USUAL), **given}, dtype="float64", channel_axis=1, rank=rank, channels=CHANNELS)  # type: ignore[arg-type]


def is_output(value: Any, x: Array) -> bool:
    """Whether this is y: an array or tensor shaped as x. Lists of numbers are no parts of a returned tuple."""
    return tuple(getattr(value, "shape", ())) == x.shape
