"""Functions of a shared library as layers, called over guarded memory.

Every adapter that is written for a library begins with the text of this file, which therefore needs NumPy and nothing of ours.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MARGIN = 4096
"""Bytes on either side of each array that a function is given: a page of memory that is not its own."""

FILLING = np.uint32(0x7FF8BEEF)
"""What margins and unwritten outputs hold: not a number, as float and as double, and no number that is computed."""

NUMBERS: dict[str, Any] = {
    "i": ctypes.c_int,
    "u": ctypes.c_uint,
    "l": ctypes.c_int64,
    "z": ctypes.c_size_t,
    "b": ctypes.c_bool,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
    "p": ctypes.c_void_p,
}
"""The types of what is given by value."""

WHOLE_X = ("x", "y", "dx", "dy", "x_hat")
"""Arrays as large as x; all others have one value a channel."""

MUST = ("y", "dx", "dgamma", "dbeta")
"""Outputs that are always to be written; what is saved for a backward may be left alone in inference."""

STATE = {"gamma": 1.0, "beta": 0.0, "running_mean": 0.0, "running_var": 1.0}
"""What a layer keeps, and where it starts."""

AXES = {3: "L", 4: "HW", 5: "DHW"}
"""The names of the axes of x beside N and C."""


class BrokenContract(Exception):
    """A function did with memory what its signature does not allow; the message is one sentence."""


class Argument(NamedTuple):
    """One argument: an array that goes "in", "out" or "inout", `kind` its dtype, or a number ("" for `way`), `kind` its type."""

    name: str
    way: str
    kind: str


class Function(NamedTuple):
    """A function by its symbol, with its arguments in order; `status`: an int is returned, and one that is not 0 is an error."""

    symbol: str
    arguments: tuple[Argument, ...]
    status: bool = False

    @classmethod
    def of(cls, symbol: str, arguments: str, *, status: bool = False) -> Function:
        """A function whose arguments are written as name:way:kind."""
        return cls(symbol, tuple(Argument(*word.split(":")) for word in arguments.split()), status)

    def takes(self, name: str) -> bool:
        """Whether it has an argument of this name."""
        return any(argument.name == name for argument in self.arguments)


class Guarded:
    """An array between two margins, which must keep what they hold."""

    def __init__(self, argument: Argument, shape: tuple[int, ...], values: Any) -> None:
        dtype = np.dtype(argument.kind)
        size = math.prod(shape) * dtype.itemsize
        self.name, self.way, self.words = argument.name, argument.way, -(-size // 4)
        self.memory = np.full(2 * (MARGIN // 4) + self.words, FILLING)
        self.array = self.memory.view(np.uint8)[MARGIN : MARGIN + size].view(dtype).reshape(shape)
        if self.way != "out":
            self.array[...] = values
        self.before = self.array.tobytes() if self.way == "in" else b""

    @property
    def address(self) -> int:
        """Where the array begins."""
        return int(self.memory.ctypes.data) + MARGIN

    def check(self, symbol: str) -> None:
        """Raise `BrokenContract` where something was written that should not be, or was not written that should be."""
        edge = MARGIN // 4
        for margin, side in ((self.memory[:edge], "before the first"), (self.memory[edge + self.words :], "behind the last")):
            if (margin != FILLING).any():
                raise BrokenContract(
                    f"{symbol} wrote outside of {self.name}, {side} of its {self.array.size} values (shape {self.array.shape})"
                )
        if self.way == "in" and self.array.tobytes() != self.before:
            raise BrokenContract(f"{symbol} wrote into {self.name}, which its signature gives it to read ({self.name}:in)")
        if self.name in MUST and self.way == "out" and self.array.dtype.itemsize >= 4:
            words = self.memory[edge : edge + self.words].reshape(self.array.size, -1)
            if left := int((words == FILLING).all(axis=1).sum()):
                raise BrokenContract(f"{symbol} left {left} of the {self.array.size} values of {self.name} unwritten")


class Library:
    """An adapter for functions of a library: `functions` by what they do ("train", "infer", "train backward") and x's dtype."""

    path = ""
    functions: Mapping[tuple[str, str], Function] = {}
    channel_axis = 1

    def __init__(self) -> None:
        library = ctypes.CDLL(str(Path(self.path).resolve()))
        self.called = {function: library[function.symbol] for function in self.functions.values()}
        for function, called in self.called.items():
            called.restype = ctypes.c_int if function.status else None
            called.argtypes = [NUMBERS["p" if one.way else one.kind] for one in function.arguments]
        self.name = f"{Path(self.path).name}: {', '.join(sorted({function.symbol for function in self.called}))}"
        self.convention = {"channel_axis": self.channel_axis}
        doubles = [function for (_, dtype), function in self.functions.items() if dtype == "float64"]
        narrow = any(one.name in ("eps", "momentum") and one.kind == "f" for function in doubles for one in function.arguments)
        self.scalars = "float32" if narrow else "float64"

    def layer(self, setup: Any) -> Layer:
        """A fresh layer. Raises NotImplementedError for a dtype, a rank or a part of the setup that no function takes."""
        mine = [function for (_, dtype), function in self.functions.items() if dtype == setup.dtype]
        if not mine:
            raise NotImplementedError(f"there is no function for {setup.dtype}")
        if setup.channel_axis % setup.rank != self.channel_axis % setup.rank:
            raise NotImplementedError(f"the channels are on axis {self.channel_axis} here")
        for name in ("gamma", "beta", "eps"):  # without the others, training answers the same
            if getattr(setup, name) is not None and not any(function.takes(name) for function in mine):
                raise NotImplementedError(f"no function takes {name}")
        return Layer(self, setup)

    def sizes(self, shape: tuple[int, ...]) -> dict[str, int]:
        """The numbers that say how large x is, by name; those of the axes that it has."""
        axis = self.channel_axis % len(shape)
        spatial = [size for place, size in enumerate(shape) if place not in (0, axis)]
        named = dict(zip(AXES.get(len(shape), ""), spatial, strict=True))
        size, positions = math.prod(shape), math.prod(spatial)
        return {"N": shape[0], "C": shape[axis], "S": positions, "M": shape[0] * positions, "size": size, **named}

    def call(self, function: Function, shape: tuple[int, ...], values: Mapping[str, Any]) -> dict[str, Any]:
        """What a function wrote, by name, when x is so shaped; `values` are the arrays and numbers that it is given."""
        sizes = self.sizes(shape)
        known, given, buffers = {**values, **sizes, "null": None}, [], list[Guarded]()
        for argument in function.arguments:
            if not argument.way:
                given.append(known[argument.name] if argument.name in known else _constant(argument, len(shape)))
                continue
            whole = argument.name in WHOLE_X
            start = values.get(argument.name, 0)
            buffers.append(Guarded(argument, shape if whole else (sizes["C"],), start))
            given.append(buffers[-1].address)
        status = self.called[function](*given)
        for buffer in buffers:
            buffer.check(function.symbol)
        if function.status and status:
            raise RuntimeError(f"{function.symbol} returned {status}")
        return {buffer.name: buffer.array.copy() for buffer in buffers if buffer.way != "in"}


def _constant(argument: Argument, rank: int) -> float:
    """The number that is written in a signature. Raises NotImplementedError for the size of an axis that x does not have."""
    if argument.name.isalpha():
        raise NotImplementedError(f"x of rank {rank} has no {argument.name}")
    return float(argument.name) if argument.kind in "fd" else int(argument.name)


class Layer:
    """The state of a layer, and what its latest forward left for its backward."""

    def __init__(self, library: Library, setup: Any) -> None:
        self.library, self.dtype, self.rank = library, setup.dtype, setup.rank
        kept = "float64" if setup.dtype == "float64" else "float32"
        given = {name: getattr(setup, name) for name in STATE}
        self.state = {
            name: np.full(setup.channels, start, kept) if given[name] is None else given[name].copy()
            for name, start in STATE.items()
        }
        self.numbers = {
            "eps": 1e-5 if setup.eps is None else setup.eps,
            "momentum": 0.1 if setup.momentum is None else setup.momentum,
        }
        self.latest = ""
        self.kept: dict[str, Any] = {}
        if any("backward" in mode for mode, _ in library.functions):
            self.backward = self._backward
        if any(function.takes("running_mean") or function.takes("running_var") for function in library.functions.values()):
            self.running = self._running

    def forward(self, x: Any, *, training: bool) -> Any:
        """y; where the function overwrites x and has no other output, what it left there."""
        self.latest = "train" if training else "infer"
        returned = self._call(self.latest, x.shape, {"x": x})
        self.kept = {"x": np.array(x), **{name: values for name, values in returned.items() if name not in STATE}}
        self.state.update({name: values for name, values in returned.items() if name in STATE})
        if "x" in returned and "y" in returned:
            x[...] = returned["x"]  # the caller's own, as in C
        return returned.get("y", returned.get("x"))

    def _backward(self, dy: Any) -> tuple[Any, Any, Any]:
        returned = self._call(f"{self.latest} backward", dy.shape, {**self.kept, "dy": dy})
        return returned.get("dx", returned.get("dy")), returned.get("dgamma"), returned.get("dbeta")

    def _running(self) -> tuple[Any, Any]:
        return self.state["running_mean"].copy(), self.state["running_var"].copy()

    def _call(self, mode: str, shape: tuple[int, ...], values: Mapping[str, Any]) -> dict[str, Any]:
        function = self.library.functions.get((mode, self.dtype))
        if function is None:
            raise NotImplementedError(f"there is no function for {mode.replace('infer', 'inference')}")
        training = int(self.latest == "train")
        flags = {"training": training, "inference": 1 - training}
        if not any(function.takes(name) for name in ("S", "M", "size", *AXES.get(len(shape), ""))) and len(shape) != 2:
            raise NotImplementedError(f"{function.symbol} is given N and C, and no other axis of x")
        return self.library.call(function, shape, {**self.state, **self.numbers, **flags, **values})
