"""A benchmark as pages: terminal, Markdown, HTML. Every time has its limit, its resolution and its accuracy beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from rich.console import Console

from bnspec.reports.bench import Accuracy, Bench, Timing, compared, is_below_limit, resolution_of
from bnspec.reports.grades import LETTERS
from bnspec.reports.inert import one_line
from bnspec.reports.pages import html as html_page
from bnspec.reports.pages import markdown as markdown_page
from bnspec.reports.pages.wording import number

HEADINGS = ("target", "time", "of the limit", "against the first", "memory", "grade", "worst error")
"""The columns of a table."""

SEEN = 1 << 20
"""Bytes of memory from which a peak is told: pages that a process takes for other reasons are about as many."""

SUSPICIOUS = "below the limit: less time than moving the bytes takes; it cannot have done the work"
"""What is said of a time that nobody can reach."""


def markdown(bench: Bench, plots: Sequence[str]) -> str:
    """The report as Markdown; `plots` are the names of the SVG files beside it."""
    return markdown_page.environment().get_template("bench.md").render(plots=plots, **_told(bench))


def html(bench: Bench, plots: Mapping[str, str]) -> str:
    """The report as one HTML page, its plots inside."""
    inside = {name: Markup(svg[svg.index("<svg") :]) for name, svg in plots.items()}
    return html_page.environment().get_template("bench.html").render(plots=inside, **_told(bench))


def show(bench: Bench, screen: Console, files: Sequence[str]) -> None:
    """The report on the terminal: a block a point."""
    for target, why in bench.refused.items():
        screen.print(f"not timed  {one_line(target)}: {one_line(why)}", markup=False, soft_wrap=True)
    for point, timings in bench.points():
        screen.print(f"\n{point}: {limits(bench, timings)}", markup=False, soft_wrap=True)
        for timing in timings:
            cells = _cells(bench, timing)
            screen.print(
                "  " + "  ".join(filter(None, (cells["target"].ljust(36), *list(cells.values())[1:]))), markup=False, soft_wrap=True
            )
    for accuracy in bench.accuracies:
        screen.print(f"\n{one_line(accuracy.target)} {accuracy.dtype}: {accuracy_line(accuracy)}", markup=False, soft_wrap=True)
    for path in files:
        screen.print(f"wrote {path}", markup=False, soft_wrap=True)


def _told(bench: Bench) -> dict[str, Any]:
    return {
        "bench": bench,
        "headings": HEADINGS,
        "points": [(point, limits(bench, found), [_cells(bench, one) for one in found]) for point, found in bench.points()],
        "accuracy_line": accuracy_line,
        "regimes": list(dict.fromkeys(name for one in bench.accuracies for name in one.regimes)),
        "highest": highest,
        "number": number,
    }


def limits(bench: Bench, timings: Sequence[Timing]) -> str:
    """What holds for a whole table: the physical limit and the resolution."""
    base = next((one for one in timings if one.target == bench.against and one.seconds), None)
    known = base or next((one for one in timings if one.seconds), None)
    if known is None:
        return "not timed"
    resolution = resolution_of(base) if base else None
    told = "no resolution, since the first target was not timed" if resolution is None else f"resolution {resolution:.1%}"
    return f"limit {seconds(known.limit)}, {told}, {len(known.seconds)} rounds of {known.calls} call{'s' * (known.calls > 1)}"


def _cells(bench: Bench, timing: Timing) -> dict[str, str]:
    """A row of the table, heading by heading."""
    name = one_line(timing.target, 80) + (f" (as {timing.asked})" if timing.asked else "")
    if timing.status != "timed":
        return dict(zip(HEADINGS, (name, f"{timing.status}: {one_line(timing.reason)}", "", "", "", "", ""), strict=True))
    base = bench.at(bench.against, timing.point)
    resolution = resolution_of(base) if base else None
    share = f"{timing.share:.0%} of the limit" + (f" ({SUSPICIOUS})" if is_below_limit(timing, resolution) else "")
    accuracy = bench.accuracy(timing.target, timing.point.dtype)
    cells = (
        name,
        seconds(timing.typical),
        share,
        comparison(timing, base),
        memory(timing),
        f"grade {accuracy.grade}" if accuracy and accuracy.grade else "",
        f"{number(bench.worst_error(timing))} of its bound",
    )
    return dict(zip(HEADINGS, cells, strict=True))


def comparison(timing: Timing, base: Timing | None) -> str:
    """How it compares with the first target, and with what certainty."""
    if base is not None and base.target == timing.target:
        return "1"
    found = compared(timing, base) if base else None
    if found is None:
        return ""
    said = f"{found.ratio:.2f} times ({found.low:.2f} to {found.high:.2f})"
    return f"{said}, {'no difference seen' if found.verdict == 'alike' else found.verdict}"


def memory(timing: Timing) -> str:
    """The peak of memory, and in units of x."""
    if timing.peak is None:
        return ""
    itemsize = {"float64": 8, "float32": 4}.get(timing.point.dtype, 2)
    if timing.peak < SEEN:
        return f"below {SEEN >> 20} MiB"
    return f"{timing.peak / 2**20:.0f} MiB, {timing.peak / (timing.point.size * itemsize):.1f} times x"


def seconds(value: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def highest(accuracy: Accuracy, regime: str) -> float | None:
    """The worst error of a regime, in units of its bound; None where it was not looked at."""
    found = accuracy.regimes.get(regime)
    return max(map(float, found.values()), default=None) if found else None


def accuracy_line(accuracy: Accuracy) -> str:
    """The grade and the worst error of each regime."""
    said = [f"{name} {number(worst)}" for name in accuracy.regimes if (worst := highest(accuracy, name)) is not None]
    grade = f"grade {accuracy.grade} ({LETTERS[accuracy.grade]}); " if accuracy.grade else ""
    return f"{grade}worst error / bound: {', '.join(said) or 'not measured'}"
