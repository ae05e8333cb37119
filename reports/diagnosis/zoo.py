"""The bugs that are tried: those of the catalogue, and the same made in one of two modes only, where code has a path for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from bnspec.reference.bugs.catalogue import bug
from bnspec.reference.bugs.facts import Bug
from bnspec.reference.bugs.steps import BatchNorm, Steps

MODES = {"training": True, "inference": False}
"""The modes by name."""


@dataclass(frozen=True)
class InOneMode(Bug):
    """A bug of the catalogue that is made in one mode only."""

    only: str = ""

    @property
    def name(self) -> str:
        """The name in the catalogue, and the mode."""
        return f"{super().name}@{self.only}"


@cache
def known(name: str) -> Bug:
    """The bug of this name, which may end in @training or @inference. Raises `UnknownBug`."""
    own, _, mode = name.partition("@")
    return _limited(bug(own), mode) if mode else bug(own)


def in_one_mode(one: Bug) -> Iterator[Bug]:
    """The same bug in training only, and in inference only, where it is one of both."""
    if {"y_train", "y_infer"} <= set(one.damages) or set(one.damages) <= {"dx", "dgamma", "dbeta"}:
        yield from (known(f"{one.name}@{mode}") for mode in MODES if "@" not in one.name)


def made_with(names: Iterable[str]) -> Any:
    """A class of layers with the bugs of these names."""
    return type("Made", (*(known(name).steps for name in names), BatchNorm), {})


def _limited(one: Bug, mode: str) -> Bug:
    """The bug with each of its steps as it should be in the other mode."""
    given = {name: _either(getattr(one.steps, name), getattr(Steps, name), MODES[mode]) for name in one.overrides}
    said = {field.name: getattr(one, field.name) for field in fields(Bug)} | {
        "title": f"{one.title}, in {mode} only",
        "wrong": f"in {mode}, {one.wrong}",
        "steps": type(f"{one.steps.__name__}In{mode.title()}", (one.steps,), given),
    }
    return InOneMode(**said, only=mode)


def _either(wrong: Callable[..., Any], right: Callable[..., Any], training: bool) -> Callable[..., Any]:
    """A step that is wrong in one mode."""

    def step(self: Steps, *given: Any, **named: Any) -> Any:
        return (wrong if self.training == training else right)(self, *given, **named)

    return step
