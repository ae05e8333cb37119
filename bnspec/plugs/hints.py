"""What a target says about code beyond its name: how a layer is made, where the features are, what it never lets itself be given.

mybn.py:BN(make="BN({channels})", layout="CN", eps=1e-5, variant="ghost:4", fixed_shape="16x3")
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bnspec.plugs.adapter import Binding, TargetError
from bnspec.plugs.constructor import CHANNELS, NUMBERS, ROLES, STARTS, Constructor
from bnspec.plugs.reading import parameters_of
from bnspec.plugs.target import Found, Hints
from bnspec.plugs.trial import usual_setup

LAYOUTS = {"NC": None, "CN": None, "NCL": 1, "NCHW": 1, "NCDHW": 1, "NLC": -1, "NHWC": -1, "NDHWC": -1}
"""The layouts that can be said, and the channel axis that each declares, if any."""

PLACEHOLDER = re.compile(r"\{(channels|rank|eps|momentum|gamma|beta|running_mean|running_var)\}")
"""What stands in the text of make= for a part of the setup."""

HINTED = '''

class Adapter(Adapter):
    """The adapter with what was said beyond it."""
{said}{layer}'''
"""What follows an adapter about which something was said."""

LAYER = """
    def layer(self, setup):
        return within(super().layer(setup))


def within(layer):
    forward, copied = layer.forward, getattr(layer, "copied", None)

    def forward_within(x, *, training):
{refusals}
        return forward(x, training=training)

    layer.forward = forward_within
    if copied is not None:
        layer.copied = lambda duplicate: within(copied(duplicate))
    return layer
"""
"""A layer that refuses what it is not made for, and so do its copies."""


def with_hints(found: Found) -> Found:
    """What was found with the target's hints read, unless they are arguments of the class or function itself.

    Raises `TargetError` for a value that no hint has.
    """
    own = {one.name for one in parameters_of(found.subject)}
    said = {name: value for name, value in found.keywords.items() if name in READERS and name not in own}
    read = {name: READERS[name](found.label, value) for name, value in said.items()}
    rest = {name: value for name, value in found.keywords.items() if name not in said}
    return replace(found, keywords=rest, hints=Hints(**read))


def hinted(binding: Binding, hints: Hints) -> Binding:
    """The binding with what hints add to any adapter: what they declare, and what they refuse."""
    axis = LAYOUTS[hints.layout] if hints.layout else None
    declared = {"channel_axis": axis, "eps_default": hints.eps}
    said = {name: value for name, value in declared.items() if value is not None}
    refusals = [*_shape_refusal(hints), *_variant_refusal(hints)]
    if not said and not refusals:
        return binding
    known = [f'convention = {{**(getattr(Adapter, "convention", None) or {{}}), **{said!r}}}'] if said else []
    known += [f"fixed_shape = {hints.fixed_shape}"] if hints.fixed_shape else []
    known += [f"ghost = {size}"] if (size := _ghost(hints)) else []
    lines = "\n".join(f"        {line}" for line in refusals)
    text = "".join(f"\n    {line}\n" for line in known)
    body = binding.body + HINTED.format(said=text, layer=LAYER.format(refusals=lines) if refusals else "")
    return replace(binding, body=body)


def channels_of(hints: Hints) -> int:
    """How many channels the only shape has; as many as are usual on trial where any shape is taken."""
    axis = LAYOUTS.get(hints.layout) or 1
    return hints.fixed_shape[axis] if hints.fixed_shape else CHANNELS


def _ghost(hints: Hints) -> int:
    """How many samples are normalized at a time, 0 where it is all of them."""
    return int(hints.variant.partition(":")[2] or 0)


def _shape_refusal(hints: Hints) -> list[str]:
    if not hints.fixed_shape:
        return []
    return [f"if x.shape != {hints.fixed_shape}:", f'    raise NotImplementedError("x is always shaped {hints.fixed_shape}")']


def _variant_refusal(hints: Hints) -> list[str]:
    if hints.variant == "frozen":
        return ["if training:", '    raise NotImplementedError("it is frozen, and has no training")']
    if size := _ghost(hints):
        why = f'    raise NotImplementedError("it normalizes {size} samples at a time, and nothing says what becomes of the rest")'
        return [f"if training and x.shape[0] > {size} and x.shape[0] % {size}:", why]
    return []


def made(found: Found) -> Constructor:
    """The target's own way to make a layer; raises `TargetError` where its text is no expression of what stands in the file."""
    used = [match[1] for match in PLACEHOLDER.finditer(found.hints.make)]
    text = PLACEHOLDER.sub(lambda match: _part(match[1]), found.hints.make)
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise TargetError(
            f"make={found.hints.make!r} is no Python expression; say how a layer is made, such as {found.name}({{channels}})"
        ) from error
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"setup", "np", *dir(builtins)}
    if unknown := sorted(names - {*found.beside}):
        raise TargetError(f"make={found.hints.make!r} names {unknown[0]}, which {found.place.partition(':')[0]} does not have")
    return Constructor({role: role for role in used if role in ROLES}, frozenset(), {}, frozenset(), made=text)


def _part(name: str) -> str:
    """The text for a placeholder, with what stands in where the setup leaves it open."""
    if name in ("channels", "rank"):
        return f"setup.{name}"
    value = f"setup.{name}.copy()" if name in STARTS else f"setup.{name}"
    return f"({(STARTS | NUMBERS)[name]} if setup.{name} is None else {value})"


def names_used(found: Found, constructor: Constructor) -> list[str]:
    """What stands beside the target that its expression for a layer names."""
    tree = ast.parse(constructor.made, mode="eval")
    return sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in found.beside})


def make_layer(found: Found, constructor: Constructor) -> Any:
    """One layer by the target's own expression; raises `TargetError` where that fails."""
    import numpy as np

    scope = {
        "np": np,
        "setup": usual_setup(constructor.arguments, 2),
        **{name: found.beside[name] for name in names_used(found, constructor)},
    }
    try:
        return eval(constructor.made, scope)
    except (Exception, SystemExit) as error:
        raise TargetError(f"{found.hints.make} raised {type(error).__name__}: {error}") from error


def _text(name: str, example: str) -> Any:
    def read(label: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise TargetError(f"{label}: {name}= is a text such as {example!r}; got {value!r}")
        return value

    return read


def _layout(label: str, value: Any) -> str:
    if value not in LAYOUTS:
        raise TargetError(
            f'{label}: layout is "CN" for features first, or "NC", or one of {", ".join(list(LAYOUTS)[2:])}; got {value!r}'
        )
    return str(value)


def _eps(label: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise TargetError(f"{label}: eps= is the number that is added to the variance, such as 1e-5; got {value!r}")
    return float(value)


def _variant(label: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"frozen|sync|ghost:[1-9]\d*", value):
        raise TargetError(f'{label}: variant is "frozen", "sync", or "ghost:4" for normalizing 4 samples at a time; got {value!r}')
    return value


def _fixed_shape(label: str, value: Any) -> tuple[int, ...]:
    sizes = (
        [int(size) for size in re.findall(r"\d+", value)]
        if isinstance(value, str)
        else list(value)
        if isinstance(value, (list, tuple))
        else []
    )
    if not 2 <= len(sizes) <= 5 or not all(type(size) is int and size > 0 for size in sizes):
        raise TargetError(f'{label}: fixed_shape is the one shape of x that is taken, such as "16x3x32x32"; got {value!r}')
    return tuple(sizes)


READERS: Mapping[str, Any] = {
    "make": _text("make", "BN({channels})"),
    "layout": _layout,
    "eps": _eps,
    "variant": _variant,
    "fixed_shape": _fixed_shape,
}
"""The hints, and how the value of each is read."""
