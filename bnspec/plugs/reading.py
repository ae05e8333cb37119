"""What can be read of a class or function without running it: parameters, methods, and the words in its code."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import CodeType
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.adapter import SKELETON, TargetError


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The named parameters of a class, function or bound method; none where Python cannot tell."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]


def required_of(function: Callable[..., Any]) -> list[str]:
    """The names of those parameters without which it cannot be called."""
    return [one.name for one in parameters_of(function) if one.default is one.empty]


def find_method(subject: type, aliases: Iterable[str]) -> str | None:
    """The name of the class's first method known by one of the aliases, public ones first; what `object` has does not count."""
    methods = [name for name in dir(subject) if callable(inspect.getattr_static(subject, name))]
    return names.match(sorted(methods, key=lambda name: name.startswith("_")), aliases)


def refuse_unknown(what: str, unknown: list[str], call: str = "") -> None:
    """Raise `TargetError` for the first argument that cannot be given a value; `call` is a target that can fix it."""
    if unknown:
        fix = f"say it, as in {call}({unknown[0]}=...), or write an adapter" if call else "write an adapter"
        raise TargetError(f"{what} {unknown[0]!r}, whose name does not tell what to give; {fix}:\n\n{SKELETON}")


def codes_of(*functions: Any) -> Iterator[CodeType]:
    """The code of the functions, and of those that they call by name and that belong to no installed package."""
    seen: set[CodeType] = set()
    waiting = list(functions)
    while waiting:
        function = inspect.unwrap(waiting.pop(0))
        code = getattr(function, "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        yield code
        called = [function.__globals__.get(name) for name in code.co_names]
        waiting += [one for one in called if inspect.isfunction(one) and "site-packages" not in one.__code__.co_filename]


def globals_kept(function: Any) -> Iterator[str]:
    """The names of the globals that the function, or one beside it that it calls, gives new values."""
    for code in codes_of(function):
        yield from (step.argval for step in dis.get_instructions(code) if step.opname == "STORE_GLOBAL")


def strings_of(*functions: Any) -> list[str]:
    """The texts that stand in the functions' code, and in that of functions beside them which they call."""
    constants = [constant for code in codes_of(*functions) for constant in code.co_consts]
    nested = [text for one in constants if isinstance(one, (tuple, frozenset)) for text in one]
    return [text for text in (*constants, *nested) if isinstance(text, str)]
