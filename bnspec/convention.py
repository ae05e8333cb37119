"""The legitimate choices in which correct BatchNorms differ. A convention is not a bug, and a bug is not a convention."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from fractions import Fraction
from numbers import Integral, Real
from reprlib import repr as shortened
from typing import Any

VarianceKind = str | Mapping[int, str]

CHOICES: dict[str, tuple[str, ...]] = {
    "momentum_weighs": ("batch", "running", "cumulative", "unobservable"),
    "debias": ("none", "zero", "first"),
    "single_value": ("error", "beta", "unchanged-state", "unobservable"),
    "empty_batch": ("error", "unchanged", "unobservable"),
    "output_dtype": ("input", "float32", "promoted", "unobservable"),
    "statistics_dtype": ("float32", "input", "unobservable"),
    "backward": ("none", "train", "train+infer"),
}
"""What each named choice may be; `FORMS` has the others."""

VARIANCES = ("biased", "unbiased", "none")


def _is_number(value: Any, kind: type = Real) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "momentum_default": (_is_number_or_none, 'a number, or "none" where there is no default'),
    "eps_default": (_is_number_or_none, 'a number, or "none" where there is no default'),
    "running_start": (
        lambda value: isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value)),
        "two numbers, the mean and the variance",
    ),
    "channel_axis": (lambda value: _is_number(value, Integral), "a whole number"),
    "ranks": (
        lambda value: isinstance(value, tuple) and value != () and all(_is_number(rank, Integral) and rank >= 2 for rank in value),
        "a list of at least one rank of 2 or more",
    ),
    "accumulate": (lambda value: isinstance(value, bool), "true or false"),
    "affine": (lambda value: isinstance(value, bool), "true or false"),
}
"""What the other choices must look like, and the same in words. Sizes are not checked: what a faulty layer does is measured too."""


class BadConvention(ValueError):
    """A declaration that is not one of the choices there are."""


@dataclass(frozen=True)
class Convention:
    """One consistent set of choices; every field has the default of PyTorch.

    momentum_weighs   what the momentum argument is the weight of: the new "batch" value, the "running" (old) value,
                      nothing ("cumulative": step k weighs 1/k), or "unobservable"
    running_var       "biased" (divides by m), "unbiased" (m - 1) or "none"; or by rank, {2: "biased", 4: "unbiased"}
    running_start     (mean, var) of a fresh layer
    debias            start-up correction: "none"; "zero" (starts at 0, divided by 1 - keep**k); "first" (first batch copied)
    channel_axis      where the channels are, for each of `ranks`
    single_value      training with one value a channel: "error", "beta" (y = beta), "unchanged-state" (and state stays)
    backward          gradients offered: "none", "train", "train+infer";  accumulate: gradients add up over calls
    """

    momentum_weighs: str = "batch"
    momentum_default: float | None = 0.1
    running_var: VarianceKind = "unbiased"
    running_start: tuple[float, float] = (0.0, 1.0)
    debias: str = "none"
    eps_default: float | None = 1e-5
    channel_axis: int = 1
    ranks: tuple[int, ...] = (2, 3, 4, 5)
    single_value: str = "error"
    empty_batch: str = "error"
    output_dtype: str = "input"
    statistics_dtype: str = "float32"
    backward: str = "train+infer"
    accumulate: bool = False
    affine: bool = True

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadConvention(f"{name} must be one of {', '.join(choices)}; got {shortened(getattr(self, name))}")
        for name, (fits, wanted) in FORMS.items():
            if not fits(getattr(self, name)):
                raise BadConvention(f"{name} must be {wanted}; got {shortened(getattr(self, name))}")
        kinds = list(self.running_var.values()) if isinstance(self.running_var, Mapping) else [self.running_var]
        if not kinds or any(kind not in VARIANCES for kind in kinds):
            raise BadConvention(
                f"running_var must be one of {', '.join(VARIANCES)}, or one a rank; got {shortened(self.running_var)}"
            )

    def variance_kind(self, rank: int) -> str:
        """ "biased", "unbiased" or "none" for inputs of this rank; a rank that is not listed follows the nearest listed one."""
        if isinstance(self.running_var, str):
            return self.running_var
        return self.running_var[min(self.running_var, key=lambda listed: (abs(listed - rank), listed))]

    def variance_factor(self, m: int, rank: int) -> Fraction:
        """What the batch's biased variance is multiplied by on its way into the running one: 1 or m / (m - 1).

        With one value a channel m - 1 is 0 and the variance is 0 too; the factor is 1 there.
        """
        return Fraction(m, m - 1) if m > 1 and self.variance_kind(rank) == "unbiased" else Fraction(1)

    def batch_weight(self, momentum: float | None, step: int = 1) -> Fraction:
        """The exact weight of the batch in step `step` (counted from 1) of the running average, 1 - that of the old value.

        Every convention is such a schedule: constant; 1/k (cumulative); 1, then constant (first); and for "zero"
        (1 - keep) / (1 - keep**k), which is what dividing a zero-started average by 1 - keep**k comes to.
        """
        if self.momentum_weighs == "cumulative" or momentum is None:
            return Fraction(1, step)
        given = Fraction(momentum)
        weight = 1 - given if self.momentum_weighs == "running" else given
        if self.debias == "first" and step == 1:
            return Fraction(1)
        if self.debias == "zero" and weight:
            return weight / (1 - (1 - weight) ** step)
        return weight

    def argument(self, batch_weight: float) -> float:
        """The momentum argument that gives the new batch this weight, to the nearest float."""
        return 1.0 - batch_weight if self.momentum_weighs == "running" else batch_weight

    @classmethod
    def from_mapping(cls, choices: Mapping[str, Any]) -> Convention:
        """A convention from plain data (TOML, an adapter's dict); what is not said keeps its default. Raises `BadConvention`."""
        known = sorted(field.name for field in fields(cls))
        if unknown := [name for name in choices if name not in known]:
            near = get_close_matches(str(unknown[0]), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
            raise BadConvention(f"unknown convention key {shortened(unknown[0])}; {hint}")
        said: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in choices.items()}
        for name in ("momentum_default", "eps_default"):
            if said.get(name) == "none":
                said[name] = None
        if isinstance(kinds := said.get("running_var"), Mapping):
            said["running_var"] = {_rank(rank): kind for rank, kind in kinds.items()}
        return cls(**said)

    @classmethod
    def from_toml(cls, text: str) -> Convention:
        """A convention from TOML text; raises `BadConvention` with one sentence where it cannot be read."""
        try:
            return cls.from_mapping(tomllib.loads(text))
        except BadConvention:
            raise
        except RecursionError:
            raise BadConvention("this is not a convention in TOML: it is nested too deeply") from None
        except ValueError as error:  # also of numbers with too many digits
            raise BadConvention(f"this is not a convention in TOML: {error}") from None

    def to_mapping(self) -> dict[str, Any]:
        """Plain data, as `from_mapping` takes it; keys in the order of the fields."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}

    def to_toml(self) -> str:
        """One key a line, as `from_toml` takes it."""
        return "".join(f"{name} = {_in_toml(value)}\n" for name, value in self.to_mapping().items())


def _rank(key: Any) -> int:
    """A key of a table by rank; in TOML and JSON it is text."""
    if not str(key).isdecimal():
        raise BadConvention(f"running_var has a table from ranks to kinds; {shortened(key)} is not a rank")
    return int(key)


def _in_toml(value: Any) -> str:
    """A value as TOML writes it: infinities and NaN as words, which JSON has not, and "none" for what TOML has not."""
    match value:
        case None:
            return '"none"'
        case bool() | str():
            return json.dumps(value)
        case Integral():
            return str(int(value))
        case Real():
            return repr(float(value))
        case Mapping():
            return f"{{{', '.join(f'{key} = {_in_toml(kind)}' for key, kind in sorted(value.items()))}}}"
    return f"[{', '.join(map(_in_toml, value))}]"


TORCH = Convention()
"""torch.nn.BatchNorm1d, 2d, 3d."""

PAPER = Convention(momentum_weighs="cumulative", momentum_default=None, running_start=(0.0, 1.0), single_value="beta")
"""Ioffe & Szegedy 2015, Alg. 2: plain averages over the training batches, the variance with m / (m - 1)."""

KERAS = Convention(
    momentum_weighs="running", momentum_default=0.99, running_var="biased", eps_default=1e-3, channel_axis=-1, single_value="beta"
)
"""keras.layers.BatchNormalization (Keras 3)."""

ONNX = Convention(momentum_weighs="running", momentum_default=0.9, running_var="biased", single_value="beta", backward="none")
"""The ONNX operator BatchNormalization, opset 14 and later."""

TUTORIAL = Convention(
    momentum_weighs="running", momentum_default=0.9, running_var="biased", ranks=(2,), single_value="beta", backward="train"
)
"""The NumPy class of the article that this project grew from, and of most courses."""

NAMED = {"paper": PAPER, "torch": TORCH, "keras": KERAS, "onnx": ONNX, "tutorial": TUTORIAL}
"""The conventions that have a name on the command line."""
