"""In what two dialects differ that no stored number expresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bnspec.reference.dialects import Dialect
from bnspec.reference.dialects.step import Step, shown

COUNTS = (2, 8, 32, 256, 4096)
"""Values a channel in a training batch, for which factors are given as numbers."""


def axes(source: Dialect, goal: Dialect) -> Iterator[Step]:
    """Where the channels are in x, how parameters are shaped, and which ranks are not taken."""
    before, after = source.convention.channel_axis, goal.convention.channel_axis
    x = source.called("x")
    if before != after:
        yield Step("x", "convert", f"{goal.called('x')} = np.moveaxis({x}, {before}, {after})", "and y back again")
    if source.shape != goal.shape:
        note = f"parameters and statistics are shaped {goal.shape}, and were {source.shape}; the order of the channels is the same"
        yield Step("shape", "differs", note=note)
    if lost := [rank for rank in source.convention.ranks if rank not in goal.convention.ranks]:
        ranks = ", ".join(map(str, goal.convention.ranks))
        refused = ", ".join(map(str, lost))
        note = f"x of rank {refused} is not taken, only of {ranks}: fold the positions into the batch, or add axes of length 1"
        yield Step("ranks", "differs", note=note)


def variance_kinds(source: Dialect, goal: Dialect) -> Iterator[Step]:
    """The divisor of the running variance: what is kept is copied all the same, so that inference stays what it was."""
    mine, theirs = source.convention, goal.convention
    for rank in sorted({*mine.ranks} & {*theirs.ranks}):
        kinds = mine.variance_kind(rank), theirs.variance_kind(rank)
        if "none" in kinds or kinds[0] == kinds[1]:
            continue
        power = 1 if kinds == ("biased", "unbiased") else -1
        factor = "m / (m - 1)" if power == 1 else "(m - 1) / m"
        numbers = ", ".join(f"{(m / (m - 1)) ** power:.6g} for m = {m}" for m in COUNTS)
        note = (
            f"the variance of {source.name} is {kinds[0]}, that of {goal.name} {kinds[1]}; taken over as it is, inference gives "
            f"the same. What {goal.name} would have kept itself is {factor} times that, {numbers}, m being the number of values "
            "a channel in a training batch: no weights say which, so it is not exact unless you know m and it never changed"
        )
        by_rank = isinstance(mine.running_var, Mapping) or isinstance(theirs.running_var, Mapping)
        yield Step("running_var", "cannot", note=f"at rank {rank}, {note}" if by_rank else note)
        if not by_rank:
            return


DIFFERENCES = {
    "running_start": "a layer that was never trained starts at mean and variance {1}, and did at {0}",
    "single_value": "training with one value a channel: {1}, and was {0}",
    "empty_batch": "training with no value at all: {1}, and was {0}",
    "output_dtype": "the dtype of y: {1}, and was {0}",
    "statistics_dtype": "the dtype of the statistics: {1}, and was {0}",
    "backward": "gradients that are offered: {1}, and were {0}",
    "accumulate": "whether gradients add up over calls: {1}, and was {0}",
}
"""Choices that no number expresses, and what is said where they differ."""


def behaviour(source: Dialect, goal: Dialect) -> Iterator[Step]:
    """What a layer does otherwise there, and what else is known of both."""
    for name, text in DIFFERENCES.items():
        before, after = getattr(source.convention, name), getattr(goal.convention, name)
        if before != after and "unobservable" not in (before, after):
            yield Step(name, "differs", note=text.format(shown(before), shown(after)))
    for one in (source, goal):
        yield from (Step("note", "differs", note=f"{one.name}: {note}") for note in one.notes)
