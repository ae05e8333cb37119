"""The convention of an implementation with its evidence: what was asked, what came, and where two answers contradict each other.

`probe.measure` finds the convention that the properties need. This asks again, more widely: every dtype, several numbers of values,
other orders of calls, and the declaration, if there is one, against behaviour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnspec.case import Case
from bnspec.convention import Convention
from bnspec.plugs.faults import BudgetSpent, Fault
from bnspec.plugs.fourth_rank import fourth_rank, half_answer, resized
from bnspec.plugs.link import Link
from bnspec.plugs.offers import answered, pair_case
from bnspec.plugs.probe import CLOSE, MOMENTA, Measured, batch_weights, measure
from bnspec.plugs.subject import Subject

COUNTS = (2, 3, 5)
"""Values a channel for which the divisor of the running variance is measured: a wrong count gives itself away at one of them."""


@dataclass
class Identity:
    """A measured convention; `evidence` says for each key what was seen, `contradictions` where behaviour is not of one piece.

    scope   which parts of a layer are offered;  fixed: numbers of a setup that it does not let itself be given
    """

    name: str
    convention: Convention
    evidence: dict[str, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    scope: tuple[str, ...] = ()
    fixed: dict[str, float] = field(default_factory=dict)


def identify(link: Link, declared: Mapping[str, Any], dtypes: Iterable[str], before: Sequence[float] = ()) -> Identity:
    """Measure everything, believing no declaration; then compare with the declaration, and with the weights measured `before`."""
    subject = Subject(link)
    measured = measure(subject, {name: declared[name] for name in ("ranks", "channel_axis") if name in declared}, dtypes)
    found = Identity(link.started.text("name"), measured.convention, warnings=measured.warnings)
    found.scope, found.fixed = subject.scope, dict(subject.fixed)
    offered = [dtype for dtype, refused in measured.dtypes.items() if not refused]
    _shape_evidence(found, measured)
    _rank_evidence(subject, found, declared, offered)
    if "running" in subject.scope:
        _averaging_evidence(subject, found, offered)
        _same_again(found, before, subject.weights)
        _variance_evidence(subject, found, offered)
    _edge_evidence(found)
    _compare(found, declared)
    return found


def _shape_evidence(found: Identity, measured: Measured) -> None:
    convention = found.convention
    ranks = ", ".join(map(str, convention.ranks))
    found.evidence["ranks"] = f"inputs of rank {ranks} came back in their own shape"
    found.evidence["channel_axis"] = (
        f"parameters of 3 values fitted axis {convention.channel_axis}, where x has 3; its other axes have not"
    )
    refused = "; ".join(why for why in measured.dtypes.values() if why)
    found.evidence["output_dtype"] = "offered: " + ", ".join(name for name, why in measured.dtypes.items() if not why)
    if refused:
        found.warnings.append(refused)


def _rank_evidence(subject: Subject, found: Identity, declared: Mapping[str, Any], dtypes: list[str]) -> None:
    """Whether the one rank that is left, if it is one, is refused, or answered by halves."""
    rank = fourth_rank(found.convention, declared)
    if rank is not None and dtypes and (wrong := half_answer(subject, resized(pair_case(subject, dtypes[0]), [2] * (rank - 1)))):
        found.contradictions.append(wrong)


def _averaging_evidence(subject: Subject, found: Identity, dtypes: list[str]) -> None:
    """What momentum weighs, in every dtype and with an inference in between."""
    convention = found.convention
    seen: list[str] = []
    for momentum in [subject.fixed["momentum"]] if "momentum" in subject.fixed else MOMENTA:
        wanted = [float(convention.batch_weight(momentum, step)) for step in (1, 2)]
        for dtype in dtypes:
            for between in (False, True):
                weights = batch_weights(subject, dtype, momentum, inference_between=between)
                if not np.any(np.isnan(weights)) and not np.allclose(weights, wanted, atol=CLOSE):
                    order = " with an inference in between" if between else ""
                    found.contradictions.append(
                        f"momentum {momentum:g} in {dtype}{order} weighs the batch {_listed(weights)}, not {_listed(wanted)}"
                    )
        seen.append(f"with momentum {momentum:g} the running mean went {_listed(wanted)} of the way to its batch, step by step")
    for name in ("momentum_weighs", "debias"):
        found.evidence[name] = "; ".join(seen)
    found.evidence["momentum_default"] = "without a momentum the first step went the way of this one"
    mean, var = convention.running_start
    found.evidence["running_start"] = f"a fresh layer shows mean {mean:g} and variance {var:g}"


def _same_again(found: Identity, before: Sequence[float], now: Sequence[float]) -> None:
    """Whether the first questions of a run get the same answers in the middle of it."""
    if len(before) == len(now) and not np.allclose(before, now, atol=CLOSE, equal_nan=True):
        found.contradictions.append(
            f"when first asked, the running mean went {_listed(before)} of the way to its batch; when asked again, {_listed(now)}"
        )


def _variance_evidence(subject: Subject, found: Identity, dtypes: list[str]) -> None:
    """Which divisor the running variance has, for several numbers of values, and whether it moves with the mean's weight."""
    seen = []
    for rank in found.convention.ranks:
        for m in COUNTS:
            for dtype in dtypes:
                factor = _factor(subject, dtype, rank, m)
                wanted = float(found.convention.variance_factor(m, rank))
                if factor is not None and abs(factor - wanted) > CLOSE:
                    where = f"at rank {rank}, {dtype}, {m} values a channel, the running variance takes"
                    kind = found.convention.variance_kind(rank)
                    found.contradictions.append(f"{where} {factor:.4g} times the batch's, a {kind} one takes {wanted:.4g}")
        seen.append(f"rank {rank}: {float(found.convention.variance_factor(2, rank)):g} times the batch's at 2 values")
    found.evidence["running_var"] = "; ".join(seen)


def _factor(subject: Subject, dtype: str, rank: int, m: int) -> float | None:
    """What the batch's biased variance was multiplied by in one step, if the variance has the mean's weight."""
    case = counted_case(subject, dtype, rank, m)
    answer = answered(subject, case)
    if answer is None or answer.running_var is None:
        return None
    weight = float(subject.convention.batch_weight(case.momentum))
    before, after = float(case.running_var[0]), float(answer.running_var[0])
    return (after - (1 - weight) * before) / weight if weight else None


def counted_case(subject: Subject, dtype: str, rank: int, m: int) -> Case:
    """A batch of m values a channel along the batch axis, whose biased variance is 1."""
    pair = pair_case(subject, dtype, rank=rank)
    axis = 0 if pair.channel_axis % rank else 1
    values = np.arange(m) - (m - 1) / 2
    values = 4 + values / values.std()
    shape = [1] * rank
    shape[axis] = m
    whole = [pair.channels if at == pair.channel_axis % rank else size for at, size in enumerate(shape)]
    x = np.broadcast_to(values.reshape(shape), whole)
    return pair.replace(x=np.ascontiguousarray(x).astype(pair.x.dtype), dy=None)


def _edge_evidence(found: Identity) -> None:
    convention = found.convention
    found.evidence["eps_default"] = "the pair -a, a came out as a / sqrt(a**2 + eps) for this eps"
    single = {"error": "was refused", "beta": "gave y = beta", "unchanged-state": "gave y = beta and left the state alone"}
    found.evidence["single_value"] = f"training on one value a channel {single.get(convention.single_value, 'gave something else')}"
    empty = {"error": "was refused", "unchanged": "left the state alone"}
    found.evidence["empty_batch"] = f"training on no value {empty.get(convention.empty_batch, 'changed the state')}"
    found.evidence["backward"] = {
        "none": "no gradients were offered",
        "train": "gradients after an inference were refused, or tied to one another as those of training are",
        "train+infer": "after an inference each dx followed its own dy alone, as gradients of an inference do",
    }[convention.backward]


def _compare(found: Identity, declared: Mapping[str, Any]) -> None:
    measured = found.convention.to_mapping()
    for name, value in Convention.from_mapping(declared).to_mapping().items() if declared else ():
        if name in declared and name in found.evidence and name in measured and measured[name] != value:
            found.contradictions.append(f"declared {name} = {value!r}, measured {measured[name]!r}: {found.evidence[name]}")


def _listed(weights: Iterable[float]) -> str:
    return " then ".join(f"{weight:.4g}" for weight in weights)


def opened(link: Link, declared: Mapping[str, Any], dtypes: Iterable[str]) -> Identity:
    """`identify`, with what cannot be asked at all as a `Fault`."""
    try:
        return identify(link, declared, dtypes)
    except BudgetSpent:
        raise Fault("crash", "the implementation ends its process at almost every question", "start") from None
