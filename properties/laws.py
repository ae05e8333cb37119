"""How a property says what it is: `@law` for its level, what it asks about, the mistakes it stands against."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])

LEVELS = ("required", "recommended")

CHAPTERS = (
    "forward",
    "affine",
    "invariances",
    "running_statistics",
    "inference",
    "gradients",
    "second_order",
    "layouts",
    "precision",
    "edge_cases",
    "lifecycle",
    "purity",
    "vectors",
)
"""The order in which the chapters are asked: what most people get wrong first."""

DEEP_CHAPTERS = ("small_scopes",)
"""Chapters of the deep profile alone, asked after the others; their laws are in `properties/deep`."""


@dataclass(frozen=True)
class Law:
    """What is known of a property before it is asked.

    name      the function's name without test_;  title: the same as words
    chapter   the file's name without test_
    level     "required" (decides the verdict) or "recommended" (is shown); the docstring's first word
    text      the docstring after that word: the law and its source
    scope     what it asks about: train, infer, running, grad_train, grad_infer
    against   the classes of mistakes it stands against
    share     which part of the profile's number of examples it gets; less than 1 where an example is many calls
    dtypes    the dtypes it can be asked in; empty: all
    parts     of a law that goes through a list of cases, into how many parts the list is cut where there is time for it: 1 or
              more; 0: its cases are drawn
    groups    whether it holds group by group of a batch that is normalized in parts
    """

    name: str
    chapter: str
    level: str
    text: str
    scope: tuple[str, ...]
    against: tuple[str, ...]
    share: float
    dtypes: tuple[str, ...]
    parts: int = 0
    groups: bool = False

    @property
    def title(self) -> str:
        """The name as a sentence."""
        return self.name.replace("_", " ")


SHARES = {"required": 1.0, "recommended": 0.5}
"""Which part of a profile's cases a law gets that does not say so itself: advice needs less evidence than a verdict."""


def law(
    *scope: str,
    against: str,
    share: float | None = None,
    dtypes: tuple[str, ...] = (),
    parts: int = 0,
    groups: bool = False,
) -> Callable[[Test], Test]:
    """Mark a property. `scope`: what must be offered for it to be asked; `against`: mistakes, separated by commas."""

    def mark(test: Test) -> Test:
        level, text = _docstring(test)
        chapter = test.__module__.rpartition(".")[2].removeprefix("test_")
        mistakes = tuple(mistake.strip() for mistake in against.split(","))
        part = SHARES[level] if share is None else share
        name = test.__name__.removeprefix("test_")
        test.law = Law(name, chapter, level, text, scope, mistakes, part, dtypes, parts, groups)  # type: ignore[attr-defined]
        return test

    return mark


def _docstring(test: Callable[..., Any]) -> tuple[str, str]:
    first, _, rest = (inspect.getdoc(test) or "").partition(". ")
    if first.lower() not in LEVELS:
        raise ValueError(f"{test.__name__}: its docstring must begin with 'Required. ' or 'Recommended. '")
    return first.lower(), rest
