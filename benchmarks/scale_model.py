"""How long a run takes with so many workers: a model of five numbers, each of which `benchmarks/scale.py` measures.

    T(W) = serial + warm + max(N (u + h) / W, N c) + u

serial  connecting, opening the target, joining and writing: what one process does while all others wait
warm    what each worker does once: start a process of ours and open the target
N, u    units, and the seconds that one lasts
h       what a unit costs beside its own seconds: reaching the worker, collecting its properties, coming back
c       what a unit costs the scheduler and the judge, which are one thread each: beyond u / c workers more do not help
u       at the end once more: when the last units begin, the other workers have nothing left to do
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Costs:
    """The seconds of the model; defaults are those of docs/scale.md."""

    serial: float = 2.0
    warm: float = 2.0
    unit: float = 4.0
    beside: float = 0.15
    scheduler: float = 0.004


def seconds(units: int, workers: int, costs: Costs) -> float:
    """T(W)."""
    shared = max(units * (costs.unit + costs.beside) / workers, units * costs.scheduler)
    return costs.serial + costs.warm + shared + costs.unit


def most_workers(costs: Costs) -> int:
    """Beyond so many workers the scheduler is what takes the time."""
    return int((costs.unit + costs.beside) / costs.scheduler)


def plan(cases: float, seconds_a_case: float, workers: int, costs: Costs) -> tuple[int, float]:
    """(units, seconds) of so many cases in all, at so many seconds each on one core."""
    units = ceil(cases * seconds_a_case / costs.unit)
    return units, seconds(units, workers, costs)
