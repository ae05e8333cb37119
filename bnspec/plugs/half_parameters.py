"""Layers that are half throughout, as torch's `.half()` makes them: parameters and running statistics in x's own half dtype.

Which of the two a layer is to be, the arrays of its setup say. Code that takes half parameters and keeps everything in float32
all the same has no such variant, and nothing is asked of it.
"""

from __future__ import annotations

from bnspec.case import Array, Case
from bnspec.plugs.faults import BudgetSpent, Fault
from bnspec.plugs.offers import first_line, pair_case
from bnspec.plugs.subject import Answer, Subject

STATE = ("gamma", "beta", "running_mean", "running_var")
"""What is narrowed."""


def in_half(case: Case) -> Case:
    """The case with parameters and state rounded to the dtype of x: the rounded ones are what is given, and what is true."""
    return case.replace(**{name: getattr(case, name).astype(case.x.dtype) for name in STATE})


def refusal(subject: Subject, dtype: str) -> str:
    """Why layers of a half `dtype` are not offered half parameters, "" where they are; seen by asking once.

    They are where something that has their dtype comes back in half: a running statistic, or a gradient of a parameter.
    """
    case = in_half(pair_case(subject, dtype))
    if "train" not in subject.scope:
        return "training is not offered, which alone shows whether parameters are kept in half"
    subject.begin()
    try:
        answer = subject.train_gradients(case) if "grad_train" in subject.scope else subject.train(case)
    except Fault as fault:
        return f"parameters in {dtype} are not offered: {first_line(fault)}"
    except BudgetSpent as spent:
        return f"parameters in {dtype} were not tried: {spent}"
    if any(part.dtype == case.x.dtype for part in _of_the_parameters(answer)):
        return ""
    return f"parameters are not kept in {dtype} where they are given in it"


def _of_the_parameters(answer: Answer) -> list[Array]:
    """The parts of an answer that have the dtype in which a layer keeps its parameters."""
    gradients = [] if answer.gradients is None else [answer.gradients.dgamma, answer.gradients.dbeta]
    return [part for part in (answer.running_mean, answer.running_var, *gradients) if part is not None]
