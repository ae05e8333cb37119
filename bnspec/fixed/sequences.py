"""Fixed cases of several calls on one layer: the state that one call leaves is the one that the next call meets."""

from __future__ import annotations

from bnspec.fixed import numbers
from bnspec.fixed.recipes import Recipe, recipe


def _sequence(name: str, flags: str, why: str, calls: str, **changes: object) -> Recipe:
    """Numbers whose statistics are exact, so that the state between two calls is a number of every dtype."""
    return recipe(name, flags, why, calls=calls, **{"shape": (4, 2), "x": numbers.exact, **changes})


SEQUENCES: tuple[Recipe, ...] = (
    _sequence("train-train", "updated-once-only hidden-state last-batch-only", "two batches, one after the other", "train train"),
    _sequence(
        "train-train-train",
        "updated-once-only variance-weight-squared",
        "three batches",
        "train train train",
        shape=(2, 2),
        weight=0.5,
    ),
    _sequence(
        "four-batches",
        "updated-once-only average-not-weighted",
        "four batches, of which each weighs three quarters",
        "train train train train",
        shape=(2, 1),
        weight=0.75,
    ),
    _sequence(
        "train-infer", "stale-statistics inference-of-last-batch", "inference uses what training has just left", "train infer"
    ),
    _sequence(
        "train-train-infer",
        "inference-of-last-batch stale-statistics updated-once-only",
        "inference after two batches",
        "train train infer",
    ),
    _sequence("infer-train", "mode-sticks updated-in-inference", "training after an inference is training", "infer train"),
    _sequence("infer-train-infer", "mode-sticks stale-statistics", "inference, training, inference", "infer train infer"),
    _sequence("infer-infer", "updated-in-inference", "two inferences, between which nothing moves", "infer infer"),
    _sequence(
        "train-infer-train",
        "updated-in-inference mode-sticks",
        "an inference between two batches changes nothing",
        "train infer train",
    ),
    _sequence(
        "train-infer-infer",
        "updated-in-inference stale-statistics",
        "the second inference meets what the first one met",
        "train infer infer",
        shape=(3, 2),
    ),
    _sequence(
        "two-rounds-of-gradients",
        "gradients-accumulate first-forward-kept",
        "gradients of the second batch alone",
        "train+dy train+dy",
    ),
    _sequence(
        "three-rounds-of-gradients",
        "gradients-accumulate first-forward-kept updated-by-backward",
        "gradients of the third batch alone",
        "train+dy train+dy train+dy",
        shape=(3, 2),
        weight=0.5,
    ),
    _sequence(
        "gradients-after-two-forwards", "first-forward-kept hidden-state", "gradients of the latest forward", "train train+dy"
    ),
    _sequence(
        "gradients-of-inference-after-training",
        "training-gradient-in-inference first-forward-kept",
        "gradients of an inference that followed a training",
        "train infer+dy",
    ),
    _sequence(
        "gradients-of-training-after-inference",
        "mode-sticks",
        "gradients of a training that followed an inference",
        "infer train+dy",
    ),
    _sequence(
        "gradients-in-both-modes",
        "training-gradient-in-inference gradients-accumulate",
        "gradients in training, then in inference",
        "train+dy infer+dy",
    ),
    _sequence(
        "backward-between-two-batches",
        "updated-by-backward",
        "a backward between two batches leaves the state alone",
        "train+dy train",
        weight=0.5,
    ),
    _sequence(
        "a-whole-life",
        "inference-of-last-batch updated-in-inference gradients-accumulate stale-statistics",
        "training with gradients twice, inference, training, inference",
        "train+dy train+dy infer train infer",
        shape=(2, 2),
        weight=0.5,
    ),
    _sequence(
        "images-one-after-another",
        "updated-once-only bessel-with-batch-count",
        "two batches of images, then inference",
        "train train infer",
        shape=(2, 1, 2, 2),
    ),
    _sequence(
        "weights-that-add-up",
        "momentum-ignored average-not-weighted",
        "three batches of an eighth each",
        "train train train",
        shape=(2, 2),
        weight=0.125,
    ),
)
