"""The judge: a hair inside of a bound passes and a hair outside fails, in words that say where, by how much, and why it matters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bnspec.case import Array, Case, Gradients, from_columns
from bnspec.plugs.subject import Answer
from bnspec.properties.judge import (
    Deviation,
    Finding,
    assert_near,
    assert_same,
    columns,
    infer_truth,
    judge,
    reject,
    seen,
    train_truth,
)
from bnspec.properties.stage import Stage, Tally, on_stage

SHAPES = [((5, 3), 1), ((5, 3), -1), ((2, 3, 2, 5), 1), ((2, 2, 5, 3), -1), ((2, 4, 3), 2), ((3, 2, 2, 2, 2), 1)]


@pytest.fixture(autouse=True)
def tally() -> Iterator[Tally]:
    stage = Stage()
    with on_stage(stage):
        yield stage.tally


def case_of(shape: tuple[int, ...] = (5, 3), axis: int = 1, dtype: str = "float32", center: float = 1.0) -> Case:
    rng = np.random.default_rng(7)
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    c = shape[axis]
    gamma, beta, mean, var = (np.full(c, part, dtype) for part in (-1.5, 0.5, 0.25, 2.0))
    return Case((x + center).astype(dtype), gamma, beta, mean, var, 1e-3, 0.1, dy, axis)


def right_answer(case: Case) -> tuple[Answer, Any]:
    """The truth as an answer, in float64, and the truth."""
    truth = train_truth(case)
    y, dx = (from_columns(truth.value(name), case.x.shape, case.channel_axis) for name in ("y", "dx"))
    gradients = Gradients(dx, truth.value("dgamma"), truth.value("dbeta"))
    return Answer(y, truth.value("running_mean"), truth.value("running_var"), gradients, {"y": 1, "running_var": 2}), truth


def changed(answer: Answer, name: str, values: Array) -> Answer:
    """The answer with one component replaced."""
    parts = {part: getattr(answer, part) for part in ("y", "running_mean", "running_var")}
    assert answer.gradients is not None
    gradients = {part: getattr(answer.gradients, part) for part in ("dx", "dgamma", "dbeta")}
    (gradients if name in gradients else parts)[name] = values
    return Answer(**parts, gradients=Gradients(**gradients), steps=answer.steps)


def finding_of(answer: Answer, truth: Any, name: str) -> Finding:
    with pytest.raises(Deviation) as caught:
        assert_near(answer, truth, name)
    return caught.value.finding


NAMES = ("y", "dx", "dgamma", "dbeta", "running_mean", "running_var")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_hair_inside_passes_and_a_hair_outside_fails_at_its_place(
    name: str, shape: tuple[int, ...], axis: int, dtype: str
) -> None:
    case = case_of(shape, axis, dtype)
    answer, truth = right_answer(case)
    assert_near(answer, truth, *NAMES)
    place, column = (case.m - 1, case.channels - 1), (case.channels - 1,)
    at = place if name in ("y", "dx") else column
    for factor, fails in ((0.9, False), (1.1, True)):
        values = truth.value(name).copy()
        values[at] += factor * truth.bound(name)[at]
        shaped = from_columns(values, case.x.shape, axis) if len(at) == 2 else values
        moved = changed(answer, name, shaped)
        if not fails:
            assert_near(moved, truth, name)
            continue
        found = finding_of(moved, truth, name)
        where = tuple(size - 1 for size in shape) if len(at) == 2 else column
        assert found.index == where
        assert found.component == name
        assert found.got == shaped[where]
        assert found.want == truth.value(name)[at]
        assert found.ratio is not None
        assert 1 < found.ratio < 1.2
        assert found.expected is not None
        assert found.expected.shape == shaped.shape
        assert found.tolerance is not None
        assert found.tolerance[where] == truth.bound(name)[at]


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_every_place_of_the_columns_is_found_again_in_x(shape: tuple[int, ...], axis: int) -> None:
    case = case_of(shape, axis)
    answer, truth = right_answer(case)
    for index in np.ndindex(shape):
        y = answer.y.copy()
        y[index] += 1
        assert finding_of(changed(answer, "y", y), truth, "y").index == index


def test_the_worst_place_is_told() -> None:
    answer, truth = right_answer(case_of())
    y = answer.y.copy()
    y[1, 1] += 1
    y[3, 2] -= 1000
    assert finding_of(changed(answer, "y", y), truth, "y").index == (3, 2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_number_is_never_right_where_a_number_is(name: str, bad: float) -> None:
    answer, truth = right_answer(case_of())
    holder = answer.gradients if name.startswith("d") else answer
    values = getattr(holder, name).copy()
    values.flat[1] = bad
    found = finding_of(changed(answer, name, values), truth, name)
    assert found.ratio == np.inf
    assert found.message.startswith(f"{name}[{'0, 1' if values.ndim == 2 else 1}] is {bad}, should be ")


def judged(got: float, want: float, tolerance: float, dtype: str = "float32", low: float = 0.0) -> None:
    judge(
        Answer(np.zeros(1)), "dbeta", np.array([got]), np.array([want]), np.array([tolerance]), case=case_of(dtype=dtype), low=low
    )


@pytest.mark.parametrize(
    ("got", "want", "tolerance"),
    [
        (np.inf, np.inf, 0.0),
        (-np.inf, -np.inf, 1.0),
        (np.nan, np.nan, 0.0),
        (np.nan, 1.0, np.inf),
        (np.inf, 1.0, np.inf),
        (7.0, 1.0, np.inf),
        (7.0, 1.0, np.nan),
        (np.nan, 1.0, np.nan),
        (np.inf, 3.4028e38, 1e34),
        (0.0, -0.0, 0.0),
    ],
)
def test_what_is_right_though_it_is_no_ordinary_number(got: float, want: float, tolerance: float) -> None:
    judged(got, want, tolerance)


@pytest.mark.parametrize(
    ("got", "want", "tolerance"),
    [
        (np.inf, -np.inf, 1.0),
        (-np.inf, 3.4028e38, 1e34),
        (np.inf, 3.3e38, 1e34),
        (np.nan, np.inf, 1.0),
        (1.0, np.nan, 1.0),
        (1.0, np.inf, 1.0),
        (np.nan, 1.0, 1e300),
        (np.nextafter(1.0, 2.0), 1.0, 0.0),
        (5e-324, 0.0, 0.0),
    ],
)
def test_what_is_wrong_though_it_might_slip_through(got: float, want: float, tolerance: float) -> None:
    with pytest.raises(Deviation):
        judged(got, want, tolerance)


def test_one_place_without_a_promise_excuses_no_other() -> None:
    got, want = np.array([5.0, 5.0, 5.0]), np.array([5.0, 1.0, 5.0])
    for nothing in (np.nan, np.inf):
        with pytest.raises(Deviation) as caught:
            judge(Answer(np.zeros(1)), "dbeta", got, want, np.array([nothing, 0.1, 0.1]), case=case_of())
        assert caught.value.finding.index == (1,)


def test_infinity_in_half_is_right_where_the_true_value_rounds_to_it() -> None:
    judged(np.inf, 65510.0, 40.0, "float16")
    with pytest.raises(Deviation):
        judged(np.inf, 60000.0, 40.0, "float16")


def test_what_lies_beyond_float64_counts() -> None:
    judged(1.0, 1.0, 1e-17, "float64", low=5e-18)
    judged(1.0 + 2**-52, 1.0, 1e-18, "float64", low=2.0**-52)
    with pytest.raises(Deviation):
        judged(1.0 + 2**-52, 1.0, 1e-18, "float64", low=2.0**-53)


def test_the_low_part_of_the_oracle_is_used_in_float64() -> None:
    case = case_of(dtype="float64")
    truth = train_truth(case)
    low = np.abs(truth.exact.low["y"])
    assert low.max() > 0
    assert train_truth(case_of()).exact.low == {}


@pytest.mark.parametrize("name", ["y", "dx", "dgamma", "running_mean"])
def test_another_shape_is_a_deviation_of_its_own(name: str) -> None:
    case = case_of((2, 3, 4), 1)
    answer, truth = right_answer(case)
    wanted = "(2, 3, 4)" if name in ("y", "dx") else "(3,)"
    for wrong in (np.zeros((3, 2, 4)), np.zeros(24), np.zeros((1, 3))):
        found = finding_of(changed(answer, name, wrong), truth, name)
        assert found.message == f"{name} has shape {wrong.shape}; {wanted} was expected, for x of shape (2, 3, 4)"
        assert found.step == (1 if name == "y" else None)
        assert found.got is None
    if name in ("y", "dx"):
        with pytest.raises(Deviation, match="has shape"):
            columns(changed(answer, name, np.zeros(24)), name, case)


def test_a_component_that_is_not_there_is_not_judged(tally: Tally) -> None:
    answer, truth = right_answer(case_of())
    nothing = Answer(answer.y, None, None, Gradients(np.zeros((5, 3))))
    assert_near(nothing, truth, "running_mean", "running_var", "dgamma", "dbeta")
    assert_same(nothing, answer, "running_mean", case_of())
    assert_same(answer, nothing, "dgamma", case_of())
    assert not tally.told
    with pytest.raises(Deviation):
        assert_near(nothing, truth, "dx")


def test_two_answers_are_compared_to_the_bit_or_within_a_tolerance() -> None:
    case = case_of()
    answer, _ = right_answer(case)
    assert_same(answer, answer, "y", case)
    doubled = changed(answer, "dgamma", 2 * np.asarray(answer.gradients.dgamma))  # type: ignore[union-attr]
    assert_same(doubled, answer, "dgamma", case, factor=2.0)
    nearly = changed(answer, "y", np.nextafter(answer.y, 9))
    assert_same(nearly, answer, "y", case, 1e-9)
    with pytest.raises(Deviation) as caught:
        assert_same(nearly, answer, "y", case, why="two fresh layers, the same question")
    assert caught.value.finding.message.splitlines()[0].endswith("; these must be equal to the last bit")
    assert caught.value.finding.message.splitlines()[1] == "two fresh layers, the same question"


def test_the_words_of_a_failure() -> None:
    answer, truth = right_answer(case_of())
    got, want = np.array([0.0, 1.25, 0.0]), np.array([0.0, 1.0, 0.0])
    with pytest.raises(Deviation) as caught:
        judge(answer, "running_var", got, want, np.full(3, 1e-3), case=case_of(), why="after 3 training steps")
    assert caught.value.finding.message == (
        "running_var[1] is 1.25, should be 1: off by 0.25, 250 times what rounding can explain (0.001)\n"
        "after 3 training steps\n"
        "5 values a channel, float32, eps = 0.001, momentum = 0.1"
    )
    assert str(caught.value) == caught.value.finding.message
    assert caught.value.finding.step == 2
    y = answer.y.copy()
    y[4, 0] = np.nan
    message = finding_of(changed(answer, "y", y), truth, "y").message
    assert message == f"y[4, 0] is nan, should be {answer.y[4, 0]:.9g}\n5 values a channel, float32, eps = 0.001, momentum = 0.1"


def test_a_small_miss_is_not_rounded_away() -> None:
    with pytest.raises(Deviation, match=r"off by 0\.00105, 1\.05 times what rounding can explain \(0\.001\)"):
        judged(1.00105, 1.0, 1e-3)


def test_what_is_derived_from_a_component_has_a_place_and_no_array_to_compare_with() -> None:
    case = case_of((2, 3, 4), 1)
    answer, _ = right_answer(case)
    got = case.columns(answer.y)
    with pytest.raises(Deviation) as caught:
        judge(answer, "y + 1", got + np.eye(8, 3), got[:1] * 0 + got, np.ones((8, 3)) / 2, case=case)
    found = caught.value.finding
    assert (found.component, found.index, found.ratio) == ("y + 1", (0, 0, 0), pytest.approx(2))
    assert found.expected is None
    with pytest.raises(Deviation):
        judge(answer, "dx", got + 9, got[:1], np.ones(3), case=case)


def test_what_is_no_matter_of_distance_is_rejected_in_its_own_words() -> None:
    with pytest.raises(Deviation, match="x was changed") as caught:
        reject("purity", None, "x was changed")
    assert caught.value.finding.component == "purity"


@pytest.mark.parametrize(
    ("want", "tolerance", "told"),
    [
        ([1.0, 1.0, 1.0], 0.1, True),
        ([1.0, 1.0, 1.0], 0.11, False),
        ([0.0, 0.0, 0.0], 1e-9, False),
        ([0.0, 0.0, -9.0], 0.5, True),
        ([1.0, 1.0, 1.0], np.nan, False),
        ([1.0, 1.0, 1.0], np.inf, False),
    ],
)
def test_a_case_counts_where_its_bound_is_a_tenth_of_what_is_judged(
    want: list[float], tolerance: float, told: bool, tally: Tally
) -> None:
    judge(Answer(np.zeros(1)), "dbeta", np.array(want), np.array(want), np.full(3, tolerance), case=case_of())
    assert tally.told is told


def test_the_worst_ratio_is_remembered_and_chance_is_not_counted_in_it(tally: Tally) -> None:
    judged(1.25, 1.0, 1.0)
    judged(1.125, 1.0, 1.0)
    assert tally.worst_ratio == 0.25
    judge(Answer(np.zeros(1)), "dbeta", np.array([1.75]), np.ones(1), np.ones(1), case=case_of(), chance=True)
    judged(np.nan, 1.0, np.nan)
    assert tally.worst_ratio == 0.25


def test_what_was_seen_without_numbers_can_count(tally: Tally) -> None:
    seen(False)
    assert not tally.told
    seen()
    seen(False)
    assert tally.told


def test_inference_has_a_truth_of_its_own() -> None:
    case = case_of()
    truth = infer_truth(case)
    by_hand = (case.columns(case.x) - 0.25) / np.sqrt(2.0 + 1e-3) * -1.5 + 0.5
    np.testing.assert_allclose(truth.value("y"), by_hand, rtol=1e-12)
    assert_near(Answer(by_hand.reshape(case.x.shape)), truth, "y")
