"""Layers of a framework itself, named as objects or as classes: recognised by what they are derived from, and asked as they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bnspec.plugs.adapter import Binding, TargetError
from bnspec.plugs.autograd import PRESETS, text_of
from bnspec.plugs.target import Found, written

BODY = '''
{text}

def Adapter():
    """The target over arrays."""
    return Lifted({made})
'''
"""The adapter of a framework's own layer."""


@dataclass(frozen=True)
class Kind:
    """How layers of a kind are asked.

    base     the end of the name of a class that they are, or are derived from, in the package `package`
    files    the presets whose text their adapter is made of, and the class in them that makes it
    call     how one is made of the class `Target`; "" where only objects are for us
    """

    package: str
    base: str
    files: tuple[str, ...]
    maker: str
    call: str = ""


KINDS = (
    Kind("flax", "linen.normalization.BatchNorm", ("for_jax", "flax_linen"), "Linen", "Target({})"),
    Kind("flax", "nnx.nn.normalization.BatchNorm", ("for_jax", "flax_nnx"), "Nnx", "Target(1, rngs=nnx.Rngs(0), {})"),
    Kind("haiku", "transform.TransformedWithState", ("for_jax", "haiku_transform"), "HaikuTransform"),
    Kind("equinox", "batch_norm.BatchNorm", ("for_jax", "equinox_layers"), "EquinoxLayers", 'Target(1, "batch", {})'),
    Kind("keras", "batch_normalization.BatchNormalization", ("keras_layers",), "KerasLayers", "Target({})"),
    Kind("torch", "batchnorm._BatchNorm", ("for_torch", "torch_layers"), "TorchLayers"),
)
"""What is recognised."""


def bind(found: Found) -> Binding | None:
    """The adapter for a layer of a framework's own; None for anything else. Raises `TargetError` for arguments of an object."""
    kind = next(_kinds(getattr(found.subject, "_orig_mod", found.subject)), None)
    is_class = isinstance(found.subject, type)
    if kind is None or (is_class and not kind.call) or found.hints.make:
        return None
    if found.keywords and not is_class:
        raise TargetError(f"{found.label}: an object is taken as it is; give the arguments where it is made, or name its class")
    made = kind.call.format(", ".join(written(found.keywords))) if is_class else "Target"
    files, adapter = kind.files, f"{kind.maker}({made})"
    if kind.package == "keras":
        backend = _backend_of_keras()
        preset = PRESETS.get(backend, "Numpy")
        files, adapter = (f"for_{backend}", *files), f'type("Adapter", ({kind.maker}, {preset}), {{}})({made})'
    what = "a class" if is_class else "an object"
    return Binding(
        BODY.format(text=text_of("lifting", *files), made=adapter),
        f"{found.label}, {what} of {kind.package}'s own; gradients are the framework's",
        "layers of other sizes are made with its settings; eps and momentum go in as they are, their meaning is measured",
    )


def _kinds(subject: Any) -> Iterator[Kind]:
    """The kinds that an object or a class belongs to."""
    line = subject.__mro__ if isinstance(subject, type) else type(subject).__mro__
    for one in line:
        whole = f"{one.__module__}.{one.__qualname__}"
        yield from (kind for kind in KINDS if whole.startswith(f"{kind.package}.") and whole.endswith(f"{kind.base}"))


def _backend_of_keras() -> str:
    """What Keras runs on, which was chosen when it was imported."""
    return str(sys.modules["keras"].backend.backend())
