"""All fixed cases, chapter by chapter."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bnspec.fixed import affine, conditions, edges, eps, formula, gradients, inference, sequences, shapes, states
from bnspec.fixed.recipes import Recipe

CHAPTERS: Mapping[str, tuple[Recipe, ...]] = MappingProxyType(
    {
        "formula": formula.FORMULA,
        "affine": affine.AFFINE,
        "eps": eps.EPS,
        "axes": shapes.AXES,
        "ranks": shapes.RANKS,
        "sizes": shapes.SIZES,
        "variance": states.VARIANCE,
        "weights": states.WEIGHTS,
        "inference": inference.INFERENCE,
        "inference gradients": gradients.INFERENCE,
        "gradients": gradients.TERMS,
        "parameters": gradients.PARAMETERS,
        "sequences": sequences.SEQUENCES,
        "condition": conditions.CONDITION,
        "edges": edges.EDGES,
    }
)
"""The recipes by chapter, in the order in which they are told."""

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for chapter in CHAPTERS.values() for recipe in chapter})
"""Every recipe by its name."""


CHAPTER_OF: Mapping[str, str] = MappingProxyType({recipe.name: name for name, chapter in CHAPTERS.items() for recipe in chapter})
"""The chapter of each recipe, by its name."""


def of_dtype(dtype: str) -> tuple[Recipe, ...]:
    """The recipes that are told in a dtype."""
    return tuple(recipe for recipe in RECIPES.values() if dtype in recipe.dtypes)


FIRST = (
    "a-whole-life",
    "digits-of-float64",
    "nan-in-an-image",
    "inference-gradients-variance-zero",
    "dgamma-of-an-image",
    "inference-after-one-value",
    "one-value-apart",
    "eps-default-usual-variance",
    "gamma-zero-in-one-channel",
    "thirty-three-channels-inferred",
)
"""The recipes that between them expose most of the known bugs, each more than those before it (`benchmarks/vectors.py --first`)."""


def in_order(dtype: str) -> tuple[Recipe, ...]:
    """The same, `FIRST` before the others: whoever can afford only some begins with these."""
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    return tuple(sorted(of_dtype(dtype), key=lambda recipe: ranks.get(recipe.name, len(FIRST))))
