"""From a target, as people write it, to an Implementation: find the code, recognise its shape, write its adapter, run that.

    path/to/file.py:Name    package.module:Name    package.module:Holder.Name

Without `:Name` the file or module must hold exactly one candidate.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from bnspec.plugs import names, numpy_class, torch_module
from bnspec.plugs.adapter import SKELETON, Binding, Bound, Script, TargetError, finish
from bnspec.plugs.anatomy import find_method
from bnspec.plugs.code import find, is_adapter, only_candidate, open_code

__all__ = ["TargetError", "load"]

SHAPES: tuple[Callable[[str, Any], Binding | None], ...] = (torch_module.bind, numpy_class.bind)
"""Asked in this order, after "is it an adapter already"; each knows one shape of code."""


def load(target: str) -> Bound:
    """The Implementation that `target` names, with the text of its adapter and what was bound and assumed in it.

    Code that is no adapter yet gets one written. The current directory can be imported from and, while loading, a file's own.
    Raises `TargetError`, with one sentence that says what to do, where there is nothing to ask.
    """
    place, name = split(target)
    with _import_path():
        script = Script(f"# How {target.strip()} is asked: an adapter, to be read, and changed where it guesses wrong.\n\n")
        code = open_code(place, script)
        name = name or only_candidate(code)
        binding = _bind(f"{place}:{name}", find(code, name))
        script.run(code.reach(name) + binding.body)
        return finish(script, f"bound: {binding.bound}\nassumed: {binding.assumed}")


def split(target: str) -> tuple[str, str]:
    """A target's place (a file or a module) and the name in it, "" where it has none; raises `TargetError` for an empty part."""
    place, colon, name = target.strip().rpartition(":")
    if not colon or "/" in name or "\\" in name:
        place, colon, name = target.strip(), "", ""
    if not place or (colon and not name):
        raise TargetError(f"{target!r} names nothing to check; a target is file.py:Name or package.module:Name")
    return place, name


@contextlib.contextmanager
def _import_path() -> Iterator[None]:
    """The current directory first on the import path; afterwards the path is as it was."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before


def _bind(label: str, subject: Any) -> Binding:
    """The adapter of the first shape that recognises `subject`; raises `TargetError` where none does."""
    if is_adapter(subject):
        return _adapter_itself(label, subject)
    for recognise in SHAPES:
        binding = recognise(label, subject)
        if binding is not None:
            return binding
    raise TargetError(f"{label} {_why_not(subject)}; name a BatchNorm class, or write an adapter:\n\n{SKELETON}")


def _adapter_itself(label: str, subject: Any) -> Binding:
    kind = "class" if isinstance(subject, type) else "object"
    body = "Adapter = Target\n" if isinstance(subject, type) else "\ndef Adapter():\n    return Target\n"
    return Binding(body, f"{label}, an adapter {kind} with layer(setup), as it is", "nothing")


def _why_not(subject: Any) -> str:
    """What was found instead of a class that can be bound."""
    if isinstance(subject, ModuleType):
        return "is a module"
    if not isinstance(subject, type):
        if callable(subject) and hasattr(subject, "__code__"):
            return "is a function, and only classes and adapters can be bound"
        kind = type(subject).__name__
        made = find_method(type(subject), names.FORWARD)
        return f"is one {kind} object, and fresh ones are needed (name its class)" if made else f"is an object of type {kind}"
    if find_method(subject, names.FORWARD) is None:
        methods = [name for name in vars(subject) if not name.startswith("_")]
        return f"has no method forward(x) (it has {', '.join(methods) or 'no methods'})"
    return "has a forward method but keeps neither gamma and beta nor running statistics under a usual name"
