"""A class over NumPy arrays (or plain lists): `forward(x, ...)`, perhaps `backward(dy)`, state in attributes."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnspec.implementation import Setup
from bnspec.plugs import anatomy, names
from bnspec.plugs.adapter import Binding, indented
from bnspec.plugs.anatomy import CHANNELS, Anatomy
from bnspec.plugs.values import Place, find_entry, find_value

TRIAL_SHAPES = ((4, CHANNELS), (4, CHANNELS, 5, 2), (4, CHANNELS, 5), (4, 5, 2, CHANNELS))
"""Inputs tried, in this order, to see what a forward and a backward leave on the layer."""

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
class Backward:
    """A backward method: it returns (dx, dgamma, dbeta), or dx alone and leaves the gradients at places on the layer."""

    method: str
    returns_triple: bool
    places: dict[str, str]


def bind(label: str, subject: Any) -> Binding | None:
    """The adapter for a class with a forward method, None where `subject` is no such class.

    Raises `TargetError` where it is one and cannot be made, or wants something that its names do not explain.
    """
    parts = anatomy.dissect(label, subject)
    if parts is None:
        return None
    backward = _find_backward(parts)
    order = "a returned triple is dx, dgamma, dbeta; " if backward and backward.returns_triple else ""
    assumed = f"{order}x goes in as it is, whatever its rank; so does momentum, its meaning is measured"
    return Binding(_body(parts, backward), parts.described(_described(backward)), assumed)


def _find_backward(parts: Anatomy) -> Backward | None:
    """What backward returns and leaves, seen by running a forward and a backward once; None where it takes more than dy."""
    method = anatomy.find_method(type(parts.layer), names.BACKWARD)
    if method is None or sum(one.default is one.empty for one in anatomy.parameters_of(getattr(parts.layer, method))) != 1:
        return None
    returned, layer = _tried(parts, method)
    if isinstance(returned, (tuple, list)) and len(returned) == 3:
        return Backward(method, True, {})
    if isinstance(returned, (tuple, dict)):
        return None
    return Backward(method, False, _gradient_places(parts, layer))


def _tried(parts: Anatomy, method: str) -> tuple[Any, Any]:
    """(what backward returned, the user's layer after it), on the first of `TRIAL_SHAPES` that the layer takes.

    It runs the adapter's own text, so the layer is filled and switched as it will be. (None, a fresh layer) where no shape will do.
    """
    run: dict[str, Any] = {"Target": type(parts.layer)}
    exec(_body(parts, None), run)
    for shape in TRIAL_SHAPES:
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = run["Adapter"]().layer(_trial_setup(parts, len(shape)))
            y = layer.forward(np.linspace(-1.0, 1.0, math.prod(shape)).reshape(shape), training=True)
            return getattr(layer.bn, method)(np.array(y)), layer.bn
    return None, parts.layer


def _trial_setup(parts: Anatomy, rank: int) -> Setup:
    """A setup that fills what the layer is known to have, at its usual start."""
    usual: dict[str, Any] = {"eps": 1e-5, "momentum": 0.9}
    usual |= {"gamma": np.ones(CHANNELS), "beta": np.zeros(CHANNELS)}
    usual |= {"running_mean": np.zeros(CHANNELS), "running_var": np.ones(CHANNELS)}
    known = {*parts.values, *parts.constructor.arguments}
    given = {role: value if role in known else None for role, value in usual.items()}
    return Setup(**given, dtype="float64", channel_axis=1, rank=rank, channels=CHANNELS)


def _gradient_places(parts: Anatomy, layer: Any) -> dict[str, str]:
    """Where dgamma and dbeta lie: under their own names, else as `.grad` of the parameter, else in a dict of gradients."""
    places = {}
    for role, aliases, own in (("gamma", names.DGAMMA, names.GAMMA), ("beta", names.DBETA, names.BETA)):
        holder = parts.values[role].text.rpartition(".")[0] if role in parts.values else ""
        place = find_value(layer, aliases) or find_entry(layer, aliases + own, gradients=True)
        if place is not None:
            places[role] = place.text
        elif holder and hasattr(getattr(layer, holder[1:], None), "grad"):
            places[role] = f"{holder}.grad"
    return places


def _body(parts: Anatomy, backward: Backward | None) -> str:
    call = f"return np.asarray(self.bn.{parts.forward}(x{parts.switch.argument}))".replace(".__call__(", "(")
    before = [parts.switch.before] if parts.switch.before else []
    if not parts.switch.found:
        before = ["if not training:", f'    raise NotImplementedError("{parts.name} has no inference mode")']
    more = _backward_lines(backward) + _running_lines(parts)
    return LAYER.format(
        name=parts.name,
        label=parts.label,
        forward=indented(2, *before, call),
        more=indented(1, *more) + "\n" if more else "",
        construct=indented(2, *parts.constructor.lines(), *_write(parts)),
    )


def _backward_lines(backward: Backward | None) -> list[str]:
    if backward is None:
        return []
    call = f"self.bn.{backward.method}(dy)"
    if backward.returns_triple:
        answer = "np.asarray(dx), np.asarray(dgamma).reshape(-1), np.asarray(dbeta).reshape(-1)"
        return ["", "def backward(self, dy):", f"    dx, dgamma, dbeta = {call}", f"    return {answer}"]
    places = [backward.places.get(role) for role in ("gamma", "beta")]
    dgamma, dbeta = ("None" if place is None else f"np.array(self.bn{place}).reshape(-1)" for place in places)
    return ["", "def backward(self, dy):", f"    dx = np.asarray({call})", f"    return dx, {dgamma}, {dbeta}"]


def _running_lines(parts: Anatomy) -> list[str]:
    if not {"running_mean", "running_var"} <= parts.values.keys():
        return []
    mean, var = (f"np.array(self.bn{parts.values[role].text}).reshape(-1)" for role in ("running_mean", "running_var"))
    return ["", "def running(self):", f"    return {mean}, {var}"]


def _write(parts: Anatomy) -> list[str]:
    """The lines that write what the constructor does not take into the layer; what it does not have is refused if asked for."""
    lines = []
    for role in anatomy.ROLES:
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


def _described(backward: Backward | None) -> str:
    if backward is None:
        return "no backward(dy)"
    if backward.returns_triple:
        return f"{backward.method}(dy) -> (dx, dgamma, dbeta)"
    gradients = ", ".join(f"d{role} at {place}" for role, place in backward.places.items())
    return f"{backward.method}(dy) -> dx, {gradients or 'no gradients of gamma and beta'}"
