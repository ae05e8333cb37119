"""Seeing what somebody's forward function returns, what an inference does, and what its backward takes and returns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.plugs.adapter import SKELETON, Question, TargetError
from bnspec.plugs.constructor import USUAL
from bnspec.plugs.gradients import ALONE, DOCUMENTED, arguments_of, order_of, said_order
from bnspec.plugs.layouts import counts_samples_first
from bnspec.plugs.pair import ARRAYS, COLUMNS, LISTS, Kind, Pair
from bnspec.plugs.pair_text import text_of
from bnspec.plugs.returned import STATE, Returned, read_returned
from bnspec.plugs.trial import Shape, shapes_tried, tried


@dataclass(frozen=True, eq=False)
class Functions:
    """The user's functions, with the target's words for what forward and backward return.

    scope   what the adapter's text finds defined
    kinds   what they may compute on
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None
    inference: Callable[..., Any] | None
    scope: Mapping[str, Any]
    said: Sequence[str]
    said_backward: Sequence[str]
    kinds: Sequence[Kind]


@dataclass(frozen=True, eq=False)
class Trial:
    """What a forward did with an x of `shape`: what it returned, its places, and whether it moved statistics that it was given."""

    shape: Shape
    value: Any
    returned: Returned
    moved: bool


def seen(pair: Pair, functions: Functions, backward: str) -> tuple[Pair, str]:
    """The pair with everything that calling its functions shows, and why the backward, if there is one, is left out.

    backward   what the adapter's text calls it
    Raises `TargetError` where no forward succeeds, and `Question` where what it returns has two readings.
    """
    pair, trained = _trained(pair, functions)
    pair = _with_needs(pair, functions, trained.shape)
    places = pair.signature.places
    moves = trained.moved or bool(trained.returned.state) or "momentum" in {*places, *pair.signature.closed}
    pair = replace(pair, returned=trained.returned, moves=moves)
    infers = bool(pair.signature.switch.found or pair.inference_signature is not None)
    infers = infers and all(
        pair.places(role) or role in pair.signature.closed for role in STATE
    )  # others it keeps where none can see
    if not (moves or infers) and set(STATE) <= places.keys():
        return replace(pair, inferred=trained.returned, trains=False), "there is no training to go back through"
    inferred = None
    if infers:
        inferred = _inferred(pair, functions, trained)
        pair = replace(pair, inferred=inferred.returned)
    return _with_backward(pair, functions, backward, trained, inferred)


def _trained(pair: Pair, functions: Functions) -> tuple[Pair, Trial]:
    """The pair with the kind of array it takes, and its forward of the first shape of x for which there is a y."""
    failures = []
    for shape, kind in product(shapes_tried(), functions.kinds):
        pair = replace(pair, kind=kind)
        trial = _forward(pair, functions, shape, training=True)
        if isinstance(trial, Trial):
            _ask_layout(pair, functions, trial)
            return pair, trial
        failures.append(trial)
    for failure in failures:
        if isinstance(failure, TargetError):
            raise failure
    said = f"{type(failures[0]).__name__}: {failures[0]}"
    raise TargetError(
        f"{pair.label} raised {said} for small x of every rank; where it wants to be called in another way, write an adapter:"
        f"\n\n{SKELETON}"
    ) from failures[0]


def _ask_layout(pair: Pair, functions: Functions, trial: Trial) -> None:
    """Raise `Question` where, given x as (N, C), features are averaged instead of samples, and given x as (C, N) they are not.

    Where the text calls the first axis the samples', it is a mistake and no layout.
    """
    if pair.kind is not ARRAYS or len(functions.kinds) == 1 or len(trial.shape) != 2 or counts_samples_first(functions.forward):
        return
    if _mixes_channels(pair, functions, trial.shape) and not _mixes_channels(replace(pair, kind=COLUMNS), functions, trial.shape):
        base = pair.label.partition("(")[0]
        raise Question(
            f"does {pair.label} take x as (features, samples)? Given (samples, features), it averages over the features. "
            f'Say {base}(layout="CN") for features first, or {base}(layout="NC") where that is the mistake to be found'
        )


def _mixes_channels(pair: Pair, functions: Functions, shape: Shape) -> bool:
    """Whether another second channel makes another y of the first; so it is said of what fails, too."""
    trial = _forward(pair, functions, shape, training=True)
    if not isinstance(trial, Trial):
        return True
    place = trial.returned.y

    def first_channel(layer: Any, x: Array) -> Array:
        layer.forward(x, training=True)
        y = np.asarray(layer.returned if place is None else layer.returned[place])
        return (y.T if pair.kind is COLUMNS else y)[:, 0].copy()

    def moved(layer: Any, x: Array) -> bool:
        other = x.copy()
        other[:, 1] = 7 - x[:, 1] ** 2
        return not np.allclose(first_channel(layer, x), first_channel(layer, other))

    mixed = tried(_whole(pair), functions.scope, pair.known, moved, [shape])
    return isinstance(mixed, Exception) or mixed


def _with_needs(pair: Pair, functions: Functions, shape: Shape) -> Pair:
    """The pair with those entries of its dict as required without which its forward fails."""
    signature, whole = pair.signature, _whole(pair)
    entries = {role for role, place in signature.places.items() if place.count("[") > 1} - signature.required
    needed = set[str]()
    for together in ({"eps"}, {"momentum"}, set(STATE)):
        left = pair.known - together
        if together & entries and isinstance(tried(whole, functions.scope, left, _train, [shape]), Exception):
            needed |= together & entries
    return replace(pair, signature=replace(signature, required=signature.required | needed))


def _train(layer: Any, x: Array) -> None:
    layer.forward(x, training=True)


def _whole(pair: Pair) -> str:
    """The adapter's text, in which what is returned is not taken apart."""
    return text_of(replace(pair, kind=replace(pair.kind, output="{}"), returned=None, inferred=Returned(), order=ALONE))


def _inferred(pair: Pair, functions: Functions, trained: Trial) -> Trial:
    """What an inference does. One that fails is asked all the same, as if it returned what training does."""
    trial = _forward(pair, functions, trained.shape, training=False)
    if isinstance(trial, Trial):
        return trial
    return Trial(trained.shape, None, trained.returned if functions.inference is None else Returned(), moved=False)


def _forward(pair: Pair, functions: Functions, shape: Shape, *, training: bool) -> Trial | Exception:
    """One forward by the adapter's own text, in which what is returned is not yet taken apart."""
    places = {role: pair.signature.places[role] for role in STATE if role in pair.signature.places}
    called = {role: re.findall(r"\w+", place)[-1] for role, place in places.items()}
    function = functions.forward if training or functions.inference is None else functions.inference
    said = functions.said if function is functions.forward else ()

    def forward(layer: Any, x: Array) -> Trial:
        layer.forward(x, training=training)
        value = layer.returned
        if pair.kind is LISTS and isinstance(value, tuple):
            value = tuple(np.asarray(part) if isinstance(part, list) else part for part in value)
        moved = any(_moved(layer.given, place, USUAL[role]) for role, place in places.items())
        by_argument = training and not moved and any(place.count("[") == 1 for place in places.values())
        words = said if isinstance(value, (tuple, list)) and len(said) == len(value) else ()
        given = x.T if pair.kind is COLUMNS else x
        held = [*pair.signature.holders, *pair.signature.dicts]
        returned = read_returned(value, given, function, words, called, pair.label, must_have=by_argument, held=held)
        return Trial(shape, value, returned, moved)

    return tried(_whole(pair), functions.scope, pair.known, forward, [shape])


def _moved(given: Mapping[str, Any], place: str, start: Array) -> bool:
    """Whether the value at a place of `given` is another than the one it was given."""
    value = eval(f"given{place}", {"given": given})
    return not np.array_equal(np.reshape(value.detach() if hasattr(value, "detach") else value, -1), start)


def _with_backward(pair: Pair, functions: Functions, backward: str, trained: Trial, inferred: Trial | None) -> tuple[Pair, str]:
    if functions.backward is None:
        return pair, ""
    arguments = arguments_of(functions.backward, trained.returned, pair.signature, pair.kind.give)
    if isinstance(arguments, str):
        return pair, arguments
    taken = [place for place in trained.returned.saved if f"self.returned[{place}]" in arguments.values()]
    guarded = bool(taken) and not _leaves(inferred, taken)
    full = replace(pair, backward=backward, arguments=arguments, guarded=guarded)

    def differentiate(layer: Any, x: Array) -> Any:
        layer.forward(x, training=True)
        return layer.backward(x.copy())[0]

    returned = tried(_whole(full), functions.scope, pair.known, differentiate, [trained.shape])
    returned = DOCUMENTED if isinstance(returned, Exception) else returned  # it may fail later
    order = order_of(returned, functions.said_backward or said_order(functions.backward, returned, pair.label))
    return (pair, "it returns neither dx nor (dx, dgamma, dbeta)") if order is None else (replace(full, order=order), "")


def _leaves(inferred: Trial | None, places: Sequence[int]) -> bool:
    """Whether an inference leaves at these places of what it returns what a backward takes."""
    value = None if inferred is None else inferred.value
    return isinstance(value, (tuple, list)) and all(place < len(value) and value[place] is not None for place in places)
