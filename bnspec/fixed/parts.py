"""The parts of a fixed case that are judged apart, a law each: what fails in one says nothing about the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bnspec.fixed.recipes import Recipe
from bnspec.fixed.truths import STATE, Truth

GRADIENTS = ("dx", "dgamma", "dbeta")
"""The components that backward gives."""


@dataclass(frozen=True)
class Part:
    """Components that are judged together.

    title       what they are, in words;  op: the operation that gives them
    home        the chapters whose cases are about this part above all
    training    the mode of the calls; None: of both
    """

    title: str
    op: str
    training: bool | None
    components: tuple[str, ...]
    home: tuple[str, ...]

    def asked(self, recipe: Recipe) -> bool:
        """Whether a recipe has anything of this part."""
        modes = [call.partition("+") for call in recipe.calls if self.training in (None, call.startswith("train"))]
        wanted = [gradients for _, _, gradients in modes] if self.op == "backward" else modes
        return any(wanted) and (not recipe.judged or bool({*self.components} & {*recipe.judged}))

    def of_call(self, recipe: Recipe, training: bool, earlier_gradients: bool = False) -> tuple[str, ...]:
        """The components of one call that are judged; with `earlier_gradients`, those of the parameters have added up."""
        if self.training not in (None, training):
            return ()
        named = [name for name in self.components if not recipe.judged or name in recipe.judged]
        return tuple(name for name in named if not (earlier_gradients and name in ("dgamma", "dbeta")))


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "train": Part(
            "training outputs", "forward", True, ("y",), ("formula", "affine", "eps", "axes", "sizes", "condition", "edges")
        ),
        "running": Part("running statistics", "running", None, STATE, ("variance", "weights", "sequences")),
        "infer": Part("inference outputs", "forward", False, ("y",), ("inference", "sequences")),
        "grad_train": Part("training gradients", "backward", True, GRADIENTS, ("gradients", "parameters", "sequences")),
        "grad_infer": Part("inference gradients", "backward", False, GRADIENTS, ("inference gradients",)),
    }
)
"""The parts by the scope that they are about."""


def components(part: Part, recipe: Recipe, truths: Sequence[Truth], *, accumulate: bool = False) -> Iterator[tuple[int, str]]:
    """(number of the call, component) for all that is judged of a part; `accumulate`: gradients of parameters add up."""
    before = False
    for number, truth in enumerate(truths):
        yield from ((number, name) for name in part.of_call(recipe, truth.training, accumulate and before))
        before = before or truth.case.dy is not None
