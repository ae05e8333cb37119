"""What a first forward of somebody's layer shows, seen by calling it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import numpy as np

from bnspec.case import Array
from bnspec.plugs import names
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.anatomy import Anatomy
from bnspec.plugs.building import is_whole
from bnspec.plugs.class_calls import Calls
from bnspec.plugs.class_text import text_of
from bnspec.plugs.constructor import CHANNELS, ROLES
from bnspec.plugs.trial import NotTried, is_output, tried
from bnspec.plugs.values import PAIRED, STATISTICS, find_values

USUAL_STATISTICS = (0.0, 1.0)
OTHER_STATISTICS = (0.5, 3.0)
"""Means and variances that are written into a layer, to see what comes of them."""


def forward_seen(parts: Anatomy) -> tuple[Anatomy, Calls]:
    """What a first forward shows: what it returns, which arrays it makes, and where arrays (N, C) fail, whether (C, N) or lists do.

    Raises `TargetError` where it fails and the size that the layer was made with was a guess.
    """
    whole = Calls(returns_more=True)
    ways = ((parts, whole), (replace(parts, layout=parts.layout or "CN"), whole), (parts, replace(whole, lists=True)))
    first = (*ways[0], tried(text_of(*ways[0]), parts.scope, parts.known, _extras))
    others = ways[1:] if _failed(first[2]) else ()
    results = [first, *((*way, tried(text_of(*way), parts.scope, parts.known, _extras)) for way in others)]
    parts, calls, more = next((one for one in results if not _failed(one[2])), results[0])
    if _failed(more) and parts.constructor.guessed:
        _ask_how_it_is_made(parts, more)
    calls = replace(calls, returns_more=isinstance(more, int))
    arrays = [role for role in PAIRED if role not in {*parts.constructor.arguments, *parts.constructor.closed, *parts.passed}]
    return (parts, calls) if is_whole(parts.values, CHANNELS, arrays) else _started(parts, calls, arrays)


def _failed(result: Any) -> bool:
    return isinstance(result, Exception) and not isinstance(result, NotTried)


def _ask_how_it_is_made(parts: Anatomy, failure: Any) -> NoReturn:
    size = parts.constructor.arguments["size"]
    raise TargetError(
        f"{parts.label} needs the constructor argument {size!r}, which is not the number of channels "
        f"({type(failure).__name__}: {failure}); say how it is made: "
        f'{parts.label}(make="{parts.name}({size}=...)"), with {{channels}} for the number of channels'
    )


def _started(parts: Anatomy, calls: Calls, arrays: Sequence[str]) -> tuple[Anatomy, Calls]:
    """The parts with those arrays that the first call makes; inference makes them too, where it can, and leaves them untouched."""
    body, known = text_of(parts, replace(calls, bare=True)), parts.known - {*arrays}
    for mode in ("inference", "training") if parts.switch.found else ("training",):
        layer = tried(body, parts.scope, known, partial(called_once, training=mode == "training"))
        if isinstance(layer, Exception):
            continue
        made = {
            role: place
            for role, place in find_values(layer, ROLES).items()
            if role in arrays and is_whole({role: place}, CHANNELS, [role])
        }
        made = {role: place for role, place in made.items() if names.plain(place.text[1:]) not in names.SHORT}
        if len(made) > sum(is_whole(parts.values, CHANNELS, [role]) for role in arrays):
            return replace(parts, values={**parts.values, **made}), replace(calls, starts=mode)
    return parts, calls


def called_once(layer: Any, x: Array, *, training: bool) -> Any:
    """The user's own object after one forward."""
    layer.forward(x, training=training)
    return layer.bn


def _extras(layer: Any, x: Array) -> int | None:
    """How many things forward returns after y; None where it returns y alone. Raises where there is no y among them."""
    with contextlib.suppress(ValueError):  # of an array of what is no array
        layer.forward(x, training=True)
    returned = layer.returned
    return len(returned) - 1 if isinstance(returned, tuple) and returned and is_output(returned[0], x) else None


def keeps_size(parts: Anatomy, calls: Calls) -> bool:
    """Whether a training step leaves the arrays of a layer as many numbers as they had, one a channel."""
    layer = tried(text_of(parts, calls), parts.scope, parts.known, partial(called_once, training=True))
    if isinstance(layer, Exception):
        return False
    after = find_values(layer, ROLES)
    return is_whole(after, CHANNELS, [role for role in PAIRED if role in after])


def takes_statistics(parts: Anatomy, calls: Calls) -> bool:
    """Whether running statistics that are written into a layer are what its inference then goes by.

    They are not where it corrects them by a number of steps, where it keeps what it makes of them and makes it in training only, or
    where what has one of the short names is the latest batch's. An inference that has no use for them at all is for the laws.
    """
    if parts.no_inference or not {*STATISTICS} <= parts.values.keys():
        return True
    body = text_of(parts, calls)
    ways = (_is_corrected, _is_made_in_training, _is_of_the_batch)
    return not any(tried(body, parts.scope, parts.known, partial(way, parts)) is True for way in ways)


def _is_corrected(parts: Anatomy, layer: Any, x: Array) -> bool:
    """Whether a number that counts the steps of training, and nothing else, changes the answer of an inference."""
    before = {name: value for name, value in vars(layer.bn).items() if type(value) in (int, float)}
    layer.forward(x, training=True)
    for name in (name for name, value in before.items() if getattr(layer.bn, name, value) != value):
        once, again, late = (_inferred_at(layer, x, name, steps) for steps in (1, 1, 1000))
        if np.array_equal(once, again) and not np.array_equal(again, late):
            return True
    return False


def _inferred_at(layer: Any, x: Array, name: str, steps: int) -> Array:
    setattr(layer.bn, name, steps)
    return np.array(layer.forward(x, training=False))


def _is_made_in_training(parts: Anatomy, layer: Any, x: Array) -> bool:
    """Whether written statistics do not show in an inference before a step of training, and do after it."""

    def inferred(mean: float, var: float, *, trained: bool) -> Array:
        _write(parts, layer, mean, var)
        if trained:
            layer.forward(2 * x + 1, training=True)
        return np.array(layer.forward(x, training=False))

    def show(*, trained: bool) -> bool:
        return not np.array_equal(inferred(*USUAL_STATISTICS, trained=trained), inferred(*OTHER_STATISTICS, trained=trained))

    return not show(trained=False) and show(trained=True)


def _is_of_the_batch(parts: Anatomy, layer: Any, x: Array) -> bool:
    """Whether what has a short name is, after a step of training, what it is after it from any other start."""
    if any(names.plain(parts.values[role].text[1:]) not in names.SHORT for role in STATISTICS):
        return False
    seen = []
    for mean, var in (USUAL_STATISTICS, OTHER_STATISTICS):
        _write(parts, layer, mean, var)
        layer.forward(x, training=True)
        seen.append(np.concatenate([np.reshape(parts.values[role].read(layer.bn), -1) for role in STATISTICS]))
    return np.array_equal(seen[0], seen[1])


def _write(parts: Anatomy, layer: Any, mean: float, var: float) -> None:
    """Write running statistics that are alike in all channels into the user's object."""
    for role, value in zip(STATISTICS, (mean, var), strict=True):
        place = parts.values[role]
        array = np.full(np.shape(place.read(layer.bn)), value)
        exec(place.assign("bn", "value"), {"bn": layer.bn, "value": array.tolist() if isinstance(place.value, list) else array})
