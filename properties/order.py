"""In which order properties are asked, where the order matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from bnspec.properties.laws import Law

Item = TypeVar("Item")


UNFIXED = ("layouts", "edge_cases", "lifecycle", "purity")
"""Chapters about what the fixed cases hold little of: a campaign asks those cases first, and goes on with these."""


def in_rounds(items: Sequence[Item], place: Callable[[Item], tuple[int, int]], early: Collection[int] = ()) -> list[Item]:
    """Dtype by dtype, the first law of every chapter, then every chapter's second, and so on; in the first dtype, `early` chapters
    to their end before the others.

    `place` says (dtype, chapter). Chapters begin with their strongest laws, which see every mistake that is theirs; so two laws
    that it breaks come sooner than when each chapter is asked to its end, and those of the last chapters much sooner.
    """
    met: Counter[tuple[int, int]] = Counter()
    turns = []
    for item in items:
        dtype, chapter = place(item)
        turn = met[dtype, chapter]
        turns.append((dtype > 0 or chapter not in early, dtype, turn, chapter))
        met[dtype, chapter] += 1
    return [items[at] for at in sorted(range(len(items)), key=turns.__getitem__)]


def kindred_first(items: Sequence[Item], mistakes: Collection[str], against: Callable[[Item], Collection[str]]) -> list[Item]:
    """What stands against the most of these mistakes first, else as it was: the next witness is sought where one was found."""
    return sorted(items, key=lambda item: -len(set(against(item)) & set(mistakes)))


def golden_first(items: Sequence[Item], law: Callable[[Item], Law | None]) -> list[Item]:
    """The laws about the fixed cases first, else as it was: what all of them know together is asked once, and soon."""
    return sorted(items, key=lambda item: (found := law(item)) is None or found.chapter != "vectors")
