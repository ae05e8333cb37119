"""What a correct implementation does as few others do. No failure, but its users should know before its numbers surprise them.

Only choices that were measured are spoken of: who declares one knows it. The usual is what the frameworks in
`reference/frameworks/` share: running statistics from (0, 1), averaged by a constant weight of at most one half for the
newest batch, by one rule for every rank.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from math import inf, sqrt

from bnspec.convention import Convention

USUAL_START = (0.0, 1.0)


def unusual(convention: Convention, declared: Collection[str] = ()) -> list[str]:
    """One sentence for each choice of `convention` that is not in `declared` and that hardly any framework shares."""
    return [f"unusual convention: {sentence}" for name, sentence in _sentences(convention) if name not in declared]


def _sentences(convention: Convention) -> Iterator[tuple[str, str]]:
    """(field, sentence) of everything unusual; where a start is corrected for it is not itself unusual."""
    weight = _default_weight(convention)
    if convention.debias == "zero":
        yield "debias", "running statistics are corrected for their start: divided by 1 - keep^step, as Haiku's are"
    elif convention.debias == "first":
        yield "debias", "the first batch's statistics are copied into the running ones, whatever momentum says"
    elif convention.momentum_weighs == "cumulative":
        yield "momentum_weighs", "every batch since the start weighs the same (step k weighs 1/k), as with momentum=None of PyTorch"
    elif convention.running_start != USUAL_START:
        yield "running_start", _start(convention)
    if isinstance(convention.running_var, Mapping) and len(set(convention.running_var.values())) > 1:
        listed = ", ".join(f"{kind} in rank {rank}" for rank, kind in sorted(convention.running_var.items()))
        yield "running_var", f"the running variance is {listed}: the same numbers in another shape leave another state"
    if weight is not None and weight > 0.5 and convention.momentum_weighs in ("batch", "running"):
        yield "momentum_default", f"by default the newest batch weighs {weight:g} in the running statistics; 0.1 or less is usual"


def _start(convention: Convention) -> str:
    """The start, and what a first inference makes of it."""
    mean, var = convention.running_start
    total = var + (convention.eps_default or 0.0)
    slope = 1 / sqrt(total) if total > 0 else inf
    effect = f"inference before training multiplies x by {slope:.3g}" if var != 1 else "inference before training shifts x"
    return f"running statistics start at ({mean:g}, {var:g}), not at (0, 1): {effect}"


def _default_weight(convention: Convention) -> float | None:
    """What the newest batch weighs, once the start is past, in a layer that was given no momentum."""
    default = convention.momentum_default
    return None if default is None else float(replace(convention, debias="none").batch_weight(default))
