"""Layers whose calls can be entered with a debugger, and whose exceptions are kept."""

from __future__ import annotations

import bdb
import pdb  # noqa: T100  (this is what it is for)
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import bnspec
from bnspec.implementation import Layer, Setup

CALLS = ("forward", "backward", "running", "save", "load")
"""The methods of a layer that are asked; `copied` is another, which gives a layer."""

NOT_THEIRS = ["bnspec*", "numpy*", "torch*"]
"""Modules in which the debugger does not stop: it is for the user's own code."""


class _Debugger(pdb.Pdb):
    """Python's own, which raises `BdbQuit` where it is left in the midst of a call, instead of an answer that nobody gave."""

    left = False

    def set_quit(self) -> None:
        """Leave."""
        self.left = True
        super().set_quit()

    def runcall(self, *arguments: Any, **named: Any) -> Any:
        """Call the first argument with the others, and stop in it."""
        answer = super().runcall(*arguments, **named)
        if self.left:
            raise bdb.BdbQuit
        return answer


class Stepping:
    """Makes layers as `make` does.

    step     the number of the step that is being asked
    entered  that of the step whose call is entered with the debugger
    errors   what the calls of a step raised
    """

    def __init__(self, make: Callable[[Setup], Layer]) -> None:
        self._make = make
        self.step = -1
        self.entered: int | None = None
        self.errors: dict[int, BaseException] = {}

    def layer(self, setup: Setup) -> Followed:
        """A fresh layer."""
        return Followed(self.call(self._make, setup), self)

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """The function's own answer."""
        try:
            if self.step != self.entered:
                return function(*arguments, **named)
            return _Debugger(skip=NOT_THEIRS).runcall(function, *arguments, **named)
        except BaseException as error:
            self.errors[self.step] = error
            raise

    def traceback(self, step: int) -> str:
        """The traceback of a step's exception without the lines of ours; "" where it raised none."""
        if step not in self.errors:
            return ""
        told = traceback.TracebackException.from_exception(self.errors[step])
        told.stack = traceback.StackSummary.from_list([frame for frame in told.stack if not _is_ours(frame.filename)])
        return "".join(told.format())


def _is_ours(file: str) -> bool:
    return file.startswith((str(Path(bnspec.__file__).parent), str(Path(__file__).parent)))


class Followed:
    """A layer, each call of which goes through a `Stepping`. It offers what the layer offers."""

    def __init__(self, layer: Layer, stepping: Stepping) -> None:
        self._layer = layer
        self._stepping = stepping

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._layer, name)
        if name == "copied" and callable(found):
            return partial(self._copied, found)
        return partial(self._stepping.call, found) if name in CALLS and callable(found) else found

    def forward(self, *arguments: Any, **named: Any) -> Any:
        """What the layer's own forward returns."""
        return self._stepping.call(self._layer.forward, *arguments, **named)

    def _copied(self, copied: Callable[..., Layer], duplicate: Callable[[Any], Any]) -> Followed:
        return Followed(self._stepping.call(copied, duplicate), self._stepping)
