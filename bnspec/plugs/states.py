"""The lines of an adapter for what people do with a whole layer: copy it, save its state, load that into another."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bnspec.plugs import names
from bnspec.plugs.constructor import CHANNELS
from bnspec.plugs.reading import find_method, required_of

COPIED = ("", "def copied(self, duplicate):", "    return Layer(duplicate(self.bn))")
"""Whatever a caller may do to an object of the class, bnspec may: the layer's own copy is what the adapter goes on with."""


def whole_lines(layer: Any) -> list[str]:
    """The methods `copied`, `save` and `load` of an adapter's layer whose `bn` is such an object as `layer`."""
    found = find_state_methods(layer)
    if found is None:
        return list(COPIED)
    save = ["", "def save(self):", f"    return self.bn.{found[0]}()"]
    return [*COPIED, *save, "", "def load(self, state):", f"    self.bn.{found[1]}(state)"]


def find_state_methods(layer: Any) -> tuple[str, str] | None:
    """The methods that give a layer's state and take it, by their names; None where it has none.

    A `state_dict` is the whole state by its name. What other methods give counts as the state if it has more numbers than gamma
    and beta: the `get_weights` of many a small library is for the optimizer.
    """
    for save, load in names.STATES:
        giver, taker = (find_method(type(layer), (alias,)) for alias in (save, load))
        if giver is None or taker is None or required_of(getattr(layer, giver)) or len(required_of(getattr(layer, taker))) != 1:
            continue
        if save == "statedict" or _numbers_given(layer, giver) > 2 * CHANNELS:
            return giver, taker
    return None


def _numbers_given(layer: Any, method: str) -> int:
    """How many numbers the method returns; 0 where it fails, for what it wants is not known."""
    with contextlib.suppress(Exception):
        return _numbers_in(getattr(layer, method)())
    return 0


def _numbers_in(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(map(_numbers_in, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_numbers_in, value))
    return 0 if value is None or isinstance(value, str) else int(np.size(value))
