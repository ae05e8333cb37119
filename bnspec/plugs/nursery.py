"""The fork server: a small process that has NumPy imported and forks a child whenever the judge orders one.

A restart costs a few milliseconds that way, not the seconds of an import. `bnspec.plugs.births` is the judge's side. Orders
and answers are lines of JSON on a socket, and descriptors travel beside them:

    {"do": "birth", "preload": [...], "argv": [...] or null, "job": {...}}  and 2 or 3 descriptors   ->  {"pid": 4711}
    {"do": "drain", "pid": 4711}  and 1 descriptor                                                   ->  {}
    {"do": "reap", "pid": 4711}                                        ->  {"code": -11, "words": "...", "lingered": false}
    {"do": "clear"}                                                                                  ->  {}

When the socket ends, so do all children with all of theirs, and then the nursery. It has one thread, and imports none of the user's
code: that is what makes forking it safe. On Linux it inherits what its children leave behind in sessions of their own, and ends
that too.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnspec.plugs.newborn import grow_up

KEPT_WORDS = 16 * 1024
"""Bytes of a child's output that are kept, the latest ones. A flood costs time, and neither memory nor disk."""

GRACE = 0.5
"""Seconds between the end of a child's channel and its death; a child that merely closed the channel is killed then."""

PR_SET_CHILD_SUBREAPER = 36
"""Linux, prctl(2): become the parent of descendants that lose theirs."""


@dataclass
class Ward:
    """A child in the nursery's care: what it printed last, and the pipes that it prints into."""

    pid: int
    ears: list[int]
    words: bytes = b""

    def listen(self, ear: int) -> None:
        """Take what one pipe holds; an ended pipe is closed."""
        heard = os.read(ear, 1 << 16)
        self.words = (self.words + heard)[-KEPT_WORDS:]
        if not heard:
            os.close(ear)
            self.ears.remove(ear)


@dataclass
class Nursery:
    """The judge's socket, and the children by process id."""

    judge: socket.socket
    wards: dict[int, Ward] = field(default_factory=dict)

    def run(self) -> None:
        """Follow orders until the judge hangs up or dies; then leave nothing behind."""
        while received := self._next_order():
            order, descriptors = received
            answer = getattr(self, f"_{order['do']}")(order, descriptors)
            self.judge.sendall(json.dumps(answer).encode() + b"\n")
        self._clear()

    def _next_order(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next order with its descriptors, listening to the children meanwhile; None when the judge is gone."""
        line = b""
        descriptors: list[int] = []
        while not line.endswith(b"\n"):
            if self.judge.fileno() not in self._listen(timeout=None):
                continue
            try:
                piece, arrived, _, _ = socket.recv_fds(self.judge, 1 << 16, 3)
            except ConnectionError:
                return None
            if not piece:
                return None
            line, descriptors = line + piece, descriptors + list(arrived)
        return json.loads(line), descriptors

    def _listen(self, timeout: float | None) -> set[int]:
        """Wait until something is heard, at most `timeout` seconds, and keep the children's words. Returns what was ready."""
        speakers = {ear: ward for ward in self.wards.values() for ear in ward.ears}
        poll = select.poll()
        for descriptor in (self.judge.fileno(), *speakers):
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(None if timeout is None else 1000 * timeout)}
        for ear in ready & speakers.keys():
            speakers[ear].listen(ear)
        return ready

    def _birth(self, order: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        preload(order["preload"])
        ear, mouth = os.pipe()
        pid = os.fork()
        if pid == 0:
            others = [self.judge.fileno(), ear, *(ear for ward in self.wards.values() for ear in ward.ears)]
            grow_up(order, descriptors, mouth, others)
        for descriptor in (mouth, *descriptors):
            os.close(descriptor)
        self.wards[pid] = Ward(pid, [ear])
        return {"pid": pid}

    def _drain(self, order: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        """Listen to one more pipe of a child: the output of a program that turned out not to be its channel."""
        self.wards[order["pid"]].ears += descriptors
        return {}

    def _reap(self, order: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """Wait for a child to end, or end it, together with what it started; how it ended and what it said last."""
        pid = order["pid"]
        status = self._await_end(pid)
        kill_group(pid)
        lingered = status is None
        if status is None:
            status = os.waitpid(pid, 0)[1]
        ward = self.wards[pid]
        self._listen(timeout=0)  # one look empties a pipe; to look until it ends is to wait for whoever else has it open
        for ear in self.wards.pop(pid).ears:
            os.close(ear)
        self._end_strays()
        return {"code": os.waitstatus_to_exitcode(status), "words": ward.words.decode(errors="replace"), "lingered": lingered}

    def _clear(self, *_: object) -> dict[str, Any]:
        """End all children with all of theirs, and forget what they said."""
        for ward in self.wards.values():
            kill_group(ward.pid)
            os.waitpid(ward.pid, 0)
            for ear in ward.ears:
                os.close(ear)
        self.wards.clear()
        self._end_strays()
        return {}

    def _await_end(self, pid: int) -> int | None:
        """The status of a child that ends within `GRACE`; it is listened to meanwhile, since it may want to be heard first."""
        last_moment = time.monotonic() + GRACE
        while time.monotonic() < last_moment:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return status
            self._listen(timeout=0.001)
        return None

    def _end_strays(self) -> None:
        """End what dead children left in groups of their own, and what that leaves in turn."""
        while strays := children() - self.wards.keys():
            for pid in strays:
                kill_group(pid)
                os.waitpid(pid, 0)


def children() -> set[int]:
    """The children of this process, those included that it has inherited; none where the system does not tell."""
    try:
        return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))
    except OSError:
        return set()


def kill_group(pid: int) -> None:
    """End a child and the processes it started. Before its first lines have run it has no group of its own yet."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def preload(modules: list[str]) -> None:
    """Import what the children will need. What cannot be imported is left to the child, which will say why."""
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    gc.freeze()  # a collection in a child would otherwise write to, and so copy, the pages that it shares with the nursery


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    Nursery(socket.socket(fileno=int(sys.argv[1]))).run()
