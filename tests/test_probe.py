"""Measuring a convention finds exactly what is there, and survives what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_layers import WRONG, Choosy, subject_of

from bnspec.convention import NAMED, TORCH, Convention
from bnspec.implementation import Setup
from bnspec.layer import BatchNorm
from bnspec.plugs.faults import BudgetSpent
from bnspec.plugs.link import InProcess
from bnspec.plugs.probe import Measured, measure
from bnspec.plugs.subject import Subject
from bnspec.plugs.unusual import unusual
from bnspec.protocol import Message

DTYPES = ("float32", "float64")
VARIANCES: list[Any] = ["biased", "unbiased", {2: "biased", 4: "unbiased"}, {2: "unbiased", 3: "biased"}]
RANKS = [(2, 3, 4, 5), (2,), (3,), (4,), (2, 4), (3, 5), (2, 3, 4)]


def measured(implementation: Any, declared: dict[str, Any] | None = None, dtypes: tuple[str, ...] = DTYPES) -> Measured:
    return measure(subject_of(implementation), declared or {}, dtypes)


def visible(convention: Convention) -> dict[str, Any]:
    """The choices that show from outside: of a variance by rank only its kinds, of a momentum only what has one meaning."""
    choices = convention.to_mapping()
    choices["running_var"] = [convention.variance_kind(rank) for rank in convention.ranks]
    if convention.debias != "none" or convention.momentum_weighs == "cumulative":
        del choices["momentum_default"]
        if convention.momentum_weighs != "cumulative":
            choices["momentum_default"] = None
    return choices


@st.composite
def conventions(draw: st.DrawFn) -> Convention:
    weighs, debias = draw(
        st.sampled_from(
            [("cumulative", "none"), *((weighs, debias) for weighs in ("batch", "running") for debias in ("none", "zero", "first"))]
        )
    )
    weight = draw(st.sampled_from([0.1, 0.01, 0.25]))
    return Convention(
        momentum_weighs=weighs,
        momentum_default=None if debias != "none" or weighs == "cumulative" else 1 - weight if weighs == "running" else weight,
        debias=debias,
        running_var=draw(st.sampled_from(VARIANCES)),
        running_start=draw(st.sampled_from([(0.0, 1.0), (0.0, 0.0), (0.5, 2.0)])),
        eps_default=draw(st.sampled_from([1e-5, 1e-3, 1e-8, 0.1, 2e-5, 1e-12])),
        channel_axis=draw(st.sampled_from([1, -1])),
        ranks=draw(st.sampled_from(RANKS)),
        single_value=draw(st.sampled_from(["error", "beta", "unchanged-state"])),
        empty_batch=draw(st.sampled_from(["error", "unchanged"])),
        backward=draw(st.sampled_from(["none", "train", "train+infer"])),
    )


@settings(max_examples=60, derandomize=True, deadline=None)
@given(convention=conventions())
def test_every_convention_is_measured_as_it_is(convention: Convention) -> None:
    if convention.ranks == (2,):
        convention = replace(convention, channel_axis=1)  # in rank 2 both names mean the same axis
    hidden = Hidden(convention)
    found = measured(hidden)
    assert visible(found.convention) == visible(convention)
    assert found.dtypes == {"float32": "", "float64": ""}
    assert found.warnings == unusual(found.convention)


class Hidden(Choosy):
    """`Choosy` with a momentum where the convention has no default that shows."""

    def layer(self, setup: Setup) -> BatchNorm:
        return super().layer(
            setup if setup.momentum is not None else replace(setup, momentum=self._reference.convention.momentum_default or 0.1)
        )


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("dtypes", [("float32",), ("float64",), ("float16", "float32")], ids="+".join)
def test_named_conventions_are_measured_in_every_dtype(name: str, dtypes: tuple[str, ...]) -> None:
    convention = NAMED[name]
    assert visible(measured(Hidden(convention), dtypes=dtypes).convention) == visible(convention)


def test_a_declared_choice_is_believed_and_the_rest_is_measured() -> None:
    found = measured(Hidden(NAMED["keras"]), {"momentum_weighs": "batch", "channel_axis": -1}).convention
    assert (found.momentum_weighs, found.channel_axis) == ("batch", -1)
    assert (found.running_var, found.eps_default, found.single_value) == ("biased", 1e-3, "beta")


@pytest.mark.parametrize("only", ["float64", "float16"])
def test_a_layer_of_one_dtype_and_rank_is_found(only: str) -> None:
    class Narrow(Choosy):
        def layer(self, setup: Setup) -> BatchNorm:
            if setup.dtype != only:
                raise TypeError(f"expected {only}")
            return super().layer(setup)

    found = measured(Narrow(replace(TORCH, ranks=(4,), running_var="biased")), dtypes=("float32", only))
    assert found.dtypes == {"float32": "float32 is not offered: TypeError: expected " + only, only: ""}
    assert (found.convention.ranks, found.convention.running_var) == ((4,), "biased")


@pytest.mark.parametrize("eps", [1e-5, 1e-3, 0.1, 1e-8, 1e-12])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_literal_eps_is_measured(eps: float, dtype: str) -> None:
    subject = subject_of(Choosy(TORCH, ("eps",), eps=eps))
    found = measure(subject, {}, [dtype])
    assert subject.fixed == {"eps": eps}
    assert found.convention == TORCH or found.convention == replace(TORCH, eps_default=eps)
    assert found.warnings == [f"it is asked only with eps = {eps:g}, since it does not let itself be given another value"]


@pytest.mark.parametrize(
    ("weight", "debias"), [(0.1, "none"), (0.01, "none"), (0.9, "none"), (0.5, "none"), (0.1, "first"), (0.9, "first")]
)
def test_a_literal_momentum_is_measured_as_the_weight_of_the_batch(weight: float, debias: str) -> None:
    subject = subject_of(Choosy(replace(TORCH, debias=debias), ("momentum",), momentum=weight))
    found = measure(subject, {}, DTYPES).convention
    assert subject.fixed == {"momentum": weight}
    assert (found.momentum_weighs, found.debias, found.running_var) == ("batch", debias, "unbiased")


def test_a_literal_keep_is_measured_as_one_minus_it() -> None:
    subject = subject_of(Choosy(NAMED["keras"], ("momentum", "eps"), momentum=0.99, eps=1e-3))
    found = measure(subject, {}, DTYPES).convention
    assert subject.fixed == {"eps": 1e-3, "momentum": 0.01}
    assert (found.momentum_weighs, found.running_var, found.channel_axis) == ("batch", "biased", -1)


def test_a_layer_without_parameters_is_asked_with_ones_and_zeros() -> None:
    subject = subject_of(Choosy(TORCH, ("gamma", "beta")))
    found = measure(subject, {}, DTYPES)
    assert subject.fixed == {"gamma": 1.0, "beta": 0.0}
    assert found.convention == replace(TORCH, affine=False)


def test_a_layer_that_keeps_its_own_statistics_is_asked_from_its_start() -> None:
    subject = subject_of(Choosy(replace(TORCH, running_start=(0.5, 2.0)), ("running_mean", "running_var")))
    found = measure(subject, {}, DTYPES)
    assert subject.fixed == {"running_mean": 0.5, "running_var": 2.0}
    assert found.convention == replace(TORCH, running_start=(0.5, 2.0))


class ForwardOnly:
    """Code for (N, C) that would broadcast over anything else; without statistics, gradients, inference, and choosy in all."""

    name = "forward only"

    def layer(self, setup: Setup) -> Any:
        if any(part is not None for part in (setup.running_mean, setup.running_var, setup.momentum)):
            raise NotImplementedError("there are no statistics to set")

        class Layer:
            def forward(self, x: np.ndarray, *, training: bool) -> np.ndarray:
                if not training:
                    raise NotImplementedError("there is no inference mode")
                y: np.ndarray = (x - x.mean(0)) / np.sqrt(x.var(0) + (setup.eps or 1e-5))
                return y * (1 if setup.gamma is None else setup.gamma) + (0 if setup.beta is None else setup.beta)

        return Layer()


def test_code_for_two_axes_is_asked_in_two_axes() -> None:
    subject = subject_of(ForwardOnly())
    found = measure(subject, {}, DTYPES)
    assert (found.convention.ranks, found.convention.channel_axis) == ((2,), 1)
    assert subject.scope == ("train", "infer")
    assert subject.withheld == ("momentum", "running_mean", "running_var")
    assert "rank 2 only" in found.warnings[0]


def test_channels_last_declared_means_every_rank() -> None:
    assert measured(ForwardOnly(), {"channel_axis": -1}).convention.ranks == (2, 3, 4, 5)


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_a_layer_returns_probing_ends_with_a_convention(wrong: str) -> None:
    found = measured(WRONG[wrong])
    assert isinstance(found.convention, Convention)
    assert list(found.dtypes) == list(DTYPES)


class Scripted(InProcess):
    """A link to a program that answers every request in the same way."""

    def __init__(self, answer: Message | Exception) -> None:
        self.started = Message.reply(running=True, backward=True)
        self._answer = answer

    def ask(self, requests: Any) -> list[Message]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return [self._answer for _ in requests]


THREE = np.ones(3, np.float32)


@pytest.mark.parametrize(
    "answer",
    [
        Message.reply(),
        Message.reply(y=THREE),
        Message.reply(y=np.ones((2, 3)), mean=THREE[:0], var=THREE[:0]),
        Message.reply(y=np.ones((2, 3)), mean=np.ones((1, 3)), var=np.ones((3, 1)), dx=THREE),
        Message.reply(y=np.ones((2, 3), "V2"), mean=THREE, var=THREE, dx=THREE, dgamma=THREE, dbeta=THREE),
        BudgetSpent("spent"),
    ],
    ids=["nothing", "a y", "empty statistics", "statistics of other shapes", "unreadable y", "no restarts left"],
)
def test_whatever_a_program_sends_probing_ends_with_a_convention(answer: Message | Exception) -> None:
    assert measure(Subject(Scripted(answer)), {}, DTYPES).convention.ranks == (2,)
