"""A torch.nn.Module, or a plain class over torch tensors: gradients through autograd."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from typing import Any

from bnspec.case import Array
from bnspec.plugs import names
from bnspec.plugs.adapter import SKELETON, Binding, TargetError, indented
from bnspec.plugs.anatomy import Anatomy, dissect
from bnspec.plugs.constructor import CHANNELS, ROLES
from bnspec.plugs.reading import codes_of, find_method, refuse_unknown
from bnspec.plugs.states import whole_lines
from bnspec.plugs.switch import Switch
from bnspec.plugs.target import Found
from bnspec.plugs.trial import is_output, tried
from bnspec.plugs.values import is_tensor

OWN_RANKS = {"BatchNorm1d": [2, 3], "BatchNorm2d": [4], "BatchNorm3d": [5]}
"""torch's own classes, and the ranks of x that each documents."""

BY_GRAD_MODE = Switch(found="torch.is_grad_enabled()")
"""How a few textbooks do it; their inference has no gradient."""

CONVENTION = """\
    convention = {{
        "momentum_weighs": "{weighs}",
        "running_var": "unbiased",
        "ranks": {ranks},
        "single_value": "error",
        "backward": "{backward}",
    }}
"""
"""What torch documents of its own classes; of other modules it is measured."""

TENSORS = '''\
import numpy as np
import torch

torch.set_num_threads(1)  # cases are small: faster so, and the same bits every time


def to_torch(array):
    """A tensor on the array's memory where torch can: it has no negative strides, and gets NumPy's bfloat16 as int16."""
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def to_numpy(tensor):
    if not isinstance(tensor, torch.Tensor):
        return tensor  # to be judged as it is
    if tensor.dtype is torch.bfloat16:
        import ml_dtypes

        return tensor.detach().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.detach().numpy()
'''
"""From arrays to tensors and back, in an adapter."""

DTYPE = (
    "given = [part for part in (setup.gamma, setup.beta, setup.running_mean, setup.running_var) if part is not None]",
    'bn = bn.to(to_torch(given[0]).dtype if given else torch.float64 if setup.dtype == "float64" else torch.float32)',
)
"""The lines that give a module the dtype of the parameters it is given: half throughout where these are half."""

BODY = '''\
{tensors}

class Layer:
    """One {name}, asked as every other is."""

    def __init__(self, bn):
        self.bn, self.x = bn, None

    def forward(self, x, *, training):
{forward}
        return to_numpy(self.y)

    def backward(self, dy):
{backward}
{more}


class Adapter:
    """Makes layers as `setup` wants them."""

    name = {label!r}
{convention}
    def layer(self, setup):
        if setup.channel_axis % setup.rank != 1:
            raise NotImplementedError("channels are on axis 1 here")
{construct}
        return Layer(bn)
'''
"""The adapter without its particulars."""

ATTACHED = (
    "if self.earlier is not None and self.earlier.requires_grad:",
    "    (through,) = torch.autograd.grad(self.y, self.earlier, torch.ones_like(self.y), retain_graph=True, allow_unused=True)",
    "    if through is not None:",
    '        raise RuntimeError("the gradient flows into an earlier batch: detach() what the running statistics are made of")',
)
"""The lines that tell running statistics that still hang on the graph of the batches they were made of."""

FIRST = """self.y = self.y[0]  # what else it returns is nobody's business here
        return to_numpy(self.y)"""
"""How a forward ends that returns y with other things after it."""


def bind(found: Found) -> Binding | None:
    """The adapter for a class that keeps its state in torch tensors, None for any other.

    torch is looked up among the imported modules, never imported: only a target that uses it is its business.
    Raises `TargetError` where no layer can be made, or where gradients are neither autograd's nor left to it.
    """
    torch, subject = sys.modules.get("torch"), found.subject
    if torch is None or not (isinstance(subject, type) or found.hints.make):
        return None
    parts = dissect(found)
    is_module = parts is not None and isinstance(parts.layer, torch.nn.Module)
    if parts is None or not (is_module or any(is_tensor(place.value) for place in parts.values.values())):
        return None
    parts = replace(parts, values={role: place for role, place in parts.values.items() if place.value is not None})
    _refuse(parts, found, is_module=is_module)
    if _asks_grad_mode(type(parts.layer)):
        parts = replace(parts, switch=BY_GRAD_MODE)
    learned = [role for role in ("gamma", "beta") if _is_learned(parts, role, is_module=is_module)]
    is_own = getattr(torch.nn, parts.name, None) is subject and parts.name in OWN_RANKS
    body = _body(parts, learned, is_module=is_module, is_own=is_own)
    assumed = "channels on axis 1; parameters in float32 for half types; momentum goes in as it is, its meaning is "
    assumed += "declared" if is_own else "measured"
    if not is_own and tried(body, parts.scope, parts.known, _is_tuple) is True:
        body, assumed = body.replace("return to_numpy(self.y)", FIRST), f"y is the first of what forward returns; {assumed}"
    gradients = ", ".join(["dx", *(f"d{role}" for role in learned)])
    return Binding(body, parts.described(f"{gradients} by autograd"), assumed, parts.beside)


def _is_tuple(layer: Any, x: Array) -> bool:
    """Whether forward returns more than y; what it returns is then no tensor, which stops the adapter's forward half-way."""
    with contextlib.suppress(AttributeError):
        layer.forward(x, training=True)
    return isinstance(layer.y, (tuple, list)) and is_output(layer.y[0], x)


def _refuse(parts: Anatomy, found: Found, *, is_module: bool) -> None:
    """Raise `TargetError` for what looks like a layer but cannot be asked as one."""
    given = [name for name in parts.passed.values() if name in parts.needed]
    refuse_unknown(f"{parts.label}.{parts.forward} keeps torch tensors, and needs in each call the argument", given)
    if found.gradients:
        raise TargetError(f"{parts.label}: the gradients are autograd's, and need no returns=")
    if any(type(place.value).__name__.startswith("Uninitialized") for place in parts.values.values()):
        raise TargetError(f"{parts.label} has no size before its first call and cannot be given values; name the class it becomes")
    if not is_module and find_method(type(parts.layer), names.BACKWARD):
        raise TargetError(f"{parts.label} keeps torch tensors but has a backward of its own; write an adapter:\n\n{SKELETON}")


def _is_learned(parts: Anatomy, role: str, *, is_module: bool) -> bool:
    """Whether a gradient is to be asked: of a module's parameters (buffers are frozen), and of a plain class's tensors."""
    place = parts.values.get(role)
    return place is not None and is_tensor(place.value) and (place.value.requires_grad or not is_module)


def _body(parts: Anatomy, learned: list[str], *, is_module: bool, is_own: bool) -> str:
    return BODY.format(
        tensors=TENSORS,
        name=parts.name,
        label=parts.label,
        convention=_convention(parts) if is_own else "",
        forward=indented(2, *_forward_lines(parts, is_module=is_module)),
        backward=indented(2, *_backward_lines(parts, learned)),
        more=indented(1, *_running_lines(parts), *whole_lines(parts.layer)),
        construct=indented(
            2, *parts.constructor.lines(), *parts.build.lines, *_write(parts, learned, is_module=is_module, is_own=is_own)
        ),
    )


def _convention(parts: Anatomy) -> str:
    """What torch documents of its own class, as the target makes it."""
    weighs = "cumulative" if _is_cumulative(parts) else "batch"
    backward = "train" if parts.no_inference else "train+infer"
    return CONVENTION.format(weighs=weighs, backward=backward, ranks=OWN_RANKS[parts.name])


def _is_cumulative(parts: Anatomy) -> bool:
    """Whether the target says momentum=None, with which torch's own classes keep a plain average of all batches."""
    return "momentum" in parts.constructor.closed and parts.constructor.fixed["momentum"] is None


def _asks_grad_mode(subject: type) -> bool:
    """Whether the class, or a function that its methods call, tells training from inference by torch.is_grad_enabled()."""
    methods = [method for method in vars(subject).values() if hasattr(method, "__code__")]
    return any("is_grad_enabled" in code.co_names for code in codes_of(*methods))


def _forward_lines(parts: Anatomy, *, is_module: bool) -> list[str]:
    call = f"self.y = self.bn(self.x{parts.switch.argument})"
    if not is_module and parts.forward != "__call__":
        call = f"self.y = self.bn.{parts.forward}(self.x{parts.switch.argument})"
    before = "self.bn.train(training)" if is_module else parts.switch.before
    lines = [before] if before else []
    if parts.no_inference:
        lines = ["if not training:", f'    raise NotImplementedError("{parts.no_inference}")', *lines]
    lines += ["self.earlier, self.x = self.x, to_torch(x)", "self.x.requires_grad_(self.x.is_floating_point())"]
    if parts.switch is BY_GRAD_MODE:
        return [*lines, "with torch.set_grad_enabled(training):", f"    {call}"]
    return [*lines, call]


def _backward_lines(parts: Anatomy, learned: list[str]) -> list[str]:
    wanted = ", ".join(["self.x", *(f"self.bn{parts.values[role].text}" for role in learned)])
    found = ", ".join(["dx", *(f"d{role}" for role in learned)]) if learned else "(dx,)"
    answers = ", ".join(f"to_numpy({name}).reshape(-1)" if name[1:] in learned else "None" for name in ("dgamma", "dbeta"))
    refusal = ["if not self.y.requires_grad:", f'    raise NotImplementedError("{parts.name} takes no gradient in inference")']
    return [
        *(refusal if parts.switch is BY_GRAD_MODE else []),
        *ATTACHED,
        f"wanted = [{wanted}]",
        f"{found} = torch.autograd.grad(self.y, wanted, to_torch(dy).to(self.y.dtype), retain_graph=True)",
        f"return to_numpy(dx), {answers}",
    ]


def _running_lines(parts: Anatomy) -> list[str]:
    places = [parts.values.get(role) for role in ("running_mean", "running_var")]
    if not all(place is not None and is_tensor(place.value) for place in places):
        return []
    mean, var = (f"to_numpy(self.bn{place.text}.clone()).reshape(-1)" for place in places if place is not None)
    return ["", "def running(self):", f"    return {mean}, {var}"]


def _write(parts: Anatomy, learned: list[str], *, is_module: bool, is_own: bool) -> list[str]:
    """The lines that give the layer its dtype and write what the constructor does not take into it."""
    lines = list(DTYPE) if is_module else []
    for role in (role for role in ROLES if role not in parts.constructor.arguments):
        if role == "momentum" and is_own and _is_cumulative(parts):
            continue  # whatever momentum a case has, a plain average has none
        place = parts.values.get(role)
        lines.append(f"if setup.{role} is not None:")
        if place is not None and role in ("eps", "momentum"):
            lines.append(f"    bn{place.text} = setup.{role}")
        elif place is not None and is_tensor(place.value) and place.value.numel() == CHANNELS:
            lines.append(f"    bn{place.text}.data = to_torch(setup.{role}).reshape(bn{place.text}.shape).clone()")
            if not (is_module and place.text[1:] in parts.layer.state_dict()):  # which `to` leaves as it is
                lines += ['elif setup.dtype == "float64":', f"    bn{place.text}.data = bn{place.text}.data.double()"]
        else:
            lines.append(f'    raise NotImplementedError("{parts.name} has no {role} to set")')
    return [*lines, *(f"bn{parts.values[role].text}.requires_grad_()" for role in learned if not is_module)]
