"""Units asked by the workers of a Dask cluster that exists already.

A unit goes to Dask as bytes. Each thread of a Dask worker has a process of ours beside it, the same as `--jobs` has: so targets
stay open from unit to unit, and the code under test is in neither the worker nor the judge. What Dask loses with a worker it asks
elsewhere; what comes twice counts once.
"""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from bnspec.cli.jobs import Worker
from bnspec.cli.sources import TooLarge, home_of, settled
from bnspec.cli.units import Done, Known, Message, Opened, Task
from bnspec.cli.ways import NoCluster
from bnspec.reports.inert import one_line
from bnspec.reports.record import as_json

CONNECT = 10.0
"""Seconds that a scheduler gets to answer."""

WAITING = 3
"""Units for each thread of the cluster that are sent before they are needed: so none waits for the judge."""

FEWEST = 16
"""Units that are sent to a cluster which has no workers yet."""

LOOK = 5.0
"""Seconds between two looks at how large the cluster is."""

INSTALL = "pip install 'bnspec[dask]' here, and bnspec and dask in the environment of the workers"
"""What to do where something is missing."""

IMPORTABLE = (
    "files below the directory of the check were sent along; anything else that the target imports must be installed where the Dask"
    " workers run"
)
"""What to know where a worker cannot open a target."""

Ask = Callable[[bytes, bytes], list[bytes]]


class Cluster:
    """The workers of a scheduler. Raises `NoCluster` where there is none, or Dask is not installed.

    `ask`: what is called in a worker, with a task and the code of the targets.
    """

    def __init__(self, address: str, targets: Sequence[str], convention: str | None = None, ask: Ask | None = None) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise NoCluster(f"--dask needs dask.distributed, which is not installed: {INSTALL}") from None
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of it is said in the record
        try:
            self._home = home_of(targets, convention).encoded()
            self._client: Any = Client(address, timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as trouble:
            said = one_line(str(trouble), 200)
            raise NoCluster(f"no Dask scheduler answers at {address}: {said}; start one with: dask scheduler") from None
        except TooLarge as trouble:
            raise NoCluster(str(trouble)) from None
        self._address = address
        self._ask = ask or ask_here
        self._ended = queue.SimpleQueue[Any]()
        self._tasks: dict[str, tuple[Task, Any]] = {}
        self._run = uuid.uuid4().hex[:8]
        self._sent = 0
        self._looked = -LOOK
        self._away = False
        self._size = 0

    def threads(self) -> list[int]:
        """How many threads each worker has."""
        return list(self._client.nthreads().values())

    def room(self) -> int:
        """How many tasks it would take now."""
        if monotonic() - self._looked > LOOK and self._is_there:
            with self._reaching():
                self._size = sum(self.threads())
            self._looked = monotonic()
        return max(FEWEST, WAITING * self._size) - len(self._tasks)

    def send(self, task: Task) -> None:
        """Give a task to the scheduler."""
        self._sent += 1
        key = f"bnspec-{self._run}-{self._sent}"
        self._tasks[key] = task, None
        if self._is_there:
            with self._reaching():
                future = self._client.submit(self._ask, as_json(task), self._home, key=key, pure=False)
                self._tasks[key] = task, future
                future.add_done_callback(self._ended.put)

    def heard(self, seconds: float) -> Iterator[tuple[Task, Message | str]]:
        """What has been told, waiting for it no longer than so; a text says why a task was lost."""
        ended, told = [future for future in self._over(seconds) if future.key in self._tasks], dict[str, list[bytes]]()
        finished = [future for future in ended if future.status == "finished"]
        with self._reaching():
            told = {future.key: lines for future, lines in zip(finished, self._client.gather(finished), strict=True)}
        if not self._is_there:
            yield from self._gone()
            return
        for future in ended:
            task, _ = self._tasks.pop(future.key)
            if future.key not in told:
                yield task, self._why(future)
            for line in told.get(future.key, ()):
                message = msgspec.json.decode(line, type=Opened | Known | Done | Lost)
                yield task, message.why if isinstance(message, Lost) else _explained(message)

    def _over(self, seconds: float) -> Iterator[Any]:
        """The futures that have come to an end since the last look, waiting for the first of them no longer than so."""
        with suppress(queue.Empty):
            yield self._ended.get(timeout=seconds)
            while True:
                yield self._ended.get_nowait()

    def interrupt(self) -> Iterator[tuple[Task, Message | str]]:
        """End all tasks: what they know is lost, and asked again when the run goes on."""
        futures = [future for _, future in self._tasks.values()]
        self._tasks.clear()
        with self._reaching():
            self._client.cancel([future for future in futures if future is not None], force=True)
            self._client.run(release, on_error="ignore")
        yield from ()

    def close(self) -> None:
        """Leave the cluster as it was."""
        if self._is_there:
            with self._reaching():
                self._client.run(release, on_error="ignore")
        self._client.close()

    @property
    def _is_there(self) -> bool:
        """Whether the scheduler can be reached."""
        return not self._away and self._client.status == "running"

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Take note where the scheduler cannot be reached any more."""
        try:
            yield
        except (OSError, TimeoutError, CancelledError):
            self._away = True
        except Exception:  # a client that has just been closed fails in ways of its own
            if self._client.status == "running":
                raise
            self._away = True

    def _gone(self) -> Iterator[tuple[Task, str]]:
        lost = [task for task, _ in self._tasks.values()]
        self._tasks.clear()
        for task in lost:
            yield task, f"the Dask scheduler at {self._address} is gone"

    def _why(self, future: Any) -> str:
        """Why a task has no result."""
        if future.status != "error":
            return f"the Dask scheduler at {self._address} has dropped it"
        error = future.exception()
        said = one_line(f"{type(error).__name__}: {error}", 300)
        if isinstance(error, ImportError):
            return f"a Dask worker cannot import bnspec ({said}); install the same version of bnspec where the workers run"
        return f"a Dask worker failed: {said}"


class Lost(msgspec.Struct, tag=True):
    """The process that asked a unit has ended. `why`: how."""

    why: str


def _explained(message: Message) -> Message:
    """The message, with what to do about a target that a worker cannot open."""
    if isinstance(message, Opened) and message.record.opening:
        reason = f"{message.record.reason}; {IMPORTABLE}"
        return msgspec.structs.replace(message, record=msgspec.structs.replace(message.record, reason=reason))
    if isinstance(message, Done) and message.trouble:
        return msgspec.structs.replace(message, trouble=f"{message.trouble}; {IMPORTABLE}")
    return message


_LOCK = threading.Lock()
_IDLE: dict[Path, list[Worker]] = {}
_BUSY: list[Worker] = []


def ask_here(task: bytes, home: bytes) -> list[bytes]:
    """In a Dask worker: what a process of ours beside it tells about a task."""
    settlement = settled(home)
    with _LOCK:
        idle = _IDLE.setdefault(settlement.place, [])
        worker = idle.pop() if idle else Worker(settlement.place)
        _BUSY.append(worker)
    told = list[bytes]()
    worker.send_line(settlement.task(task))
    while (lines := worker.lines()) is not None:
        told += [settlement.answer(line) for line in lines]
        if told and not isinstance(msgspec.json.decode(told[-1], type=Opened | Known | Done), Known):
            break
    with _LOCK:
        _BUSY.remove(worker)
        if lines is not None:
            idle.append(worker)
    return told if lines is not None else [*told, msgspec.json.encode(Lost(worker.ended()))]


def release() -> None:
    """In a Dask worker: end the processes of ours."""
    with _LOCK:
        idle = [worker for workers in _IDLE.values() for worker in workers]
        _IDLE.clear()
        for worker in _BUSY:
            worker.interrupt()
    for worker in idle:
        worker.leave()
    for worker in idle:
        worker.ended()
