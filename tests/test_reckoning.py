"""Exact arithmetic follows a trace through modes, copies and states, and says nothing where nothing can be said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from sample_records import dx_counterexample, stored

from bnspec.case import Array
from bnspec.convention import KERAS, PAPER, TORCH, Convention
from bnspec.layer import BatchNorm, Reference
from bnspec.reports.checks import Check, Difference, difference
from bnspec.reports.reckoning import LONGEST, reckon
from bnspec.reports.rerun import Answer, rerun
from bnspec.reports.trace import Step

CONVENTIONS = {
    "torch": TORCH,
    "keras": KERAS,
    "paper": PAPER,
    "debiased": replace(TORCH, debias="zero", running_start=(0.0, 0.0)),
    "adding up": replace(TORCH, accumulate=True),
}

CALLS = "train read infer back copy train2 read2 back2 back2 save2 load infer read infer2 back"
"""On layer 1, or on its copy: forward and backward in both modes, a copy between two steps, a state that the other one loads."""


def trace(calls: str, numbers: str = "float32", x: Array | None = None, **setup: Any) -> list[Step]:
    """The steps of these calls, on batches that differ from call to call."""
    layer = msgspec.to_builtins(dx_counterexample(numbers).trace[0]) | setup
    batch = np.array([[1.0], [3.0], [-0.5], [8.0]], numbers) if x is None else x
    plain: list[dict[str, Any]] = [layer]
    for number, call in enumerate(calls.split()):
        of = {"layer": 2 if call.endswith("2") else 1}
        kinds: dict[str, dict[str, Any]] = {
            "train": {"do": "forward", "training": True, "x": stored(batch * (1 + number))},
            "infer": {"do": "forward", "training": False, "x": stored(batch + number)},
            "back": {"do": "backward", "dy": stored(batch - number)},
            "read": {"do": "running"},
            "copy": {"do": "copy", "to": 2, "how": "deepcopy"},
            "save": {"do": "save", "state": 7},
            "load": {"do": "load", "state": 7},
        }
        plain.append(of | kinds[call.rstrip("2")])
    return msgspec.convert(plain, list[Step])


class Saving(BatchNorm):
    """The reference layer with a memory that can be taken out and put in."""

    def save(self) -> Any:
        return self.running_mean.copy(), self.running_var.copy(), self.steps

    def load(self, state: Any) -> None:
        mean, var, self.steps = state
        self.running_mean, self.running_var = mean.copy(), var.copy()


def layers(convention: Convention, **changes: Any) -> Any:
    """What makes right layers, or such as have something changed."""

    def make(setup: Any) -> Any:
        layer = Reference("right", convention).layer(setup)
        layer.__class__ = Saving
        vars(layer).update(changes)
        return layer

    return make


def differences(steps: list[Step], make: Any, convention: Convention) -> list[Difference]:
    """Where the answers are not what exact arithmetic says; every step must have been answered."""
    found = []
    for number, (answer, dues) in enumerate(zip(rerun(steps, make), reckon(steps, convention), strict=True)):
        assert isinstance(answer, Answer), answer
        checks = [Check(number, name, due.expected, due.tolerance, "float64") for name, due in dues.items()]
        found += [one for check in checks if (one := difference(check, answer)) is not None]
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_right_layer_answers_what_is_reckoned_in_every_convention(name: str, dtype: str) -> None:
    convention, steps = CONVENTIONS[name], trace(CALLS, dtype)
    assert differences(steps, layers(convention), convention) == []
    spoken = [bool(dues) for dues in reckon(steps, convention)]
    silent = {"layer", "copy", "save", "load"}
    assert spoken == [step.__struct_config__.tag not in silent for step in steps]


@pytest.mark.parametrize(
    ("wrong", "first"), [({"eps": 2e-3}, "y"), ({"momentum": 0.2}, "running_mean"), ({"channel_axis": 0}, None)]
)
def test_a_wrong_layer_is_told_where_it_first_is(wrong: dict[str, Any], first: str | None) -> None:
    if first is None:
        with pytest.raises(AssertionError):
            differences(trace(CALLS), layers(TORCH, **wrong), TORCH)
    else:
        assert differences(trace(CALLS), layers(TORCH, **wrong), TORCH)[0].check.name == first


def test_what_is_left_to_the_layer_is_what_the_convention_says() -> None:
    bare = dict.fromkeys(("gamma", "beta", "running_mean", "running_var", "eps", "momentum"))
    steps = trace("infer train read infer", **bare)
    for convention in (TORCH, replace(KERAS, channel_axis=1)):
        assert differences(steps, layers(convention), convention) == []
    assert differences(steps, layers(TORCH), KERAS) != []


def test_a_nan_is_due_where_one_went_in_and_nothing_is_promised_of_an_infinity() -> None:
    x = np.array([[np.nan, 1.0, np.inf], [2.0, 3.0, 4.0]], np.float32)
    state = {name: stored(np.ones(3, np.float32)) for name in ("gamma", "beta", "running_mean", "running_var")}
    y, running = reckon(trace("train read", x=x, channels=3, **state), TORCH)[1:]
    assert np.isnan(y["y"].expected[:, 0]).all()
    assert (y["y"].tolerance[:, 0] == 0).all()
    assert np.isinf(y["y"].tolerance[:, 2]).all()
    assert np.isfinite(running["running_mean"].expected[1])
    assert np.isnan(running["running_var"].expected[0])


@pytest.mark.parametrize("odd", [{"channels": 2**50, "gamma": None}, {"rank": 2**40}, {"channel_axis": 9}, {"dtype": "float7"}])
def test_of_calls_that_fit_no_layer_nothing_is_said(odd: dict[str, Any]) -> None:
    bare = dict.fromkeys(("gamma", "beta", "running_mean", "running_var"))
    assert reckon(trace("train read", **{**bare, **odd}), TORCH) == [{}, {}, {}]


def test_of_traces_without_end_nothing_is_said() -> None:
    assert not any(reckon(trace("train " * LONGEST), TORCH))


def test_what_a_layer_may_refuse_leaves_its_state_unknown() -> None:
    single = np.array([[1.0]], np.float32)
    dues = reckon(trace("read train read infer", x=single), TORCH)
    assert [bool(one) for one in dues] == [False, True, False, False, False]
