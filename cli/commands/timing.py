"""What times implementations."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from bnspec.cli.commands.app import USAGE, Dtype, Seconds, app

Layout = Literal["contiguous", "strided", "reversed", "channels_last", "fortran"]

Operation = Literal["forward", "inference", "backward", "step"]


@app.command
def bench(
    targets: list[str],
    /,
    *,
    against: str | None = None,
    profile: Literal["quick", "standard"] = "quick",
    shape: Annotated[Sequence[str], Parameter(negative=())] = (),
    dtype: Annotated[Sequence[Dtype], Parameter(negative=())] = (),
    layout: Annotated[Sequence[Layout], Parameter(negative=())] = (),
    threads: Annotated[Sequence[int], Parameter(negative=(), validator=Number(gte=1))] = (),
    operation: Annotated[Sequence[Operation], Parameter(negative=())] = ("forward", "inference", "backward", "step"),
    json: Path | None = None,
    report: Path | None = None,
    timeout: Seconds = 120.0,
    seed: int = 0,
) -> int:
    """Time implementations, with their accuracy beside: each in a process of its own, by turns, against what memory allows.

    Exit code: 0 all were timed, 1 one was disqualified for a wrong answer, 2 one could not be opened, or nothing timed.

    Parameters
    ----------
    targets
        What to time: file.py:Name or package.module:Name; several are compared with the first.
    against
        The target that all others are compared with, instead of the first.
    profile
        quick: a small and a middle shape, a minute. standard: up to (64, 256, 56, 56), dtypes, layouts, threads, sizes.
    shape
        A shape of x to time instead, as 64x64x32x32 (N, C and the rest); give it again for more.
    dtype
        A dtype to time; give it again for more. Shapes, dtypes, layouts and threads that are named are all combined.
    layout
        How x lies in memory; give it again for more.
    threads
        How many threads a target may use; give it again for more.
    operation
        What to time: a training forward, an inference, a training backward, or a step of both; give it again for more.
    json
        Write the benchmark to this file, with all raw values.
    report
        Write bench.json, bench.md, bench.html and, with matplotlib, the plots into this directory.
    timeout
        Seconds that one answer of a target may take, with many calls in it.
    seed
        The same seed makes the same inputs.
    """
    from bnspec.cli import bench as command

    try:
        shapes = tuple(command.shape_named(words) for words in shape)
    except ValueError as trouble:
        print(f"bnspec: {trouble}", file=sys.stderr)
        return USAGE
    wanted = command.Wanted(profile, shapes, tuple(dtype), tuple(layout), tuple(threads), tuple(operation))
    return command.bench(targets, wanted, against=against, json=json, report=report, timeout=timeout, seed=seed)
