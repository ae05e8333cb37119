"""Half layers, whole numbers, dtypes: a planted mistake is found by the law that is about it, and right code is not accused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import ask, ask_in_process, rows_by_status
from corpus.corruptions import CORRECT
from half_layers import FlatRoot, Frozen, HalfLayer, Making, NoGamma, SumsInHalf, ThroughHalf
from mistakes import DX, RIGHT, Y
from odd_layers import subject_of

from bnspec.case import HALF_DTYPES, Case
from bnspec.convention import TORCH
from bnspec.implementation import Setup
from bnspec.layer import BatchNorm, Reference
from bnspec.plugs.half_parameters import in_half, refusal
from bnspec.plugs.offers import pair_case
from bnspec.properties.judge import Deviation, train_truth
from bnspec.properties.rows import Row
from bnspec.properties.stage import Refused, Stage, on_stage
from bnspec.properties.whole_numbers import RANGES, assert_as_floats, floats_of
from bnspec.reports.record import Record

HALF_LAWS = (
    "a_half_layer_normalizes_its_batches",
    "a_half_layer_normalizes_by_its_running_statistics",
    "a_half_layer_is_differentiated",
)
WHOLE_LAWS = (
    "whole_numbers_are_normalized_as_the_floats_they_are",
    "inference_takes_whole_numbers_as_the_floats_they_are",
    "gradients_at_whole_numbers_are_floats",
)
TRAINS, INFERS, DIFFERENTIATES = WHOLE_LAWS

PLANTED = {
    "answers cut to whole numbers": (Y, f"{Y.replace('return ', 'return (')}).astype(x.dtype)", {TRAINS, INFERS}),
    "a result like x, as floats": (
        Y,
        f"{Y.replace('return', 'out = np.empty_like(x); out[...] =')}; return out * 1.0",
        {TRAINS, INFERS},
    ),
    "differences of unsigned numbers": (
        "mean = x.mean(self.axes)",
        "first = x.flat[0]; mean = first + (x - first).mean(self.axes)",
        {TRAINS, DIFFERENTIATES},
    ),
    "a sum in the dtype of x": (
        "mean = x.mean(self.axes)",
        "mean = x.sum(self.axes, dtype=x.dtype) / self.n",
        {TRAINS, DIFFERENTIATES},
    ),
    "gradients cut to whole numbers": (
        DX,
        f"{DX}; out = np.zeros(dx.shape, self.whole); out[...] = dx * scale; return out, self.dgamma, self.dbeta",
        {DIFFERENTIATES},
    ),
}
"""Name -> (a right line, the wrong one, the laws that must see it): all of these are right for floats."""


def broken(right: str, wrong: str) -> str:
    """The right file with one line exchanged; it knows the dtype of the latest x."""
    assert right in RIGHT
    return RIGHT.replace(right, wrong, 1).replace("self.mode = training", "self.mode = training; self.whole = x.dtype", 1)


def asked(file: Path, source: str, **options: Any) -> Record:
    file.write_text(source, encoding="utf-8")
    return ask(str(file), examples=20, in_process=True, **options)


def failing(rows: Any) -> set[str]:
    return {row.property for row in rows if row.status == "fail"}


@pytest.mark.parametrize("mistake", PLANTED)
def test_what_goes_wrong_with_whole_numbers_alone_is_seen_and_does_not_decide(mistake: str, tmp_path: Path) -> None:
    right, wrong, laws = PLANTED[mistake]
    record = asked(tmp_path / "layer.py", broken(right, wrong), only=("precision",), dtypes=("float32",), campaign=True)
    assert failing(record.results) == laws, rows_by_status(record.results)
    assert record.verdict == "conformant"
    if "cut" in mistake or "like x" in mistake:
        assert all("the fractions are cut off" in str(row.counterexample) for row in record.results if row.status == "fail")


@pytest.mark.parametrize(
    ("right", "wrong", "dtype", "laws"),
    [
        (Y, f"{Y.replace('return ', 'return (')}).astype(np.float32).astype(x.dtype)", "float64", {"training_output_is_accurate"}),
        (DX, f"{DX}; dx = dx.astype(np.float64)", "float32", {"gradients_have_the_dtypes_of_what_they_belong_to"}),
        (Y, f"{Y} + np.zeros(1) * (not training)", "float32", {"y_of_inference_has_the_dtype_of_x"}),
    ],
    ids=["float32 within float64", "dx too wide", "inference too wide"],
)
def test_a_dtype_that_is_not_kept_is_seen(right: str, wrong: str, dtype: str, laws: set[str], tmp_path: Path) -> None:
    record = asked(tmp_path / "layer.py", broken(right, wrong), only=("precision",), dtypes=(dtype,))
    assert laws <= failing(record.results)
    assert (record.verdict == "nonconformant") == (dtype == "float64")


def rows_of(implementation: Any, dtype: str = "float16") -> list[Row]:
    return ask_in_process(implementation, dtypes=(dtype,), examples=16, chapter="precision")


@pytest.mark.parametrize(
    ("layer", "laws"),
    [
        (SumsInHalf, HALF_LAWS[:1]),
        (Frozen, HALF_LAWS[:1]),
        (FlatRoot, HALF_LAWS[1:]),
        (NoGamma, HALF_LAWS[2:]),
    ],
)
def test_what_goes_wrong_in_half_layers_alone_decides(layer: type[HalfLayer], laws: tuple[str, ...]) -> None:
    assert {row.property for row in rows_of(Making(layer)) if row.is_wrong()} == set(laws)


def test_a_layer_that_keeps_what_it_is_given_is_right() -> None:
    found = {row.property: row.status for row in rows_of(Making(HalfLayer))}
    assert set(found.values()) <= {"pass", "unsupported"}
    assert {found[name] for name in HALF_LAWS} == {"pass"}


def test_half_parameters_are_not_asked_of_code_that_keeps_float32_all_the_same() -> None:
    found = {row.property: (row.status, row.reason) for row in rows_of(Reference("reference", TORCH))}
    why = "parameters are not kept in float16 where they are given in it"
    assert [found[name] for name in HALF_LAWS] == [("unsupported", why)] * 3


def test_half_parameters_that_are_refused_are_not_asked() -> None:
    class Refusing(Making):
        def layer(self, setup: Setup) -> BatchNorm:
            if setup.gamma is not None and setup.gamma.dtype == np.float16:
                raise NotImplementedError("gamma is float32 here")
            return super().layer(setup)

    subject = subject_of(Refusing(HalfLayer))
    assert refusal(subject, "float16") == "parameters in float16 are not offered: gamma is float32 here"


def test_statistics_that_pass_through_half_stay_where_they_are() -> None:
    class Through(Reference):
        def layer(self, setup: Setup) -> BatchNorm:
            state = (setup.gamma, setup.beta, setup.running_mean, setup.running_var)
            given = dict(zip(("gamma", "beta", "running_mean", "running_var"), state, strict=True))
            return ThroughHalf(setup.channels, **given, eps=setup.eps, momentum=setup.momentum, dtype=setup.dtype)

    rows = rows_of(Through("through half", TORCH))
    assert failing(rows) == {"many_small_steps_add_up", "statistics_of_half_inputs_are_kept_in_float32"}
    assert not any(row.is_wrong() for row in rows)
    (stuck,) = (row for row in rows if row.property == "many_small_steps_add_up")
    assert stuck.counterexample is not None
    assert "after 25 training steps" in stuck.counterexample["message"]


def test_torch_layers_made_half_are_right_and_whole_numbers_are_refused_by_torch() -> None:
    pytest.importorskip("torch")
    record = ask("torch.nn:BatchNorm2d", examples=20, dtypes=("float32", *HALF_DTYPES), only=(*HALF_LAWS, *WHOLE_LAWS))
    assert record.verdict == "conformant"
    asked = {(row.property, row.dtype): row.status for row in record.results}
    assert {asked[law, dtype] for law in HALF_LAWS for dtype in HALF_DTYPES} == {"pass"}
    assert {asked[law, "float32"] for law in WHOLE_LAWS} == {"unsupported"}


def test_a_loud_refusal_of_whole_numbers_is_no_failure() -> None:
    found = {row.property: row for row in ask_in_process(Reference("reference", TORCH), chapter="precision")}
    assert [found[name].status for name in WHOLE_LAWS] == ["unsupported"] * 3
    assert re.match("u?int[0-9]+ input: refused with TypeError: x must be of a float dtype", found[TRAINS].reason)


NUMPY = ("article", "channels_last", "sorted_sums", "two_pass", "views")


@pytest.mark.parametrize("target", ["bnspec.reference.textbook:BatchNormWithBackward", *NUMPY])
def test_numpy_code_that_never_asks_for_a_dtype_is_right_with_whole_numbers(target: str) -> None:
    target = str(CORRECT / f"{target}.py") if target in NUMPY else target
    record = ask(target, examples=20, in_process=True, only=("precision",), dtypes=("float32",))
    assert record.verdict == "conformant"
    assert failing(record.results) == set(), rows_by_status(record.results)
    assert {row.status for row in record.results if row.property in WHOLE_LAWS} == {"pass"}


def whole_case(dtype: str, values: list[int]) -> Case:
    x = np.array(values, dtype).reshape(-1, 1)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    return Case(x, one, zero, zero, one)


@pytest.mark.parametrize(
    ("parameters", "answered", "judged"),
    [
        ("float32", "float64", "float32"),
        ("float64", "float64", "float64"),
        ("float64", "float32", "float32"),
        ("float32", "float16", "float16"),
        ("float64", "int64", "float64"),
    ],
)
def test_whole_numbers_are_judged_in_the_coarsest_dtype_that_is_concerned(parameters: str, answered: str, judged: str) -> None:
    case = whole_case("int32", [1, 2, 5])
    case = case.replace(gamma=case.gamma.astype(parameters))
    assert floats_of(case, np.zeros(1, answered)).dtype == judged


def test_numbers_that_a_dtype_does_not_hold_are_not_judged_in_it() -> None:
    with pytest.raises(Refused, match="int32 becomes float16, in which these numbers are not exact"):
        floats_of(whole_case("int32", [2049, 1]), np.zeros(1, np.float16))


def test_every_range_is_exact_in_float32() -> None:
    for one in RANGES:
        ends = np.array([one.low, one.low + 1, one.high - 1, one.high], object) * one.step
        assert [int(np.float32(end)) for end in ends] == list(ends)
        assert [int(end) for end in ends.astype(one.dtype)] == list(ends)


def test_whole_answers_that_are_exact_are_right() -> None:
    subject = subject_of(Reference("reference", TORCH))
    with on_stage(Stage(subject)):
        floats = whole_case("int32", [-1, 1]).replace(eps=0.0, x=np.array([[-1], [1]], np.float32))
        answer, truth = subject.train(floats), train_truth(floats)
        assert_as_floats(replace(answer, y=np.array([[-1], [1]])), truth, "int32", "y")
        with pytest.raises(Deviation, match=r"y\[1, 0\] is 0, should be 1"):
            assert_as_floats(replace(answer, y=np.array([[-1], [0]])), truth, "int32", "y")


def test_half_cases_give_the_layer_arrays_of_half() -> None:
    subject = subject_of(Making(HalfLayer))
    subject.begin()
    subject.train(in_half(pair_case(subject, "float16")))
    assert {name: part.dtype.name for name, part in subject.trace[0].arrays.items()} == dict.fromkeys(
        ("gamma", "beta", "running_mean", "running_var"), "float16"
    )
