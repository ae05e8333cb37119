"""Asking the fixed cases of `bnspec.fixed`: once a dtype, for all the laws about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest

from bnspec.case import Case, from_columns, parameter_dtype, to_columns
from bnspec.convention import Convention
from bnspec.fixed.catalogue import in_order
from bnspec.fixed.recipes import Call, Recipe, made
from bnspec.fixed.truths import STATE, Truth, letters, truths
from bnspec.plugs.conversation import gradients_in
from bnspec.plugs.faults import BudgetSpent, Fault
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.stage import Stage
from bnspec.properties.strategies import fit_rank, placed
from bnspec.protocol import Message

GIVEN = ("gamma", "beta", *STATE)
"""The parts of a setup that are arrays."""

LEAVABLE = ("running", "backward")
"""Operations without which a case can be asked again, where they are what failed."""


@dataclass(frozen=True, eq=False)
class Asked:
    """One fixed case and what came back.

    truths     one a call, in the subject's convention;  answers: one a call, a part that is not offered or failed is None
    trace      the requests;  faults: operation -> why it failed; "layer" stands for all
    declined   why the case is not offered; then there is nothing else
    refused    others of its shape are answered, so what it says of being unsupported is no missing capability
    """

    recipe: Recipe
    truths: Sequence[Truth] = ()
    answers: Sequence[Answer] = ()
    trace: Sequence[Message] = ()
    faults: Mapping[str, Fault] = field(default_factory=dict)
    declined: str = ""
    refused: str = ""


_ANSWERED: WeakKeyDictionary[Subject, dict[tuple[str, str], Asked | None]] = WeakKeyDictionary()


def asked_of(bn: Subject, stage: Stage) -> Iterator[Asked]:
    """The fixed cases of the stage's dtype, as far as it can afford them, each asked when first wanted and then remembered."""
    known = _ANSWERED.setdefault(bn, {})
    for recipe in in_order(stage.dtype)[: stage.golden]:
        at = stage.dtype, recipe.name
        if at not in known:
            known[at] = _asked_in_time(bn, recipe, stage)
        if (asked := known[at]) is not None:
            yield asked


def _asked_in_time(bn: Subject, recipe: Recipe, stage: Stage) -> Asked | None:
    if stage.clock.is_over:
        stage.tally.cut = True
        pytest.skip("out of time")
    try:
        return ask(bn, recipe, stage.dtype)
    except BudgetSpent:
        stage.tally.unasked += 1
        return None


def ask(bn: Subject, recipe: Recipe, dtype: str) -> Asked:
    """Ask one case. Raises `BudgetSpent`."""
    if why := not_askable(recipe, bn.convention):
        return Asked(recipe, declined=why)
    start, calls = fitted(recipe, dtype, bn.convention, bn.fixed, bn.scalar)
    true = list(truths(start, calls, bn.convention, letters(dtype)))
    faults: dict[str, Fault] = {}
    while True:
        try:
            answers, trace = _answers(bn, start, calls, without=faults)
            return Asked(recipe, true, answers, trace, faults)
        except Fault as fault:
            said = fault.text.partition("\n")[0]
            if fault.status == "unsupported" or (fault.status == "error" and recipe.declinable):
                refuses = not recipe.declinable and fault.op in ("forward", "backward") and bn.refuses_values()
                return Asked(recipe, declined=said, refused=said if refuses else "", trace=tuple(bn.trace))
            again = fault.op in LEAVABLE and fault.op not in faults
            faults[fault.op if again else "layer"] = fault
            if not again:
                return Asked(recipe, true, trace=tuple(fault.trace), faults=faults)


def not_askable(recipe: Recipe, convention: Convention) -> str:
    """Why a case has no one right answer in this convention; "" where it has."""
    if recipe.m == 1 and "train" in recipe.asks:
        choices = ("beta",) if len(recipe.calls) > 1 else ("beta", "unchanged-state")
        if convention.single_value not in choices:
            return f"training on one value a channel: {convention.single_value}"
    if recipe.weight == 0 and convention.debias == "zero":
        return "a debiased average in which no batch has any weight is 0 / 0"
    return ""


def fitted(
    recipe: Recipe,
    dtype: str,
    convention: Convention,
    fixed: Mapping[str, float],
    scalar: Callable[[float], float] = float,
) -> tuple[Case, list[Call]]:
    """How a layer of this convention is asked the case: its axis, a rank that it takes, its momentum, what cannot be given.

    scalar   makes of eps and momentum numbers that it can be given
    """
    plain = made(recipe, dtype)
    axis = convention.channel_axis
    shape = placed(fit_rank(recipe.shape, convention.ranks), axis)
    calls = list(plain.calls) if (shape, axis) == (recipe.shape, 1) else [_moved(call, shape, axis) for call in plain.calls]
    given: dict[str, Any] = {
        "eps": scalar(recipe.eps),
        "momentum": scalar(convention.argument(recipe.weight)),
        **fixed,
    }
    kept = parameter_dtype(dtype)
    given |= {name: np.full_like(getattr(plain.start, name), fixed[name], dtype=kept) for name in GIVEN if name in fixed}
    return replace(plain.start, x=calls[0].x, dy=calls[0].dy, channel_axis=axis, **given), calls


def _moved(call: Call, shape: tuple[int, ...], axis: int) -> Call:
    """The call with the same columns in arrays of this shape, their channels on `axis`."""
    x, dy = (None if part is None else from_columns(to_columns(part, 1), shape, axis) for part in (call.x, call.dy))
    assert x is not None
    return Call(call.training, x, dy)


def _answers(
    bn: Subject, start: Case, calls: Sequence[Call], without: Mapping[str, Fault]
) -> tuple[list[Answer], tuple[Message, ...]]:
    """Ask all calls in one breath; an answer a call, each with the places of its parts in the trace."""
    bn.begin()
    number, scope = bn.new_number(), bn.scope
    requests, ends = [bn.layer_request(start, number)], []
    for call in calls:
        words = {"layer": number, "layout": start.layout}
        requests.append(Message.request("forward", training=int(call.training), x=call.x, **words))
        offered = ("grad_train" if call.training else "grad_infer") in scope
        if call.dy is not None and offered and "backward" not in without:
            requests.append(Message.request("backward", dy=call.dy, **words))
        if "running" in scope and "running" not in without:
            requests.append(Message.request("running", layer=number))
        ends.append(len(requests))
    replies = bn.ask(requests)
    pieces = zip([1, *ends], ends, strict=False)
    return [_answer(replies, first, end) for first, end in pieces], tuple(bn.trace)


def _answer(replies: Sequence[Message], first: int, end: int) -> Answer:
    """The answer to one call, whose replies are those from `first` to before `end`."""
    found = {name: (at, values) for at in range(first, end) for name, values in replies[at].arrays.items()}
    steps = {name: at for name, (at, _) in found.items()}
    steps |= {f"running_{name}": steps[name] for name in ("mean", "var") if name in steps}
    mean, var = (found[name][1] if name in found else None for name in ("mean", "var"))
    gradients = gradients_in(replies[steps["dx"]]) if "dx" in steps else None
    return Answer(found["y"][1], mean, var, gradients, steps)
