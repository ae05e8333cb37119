"""The judge's end: requests go to an implementation in a child process, in another program, or in this very process.

with open_link("mybn.py:BatchNorm") as link:
    replies = link.ask([Message.request("layer", ...), Message.request("forward", ...)])
"""

from __future__ import annotations

import bdb
import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol, Self

from bnspec.implementation import Implementation
from bnspec.plugs import trial
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.births import Living, Nursery
from bnspec.plugs.faults import BudgetSpent, Fault, deliver, refusal_in
from bnspec.plugs.program import Program, command_of
from bnspec.plugs.ration import Outcome
from bnspec.plugs.remote import Remote
from bnspec.plugs.target import parse
from bnspec.plugs.worker import WHERE, Job, find_loader
from bnspec.protocol import VERSION, Message, encode, receive
from bnspec.servant import Servant

__all__ = ["BudgetSpent", "Child", "Fault", "InProcess", "Link", "Program", "open_link"]

LOADER = "bnspec.plugs.load:load"
"""What makes an Implementation of a target."""

OWN_MODULES = ("bnspec.plugs.worker", "bnspec.plugs.load")
"""What every child needs of ours."""

TRIAL = f'File "{trial.__file__}"'
"""What the last words of a child contain that was trying the code."""

PRELOADED = ("torch",)
"""Frameworks that may be imported before a fork. The import starts no threads, which forking would lose."""

NEVER_FORKED = ("jax", "jaxlib", "flax", "equinox", "haiku", "tensorflow", "keras", "tf_keras", "mlx")
"""Targets of these frameworks get a process of their own from the start: their threads and devices do not survive a fork."""


class Link(Protocol):
    """A way to ask one implementation. `started` is its reply to start."""

    started: Message

    def ask(self, requests: Sequence[Message]) -> list[Message]:
        """The replies, in order; raises `Fault` for the first request that has none, or `BudgetSpent`."""

    def renew(self) -> None:
        """Call before each property: a fresh budget of restarts and hangs."""

    def hasten(self, seconds: float) -> None:
        """From now on an answer may take only so long, where it takes a start as long as before."""

    def close(self) -> None:
        """End what was started."""


class InProcess(Link):
    """The implementation in the judge's own process, for debuggers: no time limit, and its crash is the judge's.

    Replies are the same as a child's, since they pass through the same bytes. But Ctrl-C, and leaving the debugger, end the
    judge and are not answers.
    """

    def __init__(self, loader: Callable[[], Implementation]) -> None:
        self._servant = Servant(loader, sentences=(TargetError,), let_through=(KeyboardInterrupt, bdb.BdbQuit))
        self.started = self.ask([Message.request("start", protocol=VERSION)])[0]

    def ask(self, requests: Sequence[Message]) -> list[Message]:
        """The replies, in order; raises `Fault` for the first bad one."""
        return deliver(self._outcome(requests))

    def renew(self) -> None:
        """Nothing is rationed here."""

    def hasten(self, seconds: float) -> None:
        """Nothing is timed here."""

    def close(self) -> None:
        """Let the layers go."""
        self._servant.answer(Message.request("stop"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _outcome(self, requests: Sequence[Message]) -> list[Message] | Fault:
        replies: list[Message] = []
        for request in requests:
            replies.append(_carried(self._servant.answer(_carried(request))))
            if fault := refusal_in(replies[-1:], [request.op]):
                return fault
        return replies


class Child(Remote, Link):
    """The implementation in a Python process of its own.

    target   what `loader` ("module:function", imported by the child) is called with
    timeout  seconds for each answer, and three times that for the first, which waits for imports
    preload  modules that the fork server imports before it forks: never the user's own code, and nothing that starts threads
    kind     "fork": from a server that has them imported, milliseconds a restart; "spawn": a new Python each time

    Once the implementation has been seen to import torch, the fork server imports it too, before the next fork. If that ends
    the fork server, children are spawned from then on. If trying the code, to see how it is to be called, ends the first child,
    it is called as its text suggests, and ends one of those that answer questions.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: float = 10.0,
        preload: Sequence[str] = ("numpy",),
        kind: Literal["fork", "spawn"] = "fork",
        loader: str = LOADER,
    ) -> None:
        self._job = Job(target=target, loader=loader, path=importable(), directory=str(Path.cwd()), trying=True)
        self._preload = (*preload, *OWN_MODULES)
        self._kind = kind
        super().__init__(timeout=timeout, asks_where=WHERE, preload=self._preload)

    def _open(self) -> Outcome:
        outcome = super()._open()
        if not isinstance(outcome, Fault) or not self._ended_in_trial(outcome):
            return outcome
        self._job["trying"] = False
        return outcome if isinstance(again := super()._open(), Fault) else again

    def _ended_in_trial(self, fault: Fault) -> bool:
        """Whether the code may have been on trial when it ended the process, or wanted to be taken for the user's Ctrl-C."""
        if fault.status == "error":
            return fault.text.startswith(KeyboardInterrupt.__name__)
        return fault.status == "crash" or not self.ending.words or TRIAL in self.ending.words

    def _birth(self, nursery: Nursery, *, careful: bool = False) -> Living:
        if careful:
            self._kind = "spawn"
        if self._kind == "spawn":
            return nursery.birth(argv=[sys.executable, "-P", "-m", "bnspec.plugs.worker", json.dumps(self._job)])
        loaded = self.started.words.get("loaded", "").split(",")
        frameworks = [name for name in PRELOADED if name in loaded and name not in self._preload]
        return nursery.birth(job=self._job, preload=(*self._preload, *frameworks))


def open_link(target: str, *, in_process: bool = False, timeout: float = 10.0) -> InProcess | Child | Program:
    """The link that suits a target. Raises `Fault` where it cannot be started; a target that cannot be found says so in it."""
    if in_process:
        return InProcess(lambda: find_loader(LOADER)(target))
    if command := command_of(target):
        return Program(command, timeout=timeout)
    root = re.split(r"[.:/]", target)[0]
    preload = [name for name in PRELOADED if name == root or _imports(target, name)]
    return Child(target, timeout=timeout, preload=("numpy", *preload), kind="spawn" if root in NEVER_FORKED else "fork")


def _imports(target: str, framework: str) -> bool:
    """Whether the target is a Python file with a line, outside of functions, that imports the framework."""
    with contextlib.suppress(OSError, ValueError, TargetError):
        file = Path(parse(target).place)
        if file.suffix == ".py" and file.is_file():
            return re.search(rf"^(import|from) +{framework}\b", file.read_text(encoding="utf-8"), re.MULTILINE) is not None
    return False


def importable() -> list[str]:
    """Where code under test may be imported from: wherever the judge imports from, and what PYTHONPATH names beside that.

    The command line leaves the current directory out of its own path.
    """
    named = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    return [*sys.path, *(place for place in named if place not in sys.path)]


def _carried(message: Message) -> Message:
    """The message as it arrives at the other end of a pipe."""
    return receive(io.BytesIO(encode(message)))
