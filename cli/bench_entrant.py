"""Somebody who takes part in a benchmark: opened and looked at as in a check, graded, and asked in every regime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf

import numpy as np
import pytest

from bnspec.cli.bench_gate import WHOLE, channels_of, empty_case, workload_of, worst_of
from bnspec.cli.bench_points import Regime, regimes
from bnspec.fixed.parts import PARTS
from bnspec.plugs.faults import Fault
from bnspec.plugs.program import command_of
from bnspec.plugs.subject import Subject
from bnspec.plugs.timed import Timed
from bnspec.plugs.workload import Workload
from bnspec.properties.grading import judge_golden
from bnspec.properties.judge import Deviation
from bnspec.properties.session import open_session
from bnspec.properties.stage import Stage, on_stage
from bnspec.protocol import Message
from bnspec.reports.bench import Accuracy
from bnspec.reports.grades import LETTERS

NEEDS = {"forward": ("train",), "inference": ("infer",), "backward": ("grad_train",), "step": ("train", "grad_train")}
"""The parts of a scope without which an operation is not offered."""

TRAINS = ("forward", "backward", "step")
"""The operations that are judged as training."""

NOT_INSIDE = "a program of its own can only be asked through the protocol, and calls are timed inside a process that bnspec runs in"
"""Why programs are not timed."""


FIRST_ANSWERS = 10.0
"""Seconds that a small case may take, as in a check."""


@dataclass
class Entrant:
    """A target that can be timed.

    subject   what was measured of it: its convention, and what it does not let itself be given
    refused   dtype -> why it is not offered, "" where it is
    adapter   the text by which it is called
    """

    target: str
    subject: Subject
    refused: dict[str, str]
    adapter: str
    timeout: float
    accuracies: list[Accuracy]

    def unsupported(self, operation: str, dtype: str) -> str:
        """Why an operation is not offered; "" where it is."""
        missing = [part for part in NEEDS[operation] if part not in self.subject.scope]
        return self.refused.get(dtype, "") or (f"{', '.join(missing)} not offered" if missing else "")

    def process(self, threads: int, *, memory: bool = False) -> Timed:
        """A new process that times it; raises `Fault`."""
        return Timed(self.target, self.adapter, threads=threads, timeout=self.timeout, memory=memory)

    def preparation(self, operation: str, workload: Workload) -> Message:
        """The request that makes a layer for an operation; raises `Fault` for a setup that it cannot be given."""
        request = self.subject.layer_request(empty_case(workload, self.subject), 1)
        words = {
            "operation": operation,
            "shape": ",".join(map(str, workload.shape)),
            "layout": workload.layout,
            "mean": repr(workload.mean),
            "std": repr(workload.std),
            "seed": str(workload.seed),
        }
        return Message({**request.words, **words, "op": "prepare"}, request.arrays)

    def first_answer(self, timed: Timed, operation: str, workload: Workload, rng: np.random.Generator) -> dict[str, float]:
        """component -> error / bound of a fresh layer's answer, after preparing for the operation; raises `Fault`."""
        timed.ask(self.preparation(operation, workload))
        channels, call = channels_of(workload, WHOLE, rng), int(rng.integers(1 << 30))
        answer = timed.ask(Message.request("answer", first=call, channels=channels)).arrays
        return worst_of(workload, self.subject, answer, channels, call=call, training=operation in TRAINS)


@contextmanager
def opened(target: str, dtypes: Sequence[str], timeout: float, seed: int) -> Iterator[Entrant]:
    """The entrant behind a target, looked at; raises `Fault` where there is none, `BadConvention` for what it declares."""
    if command_of(target):
        raise Fault("unsupported", NOT_INSIDE, "start")
    session = open_session(target, dtypes=dtypes, examples=1, seed=seed, timeout=min(timeout, FIRST_ANSWERS))
    try:
        subject, started = session.subject, session.subject.link.started
        entrant = Entrant(target, subject, session.measured.dtypes, started.text("adapter"), timeout, [])
        entrant.accuracies += [_accuracy(entrant, dtype, seed) for dtype in dtypes if not entrant.refused.get(dtype)]
        yield entrant
    finally:
        session.subject.link.close()


def _accuracy(entrant: Entrant, dtype: str, seed: int) -> Accuracy:
    grade, found = _grade(entrant.subject, dtype), dict[str, dict[str, float]]()
    with entrant.process(1) as timed:
        for regime in regimes(dtype):
            found[regime.name], alive = _in_regime(entrant, timed, regime, dtype, seed)
            if not alive:
                break  # what ends the process in one regime is disqualified where it is timed, and not asked in the others
    return Accuracy(target=entrant.target, dtype=dtype, grade=grade, regimes=found)


def _grade(subject: Subject, dtype: str) -> str:
    """The letter of the golden cases, the worst of all parts; "" where none was answered."""
    letters = []
    for scope in (part for part in PARTS if part in subject.scope):
        stage = Stage(subject, dtype)
        with on_stage(stage), suppress(Deviation, Fault, pytest.skip.Exception):  # the grade says so
            judge_golden(subject, scope)
        letters.append(stage.tally.grade)
    return max(filter(None, letters), key=list(LETTERS).index, default="")


def _in_regime(entrant: Entrant, timed: Timed, regime: Regime, dtype: str, seed: int) -> tuple[dict[str, float], bool]:
    """component -> largest error / bound in the regime, infinite where there is no answer at all; whether the process lives."""
    worst: dict[str, float] = {}
    for operation in ("forward", "inference", "backward"):
        if entrant.unsupported(operation, dtype):
            continue
        workload = workload_of(entrant.subject, regime.shape, dtype, seed=seed, mean=regime.mean, std=regime.std)
        try:
            found = entrant.first_answer(timed, operation, workload, np.random.default_rng(seed))
        except Fault as fault:
            if fault.status in ("crash", "timeout"):
                return {**worst, operation: inf}, False
            found = {} if fault.status == "unsupported" else {operation: inf}
        worst |= {"y_infer" if operation == "inference" and name == "y" else name: ratio for name, ratio in found.items()}
    return worst, True
