"""The worst ratio of error to bound against the number of cases, as SVG. Without matplotlib, or a deep run, there is none."""

from __future__ import annotations

import importlib.util
from io import StringIO

from bnspec.reports.inert import one_line
from bnspec.reports.record import Record, Row

SHOWN = 8
"""Rows that are drawn in colour, those that came nearest to their bounds; the others stand behind them in grey."""


def plot(record: Record) -> str:
    """The SVG, "" where there is nothing to draw or nothing to draw with."""
    rows = sorted((row for row in record.results if row.climb), key=lambda row: float(row.climb[-1][1]), reverse=True)
    if not rows or importlib.util.find_spec("matplotlib") is None:
        return ""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure = Figure(figsize=(8.0, 4.2), layout="constrained")
    axes = figure.subplots()
    for row in reversed(rows[SHOWN:]):
        axes.step(*_course(row), where="post", color="0.85", linewidth=0.8)
    for row in rows[:SHOWN]:
        axes.step(*_course(row), where="post", label=f"{row.property.replace('_', ' ')}, {row.dtype}")
    axes.axhline(1, color="0.4", linestyle="--", linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel="cases", ylabel="worst error / bound so far", title=one_line(record.target, 80))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize="x-small", loc="lower right")
    with StringIO() as file, mpl.rc_context({"svg.hashsalt": "bnspec", "svg.fonttype": "none", "text.parse_math": False}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return file.getvalue()


def _course(row: Row) -> tuple[list[int], list[float]]:
    """Cases and ratios, drawn on to the end of the row."""
    cases, ratios = [at for at, _ in row.climb], [float(ratio) for _, ratio in row.climb]
    return [*cases, max(row.examples, cases[-1])], [*ratios, ratios[-1]]
