"""What an implementation offers at all: ranks, dtypes, and the parts of a setup that it lets itself be given. Seen by asking.

What is refused is a missing capability. A layer without gamma, without running statistics, with an eps of its own or for images
only can still be asked about the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from bnspec.case import HALF_DTYPES, Array, Case, dtype_named, parameter_dtype
from bnspec.plugs.faults import BudgetSpent, Fault
from bnspec.plugs.subject import Answer, Subject

RANKS = (2, 3, 4, 5)
"""The ranks that are tried."""

LENGTHS = (2, 5, 4, 7, 6)
"""Sizes of the axes of a probe, all different and different from C = 3, so that a mistaken axis fails instead of passing."""

USUAL = {"eps": 0.5, "momentum": 0.25, "gamma": 1.0, "beta": 0.0, "running_mean": 0.0, "running_var": 16.0}
"""The parts of a setup that a layer may refuse to be given, and what a probe gives: numbers that are exact in every dtype."""

PARTS = tuple(USUAL)

BY_POSITION = "channels last, each position is normalized by itself, as code for (N, C) does: it is asked in rank 2 only"
"""A warning. Where channels last were declared this would be a mistake."""


def pair_case(subject: Subject, dtype: str, *, rank: int | None = None, center: float = 4.0, spread: float = 1.0) -> Case:
    """Two values a channel, center - spread and center + spread: mean center, biased variance spread**2, unbiased twice that.

    Where only one shape is taken, as many of the one as of the other; center itself once, where their number is odd.
    """
    rank = subject.convention.ranks[0] if rank is None else rank
    axis = subject.convention.channel_axis
    shape = [1] * rank
    shape[axis] = 3
    shape[0 if axis % rank else 1] = 2
    if len(subject.fixed_shape) == rank:
        shape = list(subject.fixed_shape)
    sign = _signs(shape, axis)
    x = (center + spread * sign).astype(dtype_named(dtype))
    values = {**USUAL, **subject.fixed}
    kept = parameter_dtype(dtype)
    gamma, beta, mean, var = (np.full(shape[axis], values[name], kept) for name in ("gamma", "beta", "running_mean", "running_var"))
    return Case(x, gamma, beta, mean, var, values["eps"], values["momentum"], np.ones_like(x), axis)


def _signs(shape: Sequence[int], axis: int) -> Array:
    """-1 and 1 in turn along each channel, after a 0 where their number is odd."""
    m = prod(shape) // shape[axis]
    signs = np.concatenate([np.zeros(m % 2), np.resize([-1.0, 1.0], m - m % 2)])
    others = [size for at, size in enumerate(shape) if at != axis % len(shape)]
    return np.array(np.moveaxis(np.broadcast_to(signs.reshape(*others, 1), (*others, shape[axis])), -1, axis))


def tried(subject: Subject, case: Case) -> Answer | Fault:
    """The answer to a training step, or the fault. What is found not to have `running`, or not to train, is asked again without."""
    subject.begin()
    try:
        if "train" in subject.lacks:
            return subject.infer(case)
        trained = subject.train(case)
        subject.trained = True
        return trained
    except Fault as fault:
        missing = {"running": "running", "forward": "" if subject.trained else "train"}.get(fault.op, "")
        if fault.status != "unsupported" or not missing or missing in subject.lacks:
            return fault
        subject.lacks.add(missing)
        answer = tried(subject, case)
        if isinstance(answer, Fault):
            subject.lacks.discard(missing)
        return answer
    except BudgetSpent as spent:
        return Fault("crash", str(spent), "layer")


def answered(subject: Subject, case: Case) -> Answer | None:
    """The answer to a training step, or to an inference where none is offered; None where there is none of the right shape."""
    answer = tried(subject, case)
    return None if isinstance(answer, Fault) or answer.y.shape != case.x.shape else answer


def find_ranks(subject: Subject, declared: Mapping[str, Any], dtypes: Iterable[str], warnings: list[str]) -> dict[str, Any]:
    """The ranks that are answered with the right shape, and the channel axis; sets what of a setup is withheld.

    Channels last are taken only where channels first fail. The first dtype in which any rank is answered decides.
    """
    axes = [declared["channel_axis"]] if "channel_axis" in declared else [1, -1]
    told: dict[int, str] = {}
    for dtype in sorted(dtypes, key=lambda name: name in HALF_DTYPES):
        ranks = declared.get("ranks", RANKS)
        offered = {axis: _offered(subject, ranks, axis, dtype, told, guessed=axis != axes[0]) for axis in axes}
        axis = max(axes, key=lambda axis: (sum(rank > 2 for rank in offered[axis][0]), axis == axes[0]))
        found, subject.withheld = offered[axis]
        if found:
            break
    else:
        found, axis = [2], axes[0]
    warnings += [words for rank, words in told.items() if rank not in found]
    return {"ranks": found, "channel_axis": axis}


def _offered(
    subject: Subject, ranks: Iterable[int], axis: int, dtype: str, told: dict[int, str], *, guessed: bool
) -> tuple[list[int], tuple[str, ...]]:
    """The ranks that are answered, and what of a setup is withheld for that; the first of them decides the latter.

    told   rank -> a warning, where there is one why it is not asked; 0 -> one that concerns all ranks
    """
    found: list[int] = []
    subject.withheld = ()
    for rank in ranks:
        if subject.fixed_shape and rank != len(subject.fixed_shape):
            continue
        subject.convention = replace(subject.convention, channel_axis=axis, ranks=(rank,))
        case = _unlike_sizes(subject, rank, axis, dtype)
        answer = tried(subject, case)
        if not found and isinstance(answer, Fault) and answer.status == "unsupported":
            answer = _withhold(subject, case, answer)
        if isinstance(answer, Answer) and answer.y.shape == case.x.shape:
            if guessed and rank > 2 and _position_by_position(subject, case, answer):
                told[0] = BY_POSITION
            else:
                found.append(rank)
        elif isinstance(answer, Fault) and answer.status in ("crash", "timeout") and not guessed:
            told.setdefault(rank, f"rank {rank} is not asked, since it ended in a {answer.status}: {first_line(answer)}")
    return found, subject.withheld if found else ()


def _position_by_position(subject: Subject, case: Case, answer: Answer) -> bool:
    """Whether other values in the first position leave y in the others as it was: no mean is shared then."""
    x = case.x.copy()
    x[:, 0] = x[::-1, 0] * 3 + 1
    other = answered(subject, case.replace(x=x))
    return other is not None and np.array_equal(other.y[:, 1:], answer.y[:, 1:])


def _unlike_sizes(subject: Subject, rank: int, axis: int, dtype: str) -> Case:
    shape = list(LENGTHS[:rank])
    shape[axis] = 3
    if subject.fixed_shape:
        shape = list(subject.fixed_shape)
    if subject.ghost:
        shape[0] = min(shape[0], subject.ghost)
    x = (np.arange(np.prod(shape)) % 11).reshape(shape).astype(dtype_named(dtype))
    return pair_case(subject, dtype, rank=rank).replace(x=x, dy=None)


def _withhold(subject: Subject, case: Case, refusal: Fault) -> Answer | Fault:
    """Find the fewest parts of the setup without which the case is answered; that answer, or the refusal where none helps.

    One part alone, then all, then two and more: code that refuses to be given eps may well refuse to be left without gamma.
    """
    texts = {refusal.text}
    for names in (*combinations(PARTS, 1), PARTS, *(some for count in range(2, len(PARTS)) for some in combinations(PARTS, count))):
        if len(names) == 2 and len(texts) == 1:
            break  # nothing that was left out made any difference: it is no part of the setup that is refused
        subject.withheld = names
        answer = tried(subject, case)
        if not isinstance(answer, Fault):
            return _put_back(subject, case, answer)
        texts.add(answer.text)
    subject.withheld = ()
    return refusal


def _put_back(subject: Subject, case: Case, answer: Answer) -> Answer:
    """Give again, one by one, the withheld parts that need not be; the answer to what is given in the end."""
    for name in subject.withheld:
        held, subject.withheld = subject.withheld, tuple(other for other in subject.withheld if other != name)
        if isinstance(again := tried(subject, case), Fault):
            subject.withheld = held
        else:
            answer = again
    return answer


def find_dtypes(subject: Subject, dtypes: Iterable[str]) -> dict[str, str]:
    """Why each dtype is not offered, "" where it is. Where none is, all are asked: then it is no missing capability.

    Nor is a crash or a hang: a dtype with which the process ends is asked, and the properties say so.
    """
    refused: dict[str, str] = {}
    for dtype in dtypes:
        try:
            answer = tried(subject, pair_case(subject, dtype))
        except TypeError as trouble:
            refused[dtype] = f"{dtype} is not offered: {trouble}"
            continue
        if isinstance(answer, Fault):
            refused[dtype] = f"{dtype} is not offered: {first_line(answer)}" if answer.status in ("unsupported", "error") else ""
        else:
            narrow = dtype == "float64" and answer.y.dtype.itemsize < 8
            refused[dtype] = f"float64 in, {answer.y.dtype} out: float64 is not offered" if narrow else ""
    return refused if any(not why for why in refused.values()) else dict.fromkeys(refused, "")


def first_line(fault: Fault) -> str:
    """What it said first."""
    return fault.text.strip().split("\n")[0] or "no reason was given"


def first_samples(x: Array, case: Case, count: int = 1) -> Array:
    """The first samples of x, the batch being the first axis that is not the channel's."""
    return np.ascontiguousarray(np.take(x, range(count), 0 if case.channel_axis % x.ndim else 1))
