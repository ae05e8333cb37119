"""A layer that is not whole when its constructor returns: a method gives it its size, or its first call does."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnspec.plugs import names
from bnspec.plugs.constructor import SHAPES
from bnspec.plugs.reading import find_method, required_of
from bnspec.plugs.trial import usual_setup
from bnspec.plugs.values import Place

STEP = "1.0"
"""The step of an update from which a gradient is read off."""

RECORDER = f'''

class Optimizer:
    """Takes a step of 1 against the gradient."""

    learning_rate = lr = {STEP}

    def update(self, parameter, gradient):
        return parameter - {STEP} * gradient

    __call__ = step = update
'''
"""An optimizer for layers that are given one."""


@dataclass(frozen=True)
class Build:
    """The statements that finish a layer `bn`, and what they call by name besides `setup`."""

    lines: tuple[str, ...] = ()
    needs: str = ""
    called: str = ""


WHOLE = Build()
"""Of a layer that its constructor finishes."""


def builds(layer: Any) -> Iterator[Build]:
    """The ways to call the methods of `layer` that build it, in the order in which they are tried."""
    methods = [name for alias in names.BUILD if (name := find_method(type(layer), (alias,)))]
    texts = [_calls(layer, name) for name in methods]
    known = [(name, lines) for name, lines in zip(methods, texts, strict=True) if lines]
    for count in (1, len(known)) if len(known) > 1 else (1,) * bool(known):
        for chosen in itertools.combinations(known, count):
            for lines in itertools.product(*(lines for _, lines in chosen)):
                needs = RECORDER if any("Optimizer()" in line for line in lines) else ""
                yield Build(lines, needs, ", ".join(f"{name}(...)" for name, _ in chosen))


def _calls(layer: Any, name: str) -> list[str]:
    """The calls of a method, one a way to understand the shape that it wants; none where an argument says nothing."""
    required = required_of(getattr(layer, name))
    ways = [_values(argument, only=len(required) == 1) for argument in required]
    return [f"bn.{name}({', '.join(values)})" for values in itertools.product(*ways)] if required else []


def _values(argument: str, *, only: bool) -> Sequence[str]:
    plain = names.plain(argument)
    if plain in names.OPTIMIZER:
        return ("Optimizer()",)
    if plain.endswith(("shape", "shp")):
        return SHAPES
    if plain in names.X:
        return ('np.ones((2, setup.channels, *[1] * (setup.rank - 2)), "float64" if setup.dtype == "float64" else "float32")',)
    if plain in names.SIZE or only:
        return ("setup.channels",)
    return ()


def run(build: Build, layer: Any) -> Any:
    """The layer, built; whatever the user's code raises passes through."""
    scope: dict[str, Any] = {"np": np, "bn": layer, "setup": usual_setup((), 2)}
    exec("\n".join([build.needs, *build.lines]), scope)
    return scope["bn"]


def is_whole(values: Mapping[str, Place], size: int, wanted: Sequence[str] = ("gamma",)) -> bool:
    """Whether the roles wanted have places with so many numbers."""
    return all(role in values and values[role].value is not None and np.size(values[role].value) == size for role in wanted)


def called_once(layer: Any, forward: Callable[[Any], Any]) -> Any | None:
    """A copy of the layer that had its first call; None where it cannot be copied or called."""
    try:
        other = copy.deepcopy(layer)
        forward(other)
    except Exception:
        return None
    return other
