"""Ctrl-C, and what acts like it: a request to end a run, with what was computed kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, what batch systems send before they kill, and the end of the terminal; Windows has no SIGHUP."""


@dataclass
class Interruption:
    """Whether one came. It is a pytest plug-in as well: Python drops a KeyboardInterrupt that is raised while an object is taken
    down, and then the run ends at the next property.

    raising   whether it is raised where it comes, or only noted
    """

    raising: bool
    came: bool = False

    def __call__(self, number: int, frame: object) -> None:
        """The signal handler."""
        self.came = True
        if self.raising:
            raise KeyboardInterrupt

    def pytest_runtest_setup(self) -> None:
        """Ask no further property."""
        if self.came:
            raise KeyboardInterrupt


@contextmanager
def interruptions(*, raising: bool) -> Iterator[Interruption]:
    """Take note of interruptions for a while; a signal that the caller's shell has switched off stays off.

    One that came just before, while somebody further out took note, has come here too: nobody would act on it otherwise. Python
    lets only its main thread listen to signals; in any other nothing is noted.
    """
    noted = Interruption(raising)
    heard = SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in heard if signal.getsignal(number) is not signal.SIG_IGN}
    noted.came = any(isinstance(handler, Interruption) and handler.came for handler in before.values())
    try:
        for number in before:
            signal.signal(number, noted)
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
