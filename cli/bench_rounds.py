"""The rounds of a benchmark: every target once in each, one after the other, so that what else the machine does meets all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from time import perf_counter
from typing import Literal

import numpy as np

from bnspec.cli.bench_entrant import TRAINS, Entrant
from bnspec.cli.bench_gate import IN_PASSING, channels_of, workload_of, worst_of
from bnspec.plugs.faults import Fault
from bnspec.plugs.timed import Timed
from bnspec.plugs.workload import Workload
from bnspec.protocol import Message
from bnspec.reports.bench import Point, Timing

WARM_UP = 3
"""Calls that are made and not counted, at least: caches, allocators and just-in-time compilers settle."""

MOST_CALLS = 200
"""Calls that one value is the median of, at most."""

PATIENCE = 12.0
"""Seconds that one target may take for all rounds at a point: slow code gets fewer rounds, but `FEWEST`."""

FEWEST = 3
"""Rounds, at least; where not even these fit into ten times the patience, the point is skipped."""

Status = Literal["timed", "disqualified", "unsupported", "skipped"]


@dataclass
class Plan:
    """How often and how long."""

    rounds: int
    sample: float
    seed: int


class Stopped(Exception):
    """A target is not timed at a point: the status, and why."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class Station:
    """An entrant and the process that times it, or measures its memory; two of them on one entrant make an A/A pair."""

    entrant: Entrant
    threads: int
    memory: bool = False
    _process: Timed | None = None

    @property
    def process(self) -> Timed:
        """The process, started again where it has ended."""
        if self._process is None:
            self._process = self.entrant.process(self.threads, memory=self.memory)
        return self._process

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.close()
            self._process = None


@dataclass
class Run:
    """One station at one point."""

    station: Station
    point: Point
    plan: Plan
    rng: np.random.Generator
    status: Status = "timed"
    reason: str = ""
    rounds: int = 0
    judged_round: int = 0
    calls: int = 1
    seconds: list[float] = field(default_factory=list)
    copies: list[float] = field(default_factory=list)
    worst: dict[str, float] = field(default_factory=dict)

    @property
    def entrant(self) -> Entrant:
        """Who runs."""
        return self.station.entrant

    @property
    def workload(self) -> Workload:
        """With what."""
        return workload_of(self.entrant.subject, self.point.shape, self.point.dtype, self.point.layout, seed=self.plan.seed)

    def begin(self) -> None:
        """Make the layer, judge its first answer, warm up, and settle how many calls make a value and how many rounds there are."""
        self._attempt(self._begin)

    def sample(self, number: int) -> None:
        """One value, in the round of this number; in one round at random an answer is judged."""
        if self.status == "timed" and number < self.rounds:
            self._attempt(partial(self._sample, judged=number == self.judged_round))

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Stopped as stopped:
            self.status, self.reason = stopped.status, str(stopped)
        except Fault as fault:
            unsupported = fault.status == "unsupported"
            self.status, self.reason = "unsupported" if unsupported else "disqualified", fault.text
            if fault.status in ("crash", "timeout"):
                self.station.close()

    def _begin(self) -> None:
        if why := self.entrant.unsupported(self.point.operation, self.point.dtype):
            raise Stopped("unsupported", why)
        process = self.station.process
        self._judge(self.entrant.first_answer(process, self.point.operation, self.workload, self.rng))
        self._ask(1)
        self.calls = max(1, min(MOST_CALLS, int(self.plan.sample / max(median(self._ask(WARM_UP)[0]), 1e-9))))
        started = perf_counter()
        self._ask(self.calls)
        each = perf_counter() - started
        if FEWEST * each > 10 * PATIENCE:
            raise Stopped("skipped", f"a round takes {each:.0f} s, and {FEWEST} are needed")
        self.rounds = max(FEWEST, min(self.plan.rounds, int(PATIENCE / each)))
        self.judged_round = int(self.rng.integers(self.rounds))

    def _sample(self, *, judged: bool) -> None:
        times, copies = self._ask(self.calls, judged=judged)
        self.seconds.append(median(times))
        self.copies.append(min(copies))

    def _ask(self, calls: int, *, judged: bool = False) -> tuple[list[float], list[float]]:
        """Seconds of so many calls, and of the copies between them; of one of the calls the answer is judged."""
        first = int(self.rng.integers(1 << 30))
        keep = first + int(self.rng.integers(calls)) if judged else -1
        channels = channels_of(self.workload, IN_PASSING, self.rng)
        reply = self.station.process.ask(Message.request("sample", first=first, calls=calls, keep=keep, channels=channels)).arrays
        answer = {name: values for name, values in reply.items() if name not in ("times", "copies")}
        if judged:
            training = self.point.operation in TRAINS
            self._judge(worst_of(self.workload, self.entrant.subject, answer, channels, call=keep, training=training))
        return (reply["times"] / 1e9).tolist(), (reply["copies"] / 1e9).tolist()

    def _judge(self, found: dict[str, float]) -> None:
        self.worst |= {name: max(ratio, self.worst.get(name, 0.0)) for name, ratio in found.items()}
        wrong = {name: ratio for name, ratio in found.items() if not ratio <= 1}
        if wrong:
            name = max(wrong, key=lambda name: wrong[name])
            raise Stopped("disqualified", f"{name} is off by {wrong[name]:.3g} times its bound, on the very inputs that are timed")

    def timing(self, peak: int | None, again: Sequence[float]) -> Timing:
        """What came of it."""
        shape, timed = self.workload.shape, self.status == "timed"
        return Timing(
            target=self.entrant.target,
            point=self.point,
            status=self.status,
            reason=self.reason,
            asked=() if shape == self.point.shape else shape,
            calls=self.calls if timed else 0,
            seconds=self.seconds if timed else [],
            copies=self.copies if timed else [],
            again=list(again) if timed else [],
            peak=peak,
            worst=self.worst,
        )


def timed_at(point: Point, stations: Sequence[Station], again: Station, scales: Sequence[Station], plan: Plan) -> list[Timing]:
    """What came of all entrants at a point.

    stations   one an entrant, the first of whom the others are compared with;  again: another one of the first
    scales     their processes that measure memory
    """
    rng = np.random.default_rng([plan.seed, point.size])
    runs = [Run(station, point, plan, np.random.default_rng(rng.integers(1 << 63))) for station in (*stations, again)]
    for run in runs:
        run.begin()
    for number in range(plan.rounds):
        turn = number % len(runs)
        for run in (*runs[turn:], *runs[:turn]):
            run.sample(number)
    *runs, second = runs
    peaks = [_peak(run, scale) for run, scale in zip(runs, scales, strict=True)]
    return [run.timing(peak, second.seconds if run is runs[0] else ()) for run, peak in zip(runs, peaks, strict=True)]


def _peak(run: Run, scale: Station) -> int | None:
    """Bytes that a call takes; None where it was not timed or the system does not tell."""
    if run.status != "timed":
        return None
    try:
        scale.process.ask(run.entrant.preparation(run.point.operation, run.workload))
        found = scale.process.ask(Message.request("peak", first=0)).words.get("peak")
    except Fault:
        scale.close()
        return None
    return None if found is None else int(found)
