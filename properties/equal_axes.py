"""Cases with an axis as long as there are channels: what is spread along the wrong one is silent here, and an error elsewhere."""

from __future__ import annotations

from hypothesis import strategies as st

from bnspec.case import Case
from bnspec.properties.strategies import KAPPA, NUMBERS, SEEDS, Shape, build


def _shapes(n: int) -> tuple[Shape, ...]:
    """(N, C, *S) with C = n and at least one axis more of that length."""
    return (n, n), (2, n, n), (n, n, 3), (2, n, 3, n), (2, n, n, 2), (n, n, n, n), (1, n, 2, n, 3)


EQUAL_SHAPES = tuple(shape for n in (2, 3, 4) for shape in _shapes(n))


def equal_axes_cases() -> st.SearchStrategy[Case]:
    """Cases of ordinary condition with 2 to 4 channels and another axis of that length."""
    return st.builds(
        lambda shape, number, seed: build(shape, number, seed, kappas=KAPPA), st.sampled_from(EQUAL_SHAPES), NUMBERS, SEEDS
    )
