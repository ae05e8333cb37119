"""A target as people write it: a place, a name in it, and keyword arguments that fix what would otherwise be left open.

path/to/file.py:Name    package.module:Holder.Name    torch.nn:BatchNorm2d(affine=False)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from bnspec.plugs.adapter import TargetError

CALLED = re.compile(r"(?P<named>.*?(?:\.py|\.onnx|:[\w.]+|^[\w.]+))\s*\((?P<arguments>.*)\)", re.DOTALL)
"""A target with keyword arguments. What ends in a parenthesis but names nothing before it is a path."""


WANTED = "after a name come arguments such as (affine=False), each name=value with a plain value"
"""The end of the sentence for arguments that are none."""


@dataclass(frozen=True)
class Target:
    """A target's parts: a file or module, the name in it ("" where it has none), and the keyword arguments."""

    place: str
    name: str
    keywords: Mapping[str, Any]


@dataclass(frozen=True)
class Hints:
    """What a target says of code beyond its name; see `hints`.

    make          an expression for a layer, with {channels} and other parts of the setup in it
    layout        the order of the axes of x
    eps           what is added to the variance, by code that does not let itself be given another
    variant       frozen, sync, or ghost:n
    fixed_shape   the only shape of x that is taken
    """

    make: str = ""
    layout: str = ""
    eps: float | None = None
    variant: str = ""
    fixed_shape: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Found:
    """What a target stands for.

    label      the target as reports show it
    keywords   arguments fixed by the target: what the class or function is called with in any case
    beside     what stands in the same file, module or class, by name
    returned, gradients   what forward and backward return, in order, where the target says it with returns=
    """

    label: str
    subject: Any
    keywords: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    returned: tuple[str, ...] = ()
    gradients: tuple[str, ...] = ()
    hints: Hints = Hints()

    @property
    def place(self) -> str:
        """The label without the arguments."""
        return self.label.partition("(")[0]

    @property
    def name(self) -> str:
        """The class's or function's own name."""
        return self.place.rpartition(":")[2].rpartition(".")[2]

    def refuse_keywords(self, known: Iterable[str]) -> None:
        """Raise `TargetError` for the first keyword that is not among the known ones."""
        taken = list(known)
        for name in self.keywords:
            if name not in taken:
                near = get_close_matches(name, taken, 1)
                hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(taken) or 'none'}"
                raise TargetError(f"{self.place} has no argument {name!r}; {hint}")


def parse(target: str) -> Target:
    """The parts of a target; raises `TargetError` for an empty part, or for arguments that are no `name=value`."""
    text, keywords = target.strip(), dict[str, Any]()
    if text.endswith(")") and not Path(text).exists() and (called := CALLED.fullmatch(text)):
        text, keywords = called["named"], _keywords(called["arguments"], target)
    place, colon, name = text.rpartition(":")
    if not colon or "/" in name or "\\" in name:
        place, colon, name = text, "", ""
    if "(" in name:
        raise TargetError(f"{target!r} cannot be read; {WANTED}")
    if not place or (colon and not name):
        raise TargetError(f"{target!r} names nothing to check; a target is file.py:Name or package.module:Name")
    return Target(place, name, keywords)


def written(keywords: Mapping[str, Any]) -> list[str]:
    """The keyword arguments as Python has them."""
    return [f"{name}={value!r}" for name, value in keywords.items()]


def _keywords(arguments: str, target: str) -> dict[str, Any]:
    """The arguments by name; their values are Python's own numbers, texts, truth values, None, and lists and dicts of these."""
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
    except SyntaxError as error:
        raise TargetError(f"{target!r} cannot be read; {WANTED}") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise TargetError(f"{target!r} cannot be read; {WANTED}")
    if call.args:
        raise TargetError(f"{target!r} has the argument {ast.unparse(call.args[0])} without a name; {WANTED}")
    found = {}
    for keyword in call.keywords:
        try:
            found[keyword.arg or ""] = ast.literal_eval(keyword.value)
        except ValueError as error:
            raise TargetError(f"{target!r} gives {ast.unparse(keyword)}, which is no plain value; {WANTED}") from error
    if "" in found:
        raise TargetError(f"{target!r} cannot be read; {WANTED}")
    return found
