"""What the fixed cases catch by themselves: every known bug in process against every case, and the fewest flags that do most.

    python benchmarks/vectors.py [--first] [--bug NAME ...]

Prints for each bug which flags' cases catch it, the minimal sets (greedy covers) of flags and of cases, and their share of
the known bugs. `--first` prints the cases in the order of their use, for `bnspec.fixed.catalogue.FIRST`. Exits with 1 where the
flags catch less than 90 % of the bugs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from time import perf_counter

import numpy as np

from bnspec.case import HALF_DTYPES
from bnspec.convention import TORCH, Convention
from bnspec.fixed.answering import outcomes, wrong
from bnspec.fixed.catalogue import RECIPES, of_dtype
from bnspec.fixed.flags import FLAGS
from bnspec.fixed.truths import letters, truths
from bnspec.properties.golden import fitted, not_askable
from bnspec.reference.bugs.catalogue import ALL, BY_NAME, batch_norm_with
from bnspec.reference.bugs.facts import Bug

DTYPES = ("float32", "float64")
"""What a check asks unless it is told otherwise."""

JOBS = 2
"""Processes that ask."""

ENOUGH = 0.9
"""The share of the known bugs that a few flags must catch."""


def dtypes_of(bug: Bug) -> tuple[str, ...]:
    """Both dtypes, or the half one that shows a bug."""
    return (bug.exposes.dtype,) if bug.exposes.dtype in HALF_DTYPES else DTYPES


def convention_of(bug: Bug) -> Convention:
    """The convention under which it is a bug, one value a channel being answered."""
    return replace(TORCH, **{"single_value": "beta", **bug.under, **bug.only_against})


@np.errstate(all="ignore")
def caught(bug: Bug) -> set[str]:
    """The names of the cases that a bug gets wrong in any dtype."""
    convention, found = convention_of(bug), set[str]()
    for dtype in dtypes_of(bug):
        for recipe in of_dtype(dtype):
            if not not_askable(recipe, convention):
                start, calls = fitted(recipe, dtype, convention, {})
                answers = outcomes(lambda setup: batch_norm_with(bug.name)(setup, convention), start, calls)
                if wrong(recipe, list(truths(start, calls, convention, letters(dtype))), answers):
                    found.add(recipe.name)
    return found


def caught_by_name(name: str) -> set[str]:
    """The same of a bug by its name."""
    return caught(BY_NAME[name])


def greedy(sets: Mapping[str, set[str]]) -> list[tuple[str, int]]:
    """Names of sets, each with how much it adds to those before it, the most first, until nothing is added."""
    chosen: list[tuple[str, int]] = []
    covered = set[str]()
    while sets:
        best = max(sets, key=lambda name: len(sets[name] - covered))
        gain = len(sets[best] - covered)
        if not gain:
            break
        chosen.append((best, gain))
        covered |= sets[best]
    return chosen


def turned(found: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """name -> bugs, of bug -> names."""
    names: dict[str, set[str]] = {}
    for bug, cases in found.items():
        for case in cases:
            names.setdefault(case, set()).add(bug)
    return names


def main() -> None:
    """Ask, print, exit."""
    parser = argparse.ArgumentParser(description="which known bugs the fixed cases catch, and which of them are enough")
    parser.add_argument("--bug", action="append", default=[], metavar="NAME")
    parser.add_argument("--first", action="store_true", help="print the order of the cases and nothing else")
    arguments = parser.parse_args()
    started = perf_counter()
    asked = [bug for bug in ALL if not arguments.bug or bug.slug in arguments.bug or bug.name in arguments.bug]
    with ProcessPoolExecutor(JOBS) as pool:
        found = dict(zip((bug.name for bug in asked), pool.map(caught_by_name, [bug.name for bug in asked]), strict=True))
    cases = greedy(turned(found))
    if arguments.first:
        print(*(f'    "{name}",' for name, _ in cases), sep="\n")
        return
    by_flag = {bug: {flag for name in names for flag in RECIPES[name].flags} for bug, names in found.items()}
    for bug, names in found.items():
        own = [flag for flag in by_flag[bug] if bug in FLAGS[flag].bugs]
        print(f"{bug:52s} {len(names):4d} cases, {len(by_flag[bug]):3d} flags; its own: {', '.join(own) or '-'}")
    flags = greedy(turned(by_flag))
    share = sum(gain for _, gain in flags) / len(asked)
    print(f"\n{len(flags)} flags catch {sum(gain for _, gain in flags)} of {len(asked)} bugs ({share:.0%}):")
    print(*(f"  {name:34s} {gain:4d} more" for name, gain in flags), sep="\n")
    print(f"{len(cases)} cases do: " + ", ".join(name for name, _ in cases))
    print(f"{perf_counter() - started:.0f} s")
    sys.exit(share < ENOUGH)


if __name__ == "__main__":
    main()
