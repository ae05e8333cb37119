"""A run goes on after whatever the implementation does, says what that was, and comes out the same a second time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from asking import ask, ask_in_process, rows_by_status
from mistakes import RIGHT
from odd_layers import WRONG, Choosy

from bnspec.convention import KERAS, PAPER, TORCH
from bnspec.implementation import Setup
from bnspec.properties.laws import CHAPTERS
from bnspec.reports.record import Record
from bnspec.reports.trace import ForwardStep, LayerStep, RunningStep
from bnspec.reports.verdict import FAILING

SOUND = {"pass", "unsupported"}
ENTRY = "        self.shape = (1, -1)"
"""The line of the right file with which forward begins."""


ADAPTER = """

class Layer(BatchNorm):
    def running(self):
        return self.running_mean, self.running_var


class Adapter:
    name = "an adapter"

    def layer(self, setup):
        bn = Layer(setup.channels, setup.eps, setup.momentum)
        for name in ("gamma", "beta", "running_mean", "running_var"):
            if getattr(setup, name) is not None:
                setattr(bn, name, getattr(setup, name))
        return bn
"""
"""Without an adapter the file would be tried in the child before the first question."""


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    """Writes the right file and an adapter, with lines before forward's first, and says where."""

    def write(lines: str = "", text: str = RIGHT) -> str:
        path = tmp_path / "layer.py"
        entry = "".join(f"        {line}\n" for line in lines.splitlines()) + ENTRY
        path.write_text("import os, time\n" + text.replace(ENTRY, entry, 1) + ADAPTER, encoding="utf-8")
        return f"{path}:Adapter"

    return write


def the(record: Record, name: str, dtype: str = "float32") -> Any:
    return next(row for row in record.results if (row.property, row.dtype) == (name, dtype))


def without_times(record: Record) -> bytes:
    rows = [msgspec.structs.replace(row, seconds=0.0) for row in record.results]
    return msgspec.json.encode(msgspec.structs.replace(record, seconds=0.0, results=rows))


def test_a_right_file_gets_a_row_a_property_and_dtype_in_order(file: Callable[[str], str]) -> None:
    record = ask(file(""), examples=10, in_process=True)
    assert record.verdict == "conformant", rows_by_status(record.results)
    assert len({(row.property, row.dtype) for row in record.results}) == len(record.results)
    order = [(("float32", "float64").index(row.dtype), CHAPTERS.index(row.chapter)) for row in record.results]
    assert order == sorted(order)
    assert {row.chapter for row in record.results} == set(CHAPTERS)
    first = the(record, "training_output_is_exact")
    assert (first.status, first.level, first.examples, first.declined, first.reason) == ("pass", "required", 10, 0, "")
    assert 0 < first.informative <= 10
    assert 0 < first.worst_ratio <= 1
    assert first.counterexample is None


@pytest.mark.parametrize(
    ("deed", "status", "reason", "message"),
    [
        ("os._exit(3)", "crash", "forward ended its process", "exit"),
        ("os.abort()", "crash", "forward ended its process", "SIGABRT"),
        ("raise IndexError('out of range')", "error", "forward raised an error: IndexError: out of range", "at layer.py:"),
        ("return", "error", "forward returned None", "an array shaped"),
    ],
)
def test_a_deed_on_larger_batches_is_shown_at_its_smallest(
    deed: str, status: str, reason: str, message: str, file: Callable[[str], str]
) -> None:
    record = ask(file(f"if training and x.size > 6: {deed}"), examples=20, only=("forward", "inference"), dtypes=("float32",))
    row = the(record, "training_output_is_exact")
    assert (row.status, record.verdict) == (status, "nonconformant")
    assert row.reason.startswith(reason)
    assert message in row.counterexample.message
    assert row.counterexample.component == "forward"
    *_, layer, forward = [step for step in row.counterexample.trace if isinstance(step, LayerStep | ForwardStep)]
    assert (type(layer), type(forward), forward.training) == (LayerStep, ForwardStep, True)
    assert 6 < np.prod(forward.x.shape) <= 12
    assert the(record, "inference_output_is_exact").status == "pass", "the run goes on"
    assert {row.status for row in record.results} <= SOUND | {status}


def test_a_hang_is_ended_and_told(file: Callable[[str], str]) -> None:
    record = ask(
        file("while training and x.size > 6: pass"),
        only=("training_output_is_exact", "inference"),
        dtypes=("float32",),
        timeout=0.5,
    )
    row = the(record, "training_output_is_exact")
    assert (row.status, record.verdict) == ("timeout", "nonconformant")
    assert row.reason.startswith("forward gave no answer within")
    assert isinstance(row.counterexample.trace[-1], ForwardStep | RunningStep)
    assert the(record, "inference_output_is_exact").status == "pass"


@pytest.mark.parametrize("deed", ["time.sleep(60)", "os._exit(1)"])
def test_a_layer_that_never_answers_is_nonconformant_soon(deed: str, file: Callable[[str], str]) -> None:
    record = ask(file(deed), only=("training_output_is_exact", "inference_output_is_exact"), dtypes=("float32",), timeout=0.2)
    assert record.verdict == "nonconformant"
    assert {row.status for row in record.results} <= {"timeout", "crash"}
    assert any("is not asked, since it ended in a" in warning for warning in record.warnings)


def test_what_is_not_offered_narrows_the_scope_and_costs_little(file: Callable[[str], str]) -> None:
    record = ask(file("if not training: raise NotImplementedError('training only')"), examples=60, only=("forward", "inference"))
    assert (record.verdict, record.scope) == ("conformant", ["train"])
    row = the(record, "inference_output_is_exact", "float64")
    assert (row.status, row.reason, row.examples, row.declined) == ("unsupported", "training only", 0, 20)


def test_values_cannot_be_declined(file: Callable[[str], str]) -> None:
    record = ask(file("if abs(x).max() > 50: raise NotImplementedError('too far')"), only=("precision",), dtypes=("float32",))
    row = the(record, "values_far_from_zero_keep_their_digits")
    assert (row.status, record.verdict) == ("fail", "nonconformant")
    assert row.reason == "these values are refused, and others of the same shape are not: too far"
    assert row.counterexample.trace


def test_shapes_can_be_declined_and_are_counted(file: Callable[[str], str]) -> None:
    record = ask(
        file("if x.shape[1] > 4: raise NotImplementedError('four channels')"), examples=40, dtypes=("float32",), only=("forward",)
    )
    row = the(record, "training_output_is_exact")
    assert (row.status, row.examples) == ("pass", 40)
    assert row.declined > 0


def test_an_answer_that_changes_from_call_to_call_is_no_pass(file: Callable[[str], str]) -> None:
    lines = "BatchNorm.calls = getattr(BatchNorm, 'calls', 0) + 1\nx = x * (1 + 0.5 * (BatchNorm.calls % 7 == 0))"
    record = ask(file(lines), examples=20, dtypes=("float32",), only=("forward", "purity", "lifecycle"))
    assert record.verdict == "nonconformant"
    assert {row.status for row in record.results} <= SOUND | {"fail", "flaky", "vacuous"}
    assert the(record, "the_same_question_gets_the_same_bits").status in ("fail", "flaky")
    for row in record.results:
        assert row.status != "flaky" or row.counterexample is None or row.counterexample.trace


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ("if x.dtype == np.float64: raise TypeError('float32 wanted')", "float64 is not offered: TypeError: float32 wanted"),
        ("if x.dtype == np.float64: raise NotImplementedError", "float64 is not offered: this is not offered"),
        ("x = x.astype(np.float32)", None),
    ],
)
def test_a_dtype_that_is_not_offered_is_left_out(refusal: str, reason: str | None, file: Callable[[str], str]) -> None:
    narrow = RIGHT.replace("return self.gamma.res", "return np.float32(1) * self.gamma.astype(np.float32).res")
    text = RIGHT if reason else narrow.replace("+ self.beta.res", "+ self.beta.astype(np.float32).res")
    record = ask(file(refusal, text), only=("forward",))
    assert record.verdict == "conformant", rows_by_status(record.results)
    of = {dtype: {(row.status, row.reason) for row in record.results if row.dtype == dtype} for dtype in ("float32", "float64")}
    assert of["float32"] == {("pass", "")}
    assert of["float64"] == {("unsupported", reason or "float64 in, float32 out: float64 is not offered")}


def test_a_crash_in_one_dtype_is_no_missing_capability(file: Callable[[str], str]) -> None:
    record = ask(file("if x.dtype == np.float64: os._exit(1)"), only=("forward",))
    assert record.verdict == "nonconformant"
    assert {row.status for row in record.results if row.dtype == "float64"} == {"crash"}


SMALL = ("forward", "purity")


def test_the_same_seed_gives_the_same_record_but_for_times(file: Callable[[str], str]) -> None:
    target = file("x = np.where(x > 4, x + 1e-3, x)")
    one, two, other = (ask(target, only=SMALL, seed=seed) for seed in (3, 3, 4))
    assert without_times(one) == without_times(two)
    assert without_times(one) != without_times(replace_seed(other, 3))
    assert {row.status for row in one.results} > {"pass"}


def replace_seed(record: Record, seed: int) -> Record:
    return msgspec.structs.replace(record, seed=seed)


def test_a_row_is_the_same_whatever_else_is_asked(file: Callable[[str], str]) -> None:
    target = file("if x.size == 12: os._exit(1)")
    rows = {(row.property, row.dtype): row for row in ask(target, only=SMALL).results}
    alone = ask(target, only=("purity",), dtypes=("float64",)).results
    assert {row.chapter for row in alone} == {"purity"}
    for row in alone:
        assert msgspec.structs.replace(row, seconds=0.0) == msgspec.structs.replace(rows[row.property, "float64"], seconds=0.0)


def test_a_target_that_cannot_be_opened_has_a_record_too(tmp_path: Path) -> None:
    record = ask(str(tmp_path / "nothing.py"))
    assert (record.verdict, record.results) == ("inconclusive", [])
    assert "there is no file" in record.reason


@pytest.mark.parametrize("wrong", ["returns x transposed", "returns nothing much", "returns infinity", "dx of a wrong shape"])
def test_nothing_that_a_layer_returns_is_a_failure_of_ours(wrong: str) -> None:
    rows = ask_in_process(WRONG[wrong], examples=5)
    assert [row.reason for row in rows if row.status == "not-run"] == []
    failing = [row for row in rows if row.status in FAILING and row.level == "required"]
    assert len(failing) > 1


class Listing(Choosy):
    """Answers with lists, and statistics shaped to be broadcast."""

    def layer(self, setup: Setup) -> Any:
        bn = super().layer(setup)

        class Layer:
            def forward(self, x: np.ndarray, *, training: bool) -> Any:
                return bn.forward(x, training=training).tolist()

            def running(self) -> Any:
                return [part.reshape(1, -1, 1).tolist() for part in bn.running()]

            def backward(self, dy: np.ndarray) -> Any:
                dx, dgamma, dbeta = bn.backward(dy)
                return dx.tolist(), np.asarray(dgamma)[None].tolist(), np.asarray(dbeta)[None].tolist()

        return Layer()


class Finer(Choosy):
    """Answers float32 in float64."""

    def layer(self, setup: Setup) -> Any:
        bn = super().layer(replace(setup, dtype="float64"))

        class Layer:
            running = staticmethod(bn.running)

            def forward(self, x: np.ndarray, *, training: bool) -> np.ndarray:
                return bn.forward(x.astype(np.float64), training=training)

            def backward(self, dy: np.ndarray) -> Any:
                return bn.backward(dy.astype(np.float64))

        return Layer()


class ImageKernel(Choosy):
    """For float64 images only, without statistics, loud about everything else."""

    def layer(self, setup: Setup) -> Any:
        if setup.dtype != "float64":
            raise ValueError("float64 wanted")
        bn = super().layer(setup)

        class Layer:
            def forward(self, x: np.ndarray, *, training: bool) -> np.ndarray:
                if not training or x.ndim != 4 or x.shape[0] == 1 or not x.flags.c_contiguous:
                    raise NotImplementedError("batches of images, trained on")
                return bn.forward(x, training=True)

        return Layer()


ODD_BUT_RIGHT: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
    "lists": (Listing(TORCH), {}, ("float32",)),
    "finer": (Finer(TORCH), {}, ("float32",)),
    "one rank of one dtype": (ImageKernel(replace(TORCH, ranks=(4,))), {}, ("float32", "float64")),
    "eps of its own": (Choosy(TORCH, ("eps",), eps=1e-3), {}, ("float64",)),
    "momentum of its own": (Choosy(TORCH, ("momentum",), momentum=0.1), {}, ("float64",)),
    "keep of its own": (Choosy(KERAS, ("momentum",), momentum=0.99), {}, ("float32",)),
    "no affine": (Choosy(replace(TORCH, single_value="beta"), ("gamma", "beta")), {}, ("float32",)),
    "own statistics": (Choosy(replace(TORCH, running_start=(0.5, 2.0)), ("running_mean", "running_var")), {}, ("float32",)),
    "odd ranks": (Choosy(replace(PAPER, ranks=(3, 5), channel_axis=-1)), {}, ("float32",)),
    "first": (Choosy(replace(TORCH, debias="first", running_var={2: "biased", 4: "unbiased"})), {}, ("float32",)),
    "zero": (Choosy(replace(KERAS, debias="zero", backward="train", single_value="unchanged-state")), {}, ("float32",)),
    "accumulates": (Choosy(replace(TORCH, accumulate=True)), {"accumulate": True}, ("float32",)),
    "half": (Choosy(replace(TORCH, empty_batch="unchanged")), {}, ("float16",)),
    "brain": (Choosy(replace(KERAS, backward="none")), {}, ("bfloat16",)),
}


@pytest.mark.parametrize("kind", ODD_BUT_RIGHT)
def test_what_is_right_is_not_accused_for_being_odd(kind: str) -> None:
    implementation, declared, dtypes = ODD_BUT_RIGHT[kind]
    rows = ask_in_process(implementation, declared=declared, dtypes=dtypes, examples=8)
    required = [row for row in rows if row.level == "required"]
    assert {row.status for row in required} <= SOUND, rows_by_status(required)
    assert sum(row.status == "pass" for row in required) >= 8
