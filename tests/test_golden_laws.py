"""The laws about golden cases: what they ask of a live implementation, what a failure says, and the grade that they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from asking import ask, ask_in_process
from odd_layers import subject_of
from planted import planted

from bnspec.convention import KERAS, PAPER, TORCH, TUTORIAL, Convention
from bnspec.fixed.catalogue import FIRST, RECIPES, of_dtype
from bnspec.fixed.flags import FLAGS
from bnspec.implementation import Setup
from bnspec.layer import BatchNorm, Reference
from bnspec.properties.golden import asked_of
from bnspec.properties.rows import Row
from bnspec.properties.stage import Stage
from bnspec.reference.bugs.catalogue import batch_norm_with
from bnspec.reports.grades import accuracy, grades
from bnspec.reports.record import Row as Recorded


class Buggy:
    """A known bug as an implementation."""

    name = "buggy"

    def __init__(self, bug: str) -> None:
        self._bug, self.convention = bug, replace(TORCH, single_value="beta")

    def layer(self, setup: Setup) -> Any:
        return batch_norm_with(self._bug)(setup, self.convention)


def rows_of(implementation: Any, dtype: str = "float32", **declared: Any) -> Mapping[str, Row]:
    rows = ask_in_process(implementation, declared=declared, dtypes=(dtype,), chapter="vectors")
    return {row.scope[-1]: row for row in rows}


CONVENTIONS = {
    "torch": (TORCH, "bfloat16"),
    "paper": (PAPER, "float32"),
    "keras": (KERAS, "float64"),
    "tutorial": (TUTORIAL, "float16"),
}


@pytest.mark.parametrize(("convention", "dtype"), CONVENTIONS.values(), ids=CONVENTIONS)
def test_the_reference_answers_all_in_its_own_convention(convention: Convention, dtype: str) -> None:
    rows = rows_of(Reference("reference", convention), dtype, **convention.to_mapping())
    assert {row.status for row in rows.values()} <= {"pass", "unsupported"}
    assert {row.grade for row in rows.values() if row.status == "pass"} <= {"A", "B", "H"}
    asked = sum("train" in recipe.asks for recipe in of_dtype(dtype))
    assert rows["train"].examples + rows["train"].declined == asked


def test_a_wrong_answer_names_its_case_and_what_that_shows() -> None:
    row = rows_of(Buggy("fwd-eps-outside-sqrt"))["train"]
    assert row.status == "fail"
    assert row.grade == "F"
    assert row.counterexample is not None
    said = row.counterexample["message"]
    case = said.partition("golden case ")[2].partition(",")[0]
    assert all(FLAGS[flag].title in said for flag in RECIPES[case].flags)
    assert [step["do"] for step in row.counterexample["trace"]][:2] == ["layer", "forward"]


def test_a_wrong_gradient_fails_in_the_gradients_alone() -> None:
    rows = rows_of(Buggy("dx-missing-mean-term"))
    assert {part for part, row in rows.items() if row.status == "fail"} == {"grad_train"}
    assert rows["train"].grade in "AB"


def test_one_pass_variance_is_worth_a_c() -> None:
    rows = rows_of(Buggy("var-one-pass-clamped"))
    assert rows["train"].status == "fail"
    assert rows["train"].grade == "C"


def test_what_is_not_offered_is_not_graded() -> None:
    rows = rows_of(Reference("reference", replace(TORCH, backward="none")), backward="none")
    assert rows["grad_train"].status == rows["grad_infer"].status == "unsupported"
    assert rows["grad_train"].grade == ""


def test_a_crash_in_one_case_is_an_f_and_the_other_parts_are_judged() -> None:
    class Breaking(BatchNorm):
        def backward(self, dy: np.ndarray) -> Any:
            raise ZeroDivisionError("nothing goes back")

    class Made(Reference):
        def layer(self, setup: Setup) -> BatchNorm:
            layer = super().layer(setup)
            layer.__class__ = Breaking
            return layer

    rows = rows_of(Made("breaking", TORCH), **TORCH.to_mapping())
    assert rows["grad_train"].status == "error"
    assert rows["grad_train"].grade == "F"
    assert rows["train"].status == rows["running"].status == "pass"


def test_what_refuses_single_cases_that_are_like_others_fails() -> None:
    class Refusing(BatchNorm):
        def forward(self, x: np.ndarray, *, training: bool) -> np.ndarray:
            if x.max() == 5:
                raise NotImplementedError("five is not offered")
            return super().forward(x, training=training)

    class Made(Reference):
        def layer(self, setup: Setup) -> BatchNorm:
            layer = super().layer(setup)
            layer.__class__ = Refusing
            return layer

    row = rows_of(Made("refusing", TORCH), **TORCH.to_mapping())["train"]
    assert row.status == "fail"
    assert "five is not offered" in row.reason


def test_the_cases_are_asked_once_for_all_the_laws() -> None:
    subject = subject_of(Reference("reference", TORCH))
    stage = Stage(subject, "float32")
    first = list(asked_of(subject, stage))
    assert all(one is other for one, other in zip(asked_of(subject, stage), first, strict=True))
    assert len(first) == len(of_dtype("float32"))


def test_slow_code_is_asked_the_most_telling_few() -> None:
    subject = subject_of(Reference("reference", TORCH))
    assert [one.recipe.name for one in asked_of(subject, Stage(subject, "float64", golden=3))] == list(FIRST)[:3]


def test_a_record_has_a_letter_a_dtype_and_the_seed_has_no_part_in_it(tmp_path: Any) -> None:
    file = planted("dx without the mean term", tmp_path)
    one, other = (ask(file, examples=2, only=("vectors",), seed=seed, in_process=True).grades for seed in (0, 1))
    assert one == other == {"float32": "F", "float64": "F"}


def row(dtype: str, grade: str, status: str = "pass") -> Recorded:
    return Recorded(property="golden", chapter="vectors", dtype=dtype, level="required", status=status, grade=grade)  # type: ignore[arg-type]


def test_the_worst_part_is_the_grade_and_open_parts_leave_none() -> None:
    assert grades([row("float32", "A"), row("float32", "C", "fail"), row("float64", "B")]) == {"float32": "C", "float64": "B"}
    assert grades([row("float32", "A"), row("float32", "", "not-run")]) == {}
    assert grades([row("float32", "A"), row("float32", "", "unsupported")]) == {"float32": "A"}
    assert accuracy({"float32": "A", "float64": "A", "float16": "H"}).startswith(
        "accuracy: A in float32 and float64 (accurate); H in"
    )
    assert accuracy({}) == ""
