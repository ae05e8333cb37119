"""What is known of a bug, beside its code: `@known_bug` marks the steps that have it, `@another_form` a second way to have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bnspec.reference.bugs.questions import COMPONENTS, Question
from bnspec.reference.bugs.steps import Steps
from bnspec.reference.bugs.stories import Story, story

Marked = TypeVar("Marked", bound=type[Steps])

SHAPES = ("class", "pair", "module")
"""The shapes of code that a bug can be put on: a NumPy class, a pair of functions, a torch.nn.Module."""


@dataclass(frozen=True)
class Bug:
    """One bug, in one form.

    slug, form    its name; forms tell apart several ways to make the same mistake, the first has ""
    title         what is wrong, in a few words
    damages       which of `COMPONENTS` it changes
    right, wrong  the formula as it should be and as it is
    effect        what it does to a user
    seen          where it was found: "package #number" of a public thread, or a file; "folklore" where no thread is known
    exposes       the cheapest input that shows it
    laws          properties that catch it
    kind          "formula": its answers can be computed; "rounding": they depend on the order of sums, and it has a signature
    under         choices of a convention that it needs to show at all
    only_against  choices that must have been declared: measured, they would be a convention of their own
    shapes        those of `SHAPES` in which it can happen
    same_as       slug of a bug that cannot be told from this one by asking, whichever is the cause; "" for none
    chapter       the file it is in;  steps: the class that has it
    """

    slug: str
    title: str
    damages: tuple[str, ...]
    right: str
    wrong: str
    effect: str
    seen: tuple[str, ...]
    exposes: Question
    laws: tuple[str, ...]
    kind: str = "formula"
    under: Mapping[str, Any] = field(default_factory=dict)
    only_against: Mapping[str, Any] = field(default_factory=dict)
    shapes: tuple[str, ...] = SHAPES
    same_as: str = ""
    form: str = ""
    chapter: str = ""
    steps: type[Steps] = Steps

    @property
    def name(self) -> str:
        """The slug, and the form behind a colon where it is not the first."""
        return f"{self.slug}:{self.form}" if self.form else self.slug

    @property
    def story(self) -> Story:
        """What a student is told of it: one story for all its forms."""
        return story(self.chapter, self.slug)

    @property
    def overrides(self) -> frozenset[str]:
        """The steps that are replaced: two bugs that share none of them combine."""
        return frozenset(name for name, own in vars(Steps).items() if callable(own) and getattr(self.steps, name) is not own)


def known_bug(slug: str, title: str, *, damages: str, seen: str, laws: str, **facts: Any) -> Callable[[Marked], Marked]:
    """Mark the steps that have a bug. `damages` and `laws` are words with spaces between, `seen` has semicolons; see `Bug`."""

    def mark(steps: Marked) -> Marked:
        chapter, parts, sources = steps.__module__.rpartition(".")[2], _components(slug, damages), tuple(seen.split("; "))
        steps.bug = Bug(slug, title, parts, seen=sources, laws=tuple(laws.split()), chapter=chapter, steps=steps, **facts)
        return steps

    return mark


def another_form(of: type[Steps], form: str, *, damages: str = "", **changes: Any) -> Callable[[Marked], Marked]:
    """Mark another way to make a mistake that is known: what is not said is as in the first form."""

    def mark(steps: Marked) -> Marked:
        if of.bug is None:
            raise TypeError(f"{of.__name__} is no known bug, so {steps.__name__} cannot be another form of it")
        damaged = _components(of.bug.slug, damages) if damages else of.bug.damages
        steps.bug = replace(of.bug, form=form, damages=damaged, steps=steps, **changes)
        return steps

    return mark


def _components(slug: str, words: str) -> tuple[str, ...]:
    if unknown := [word for word in words.split() if word not in COMPONENTS]:
        raise ValueError(f"{slug} damages {', '.join(unknown)}; the components are {', '.join(COMPONENTS)}")
    return tuple(words.split())
