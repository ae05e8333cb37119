"""A forward function, alone or with a backward and an inference beside it: `batchnorm_forward(x, gamma, beta, bn_param)`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bnspec.plugs.adapter import SKELETON, Binding, TargetError
from bnspec.plugs.layouts import documents_columns
from bnspec.plugs.pair import ARRAYS, COLUMNS, IMAGES, LISTS, TENSORS_IN, Kind, Pair
from bnspec.plugs.pair_text import text_of
from bnspec.plugs.pair_trials import Functions, seen
from bnspec.plugs.reading import codes_of, globals_kept, parameters_of
from bnspec.plugs.siblings import OPTIONS, Family, family_of, is_function
from bnspec.plugs.signature import Signature, read_signature
from bnspec.plugs.target import Found


def bind(found: Found) -> Binding | None:
    """The adapter for a forward function, or for a class that holds its functions as static methods; None for anything else.

    Raises `TargetError` where it is one that cannot be called, and `Question` where names leave two readings.
    """
    if found.hints.make:
        return None
    is_class = isinstance(found.subject, type)
    inner = _opened(found)
    if inner is None:
        return None
    family = family_of(inner, "forward" if is_class else found.name)
    inner = _without_options(inner)
    signature = read_signature(inner)
    if signature is None:
        return None
    if kept := next(globals_kept(inner.subject), None):
        raise TargetError(
            f"{found.label} keeps {kept} in a global, which all its layers would share; take it as an argument, or write "
            f"an adapter that gives each layer its own:\n\n{SKELETON}"
        )
    members = {kind: name for kind, name in vars(family).items() if name}
    texts = {kind: f"Target.{name}" if is_class else kind.capitalize() for kind, name in members.items()}
    pair = Pair(
        name=found.name,
        label=found.label,
        kind=ARRAYS,
        signature=signature,
        forward="Target.forward" if is_class else "Target",
        inference=texts.get("inference", ""),
        inference_signature=_inference_signature(inner, family),
    )
    pair, why_not = seen(pair, _functions(found, inner, members), texts.get("backward", ""))
    beside = {} if is_class else {texts[kind]: name for kind, name in members.items()}
    return Binding(text_of(pair), _described(pair, family, why_not), _assumed(pair, bool(found.gradients)), beside)


def _without_options(inner: Found) -> Found:
    """The same without those keyword arguments that are ours and not the function's own."""
    options = set(OPTIONS) - set(_parameters(inner.subject))
    return replace(inner, keywords={name: value for name, value in inner.keywords.items() if name not in options})


def _functions(found: Found, inner: Found, members: Mapping[str, str]) -> Functions:
    """The user's functions, `members` by kind; a class's are reached through it, others by the names that the text has for them."""
    by_kind = {kind: inner.beside[name] for kind, name in members.items()}
    scope = {"Target": found.subject, **{kind.capitalize(): function for kind, function in by_kind.items()}}
    pair = (by_kind.get("backward"), by_kind.get("inference"))
    return Functions(inner.subject, *pair, scope, found.returned, found.gradients, _kinds(found, inner.subject))


def _kinds(found: Found, forward: Callable[..., Any]) -> list[Kind]:
    """What the function may compute on. One that names torch in its code wants tensors, one beside an import of it may."""
    layout = found.hints.layout
    if layout == "CN" or (not layout and documents_columns(forward)):
        return [COLUMNS]
    if layout:
        return [ARRAYS, IMAGES]
    torch, near = sys.modules.get("torch"), inspect.unwrap(forward).__globals__.values()
    if torch is None or not any(one is torch for one in near):
        return [ARRAYS, IMAGES, COLUMNS, LISTS]
    names_torch = any("torch" in code.co_names for code in codes_of(forward))
    return [TENSORS_IN, ARRAYS, IMAGES] if names_torch else [ARRAYS, IMAGES, TENSORS_IN]


def _opened(found: Found) -> Found | None:
    """The forward function as what was found, with what stands beside it: in its module, or in its class."""
    if isinstance(found.subject, type):
        if not isinstance(inspect.getattr_static(found.subject, "forward", None), staticmethod):
            return None
        beside = {name: getattr(found.subject, name) for name in dir(found.subject) if not name.startswith("__")}
        found = replace(found, subject=beside["forward"], beside=beside)
    first = _parameters(found.subject)[:1] if is_function(found.subject) else ["self"]
    if first == ["ctx"]:
        raise TargetError(f"{found.label} is half of an operation of autograd; name the module or the function that applies it")
    return None if first == ["self"] else found


def _inference_signature(inner: Found, family: Family) -> Signature | None:
    """How the inference of its own is called, with those of the target's fixed arguments that it takes; None without one."""
    if not family.inference:
        return None
    function = inner.beside[family.inference]
    fixed = {name: value for name, value in inner.keywords.items() if name in _parameters(function)}
    return read_signature(Found(f":{family.inference}", function, fixed))


def _parameters(function: Callable[..., Any]) -> list[str]:
    return [one.name for one in parameters_of(function)]


def _described(pair: Pair, family: Family, why_not: str) -> str:
    """In one sentence, what is called and how."""
    signature = pair.signature
    switch = signature.switch.found or (f"inference by {family.inference}" if family.inference else "")
    said = f"{pair.name}({', '.join(filter(None, (signature.x, signature.shown)))})"
    said += (
        f" switched by {signature.switch.found}"
        if signature.switch.found
        else f" and {switch}"
        if switch
        else " without inference mode"
    )
    if pair.by_autograd:
        return f"{said}; {', '.join(['dx', *(f'd{role}' for role in pair.learned)])} by autograd"
    if not pair.backward:
        return f"{said}; {family.backward} is left out: {why_not}" if family.backward else f"{said}; no backward"
    return f"{said}; {family.backward}({', '.join(pair.arguments)}) -> {pair.order.shown}"


def _assumed(pair: Pair, said: bool) -> str:
    """In one sentence, what names and order do not tell for certain."""
    documented = pair.backward and "," in pair.order.assigned and not said
    return "; ".join(
        [
            *(["y is the first of what is returned"] if pair.returned is not None and pair.returned.y == 0 else []),
            *(["features come first: x is (C, N)"] if pair.kind is COLUMNS else []),
            *(["the gradients are dx, dgamma, dbeta in this order"] if documented else []),
            "x goes in as it is, whatever its rank; so does momentum, its meaning is measured",
        ]
    )
