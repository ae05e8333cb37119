"""A class over NumPy arrays (or plain lists): `forward(x, ...)`, perhaps `backward(dy)`, state in attributes."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from bnspec.plugs.adapter import Binding
from bnspec.plugs.anatomy import Anatomy, dissect
from bnspec.plugs.class_backward import with_backward
from bnspec.plugs.class_calls import Calls
from bnspec.plugs.class_forward import forward_seen, keeps_size, takes_statistics
from bnspec.plugs.class_text import text_of
from bnspec.plugs.constructor import SHAPES
from bnspec.plugs.gradients import DOCUMENTED
from bnspec.plugs.target import Found
from bnspec.plugs.values import STATISTICS


def bind(found: Found) -> Binding | None:
    """The adapter for a class with a forward method, None where `subject` is no such class.

    Raises `TargetError` where it is one and cannot be made, or wants something that its names do not explain.
    """
    if not (isinstance(found.subject, type) or found.hints.make):
        return None
    parts = dissect(found)
    if parts is None:
        return None
    parts, calls = forward_seen(parts)
    for shape in SHAPES[1:] if parts.constructor.takes_shape and not keeps_size(parts, calls) else ():
        with contextlib.suppress(Exception):  # a shape that this class cannot take
            other = dissect(found, shape)
            if other is not None and keeps_size(*(seen := forward_seen(other))):
                parts, calls = seen
                break
    if not takes_statistics(parts, calls):
        parts = replace(parts, values={role: place for role, place in parts.values.items() if role not in STATISTICS})
    calls = with_backward(parts, calls, found)
    return Binding(text_of(parts, calls), parts.described(calls.described), _assumed(parts, calls, found), parts.beside)


def _assumed(parts: Anatomy, calls: Calls, found: Found) -> str:
    documented = calls.order.assigned == ", ".join(DOCUMENTED) and not found.gradients
    return "; ".join(
        [
            *(["y is the first of what forward returns"] if calls.returns_more else []),
            *(["a returned triple is dx, dgamma, dbeta"] if documented else []),
            *(["features come first: x is (C, N)"] if parts.columns else []),
            *(["x goes in as plain lists"] if calls.lists else []),
            *(["what its backward does to the parameters is undone"] if calls.updates else []),
            "x goes in as it is, whatever its rank; so does momentum, its meaning is measured",
        ]
    )
