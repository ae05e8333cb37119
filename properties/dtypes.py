"""What the laws about dtypes share: which dtype belongs to which, layers that are half throughout, steps that half types lose."""

from __future__ import annotations

import numpy as np

from bnspec.case import Case
from bnspec.plugs.half_parameters import in_half
from bnspec.plugs.subject import Answer
from bnspec.properties.judge import component, reject, seen, train_truth
from bnspec.properties.stage import Declined, current

BELONGS_TO = {"y": "x", "dx": "x", "dgamma": "gamma", "dbeta": "beta"}
"""Whose dtype each component of an answer has."""

NEAR = 1 / 64
"""How far, of its size, a running statistic is from the batch's: a hundredth of that is less than half an ulp of float16."""


def assert_dtypes(answer: Answer, case: Case, *names: str) -> None:
    """Each named component in the dtype of what it belongs to; a parameter that the layer is not given has a dtype of its own."""
    seen()
    subject = current().subject
    for name in names:
        found, like = component(answer, name), BELONGS_TO[name]
        wanted = getattr(case, like).dtype
        its_own = subject is not None and like in subject.withheld
        if found is not None and not its_own and found.dtype != wanted:
            reject("dtype", answer, f"{name} is {found.dtype}, {like} is {wanted}")


def half_throughout(case: Case) -> Case:
    """The case with half parameters and statistics; raises `Declined` where the subject keeps none."""
    stage = current()
    if stage.subject is not None and (why := stage.subject.half_parameters.get(stage.dtype, "not asked before")):
        raise Declined(why)
    return in_half(case)


def near_the_batch(case: Case, weight: float) -> Case:
    """The case with a running state just below the batch's own statistics, and a momentum that gives the batch this weight."""
    stage, batch = current(), train_truth(case).exact
    var = np.where(batch.var > 0, batch.var, 1.0) * float(stage.convention.variance_factor(case.m, case.x.ndim))
    kept = case.running_mean.dtype
    state = {"running_mean": (batch.mean * (1 - NEAR)).astype(kept), "running_var": (var * (1 - NEAR)).astype(kept)}
    fixed, scalar = ({}, float) if stage.subject is None else (stage.subject.fixed, stage.subject.scalar)
    return case.replace(**state, momentum=fixed.get("momentum", scalar(stage.convention.argument(weight))))
