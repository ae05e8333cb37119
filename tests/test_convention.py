"""Conventions: plain data there and back, weights by hand, and a sentence for everything that is none."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnspec.convention import CHOICES, KERAS, NAMED, PAPER, TORCH, BadConvention, Convention

NUMBERS = st.none() | st.floats(0, 1)

KINDS = st.sampled_from(["biased", "unbiased", "none"])

RANKS = st.integers(2, 5)

CONVENTIONS = st.builds(
    Convention,
    momentum_default=NUMBERS,
    eps_default=NUMBERS,
    running_var=KINDS | st.dictionaries(RANKS, KINDS, min_size=1),
    running_start=st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
    channel_axis=st.integers(-5, 4),
    ranks=st.lists(RANKS, min_size=1, unique=True).map(tuple),
    accumulate=st.booleans(),
    affine=st.booleans(),
    **{name: st.sampled_from(choices) for name, choices in CHOICES.items()},
)


@given(CONVENTIONS)
def test_toml_and_plain_data_lead_back(convention: Convention) -> None:
    assert Convention.from_toml(convention.to_toml()) == convention
    assert Convention.from_mapping(convention.to_mapping()) == convention


@pytest.mark.parametrize("name", NAMED)
def test_named_conventions_lead_back_even_without_defaults(name: str) -> None:
    assert Convention.from_toml(NAMED[name].to_toml()) == NAMED[name]
    assert Convention.from_mapping(NAMED[name].to_mapping()) == NAMED[name]


def test_toml_is_one_readable_key_a_line() -> None:
    lines = Convention(running_var={4: "unbiased", 2: "biased"}, momentum_default=None).to_toml().splitlines()
    assert lines[:6] == [
        'momentum_weighs = "batch"',
        'momentum_default = "none"',
        'running_var = {2 = "biased", 4 = "unbiased"}',
        "running_start = [0.0, 1.0]",
        'debias = "none"',
        "eps_default = 1e-05",
    ]
    assert [line.split(" = ")[0] for line in lines] == [field.name for field in dataclasses.fields(Convention)]


def test_numbers_of_numpy_are_numbers() -> None:
    said = {"eps_default": np.float32(0.5), "momentum_default": np.float64(0.25), "channel_axis": np.int64(-1)}
    assert Convention.from_toml(Convention.from_mapping(said).to_toml()) == Convention.from_mapping(said)


def test_a_measured_start_that_is_not_finite_can_be_written_down() -> None:
    read = Convention.from_toml(Convention(running_start=(float("nan"), float("-inf"))).to_toml())
    assert np.isnan(read.running_start[0])
    assert read.running_start[1] == -np.inf


def test_what_is_not_said_keeps_its_default() -> None:
    assert Convention.from_toml("") == TORCH
    assert Convention.from_toml("channel_axis = -1") == dataclasses.replace(TORCH, channel_axis=-1)
    assert Convention.from_mapping({"ranks": [2], "running_var": {"3": "biased"}}) == Convention(
        ranks=(2,), running_var={3: "biased"}
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("momentum_weighs =", "this is not a convention in TOML: "),
        ('momentum_weighs = "new"', "momentum_weighs must be one of batch, running, cumulative, unobservable; got 'new'"),
        ("debias = 1", "debias must be one of none, zero, first; got 1"),
        ("momentum_wieghs = 1", "unknown convention key 'momentum_wieghs'; did you mean momentum_weighs?"),
        ("zzz = 1", "unknown convention key 'zzz'; the keys are accumulate, affine, "),
        ('momentum_default = "much"', "momentum_default must be a number, or \"none\" where there is no default; got 'much'"),
        ("eps_default = true", 'eps_default must be a number, or "none" where there is no default; got True'),
        ("running_start = [0]", "running_start must be two numbers, the mean and the variance; got (0,)"),
        ("running_start = 0", "running_start must be two numbers, the mean and the variance; got 0"),
        ("ranks = []", "ranks must be a list of at least one rank of 2 or more; got ()"),
        ("ranks = [1, 2]", "ranks must be a list of at least one rank of 2 or more; got (1, 2)"),
        ("ranks = 4", "ranks must be a list of at least one rank of 2 or more; got 4"),
        ('channel_axis = "last"', "channel_axis must be a whole number; got 'last'"),
        ("channel_axis = 1.0", "channel_axis must be a whole number; got 1.0"),
        ('affine = "yes"', "affine must be true or false; got 'yes'"),
        ('running_var = "sample"', "running_var must be one of biased, unbiased, none, or one a rank; got 'sample'"),
        ("running_var = {}", "running_var must be one of biased, unbiased, none, or one a rank; got {}"),
        ('running_var = {two = "biased"}', "running_var has a table from ranks to kinds; 'two' is not a rank"),
        ('running_var = {2 = "sample"}', "running_var must be one of biased, unbiased, none, or one a rank; got {2: 'sample'}"),
    ],
)
def test_what_is_no_convention_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadConvention) as refused:
        Convention.from_toml(text)
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("choices", "momentum", "weights"),
    [
        ({}, 0.25, ["1/4", "1/4", "1/4"]),
        ({"momentum_weighs": "running"}, 0.25, ["3/4", "3/4", "3/4"]),
        ({"momentum_weighs": "cumulative"}, 0.25, ["1", "1/2", "1/3"]),
        ({}, None, ["1", "1/2", "1/3"]),
        ({"debias": "first"}, 0.25, ["1", "1/4", "1/4"]),
        ({"debias": "zero"}, 0.25, ["1", "4/7", "16/37"]),
        ({"debias": "zero"}, 0.0, ["0", "0", "0"]),
        ({"debias": "zero"}, 1.0, ["1", "1", "1"]),
        ({"momentum_weighs": "running", "debias": "zero"}, 0.5, ["1", "2/3", "4/7"]),
    ],
)
def test_the_weight_of_a_batch_is_exact(choices: dict[str, Any], momentum: float | None, weights: list[str]) -> None:
    convention = Convention(**choices)
    assert [convention.batch_weight(momentum, step) for step in (1, 2, 3)] == [Fraction(weight) for weight in weights]


@pytest.mark.parametrize("weighs", ["batch", "running"])
@pytest.mark.parametrize("weight", [0.25, 0.5, 0.875])
def test_the_argument_gives_the_weight_that_was_wanted(weighs: str, weight: float) -> None:
    convention = Convention(momentum_weighs=weighs)
    assert convention.batch_weight(convention.argument(weight)) == Fraction(weight)


def test_bessels_correction_is_a_fraction_and_1_for_one_value() -> None:
    assert [TORCH.variance_factor(m, 4) for m in (0, 1, 2, 5)] == [1, 1, 2, Fraction(5, 4)]
    assert KERAS.variance_factor(5, 4) == 1


def test_a_rank_that_is_not_listed_follows_the_nearest_that_is() -> None:
    convention = Convention(running_var={2: "biased", 5: "unbiased"})
    assert [convention.variance_kind(rank) for rank in (2, 3, 4, 5, 6)] == ["biased", "biased", "unbiased", "unbiased", "unbiased"]
    assert Convention(running_var={2: "biased", 4: "unbiased"}).variance_kind(3) == "biased"


def test_a_convention_cannot_be_changed_afterwards() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAPER.debias = "zero"  # type: ignore[misc]
