"""The rules of the verdict, one by one."""

from __future__ import annotations

from itertools import product

import msgspec
import pytest
from sample_records import LAWS, conformant, passing_row

from bnspec.reports.record import Row, Verdict
from bnspec.reports.verdict import FAILING, UNDECIDED, exit_code, failures, judge_rows

TRAIN, INFER = (passing_row(*law, "float32") for law in LAWS[:2])
STATUSES = ["pass", "unsupported", *sorted(FAILING | UNDECIDED)]


def having(row: Row, status: str, level: str = "required") -> Row:
    return msgspec.structs.replace(row, status=status, level=level)


def test_all_required_rows_passing_is_conformant_with_its_scope() -> None:
    assert judge_rows([INFER, TRAIN]) == ("conformant", ["train", "infer"], "All 2 required laws hold")


@pytest.mark.parametrize("status", sorted(FAILING))
def test_one_required_row_that_fails_in_any_way_is_nonconformant(status: str) -> None:
    verdict, scope, reason = judge_rows([TRAIN, having(INFER, status)])
    assert (verdict, scope) == ("nonconformant", ["train", "infer"])
    assert reason.startswith("1 of 2 required laws fails; first: In inference y comes from")


@pytest.mark.parametrize("status", sorted(UNDECIDED))
def test_one_undecided_required_row_is_inconclusive_and_out_of_scope(status: str) -> None:
    verdict, scope, reason = judge_rows([TRAIN, having(INFER, status)])
    assert (verdict, scope) == ("inconclusive", ["train"])
    assert status in reason


def test_unsupported_narrows_the_scope_and_decides_nothing() -> None:
    assert judge_rows([TRAIN, having(INFER, "unsupported")])[:2] == ("conformant", ["train"])


@pytest.mark.parametrize("status", STATUSES)
def test_recommended_rows_never_decide(status: str) -> None:
    advice = having(passing_row(*LAWS[8], "float32"), status, "recommended")
    verdict, _, reason = judge_rows([TRAIN, INFER, advice])
    assert verdict == "conformant"
    assert ("1 recommended one does not" in reason) == (status in FAILING)


@pytest.mark.parametrize("rows", [[], [having(TRAIN, "unsupported")], [having(TRAIN, "pass", "recommended")]], ids=len)
def test_nothing_asked_is_inconclusive(rows: list[Row]) -> None:
    assert judge_rows(rows)[:2] == ("inconclusive", [])


def test_without_training_or_inference_the_rest_proves_too_little() -> None:
    verdict, scope, reason = judge_rows([passing_row(*LAWS[4], "float32"), having(TRAIN, "unsupported")])
    assert (verdict, scope) == ("inconclusive", ["grad_train"])
    assert "Neither" in reason


@pytest.mark.parametrize(("one", "other"), list(product(STATUSES, STATUSES)))
def test_no_pair_of_statuses_passes_unless_each_may(one: str, other: str) -> None:
    """The whole table of two rows against the rules as a sentence."""
    statuses = {one, other}
    expected = "conformant" if statuses <= {"pass", "unsupported"} and "pass" in statuses else "inconclusive"
    expected = "nonconformant" if statuses & FAILING else expected
    assert judge_rows([having(TRAIN, one), having(INFER, other)])[0] == expected


def test_the_same_law_in_two_dtypes_is_one_law() -> None:
    rows = [having(passing_row(*LAWS[0], dtype), "fail") for dtype in ("float32", "float64")]
    assert judge_rows([*rows, INFER])[2].startswith("1 of 2 required laws fails")


def test_the_order_of_the_scope_is_fixed() -> None:
    record = conformant()
    assert judge_rows(record.results[::-1])[1] == ["train", "infer", "running", "grad_train", "grad_infer"]


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["conformant"], 0),
        (["nonconformant"], 1),
        (["inconclusive"], 2),
        (["conformant", "inconclusive"], 2),
        (["inconclusive", "nonconformant", "conformant"], 1),
        (["conformant", "conformant"], 0),
        ([], 2),
    ],
)
def test_one_beats_two_beats_nought(verdicts: list[Verdict], code: int) -> None:
    assert exit_code(verdicts) == code


def test_failures_are_counted_in_the_order_of_the_record() -> None:
    rows = [having(TRAIN, "crash"), INFER, having(INFER, "vacuous"), having(INFER, "fail", "recommended")]
    assert failures(rows) == [rows[0], rows[3]]
