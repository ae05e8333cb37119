"""What a request says, checked: its words, numbers and arrays, and the setup that a layer request asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from bnspec.case import Array
from bnspec.implementation import NotOffered, Setup
from bnspec.protocol import Message, dtype_of

N = TypeVar("N", int, float)


class Refusal(Exception):
    """A request that cannot be answered as it stands; the sentence is complete."""


def word(request: Message, name: str) -> str:
    """A word that the request must have."""
    if name not in request.words:
        raise Refusal(f"a request {request.op} needs the word {name}=")
    return request.words[name]


def array(request: Message, name: str) -> Array:
    """An array that the request must have."""
    if name not in request.arrays:
        raise Refusal(f"a request {request.op} needs the array {name}")
    return request.arrays[name]


def whole(request: Message, name: str) -> int:
    """A whole number that the request must have."""
    return _number(request, name, int, "a whole number")


def decimal(request: Message, name: str) -> float | None:
    """A number that the request may leave out."""
    return _number(request, name, float, "a number") if name in request.words else None


def setup_of(request: Message) -> Setup:
    """The setup that a layer request asks for, with arrays of its own. Fields that the request leaves out are None."""
    arrays = {name: np.array(given, order="C") for name, given in request.arrays.items()}
    gamma, beta, mean, var = (arrays.get(name) for name in ("gamma", "beta", "running_mean", "running_var"))
    dtype = dtype_of(word(request, "dtype"))
    if dtype == np.dtype("V2"):
        raise NotOffered("bfloat16 needs the package ml_dtypes, which the Python of this implementation does not have")
    axis, rank, channels = (whole(request, name) for name in ("axis", "rank", "channels"))
    return Setup(gamma, beta, mean, var, decimal(request, "eps"), decimal(request, "momentum"), dtype.name, axis, rank, channels)


def _number(request: Message, name: str, read: Callable[[str], N], kind: str) -> N:
    text = word(request, name)
    try:
        return read(text)
    except ValueError:
        raise Refusal(f"a request {request.op} needs {kind} as {name}=; got {text!r}") from None
