"""The judge's side of a benchmark: a process that times an implementation, asked one thing at a time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Self

from bnspec.plugs.births import Ending
from bnspec.plugs.faults import Fault, refusal_in
from bnspec.plugs.link import importable
from bnspec.plugs.timing import Job
from bnspec.protocol import BadMessage, Message, encode, receive

POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What libraries read when they are loaded: how many threads to have."""

RETURNING = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""glibc: every larger array is got from the system and given back at once, so that the resident size tells of it."""


class Timed:
    """An implementation in a process that times it.

    adapter   the text by which it was checked; "" where the target itself is loaded again
    threads   how many it may use
    timeout   seconds for one answer, in which many calls may be
    memory    whether its memory is measured and not its speed
    """

    def __init__(self, target: str, adapter: str, *, threads: int, timeout: float, memory: bool = False) -> None:
        job = Job(target=target, adapter=adapter, threads=threads, path=importable(), directory=str(Path.cwd()))
        self._timeout = timeout
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the rest
        (theirs_in, requests), (replies, theirs_out) = os.pipe(), os.pipe()
        pools = dict.fromkeys(POOLS, str(threads))
        environment = {**os.environ, **pools, **(RETURNING if memory else {})}
        environment |= {"BNSPEC_IN": str(theirs_in), "BNSPEC_OUT": str(theirs_out)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bnspec.plugs.timing", json.dumps(job)],
            env=environment,
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            start_new_session=True,
        )
        for descriptor in (theirs_in, theirs_out):
            os.close(descriptor)
        self._requests, self._replies = open(requests, "wb"), open(replies, "rb")  # noqa: PTH123, SIM115
        try:
            self._hear("start")
        except BaseException:
            self.close()
            raise

    def ask(self, request: Message) -> Message:
        """The reply; raises `Fault` where there is none, and then there will be no other."""
        with contextlib.suppress(BrokenPipeError):
            self._requests.write(encode(request))
            self._requests.flush()
        return self._hear(request.op)

    def _hear(self, op: str) -> Message:
        late = threading.Event()

        def end() -> None:
            late.set()
            self._kill()

        watchdog = threading.Timer(self._timeout, end)
        watchdog.start()
        try:
            reply = receive(self._replies)
        except (EOFError, OSError):
            raise self._fault(op, late=late.is_set()) from None
        except BadMessage as error:
            self._kill()
            raise Fault("error", f"the answer is not a message of the protocol: {error}", op) from None
        finally:
            watchdog.cancel()
        if fault := refusal_in([reply], [op]):
            raise fault
        return reply

    def _fault(self, op: str, *, late: bool) -> Fault:
        self._kill()
        code = self._process.wait()
        self._said.seek(0)
        ending = Ending(code, self._said.read()[-(1 << 14) :].decode(errors="replace"))
        if late:
            return Fault("timeout", f"no answer within {self._timeout:g} s{ending.last_words()}", op)
        return Fault("crash", str(ending), op)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process and everything it started."""
        self._kill()
        self._process.wait()
        for end in (self._requests, self._replies, self._said):
            with contextlib.suppress(OSError):
                end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
