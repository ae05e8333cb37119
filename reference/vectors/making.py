"""The vectors as plain data, made from the recipes of `bnspec.fixed` and the exact oracle: what the JSON files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnspec.bounds import conformance_grade
from bnspec.case import Array, from_columns, parameter_dtype
from bnspec.convention import TORCH, Convention
from bnspec.fixed.catalogue import of_dtype
from bnspec.fixed.parts import PARTS, components
from bnspec.fixed.recipes import Made, Recipe, made
from bnspec.fixed.truths import STATE, Truth, letters, truths
from bnspec.reference.vectors.rounding import decimals, hexadecimal, nearest, room

FORMAT = "bnspec-vectors/1"
"""The form of the files; the number moves when a reader of the old form would misread the new one."""

KINDS = ("biased", "unbiased")
"""The variances that a running average may keep. Where they lead to different answers, both are given."""

ELEMENTWISE = ("y", "dx")
"""The components shaped as x."""


@dataclass(frozen=True, eq=False)
class Expected:
    """One output: correctly rounded in its dtype, and how far an answer may be from that, by grade."""

    rounded: Array
    within: Mapping[str, list[Any]]

    def plain(self) -> dict[str, Any]:
        """As JSON has it, flat in C order."""
        return {"values": decimals(self.rounded), "bits": hexadecimal(self.rounded), "within": dict(self.within)}


def document(dtype: str) -> dict[str, Any]:
    """All cases of a dtype."""
    return {
        "format": FORMAT,
        "dtype": dtype,
        "parameter_dtype": parameter_dtype(dtype).name,
        "grades": list(letters(dtype)),
        "limit": conformance_grade(dtype),
        "cases": [case_document(recipe, dtype) for recipe in of_dtype(dtype)],
    }


def case_document(recipe: Recipe, dtype: str) -> dict[str, Any]:
    """One case: what a layer is given, and what its calls must answer."""
    case = made(recipe, dtype)
    given = {name: array(getattr(case.start, name)) for name in ("gamma", "beta", *STATE)}
    expected = expectations(case)
    return {
        "name": recipe.name,
        "flags": list(recipe.flags),
        "why": recipe.why,
        "shape": list(recipe.shape),
        "declinable": recipe.declinable,
        "eps": recipe.eps,
        "eps_bits": hexadecimal(np.array([recipe.eps])),
        "new_batch_weighs": recipe.weight,
        "old_value_weighs": 1 - recipe.weight,
        **given,
        "calls": [
            {
                "call": "train" if call.training else "infer",
                "x": array(call.x),
                "dy": None if call.dy is None else array(call.dy),
                "expected": {name: plain(found) for name, found in wanted.items()},
            }
            for call, wanted in zip(case.calls, expected, strict=True)
        ],
    }


def array(values: Array) -> dict[str, Any]:
    """An input as JSON has it, flat in C order."""
    return {"values": decimals(values), "bits": hexadecimal(values)}


def plain(found: Mapping[str, Expected]) -> dict[str, Any]:
    """One output; where the kind of running variance makes a difference, one for each kind."""
    return {kind: one.plain() for kind, one in found.items()} if len(found) > 1 else found["any"].plain()


def expectations(case: Made) -> list[dict[str, dict[str, Expected]]]:
    """For each call its outputs by name, and each by the kind of running variance; "any" where both kinds come to the same."""
    found = {kind: _of_kind(case, replace(TORCH, running_var=kind, single_value="beta")) for kind in KINDS}
    joined = []
    for biased, unbiased in zip(*found.values(), strict=True):
        both = {name: {"biased": biased[name], "unbiased": unbiased[name]} for name in biased}
        joined.append({name: {"any": pair["biased"]} if _alike(*pair.values()) else pair for name, pair in both.items()})
    return joined


def _alike(one: Expected, other: Expected) -> bool:
    return hexadecimal(one.rounded) == hexadecimal(other.rounded) and one.within == other.within


def _of_kind(case: Made, convention: Convention) -> list[dict[str, Expected]]:
    true = list(truths(case.start, case.calls, convention, letters(case.dtype), low=True))
    named: list[dict[str, Expected]] = [{} for _ in true]
    for number, name in _judged(case.recipe, true):
        named[number][name] = _expected(case, true[number], name)
    return named


def _judged(recipe: Recipe, true: Sequence[Truth]) -> list[tuple[int, str]]:
    """What is judged of all parts; gradients only of calls that have a dy."""
    every = [pair for part in PARTS.values() for pair in components(part, recipe, true)]
    return [(number, name) for number, name in every if getattr(true[number].exact, name) is not None]


def _expected(case: Made, truth: Truth, name: str) -> Expected:
    dtype = case.dtype if name in ELEMENTWISE else parameter_dtype(case.dtype).name
    value, rest = getattr(truth.exact, name), truth.exact.low.get(name, 0.0)
    rounded = nearest(value, np.broadcast_to(rest, value.shape), dtype)
    placed = {
        grade: _in_place(case, np.array(room(value, rest, rounded, getattr(limit, name)), object), value.shape)
        for grade, limit in truth.bounds.items()
    }
    whole = from_columns(rounded, case.recipe.shape, 1) if name in ELEMENTWISE else rounded
    return Expected(whole, placed)


def _in_place(case: Made, allowed: Array, shape: tuple[int, ...]) -> list[Any]:
    """Bounds in the order of the output: flat in C order."""
    columns = allowed.reshape(shape)
    return (from_columns(columns, case.recipe.shape, 1) if columns.ndim == 2 else columns).ravel().tolist()
