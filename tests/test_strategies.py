"""Recipes give the cases that they promise: repeatable, valid, varied, within reach of the dtype, and readable once shrunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from math import prod
from random import Random

import numpy as np
import pytest
from hypothesis import Phase, find, given, seed, settings
from hypothesis import strategies as st
from odd_layers import Choosy, subject_of

from bnspec import exact
from bnspec.bounds_scalars import FORMATS
from bnspec.case import HALF_DTYPES, Array, Case, parameter_dtype, to_columns
from bnspec.convention import KERAS, NAMED, TORCH, Convention
from bnspec.properties.stage import Declined, Stage, on_stage
from bnspec.properties.strategies import (
    CANCELLING,
    EPS,
    HALF_EPS,
    SHAPES,
    build,
    cancelling_cases,
    cases,
    fit_rank,
    pick,
    refolded,
)

DTYPES = ("float32", "float64", *HALF_DTYPES)
RANK_SETS = [ranks for size in (1, 2, 3, 4) for ranks in combinations((2, 3, 4, 5), size)]
QUICK = settings(max_examples=150, deadline=None, database=None, phases=(Phase.generate,))


@contextmanager
def asked(dtype: str = "float32", convention: Convention = TORCH, **fixed: float) -> Iterator[None]:
    """A stage whose subject has this convention and these values of its own."""
    subject = subject_of(Choosy(convention))
    subject.convention, subject.fixed = convention, fixed
    with on_stage(Stage(subject, dtype)):
        yield


def drawn(strategy: Callable[[], st.SearchStrategy[Case]] = cases, examples: int = 150) -> list[Case]:
    """Cases as a property gets them, in the order in which they come."""
    collected: list[Case] = []

    @seed(1)
    @settings(QUICK, max_examples=examples)
    @given(case=strategy())
    def collect(case: Case) -> None:
        collected.append(case)

    collect()
    return collected


def bits(case: Case) -> tuple[object, ...]:
    arrays = (case.x, case.gamma, case.beta, case.running_mean, case.running_var, case.dy)
    return (*((part.dtype.name, part.shape, part.tobytes()) for part in arrays if part is not None), case.eps, case.momentum)


SAMPLE = drawn(examples=1000)


def test_the_same_recipe_gives_the_same_case() -> None:
    assert [bits(case) for case in drawn()] == [bits(case) for case in drawn()]
    recipe = ((5, 3), 123_456, 789)
    assert bits(build(*recipe, kappas=(0.0, 1.0))) == bits(build(*recipe, kappas=(0.0, 1.0)))
    assert bits(build(*recipe, kappas=(0.0, 1.0))) != bits(build(*recipe[:2], 790, kappas=(0.0, 1.0)))


def test_a_case_is_never_drawn_twice_in_a_row_of_many() -> None:
    assert len({bits(case) for case in SAMPLE}) > 0.95 * len(SAMPLE)


def test_one_number_picks_every_combination() -> None:
    tables = ("ab", (1, 2, 3), (True, False))
    assert pick(0, *tables) == ["a", 1, True]
    assert len({tuple(pick(number, *tables)) for number in range(12)}) == 12


def test_shapes_hold_what_they_promise() -> None:
    assert {len(shape) for shape in SHAPES} == {2, 3, 4, 5}
    for rank in (2, 3, 4, 5):
        some = [shape for shape in SHAPES if len(shape) == rank]
        assert len({prod(shape) // shape[1] % 8 for shape in some}) > 4
        assert any(len(set(shape)) > rank / 2 for shape in some), "unequal dimensions"
    assert {prod(shape) // shape[1] for shape in SHAPES} >= set(range(2, 34))
    assert (2, 2, 2, 2) in SHAPES
    assert (3, 3, 3, 3) in SHAPES
    assert any(shape[2:] == (1, 1) for shape in SHAPES)
    assert any(shape[1] == 1 for shape in SHAPES)
    assert {shape[1] for shape in SHAPES} == {1, 2, 3, 4, 5}
    assert all(prod(shape) > shape[1] for shape in SHAPES), "one value a channel is an edge case of its own"


def test_drawn_cases_cover_the_ground() -> None:
    assert {case.x.ndim for case in SAMPLE} == {2, 3, 4, 5}
    assert {case.m % 8 for case in SAMPLE} == set(range(8))
    assert {case.eps for case in SAMPLE} == set(EPS)
    assert sum(case.m == 2 for case in SAMPLE) < 0.15 * len(SAMPLE)
    signs = np.concatenate([np.sign(case.gamma) for case in SAMPLE])
    assert min((signs < 0).mean(), (signs > 0).mean()) > 0.2
    assert not (signs == 0).any()


def test_defaults_appear_sometimes_and_other_parameters_mostly() -> None:
    plain = [bool(np.all(case.gamma == 1) and np.all(case.beta == 0) and np.all(case.running_var == 1)) for case in SAMPLE]
    assert 0.1 < np.mean(plain) < 0.4
    for case, at_default in zip(SAMPLE, plain, strict=True):
        if not at_default:
            assert np.all(case.gamma != 1)
            assert np.all(case.beta != 0)
            assert np.all(case.running_var > 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("convention", [TORCH, KERAS, replace(KERAS, ranks=(3, 4)), replace(TORCH, ranks=(2,))])
def test_a_case_obeys_dtype_and_convention(dtype: str, convention: Convention) -> None:
    with asked(dtype, convention):
        some = drawn(examples=60) + drawn(cancelling_cases, examples=20)
    for case in some:
        case.replace()  # checked again
        assert case.dtype == dtype
        assert case.dy is not None
        assert case.dy.dtype.name == dtype
        assert case.gamma.dtype == case.running_var.dtype == parameter_dtype(dtype)
        assert case.channel_axis == convention.channel_axis
        assert case.x.ndim in convention.ranks
        assert case.m > 1
        assert case.x.flags.c_contiguous
        assert 0 < convention.batch_weight(case.momentum, 1) < 1


def test_what_the_subject_does_not_let_itself_be_given_is_in_every_case() -> None:
    with asked(eps=1e-3, momentum=0.3, gamma=1.0, beta=0.0, running_mean=0.5, running_var=2.0):
        for case in drawn(examples=50):
            assert (case.eps, case.momentum) == (1e-3, 0.3)
            arrays = (case.gamma, case.beta, case.running_mean, case.running_var)
            assert [set(part.tolist()) for part in arrays] == [{1.0}, {0.0}, {0.5}, {2.0}]


@pytest.mark.parametrize("dtype", HALF_DTYPES)
@pytest.mark.parametrize("strategy", [cases, cancelling_cases])
def test_no_half_case_leaves_its_dtype(dtype: str, strategy: Callable[[], st.SearchStrategy[Case]]) -> None:
    largest = FORMATS[dtype].largest
    with asked(dtype):
        for case in drawn(strategy, examples=200):
            assert case.eps in HALF_EPS
            for true in (exact.train(case), exact.infer(case)):
                values: list[Array] = [case.columns(case.x), true.y, np.asarray(true.dx)]
                assert all(np.abs(part).max() < largest / 2 for part in values)


@pytest.mark.parametrize("ranks", RANK_SETS, ids=str)
def test_a_shape_folded_into_another_rank_keeps_its_columns(ranks: tuple[int, ...]) -> None:
    for shape in SHAPES:
        fitted = fit_rank(shape, ranks)
        assert len(fitted) in ranks
        assert fitted[1] == shape[1]
        assert prod(fitted) == prod(shape)
        if len(shape) in ranks:
            assert fitted == shape


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("ranks", [ranks for ranks in RANK_SETS if len(ranks) > 1], ids=str)
def test_a_refolded_case_has_the_same_values_in_the_same_order(ranks: tuple[int, ...], axis: int) -> None:
    with asked(convention=replace(TORCH, ranks=ranks, channel_axis=axis)):
        for case in drawn(examples=30):
            other = refolded(case)
            assert other.x.ndim in set(ranks) - {case.x.ndim}
            assert other.channel_axis == axis
            for before, after in ((case.x, other.x), (case.dy, other.dy)):
                assert before is not None
                assert after is not None
                np.testing.assert_array_equal(to_columns(before, axis), to_columns(after, axis))


def test_where_one_rank_is_offered_none_is_folded() -> None:
    with asked(convention=replace(TORCH, ranks=(4,))), pytest.raises(Declined, match="only rank 4 is offered"):
        refolded(drawn(examples=1)[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_cancelling_cases_are_far_from_zero(dtype: str) -> None:
    with asked(dtype):
        for case in drawn(cancelling_cases, examples=50):
            x = case.columns(case.x)
            spread = np.maximum(x.std(0), 0.125)
            assert np.all(np.abs(x.mean(0)) / spread > min(map(abs, CANCELLING[dtype])) / 100)


def test_the_number_of_values_can_be_limited() -> None:
    assert max(case.m for case in drawn(lambda: cases(max_values=7))) == 7


def larger_than_three(case: Case) -> bool:
    return case.m > 3


def shows_the_place_of_eps(case: Case) -> bool:
    """What a layer with eps outside of the root would be told by."""
    true = exact.train(case)
    outside = 1 / (np.sqrt(true.var) + case.eps)
    return bool(np.any(np.abs(outside - true.inv_std) > 0.01 * true.inv_std))


def shows_the_kind_of_variance(case: Case) -> bool:
    """What a layer that keeps the other variance would be told by."""
    biased = exact.train(case, replace(TORCH, running_var="biased"))
    return bool(np.any(np.abs(biased.running_var - exact.train(case).running_var) > 0.01))


def loses_beta_from_the_third_channel(case: Case) -> bool:
    return bool(np.any(case.beta[2:] != 0))


@pytest.mark.parametrize("random", [1, 2])
@pytest.mark.parametrize(
    "shows",
    [
        larger_than_three,
        shows_the_place_of_eps,
        shows_the_kind_of_variance,
        loses_beta_from_the_third_channel,
        lambda case: case.x.ndim == 4,
    ],
    ids=["m > 3", "eps", "Bessel", "beta", "rank 4"],
)
def test_the_smallest_counterexample_can_be_read(shows: Callable[[Case], bool], random: int) -> None:
    case = find(cases(), shows, settings=settings(max_examples=200, database=None, deadline=None), random=Random(random))
    assert case.x.size <= 12
    assert case.eps == 1.0
    for part, step in ((case.x, 1), (case.dy, 1), (case.gamma, 2), (case.beta, 2)):
        assert part is not None
        np.testing.assert_array_equal(part * step, np.rint(part * step))


def test_every_named_convention_gets_its_own_cases() -> None:
    for convention in NAMED.values():
        with asked(convention=convention):
            weights = Counter(float(convention.batch_weight(case.momentum, 1)) for case in drawn(examples=30))
        assert convention.momentum_weighs == "cumulative" or len(weights) > 3
