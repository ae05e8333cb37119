"""The catalogue of known bugs: its facts are complete and true of its code, and without a bug its steps are BatchNorm."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exact_cases import CONVENTIONS

from bnspec import bounds, exact
from bnspec.cli import bugs as command
from bnspec.convention import TORCH, Convention
from bnspec.implementation import Layer, NotOffered, Setup
from bnspec.properties.catalogue import all_laws
from bnspec.reference.bugs.catalogue import ALL, BUGS, UnknownBug, batch_norm_with, bug, forms, steps_with
from bnspec.reference.bugs.facts import SHAPES, Bug, known_bug
from bnspec.reference.bugs.questions import COMPONENTS, Question, answers, damaged
from bnspec.reference.bugs.steps import BatchNorm, Steps
from bnspec.spec import EmptyBatch, SingleValue

DECLARED = {"momentum-swapped", "rv-biased", "rv-unbiased-where-biased-promised", "output-dtype-promoted"}
"""Some of those that are bugs only against a declaration."""


def convention_for(one: Bug) -> Convention:
    return replace(TORCH, **one.under, **one.only_against)


def named(one: Bug) -> str:
    return one.name


def test_the_facts_of_every_bug_are_complete() -> None:
    for one in ALL:
        assert re.fullmatch(r"[a-z0-9-]+", one.slug), one.name
        assert all((one.title, one.effect, one.exposes.words, one.seen, one.laws, one.damages, one.right)), one.name
        assert one.kind in ("formula", "rounding"), one.name
        assert {*one.shapes} <= {*SHAPES}, one.name
        assert one.wrong not in ("", one.right), one.name
        assert one.overrides, f"{one.name} overrides no step"


def test_every_law_that_is_said_to_catch_a_bug_exists() -> None:
    laws = {law.name for law in all_laws()}
    assert not {(one.name, law) for one in ALL for law in one.laws if law not in laws}


@pytest.mark.parametrize("one", ALL, ids=named)
def test_a_bug_damages_what_it_says_and_nothing_else(one: Bug) -> None:
    assert damaged(batch_norm_with(one.name), BatchNorm, one.exposes, convention_for(one)) == {*one.damages}


def test_there_are_many_and_each_in_a_few_lines_of_its_own() -> None:
    assert len([one for one in BUGS.values() if not one.only_against]) >= 75
    assert {one.slug for one in BUGS.values() if one.only_against} >= DECLARED
    assert len({one.name for one in ALL}) == len(ALL)
    assert {component for one in ALL for component in one.damages} == {*COMPONENTS}
    longest = max(len(command.code_of(one).splitlines()) for one in ALL)
    assert longest <= 20
    assert len({one.steps for one in ALL}) == len(ALL)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_steps_without_a_bug_are_exact_in_every_convention(name: str, dtype: str) -> None:
    convention = replace(CONVENTIONS[name], backward="train+infer")
    for number, shape in enumerate([(5, 3), (2, 2), (3, 2, 4), (2, 3, 2, 3), (2, 1, 2, 1, 3)]):
        case = Question("", shape=shape, dtype=dtype).case(number, convention)
        layer = BatchNorm(Setup.of(case), convention)
        truth = exact.train(case, convention)
        assert_within(case, layer, bounds.train_bounds(case, truth, convention), truth, training=True)
        case = case.replace(running_mean=layer.running_mean, running_var=layer.running_var)
        truth = exact.infer(case)
        assert_within(case, layer, bounds.infer_bounds(case, truth), truth, training=False)


def assert_within(case: Any, layer: Layer, within: bounds.Bounds, truth: exact.Exact, *, training: bool) -> None:
    """Whether y, gradients and state of one call are within their bounds."""
    y = layer.forward(case.x, training=training)
    dx, dgamma, dbeta = layer.backward(case.dy)
    mean, var = layer.running()
    got = {"y": case.columns(y), "dx": case.columns(dx), "dgamma": dgamma, "dbeta": dbeta, "running_mean": mean, "running_var": var}
    assert y.dtype == case.x.dtype
    for part, values in got.items():
        assert np.all(np.abs(values - getattr(truth, part)) <= getattr(within, part)), part


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_the_steps_find_channels_on_any_axis(axis: int) -> None:
    case = Question("", shape=(4, 3, 5)).case(0)
    turned = case.replace(x=np.moveaxis(case.x, 1, axis), dy=np.moveaxis(case.upstream, 1, axis), channel_axis=axis)
    one, two = (BatchNorm(Setup.of(each)) for each in (case, turned))
    assert np.array_equal(np.moveaxis(two.forward(turned.x, training=True), axis, 1), one.forward(case.x, training=True))
    assert np.array_equal(two.backward(turned.upstream)[1], one.backward(case.upstream)[1])


def test_the_steps_refuse_what_their_convention_refuses() -> None:
    case = Question("", shape=(1, 3)).case(0)
    with pytest.raises(SingleValue):
        BatchNorm(Setup.of(case)).forward(case.x, training=True)
    with pytest.raises(EmptyBatch):
        BatchNorm(Setup.of(case)).forward(case.x[:0], training=True)
    layer = BatchNorm(Setup.of(case), Convention(backward="train", empty_batch="unchanged", single_value="unchanged-state"))
    before = layer.running()
    assert layer.forward(case.x[:0], training=True).shape == (0, 3)
    assert np.array_equal(layer.forward(case.x, training=True), case.beta[None])
    assert np.array_equal(layer.running(), before)
    layer.forward(case.x, training=False)
    with pytest.raises(NotOffered, match="no gradients of inference"):
        layer.backward(case.x)


def test_gradients_add_up_where_that_is_the_convention() -> None:
    case = Question("").case(0)
    layer = BatchNorm(Setup.of(case), Convention(accumulate=True))
    layer.forward(case.x, training=True)
    first, second = layer.backward(case.upstream), layer.backward(case.upstream)
    assert np.array_equal(second[2], 2 * first[2])
    assert np.array_equal(second[0], first[0])


def test_bugs_of_different_steps_are_put_on_together() -> None:
    both = damaged(batch_norm_with("rs-contains-eps", "dbeta-with-gamma"), BatchNorm, Question("any", eps=1.0))
    assert both == {"running_var", "dbeta"}
    assert bug("rs-contains-eps").overrides.isdisjoint(bug("dbeta-with-gamma").overrides)
    assert steps_with() is Steps


def test_answers_tell_an_exception_as_a_number_that_is_none() -> None:
    single = Question("one value", shape=(1, 3), sessions=(("train", "backward"),))
    (y,) = answers(BatchNorm, single)["y_train"]
    assert np.isnan(y).all()


def test_a_slug_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownBug, match=r"there is no bug 'fwd-eps-outside' in the catalogue; did you mean fwd-eps-outside-sqrt"):
        bug("fwd-eps-outside")
    with pytest.raises(UnknownBug, match="bnspec bugs lists them"):
        bug("?")
    assert [one.form for one in forms("dgamma-from-x-or-y")] == ["", "y", "centered"]


def test_a_component_that_is_not_there_is_told_with_those_that_are() -> None:
    facts: dict[str, Any] = {"right": "", "wrong": "", "effect": "", "exposes": Question("")}
    with pytest.raises(ValueError, match="a-bug damages running; the components are y_train, y_infer"):
        known_bug("a-bug", "", damages="running", seen="", laws="", **facts)(type("Wrong", (Steps,), {}))
