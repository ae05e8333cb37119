"""The judge's side of the nursery: order a child, hear how it ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from bnspec.plugs.lastwords import CALLS, tidy, told_place
from bnspec.plugs.worker import Job

BIRTH_LIMIT = 120.0
"""Seconds that the nursery may take for an order; importing a framework beforehand is part of it."""

REAP_LIMIT = 5.0
"""Seconds that it may take to tell how a child ended; one that a child has stopped never does."""

FAREWELL = 5.0
"""Seconds that the nursery may take to end."""


class NurseryDied(OSError):
    """The fork server is gone, and with it its children."""


@dataclass
class Living:
    """A child that runs: its process id, which is its group's too, and the judge's ends of its two pipes.

    stdout is its standard output where that may turn out to be the channel, else None.
    """

    pid: int
    requests: int
    replies: BinaryIO
    stdout: int | None = None

    def send(self, data: bytes) -> None:
        """Write all of `data`; raises BrokenPipeError when nobody is left to read it."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.requests, rest) :]

    def hang_up(self) -> None:
        """Close the judge's ends."""
        os.close(self.requests)
        self.replies.close()


@dataclass(frozen=True)
class Ending:
    """How a child ended: its exit code, negative for a signal; what it printed last; whether it had to be killed for it.

    The code is None where nobody is left to tell.
    """

    code: int | None
    words: str = ""
    lingered: bool = False

    def __str__(self) -> str:
        if self.code is None:
            fact = "crashed, and took the fork server of bnspec along"
        elif self.lingered:
            fact = "closed its end of the channel without exiting"
        elif self.code < 0:
            fact = f"crashed with signal {-self.code} ({signal.Signals(-self.code).name})"
        else:
            fact = f"exited with code {self.code}"
        return fact + self.last_words()

    def last_words(self) -> str:
        """Where it was, if it could tell, and what it printed last, on lines of their own; "" where there is nothing."""
        place, words = told_place(self.words), tidy(self.words)
        label = "" if words.startswith(CALLS) else "last words: "
        return (f"\nat {place}" if place else "") + (f"\n{label}{words}" if words else "")


class Nursery:
    """A running fork server.

    imported      what it was told to import: its forks find that imported too
    environment   what it was started with: its children start with the same
    """

    def __init__(self) -> None:
        self.imported: set[str] = set()
        self.environment = dict(os.environ)
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bnspec.plugs.nursery", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the judge, which then closes the nursery
            )
        self._answers = self._socket.makefile("rb")

    def birth(
        self, *, job: Job | None = None, preload: Sequence[str] = (), argv: Sequence[str] | None = None, stdout: bool = False
    ) -> Living:
        """A new child: a fork that does a job once the modules are imported, or a program; `stdout` asks for its output too."""
        ours, theirs = _pipes(3 if stdout else 2)
        order = {"do": "birth", "job": job, "preload": preload, "argv": argv}
        self.imported.update(preload)
        try:
            pid = int(self._order(order, theirs)["pid"])
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        replies = open(ours[1], "rb", 1 << 16)  # noqa: PTH123, SIM115 - a descriptor, and Living closes it
        return Living(pid, ours[0], replies, ours[2] if stdout else None)

    def drain(self, pid: int, descriptor: int) -> None:
        """Let the nursery read the rest of a child's output; the judge's own copy of the descriptor is closed."""
        self._order({"do": "drain", "pid": pid}, [descriptor])
        os.close(descriptor)

    def reap(self, pid: int) -> Ending:
        """How a child ended whose channel has ended."""
        return Ending(**self._order({"do": "reap", "pid": pid}, limit=REAP_LIMIT))

    def clear(self) -> None:
        """End every child that is left, so that the next one has the nursery to itself."""
        self._order({"do": "clear"}, limit=FAREWELL)

    def close(self) -> None:
        """End the nursery and every child that is left. One that is stuck in an import is killed, and its children with it."""
        self._answers.close()
        self._socket.close()
        try:
            self._process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _order(self, order: Mapping[str, Any], descriptors: Sequence[int] = (), limit: float = BIRTH_LIMIT) -> dict[str, Any]:
        self._socket.settimeout(limit)
        line = json.dumps(order).encode() + b"\n"
        try:
            sent = socket.send_fds(self._socket, [line], list(descriptors))
            self._socket.sendall(line[sent:])
            answer = self._answers.readline()
        except (ConnectionError, TimeoutError):
            self._process.kill()  # whether it was stopped or ended, it is to be no more
            answer = b""
        if not answer:
            raise NurseryDied("the fork server of bnspec ended; its last lines on stderr say why")
        decoded: dict[str, Any] = json.loads(answer)
        return decoded


def _pipes(count: int) -> tuple[list[int], list[int]]:
    """The judge's and the child's ends of `count` pipes: the first for requests, the others for what the child writes."""
    pipes = [os.pipe() for _ in range(count)]
    (their_requests, our_requests), *back = pipes
    return [our_requests, *(read for read, _ in back)], [their_requests, *(write for _, write in back)]
