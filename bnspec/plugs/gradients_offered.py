"""Which gradients an implementation offers: none, those of training, or those of inference too."""

from __future__ import annotations

import numpy as np

from bnspec.case import Case, from_columns
from bnspec.plugs.faults import BudgetSpent, Fault
from bnspec.plugs.offers import pair_case
from bnspec.plugs.subject import Subject

NEGLIGIBLE = 1e-2
"""What other values may share in a dx that follows its own dy alone: rounding makes far less, the formula of training far more."""

TIED = 'backward in inference is not dy gamma / sqrt(running_var + eps); declare backward = "train+infer" to have it judged'
"""Said of a backward that answers after an inference as code for training alone does."""


def find_backward(subject: Subject, dtype: str, warnings: list[str]) -> str:
    """Gradients of inference count as offered where each dx follows its own dy alone, be it right or wrong.

    Code that has none answers with the formula of training, which ties the dx of a channel together, or with nothing new.
    """
    case = pair_case(subject, dtype)
    if not _differentiates(subject, case):
        return "none"
    try:
        if _follows_its_own(subject, case):
            return "train+infer"
    except (Fault, BudgetSpent) as trouble:
        return "train" if isinstance(trouble, Fault) and trouble.status in ("unsupported", "error") else "train+infer"
    warnings.append(TIED)
    return "train"


def _follows_its_own(subject: Subject, case: Case) -> bool:
    """Whether a dy at the first value of each channel alone makes a dx there and nowhere else, in inference."""
    dy = np.zeros((case.m, case.channels))
    dy[:1] = 1
    subject.begin()
    answer = subject.infer_gradients(case.replace(dy=from_columns(dy, case.x.shape, case.channel_axis).astype(case.x.dtype)))
    if answer.gradients is None or answer.gradients.dx.shape != case.x.shape:
        return False
    own, others = np.split(np.abs(case.columns(answer.gradients.dx)), [1])
    return bool(np.all(own > 0) and np.all(others <= NEGLIGIBLE * own))


def _differentiates(subject: Subject, case: Case) -> bool:
    """Whether there is a backward at all. One that fails is there; one that says it is not offered is not."""
    if subject.link.started.words.get("backward") != "1":
        return False
    subject.begin()
    try:
        subject.train_gradients(case)
    except Fault as fault:
        return not (fault.status == "unsupported" and fault.op == "backward")
    except BudgetSpent:
        return True
    return True
