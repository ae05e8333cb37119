"""How many small cases a second are drawn, asked and judged, where the time goes, and what a check costs besides.

    python benchmarks/throughput.py [TARGET] [--examples N] [--json FILE] [--check smoke|standard|none]

Cases are asked for y, running statistics and gradients, in both ways of asking, by turns. Then start-up, the memory of the judge
in a whole check, the growth of the judge's cost, and the oracle beside other exact arithmetic (python-flint, mpmath).
Parts are in seconds of computing; rates, and whole commands, in seconds of a clock. On a shared machine compare what is of one run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import growth
import msgspec
from hypothesis import given, settings

from bnspec import bounds, exact
from bnspec.case import Case
from bnspec.cli.runner import environment
from bnspec.plugs.link import open_link
from bnspec.plugs.probe import measure
from bnspec.plugs.subject import Subject
from bnspec.properties.drawing import SETTINGS
from bnspec.properties.judge import Truth, assert_near, train_truth
from bnspec.properties.stage import Stage, on_stage
from bnspec.properties.strategies import cases

SMALL = 33
"""Values a channel, at most, in the cases of this figure."""

PYTHON = (sys.executable, "-P")
"""A Python that imports what is installed, and not the directory that it is started in, which may hold half of this project."""

ROUNDS = 5
"""Turns of the two ways of asking, which share the examples; and repetitions of a command."""

JUDGED = ("y", "running_mean", "running_var", "dx", "dgamma", "dbeta")

WHOLE = """
import resource, sys, time
from io import StringIO
from rich.console import Console
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, run
target, profile, *only = sys.argv[1:]
started, busy = time.perf_counter(), time.process_time()
with Progress(Console(file=StringIO()), target) as progress:
    record = run(target, Options(profile, only=tuple(only), diagnose=False), progress).record
own = resource.getrusage(resource.RUSAGE_SELF)
print(record.verdict, len({row.property for row in record.results}), sum(row.examples for row in record.results),
      time.perf_counter() - started, time.process_time() - busy, own.ru_maxrss / 1024)
"""
"""A check in a process of its own, which tells what it took."""

COMMANDS = {
    "python -c 'import bnspec'": (*PYTHON, "-c", "import bnspec"),
    "bnspec --help": (*PYTHON, "-m", "bnspec.cli.main", "--help"),
    "first verdict, one law of a NumPy class": (
        *(*PYTHON, "-m", "bnspec.cli.main", "check", "bnspec.reference.textbook:BatchNormWithBackward"),
        *("--profile", "smoke", "--dtype", "float32", "--only", "training_output_is_exact", "--jobs", "1"),
    ),
}

CHAPTERS = ("forward", "gradients", "invariances", "running_statistics")
"""Asked one, two, three and all together, to see what a law costs."""


def rate(target: str, examples: int, *, in_process: bool) -> float:
    """Cases a second, a case being one Hypothesis example with everything that belongs to it."""
    with open_link(target, in_process=in_process) as link:
        subject = Subject(link)
        subject.convention = measure(subject, {}, ["float32"]).convention

        @settings(SETTINGS, max_examples=examples)
        @given(case=cases(max_values=SMALL))
        def ask(case: Case) -> None:
            subject.begin()
            assert_near(subject.train_gradients(case), train_truth(case), *JUDGED)

        with on_stage(Stage(subject, "float32")):
            started = perf_counter()
            ask()
            return examples / (perf_counter() - started)


def rates(target: str, examples: int) -> dict[str, list[float]]:
    """Cases a second in process and through the protocol, by turns, so that what else the machine does slows both alike."""
    pairs = [[rate(target, examples, in_process=in_process) for in_process in (True, False)] for _ in range(ROUNDS)]
    return {"in process": [one for one, _ in pairs], "through the protocol": [other for _, other in pairs]}


def shares(target: str, examples: int) -> dict[str, float]:
    """Microseconds of computing a case takes in each part: the judge's process alone, but for the implementation's own calls."""
    drawn: list[Case] = []

    @settings(SETTINGS, max_examples=examples)
    @given(case=cases(max_values=SMALL))
    def draw(case: Case) -> None:
        drawn.append(case)

    with open_link(target, in_process=True) as link, open_link(target) as away:
        subject, remote = Subject(link), Subject(away)
        convention = subject.convention = remote.convention = measure(subject, {}, ["float32"]).convention
        with on_stage(Stage(subject, "float32")):
            found = {"drawing": _microseconds(lambda _: draw(), [None]) / examples}
            found["implementation and both ends, in process"] = _microseconds(subject.train_gradients, drawn)
            found["the judge's end of the protocol, with a child"] = _microseconds(remote.train_gradients, drawn)
            found["oracle"] = _microseconds(lambda case: exact.train(case, convention), drawn)
            truths = [train_truth(case) for case in drawn]
            pairs = [(truth.case, truth.exact) for truth in truths]
            found["bounds"] = _microseconds(lambda pair: bounds.train_bounds(*pair, convention), pairs)
            answers = [subject.train_gradients(case) for case in drawn]
            found["comparison"] = _microseconds(_compare, list(zip(answers, truths, strict=True)))
    return found


def _compare(pair: tuple[Any, Truth]) -> None:
    assert_near(*pair, *JUDGED)


def _microseconds(function: Callable[[Any], object], items: list[Any]) -> float:
    started = process_time()
    for item in items:
        function(item)
    return (process_time() - started) / len(items) * 1e6


def start_up() -> dict[str, list[float]]:
    """Seconds of whole commands, repeated."""
    return {name: [_seconds(command) for _ in range(ROUNDS)] for name, command in COMMANDS.items()}


def _seconds(command: Sequence[str]) -> float:
    started = perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return perf_counter() - started


def whole(target: str, profile: str, *only: str) -> dict[str, Any]:
    """A check of float32 and float64 by one process: what came of it, its seconds, and the memory of the judge."""
    done = subprocess.run([*PYTHON, "-c", WHOLE, target, profile, *only], capture_output=True, text=True, check=True)
    verdict, laws, asked, seconds, busy, memory = done.stdout.split()
    counts = {"laws": int(laws), "cases": int(asked)}
    return {"verdict": verdict, **counts, "seconds": float(seconds), "judge busy": float(busy), "judge MiB": float(memory)}


def told(found: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [f"{value:8.0f} us  {name}" for name, value in found["a case"].items()]
    parts = found["a case"]
    judging = parts["oracle"] + parts["bounds"] + parts["comparison"]
    asking = parts["implementation and both ends, in process"]
    lines.append(
        f"{judging / (judging + parts['drawing'] + asking):8.0%}     of a case in process are oracle, bounds and comparison"
    )
    one, other = found["cases a second"].values()
    lines += [f"{median(values):8.0f} cases a second {name}" for name, values in found["cases a second"].items()]
    lines.append(f"{median(a / b for a, b in zip(one, other, strict=True)):8.2f} times as long is a case through a child")
    lines += [f"{median(values):8.2f} s   {name}" for name, values in found["start-up"].items()]
    for name, check in found["checks"].items():
        lines.append(
            f"{check['seconds']:8.1f} s   {name}: {check['verdict']}, {check['laws']} laws, {check['cases']} cases, "
            f"judge busy {check['judge busy']:.1f} s, {check['judge MiB']:.0f} MiB"
        )
    lines.append(f"{found['seconds a law']:8.3f} s   each further law of the smoke profile")
    for row in found["growth"]:
        each = ", ".join(f"{part} {row[part]:.0f}" for part in ("oracle", "bounds", "comparison"))
        lines.append(f"{row['shape']!s:>14}  growth with {row['by']}, us: {each}")
    lines += [f"{row['shape']!s:>14}  {row['microseconds']:10.0f} us  {row['oracle']}" for row in found["oracles"]]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description="cases a second, where the time goes, and what a check costs besides")
    parser.add_argument("target", nargs="?", default="bnspec.reference.textbook:BatchNormWithBackward")
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--check", choices=("smoke", "standard", "none"), default="standard", help="the longest check to measure")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    profiles = {"none": [], "smoke": ["smoke"], "standard": ["smoke", "standard"]}[arguments.check]
    checks = {f"{profile} profile": whole(arguments.target, profile) for profile in profiles}
    grown = [whole(arguments.target, "smoke", *CHAPTERS[:count]) for count in range(1, len(CHAPTERS) + 1)]
    found = {
        "environment": environment(),
        "target": arguments.target,
        "a case": shares(arguments.target, arguments.examples),
        "cases a second": rates(arguments.target, arguments.examples // ROUNDS),
        "start-up": start_up(),
        "checks": checks,
        "growth with laws": grown,
        "seconds a law": growth.per_law([(check["laws"], check["seconds"]) for check in grown]),
        "growth": growth.grown(),
        "oracles": growth.oracles(),
    }
    print(told(found))
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


if __name__ == "__main__":
    main()
