"""From what an implementation returned to plain arrays, or to one sentence that says why it is no answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.protocol import MAX_PAYLOAD, BadMessage, code_of


class BadAnswer(Exception):
    """What came back is not an array of numbers; the sentence says what it is, and what was expected."""


def array_of(value: Any, returned: str, expected: str) -> Array:
    """`value` as an array of numbers with at least one axis; it shares memory with `value` wherever NumPy can.

    `returned` and `expected` begin and end the sentence of a `BadAnswer`: "forward returned" None; "an array shaped (4, 3)"
    was expected. Whether the shape is right is for the judge to say.
    """
    if isinstance(value, np.ndarray) and value.dtype == object and not value.ndim:
        value = value.item()  # np.asarray(None), as an adapter makes it
    if value is None or isinstance(value, str | bytes | dict):
        raise BadAnswer(f"{returned} {_what(value)}; {expected} was expected")
    try:
        array = np.asarray(value)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise BadAnswer(f"{returned} {_what(value)} that NumPy cannot read ({reason}); {expected} was expected") from None
    if array.dtype.kind in "OSUmM":
        raise BadAnswer(f"{returned} {_what(value)} of {_contents(array)}, not of numbers; {expected} was expected")
    if not array.ndim:
        raise BadAnswer(f"{returned} a single number; {expected} was expected")
    return _sendable(array, returned, expected)


def per_channel(value: Any, name: str, returned: str, channels: int) -> Array:
    """`value` as (C,): statistics and their gradients come in many shapes, (1, C, 1, 1) for one, but have C elements."""
    expected = f"one number a channel, {channels} in all,"
    array = array_of(value, f"{returned} {name} as", expected)
    if array.size != channels:
        raise BadAnswer(f"{returned} {name} shaped {array.shape}; {expected} was expected")
    return array.reshape(channels)


def gradients_of(value: Any, shape: tuple[int, ...], channels: int) -> dict[str, Array]:
    """dx and, where they are offered, dgamma and dbeta, by name. An array alone is dx; a tuple is (dx, dgamma, dbeta)."""
    expected = f"dx shaped {shape} or a tuple (dx, dgamma, dbeta)"
    if not isinstance(value, tuple):
        return {"dx": array_of(value, "backward returned", expected)}
    if len(value) != 3:
        raise BadAnswer(f"backward returned {_what(value)}; {expected} was expected")
    parameters = {name: per_channel(part, name, "backward returned", channels) for name, part in _named(value)}
    return {"dx": array_of(value[0], "backward returned dx as", f"an array shaped {shape}"), **parameters}


def statistics_of(value: Any, channels: int) -> dict[str, Array]:
    """The running mean and variance, (C,) each, by name, from a pair."""
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 2:
        raise BadAnswer(f"running returned {_what(value)}; a pair (mean, var) was expected")
    return {name: per_channel(part, name, "running returned", channels) for name, part in zip(("mean", "var"), value, strict=True)}


def _named(gradients: tuple[Any, Any, Any]) -> list[tuple[str, Any]]:
    """Those parameter gradients that are there: a layer without gamma has no dgamma."""
    return [(name, part) for name, part in (("dgamma", gradients[1]), ("dbeta", gradients[2])) if part is not None]


def _sendable(array: Array, returned: str, expected: str) -> Array:
    """The array in a dtype that can travel: as it is, or whole numbers and truth values as int64, which holds them all."""
    if array.nbytes > MAX_PAYLOAD:
        size = f"{array.nbytes / 2**30:,.0f} GiB, more than can be sent"
        raise BadAnswer(f"{returned} an array shaped {array.shape}, which is {size}; {expected} was expected")
    try:
        code_of(array.dtype)
    except BadMessage:
        if array.dtype.kind not in "biu" or array.dtype == np.uint64:
            raise BadAnswer(f"{returned} an array of dtype {array.dtype.name}; {expected} of float dtype was expected") from None
        return array.astype(np.int64)
    return array


def _what(value: Any) -> str:
    """The value in a few words, without printing what it contains."""
    if value is None:
        return "None"
    kind = type(value).__name__.replace("ndarray", "array")
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    return f"{article} {kind} of {len(value)}" if isinstance(value, tuple | list) else f"{article} {kind}"


def _contents(array: Array) -> str:
    return "Python objects" if array.dtype.kind == "O" else f"dtype {array.dtype.name}"
