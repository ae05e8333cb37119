"""A class over NumPy arrays (or plain lists): `forward(x, ...)`, perhaps `backward(dy)`, state in attributes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.plugs import names
from bnspec.plugs.adapter import Binding
from bnspec.plugs.anatomy import Anatomy, dissect
from bnspec.plugs.building import STEP, is_whole
from bnspec.plugs.class_text import Calls, called, text_of
from bnspec.plugs.constructor import CHANNELS, ROLES, SHAPES
from bnspec.plugs.gradients import ALONE, DOCUMENTED, order_of, said_order
from bnspec.plugs.reading import find_method, parameters_of
from bnspec.plugs.returned import returned_names
from bnspec.plugs.target import Found
from bnspec.plugs.trial import is_output, tried
from bnspec.plugs.values import PAIRED, STATISTICS, find_entry, find_listed, find_value, find_values

GETTERS = ("gradients", "getgradients", "grads", "getgrads", "gradient", "getgrad")
"""Methods without arguments that give dgamma and dbeta, in this order."""


def bind(found: Found) -> Binding | None:
    """The adapter for a class with a forward method, None where `subject` is no such class.

    Raises `TargetError` where it is one and cannot be made, or wants something that its names do not explain.
    """
    if not (isinstance(found.subject, type) or found.hints.make):
        return None
    parts = dissect(found)
    if parts is None:
        return None
    parts, calls = _forward_seen(parts)
    for shape in SHAPES[1:] if parts.constructor.takes_shape and not _keeps_size(parts, calls) else ():
        with contextlib.suppress(Exception):  # a shape that this class cannot take
            other = dissect(found, shape)
            if other is not None and _keeps_size(*(seen := _forward_seen(other))):
                parts, calls = seen
                break
    if _counter(parts, calls):
        parts = replace(parts, values={role: place for role, place in parts.values.items() if role not in STATISTICS})
    calls = _with_backward(parts, calls, found)
    return Binding(text_of(parts, calls), parts.described(calls.described), _assumed(parts, calls, found), parts.beside)


def _assumed(parts: Anatomy, calls: Calls, found: Found) -> str:
    documented = calls.order.assigned == ", ".join(DOCUMENTED) and not found.gradients
    return "; ".join(
        [
            *(["y is the first of what forward returns"] if calls.returns_more else []),
            *(["a returned triple is dx, dgamma, dbeta"] if documented else []),
            *(["features come first, x is (C, N), since its arrays are (C, 1)"] if parts.columns else []),
            *(["x goes in as plain lists"] if calls.lists else []),
            *(["what its backward does to the parameters is undone"] if calls.updates else []),
            "x goes in as it is, whatever its rank; so does momentum, its meaning is measured",
        ]
    )


def _forward_seen(parts: Anatomy) -> tuple[Anatomy, Calls]:
    """What a first forward shows: what it returns, whether it wants lists, and which arrays it makes."""
    whole = Calls(returns_more=True)
    more = tried(text_of(parts, whole), parts.scope, parts.known, _extras)
    lists = isinstance(more, Exception)
    if lists:
        with_lists = tried(text_of(parts, replace(whole, lists=True)), parts.scope, parts.known, _extras)
        lists, more = not isinstance(with_lists, Exception), with_lists if not isinstance(with_lists, Exception) else more
    calls = Calls(returns_more=not isinstance(more, Exception) and more is not None, lists=lists)
    arrays = [role for role in PAIRED if role not in {*parts.constructor.arguments, *parts.constructor.closed, *parts.passed}]
    return (parts, calls) if is_whole(parts.values, CHANNELS, arrays) else _started(parts, calls, arrays)


def _started(parts: Anatomy, calls: Calls, arrays: Sequence[str]) -> tuple[Anatomy, Calls]:
    """The parts with those arrays that the first call makes; inference makes them too, where it can, and leaves them untouched."""
    body, known = text_of(parts, replace(calls, bare=True)), parts.known - {*arrays}
    for mode in ("inference", "training") if parts.switch.found else ("training",):
        layer = tried(body, parts.scope, known, lambda layer, x, now=mode == "training": _called(layer, x, training=now))
        if isinstance(layer, Exception):
            continue
        made = {role: place for role, place in find_values(layer, ROLES).items() if role in arrays and is_whole({role: place}, CHANNELS, [role])}
        made = {role: place for role, place in made.items() if names.plain(place.text[1:]) not in names.SHORT}
        if len(made) > sum(is_whole(parts.values, CHANNELS, [role]) for role in arrays):
            return replace(parts, values={**parts.values, **made}), replace(calls, starts=mode)
    return parts, calls


def _called(layer: Any, x: Array, *, training: bool) -> Any:
    layer.forward(x, training=training)
    return layer.bn


def _extras(layer: Any, x: Array) -> int | None:
    """How many things forward returns after y; None where it returns y alone. Raises where there is no y among them."""
    with contextlib.suppress(ValueError):  # of an array of what is no array
        layer.forward(x, training=True)
    returned = layer.returned
    return len(returned) - 1 if isinstance(returned, tuple) and returned and is_output(returned[0], x) else None


def _keeps_size(parts: Anatomy, calls: Calls) -> bool:
    """Whether a training step leaves the arrays of a layer as many numbers as they had, one a channel."""
    layer = tried(text_of(parts, calls), parts.scope, parts.known, lambda layer, x: _called(layer, x, training=True))
    if isinstance(layer, Exception):
        return False
    after = find_values(layer, ROLES)
    return is_whole(after, CHANNELS, [role for role in PAIRED if role in after])


def _counter(parts: Anatomy, calls: Calls) -> str:
    """The number of steps that its inference depends on, "" where there is none: statistics that are corrected by it cannot be given."""
    if parts.no_inference:
        return ""

    def counted(layer: Any, x: Array) -> str:
        before = {name: value for name, value in vars(layer.bn).items() if type(value) in (int, float)}
        layer.forward(x, training=True)
        for name, value in before.items():
            if getattr(layer.bn, name, value) != value:
                seen = []
                for steps in (1, 1000):
                    setattr(layer.bn, name, steps)
                    seen.append(np.array(layer.forward(x, training=False)))
                if not np.array_equal(*seen):
                    return name
        return ""

    found = tried(text_of(parts, calls), parts.scope, parts.known, counted)
    return found if isinstance(found, str) else ""


def _with_backward(parts: Anatomy, calls: Calls, found: Found) -> Calls:
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
    return replace(full, places=_gradient_places(parts, layer)) if order == ALONE and not full.steps else full


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
    """Where dgamma and dbeta lie: under their own names, else as `.grad` of the parameter, in a dict or list, or behind a method."""
    found = {}
    for role, aliases, own in (("gamma", names.DGAMMA, names.GAMMA), ("beta", names.DBETA, names.BETA)):
        holder = parts.values[role].text.rpartition(".")[0] if role in parts.values else ""
        place = find_value(layer, aliases) or find_entry(layer, aliases + own, gradients=True) or find_listed(layer, role, gradients=True)
        if place is not None:
            found[role] = place.text
        elif holder and hasattr(getattr(layer, holder[1:], None), "grad"):
            found[role] = f"{holder}.grad"
        elif text := _behind_a_method(layer, role, aliases + own):
            found[role] = text
    return {role: text for role, text in found.items() if role not in parts.constructor.closed}


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
