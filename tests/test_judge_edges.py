"""The judge at its edges: equal bits, infinities at the end of the range, first steps, and the digits in which it speaks."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from bnspec.bounds_scalars import FORMATS
from bnspec.case import Array, Case
from bnspec.comparing import compared
from bnspec.convention import Convention
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import Deviation, Finding, judge, train_truth
from bnspec.properties.stage import Stage, on_stage

CASE = Case(np.array([[1.0], [3.0]], np.float32), *(np.ones(1, np.float32) for _ in range(4)), eps=1.0, momentum=0.25)


@pytest.fixture(autouse=True)
def stage() -> Iterator[Stage]:
    with on_stage(Stage()) as found:
        yield found


def judged(got: Array, want: Array, tolerance: Array, name: str = "y") -> Finding:
    with pytest.raises(Deviation) as caught:
        judge(Answer(CASE.x), name, got, want, tolerance, case=CASE)
    return caught.value.finding


def test_where_bits_must_be_equal_the_place_is_that_of_other_bits() -> None:
    got, want = np.array([[1.0], [2.0]]), np.array([[1.0], [2.5]])
    found = judged(got, want, np.zeros((2, 1)))
    assert (found.index, found.got, found.want) == ((1, 0), 2.0, 2.5)
    assert found.message.splitlines()[0] == "y[1, 0] is 2, should be 2.5; these must be equal to the last bit"


@pytest.mark.parametrize(("ratio", "words"), [(9.5, "9.5 times"), (10.0, "10 times"), (10.75, "11 times"), (1.5, "1.5 times")])
def test_how_many_times_its_bound_is_said_in_few_digits(ratio: float, words: str) -> None:
    found = judged(np.full((2, 1), 1.0 + ratio), np.ones((2, 1)), np.ones((2, 1)))
    assert found.message.splitlines()[0].endswith(f"off by {ratio:.3g}, {words} what rounding can explain (1)")


@pytest.mark.parametrize(("got", "words"), [(1 + 2**-52, "1.0000000000000002"), (1.5, "1.5"), (2 / 3, "0.666666667")])
def test_numbers_that_look_alike_are_said_to_the_last_digit(got: float, words: str) -> None:
    message = judged(np.full((2, 1), got), np.ones((2, 1)), np.zeros((2, 1))).message
    assert message.startswith(f"y[0, 0] is {words}, should be 1;")


def test_seventeen_digits_are_as_many_as_a_float_has() -> None:
    message = judged(np.full((2, 1), 0.1), np.full((2, 1), np.nextafter(0.1, 1)), np.zeros((2, 1))).message
    assert message.startswith("y[0, 0] is 0.10000000000000001, should be 0.10000000000000002;")


def test_infinity_is_right_from_where_the_bound_reaches_the_end_of_the_range() -> None:
    largest = FORMATS["float32"].largest
    infinite, want = np.full((2, 1), np.inf), np.full((2, 1), largest / 2)
    judge(Answer(CASE.x), "y", infinite, want, np.full((2, 1), largest / 2), case=CASE)
    found = judged(infinite, want, np.full((2, 1), largest / 2 * (1 - 2**-40)))
    assert found.got == np.inf


def test_what_is_one_number_a_channel_has_no_array_to_show_for_y() -> None:
    assert judged(np.array([2.0]), np.array([1.0]), np.array([0.5])).expected is None
    assert judged(np.array([2.0]), np.array([1.0]), np.array([0.5]), "dgamma").expected is not None


def test_without_a_word_the_first_step_is_meant() -> None:
    average = Convention(momentum_weighs="cumulative")
    with on_stage(Stage(subject=cast(Subject, SimpleNamespace(convention=average, ghost=0)))):
        truth = train_truth(CASE)
    assert truth.value("running_mean") == [2.0]


def test_groups_that_are_normalized_apart_have_truths_of_their_own() -> None:
    """Each value alone is its own mean."""
    with on_stage(Stage(subject=cast(Subject, SimpleNamespace(convention=Convention(), ghost=1)))):
        truth = train_truth(CASE)
    assert truth.value("y").tolist() == [[1.0], [1.0]]


def test_every_new_worst_case_is_a_step_of_the_climb(stage: Stage) -> None:
    stage.tally.examples, stage.tally.declined = 7, 2
    for error in (0.0, 0.5, 0.25, 0.5, 0.75):
        judge(Answer(CASE.x), "y", np.full((2, 1), error), np.zeros((2, 1)), np.ones((2, 1)), case=CASE)
    assert stage.tally.climb == [(6, 0.5), (6, 0.75)]
    assert stage.tally.worst is None, "the worst case is kept in deep runs alone"


def test_a_deep_run_keeps_the_worst_case(stage: Stage) -> None:
    stage.deep = True
    for error in (0.5, 0.25):
        judge(Answer(CASE.x), "y", np.array([[0.0], [error]]), np.zeros((2, 1)), np.ones((2, 1)), case=CASE)
    assert isinstance(stage.tally.worst, Finding)
    assert (stage.tally.worst.index, stage.tally.worst.ratio) == ((1, 0), 0.5)


@pytest.mark.parametrize(("m", "is_kept"), [(1, True), (512, True), (513, False)])
def test_a_deep_run_keeps_no_large_case(m: int, is_kept: bool, stage: Stage) -> None:
    stage.deep = True
    case = CASE.replace(x=np.ones((m, 1), np.float32))
    judge(Answer(case.x), "y", np.full((m, 1), 0.5), np.zeros((m, 1)), np.ones((m, 1)), case=case)
    assert (stage.tally.worst is not None) == is_kept


def test_nothing_but_the_tolerance_is_allowed_where_nothing_else_is_said() -> None:
    one = np.ones(1)
    error, tolerance, ratio = compared(1.25 * one, one, one / 2, "float32")
    assert (error, tolerance, ratio) == (0.25, 0.5, 0.5)


def test_infinities_are_compared_in_silence() -> None:
    infinite = np.full((2, 1), np.inf)
    with np.errstate(all="raise"):
        judge(Answer(CASE.x), "y", infinite, infinite, np.zeros((2, 1)), case=CASE)
