"""What code does to its process is a status with a reason, never an accident of the run; and what does no harm is no fault."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import faults
import pytest
from faults import Deed
from linking import case

from bnspec.plugs.faults import Fault
from bnspec.plugs.link import open_link
from bnspec.properties import session as sessions
from bnspec.properties import test_forward, test_gradients
from bnspec.properties.outcomes import settle
from bnspec.properties.rows import Row
from bnspec.properties.session import Session, open_session
from bnspec.properties.stage import on_stage

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are forked, and their memory is limited")

WHOLE = test_gradients.test_training_gradients_are_exact
"""A law that asks for everything: a layer, its forward, its running statistics and its backward."""

FORWARD = test_forward.test_training_output_is_exact
"""A law that judges y."""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(desk: Path, text: str, timeout: float = 10.0) -> Session:
    (desk / "faulty.py").write_text(text, encoding="utf-8")
    return open_session("faulty.py:BatchNorm", dtypes=("float32",), examples=8, timeout=timeout)


def row_of(session: Session, law: Any = WHOLE) -> Row:
    """What a run makes of one law for an opened target."""
    session._prepare(law, law.law, session.examples)
    row, stage = sessions._row(law.law, "float32"), sessions.Stage(session.subject, "float32")
    session.subject.link.renew()
    error = None
    try:
        with on_stage(stage):
            law(bn=session.subject)
    except (Exception, pytest.skip.Exception) as raised:
        error = raised
    finally:
        session.subject.link.close()
    settle(row, stage.tally, error)
    return row


def shapes(row: Row) -> list[list[int]]:
    """The shapes of x in the smallest case."""
    assert row.counterexample
    return [step["x"]["shape"] for step in row.counterexample["trace"] if "x" in step]


@pytest.mark.parametrize("deed", faults.ENDING.values(), ids=faults.ENDING)
def test_what_ends_a_call_has_its_status_its_reason_and_its_smallest_case(deed: Deed, desk: Path) -> None:
    row = row_of(opened(desk, faults.in_forward(deed.lines, deed.when)))
    assert (row.status, shapes(row)) == (deed.status, [faults.SMALLEST])
    assert deed.words in row.reason
    assert row.reason.startswith("forward ")
    assert len(row.reason) < 3000


@pytest.mark.parametrize("deed", faults.HANGING.values(), ids=faults.HANGING)
def test_what_never_ends_is_ended(deed: Deed, desk: Path) -> None:
    row = row_of(opened(desk, faults.in_forward(deed.lines, deed.when), timeout=1.0))
    assert row.status == deed.status
    assert row.reason.startswith(f"forward gave {deed.words}")
    assert shapes(row)[0][0] > 4


@pytest.mark.parametrize("deed", faults.RETURNING.values(), ids=faults.RETURNING)
def test_what_is_no_answer_is_named_and_what_can_be_read_is_read(deed: Deed, desk: Path) -> None:
    row = row_of(opened(desk, faults.returning(deed.lines)), FORWARD)
    assert row.status == deed.status
    assert deed.words in row.reason


@pytest.mark.parametrize("deed", faults.HARMLESS.values(), ids=faults.HARMLESS)
def test_what_does_no_harm_is_no_fault(deed: Deed, desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert row_of(opened(desk, faults.in_forward(deed.lines))).status == "pass"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("text", "status", "words"), faults.LOADING.values(), ids=faults.LOADING)
def test_what_cannot_be_loaded_says_why(text: str, status: str, words: str, desk: Path) -> None:
    with pytest.raises(Fault) as caught:
        opened(desk, text, timeout=0.5 if status == "timeout" else 10.0)
    assert caught.value.status == status
    assert words in caught.value.text


@pytest.mark.parametrize(("text", "status", "words"), faults.ALWAYS.values(), ids=faults.ALWAYS)
def test_code_that_cannot_even_be_tried_is_asked_all_the_same(text: str, status: str, words: str, desk: Path) -> None:
    session = opened(desk, text, timeout=0.5 if status == "timeout" else 10.0)
    row = row_of(session)
    assert row.status == status
    assert words in row.reason
    assert not any("rank 2" in warning or "running mean" in warning for warning in session.measured.warnings)


TORCH = """\
import torch


class BatchNorm(torch.nn.BatchNorm1d):
    def forward(self, x):
        y = super().forward(x)
        return {}
"""


@pytest.mark.parametrize("deed", faults.TENSORS.values(), ids=faults.TENSORS)
def test_tensors_that_hold_no_answer_are_named(deed: Deed, desk: Path) -> None:
    pytest.importorskip("torch")
    (desk / "faulty.py").write_text(TORCH.format(deed.lines), encoding="utf-8")
    expected = pytest.raises(Fault) if deed.status == "error" else nullcontext()
    with expected as caught, open_link("faulty.py:BatchNorm", in_process=True) as link:
        link.ask(case()[:2])
    if caught:
        assert (caught.value.status, caught.value.op) == (deed.status, "forward")
        assert deed.words in caught.value.text
