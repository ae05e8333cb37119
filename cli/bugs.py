"""`bnspec bugs`: the known bugs, all of them in a line each, one of them in full, or written as a file to try."""

from __future__ import annotations

import inspect
import sys
import textwrap
from pathlib import Path

from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from bnspec.cli.screen import Screen
from bnspec.reference.bugs import shapes
from bnspec.reference.bugs.catalogue import BUGS, CHAPTERS, UnknownBug, bug, forms
from bnspec.reference.bugs.facts import Bug
from bnspec.reports.pages import bugs

USAGE = 2
"""Exit code for what is not there."""


def show(slug: str | None) -> int:
    """Print the catalogue, or one bug of it; 2 and one sentence for a slug that there is not."""
    screen = Screen()
    if slug is None:
        _list(screen)
        return 0
    try:
        _explain(screen, bug(slug))
    except UnknownBug as error:
        return _refused(error)
    return 0


def write(slug: str, file: Path, shape: str | None) -> int:
    """Write a BatchNorm with this bug into a file, in the first shape that can have it if none is named; 2 where that cannot be.

    A bug that is one only against a declaration gets a file with that declaration beside it.
    """
    try:
        chosen = bug(slug).shapes[0] if shape is None else shape
        text = shapes.source([slug], chosen)
    except (UnknownBug, shapes.CannotWear) as error:
        return _refused(error)
    file.write_text(text, encoding="utf-8")
    command = f"bnspec check {file}:{shapes.NAMES[chosen]}"
    if bug(slug).only_against:
        declaration = file.with_suffix(".toml")
        declaration.write_text(shapes.convention_of([slug], chosen).to_toml(), encoding="utf-8")
        command += f" --convention {declaration}"
    print(f"wrote {file}; try: {command}")
    return 0


def page(file: Path) -> int:
    """Write the whole catalogue as a page to read: HTML where the name ends so, else Markdown."""
    file.write_text(bugs.render(file.name), encoding="utf-8")
    print(f"wrote {file}: {len(BUGS)} known bugs")
    return 0


def _refused(error: Exception) -> int:
    print(f"bnspec: {error}", file=sys.stderr)
    return USAGE


def _list(screen: Screen) -> None:
    screen.print(f"{len(BUGS)} known bugs; `bnspec bugs SLUG` explains one")
    for chapter in CHAPTERS:
        name = chapter.__name__.rpartition(".")[2]
        screen.print(f"\n[bold]{name}[/bold]   {(inspect.getdoc(chapter) or '').splitlines()[0]}")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        table.add_column(no_wrap=True)
        for one in (one for one in BUGS.values() if one.chapter == name):
            table.add_row(one.slug, one.damages[0] + (" ..." if one.damages[1:] else ""), one.title)
        screen.print(table)


def _explain(screen: Screen, found: Bug) -> None:
    screen.print(f"[bold]{escape(found.name)}[/bold]   {escape(found.title)}\n")
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, text in _facts(found):
        facts.add_row(name, escape(text))
    screen.print(facts)
    others = [one for one in forms(found.slug) if one != found]
    for one in others:
        screen.print(f"\nalso {escape(one.name)}: {escape(one.wrong)}")
    for text in found.story.sentences:
        screen.print(f"\n{escape(text)}")
    _code(screen, "by hand", found.story.code)
    _code(screen, "as steps, for bnspec bugs --write", code_of(found))


def _code(screen: Screen, heading: str, code: str) -> None:
    screen.print(f"\n[dim]{heading}[/dim]")
    screen.print(Syntax(code, "python", theme="ansi_dark", background_color="default", word_wrap=True))


def _facts(found: Bug) -> list[tuple[str, str]]:
    declared = [f"{choice} = {value}" for choice, value in {**found.under, **found.only_against}.items()]
    only = "only if declared: " if found.only_against else "only under: "
    return [
        ("right", found.right),
        ("wrong", found.wrong),
        ("damages", ", ".join(found.damages)),
        ("effect", found.effect),
        ("seen", ", ".join(found.seen)),
        ("shown by", found.exposes.words),
        ("caught by", ", ".join(found.laws)),
        *([("a bug", only + ", ".join(declared))] if declared else []),
        *([("kind", "rounding: known by how it grows, not by its digits")] if found.kind == "rounding" else []),
    ]


def code_of(found: Bug) -> str:
    """The class that has the bug, without what is said about it."""
    lines = textwrap.dedent(inspect.getsource(found.steps)).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("class "))
    return "\n".join(lines[start:])
