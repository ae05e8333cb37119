"""Standalone scripts: one failure again in plain NumPy, without bnspec."""

from __future__ import annotations

from itertools import chain, count
from pathlib import Path

import msgspec
import numpy as np

from bnspec.reports.calls import array, calls, refusable, result
from bnspec.reports.checks import truthful
from bnspec.reports.inert import clip, one_line
from bnspec.reports.record import Counterexample, Record, Row, write_atomically
from bnspec.reports.trace import BackwardStep, CopyStep, ForwardStep, RunningStep, Values, largest
from bnspec.reports.verdict import title_of

MARK = "# A failure found by bnspec, on its own (coding: utf-8): "
"""How the first line of every script begins; only files that begin so are ever removed, and no words behind it name a coding."""

COMPARISON = """\
# --- what should have come ---
expected = {expected}
tolerance = {tolerance}
got = np.asarray({got})
print("{got}: shape", got.shape, "dtype", got.dtype)
if got.shape != expected.shape:
    sys.exit(f"wrong shape: expected {{expected.shape}}")
got, expected = got.astype(np.float64), expected.astype(np.float64)
with np.errstate(all="ignore"):
    error = np.abs(got - expected)
    right = {right} | (np.isnan(got) & np.isnan(expected))
    ratio = np.nan_to_num(error / tolerance, nan=0.0, posinf=np.inf)
    ratio = np.where(right | (error > 0), ratio, np.inf)  # NaN where a number was due, or a zero of the wrong sign
if got.size:
    worst = np.unravel_index(np.argmax(ratio), ratio.shape)
    print("at", [int(i) for i in worst], "got", got[worst], "expected", expected[worst])
    print("error", error[worst], "=", ratio[worst], "times its bound")
sys.exit(0 if right.all() else "it differs")
"""
"""The end of a script whose failure is one array that differs."""

LOADING = """\
# --- how bnspec called it ---
def cannot_load(kind, error, trace):
    print(f"the target cannot be loaded ({kind.__name__}: {error}); run this in the directory of the check", file=sys.stderr)
    os._exit(2)


sys.excepthook = cannot_load
"""
"""What stands before the adapter: a script that finds no target says nothing about the failure, and must not end with 1."""

LOADED = "\nsys.excepthook = sys.__excepthook__\n"
"""What stands behind the adapter."""

NO_ADAPTER = 'raise NameError("the record has no adapter: put a class Adapter with layer(setup) here")'

TELLS = "Exit status 1: the failure is there; 0: it is gone; 2: the target cannot be loaded."
SHOWS = "It makes the calls and prints the answers."
"""What a script does, with an array to compare and without."""

WITHIN = "(got == expected) | (error <= tolerance)"
"""What is right beside NaN for NaN."""

OVERFLOW = " | (np.isinf(got) & (got * expected > 0) & (np.abs(expected) + tolerance >= {largest!r}))"
"""What is right as well where a true value may be too large for the dtype: infinity of its sign."""

TO_THE_BIT = "((got == expected) & (np.signbit(got) == np.signbit(expected)))"
"""What is right where no tolerance is given."""


def write_repros(record: Record, directory: str | Path) -> Record:
    """Write a script for every row with calls to repeat, remove those of earlier runs; the record with the rows' `repro` set.

    The paths are relative to `directory`, so that the directory can be moved.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    rows, written = [], set[str]()
    for row in record.results:
        name = None
        if row.counterexample is not None and row.counterexample.trace:
            name = _file_name(row, written)
            written.add(name.lower())
            write_atomically(directory / name, script(record, row).encode())
        rows.append(msgspec.structs.replace(row, repro=name))
    for old in directory.glob("repro_*.py"):
        if old.name.lower() not in written and _is_ours(old):
            old.unlink()
    return msgspec.structs.replace(record, results=rows)


def script(record: Record, row: Row) -> str:
    """Python that makes the calls of `row.counterexample` on the target and exits 1 while the failure is there, 0 when it is gone.

    Where the failure is no array that differs (an exception, a crash, a hang), it makes the calls and prints what they return.
    """
    example = truthful(record, row)
    if example is None:
        raise ValueError(f"{row.property} ({row.dtype}) has no counterexample, so there is nothing to reproduce")
    adapter, future = without_future(record.adapter)
    parts = [_head(record, row, example), *future, imports(example), LOADING, adapter, LOADED]
    return "\n".join([*parts, "# --- the calls ---", *calls(example.trace, _tolerated(row, example)), "", _ending(row, example)])


def _tolerated(row: Row, example: Counterexample) -> set[int]:
    """Steps that may be refused: those beside the failure, where that is no error itself."""
    return refusable(example.trace, [example.shows.step]) if row.status == "fail" and example.shows else set()


def _is_ours(path: Path) -> bool:
    """Whether an earlier run wrote this; links, pipes and directories it did not."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def _file_name(row: Row, taken: set[str]) -> str:
    stem = f"repro_{row.property}_{row.dtype}"
    names = chain([f"{stem}.py"], (f"{stem}_{number}.py" for number in count(2)))
    return next(name for name in names if name.lower() not in taken)


def _head(record: Record, row: Row, example: Counterexample) -> str:
    told = [
        MARK + one_line(title_of(row)),
        *(f"# {line}".rstrip() for line in clip(example.message).splitlines()[:12]),
        f"# Target: {one_line(record.target)}   dtype: {row.dtype}   law: {row.property}   bnspec {one_line(record.suite)}",
        "# Needs NumPy and the target's own requirements.",
        f"# {TELLS if _shown(example) else SHOWS}",
    ]
    return "\n".join([*told, ""])


def without_future(adapter: str) -> tuple[str, list[str]]:
    """The adapter, and its `from __future__` lines, which Python wants above all others."""
    lines = (adapter.strip() or NO_ADAPTER).splitlines()
    future = [line for line in lines if line.startswith("from __future__ ")]
    return "\n".join(line for line in lines if line not in future).strip(), [*future, ""] if future else []


def imports(example: Counterexample) -> str:
    """The import lines that the calls of a counterexample need, and whoever loads the target."""
    arrays = [getattr(step, name) for step in example.trace for name in step.__struct_fields__]
    dtypes = {values.dtype for values in [*arrays, example.expected, example.tolerance] if isinstance(values, Values)}
    foreign = sorted(name for name in dtypes if not hasattr(np, name))
    hows = {step.how for step in example.trace if isinstance(step, CopyStep)}
    modules = {"import copy": "deepcopy" in hows, "import os": True, "import pickle": "pickle" in hows, "import sys": True}
    lines = [*(line for line, needed in modules.items() if needed), "from types import SimpleNamespace", ""]
    lines += [f"import ml_dtypes  # {', '.join(foreign)}: NumPy has none"] if foreign else []
    return "\n".join([*lines, "import numpy as np", ""])


def _results(example: Counterexample) -> list[str]:
    """Every variable that the calls set, in order."""
    names = {ForwardStep: ("y",), BackwardStep: ("dx", "dgamma", "dbeta"), RunningStep: ("running_mean", "running_var")}
    return [result(number, name) for number, step in enumerate(example.trace) for name in names.get(type(step), ())]


def _shown(example: Counterexample) -> str | None:
    """The variable that is compared; None where the failure is no array that differs."""
    name = result(example.shows.step, example.shows.name) if example.shows else ""
    return name if example.expected is not None and name in _results(example) else None


def _ending(row: Row, example: Counterexample) -> str:
    shown = _shown(example)
    if not shown or example.expected is None:
        return "\n".join([*(f'print("{name} =", {name})' for name in _results(example)), ""])
    tolerance = "0.0  # to the bit" if example.tolerance is None else array(example.tolerance)
    return COMPARISON.format(expected=array(example.expected), tolerance=tolerance, got=shown, right=_right(row, example))


def _right(row: Row, example: Counterexample) -> str:
    if example.tolerance is None or example.expected is None:
        return TO_THE_BIT
    limit = largest(row.dtype)
    huge = np.abs(example.expected.numpy().astype(np.float64)) >= limit / 2
    return WITHIN + (OVERFLOW.format(largest=limit) if huge.any() else "")
