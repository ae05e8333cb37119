"""The table of benchmarks/detection.py: what each way of checking said, what that comes to, and bugs caught against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bnspec.cli.runner import environment

OURS = "bnspec"

RIVALS = ("allclose", "notebook", "gradcheck", "onnx_nodes", "opinfo", "exact_data")
"""The files of benchmarks/rivals."""

LIMIT = 60.0
"""Seconds that one way may take over one implementation; longer is caught: it hangs."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one way said of one subject.  complaints: what it found wrong; named: whether it said which mistake it is."""

    subject: str
    bug: str
    way: str
    complaints: list[str]
    seconds: float
    named: bool = False

    @property
    def alarmed(self) -> bool:
        """Whether it found anything wrong."""
        return bool(self.complaints)


def figures(found: Sequence[Found]) -> list[dict[str, Any]]:
    """A row a way: what it caught of the bugs, accused of right code, named, and how long a bug took; then all rivals together."""
    wrong, right = [one for one in found if one.bug], [one for one in found if not one.bug]
    rows = []
    for way, title in titles().items():
        mine = [one for one in wrong if one.way == way]
        alone = {one.subject for one in mine if one.alarmed} - {one.subject for one in wrong if one.alarmed and one.way != way}
        accused = [one for one in right if one.way == way and one.alarmed]
        rows.append(_row(title, mine, accused, sum(one.way == way for one in right), alone))
    rows.append(_together(wrong, right))
    return rows


def _row(title: str, mine: Sequence[Found], accused: Sequence[Found], right: int, alone: set[str]) -> dict[str, Any]:
    times = [one.seconds for one in mine]
    return {
        "way": title,
        "caught": sum(one.alarmed for one in mine),
        "of": len(mine),
        "caught by it alone": len(alone),
        "named": sum(one.named for one in mine),
        "accused": sorted(one.subject for one in accused),
        "right": right,
        "median seconds": median(times) if times else 0.0,
        "slowest": max(times, default=0.0),
    }


def _together(wrong: Sequence[Found], right: Sequence[Found]) -> dict[str, Any]:
    """All other ways, one after the other."""
    joined = []
    for name in dict.fromkeys(one.subject for one in wrong):
        of = [one for one in wrong if one.subject == name and one.way != OURS]
        said = [complaint for one in of for complaint in one.complaints]
        joined.append(Found(subject=name, bug="?", way="all", complaints=said, seconds=sum(one.seconds for one in of)))
    accused = {one.subject: one for one in right if one.way != OURS and one.alarmed}
    ours = {one.subject for one in wrong if one.way == OURS and one.alarmed}
    alone = {one.subject for one in joined if one.alarmed} - ours
    return _row("all of these but bnspec together", joined, list(accused.values()), len({one.subject for one in right}), alone)


def titles() -> Mapping[str, str]:
    """The ways, as they are called in the table."""
    return {OURS: "bnspec, campaign mode"} | {way: str(import_module(f"rivals.{way}").TITLE) for way in RIVALS}


def missed(found: Sequence[Found], ours: bool) -> list[str]:
    """The bugs that bnspec, or all others together, did not catch."""
    caught = {one.subject for one in found if one.alarmed and (one.way == OURS) is ours}
    return [name for name in dict.fromkeys(one.subject for one in found if one.bug) if name not in caught]


def markdown(found: Sequence[Found], rows: Sequence[Mapping[str, Any]]) -> str:
    """The table, what was missed, and who was accused."""
    lines = ["# Mistakes caught: bnspec and the ways in which people check", ""]
    lines += [
        "| way | caught | by it alone | named | right code accused | s a bug, median | slowest |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        accused = f"{len(row['accused'])} of {row['right']}"
        times = f"{row['median seconds']:.2g} | {row['slowest']:.2g}"
        lines.append(
            f"| {row['way']} | {row['caught']} of {row['of']} | {row['caught by it alone']} | {row['named']} "
            f"| {accused} | {times} |"
        )
    lines += [
        "",
        "Imports are warm in all of them. bnspec's seconds hold the opening of the implementation, the measuring of its convention",
    ]
    lines += ["and the first law that fails; a rival's hold its checks alone. Each way knows the convention of what it checks.", ""]
    lines += [", ".join(" ".join(pair) for pair in environment().items()) + ".", ""]
    for title, ours in (("bnspec missed", True), ("All others together missed", False)):
        names = missed(found, ours)
        lines += [f"{title} {len(names)}: {', '.join(f'`{name}`' for name in names) or 'none'}.", ""]
    for row in rows[:-1]:
        if row["accused"]:
            lines += [f"{row['way']} accused {', '.join(row['accused'])}.", ""]
    return "\n".join(lines)


def plot(found: Sequence[Found], file: Path) -> None:
    """Bugs caught within a time, one line a way; nothing where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for way, title in titles().items():
        times = sorted(one.seconds for one in found if one.way == way and one.bug and one.alarmed)
        axes.step(
            [*times, LIMIT], [*range(1, len(times) + 1), len(times)], where="post", label=title, linewidth=2 if way == OURS else 1
        )
    axes.set(xscale="log", xlabel="seconds for one bug", ylabel="bugs caught within that time")
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(file, metadata={"Date": None})
