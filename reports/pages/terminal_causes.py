"""The causes on a terminal: what the mistake is, what it does, what to change, and which failures it folds up."""

from __future__ import annotations

from rich.console import Console

from bnspec.reports.pages.examples import difference, in_words
from bnspec.reports.pages.folding import Cause
from bnspec.reports.pages.lines import labelled, say
from bnspec.reports.verdict import title_of

STYLES = {"wrong": "red", "right": "green", "change": "bold"}
"""How the formulas stand out."""


def show(cause: Cause, console: Console, *, which: str) -> None:
    """Print one cause; `which` says which one it is, where there are several."""
    console.print()
    {"named": _named, "candidates": _candidates, "unknown": _unknown}[cause.kind](cause, console, which)


def _named(cause: Cause, console: Console, which: str) -> None:
    say(console, f"{which}{cause.heading}", style="bold", lines=2)
    say(console, cause.standing, indent=3)
    _told(cause, console)
    labelled(console, "more", f"bnspec bugs {cause.name}" if cause.bug else "")


def _candidates(cause: Cause, console: Console, which: str) -> None:
    say(console, f"{which}{cause.heading}", style="bold", lines=2)
    for one in cause.candidates:
        known = f"{one.title}; " if one.title else ""
        say(console, f"{one.bug}: {known}agrees on {one.agrees:,} of {one.of:,} observations", indent=3, lines=2)
    _told(cause, console)
    labelled(console, "more", "bnspec bugs NAME")


def _unknown(cause: Cause, console: Console, which: str) -> None:
    said = cause.diagnosis
    say(console, f"{which}{cause.heading}", style="bold", lines=2)
    say(console, said.text, indent=3, lines=5)
    _facts(cause, console)
    labelled(console, "seen in", cause.counted, lines=2)


def _told(cause: Cause, console: Console) -> None:
    """What it does and what to do about it; then what is folded under it, with the smallest case of all."""
    _facts(cause, console)
    listed = "; ".join(title_of(finding.row) for finding in cause.found)
    labelled(console, "explains", f"{cause.counted}: {listed}" if cause.found else cause.counted, style="red", lines=2)
    if smallest := cause.smallest:
        example = smallest.row.counterexample
        said = difference(example) or (example.message if example else smallest.row.reason)
        labelled(console, "smallest", f"failure {smallest.number}: {said}", style="red", lines=2)
        labelled(console, "", in_words(example) if example else "", lines=2)


def _facts(cause: Cause, console: Console) -> None:
    for label, text in cause.facts:
        labelled(console, label, text, lines=3, style=STYLES.get(label, ""))
