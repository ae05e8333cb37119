"""One thread that ends a child which does not answer in time; the judge, blocked on the pipe, then sees the pipe end."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

TICK = 0.02
"""Seconds between two looks at the deadline: how late a kill may come."""

TIME_TO_TELL = 0.05
"""Seconds that a child has to write down where it is before it is killed."""


class Watchdog:
    """Armed with a deadline before each answer is awaited. Arming is an assignment; the thread lives as long as the link.

    asks_where   the signal that makes a child write a traceback, None where it would not
    bitten       whether the child that it was last armed for has been killed
    """

    def __init__(self, asks_where: signal.Signals | None) -> None:
        self.bitten = False
        self._asks_where = asks_where
        self._guarded: tuple[int, float] | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="bnspec watchdog", daemon=True).start()

    def arm(self, pid: int, seconds: float) -> None:
        """From now on the child has this long."""
        with self._lock:
            self._guarded = pid, time.monotonic() + seconds

    def disarm(self) -> bool:
        """Guard nobody any longer: after this no kill will come. Returns whether one came since the last `disarm`."""
        with self._lock:
            self._guarded = None
            bitten, self.bitten = self.bitten, False
        return bitten

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(TICK):
            with self._lock:
                if self._guarded and time.monotonic() > self._guarded[1]:
                    self._bite(self._guarded[0])

    def _bite(self, pid: int) -> None:
        """Kill the child's whole group. The judge has not had it reaped yet, so that the number is still its own."""
        self._guarded, self.bitten = None, True
        with contextlib.suppress(ProcessLookupError):
            if self._asks_where:
                os.kill(pid, self._asks_where)
                time.sleep(TIME_TO_TELL)
            os.kill(pid, signal.SIGKILL)
            os.killpg(pid, signal.SIGKILL)
