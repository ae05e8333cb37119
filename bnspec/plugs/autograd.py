"""Adapters over a framework's own tensors: three functions and a layer, the rest is done here. And those functions, where known.

What they are made of is plain text, `bnspec.plugs.presets`, that goes into the adapter: it runs without bnspec.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

from bnspec.plugs.adapter import Binding, TargetError
from bnspec.plugs.target import Found, written

PRESETS = {
    "autograd": "Autograd",
    "chainer": "Chainer",
    "dezero": "Dezero",
    "jax": "Jax",
    "mlx": "Mlx",
    "paddle": "Paddle",
    "tensorflow": "TensorFlow",
    "tinygrad": "Tinygrad",
    "torch": "Torch",
}
"""The frameworks whose three functions are known, and the classes that have them, each in the file for_NAME.py."""

OVER_TENSORS = '''
{text}

def Adapter():
    """The target over arrays."""
    return Lifted({made})
'''
"""The adapter of an adapter over tensors."""


def text_of(*presets: str) -> str:
    """The text of some files of presets, in this order, without what they say of themselves and import from each other."""
    pieces = [(files("bnspec.plugs.presets") / f"{name}.py").read_text("utf-8") for name in presets]
    return "\n\n".join(_bare(piece) for piece in pieces)


def _bare(text: str) -> str:
    """A file's text from its first import on."""
    lines = text.partition('"""\n')[2].strip("\n").split("\n")
    return "\n".join(line for line in lines if not line.startswith("from bnspec."))


def bind_adapter(found: Found) -> Binding | None:
    """The adapter of one whose layers compute with tensors; None for any other. Raises `TargetError` for an unknown preset."""
    subject, preset = found.subject, getattr(found.subject, "autograd", None)
    if preset is None and not all(callable(getattr(subject, name, None)) for name in ("tensor", "numpy")):
        return None
    is_class = isinstance(subject, type)
    made = f"Target({', '.join(written(found.keywords))})" if is_class else "Target"
    if preset is None:
        files_used, gradients = ["lifting"], _gradients_of(subject)
    else:
        if not is_class:
            raise TargetError(f"{found.label} names its framework, autograd = {preset!r}, and is an object; name its class")
        files_used, gradients = ["lifting", file_of(preset, found.label)], f"gradients by {preset}"
        made = made.replace("Target", f'type("Adapter", (Target, {PRESETS[preset]}), {{}})', 1)
    return Binding(
        OVER_TENSORS.format(text=text_of(*files_used), made=made),
        f"{found.label}, an adapter over tensors; {gradients}",
        "gradients are in the order (x, gamma, beta) in which they are asked for",
    )


def file_of(preset: Any, label: str) -> str:
    """The file of a preset; raises `TargetError` where there is none of that name."""
    if preset in PRESETS:
        return f"for_{preset}"
    near = get_close_matches(str(preset), PRESETS, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PRESETS)}; any other takes tensor, numpy and backward"
    raise TargetError(f"{label}: autograd = {preset!r} is no framework that is known here; {hint}")


def _gradients_of(subject: Any) -> str:
    found: Sequence[str] = [name for name in ("vjp", "backward") if callable(getattr(subject, name, None))]
    return f"gradients by its {found[0]}" if found else "no gradients, since it has neither backward nor vjp"
