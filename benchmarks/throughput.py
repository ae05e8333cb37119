"""How many small cases a second are drawn, asked (forward, running statistics, backward) and judged, in both ways of asking.

    python benchmarks/throughput.py [TARGET] [--examples N]

Also shows where a case's time goes in process. Figures of a shared machine: compare the two ways of one run, not two runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

from hypothesis import given, settings

from bnspec import bounds, exact
from bnspec.case import Case
from bnspec.plugs.link import open_link
from bnspec.plugs.probe import measure
from bnspec.plugs.subject import Subject
from bnspec.properties.drawing import SETTINGS
from bnspec.properties.judge import assert_near, train_truth
from bnspec.properties.stage import Stage, on_stage
from bnspec.properties.strategies import cases

SMALL = 33
"""Values a channel, at most, in the cases of this figure."""

ROUNDS = 5
"""Turns of the two ways of asking, which share the examples."""


def rate(target: str, examples: int, *, in_process: bool) -> float:
    """Cases a second, a case being one Hypothesis example with everything that belongs to it."""
    with open_link(target, in_process=in_process) as link:
        subject = Subject(link)
        subject.convention = measure(subject, {}, ["float32"]).convention

        @settings(SETTINGS, max_examples=examples)
        @given(case=cases(max_values=SMALL))
        def ask(case: Case) -> None:
            subject.begin()
            assert_near(
                subject.train_gradients(case), train_truth(case), "y", "running_mean", "running_var", "dx", "dgamma", "dbeta"
            )

        with on_stage(Stage(subject, "float32")):
            started = perf_counter()
            ask()
            return examples / (perf_counter() - started)


def rates(target: str, examples: int) -> tuple[list[float], list[float]]:
    """Cases a second in process and through the protocol, by turns, so that what else the machine does slows both alike."""
    pairs = [[rate(target, examples, in_process=in_process) for in_process in (True, False)] for _ in range(ROUNDS)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def shares(target: str, examples: int) -> dict[str, float]:
    """Microseconds a case of each part, in process."""
    drawn: list[Case] = []

    @settings(SETTINGS, max_examples=examples)
    @given(case=cases(max_values=SMALL))
    def draw(case: Case) -> None:
        drawn.append(case)

    with open_link(target, in_process=True) as link:
        subject = Subject(link)
        convention = subject.convention = measure(subject, {}, ["float32"]).convention
        with on_stage(Stage(subject, "float32")):
            found = {"drawing": _microseconds(lambda _: draw(), [None]) / examples}
        truths = [(case, exact.train(case, convention)) for case in drawn]
        found["asking"] = _microseconds(subject.train_gradients, drawn)
        found["exact"] = _microseconds(lambda case: exact.train(case, convention), drawn)
        found["bounds"] = _microseconds(lambda pair: bounds.train_bounds(*pair, convention), truths)
    return found


def _microseconds(function: Callable[[Any], object], items: list[Any]) -> float:
    started = perf_counter()
    for item in items:
        function(item)
    return (perf_counter() - started) / len(items) * 1e6


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", nargs="?", default="bnspec.reference.textbook:BatchNormWithBackward")
    parser.add_argument("--examples", type=int, default=2000)
    arguments = parser.parse_args()
    for name, value in shares(arguments.target, arguments.examples).items():
        print(f"{name:10} {value:6.0f} us a case")
    inside, outside = rates(arguments.target, arguments.examples // ROUNDS)
    print(f"{'in process':22} {max(inside):6.0f} cases a second")
    print(f"{'through the protocol':22} {max(outside):6.0f} cases a second")
    print(f"isolation makes a case {median(one / other for one, other in zip(inside, outside, strict=True)):.2f} times as long")


if __name__ == "__main__":
    main()
