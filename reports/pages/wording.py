"""Numbers, places and conventions in the words of the pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnspec.reports.record import Counterexample
from bnspec.reports.trace import Number, Values, bracketed

MARKS = {"pass": "✓", "fail": "✗", "undecided": "?", "advice": "!", "unsupported": "–"}
"""One sign a state, for pages that can show it."""

STATES = {
    "pass": "holds",
    "fail": "does not hold",
    "undecided": "undecided",
    "advice": "recommended, does not hold",
    "unsupported": "unsupported",
}
"""The states in words."""

PARTS = {
    "train": "training",
    "infer": "inference",
    "running": "running statistics",
    "grad_train": "training gradients",
    "grad_infer": "inference gradients",
}
"""The parts of a scope in words."""

DECADES = (-3, 6)
"""The powers of ten that a bar of error / bound spans; the bound itself is at a third of it."""

GRID = (12, 10)
"""Rows and columns of an array that a page shows."""

IN_FULL = 5
"""Failures that a page shows in full; the others are there to be opened."""

LONGEST_FIGURE = 12
"""Characters of a number in an array beyond which it is rounded to nine digits; the record and the script have all of them."""


@dataclass(frozen=True)
class Cell:
    """A number of an array; `here` is where the error is."""

    text: str
    here: bool


@dataclass(frozen=True)
class Grid:
    """An array as a table, leading axes one below the other; `hidden` counts the numbers left out."""

    rows: list[list[Cell]]
    hidden: int


def number(value: Number | None, digits: int = 3) -> str:
    """A figure as people read it: 0.0123, 51,234, 1.2e+07, inf."""
    if value is None:
        return ""
    value = float(value)
    if value and math.isfinite(value) and not 1e-4 <= abs(value) < 1e6:
        return _short_exponent(f"{value:.{digits}g}")
    if abs(value) >= 10 ** (digits - 1) and math.isfinite(value):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def apart(got: Number, want: Number) -> tuple[str, str]:
    """Both numbers with just enough digits to see that they differ, and two more."""
    pair = float(got), float(want)
    differ = next((digits for digits in range(1, 17) if f"{pair[0]:.{digits}g}" != f"{pair[1]:.{digits}g}"), 16)
    digits = min(17, max(4, differ + 2))
    return _short_exponent(f"{pair[0]:.{digits}g}"), _short_exponent(f"{pair[1]:.{digits}g}")


def place(example: Counterexample) -> str:
    """Where the error is: dx[1, 0]."""
    return f"{example.component}[{', '.join(map(str, example.index))}]" if example.index else example.component


def distance(example: Counterexample) -> str:
    """How far off, to follow got and wanted; nothing where it was not measured."""
    if example.bound is not None and float(example.bound) == 0:
        return "; they must be equal to the last bit"
    return "" if example.ratio is None else f"; off by {number(example.ratio)} times its bound"


def log_percent(ratio: float) -> float:
    """How much of a bar a ratio fills, on a logarithmic scale."""
    lowest, highest = DECADES
    power = math.log10(ratio) if ratio > 0 else lowest
    return round(100 * min(max((power - lowest) / (highest - lowest), 0.0), 1.0), 1)


def grid(values: Values, index: Sequence[int] | None = None) -> Grid:
    """The upper left corner of an array, with the number at `index` marked."""
    numbers = values.numpy()
    table = numbers.reshape(-1, values.shape[-1] if values.shape else 1) if numbers.size else numbers.reshape(0, 0)
    marked = np.zeros(numbers.shape, bool)
    if index is not None and len(index) == numbers.ndim and all(map(_within, index, numbers.shape)):
        marked[tuple(index)] = True
    shown, marks = table[: GRID[0], : GRID[1]], marked.reshape(table.shape)
    rows = [[Cell(_figure(shown[at, to]), bool(marks[at, to])) for to in range(shown.shape[1])] for at in range(len(shown))]
    return Grid(rows, numbers.size - shown.size)


def convention_line(convention: Mapping[str, Any]) -> str:
    """The convention as one line; what is not recorded is not said."""
    said = []
    if weighs := convention.get("momentum_weighs"):
        default = convention.get("momentum_default")
        said.append(_momentum(str(weighs)) + ("" if default is None else f", default {_given(default)}"))
    if kind := convention.get("running_var"):
        said.append("running variance " + (_by_rank(kind) if isinstance(kind, Mapping) else str(kind)))
    if (eps := convention.get("eps_default")) is not None:
        said.append(f"eps {_given(eps)}")
    if (axis := convention.get("channel_axis")) is not None:
        said.append(f"channel axis {axis}")
    return "; ".join(said)


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _figure(value: Any) -> str:
    exact = str(value).removesuffix(".0")
    return _short_exponent(exact if len(exact) <= LONGEST_FIGURE else f"{float(value):.9g}")


def _short_exponent(figure: str) -> str:
    return figure.replace("e-0", "e-").replace("e+0", "e+")


def _within(at: int, size: int) -> bool:
    return -size <= at < size


def _given(value: Any) -> str:
    """A number of a convention, or what stands in its place: a record has NaN and infinity as words."""
    return _short_exponent(f"{value:g}") if isinstance(value, float | int) else str(value)


def _momentum(weighs: str) -> str:
    sentences = {"cumulative": "running statistics are plain averages", "unobservable": "what momentum weighs cannot be seen"}
    return sentences.get(weighs, f"momentum weighs the {weighs}" + (" statistics" if weighs == "running" else ""))


def _by_rank(kinds: Mapping[Any, str]) -> str:
    return ", ".join(f"{kind} for rank {rank}" for rank, kind in sorted(kinds.items(), key=lambda item: str(item[0])))


def array_text(values: Values) -> str:
    """A small array as nested brackets, its numbers as short as their dtype allows: [[1, 2.5], [0, -1]]."""
    words = [_figure(value) for value in values.numpy().ravel()]
    return bracketed(words, values.shape) if words else f"no values, shape ({', '.join(map(str, values.shape))})"
