"""Whether what runs beside the code under test is still ours: that code shares a process with the judged end, and can reach it.

No lock: who wants to break it can break this too. But a replaced function is never taken for the real one by mistake, and a
purity that is only claimed takes more than one assignment. What decides is in another process; docs/isolation.md has the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from operator import attrgetter, is_
from types import CodeType, FunctionType, ModuleType
from typing import Any

SEALED = tuple(
    f"bnspec.{name}"
    for name in ("answers", "blame", "copying", "layouts", "protocol", "requests", "seal", "servant", "watching", "plugs.worker")
)
"""The modules that carry answers from the code under test to the judge."""

CODE = attrgetter("__code__")


class Space:
    """The names of a module or of a class as they stood: what each stood for, and of functions the code that ran.

    Compared by identity alone, since what replaced something may claim to be equal to it.
    """

    def __init__(self, label: str, names: Mapping[str, Any]) -> None:
        self.label = label
        self._live = names
        self._names = tuple(name for name in names if not name.startswith("__") or isinstance(names[name], FunctionType))
        self._values = tuple(names[name] for name in self._names)
        self._functions = tuple(value for value in self._values if isinstance(value, FunctionType))
        self._codes: tuple[CodeType, ...] = tuple(map(CODE, self._functions))

    def is_whole(self) -> bool:
        """Whether every name stands for what it stood for."""
        values = map(is_, map(self._live.get, self._names), self._values)
        return all(values) and all(map(is_, map(CODE, self._functions), self._codes))

    def replaced(self) -> str:
        """The first name that no longer does, "" for none."""
        for name, value in zip(self._names, self._values, strict=True):
            if self._live.get(name) is not value:
                return f"{self.label}.{name}"
        for function, code in zip(self._functions, self._codes, strict=True):
            if function.__code__ is not code:
                return f"{self.label}.{function.__name__}"
        return ""


class Seal:
    """The modules of `SEALED` and their classes as they are when it is made: before any code under test has run."""

    def __init__(self) -> None:
        self._spaces = [space for name in SEALED if (module := sys.modules.get(name)) for space in _spaces(module)]

    def broken(self) -> str:
        """The full name of the first thing that was replaced since, "" where all is as it was. Takes some microseconds."""
        return next((space.replaced() for space in self._spaces if not space.is_whole()), "")


def _spaces(module: ModuleType) -> Iterator[Space]:
    """A module, and the classes that are its own."""
    yield Space(module.__name__, vars(module))
    for value in list(vars(module).values()):
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield Space(f"{module.__name__}.{value.__name__}", vars(value))
