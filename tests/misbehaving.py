"""Implementations that work until they are told not to: a value above 1000 in x sets off the deed that the target names.

The target is "DEED" or "DEED FILE": each call of forward appends a byte to FILE, so that a test can count what was really asked.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bnspec.plugs.adapter import TargetError

TRIGGER = 1000.0


def hang_without_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(3600)


def hang_in_python() -> None:
    while True:
        pass


def flood() -> None:
    for _ in range(1024):
        os.write(1, b"so many words " * 4096)
    print("the end of the flood")


def chatter() -> None:
    print("op=forward id=0 ok=1 y:f4:1\n", flush=True)
    print("warning: careful", file=sys.stderr)
    subprocess.run(["echo", "id=1 ok=1"], check=True)


def close_output() -> None:
    os.closerange(1, 3)
    sys.stdout = None


def last_words() -> None:
    print("what I wanted to say", end="")
    sys.stdout.flush()
    os._exit(3)


def leave_a_child_and_crash() -> None:
    subprocess.Popen(["sleep", "3600"])
    if not os.fork():
        time.sleep(3600)
    os.kill(os.getpid(), signal.SIGKILL)


def leave_daemons() -> None:
    for _ in range(2):
        if os.fork():
            continue
        os.setsid()
        if os.fork():
            os._exit(0)
        with Path("daemons").open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(3600)
    while not Path("daemons").exists() or Path("daemons").read_text().count("\n") < 2:
        time.sleep(0.01)


def leave_daemons_and_crash() -> None:
    leave_daemons()
    os.abort()


def fork_and_both_go_on() -> None:
    os.fork()


def warn_with_errors_on() -> None:
    warnings.warn("careful", RuntimeWarning, stacklevel=1)


DEEDS: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "exit": lambda: os._exit(3),
    "sys.exit": lambda: sys.exit("gone"),
    "raise": lambda: [][0],
    "hang": hang_in_python,
    "deaf": hang_without_signals,
    "stopped": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "flood": flood,
    "chatter": chatter,
    "close output": close_output,
    "close channel": lambda: os.closerange(3, 256),
    "last words": last_words,
    "orphans": leave_a_child_and_crash,
    "daemons then close": leave_daemons,
    "daemons then crash": leave_daemons_and_crash,
    "twins": fork_and_both_go_on,
    "warn": warn_with_errors_on,
}


class Layer:
    """A two-dimensional BatchNorm, right as long as it is quiet."""

    def __init__(self, setup: Any, deed: Callable[[], object], log: Path | None) -> None:
        self.setup, self.deed, self.log = setup, deed, log
        self.mean, self.var = setup.running_mean, setup.running_var

    def forward(self, x: np.ndarray, *, training: bool) -> np.ndarray:
        if self.log:
            with self.log.open("ab") as file:
                file.write(b".")
        if x.size and float(np.max(x)) >= TRIGGER:
            self.deed()
        mean, var = (x.mean(0), x.var(0)) if training else (self.mean, self.var)
        if training:
            momentum, m = self.setup.momentum, len(x)
            self.mean = (1 - momentum) * self.mean + momentum * mean
            self.var = (1 - momentum) * self.var + momentum * var * m / (m - 1)
        self.inv_std = 1 / np.sqrt(var + self.setup.eps)
        self.x_hat = (x - mean) * self.inv_std
        y: np.ndarray = (self.setup.gamma * self.x_hat + self.setup.beta).astype(x.dtype)
        return y

    def backward(self, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        dgamma, dbeta = (dy * self.x_hat).sum(0), dy.sum(0)
        dx = self.setup.gamma * self.inv_std * (dy - dbeta / len(dy) - self.x_hat * dgamma / len(dy))
        return dx.astype(dy.dtype), dgamma, dbeta

    def running(self) -> tuple[np.ndarray, np.ndarray]:
        return self.mean, self.var


class Misbehaving:
    name = "misbehaving"
    convention: Any = None

    def __init__(self, deed: str, log: Path | None) -> None:
        self.deed, self.log = DEEDS[deed], log

    def layer(self, setup: Any) -> Layer:
        return Layer(setup, self.deed, self.log)


def load(target: str) -> Misbehaving:
    """The loader that the tests name; a target "import DEED" does its deed here already."""
    if target == "nowhere":
        raise TargetError("there is no target called nowhere; name a file or a module")
    if target.startswith("import "):
        DEEDS[target.removeprefix("import ")]()
        return Misbehaving("nothing", None)
    if target == "warn":
        warnings.simplefilter("error")
    deed, _, log = target.partition(" /")
    return Misbehaving(deed, Path("/" + log) if log else None)


class Torchish(Misbehaving):
    """Imports torch, and says whether it was there already."""

    def __init__(self) -> None:
        super().__init__("exit", None)
        self.name = f"torch was there before: {'torch' in sys.modules}"
        import torch  # noqa: F401


def load_with_torch(target: str) -> Torchish:
    return Torchish()
