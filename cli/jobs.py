"""The dtypes of one target side by side, each in a process of its own, joined into the record that one process would have made.

A worker is this module run as a program: it asks its share of the rows and writes a record; its standard output says, a line a row,
how far it is. Ctrl-C reaches the workers as it reaches the judge: each writes what it has.
"""

from __future__ import annotations

import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import IO, TYPE_CHECKING

import msgspec

from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, Outcome, joined, run, unasked
from bnspec.reports import record
from bnspec.reports.record import Record

REMIND = 3.0
"""Seconds that a worker gets to write what it has, before it is interrupted again."""

if TYPE_CHECKING:
    from bnspec.plugs.subject import Subject
    from bnspec.properties.rows import Row


def run_side_by_side(target: str, options: Options, progress: Progress, jobs: int) -> Outcome:
    """`run` with the dtypes dealt to `jobs` workers; with one worker, or one dtype, in this process."""
    shares = [options.dtypes[at::jobs] for at in range(min(jobs, len(options.dtypes)))]
    if len(shares) < 2 or options.in_process:
        return run(target, options, progress)
    started = perf_counter()
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place) / f"{at}.json" for at in range(len(shares))]
        workers = [_start(target, replace(options, share=share), file) for share, file in zip(shares, files, strict=True)]
        interrupted = _watch(workers, progress)
        parts = [_read(file, target, options, worker) for file, worker in zip(files, workers, strict=True)]
    interrupted |= any(part.reason.startswith("interrupted") for part in parts)
    return Outcome(joined(parts, options, perf_counter() - started, interrupted), interrupted)


def _start(target: str, options: Options, file: Path) -> subprocess.Popen[str]:
    asked = msgspec.json.encode({"target": target, "options": options, "file": str(file)}).decode()
    command = [sys.executable, "-P", "-m", "bnspec.cli.jobs", asked]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def _watch(workers: Sequence[subprocess.Popen[str]], progress: Progress) -> bool:
    """Follow the workers to their end; whether Ctrl-C came meanwhile."""
    interrupted, reminded = False, 0.0
    with selectors.DefaultSelector() as ready:
        for worker in workers:
            ready.register(worker.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
        while ready.get_map():
            try:
                told = ready.select(REMIND if interrupted else None)
                for key, _ in told:
                    if not _follow(key.fileobj, progress):  # type: ignore[arg-type]
                        ready.unregister(key.fileobj)
                if interrupted and perf_counter() - reminded > REMIND:
                    _remind(workers)
                    reminded = perf_counter()
            except KeyboardInterrupt:
                interrupted, reminded = True, perf_counter()
    for worker in workers:
        with worker:  # closes its pipe and waits for it
            pass
    return interrupted


def _remind(workers: Sequence[subprocess.Popen[str]]) -> None:
    """Interrupt again: Python drops an interruption that comes while an object is being taken down."""
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(signal.SIGINT)


def _follow(lines: IO[str], progress: Progress) -> bool:
    """Show one line of a worker; False at its end."""
    line = lines.readline()
    if not line:
        return False
    word, _, rest = line.strip().partition(" ")
    if word == "plan":
        progress.plan(int(rest))
    elif word == "row":
        wrong, _, words = rest.partition(" ")
        progress.row(words, wrong=wrong == "1")
    return True


def _read(file: Path, target: str, options: Options, worker: subprocess.Popen[str]) -> Record:
    if file.exists():
        return record.load(file)[0]
    return unasked(target, options, f"a process of ours that asked the questions ended with code {worker.returncode}")


class Teller:
    """A worker's progress: lines on its standard output."""

    def pytest_bnspec_plan(self, subject: Subject, rows: list[Row]) -> None:
        """How many rows there are."""
        print(f"plan {len(rows)}", flush=True)

    def pytest_bnspec_row(self, row: Row) -> None:
        """One more."""
        print(f"row {int(row.is_wrong())} {row.chapter.replace('_', ' ')}, {row.dtype}", flush=True)


class Asked(msgspec.Struct):
    """What a worker is told."""

    target: str
    options: Options
    file: str


def main(asked: str) -> None:
    """A worker."""
    told = msgspec.json.decode(asked, type=Asked)
    record.save(run(told.target, told.options, Teller()).record, told.file)


if __name__ == "__main__":
    main(sys.argv[1])
