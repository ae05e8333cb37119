"""Units asked by processes of our own on this machine.

A worker is a process that runs `main`. It is told tasks on its standard input and tells everything on its standard output, in
JSON, a line a message: each row when it is known, and the end of each task. So a worker that is killed loses one row.
Only the judge hears Ctrl-C, and passes it on; a worker whose judge is gone finds its standard input closed, and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import msgspec

from bnspec.cli.asker import Asker
from bnspec.cli.interruption import interruptions
from bnspec.cli.units import Done, Known, Message, Opened, Task
from bnspec.reports.record import as_json

START = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from bnspec.cli.jobs import main; main()"
"""A worker imports from where its judge does, and nothing that code under test may have put where PYTHONPATH leads."""

REMIND = 3.0
"""Seconds that a worker gets to tell what it has, before it is interrupted again: Python drops an interruption that comes while an
object is being taken down."""

FAREWELL = 10.0
"""Seconds that a worker without a judge gets to end by itself."""

IDLE = 600.0
"""Seconds without a task after which a worker ends: one of a cluster may never hear that its judge is gone."""

LOST = "a process of ours that asked the questions ended with code {}"
"""Why a task has no end."""


class Worker:
    """A process that asks, and the task that it is at."""

    def __init__(self, place: Path | None = None) -> None:
        command = [sys.executable, "-I", "-c", START, json.dumps(sys.path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, cwd=place)
        self.task: Task | None = None
        self._rest = b""
        assert self._process.stdout is not None
        self.descriptor = self._process.stdout.fileno()

    def send(self, task: Task) -> None:
        """Give it something to do."""
        self.task = task
        self.send_line(as_json(task))

    def send_line(self, task: bytes) -> None:
        """Give it a task that is JSON already."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, as we shall hear
            self._process.stdin.write(task + b"\n")
            self._process.stdin.flush()

    def listen(self) -> list[Message] | None:
        """What it says next, waiting for something; None once it has ended."""
        lines = self.lines()
        return None if lines is None else [msgspec.json.decode(line, type=Opened | Known | Done) for line in lines]

    def lines(self) -> list[bytes] | None:
        """The same as JSON."""
        heard = os.read(self.descriptor, 1 << 16)
        *lines, self._rest = (self._rest + heard).split(b"\n")
        return [line for line in lines if _is_whole(line)] if heard else None

    def leave(self) -> None:
        """Have no more to do with it: it ends when it finds that out."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def interrupt(self) -> None:
        """Ask it to end. Not by Ctrl-C, which a shell switches off for what it runs in the background."""
        if self._process.poll() is None:
            self._process.terminate()

    def ended(self) -> str:
        """How it ended, in words, once it has."""
        self.leave()
        with self._process as process:  # closes its pipes and waits for it
            pass
        return LOST.format(process.returncode)


def _is_whole(line: bytes) -> bool:
    """Whether a line is a message, and not torn by an interruption."""
    try:
        msgspec.json.decode(line, type=Opened | Known | Done)
    except msgspec.DecodeError:
        return False
    return True


class Pool:
    """Up to so many workers, each started one task ahead: it imports while the others ask."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._ready = selectors.DefaultSelector()

    def room(self) -> int:
        """How many tasks it would take now."""
        return self._jobs - len(self._busy)

    def send(self, task: Task) -> None:
        """Give a task to a worker."""
        worker = self._idle.pop() if self._idle else Worker()
        self._busy.append(worker)
        worker.send(task)
        self._ready.register(worker.descriptor, selectors.EVENT_READ, worker)
        if not self._idle and len(self._busy) < self._jobs:
            self._idle.append(Worker())

    def heard(self, seconds: float) -> Iterator[tuple[Task, Message | str]]:
        """What has been told, waiting for it no longer than so; a text says why a task was lost."""
        for key, _ in self._ready.select(seconds):
            worker: Worker = key.data
            messages, task = worker.listen(), worker.task
            assert task is not None
            if messages is None:
                self._forget(worker)
                yield task, worker.ended()
                continue
            for message in messages:
                if not isinstance(message, Known):
                    self._forget(worker)
                    self._idle.append(worker)
                yield task, message

    def interrupt(self) -> Iterator[tuple[Task, Message | str]]:
        """End all, and hear what they still tell."""
        reminded = -REMIND
        while self._busy:
            if perf_counter() - reminded > REMIND:
                reminded = perf_counter()
                for worker in self._busy:
                    worker.interrupt()
            yield from self.heard(REMIND / 10)

    def close(self) -> None:
        """Have the workers end."""
        for worker in (*self._idle, *self._busy):
            worker.leave()
        for worker in (*self._idle, *self._busy):
            worker.ended()
        self._ready.close()

    def _forget(self, worker: Worker) -> None:
        self._busy.remove(worker)
        self._ready.unregister(worker.descriptor)


class Alone:
    """Units asked in this very process, for a debugger."""

    def __init__(self) -> None:
        self._asker = Asker()
        self._told: list[tuple[Task, Message | str]] = []

    def room(self) -> int:
        """One task at a time."""
        return 0 if self._told else 1

    def send(self, task: Task) -> None:
        """Ask."""
        self._asker.answer(task, lambda message: self._told.append((task, message)))

    def heard(self, seconds: float) -> Iterator[tuple[Task, Message | str]]:
        """What has been told; nothing is waited for."""
        told, self._told = self._told, []
        yield from told

    def interrupt(self) -> Iterator[tuple[Task, Message | str]]:
        """What was asked is over by now."""
        yield from self.heard(0.0)

    def close(self) -> None:
        """Let the target go."""
        self._asker.close()


def _tell(message: Message) -> None:
    """Write a line, apart from one that an interruption may have torn; where nobody listens any more, this process soon ends."""
    rest = memoryview(b"\n" + as_json(message) + b"\n")
    with contextlib.suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]


def _listen(tasks: queue.SimpleQueue[Task | None]) -> None:
    """Read tasks until standard input is closed, which is when the judge is gone, and end then as after Ctrl-C."""
    for line in sys.stdin.buffer:
        tasks.put(msgspec.json.decode(line, type=Task))
    tasks.put(None)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(FAREWELL)
    os._exit(2)


def main() -> None:
    """A worker."""
    tasks, asker = queue.SimpleQueue[Task | None](), Asker()
    with contextlib.suppress(KeyboardInterrupt), interruptions(raising=True):
        threading.Thread(target=_listen, args=[tasks], daemon=True).start()
        try:
            with contextlib.suppress(queue.Empty):
                while not asker.interrupted and (task := tasks.get(timeout=IDLE)) is not None:
                    asker.answer(task, _tell)
        finally:
            asker.close()
