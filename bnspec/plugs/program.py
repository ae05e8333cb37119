"""A program in any language as the judged end: its channel is the descriptors in its environment, or its stdin and stdout."""

from __future__ import annotations

import io
import os
import select
import shlex
from pathlib import Path
from typing import Any

from bnspec.plugs.births import Living, Nursery
from bnspec.plugs.remote import Remote
from bnspec.protocol import VERSION

GREETING = b"bnspec-protocol %d\n" % VERSION
"""The first line on stdout of a program that answers there."""

READ_ELSEWHERE = (".py", ".ipynb", ".onnx", ".keras", ".h5", ".pt", ".toml", ".json")
"""Endings of files that are targets of another kind, even where a file system marks every file as executable."""


def command_of(target: str) -> list[str] | None:
    """The program and its arguments, where a target begins with the path of an executable file: "./bn --fast"; else None."""
    try:
        words = shlex.split(target)
    except ValueError:
        return None
    if not words or os.sep not in words[0] or words[0].endswith(READ_ELSEWHERE):
        return None
    path = Path(words[0]).absolute()  # not resolved: the Python of a virtual environment is a link, and has to stay one
    return [str(path), *words[1:]] if path.is_file() and os.access(path, os.X_OK) else None


class Program(Remote):
    """A link to a program that speaks the protocol itself."""

    def __init__(self, command: list[str], *, timeout: float = 10.0) -> None:
        self._command = command
        super().__init__(timeout=timeout, asks_where=None)

    def _birth(self, nursery: Nursery, *, careful: bool = False) -> Living:
        living = nursery.birth(argv=self._command, stdout=True)
        living.replies = io.BufferedReader(FirstToSpeak(nursery, living), 1 << 16)
        return living


class FirstToSpeak(io.RawIOBase):
    """The replies of a program, from where it speaks first: a greeting on stdout makes that its channel, all else does not.

    A program that answers on BNSPEC_OUT may print what it likes: from then on the nursery reads its stdout, as its stderr.
    """

    def __init__(self, nursery: Nursery, living: Living) -> None:
        assert living.stdout is not None
        self._nursery = nursery
        self._pid = living.pid
        self._replies = living.replies
        self._stdout = living.stdout
        self._chosen: int | None = None

    def readable(self) -> bool:
        """A raw stream for reading."""
        return True

    def fileno(self) -> int:
        """The descriptor that it answers on, once it has begun to."""
        return self._replies.fileno() if self._chosen is None else self._chosen

    def readinto(self, buffer: Any) -> int:
        """At least one byte, or 0 at the end."""
        if self._chosen is None:
            self._chosen = self._choose()
        return os.readv(self._chosen, [buffer])

    def close(self) -> None:
        """Close the pipes that are still the judge's."""
        if not self.closed:
            self._replies.close()
            if self._chosen is None or self._chosen == self._stdout:
                os.close(self._stdout)
        super().close()

    def _choose(self) -> int:
        poll = select.poll()
        replies = self._replies.fileno()
        poll.register(self._stdout, select.POLLIN)
        poll.register(replies, select.POLLIN)
        heard = b""
        while len(heard) < len(GREETING) and GREETING.startswith(heard):
            ready = dict(poll.poll())
            if ready.get(replies, 0) & select.POLLIN:
                break
            if replies in ready:  # closed by a program that has no use for it
                poll.unregister(replies)
            if self._stdout in ready:
                piece = os.read(self._stdout, len(GREETING) - len(heard))
                heard = heard + piece if piece else b"nothing"
        if heard == GREETING:
            return self._stdout
        self._nursery.drain(self._pid, self._stdout)
        return replies
