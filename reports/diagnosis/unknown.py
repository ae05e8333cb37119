"""What is seen of a mistake that has no name here: which part is wrong, by how much, where, and what still holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bnspec.case import Array, to_columns
from bnspec.reports.diagnosis.evidence import Evidence, Place
from bnspec.reports.diagnosis.features import SIZES, sizes_of, where
from bnspec.reports.diagnosis.findings import FEWEST, Finding, slug

WORDS = {
    "y_train": "y in training",
    "y_infer": "y in inference",
    "running_mean": "the running mean",
    "running_var": "the running variance",
    "dx": "dx",
    "dgamma": "dgamma",
    "dbeta": "dbeta",
    "state": "what a layer answers after other calls",
    "purity": "the caller's arrays",
    "dtype": "the dtype of y",
    "edge": "an edge case",
}
"""The components as a reader knows them."""

ALIKE = 1e-3
"""Factors that differ by less are one factor."""

NAMESAKES = 3
"""Bugs that are listed where several would do the same."""

POWERS = {1.0: "{}", -1.0: "1 / {}", 0.5: "the root of {}", -0.5: "1 / the root of {}", 2.0: "the square of {}"}
"""Powers of a size that a factor may be."""


@dataclass(frozen=True)
class Pair:
    """What came and what should have come, in columns: (m, C), or (1, C) for what is a channel's."""

    place: Place
    got: Array
    want: Array
    base: Array


def described(evidence: Evidence, findings: Sequence[Finding], names: tuple[str, ...]) -> str:
    """Two or three sentences about the first component that is wrong, and which others are; they claim no cause beyond doubt."""
    first = findings[0]
    wrong = list(dict.fromkeys(WORDS[finding.component] for finding in findings))
    right = [WORDS[name] for name, places in evidence.places.items() if WORDS[name] not in wrong and len(places) >= 3]
    sentences = [_opening(first), f"{begun(WORDS[first.component])} {_how(evidence, first, names)}."]
    sentences.append(where(evidence, first.deviating))
    if len(wrong) > 1:
        sentences.append(f"Also other than it should be, perhaps in consequence: {', '.join(wrong[1:])}.")
    if held := [word for word in right if word in list(WORDS.values())[:7]]:
        sentences.append(f"Right are {', '.join(held)}.")
    return " ".join(sentences)


def _opening(first: Finding) -> str:
    """Whether a known bug would do this, where there is none to be named."""
    would = list(dict.fromkeys(slug(match.bug) for match in first.leaders))
    if not would or first.doubted or first.follows:
        return "No known bug does this."
    if len(would) == 1:
        return f"{would[0]} would do this, but too little was seen to be sure."
    return f"{' or '.join(would[:NAMESAKES])} would do this, and nothing that was asked tells them apart."


def _how(evidence: Evidence, finding: Finding, names: tuple[str, ...]) -> str:
    """What a component is instead of what it should be."""
    faults = {fault for place in finding.deviating if (fault := evidence.answers[place.script][place.spot.step].fault)}
    if faults:
        return f"ends in {' or '.join(sorted(f'an {fault}' if fault == 'error' else f'a {fault}' for fault in faults))}"
    if finding.component == "purity":
        replies = [evidence.answers[place.script][place.spot.step] for place in finding.deviating]
        words = {word for reply in replies for word in reply.noticed or ()}
        return f"are changed by a call: {', '.join(sorted(words))}"
    pairs = list(_pairs(evidence, finding.deviating, names))
    if not pairs:
        return "has another shape or dtype than it should have"
    if any(np.isnan(pair.got).any() and not np.isnan(pair.want).any() for pair in pairs):
        return "is NaN where it should be a number"
    return (
        _as_trifle(pairs)
        or _as_nothing(pairs)
        or _as_factor(evidence, pairs)
        or _as_shift(pairs)
        or _as_line(pairs)
        or _as_elements(pairs)
    )


def _pairs(evidence: Evidence, deviating: Sequence[Place], names: tuple[str, ...]) -> Iterator[Pair]:
    for place in deviating:
        script, spot = evidence.scripts[place.script], place.spot
        simulated = evidence.simulated(names, place.script)
        if spot.step >= len(simulated) or spot.name in ("dtype", "noticed"):
            continue
        got, want = (answers[spot.step].arrays.get(spot.name) for answers in (evidence.answers[place.script], simulated))
        if got is None or want is None or got.shape != want.shape or not got.size:
            continue
        axis = int(script.requests[0].words["axis"])
        a, b = (to_columns(part, axis) if part.ndim > 1 else part[None] for part in (got, want))
        beta = script.requests[0].arrays.get("beta")
        base = beta.astype(np.float64)[None] if spot.name == "y" and beta is not None else np.zeros((1, a.shape[1]))
        yield Pair(place, a.astype(np.float64), b.astype(np.float64), base)


def _as_trifle(pairs: Sequence[Pair]) -> str:
    """Where digits are missing, and the formula may well be right."""
    if any((np.isfinite(pair.got) != np.isfinite(pair.want)).any() for pair in pairs):
        return ""  # a number where there should be none, or none where there should be one, is no trifle
    numbers = [(pair.got[finite], pair.want[finite]) for pair in pairs for finite in [np.isfinite(pair.want)]]
    off = max(np.abs(got - want).max(initial=0.0) / (np.abs(want).max(initial=0.0) + 1e-300) for got, want in numbers)
    return (
        f"is off by {off:.1g} of its size at most: little for a wrong formula, and more than rounding explains"
        if off < ALIKE
        else ""
    )


def _as_nothing(pairs: Sequence[Pair]) -> str:
    """Where nothing depends on the input."""
    if any(np.abs(pair.got - pair.base).max() > ALIKE * np.abs(pair.want - pair.base).max() for pair in pairs):
        return ""
    return "is beta, whatever x is" if pairs[0].place.spot.name == "y" else "is 0"


def _as_factor(evidence: Evidence, pairs: Sequence[Pair]) -> str:
    """Where all deviates from beta, or from 0, by a factor; and which, if it is one that can be recognised."""
    factors = [_slope(pair.got - pair.base, pair.want - pair.base) for pair in pairs]
    if any(factor is None for factor in factors):
        return ""
    known = np.concatenate([factor for factor in factors if factor is not None])
    known = known[np.isfinite(known)]
    about = " its distance from beta" if pairs[0].place.spot.name == "y" else ""
    told = f"is a multiple of what it should be:{about} {_range(known, 'times')}"
    sizes = [sizes_of(evidence.scripts[pair.place.script], pair.place.spot.component) for pair in pairs]
    given = [factor for factor in factors if factor is not None]
    if rule := _rule(given, sizes):
        return f"{told}; the factor is {rule}"
    within = _within(given, sizes) if pairs[0].place.spot.name == "y" else ""
    return f"{told}, as if {within}" if within else told


def _within(factors: Sequence[Array], sizes: Sequence[Mapping[str, Array]]) -> str:
    """By what var, or eps, would have to be multiplied to give these factors of 1 / sqrt(var + eps); "" for nothing simple."""
    factor = np.concatenate(list(factors))
    size = {name: np.concatenate([one[name] for one in sizes]) for name in SIZES}
    for changed, kept, words in (("var", "eps", "the variance were"), ("eps", "var", "eps were")):
        with np.errstate(all="ignore"):
            needed = (size["var + eps"] / factor**2 - size[kept]) / size[changed]
            for name in SIZES:
                for power, said in POWERS.items():
                    share = size[name] ** power
                    constant = float(np.median(needed / share))
                    supposed = np.sqrt(size["var + eps"] / (constant * share * size[changed] + size[kept]))
                    if len(factor) >= FEWEST and (np.abs(supposed - factor) <= ALIKE * np.abs(factor)).all():
                        times = f"{_times(constant, name, said)} times what it is"
                        return f"{words} {'0' if abs(constant) < ALIKE else times}"
    return ""


def _times(constant: float, name: str, said: str) -> str:
    """A constant and a power of a size."""
    if name == "1":
        return f"{constant:.4g}"
    return said.format(name) if abs(constant - 1) < ALIKE else f"{constant:.4g} {said.format(name)}"


def _rule(factors: Sequence[Array], sizes: Sequence[Mapping[str, Array]]) -> str:
    """What the factors of all inputs are, times a constant; "" for nothing simple."""
    for name in SIZES:
        for power, words in POWERS.items():
            with np.errstate(all="ignore"):
                every = np.concatenate([factor / size[name] ** power for factor, size in zip(factors, sizes, strict=True)])
            if len(every) < FEWEST or not np.isfinite(every).all() or np.ptp(every) > ALIKE * np.abs(every).min():
                continue
            return _times(float(every.mean()), name, words)
    return ""


def _slope(got: Array, want: Array) -> Array | None:
    """The factor of each channel, where there is one."""
    with np.errstate(all="ignore"):
        power = np.square(want).sum(0)
        factor = (got * want).sum(0) / power
        left = np.abs(got - factor * want).max(0) / np.sqrt(np.square(got).mean(0) + np.square(want).mean(0))
    usable = power > 0
    return np.where(usable, factor, np.nan) if (left[usable] < ALIKE).all() and usable.all() else None


def _as_shift(pairs: Sequence[Pair]) -> str:
    """Where a constant is added in each channel."""
    shifts = [pair.got - pair.want for pair in pairs if len(pair.got) > 1]
    if len(shifts) < len(pairs) or not all((np.ptp(shift, 0) <= ALIKE * (np.abs(shift).max(0) + 1e-30)).all() for shift in shifts):
        return ""
    known = np.concatenate([shift.mean(0) for shift in shifts])
    return f"is shifted as a whole in each channel, by {_range(known, '')}; its differences are right"


def _as_line(pairs: Sequence[Pair]) -> str:
    """Where each channel is a straight line of what it should be."""
    if any(len(pair.got) < 3 for pair in pairs):
        pairs = [pair for pair in pairs if len(pair.got) >= 3]
    lines = [_slope(pair.got - pair.got.mean(0), pair.want - pair.want.mean(0)) for pair in pairs]
    if not lines or any(line is None for line in lines):
        return ""
    known = np.concatenate([line for line in lines if line is not None])
    return f"is scaled by {_range(known, 'times')} and shifted besides, channel by channel"


def _as_elements(pairs: Sequence[Pair]) -> str:
    """Which channels and which places are wrong, where not all are."""
    furthest, largest = (float(np.nanmax(np.abs(part))) for part in (pairs[0].got - pairs[0].want, pairs[0].want))
    size = f"off by up to {furthest:.2g} where {largest:.2g} is largest"
    off = [np.abs(pair.got - pair.want) > ALIKE * (np.abs(pair.want).max() + 1e-30) for pair in pairs]
    channels = [set(np.flatnonzero(some.any(0))) for some in off]
    wide = [(found, pair) for found, pair in zip(channels, pairs, strict=True) if pair.got.shape[1] > 1]
    if wide and all(found <= {pair.got.shape[1] - 1} for found, pair in wide):
        return f"is wrong in the last channel only, {size}"
    if wide and all(found <= {0} for found in channels):
        return f"is wrong in the first channel only, {size}"
    rows = [np.flatnonzero(some.any(1)) for some in off if len(some) > 1]
    if rows and all(len(found) <= 1 for found in rows):
        return f"is wrong in a single place of each channel, {size}"
    return f"is no multiple and no shift of what it should be, {size}"


def _range(values: Array, unit: str) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    if abs(high - low) <= ALIKE * max(abs(low), abs(high), 1e-30):
        return f"{low:.4g} {unit}".strip() + ", everywhere"
    return f"{low:.3g} to {high:.3g} {unit}".strip() + ", depending on the input"


def begun(words: str) -> str:
    """A sentence may begin so; names of variables stay as they are."""
    return words if words.split()[0] in ("y", "dx", "dgamma", "dbeta") else f"{words[:1].upper()}{words[1:]}"
