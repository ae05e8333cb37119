"""What a benchmark leaves: raw times, raw copies for the limit, accuracy; and the figures that follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import comb
from pathlib import Path
from statistics import median, quantiles
from typing import Literal

import msgspec

from bnspec.reports.record import as_json, write_atomically
from bnspec.reports.trace import Number

SCHEMA = "bnspec-bench/1"

CONFIDENCE = 0.95
"""Of the interval that is given with each ratio."""

SPREAD = 0.95
"""Share of the ratios of a thing with itself that lie within the resolution."""


COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "forward": ("y", "running_mean", "running_var"),
    "inference": ("y_infer",),
    "backward": ("dx", "dgamma", "dbeta"),
    "step": ("y", "running_mean", "running_var", "dx", "dgamma", "dbeta"),
}
"""What each operation computes, by the names that a regime has for it."""


class BadBench(ValueError):
    """A file that is no benchmark of ours."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What was timed: an operation on an x of this shape (N, C, *S), in this dtype and memory layout, with so many threads."""

    operation: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: str = "contiguous"
    threads: int = 1

    @property
    def size(self) -> int:
        """Elements of x."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        layout = "" if self.layout == "contiguous" else f", {self.layout.replace('_', ' ')} in memory"
        return f"{self.operation} {self.shape} {self.dtype}{layout}, {threads}"


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """One target at one point.

    status   "timed"; "disqualified": its answer there is wrong, or none; "unsupported"; "skipped": too slow or too large here
    asked    the shape of x as the target takes it, where that is another
    calls    of which each of `seconds` is the median; the rounds in order
    copies   seconds of the copy that moves what must be moved, measured in the same round and process
    again    seconds of the same target in a second process, in the same rounds: of the one that others are compared with
    peak     bytes that a call takes beside its inputs
    worst    component -> largest error / bound of the answers judged here
    """

    target: str
    point: Point
    status: Literal["timed", "disqualified", "unsupported", "skipped"]
    reason: str = ""
    asked: tuple[int, ...] = ()
    calls: int = 0
    seconds: list[float] = []
    copies: list[float] = []
    again: list[float] = []
    peak: int | None = None
    worst: Mapping[str, Number] = {}

    @property
    def typical(self) -> float:
        """Seconds of a call: the median over the rounds."""
        return median(self.seconds)

    @property
    def limit(self) -> float:
        """Seconds in which memory moves what must be moved."""
        return median(self.copies)

    @property
    def share(self) -> float:
        """The limit as a share of the time, round by round: 1 is as fast as memory allows."""
        return median(ratios(self.copies, self.seconds))


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """One target in one dtype. `regimes`: name -> component -> largest error / bound; `grade`: of the golden cases, "" for none."""

    target: str
    dtype: str
    grade: str
    regimes: Mapping[str, Mapping[str, Number]] = {}


class Bench(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """One run.

    against   the target that the others are compared with;  refused: target -> why it could not be opened
    machine   what the times depend on
    """

    suite: str
    targets: list[str]
    against: str
    profile: str
    seed: int
    rounds: int
    seconds: float
    environment: dict[str, str]
    machine: dict[str, str]
    accuracies: list[Accuracy]
    timings: list[Timing]
    refused: dict[str, str] = {}

    def at(self, target: str, point: Point) -> Timing | None:
        """The timing of a target at a point."""
        return next((one for one in self.timings if one.target == target and one.point == point), None)

    def points(self) -> Iterator[tuple[Point, list[Timing]]]:
        """Each point with what was found there, in order."""
        for point, found in groupby(self.timings, key=lambda one: one.point):
            yield point, list(found)

    def worst_error(self, timing: Timing) -> float | None:
        """The largest error / bound of what an operation computes, in all regimes and while it was timed; None if not known."""
        accuracy, wanted = self.accuracy(timing.target, timing.point.dtype), COMPONENTS[timing.point.operation]
        regimes = accuracy.regimes.values() if accuracy else ()
        found = [ratio for worst in regimes for name, ratio in worst.items() if name in wanted]
        return max(map(float, [*found, *timing.worst.values()]), default=None)

    def accuracy(self, target: str, dtype: str) -> Accuracy | None:
        """How accurate a target is in a dtype."""
        return next((one for one in self.accuracies if (one.target, one.dtype) == (target, dtype)), None)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A time in units of another: the median over the rounds, and the interval in which it lies with `CONFIDENCE`.

    resolution   how far from 1 the ratio of a thing with itself came in the same rounds: 0.04 is 4 %
    """

    ratio: float
    low: float
    high: float
    resolution: float

    @property
    def verdict(self) -> Literal["faster", "slower", "alike"]:
        """Whether one is faster: only where the whole interval lies outside of the resolution."""
        if self.high < 1 / (1 + self.resolution):
            return "faster"
        return "slower" if self.low > 1 + self.resolution else "alike"


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Round by round, as far as both have rounds."""
    return [one / other for one, other in zip(over, under, strict=False)]


def resolution_of(base: Timing) -> float | None:
    """How far from 1 the ratio of the target with itself comes, in 95 of 100 rounds; None where it was not timed twice."""
    if len(base.again) < 2:
        return None
    distances = [abs(math.log(ratio)) for ratio in ratios(base.again, base.seconds)]
    return math.expm1(quantiles(distances, n=100, method="inclusive")[round(100 * SPREAD) - 1])


def compared(timing: Timing, base: Timing) -> Comparison | None:
    """The time of one target in units of another's; None where one of them, or the resolution, is not known."""
    resolution = resolution_of(base)
    if resolution is None or not timing.seconds or timing.target == base.target:
        return None
    found = ratios(timing.seconds, base.seconds)
    low, high = interval(found)
    return Comparison(ratio=median(found), low=low, high=high, resolution=resolution)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Between which values the median lies with `CONFIDENCE`, whatever their distribution: order statistics, by the binomial."""
    ordered, count = sorted(values), len(values)
    tail, skipped = 1, 0  # ways in which fewer than `skipped` + 1 of `count` values lie below the median
    while 2 * (tail + comb(count, skipped + 1)) <= (1 - CONFIDENCE) * 2**count:
        skipped += 1
        tail += comb(count, skipped)
    return ordered[skipped], ordered[-1 - skipped]


def is_below_limit(timing: Timing, resolution: float | None) -> bool:
    """Whether it took less time than moving the bytes takes, by more than the resolution: then it has not done the work."""
    return timing.share > 1 + (resolution or 0.0)


def save(bench: Bench, path: Path) -> None:
    """Write it as JSON, raw values and all."""
    write_atomically(path, msgspec.json.format(as_json(bench), indent=1) + b"\n")


def load(path: Path) -> Bench:
    """The benchmark in a file; raises `BadBench` where there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Bench)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadBench(f"{path} is no benchmark that `bnspec bench --json` wrote: {error}") from None
