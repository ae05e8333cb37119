"""Functions that belong together, found by their names: a forward, its backward, and an inference of its own."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.adapter import Question, TargetError
from bnspec.plugs.target import Found

OPTIONS = ("backward", "inference")
"""Keyword arguments of a target that are ours, unless the function has such an argument itself: two name functions beside it."""

BACKWARD = re.compile("backward|backprop|bprop|bwd|backpass|gradients|gradient|grad|bw(?!eight)")
INFERENCE = re.compile("inference|infer|predict|evaluate|eval|test")
NEITHER = re.compile("^test|check|numeric")
OTHER = re.compile("forwardpass|forward|fprop|fwd|pass|training|train|fw")
"""The words in a function's name that say which of them it is; what is left when they are cut out says whose."""


@dataclass(frozen=True)
class Family:
    """The names of the functions that belong to a forward, "" for none."""

    backward: str = ""
    inference: str = ""


def family_of(found: Found, name: str) -> Family:
    """The functions beside the forward `name` that belong to it: those that `backward=` and `inference=` name, else by names.

    Raises `Question` where several might be meant, `TargetError` for a name that is not there and for a backward itself.
    """
    functions = [key for key, value in found.beside.items() if is_function(value) and key != name]
    if _kind(name) == "backward":
        raise TargetError(f"{found.label} is a backward; name the forward that it belongs to")
    backward = _said(found, "backward", functions) or _belonging(found, name, functions, "backward")
    inference = _said(found, "inference", functions)
    if inference is None and not INFERENCE.search(names.plain(name)):
        inference = _belonging(found, name, functions, "inference")
    return Family(backward, inference or "")


def forwards(functions: Mapping[str, Any]) -> list[str]:
    """Those that are forwards: neither a backward, nor an inference beside a forward, nor what begins with an underscore."""
    plain = {name: names.plain(name) for name in functions if not name.startswith("_")}
    found = [name for name, said in plain.items() if not (BACKWARD.search(said) or NEITHER.search(said))]
    return [name for name in found if not INFERENCE.search(plain[name])] or found


def is_function(value: Any) -> bool:
    """Whether this is a Python function, or what a decorator made of one."""
    return not isinstance(value, type) and callable(value) and inspect.isfunction(inspect.unwrap(value))


def _said(found: Found, kind: str, functions: Iterable[str]) -> str | None:
    said = found.keywords.get(kind)
    if said is not None and said not in functions:
        near = ", ".join(name for name in functions if _kind(name) == kind) or "none"
        raise TargetError(
            f"{found.label} names the {kind} {said!r}, which does not stand beside it; of this kind are there: {near}"
        )
    return said


def _belonging(found: Found, name: str, functions: Iterable[str], kind: str) -> str:
    """The one function of a kind whose name, but for the words that say the kind, is that of `name` or, failing that, begins so."""
    ours, candidates = _stem(name), [other for other in functions if _kind(other) == kind]
    exact = [other for other in candidates if _stem(other) == ours]
    chosen = exact or [other for other in candidates if ours and _stem(other).startswith(ours)]
    if len(chosen) > 1:
        place = found.label.partition("(")[0]
        raise Question(f"which {kind} belongs to {name}: {' or '.join(chosen)}? Say for one: {place}({kind}={chosen[0]!r})")
    return chosen[0] if chosen else ""


def _kind(name: str) -> str:
    plain = names.plain(name)
    if NEITHER.search(plain):
        return ""
    return "backward" if BACKWARD.search(plain) else "inference" if INFERENCE.search(plain) else ""


def _stem(name: str) -> str:
    plain = names.plain(name)
    for words in (BACKWARD, OTHER, INFERENCE):
        plain = words.sub("", plain)
    return plain
