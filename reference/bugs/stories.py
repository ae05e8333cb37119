"""What a student is told of each known bug, and an example small enough for paper: texts/<chapter>.toml, keyed by slug."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import msgspec

WIDTH = 88
"""Characters of a line of code with a remark behind it; where one would be longer, all have it above."""


@dataclass(frozen=True)
class Story:
    """A bug in plain sentences, and as two versions of one line.

    tempting   what one wrote, and why it is tempting
    harm       what it does to training or inference, in numbers
    missed     why the usual tests do not see it
    given      NumPy code that makes the example; `wrong` and `right` go on from there, either way
    look       the expression to look at;  got, want: what it is after `wrong` and after `right`
    torch      `right` in PyTorch, on the tensors that `given` made; "" where that has nothing of its own
    figures    every number that the sentences have worked out, and Python that works it out again
    """

    tempting: str
    harm: str
    missed: str
    given: str
    wrong: str
    right: str
    look: str
    got: float | list[float]
    want: float | list[float]
    torch: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentences(self) -> tuple[str, str, str]:
        """What there is to read, a paragraph each."""
        return self.tempting, self.harm, self.missed

    @property
    def code(self) -> str:
        """The example as one piece of code, a statement a line, and what comes of either version."""
        either = self.torch == self.right
        versions = [
            (self.wrong, f"wrong: {self.look} is {_number(self.got)}"),
            (self.right, f"right instead{', in PyTorch too' if either else ''}: {self.look} is {_number(self.want)}"),
            *([(self.torch, "right instead, in PyTorch")] if self.torch and not either else []),
        ]
        beside = all("\n" not in _statements(code) and len(f"{code}  # {remark}") <= WIDTH for code, remark in versions)
        said = [f"{code}  # {remark}" if beside else f"# {remark}\n{_statements(code)}" for code, remark in versions]
        return "\n".join([_statements(self.given), *said])


def story(chapter: str, slug: str) -> Story:
    """The story of a bug; KeyError for one that has none."""
    return _chapter(chapter)[slug]


@cache
def _chapter(name: str) -> dict[str, Story]:
    text = files(__package__).joinpath("texts", f"{name}.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Story])


def _statements(code: str) -> str:
    return code.strip("\n").replace("; ", "\n")


def _number(value: float | list[float]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_number, value))}]"
    return f"{value:g}"
