"""The plots of a benchmark, as SVG: speed against accuracy, and growth with size. Without matplotlib there are none."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from typing import Any

from bnspec.reports.bench import Bench, Timing, compared
from bnspec.reports.inert import one_line

MARKERS = "os^Dvp*hXP"
"""One a target, in order; the colours are matplotlib's own."""

LEAST = 1e-3
"""The smallest error / bound that is drawn: better is drawn there."""


def plots(bench: Bench) -> dict[str, str]:
    """name -> SVG; empty where matplotlib is not installed, or nothing was timed."""
    if importlib.util.find_spec("matplotlib") is None or not any(one.seconds for one in bench.timings):
        return {}
    return {"frontier": _frontier(bench), "scaling": _scaling(bench)}


def _frontier(bench: Bench) -> str:
    """A panel an operation: time in units of the limit, and the worst error; empty signs are within the resolution of the first."""
    with Panels(bench, "worst error / bound, all regimes", "time / limit of memory") as drawn:
        for operation, axes in drawn.panels():
            found = [(one, bench.worst_error(one)) for one in _largest(bench, operation)]
            points = [(one, 1 / one.share, max(error, LEAST)) for one, error in found if error is not None]
            for timing, time, error in points:
                axes.plot(time, error, **drawn.style(timing.target, hollow=_is_alike(bench, timing)))
            front = list(_front((time, error) for _, time, error in points))
            axes.plot([time for time, _ in front], [error for _, error in front], color="0.6", linewidth=1, zorder=0)
            axes.axvline(1, color="0.5", linestyle=":", linewidth=1)
            axes.axhline(1, color="0.5", linestyle="--", linewidth=1)
        return drawn.svg()


def _scaling(bench: Bench) -> str:
    """A panel an operation: nanoseconds an element over the size of x, one line a target, and the limit."""
    with Panels(bench, "nanoseconds an element", "elements of x") as drawn:
        for operation, axes in drawn.panels():
            for target in bench.targets:
                found = [one for one in _swept(bench, operation) if one.target == target]
                sizes = [one.point.size for one in found]
                axes.plot(sizes, [1e9 * one.typical / one.point.size for one in found], linewidth=1, **drawn.style(target))
                if target == bench.against:
                    axes.plot(sizes, [1e9 * one.limit / one.point.size for one in found], color="0.5", linestyle=":", linewidth=1)
        return drawn.svg()


class Panels:
    """A figure with a panel for each operation, on logarithmic axes; cleared at the end."""

    def __init__(self, bench: Bench, vertical: str, horizontal: str) -> None:
        from matplotlib.figure import Figure

        self._targets = bench.targets
        self._operations = list(dict.fromkeys(one.point.operation for one in bench.timings))
        self._figure = Figure(figsize=(3.1 * len(self._operations), 3.6), layout="constrained")
        self._axes: list[Any] = list(self._figure.subplots(1, len(self._operations), squeeze=False, sharey=True)[0])
        self._axes[0].set_ylabel(vertical)
        for axes in self._axes:
            axes.set(xscale="log", yscale="log", xlabel=horizontal)

    def __enter__(self) -> Panels:
        return self

    def __exit__(self, *_: object) -> None:
        self._figure.clear()

    def panels(self) -> Iterator[tuple[str, Any]]:
        """Each operation with its axes."""
        for operation, axes in zip(self._operations, self._axes, strict=True):
            axes.set_title(operation, fontsize=10)
            yield operation, axes

    def style(self, target: str, *, hollow: bool = False) -> dict[str, Any]:
        """How a target is drawn."""
        at = self._targets.index(target)
        colour = f"C{at % 10}"
        return {
            "marker": MARKERS[at % len(MARKERS)],
            "color": colour,
            "markerfacecolor": "none" if hollow else colour,
            "markersize": 5,
            "label": one_line(target, 60).replace("$", r"\$"),
        }

    def svg(self) -> str:
        """The figure as text, without the date, so that the same record gives the same file."""
        import matplotlib

        drawn = [pair for axes in self._axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
        known = {label: sign for sign, label in drawn}
        self._figure.legend(known.values(), known.keys(), loc="outside lower center", fontsize=8, frameon=False)
        text = StringIO()
        with matplotlib.rc_context({"svg.hashsalt": "bnspec", "svg.fonttype": "none"}):
            self._figure.savefig(text, format="svg", metadata={"Date": None})
        return text.getvalue()


def _plain(bench: Bench, operation: str) -> list[Timing]:
    """The timings of an operation in float32, contiguous, with one thread, or else of whatever comes first; by size."""
    timed = [one for one in bench.timings if one.seconds and one.point.operation == operation]
    first = next((one.point for one in timed), None)
    alike = [one for one in timed if first and _kind(one) == (first.dtype, first.layout, first.threads)]
    return sorted(alike, key=lambda one: one.point.size)


def _swept(bench: Bench, operation: str) -> list[Timing]:
    """Of those, the ones with the number of channels that most shapes have: what differs in that too grows by another rule."""
    plain = _plain(bench, operation)
    usual = Counter(one.point.shape[1] for one in plain).most_common(1)
    return [one for one in plain if one.point.shape[1] == usual[0][0]]


def _kind(timing: Timing) -> tuple[str, str, int]:
    return timing.point.dtype, timing.point.layout, timing.point.threads


def _largest(bench: Bench, operation: str) -> list[Timing]:
    """Of those, the ones at the largest size."""
    plain = _plain(bench, operation)
    return [one for one in plain if one.point == plain[-1].point]


def _is_alike(bench: Bench, timing: Timing) -> bool:
    base = bench.at(bench.against, timing.point)
    found = compared(timing, base) if base else None
    return found is not None and found.verdict == "alike"


def _front(points: Iterator[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The points than which none is both faster and more accurate, the fastest first."""
    best = float("inf")
    for time, error in sorted(points):
        if error < best:
            best = error
            yield time, error
