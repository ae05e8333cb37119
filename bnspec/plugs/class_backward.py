"""What the backward of somebody's layer takes, returns, leaves and changes, seen by calling it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.plugs import names
from bnspec.plugs.anatomy import Anatomy
from bnspec.plugs.building import STEP
from bnspec.plugs.class_calls import Calls
from bnspec.plugs.class_text import called, text_of
from bnspec.plugs.gradients import ALONE, DOCUMENTED, order_of, said_order
from bnspec.plugs.reading import find_method, parameters_of, required_of
from bnspec.plugs.returned import returned_names
from bnspec.plugs.target import Found
from bnspec.plugs.trial import tried
from bnspec.plugs.values import PAIRED, find_entry, find_listed, find_value

GETTERS = ("gradients", "getgradients", "grads", "getgrads", "gradient", "getgrad")
"""Methods without arguments that give dgamma and dbeta, in this order."""


def with_backward(parts: Anatomy, calls: Calls, found: Found) -> Calls:
    """What backward takes, returns, leaves and changes, seen by running it once."""
    method = find_method(type(parts.layer), names.BACKWARD)
    arguments = None if method is None else _arguments(parts, calls, method)
    if method is None or arguments is None:
        return calls
    full = replace(calls, backward=method, arguments=arguments, after=find_method(type(parts.layer), names.ACCUMULATE) or "")
    seen = tried(text_of(parts, full), parts.scope, parts.known, lambda layer, x: _differentiated(parts, full, layer, x))
    function = getattr(parts.layer, method)
    if isinstance(seen, Exception):  # by its text a triple, or dx alone; it may fail later
        seen = (DOCUMENTED if returned_names(function, len(DOCUMENTED)) else None), parts.layer, ()
    returned, layer, moved = seen
    order = order_of(returned, found.gradients or said_order(function, returned, parts.label))
    if order is None:
        return calls
    full = replace(full, order=order, updates=moved, rate=_rate(parts) if moved else "", recorded=bool(moved and parts.build.needs))
    if len(moved) == 1 and not full.steps:  # no training step moves gamma alone: whatever does that is for the laws
        full = replace(full, updates=())
    if order != ALONE or full.steps:
        return full
    places = _gradient_places(parts, layer)
    return replace(full, places=places, clears=_clears(layer, places, accumulates=bool(full.after)))


def _differentiated(parts: Anatomy, calls: Calls, layer: Any, x: Array) -> tuple[Any, Any, tuple[str, ...]]:
    """What backward returned, the object after it, and which of its parameters it moved."""
    dy = np.array(layer.forward(x, training=True)) + x
    kept = {role: np.array(parts.values[role].read(layer.bn)) for role in ("gamma", "beta") if role in parts.values}
    scope = {"np": np, "self": layer, "dy": dy, "cache": layer.returned[1] if calls.cache else None}
    returned = eval(called(calls.backward, parts, calls), scope)
    if calls.after:
        eval(called(calls.after, parts, calls), scope)
    moved = tuple(role for role, value in kept.items() if not np.array_equal(value, parts.values[role].read(layer.bn)))
    return returned, layer.bn, moved


def _arguments(parts: Anatomy, calls: Calls, method: str) -> Mapping[str, str] | None:
    """What backward is called with: dy, and what its names say of the rest; None where they do not say enough."""
    parameters = {one.name: one for one in parameters_of(getattr(parts.layer, method))}
    needed = [name for name, one in parameters.items() if one.default is one.empty]
    rate = names.match(parameters, names.RATE)
    open_ = [name for name in needed if name != rate]
    dy = names.match((name for name in open_ if names.plain(name) not in names.X), names.DY) or next(
        (name for name in open_ if len(open_) == 1 or names.plain(name) not in (*names.X, *names.CACHE)), None
    )
    if dy is None:
        return None
    arguments = {}
    for name in parameters:
        text = "dy" if name == dy else STEP if name == rate else _known(parts, calls, name)
        if text:
            arguments[name] = text
        elif name in needed:
            return None
    return {"": "dy"} if list(arguments) == [dy] else arguments


def _known(parts: Anatomy, calls: Calls, name: str) -> str:
    """The adapter's text for an argument of backward, "" for one whose name says nothing."""
    if calls.returns_more and names.plain(name) in names.CACHE:
        return "cache"
    for role, passed in parts.passed.items():
        if role in ("gamma", "beta", "eps") and name == passed:
            return f'self.given["{passed}"]'
    return "self.x" if names.plain(name) in names.X else ""


def _rate(parts: Anatomy) -> str:
    """The attribute that is the step of an update, "" where there is none."""
    numbers = [name for name, value in getattr(parts.layer, "__dict__", {}).items() if isinstance(value, float)]
    return names.match(numbers, names.RATE) or ""


def _gradient_places(parts: Anatomy, layer: Any) -> dict[str, str]:
    """Where dgamma and dbeta lie: under their own names, as `.grad` of the parameter, in a dict or list, or behind a method."""
    found = {}
    for role, aliases, own in (("gamma", names.DGAMMA, names.GAMMA), ("beta", names.DBETA, names.BETA)):
        holder = parts.values[role].text.rpartition(".")[0] if role in parts.values else ""
        place = (
            find_value(layer, aliases)
            or find_entry(layer, aliases + own, gradients=True)
            or find_listed(layer, role, gradients=True)
        )
        if place is not None:
            found[role] = place.text
        elif holder and hasattr(getattr(layer, holder[1:], None), "grad"):
            found[role] = f"{holder}.grad"
        elif text := _behind_a_method(layer, role, aliases + own):
            found[role] = text
    return {role: text for role, text in found.items() if role not in parts.constructor.closed}


def _clears(layer: Any, places: Mapping[str, str], *, accumulates: bool) -> tuple[str, ...]:
    """What takes back the gradients before each backward: the layer's method for it, its parameters' method, or zeros."""
    if method := find_method(type(layer), names.CLEAR):
        return () if required_of(getattr(layer, method)) else (f"self.bn.{method}()",)
    lines = []
    for text in places.values():
        parameter = text.removesuffix(".grad")
        method = find_method(type(getattr(layer, parameter[1:], None)), names.CLEAR)
        if parameter != text and method is not None:
            lines.append(f"self.bn{parameter}.{method}()")
        elif accumulates:
            lines.append(f"self.bn{text} = np.zeros_like(self.bn{text})")
    return tuple(lines)


def _behind_a_method(layer: Any, role: str, aliases: tuple[str, ...]) -> str:
    """What a method gives as dgamma or dbeta: in a pair, in this order, or in a dict; "" where there is no such method."""
    getter = find_method(type(layer), GETTERS)
    if getter is None or parameters_of(getattr(layer, getter)):
        return ""
    with contextlib.suppress(Exception):  # whatever the user's code raises, it is no place of gradients then
        given = getattr(layer, getter)()
        if isinstance(given, dict):
            key = names.match(given, aliases)
            return f".{getter}()[{key!r}]" if key else ""
        return f".{getter}()[{PAIRED[role]}]" if len(given) == 2 else ""
    return ""
