"""What the tests of links share: a child that misbehaves on demand, a case to ask it, and a look at the processes there are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import misbehaving
import numpy as np
import pytest

from bnspec.plugs.link import Child, Fault, InProcess, Program
from bnspec.protocol import Message

X = np.arange(12, dtype=np.float32).reshape(4, 3)
BAD = X + np.float32(misbehaving.TRIGGER)


def child(target: str, **options: Any) -> Child:
    return Child(target, loader="misbehaving:load", **options)


def case(x: np.ndarray = X, layer: int = 1, layout: str = "contiguous", code: str = "f4") -> list[Message]:
    """A fresh layer, a training forward, the running statistics and the gradients."""
    ones, zeros = np.ones(x.shape[1], np.float32), np.zeros(x.shape[1], np.float32)
    parameters = {"gamma": ones * 2, "beta": ones, "running_mean": zeros, "running_var": ones}
    setup = {"dtype": code, "axis": 1, "rank": x.ndim, "channels": x.shape[1], "eps": 1e-5, "momentum": 0.1}
    return [
        Message.request("layer", layer=layer, **setup, **parameters),
        Message.request("forward", layer=layer, training=True, layout=layout, x=x),
        Message.request("running", layer=layer),
        Message.request("backward", layer=layer, dy=x[::-1]),
    ]


def fault_of(link: Child | InProcess | Program, requests: list[Message]) -> Fault:
    with pytest.raises(Fault) as caught:
        link.ask(requests)
    return caught.value


def contents(replies: list[Message]) -> list[Any]:
    return [(dict(reply.words), {name: (a.dtype, a.shape, a.tobytes()) for name, a in reply.arrays.items()}) for reply in replies]


def right(requests: list[Message]) -> list[Message]:
    """What a quiet implementation replies."""
    with InProcess(lambda: misbehaving.load("nothing")) as here:
        return here.ask(requests)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that its new parent has not looked at yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def gone(pids: list[int]) -> bool:
    """Whether all of them end; they are given ten seconds."""
    for _ in range(200):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.05)
    return False


def nurseries() -> list[int]:
    """The fork servers of this process; their forks have the same command line."""
    mine = [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    return [pid for pid in mine if alive(pid) and "bnspec.plugs.nursery" in Path(f"/proc/{pid}/cmdline").read_text()]


def daemons(desk: Path) -> list[int]:
    """The process ids that daemons have written down."""
    return [int(line) for line in (desk / "daemons").read_text().split()]


def children_of(pid: int) -> list[int]:
    """Its descendants, itself included."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for below in (task / "children").read_text().split():
            found += children_of(int(below))
    return found
