"""From a target, as people write it, to an Implementation: find the code, recognise its shape, write its adapter, run that.

Without `:Name` the file or module must hold exactly one candidate. `target` has the forms there are.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from bnspec.plugs import autograd, framework_objects, function_pair, names, numpy_class, torch_module
from bnspec.plugs.adapter import SKELETON, Binding, Bound, Script, TargetError, finish
from bnspec.plugs.code import beside, find, is_adapter, only_candidate, open_code
from bnspec.plugs.gradients import with_orders
from bnspec.plugs.hints import channels_of, hinted, with_hints
from bnspec.plugs.library import load_library
from bnspec.plugs.library_signature import is_library
from bnspec.plugs.onnx_file import is_onnx, load_onnx
from bnspec.plugs.reading import find_method
from bnspec.plugs.target import Found, parse, written
from bnspec.plugs.trial import TRYING, trying_only

__all__ = ["TargetError", "load"]

SHAPES: tuple[Callable[[Found], Binding | None], ...] = (
    framework_objects.bind,
    function_pair.bind,
    torch_module.bind,
    numpy_class.bind,
)
"""Asked in this order, after "is it an adapter already"; each knows one shape of code."""


def load(target: str) -> Bound:
    """The Implementation that `target` names, with the text of its adapter and what was bound and assumed in it.

    Code that is no adapter yet gets one written. The current directory can be imported from and, while loading, a file's own.
    Raises `TargetError`, with one sentence that says what to do, where there is nothing to ask.
    """
    if is_library(target):
        return load_library(target)
    if is_onnx(target):
        return load_onnx(parse(target))
    parts = parse(target)
    with _import_path():
        script = Script(f"# How {target.strip()} is asked: an adapter, to be read, and changed where it guesses wrong.\n\n")
        code = open_code(parts.place, script)
        name = parts.name or _made_of(parts.keywords) or only_candidate(code)
        label = f"{parts.place}:{name}" + (f"({', '.join(written(parts.keywords))})" if parts.keywords else "")
        binding = _bind(Found(label, find(code, name), parts.keywords, beside(code, name)))
        script.run(code.reach({"Target": name, **_held(name, binding.beside)}) + binding.body)
        untried = "" if TRYING.get() else "what it returns, since trying it ended the process; "
        return finish(script, f"bound: {binding.bound}\nassumed: {untried}{binding.assumed}")


def _made_of(keywords: Mapping[str, Any]) -> str:
    """The name with which the expression for a layer begins, "" where the target gives none."""
    made = re.match(r"\w+", str(keywords.get("make", "")))
    return made[0] if made else ""


def _held(name: str, beside: Mapping[str, str]) -> dict[str, str]:
    """What stands beside `name`, by the names under which the file or module has it."""
    holder, dot, _ = name.rpartition(".")
    return {ours: f"{holder}{dot}{theirs}" for ours, theirs in beside.items()}


@contextlib.contextmanager
def _import_path() -> Iterator[None]:
    """The current directory first on the import path; afterwards the path is as it was."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before


def _bind(found: Found) -> Binding:
    """The adapter of the first shape that recognises what was found; raises `TargetError` where none does."""
    if is_adapter(found.subject):
        return autograd.bind_adapter(found) or _adapter_itself(found)
    found = with_hints(with_orders(found))
    with trying_only(found.hints.fixed_shape, channels_of(found.hints)):
        for recognise in SHAPES:
            binding = recognise(found)
            if binding is not None:
                return hinted(binding, found.hints)
    raise TargetError(
        f"{found.label} {_why_not(found.subject)}; name a BatchNorm class or function, or write an adapter:\n\n{SKELETON}"
    )


def _adapter_itself(found: Found) -> Binding:
    kind = "class" if isinstance(found.subject, type) else "object"
    if kind == "object":
        found.refuse_keywords(())
        return Binding(
            "\ndef Adapter():\n    return Target\n", f"{found.label}, an adapter object with layer(setup), as it is", "nothing"
        )
    body = (
        f"\ndef Adapter():\n    return Target({', '.join(written(found.keywords))})\n" if found.keywords else "Adapter = Target\n"
    )
    return Binding(body, f"{found.label}, an adapter class with layer(setup), as it is", "nothing")


def _why_not(subject: Any) -> str:
    """What was found instead of a class that can be bound."""
    if isinstance(subject, ModuleType):
        return "is a module"
    if not isinstance(subject, type):
        if callable(subject) and hasattr(subject, "__code__"):
            return "is a function that takes neither gamma and beta nor running statistics under a usual name"
        kind = type(subject).__name__
        made = find_method(type(subject), names.FORWARD)
        return f"is one {kind} object, and fresh ones are needed (name its class)" if made else f"is an object of type {kind}"
    if find_method(subject, names.FORWARD) is None:
        methods = [name for name in vars(subject) if not name.startswith("_")]
        return f"has no method forward(x) (it has {', '.join(methods) or 'no methods'})"
    return "has a forward method but keeps neither gamma and beta nor running statistics under a usual name"
