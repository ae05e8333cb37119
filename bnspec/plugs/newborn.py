"""The first lines of a child, between its fork and its own work: what it keeps of the fork server, and what it may take."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

MEMORY = 2 << 30
"""Bytes of data that a child may have beyond what it starts with: what grows for ever ends in a MemoryError, not in a swamped
machine. No case of ours needs a hundredth of it."""

PR_SET_PDEATHSIG = 1
"""Linux, prctl(2): the signal to get when the parent dies."""


def grow_up(order: dict[str, Any], descriptors: list[int], mouth: int, others: list[int]) -> NoReturn:
    """The first lines of a new child, up to its own work, which it does not return from."""
    try:
        for descriptor in others:
            os.close(descriptor)
        requests, replies, *stdout = descriptors
        separate()
        limit_memory()
        os.dup2(requests if stdout else os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stdout[0] if stdout else mouth, 1)
        os.dup2(mouth, 2)
        if order["argv"]:
            become_program(order["argv"], requests, replies)
        importlib.import_module("bnspec.plugs.worker").live(order["job"], requests, replies)
    except BaseException as error:
        os.write(2, f"bnspec cannot go on in this process: {type(error).__name__}: {error}\n".encode())
        traceback.print_exc()
    finally:
        os._exit(127)


def separate() -> None:
    """Be a group of one's own, so that a kill reaches one's children; die with the nursery; leave no core files."""
    nursery = os.getppid()
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != nursery:  # it died before it was listened for
            os._exit(127)


def limit_memory() -> None:
    """Let data grow by `MEMORY` and no further. Linux counts all of it (RLIMIT_DATA); elsewhere nothing is limited."""
    if not sys.platform.startswith("linux"):
        return
    status = Path("/proc/self/status").read_text()
    start = next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData:")), None)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if start is not None and (most == resource.RLIM_INFINITY or start + MEMORY < most):
        resource.setrlimit(resource.RLIMIT_DATA, (start + MEMORY, start + MEMORY))


def allowance() -> str:
    """The limit of memory in words, "" where there is none."""
    return f"a process may have {MEMORY >> 30} GiB more than it starts with" if sys.platform.startswith("linux") else ""


def become_program(argv: list[str], requests: int, replies: int) -> NoReturn:
    """Replace this process by a program that finds its channel in BNSPEC_IN and BNSPEC_OUT."""
    for descriptor in (requests, replies):
        os.set_inheritable(descriptor, True)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so in a new program
    os.execve(argv[0], argv, {**os.environ, "BNSPEC_IN": str(requests), "BNSPEC_OUT": str(replies)})
