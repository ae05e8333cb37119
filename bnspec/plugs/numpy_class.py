"""A class over NumPy arrays (or plain lists): `forward(x, ...)`, perhaps `backward(dy)`, state in attributes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.plugs import names
from bnspec.plugs.adapter import Binding, indented
from bnspec.plugs.anatomy import Anatomy, dissect
from bnspec.plugs.constructor import CHANNELS, ROLES
from bnspec.plugs.gradients import ALONE, DOCUMENTED, Order, order_of
from bnspec.plugs.reading import find_method, required_of
from bnspec.plugs.returned import returned_names
from bnspec.plugs.states import whole_lines
from bnspec.plugs.target import Found
from bnspec.plugs.trial import is_output, tried
from bnspec.plugs.values import Place, find_entry, find_value

LAYER = '''\
import numpy as np


class Layer:
    """One {name}, asked as every other is."""

    def __init__(self, bn):
        self.bn = bn

    def forward(self, x, *, training):
{forward}
{more}

class Adapter:
    """Makes layers as `setup` wants them."""

    name = {label!r}

    def layer(self, setup):
{construct}
        return Layer(bn)
'''
"""The adapter without its particulars."""


@dataclass(frozen=True)
class Calls:
    """What a layer's methods return and take, seen by calling them.

    returns_more   forward returns y and other things after it
    backward       the method, "" where there is none that can be called
    cache          what follows dy in its call: the one other thing that forward returned
    order          how the result of backward is read
    places         where backward leaves the gradients that it does not return, on the layer
    """

    returns_more: bool = False
    backward: str = ""
    cache: str = ""
    order: Order = ALONE
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def described(self) -> str:
        """In words, for the user to confirm."""
        if not self.backward:
            return "no backward(dy)"
        call = f"{self.backward}(dy, cache)" if self.cache else f"{self.backward}(dy)"
        left = "".join(f", d{role} at {place}" for role, place in self.places.items())
        nothing = ", no gradients of gamma and beta" if not left and self.order == ALONE else ""
        return f"{call} -> {self.order.shown}{left}{nothing}"


def bind(found: Found) -> Binding | None:
    """The adapter for a class with a forward method, None where `subject` is no such class.

    Raises `TargetError` where it is one and cannot be made, or wants something that its names do not explain.
    """
    if not isinstance(found.subject, type):
        return None
    parts = dissect(found)
    if parts is None:
        return None
    calls = _watched(parts, found.gradients)
    documented = calls.order.assigned == ", ".join(DOCUMENTED) and not found.gradients
    order = "a returned triple is dx, dgamma, dbeta; " if documented else ""
    first = "y is the first of what forward returns; " if calls.returns_more else ""
    assumed = f"{first}{order}x goes in as it is, whatever its rank; so does momentum, its meaning is measured"
    return Binding(_body(parts, calls), parts.described(calls.described), assumed)


def _watched(parts: Anatomy, said: Sequence[str]) -> Calls:
    """What forward returns, and what backward returns and leaves, seen by running each once."""
    more = tried(_body(parts, WHOLE), {"Target": type(parts.layer)}, parts.known, _extras)
    calls = Calls(returns_more=not isinstance(more, Exception) and more is not None)
    method = find_method(type(parts.layer), names.BACKWARD)
    needed = [] if method is None else required_of(getattr(parts.layer, method))
    wants_cache = len(needed) == 2 and more == 1 and names.plain(needed[1]) in names.CACHE
    if method is None or not (len(needed) == 1 or wants_cache):
        return calls
    calls = replace(calls, backward=method, cache=", cache" if wants_cache else "")

    def differentiate(layer: Any, x: Array) -> tuple[Any, Any]:
        y = layer.forward(x, training=True)
        cache = (layer.returned[1],) if wants_cache else ()
        return getattr(layer.bn, method)(np.array(y), *cache), layer.bn

    seen = tried(_body(parts, calls), {"Target": type(parts.layer)}, parts.known, differentiate)
    returned, layer = (_documented(parts, method), parts.layer) if isinstance(seen, Exception) else seen
    order = order_of(returned, said)
    if order is None:
        return replace(calls, backward="")
    return replace(calls, order=order, places=_gradient_places(parts, layer) if order == ALONE else {})


def _documented(parts: Anatomy, method: str) -> Sequence[str] | None:
    """What stands in for the result of a backward that fails on trial: by its text a triple, or dx alone; it may fail later."""
    return DOCUMENTED if returned_names(getattr(parts.layer, method), len(DOCUMENTED)) else None


WHOLE = Calls(returns_more=True)
"""For the first trial: all that forward returns is kept."""


def _extras(layer: Any, x: Array) -> int | None:
    """How many things forward returns after y; None where it returns y alone."""
    with contextlib.suppress(ValueError):  # of an array of what is no array
        layer.forward(x, training=True)
    returned = layer.returned
    return len(returned) - 1 if isinstance(returned, tuple) and returned and is_output(returned[0], x) else None


def _gradient_places(parts: Anatomy, layer: Any) -> dict[str, str]:
    """Where dgamma and dbeta lie: under their own names, else as `.grad` of the parameter, else in a dict of gradients."""
    places = {}
    for role, aliases, own in (("gamma", names.DGAMMA, names.GAMMA), ("beta", names.DBETA, names.BETA)):
        if role in parts.constructor.closed:
            continue
        holder = parts.values[role].text.rpartition(".")[0] if role in parts.values else ""
        place = find_value(layer, aliases) or find_entry(layer, aliases + own, gradients=True)
        if place is not None:
            places[role] = place.text
        elif holder and hasattr(getattr(layer, holder[1:], None), "grad"):
            places[role] = f"{holder}.grad"
    return places


def _body(parts: Anatomy, calls: Calls) -> str:
    more = [*_backward_lines(parts, calls), *_running_lines(parts), *whole_lines(parts.layer)]
    return LAYER.format(
        name=parts.name,
        label=parts.label,
        forward=indented(2, *_forward_lines(parts, calls)),
        more=indented(1, *more) + "\n",
        construct=indented(2, *parts.constructor.lines(), *_write(parts)),
    )


def _forward_lines(parts: Anatomy, calls: Calls) -> list[str]:
    call = f"self.bn.{parts.forward}(x{parts.switch.argument})".replace(".__call__(", "(")
    before = [parts.switch.before] if parts.switch.before else []
    if parts.no_inference:
        before = ["if not training:", f'    raise NotImplementedError("{parts.no_inference}")']
    if not calls.returns_more:
        return [*before, f"return np.asarray({call})"]
    keep = ["self.training = training"] if calls.cache else []
    first = "return np.asarray(self.returned[0] if isinstance(self.returned, tuple) else self.returned)"
    return [*before, *keep, f"self.returned = {call}", first]


def _backward_lines(parts: Anatomy, calls: Calls) -> list[str]:
    if not calls.backward:
        return []
    nothing = f'    raise NotImplementedError("{parts.name} leaves nothing for a backward in inference")'
    cache = ["cache = self.returned[1] if isinstance(self.returned, tuple) else None"]
    cache += ["if cache is None and not self.training:", nothing]
    places = {f"d{role}": f"np.array(self.bn{place}).reshape(-1)" for role, place in calls.places.items()}
    taken = {name: f"np.asarray({place}).reshape(-1)" for name, place in calls.order.parts.items() if name != "dx"}
    dgamma, dbeta = ({**places, **taken}.get(name, "None") for name in ("dgamma", "dbeta"))
    lines = [
        *(cache if calls.cache else []),
        f"{calls.order.assigned} = self.bn.{calls.backward}(dy{calls.cache})",
        f"return np.asarray({calls.order.parts['dx']}), {dgamma}, {dbeta}",
    ]
    return ["", "def backward(self, dy):", *(f"    {line}" for line in lines)]


def _running_lines(parts: Anatomy) -> list[str]:
    if not {"running_mean", "running_var"} <= parts.values.keys():
        return []
    mean, var = (f"np.array(self.bn{parts.values[role].text}).reshape(-1)" for role in ("running_mean", "running_var"))
    return ["", "def running(self):", f"    return {mean}, {var}"]


def _write(parts: Anatomy) -> list[str]:
    """The lines that write what the constructor does not take into the layer; what it does not have is refused if asked for."""
    lines = []
    for role in ROLES:
        if role in parts.constructor.arguments:
            continue
        lines.append(f"if setup.{role} is not None:")
        place = parts.values.get(role)
        if place is None:
            lines.append(f'    raise NotImplementedError("{parts.name} has no {role} to set")')
        elif role in ("eps", "momentum"):
            lines.append(f"    bn{place.text} = setup.{role}")
        else:
            lines += [f"    {line}" for line in _write_array(role, place)]
    return lines


def _write_array(role: str, place: Place) -> list[str]:
    """An array goes in with the shape that the layer keeps; where it keeps none yet, (C,) does for (N, C) inputs only."""
    if place.value is not None and np.size(place.value) == CHANNELS:
        as_kept = "tolist" if isinstance(place.value, list) else "copy"
        return [f"bn{place.text} = setup.{role}.reshape(np.shape(bn{place.text})).{as_kept}()"]
    refusal = f'raise NotImplementedError("the layer shows no shape for {role} before its first call")'
    return ["if setup.rank != 2:", f"    {refusal}", f"bn{place.text} = setup.{role}.copy()"]
