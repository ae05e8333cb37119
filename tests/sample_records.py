"""Two records as a run would leave them, for the tests of the pages: one that conforms, and one with six failing checks."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from bnspec.case import Array
from bnspec.convention import TORCH
from bnspec.properties.catalogue import VERSION
from bnspec.reports.record import Candidate, Counterexample, Diagnosis, Record, Row
from bnspec.reports.verdict import judge_rows

RIGHT_ADAPTER = """\
from __future__ import annotations

import numpy as np


class Layer:
    def __init__(self, setup):
        self.setup, self.axes = setup, tuple(a for a in range(setup.rank) if a != setup.channel_axis % setup.rank)
        self.mean, self.var = np.array(setup.running_mean), np.array(setup.running_var)

    def across(self, values):
        return np.expand_dims(values, self.axes)

    def forward(self, x, *, training):
        s = self.setup
        mean, var = (x.mean(self.axes), x.var(self.axes)) if training else (self.mean, self.var)
        if training:
            m = x.size // len(mean)
            self.mean = self.mean + s.momentum * (mean - self.mean)
            self.var = self.var + s.momentum * (var * m / (m - 1) - self.var)
        self.inv_std = 1 / np.sqrt(var + s.eps)
        self.x_hat = (x - self.across(mean)) * self.across(self.inv_std)
        return (self.x_hat * self.across(s.gamma) + self.across(s.beta)).astype(x.dtype)

    def backward(self, dy):
        dbeta, dgamma = dy.sum(self.axes), (dy * self.x_hat).sum(self.axes)
        m = dy.size // len(dbeta)
        residual = dy - self.across(dbeta) / m - self.x_hat * self.across(dgamma) / m
        return residual * self.across(self.inv_std * self.setup.gamma), dgamma, dbeta

    def running(self):
        return self.mean, self.var


class Adapter:
    def layer(self, setup):
        return Layer(setup)
"""
"""A BatchNorm of a few lines: right in every mode, and it needs nothing but NumPy."""

WRONG_ADAPTER = RIGHT_ADAPTER.replace(" - self.across(dbeta) / m", "")
"""The same with dx ignoring that the batch mean moves with x."""

LAWS = [
    ("spec", "training_output_is_the_paper_formula", "In training y is gamma (x - mean) / sqrt(var + eps) + beta", "train", 0.31),
    ("spec", "inference_uses_the_running_statistics", "In inference y comes from the running statistics alone", "infer", 0.22),
    ("statistics", "running_mean_is_the_weighted_average", "The running mean moves towards the batch mean", "running", 0.08),
    ("statistics", "running_variance_follows_its_convention", "The running variance moves by its convention", "running", 0.12),
    ("gradients", "dx_is_the_derivative_of_the_training_loss", "dx is the derivative of the training loss", "grad_train", 0.44),
    ("gradients", "dgamma_is_the_derivative_of_the_loss", "dgamma is the derivative of the loss", "grad_train", 0.19),
    ("gradients", "inference_gradient_is_one_product", "In inference dx is dy gamma / sqrt(running_var + eps)", "grad_infer", 0.07),
    ("invariance", "shifting_the_batch_changes_nothing", "Shifting a whole batch does not change y", "train", 0.62),
    ("scaling", "power_of_two_scaling_changes_no_bit", "Scaling by a power of two does not change a bit of y", "train", 1.4),
    ("symmetry", "batch_order_does_not_matter", "The order of the batch does not matter", "train", 0.5),
    ("state", "inference_leaves_the_state_alone", "Inference leaves the running statistics alone", "infer", 0.0),
    ("purity", "arguments_are_not_written_to", "x, gamma and beta are not written to", "train", 0.0),
    ("layouts", "memory_layout_does_not_matter", "How x lies in memory does not matter", "train", 0.02),
    ("edges", "one_value_a_channel_follows_the_convention", "One value a channel follows the convention", "train", 0.0),
    ("stability", "large_mean_small_spread_keeps_its_digits", "A large mean beside a small spread costs no digits", "train", 0.81),
    ("sequences", "steps_of_training_add_up", "Many steps of training and inference add up", "running", 0.33),
    ("dtypes", "output_has_the_dtype_of_the_input", "y has the dtype of x", "train", 0.0),
]
"""(chapter, property, title, part of the scope, worst ratio in float32)."""

LAW_TEXT = {
    "dx_is_the_derivative_of_the_training_loss": "dx = gamma inv_std (dy - mean(dy) - x_hat mean(dy x_hat)).\n\n"
    "Mean and variance move with every x, so two terms come back beside the obvious one (Ioffe & Szegedy 2015, sec. 3).",
}

RECOMMENDED = {"power_of_two_scaling_changes_no_bit"}


def stored(array: Array) -> dict[str, Any]:
    """An array as the record writes it."""
    flat = np.asarray(array, dtype=np.float64).ravel()
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": [float(v) if np.isfinite(v) else repr(float(v)) for v in flat],
    }


def passing_row(chapter: str, prop: str, title: str, part: str, ratio: float, dtype: str) -> Row:
    advice = prop in RECOMMENDED
    worst = ratio if dtype == "float32" else ratio * 0.8
    return Row(
        property=prop,
        chapter=chapter,
        dtype=dtype,
        level="recommended" if advice else "required",
        status="fail" if worst > 1 else "pass",
        scope=[part],
        title=title,
        law=LAW_TEXT.get(prop, f"{title}."),
        examples=120,
        informative=114,
        declined=3,
        worst_ratio=worst,
        seconds=0.21,
    )


def record_of(rows: list[Row], **more: Any) -> Record:
    verdict, scope, reason = judge_rows(rows)
    fixed: dict[str, Any] = {
        "suite": "0.1.0",
        "laws": VERSION,
        "grades": {"float32": "B", "float64": "A"},
        "convention": TORCH.to_mapping(),
        "profile": "standard",
        "dtypes": ["float32", "float64"],
        "environment": {"python": "3.13.1", "numpy": "2.4.0", "platform": "Linux x86_64", "date": "2026-11-20"},
        "seconds": 8.4,
    }
    return Record(verdict=verdict, scope=scope, reason=reason, results=rows, **{**fixed, **more})


def conformant() -> Record:
    """17 laws in 12 chapters, in two dtypes; one recommended law is missed in the last bit."""
    rows = [passing_row(*law, dtype) for dtype in ("float32", "float64") for law in LAWS]
    bound = ["torch.nn.BatchNorm2d(C, eps=eps, momentum=momentum)", "layer.train(training); y = layer(x); y.backward(dy)"]
    return record_of(rows, target="torch.nn.BatchNorm2d", bound=bound, adapter=RIGHT_ADAPTER)


def dx_counterexample(dtype: str = "float32", layout: str = "contiguous") -> Counterexample:
    """The shrunk case of `WRONG_ADAPTER`: two samples, one channel, a dy whose mean is not zero."""
    x, dy = np.array([[1.0], [3.0]], dtype), np.array([[1.0], [0.0]], dtype)
    ones, zeros = stored(np.ones(1, dtype)), stored(np.zeros(1, dtype))
    state = {"gamma": ones, "beta": zeros, "running_mean": zeros, "running_var": ones, "eps": 1e-5, "momentum": 0.1}
    setup = {**state, "dtype": dtype, "channel_axis": 1, "rank": 2, "channels": 1}
    x_hat = np.array([[-1.0], [1.0]]) / np.sqrt(1 + 1e-5)
    expected = (np.array([[0.5], [-0.5]]) + x_hat * x_hat[1] / 2) / np.sqrt(1 + 1e-5)
    plain = {
        "message": "dx[0, 0] is 0.5000025, should be 5e-06: off by 0.5, 74,626 times what rounding can explain (6.7e-06)\n"
        "2 values a channel",
        "component": "dx",
        "index": [0, 0],
        "got": 0.5000025,
        "want": float(expected[0, 0]),
        "error": 0.4999975,
        "bound": 6.7e-6,
        "ratio": 74626.5,
        "trace": [
            {"do": "layer", "layer": 1, **setup},
            {"do": "forward", "layer": 1, "training": True, "layout": layout, "x": stored(x)},
            {"do": "backward", "layer": 1, "dy": stored(dy)},
        ],
        "shows": {"step": 2, "name": "dx"},
        "expected": stored(expected),
        "tolerance": stored(np.full((2, 1), 6.7e-6)),
    }
    return msgspec.convert(plain, Counterexample)


def crash_counterexample() -> Counterexample:
    """A crash has calls and words, but no array to compare."""
    trace = dx_counterexample().trace[:2]
    return Counterexample(
        message="The implementation's process died of signal 11 (SIGSEGV) in forward, training, x (0, 1).", trace=trace
    )


FAILURES: dict[str, dict[str, Any]] = {
    "dx_is_the_derivative_of_the_training_loss": {"status": "fail", "worst_ratio": 74626.5, "counterexample": dx_counterexample()},
    "running_variance_follows_its_convention": {
        "status": "fail",
        "worst_ratio": 2.1e6,
        "counterexample": Counterexample(
            message="running_var[0] is 1.0 after one step, wanted 1.1: it looks biased, 3 values a channel.",
            component="running_var",
            index=[0],
            got=1.0,
            want=1.1,
            error=0.1,
            bound=4.8e-8,
            ratio=2.1e6,
        ),
    },
    "one_value_a_channel_follows_the_convention": {
        "status": "error",
        "reason": "ZeroDivisionError: float division by zero",
        "counterexample": Counterexample(message="forward raised ZeroDivisionError: float division by zero"),
    },
    "memory_layout_does_not_matter": {"status": "crash", "reason": "signal 11 (SIGSEGV)", "counterexample": crash_counterexample()},
    "large_mean_small_spread_keeps_its_digits": {"status": "timeout", "reason": "no answer within 10 s"},
}
"""What goes wrong in float32 in the nonconformant record; float64 has the first of them as well."""

OPEN: dict[str, dict[str, Any]] = {
    "inference_gradient_is_one_product": {
        "status": "unsupported",
        "examples": 0,
        "reason": "backward after inference is not offered",
    },
    "steps_of_training_add_up": {"status": "cut", "examples": 12, "informative": 11, "reason": "the time was up"},
    "batch_order_does_not_matter": {"status": "vacuous", "informative": 2, "reason": "2 of 120 cases could have told"},
}


def nonconformant(**more: Any) -> Record:
    """Five failing laws, six failing checks, one of them a crash; two laws undecided, one not offered."""
    rows = []
    for row in conformant().results:
        first = row.property == "dx_is_the_derivative_of_the_training_loss"
        changes = FAILURES.get(row.property, {}) if row.dtype == "float32" or first else {}
        rows.append(msgspec.structs.replace(row, **changes, **OPEN.get(row.property, {})))
    diagnosis = Diagnosis(
        bug="dx-missing-mean-term",
        components=["dx"],
        confident=True,
        agrees=214,
        of=214,
        candidates=[
            Candidate(bug="dx-missing-mean-term", agrees=214, of=214),
            Candidate(bug="dx-no-stat-terms", agrees=31, of=214),
        ],
        explains=["dx_is_the_derivative_of_the_training_loss"],
        text="dx leaves out mean(dy): the batch mean is treated as a constant",
        consequence="sum(dx) is 1 instead of 0 for dy = [1, 0]; vanishes where the mean of dy is 0",
        change="dx = gamma inv_std (dy - mean(dy) - x_hat mean(dy x_hat))   instead of   "
        "dx = gamma inv_std (dy - x_hat mean(dy x_hat))",
        repair="with mean(dy) taken away, 1 of 1 failures vanishes and nothing new breaks",
        where="in training, wherever the mean of dy is not 0",
    )
    fixed = {
        "target": "student.py:BatchNorm",
        "bound": ["BatchNorm(C, eps, momentum); gamma, beta set as attributes", "forward(x, training) -> y; backward(dy) -> dx"],
        "adapter": WRONG_ADAPTER,
        "diagnoses": [diagnosis],
        "warnings": ["momentum_default 0.1 was measured, not declared"],
    }
    return record_of(rows, **{**fixed, **more})


NASTY = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eesrever\x00 </td><script>alert(1)</script> ```\n"
    "# heading\n| cell ]]> & \"quote\" 'x' \ufffe [l](http://e)"
)
"""What an implementation might say: escape sequences, tags, fences, a bidirectional override, characters XML forbids."""


def hostile() -> Record:
    """The nonconformant record with `NASTY` wherever text of the implementation goes."""
    words = {"target": NASTY, "bound": [NASTY, NASTY], "warnings": [NASTY], "environment": {NASTY: NASTY}}
    record = nonconformant(**words)
    example = msgspec.structs.replace(dx_counterexample(), message=NASTY, component=NASTY)
    rows = [
        msgspec.structs.replace(
            row, reason=NASTY, chapter=NASTY, title=NASTY, law=NASTY, counterexample=row.counterexample and example
        )
        for row in record.results
    ]
    diagnosis = msgspec.structs.replace(record.diagnoses[0], text=NASTY, bug=None)
    return msgspec.structs.replace(record, results=rows, diagnoses=[diagnosis], reason=NASTY)
