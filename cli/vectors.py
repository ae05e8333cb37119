"""`bnspec vectors`: the fixed cases, listed, written out for programs of any language, and those programs' answers judged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from bnspec.cli.screen import Screen
from bnspec.fixed.catalogue import CHAPTERS, RECIPES
from bnspec.fixed.flags import FLAGS
from bnspec.reference.vectors import exporting
from bnspec.reference.vectors.writing import read

USAGE = 2
"""Exit code for what could not be done."""


def show(name: str | None) -> int:
    """List the cases and flags, or explain one; 2 for a name that there is not."""
    screen = Screen()
    if name is None:
        _list(screen)
    elif name in RECIPES:
        _explain_case(screen, name)
    elif name in FLAGS:
        _explain_flag(screen, name)
    else:
        return refused(unknown(name))
    return 0


def export(place: Path, only: Sequence[str], dtypes: Sequence[str]) -> int:
    """Write the cases into a new directory; 2 and one sentence where that cannot be."""
    if strange := next((name for name in only if name not in FLAGS and name not in RECIPES), None):
        return refused(unknown(strange))
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        return refused(f"{place} is there already, and not empty; name a new directory, so that nothing of yours is overwritten")
    cases = exporting.selected(only, dtypes)
    if not cases:
        return refused("no case has these flags in these dtypes; bnspec vectors lists them")
    place.mkdir(parents=True, exist_ok=True)
    exporting.export(place, cases)
    print(f"wrote {len(cases)} cases into {place}; README.md there says what a program reads and writes.")
    print(f"then: bnspec vectors run {place}")
    return 0


def refused(sentence: str) -> int:
    """Say why nothing was done."""
    print(f"bnspec: {sentence}", file=sys.stderr)
    return USAGE


def unknown(name: str) -> str:
    """One sentence about a name that is neither a case's nor a flag's."""
    near = get_close_matches(name, [*FLAGS, *RECIPES], 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "bnspec vectors lists them"
    return f"there is no case or flag {name!r}; {hint}"


def _list(screen: Screen) -> None:
    screen.print(f"{len(RECIPES)} golden cases; `bnspec vectors list NAME` explains one, or a flag")
    for chapter, recipes in CHAPTERS.items():
        screen.print(f"\n[bold]{chapter}[/bold]")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        table.add_column(no_wrap=True)
        for recipe in recipes:
            table.add_row(recipe.name, recipe.why)
        screen.print(table)
    screen.print(f"\n[bold]{len(FLAGS)} flags[/bold], the mistakes that they expose")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    for flag in FLAGS.values():
        count = sum(flag.name in recipe.flags for recipe in RECIPES.values())
        table.add_row(flag.name, f"{count}", flag.title)
    screen.print(table)


def _explain_case(screen: Screen, name: str) -> None:
    recipe = RECIPES[name]
    screen.print(f"[bold]{name}[/bold]   {recipe.why}\n")
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_row("x", f"shape {recipe.shape}, channels on axis 1")
    facts.add_row("calls", ", ".join(recipe.calls))
    facts.add_row("eps", f"{recipe.eps:g}")
    facts.add_row("momentum", f"the new batch weighs {recipe.weight:g}, the old value {1 - recipe.weight:g}")
    facts.add_row("dtypes", ", ".join(recipe.dtypes))
    for flag in recipe.flags:
        facts.add_row("exposes", f"{flag}: {FLAGS[flag].title}")
    screen.print(facts)


def _explain_flag(screen: Screen, name: str) -> None:
    known = read("flags.json")["flags"][name]
    screen.print(f"[bold]{name}[/bold]   {known['title']}\n")
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for key in ("right", "wrong", "effect"):
        facts.add_row(key, escape(known[key]))
    for key, words in (("seen", known["seen"]), ("bugs", known["bugs"]), ("cases", known["cases"])):
        facts.add_row(key, escape(", ".join(words)))
    screen.print(facts)
