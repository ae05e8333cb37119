"""A benchmark for the tools of pyperf: a file a target, so that `pyperf compare_to`, `stats` and `hist` read its values."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from bnspec.reports.bench import Bench, Timing


def write(bench: Bench, directory: Path) -> list[Path]:
    """Write pyperf-1.json and so on, in the order of the targets; none where pyperf is not installed or nothing was timed."""
    if importlib.util.find_spec("pyperf") is None:
        return []
    import pyperf

    paths = []
    for number, target in enumerate(bench.targets, start=1):
        timed = [one for one in bench.timings if one.target == target and one.seconds]
        if timed:
            paths.append(directory / f"pyperf-{number}.json")
            suite = pyperf.BenchmarkSuite([pyperf.Benchmark([_run(pyperf.Run, one)]) for one in timed])
            suite.dump(str(paths[-1]), replace=True)
    return paths


def _run(make: type, timing: Timing) -> object:
    """One run with a value a round: that is what was measured, and pyperf's own runs are processes."""
    return make(
        timing.seconds,
        metadata={"name": str(timing.point), "description": timing.target, "inner_loops": timing.calls},
        collect_metadata=False,
    )
