"""The dtypes of one target side by side, each in a process of its own, joined into the record that one process would have made.

A worker is a process that runs `main`. It asks its share of the rows and tells everything on its standard output, in JSON, a line
a message: what it will ask, each row when it is known, and at the end its record. So a worker that is killed loses one row.
Only the judge hears Ctrl-C, and passes it on; a worker whose judge is gone finds its standard input closed, and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from bnspec.cli.interruption import SIGNALS, Interruption, interruptions
from bnspec.cli.progress import Progress
from bnspec.cli.rows import recorded
from bnspec.cli.runner import Options, Outcome, joined, run, unasked
from bnspec.reports.record import Record, Row, as_json

if TYPE_CHECKING:
    from bnspec.plugs.subject import Subject
    from bnspec.properties import rows

START = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from bnspec.cli.jobs import main; main(sys.argv[1])"
"""A worker imports from where its judge does, and nothing that code under test may have put where PYTHONPATH leads."""

TICK = 0.1
"""Seconds between two looks for an interruption."""

REMIND = 3.0
"""Seconds that a worker gets to tell what it has, before it is interrupted again: Python drops an interruption that comes while an
object is being taken down."""

FAREWELL = 10.0
"""Seconds that a worker without a judge gets to end by itself."""


class Asked(msgspec.Struct):
    """What a worker is told."""

    target: str
    options: Options


class Plan(msgspec.Struct, tag=True):
    """A worker will ask these rows."""

    rows: list[Row]


class Known(msgspec.Struct, tag=True):
    """A row is finished."""

    row: Row


class Done(msgspec.Struct, tag=True):
    """All is told."""

    record: Record


def run_side_by_side(target: str, options: Options, progress: Progress, jobs: int, *, apart: bool = False) -> Outcome:
    """`run` with the dtypes dealt to `jobs` workers; with one worker, or one dtype, in this process, unless it must be `apart`."""
    shares = [options.dtypes[at::jobs] for at in range(min(jobs, len(options.dtypes)))]
    if (len(shares) < 2 and not apart) or options.in_process:
        return run(target, options, progress)
    started = perf_counter()
    with interruptions(raising=False) as interruption:
        workers = [Worker(Asked(target, replace(options, share=share))) for share in shares]
        _follow(workers, progress, interruption)
    parts = [worker.told() for worker in workers]
    interrupted = interruption.came or any(part.reason.startswith("interrupted") for part in parts)
    return Outcome(joined(parts, options, perf_counter() - started, interrupted), interrupted)


class Worker:
    """A process that asks a share, and what it has told so far."""

    def __init__(self, asked: Asked) -> None:
        command = [sys.executable, "-I", "-c", START, json.dumps(sys.path), msgspec.json.encode(asked).decode()]
        self._asked = asked
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.rows: dict[tuple[str, str], Row] = {}
        self._record: Record | None = None
        self._rest = b""
        assert self._process.stdout is not None
        self.descriptor = self._process.stdout.fileno()

    def listen(self, progress: Progress) -> bool:
        """Hear what there is to hear, and show it; False at the end."""
        heard = os.read(self.descriptor, 1 << 16)
        *lines, self._rest = (self._rest + heard).split(b"\n")
        for line in filter(None, lines):
            with contextlib.suppress(msgspec.DecodeError):  # torn by an interruption
                self._hear(msgspec.json.decode(line, type=Plan | Known | Done), progress)
        return bool(heard)

    def _hear(self, message: Plan | Known | Done, progress: Progress) -> None:
        match message:
            case Plan(rows):
                self.rows = {(row.property, row.dtype): row for row in rows}
                progress.plan(len(rows))
            case Known(row):
                self.rows[row.property, row.dtype] = row
                progress.row(row)
            case Done(record):
                self._record = record

    def leave(self) -> None:
        """Have no more to do with it: it ends when it finds that out."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def interrupt(self) -> None:
        """Ask it to end. Not by Ctrl-C, which a shell switches off for what it runs in the background."""
        if self._process.poll() is None:
            self._process.terminate()

    def told(self) -> Record:
        """Its record once it has ended; of one that was killed, the rows that it told of, and the others as not-run."""
        with self._process as ended:  # closes its pipes and waits for it
            pass
        if self._record is not None:
            return self._record
        why = f"a process of ours that asked the questions ended with code {ended.returncode}"
        told = [msgspec.structs.replace(row, reason=why) if row.status == "not-run" else row for row in self.rows.values()]
        return msgspec.structs.replace(unasked(self._asked.target, self._asked.options, why), results=told)


def _follow(workers: Sequence[Worker], progress: Progress, interruption: Interruption) -> None:
    """Listen to the workers until all have ended; pass an interruption on."""
    reminded = 0.0
    with selectors.DefaultSelector() as ready:
        for worker in workers:
            ready.register(worker.descriptor, selectors.EVENT_READ, worker)
        while ready.get_map():
            for key, _ in ready.select(TICK):
                if not key.data.listen(progress):
                    ready.unregister(key.fileobj)
            if interruption.came and perf_counter() - reminded > REMIND:
                reminded = perf_counter()
                for worker in workers:
                    worker.interrupt()


class Teller:
    """A worker's progress, as a pytest plug-in."""

    def pytest_bnspec_plan(self, subject: Subject, rows: list[rows.Row]) -> None:
        """All rows that will be asked."""
        _tell(Plan([recorded(row) for row in rows]))

    def pytest_bnspec_row(self, row: rows.Row) -> None:
        """One more."""
        _tell(Known(recorded(row)))


def _tell(message: Plan | Known | Done) -> None:
    """Write a line, apart from one that an interruption may have torn; where nobody listens any more, this process soon ends."""
    rest = memoryview(b"\n" + as_json(message) + b"\n")
    with contextlib.suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]


def _end_with_the_judge() -> None:
    """Wait until standard input is closed, which is when the judge is gone, and end as after Ctrl-C."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(FAREWELL)
    os._exit(2)


def main(asked: str) -> None:
    """A worker."""
    told = msgspec.json.decode(asked, type=Asked)
    threading.Thread(target=_end_with_the_judge, daemon=True).start()
    outcome = run(told.target, told.options, Teller())
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    _tell(Done(outcome.record))
