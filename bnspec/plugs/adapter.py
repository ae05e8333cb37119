"""Adapters as text: written, run and kept, so that what was judged can be read, saved, changed and embedded."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bnspec.implementation import Layer, Setup

SKELETON = """\
class Adapter:
    name = "my BatchNorm"

    def layer(self, setup):  # setup: channels, eps, momentum, gamma, beta, running_mean, running_var, dtype, channel_axis, rank
        return Layer(...)  # a fresh layer; raise NotImplementedError for what it cannot be given


class Layer:
    def forward(self, x, *, training): ...  # -> y
    def backward(self, dy): ...  # -> dx, dgamma, dbeta; leave it out where there is none
    def running(self): ...  # -> running_mean, running_var; leave it out where there are none
"""
"""The adapter to fill in by hand where the binder does not recognise the code."""

_NUMBERS = itertools.count(1)
"""Tells the file names of scripts apart, so that a traceback quotes the right one."""


class TargetError(Exception):
    """A target that cannot be asked. The message is one sentence, sometimes followed by the skeleton of an adapter."""


class Question(TargetError):
    """A target that can be read in two ways; the message asks which, and gives the answers."""


@dataclass(frozen=True)
class Binding:
    """How a piece of code was understood.

    body     the rest of the adapter, below the line that names the code `Target`; it defines `Adapter`
    bound, assumed   a sentence each, for the user to confirm or to contradict
    beside   what else of the same file or module the body names: its name in the body -> its name there
    """

    body: str
    bound: str
    assumed: str
    beside: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Script:
    """Python text that runs as it grows: its imports must have run before the rest of it can be written."""

    source: str = ""
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "bnspec_adapter"})
    filename: str = field(default_factory=lambda: f"<adapter {next(_NUMBERS)}>")

    def run(self, piece: str) -> None:
        """Append `piece` and run it; an exception in it passes through, with a traceback that quotes the text."""
        above = self.source.count("\n")
        self.source += piece
        linecache.cache[self.filename] = (len(self.source), None, self.source.splitlines(keepends=True), self.filename)
        exec(compile("\n" * above + piece, self.filename, "exec"), self.names)


@dataclass(eq=False)
class Bound:
    """An Implementation with the text that made it.

    convention       as the adapter declares it, None where it declares none (then it is measured)
    adapter_source   Python that defines `Adapter`; it runs without bnspec, from the directory where the target was named
    bound            two lines: what was bound, and what was assumed
    fixed_shape      the only shape of x that is taken, () for any
    ghost            how many samples are normalized at a time in training, 0 for all
    """

    name: str
    convention: Any
    adapter_source: str
    bound: str
    adapter: Any
    fixed_shape: tuple[int, ...] = ()
    ghost: int = 0

    @property
    def scalars(self) -> str | None:
        """ "float32" where the code keeps eps and momentum in it, whatever the dtype of x."""
        said: str | None = getattr(self.adapter, "scalars", None)
        return said

    def layer(self, setup: Setup) -> Layer:
        """A fresh layer; raises NotImplementedError for a field of `setup` that the code cannot be given."""
        layer: Layer = self.adapter.layer(setup)
        return layer


def indented(levels: int, *lines: str) -> str:
    """The lines, each four spaces a level to the right."""
    return "\n".join(f"{'    ' * levels}{line}" if line else "" for line in lines)


def finish(script: Script, bound: str) -> Bound:
    """The Implementation of a script; raises `TargetError` where it has no `Adapter` that can be made without arguments."""
    if "Adapter" not in script.names:
        raise TargetError("an adapter's text must define Adapter, a class with layer(setup)")
    try:
        adapter = script.names["Adapter"]()
    except Exception as error:
        raise TargetError(f"Adapter() raised {type(error).__name__}: {error}; an adapter is made without arguments") from error
    name = str(getattr(adapter, "name", type(adapter).__name__))
    limits = tuple(getattr(adapter, "fixed_shape", ())), int(getattr(adapter, "ghost", 0))
    return Bound(name, getattr(adapter, "convention", None), script.source, bound, adapter, *limits)


def compile_adapter(source: str, bound: str = "bound: a given adapter\nassumed: nothing") -> Bound:
    """The Implementation that adapter text stands for; it must define `Adapter`, to be called without arguments."""
    script = Script()
    script.run(source)
    return finish(script, bound)
