"""On which inputs a mistake shows: the simplest feature of a script that parts the wrong answers from the right ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from bnspec.case import Array, to_columns
from bnspec.reports.diagnosis.evidence import Evidence, Place
from bnspec.reports.diagnosis.scripts import Script

PLAIN = 300.0
"""|mean| / deviation, from which on little can be seen in float32."""

FEW = 3
"""Inputs that are named where nothing simpler can be said."""


@dataclass(frozen=True)
class Feature:
    """A number that a script has, and words for scripts that have much of it and for those that have little."""

    of: Callable[[Script], float]
    much: str
    little: str


def where(evidence: Evidence, deviating: Sequence[Place]) -> str:
    """On which inputs these observations deviate, in a sentence; "" where there are none."""
    if not deviating:
        return ""
    component = deviating[0].spot.component
    own = {place.script for place in evidence.places[component] if _is_plain(evidence.scripts[place.script], component)}
    wrong = {place.script for place in deviating} & own
    right = own - wrong
    if not own:
        return "Seen in the counterexamples; of other inputs none that would tell more was asked."
    if not wrong:
        return "Seen only in the counterexamples, and on none of the other inputs that were asked."
    if not right:
        return "Seen on every input that was asked."
    for feature in FEATURES if min(len(wrong), len(right)) > 1 else ():
        some, others = ([feature.of(evidence.scripts[number]) for number in group] for group in (wrong, right))
        if np.isnan(some + others).any():
            continue
        if min(some) > max(others):
            return _counted(f"Seen only {feature.much.format(min(some))}.")
        if max(some) < min(others):
            return _counted(f"Seen only {feature.little.format(max(some))}.")
    few = list(dict.fromkeys(evidence.scripts[number].about for number in sorted(wrong)))[:FEW]
    among = "among them " if len(few) < len(wrong) else ""
    return f"Seen on {len(wrong)} of {len(wrong) + len(right)} inputs: {among}{'; '.join(few)}."


def _counted(words: str) -> str:
    """One of a thing has no plural."""
    return re.sub(r"\b1 (sample|channel|position|value|call)s\b", r"1 \1", words)


def _is_plain(script: Script, component: str) -> bool:
    """Whether it is one of ours, and no rounding can hide much in it."""
    return not script.origin and (component == "edge" or conditioned(script) < PLAIN)


def _x(script: Script) -> Array:
    """The first x that is normalized."""
    return next(request.arrays["x"] for request in script.requests if request.op == "forward")


def _axis(script: Script) -> int:
    return int(script.requests[0].words["axis"])


def _columns(script: Script) -> Array:
    return to_columns(_x(script).astype(np.float64), _axis(script))


def _values(script: Script) -> float:
    return float(len(_columns(script)))


def _positions(script: Script) -> float:
    sizes = list(_x(script).shape)
    sizes.pop(_axis(script))
    return float(prod(sizes[1:]))


def conditioned(script: Script) -> float:
    """The largest |mean| / deviation of a channel of any x that is normalized."""
    every = [request.arrays["x"] for request in script.requests if request.op == "forward" and request.arrays["x"].size]
    columns = [to_columns(x.astype(np.float64), _axis(script)) for x in every]
    return max((_largest_ratio(one.mean(0), one.std(0)) for one in columns), default=0.0)


def _largest_ratio(values: Array, deviations: Array) -> float:
    """The largest |value| / deviation that is a number; 0 where none is."""
    with np.errstate(all="ignore"):
        ratios = np.abs(values) / deviations
    return float(np.max(ratios, initial=0.0, where=~np.isnan(ratios)))


def _spread(script: Script) -> float:
    columns = _columns(script)
    return float(columns.std(0).min()) if columns.size else 0.0


def _eps(script: Script) -> float:
    return float(script.requests[0].words.get("eps", "nan"))


def _given(name: str, usual: float) -> Callable[[Script], float]:
    """Whether the layer has another `name` than usual."""

    def differs(script: Script) -> float:
        values = script.requests[0].arrays.get(name)
        return float(values is not None and bool(np.any(values != usual)))

    return differs


def _outlying(script: Script) -> float:
    columns = _columns(script)
    return _largest_ratio(columns - columns.mean(0), columns.std(0)) if columns.size else 0.0


def _trains(script: Script) -> float:
    """Whether the first forward is a training."""
    return float(next(request.words["training"] == "1" for request in script.requests if request.op == "forward"))


FEATURES = (
    Feature(_trains, "in training", "in inference"),
    Feature(
        _positions, "where a sample has more than one position ({:.0f} and more: H*W > 1)", "with up to {:.0f} positions a sample"
    ),
    Feature(lambda script: float(_x(script).ndim), "in rank {:.0f} and above", "up to rank {:.0f}"),
    Feature(_values, "with {:.0f} values a channel and more", "with up to {:.0f} values a channel"),
    Feature(lambda script: _values(script) % 2, "where the number of values a channel is odd", "where it is even"),
    Feature(lambda script: float(_values(script) % 4 > 0), "where the values a channel are no multiple of 4", "where they are one"),
    Feature(lambda script: float(len(_x(script))), "with {:.0f} samples and more", "with up to {:.0f} samples"),
    Feature(lambda script: float(_columns(script).shape[1]), "with {:.0f} channels and more", "with up to {:.0f} channels"),
    Feature(_eps, "with eps of {:g} and more", "with eps of {:g} and less"),
    Feature(_given("gamma", 1.0), "where gamma is not 1", "where gamma is 1"),
    Feature(_given("beta", 0.0), "where beta is not 0", "where beta is 0"),
    Feature(_spread, "where every deviation is {:.2g} and more", "where a deviation is {:.2g} or less"),
    Feature(conditioned, "where |mean| reaches {:.2g} deviations and more", "where |mean| is at most {:.2g} deviations"),
    Feature(_outlying, "where a value lies {:.2g} deviations and more from its mean", "where none lies {:.2g} deviations out"),
    Feature(lambda script: float(script.requests[1].words.get("layout") != "contiguous"), "for arrays that are not contiguous", ""),
    Feature(lambda script: float(len(script.requests)), "after {:.0f} calls and more", "within the first {:.0f} calls"),
    Feature(lambda script: float(_x(script).itemsize), "in dtypes of {:.0f} bytes and more", "in dtypes of {:.0f} bytes and fewer"),
)
"""The features, the simplest first."""

SIZES = ("1", "gamma", "sqrt(var + eps)", "sqrt(var)", "m", "N", "m / (m - 1)", "var", "eps", "var + eps")
"""What a factor may be made of."""


def sizes_of(script: Script, component: str) -> dict[str, Array]:
    """The values of `SIZES` in the first forward of a script, (C,) each; var is that which normalizes."""
    columns, layer = _columns(script), script.requests[0]
    channels, m = columns.shape[1], len(columns)

    def given(name: str, otherwise: float) -> Array:
        return np.asarray(layer.arrays.get(name, np.full(channels, otherwise)), np.float64)

    var = columns.var(0) if component != "y_infer" and _trains(script) else given("running_var", 1.0)
    with np.errstate(all="ignore"):
        eps = np.full(channels, _eps(script))
        values = (
            np.ones(channels),
            given("gamma", 1.0),
            np.sqrt(var + eps),
            np.sqrt(var),
            np.full(channels, float(m)),
            np.full(channels, float(len(_x(script)))),
            np.full(channels, np.float64(m) / (m - 1)),
            var,
            eps,
            var + eps,
        )
    return dict(zip(SIZES, values, strict=True))
