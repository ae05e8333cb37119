"""The golden cases: enough of them, with flags that tell the truth, and files that hold what recipes and oracle say."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from bnspec.bounds_scalars import FORMATS
from bnspec.case import dtype_named
from bnspec.convention import TORCH, Convention
from bnspec.fixed.answering import outcomes, wrong
from bnspec.fixed.catalogue import CHAPTERS, FIRST, RECIPES, in_order, of_dtype
from bnspec.fixed.flags import FLAGS
from bnspec.fixed.parts import PARTS
from bnspec.fixed.recipes import DTYPES, Recipe, made
from bnspec.fixed.truths import letters, truths
from bnspec.implementation import Setup
from bnspec.layer import BatchNorm, Reference
from bnspec.properties.golden import fitted, not_askable
from bnspec.reference.bugs.catalogue import ALL, BY_NAME, batch_norm_with
from bnspec.reference.bugs.facts import Bug
from bnspec.reference.vectors import writing
from bnspec.reference.vectors.rounding import bits_of, nearest

PLACE = Path(writing.__file__).parent

RIGHT = replace(TORCH, single_value="beta")


def convention_of(bug: Bug) -> Convention:
    return replace(RIGHT, **bug.under, **bug.only_against)


@np.errstate(all="ignore")
def exposes(recipe: Recipe, bug: Bug) -> bool:
    """Whether a layer with the bug gets the case wrong in some dtype."""
    convention = convention_of(bug)
    if not_askable(recipe, convention):
        return False
    for dtype in recipe.dtypes[::-1]:
        start, calls = fitted(recipe, dtype, convention, {})
        answers = outcomes(lambda setup: batch_norm_with(bug.name)(setup, convention), start, calls)
        if wrong(recipe, list(truths(start, calls, convention, letters(dtype))), answers):
            return True
    return False


def test_there_are_as_many_as_are_promised() -> None:
    assert len(RECIPES) >= 150
    assert len(FLAGS) >= 60
    assert sum(map(len, CHAPTERS.values())) == len(RECIPES), "two cases have one name"
    assert all(recipe.flags and recipe.why for recipe in RECIPES.values())
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in (*RECIPES, *FLAGS))


def test_they_have_every_dtype_rank_mode_and_edge() -> None:
    every = RECIPES.values()
    assert {len(recipe.shape) for recipe in every} == {2, 3, 4, 5}
    assert {1, 2, 3} <= {recipe.m for recipe in every}
    assert {recipe.shape[1] for recipe in every} >= {1, 2, 3}
    assert {recipe.eps for recipe in every} >= {1e-12, 1e-5, 1.0}
    assert set().union(*(recipe.asks for recipe in every)) == {"train", "infer", "grad_train", "grad_infer"}
    assert any(recipe.spoiled is not None for recipe in every)
    assert any(set(recipe.var) == {0.0} for recipe in every)
    assert max(len(recipe.calls) for recipe in every) >= 5
    assert all(len(of_dtype(dtype)) >= 150 for dtype in DTYPES)


def test_weights_are_exact_in_every_dtype() -> None:
    for recipe in RECIPES.values():
        assert Fraction(recipe.weight) == Fraction(float(np.float16(recipe.weight)))
        assert Fraction(1 - recipe.weight) + Fraction(recipe.weight) == 1


def test_every_flag_is_a_known_bug_and_has_cases() -> None:
    assert {flag for recipe in RECIPES.values() for flag in recipe.flags} == set(FLAGS)
    assert {bug for flag in FLAGS.values() for bug in flag.bugs} <= set(BY_NAME)


@pytest.mark.parametrize("name", RECIPES)
def test_a_case_exposes_what_its_flags_say(name: str) -> None:
    for flag in RECIPES[name].flags:
        assert any(exposes(RECIPES[name], BY_NAME[bug]) for bug in FLAGS[flag].bugs), flag


@pytest.mark.parametrize("flag", FLAGS)
def test_every_bug_of_a_flag_is_exposed_by_one_of_its_cases(flag: str) -> None:
    cases = [recipe for recipe in RECIPES.values() if flag in recipe.flags]
    for bug in FLAGS[flag].bugs:
        assert any(exposes(recipe, BY_NAME[bug]) for recipe in cases), bug


def test_the_first_cases_catch_nine_tenths_of_the_known_bugs() -> None:
    caught = [bug.name for bug in ALL if any(exposes(RECIPES[name], bug) for name in FIRST)]
    assert len(caught) >= 0.9 * len(ALL)
    assert [recipe.name for recipe in in_order("float64")][: len(FIRST)] == list(FIRST)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_reference_layer_answers_every_case_within_its_limit(dtype: str) -> None:
    for recipe in of_dtype(dtype):
        case = made(recipe, dtype)
        true = list(truths(case.start, case.calls, RIGHT, letters(dtype)))
        answers = outcomes(Reference("reference", RIGHT).layer, case.start, case.calls)
        assert wrong(recipe, true, answers) == [], recipe.name


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if len(recipe.calls) > 1])
def test_the_state_between_calls_is_a_number_of_every_dtype(name: str) -> None:
    for dtype in RECIPES[name].dtypes:
        for kind in ("biased", "unbiased"):
            case = made(RECIPES[name], dtype)
            for truth in truths(case.start, case.calls, replace(RIGHT, running_var=kind), ("B",)):
                for state in (truth.case.running_mean, truth.case.running_var):
                    assert np.array_equal(state.astype(case.start.gamma.dtype).astype(np.float64), state)


@cache
def committed(name: str) -> str:
    return (PLACE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", writing.MADE)
def test_what_is_committed_is_what_is_generated(name: str) -> None:
    assert writing.text_of(writing.MADE[name]()) == committed(name), "run python -m bnspec.reference.vectors.writing"


@pytest.mark.parametrize("name", [name for name in writing.MADE if name != "schema.json"])
def test_the_files_keep_their_schema(name: str) -> None:
    schema = json.loads(committed("schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(committed(name))
    if "cases" in document:
        document["cases"] = document["cases"][::5]
    jsonschema.validate(document, schema)


def test_the_package_stays_small() -> None:
    assert sum(path.stat().st_size for path in PLACE.iterdir() if path.is_file()) <= 2 << 20


def arrays_in(value: Any) -> list[dict[str, Any]]:
    """Every array of a document, wherever it is."""
    if isinstance(value, list):
        return [array for one in value for array in arrays_in(one)]
    if not isinstance(value, dict):
        return []
    return [value] if "bits" in value else [array for one in value.values() for array in arrays_in(one)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_decimals_and_bits_are_the_same_numbers(dtype: str) -> None:
    widths = {FORMATS[name] and dtype_named(name).itemsize * 2: dtype_named(name) for name in ("float32", "float64")}
    widths[dtype_named(dtype).itemsize * 2] = dtype_named(dtype)
    for array in arrays_in(json.loads(committed(f"{dtype}.json"))):
        for value, bits in zip(array["values"], array["bits"].split(), strict=True):
            kind = widths[len(bits)]
            assert np.array(float(value), np.float64).astype(kind).view(f"u{kind.itemsize}") == int(bits, 16)
        for limits in array.get("within", {}).values():
            assert len(limits) == len(array["values"])


def test_rounding_is_to_nearest_with_ties_to_even() -> None:
    half = 2.0**-8  # half a unit in the last place of bfloat16 at 1
    for dtype, ulp in (("bfloat16", 2 * half), ("float16", 2.0**-10), ("float32", 2.0**-23)):
        middle = np.array([1 + ulp / 2] * 3 + [1 + 3 * ulp / 2])
        found = nearest(middle, np.array([0.0, 2.0**-60, -(2.0**-60), 0.0]), dtype)
        assert found.astype(np.float64).tolist() == [1, 1 + ulp, 1, 1 + 2 * ulp]
    assert bits_of(nearest(np.array([math.nan]), 0.0, "float32"))[0] == 0x7FC00000


def test_the_pair_with_eps_one_is_what_a_pencil_says() -> None:
    case = next(case for case in json.loads(committed("float64.json"))["cases"] if case["name"] == "eps-one-pair")
    (call,) = case["calls"]
    assert call["x"]["values"] == [1, -1] or call["x"]["values"] == [-1, 1]
    sign = call["x"]["values"][0]
    assert call["expected"]["y"]["values"] == [sign * math.sqrt(0.5), -sign * math.sqrt(0.5)]
    assert call["expected"]["running_var"]["unbiased"]["values"] == [0.75 * 2 + 0.25 * 2]
    assert call["expected"]["running_var"]["biased"]["values"] == [0.75 * 2 + 0.25 * 1]


def test_parts_share_no_component_in_one_mode() -> None:
    named = [(part.training, name) for part in PARTS.values() for name in part.components]
    assert len(named) == len(set(named))


def test_every_layer_is_asked_with_its_own_setup() -> None:
    setups: list[Setup] = []

    def make(setup: Setup) -> BatchNorm:
        setups.append(setup)
        return Reference("reference", RIGHT).layer(setup)

    case = made(RECIPES["train-infer"], "float32")
    assert len(outcomes(make, case.start, case.calls)) == 2
    assert [setup.momentum for setup in setups] == [0.25]
