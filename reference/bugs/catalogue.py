"""All known bugs, by slug and by name, and how they are put on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from bnspec.reference.bugs import (
    aliasing,
    averages,
    dtypes,
    edges,
    eps,
    factors,
    forward,
    gradients,
    inference,
    layout,
    mode,
    parameters,
    rounding,
    running,
    updates,
)
from bnspec.reference.bugs.facts import Bug
from bnspec.reference.bugs.steps import BatchNorm, Steps

CHAPTERS = (
    forward,
    eps,
    layout,
    rounding,
    running,
    updates,
    averages,
    mode,
    inference,
    gradients,
    factors,
    parameters,
    dtypes,
    edges,
    aliasing,
)
"""The files with bugs in them, in the order in which they are told."""

ALL: tuple[Bug, ...] = tuple(
    member.bug
    for chapter in CHAPTERS
    for member in vars(chapter).values()
    if isinstance(member, type) and issubclass(member, Steps) and member.bug is not None and member.__module__ == chapter.__name__
)
"""Every bug in every form, as written."""

BUGS: Mapping[str, Bug] = MappingProxyType({one.slug: one for one in ALL if not one.form})
"""The bugs by slug, each in its first form."""

BY_NAME: Mapping[str, Bug] = MappingProxyType({one.name: one for one in ALL})
"""Every form by its name, `slug` or `slug:form`."""


class UnknownBug(ValueError):
    """A name that is not in the catalogue."""


def bug(name: str) -> Bug:
    """The bug of a slug, or of `slug:form`; raises `UnknownBug` with the nearest names."""
    if name not in BY_NAME:
        near = get_close_matches(name, BY_NAME, 3, 0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "bnspec bugs lists them"
        raise UnknownBug(f"there is no bug {name!r} in the catalogue; {hint}")
    return BY_NAME[name]


def forms(slug: str) -> tuple[Bug, ...]:
    """A bug in all its forms, the first one first; raises `UnknownBug`."""
    first = bug(slug)
    return tuple(one for one in ALL if one.slug == first.slug)


def steps_with(*names: str) -> type[Steps]:
    """The steps with the bugs of these names put on; without any, the correct ones. Raises `UnknownBug`.

    Bugs that override different steps (`Bug.overrides`) show both; where two override the same step, the first has it.
    """
    parts = [bug(name).steps for name in names]
    return type("Buggy", (*parts, Steps), {"__doc__": f"Steps with {_listed(names)}."}) if parts else Steps


def batch_norm_with(*names: str) -> type[BatchNorm]:
    """The same as a layer that can be asked: made of a Setup and a Convention."""
    parts = [bug(name).steps for name in names]
    return type("BuggyBatchNorm", (*parts, BatchNorm), {"__doc__": f"A layer with {_listed(names)}."})


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "no bug"
