"""The files of the vectors: written from the recipes, byte for byte the same on every machine, and read back.

    python -m bnspec.reference.vectors.writing [DIRECTORY]

writes them anew into the directory of this file, or into another one.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bnspec.fixed.catalogue import RECIPES
from bnspec.fixed.flags import FLAGS, Flag
from bnspec.fixed.recipes import DTYPES
from bnspec.reference.bugs.catalogue import bug
from bnspec.reference.vectors.making import FORMAT, document
from bnspec.reference.vectors.schema import schema

LEVELS = 6
"""How deep what is worth lines of its own may lie; what lies deeper stays on one line."""

ISSUE = re.compile(r"^([\w.-]+/[\w.-]+) #(\d+)$")
"""How the catalogue of bugs writes a public thread."""


def flags_document() -> dict[str, Any]:
    """Every flag: what is wrong, what it does, where it was seen, the known bugs that are it, the cases that show it."""
    return {"format": FORMAT, "flags": {name: _flag(flag) for name, flag in FLAGS.items()}}


def _flag(flag: Flag) -> dict[str, Any]:
    known = [bug(name) for name in flag.bugs]
    seen = dict.fromkeys(source for one in known for source in one.seen)
    return {
        "title": flag.title,
        "effect": " ".join(dict.fromkeys(one.effect for one in known)),
        "right": known[0].right,
        "wrong": known[0].wrong,
        "seen": list(seen),
        "links": [f"https://github.com/{match[1]}/issues/{match[2]}" for source in seen if (match := ISSUE.match(source))],
        "bugs": list(flag.bugs),
        "cases": [recipe.name for recipe in RECIPES.values() if flag.name in recipe.flags],
    }


def text_of(document: Any) -> str:
    """The document as JSON that people can read: one array a line."""
    return _lines(document, 0) + "\n"


def _lines(value: Any, level: int) -> str:
    if level >= LEVELS or not _is_deep(value):
        return _line(value)
    if isinstance(value, dict):
        opening, closing, said = "{", "}", [f"{json.dumps(key)}: {_lines(one, level + 1)}" for key, one in value.items()]
    else:
        opening, closing, said = "[", "]", [_lines(one, level + 1) for one in value]
    outer, inner = "\n" + " " * level, "\n" + " " * (level + 1)
    return opening + inner + f",{inner}".join(said) + outer + closing


def _is_deep(value: Any) -> bool:
    """Whether a value holds something that is worth lines of its own."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(isinstance(one, dict) or _is_deep(one) for one in inside)


def _line(value: Any) -> str:
    """JSON in one line; numbers as short as they can be."""
    match value:
        case dict():
            return "{" + ",".join(f"{json.dumps(key)}:{_line(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_line, value)) + "]"
        case float():
            mantissa, _, exponent = repr(value).partition("e")
            return mantissa.removesuffix(".0") + (f"e{int(exponent)}" if exponent else "")
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


MADE: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {
        "schema.json": schema,
        "flags.json": flags_document,
        **{f"{dtype}.json": partial(document, dtype) for dtype in DTYPES},
    }
)
"""Each file, and what makes the document in it."""


def write(place: Path) -> None:
    """Write every file into a directory."""
    for name, make in MADE.items():
        (place / name).write_text(text_of(make()), encoding="utf-8", newline="\n")


@cache
def read(name: str) -> Any:
    """The document in a file of this package, as it was written."""
    return json.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
