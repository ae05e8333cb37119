"""The shapes of code that bugs are put on: the files of correct ones, and text of a file with bugs put on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from importlib.resources import files
from typing import Any

from bnspec.convention import TORCH, Convention
from bnspec.reference.bugs.catalogue import bug

FILES = {"class": "numpy_class", "pair": "function_pair", "module": "torch_module"}
"""The file of each shape."""

NAMES = {"class": "BatchNorm", "pair": "batchnorm_forward", "module": "BatchNorm"}
"""What to ask in it."""

TUTORIAL = Convention(momentum_weighs="running", momentum_default=0.9, running_var="biased", single_value="beta")
"""The convention of the class and of the pair; the module has torch's."""

OWN = "from bnspec.reference.bugs.steps import Steps\n"
"""The line of each file that fetches the correct steps."""


class CannotWear(ValueError):
    """A bug that cannot happen in a shape."""


def convention_of(names: Sequence[str], shape: str) -> Convention:
    """The convention that a file follows: its shape's, with the choices that the bugs need to show; what it declares to be."""
    choices: dict[str, Any] = {}
    for one in map(bug, names):
        choices |= {**one.under, **one.only_against}
    return replace(TORCH if shape == "module" else TUTORIAL, **choices)


def source(names: Sequence[str], shape: str = "class") -> str:
    """The text of a file for `bnspec check FILE:NAMES[shape]`: a BatchNorm of this shape with these bugs, without any if none.

    Raises `UnknownBug`, and `CannotWear` for a bug that the shape cannot have (`Bug.shapes`).
    """
    for one in map(bug, names):
        if shape not in one.shapes:
            raise CannotWear(f"{one.name} cannot happen in a {shape}; it can in a {' or a '.join(one.shapes)}")
    text = files(__package__).joinpath(f"{FILES[shape]}.py").read_text(encoding="utf-8")
    if not names:
        return text
    docstring, _, rest = text.partition('"""\n')
    told = "".join(f"\n{one.name}: {one.title}.\n    right   {one.right}\n    wrong   {one.wrong}\n" for one in map(bug, names))
    given = ", ".join(f'"{bug(name).name}"' for name in names)
    dressed = rest.replace(OWN, "from bnspec.reference.bugs.catalogue import steps_with\n")
    head, convention, tail = _around_convention(dressed)
    followed = convention_of(names, shape)
    line = convention if followed == convention_of((), shape) else f"CONVENTION = Convention({_differences(followed)})\n"
    head = head if line == convention else head.replace("import TORCH\n", "import Convention\n")
    return f'{docstring}\n{told}"""\n{head}{line}\nSteps = steps_with({given})\n{tail}'


def _around_convention(text: str) -> tuple[str, str, str]:
    before, name, after = text.partition("CONVENTION = ")
    line, end, rest = after.partition("\n")
    return before, name + line + end, rest


def _differences(convention: Convention) -> str:
    own: Mapping[str, Any] = {one.name: getattr(convention, one.name) for one in fields(convention)}
    return ", ".join(f"{name}={value!r}" for name, value in own.items() if value != getattr(TORCH, name))
