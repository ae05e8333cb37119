"""The adapter of a NumPy class, written down."""

from __future__ import annotations

import numpy as np

from bnspec.plugs.adapter import indented
from bnspec.plugs.anatomy import Anatomy
from bnspec.plugs.building import STEP
from bnspec.plugs.class_calls import Calls
from bnspec.plugs.constructor import CHANNELS, NUMBERS, ROLES, STARTS
from bnspec.plugs.states import whole_lines
from bnspec.plugs.values import STATISTICS, Place

LAYER = '''\
{head}import numpy as np
{needs}

class Layer:
    """One {name}, asked as every other is."""

    def __init__(self, {kept}):
        self.bn = bn{keep}

    def forward(self, x, *, training):
{forward}
{more}

class Adapter:
    """Makes layers as `setup` wants them."""

    name = {label!r}

    def layer(self, setup):
{construct}
        return Layer({kept})
'''
"""The adapter without its particulars."""

START = 'start = np.ones((2, setup.channels, *[1] * (setup.rank - 2)), "float64" if setup.dtype == "float64" else "float32")'
"""An x for a first call."""

FIRST_CALL = """\
if any(part is not None for part in (setup.gamma, setup.beta, setup.running_mean, setup.running_var)):
    Layer({kept}).forward(start, training={training})  # the first call makes the arrays that are written below"""
"""What precedes the writing into a layer that its first call fills in."""


def text_of(parts: Anatomy, calls: Calls) -> str:
    """The adapter's body."""
    return LAYER.format(
        head="import copy\n\n" if calls.steps else "",
        needs=parts.build.needs,
        name=parts.name,
        label=parts.label,
        kept=", ".join(_kept(parts)),
        keep="".join(f"\n        self.{name} = {name}" for name in _kept(parts)[1:]),
        forward=indented(2, *_forward(parts, calls)),
        more=indented(1, *_backward(parts, calls), *_running(parts), *_whole(parts)) + "\n",
        construct=indented(2, *_construct(parts, calls)),
    )


def _whole(parts: Anatomy) -> list[str]:
    """The methods that treat the layer as a whole; a copy is called with what the layer is called with."""
    copied = {"bn": "duplicate(self.bn)", "given": "duplicate(self.given)", "start": "self.start"}
    arguments = ", ".join(copied[name] for name in _kept(parts))
    return [line.replace("duplicate(self.bn)", arguments) for line in whole_lines(parts.layer)]


def _kept(parts: Anatomy) -> list[str]:
    """What a layer of the adapter is made of: the object, what it is called with, and an x for a first call."""
    return ["bn", *(["given"] if parts.passed else []), *(["start"] if _fills_in(parts) else [])]


def _fills_in(parts: Anatomy) -> bool:
    """Whether running statistics that the constructor is not given may be made by the first call."""
    required, arguments = parts.constructor.required, parts.constructor.arguments
    return not parts.no_inference and all(role in arguments and arguments[role] not in required for role in STATISTICS)


def _construct(parts: Anatomy, calls: Calls) -> list[str]:
    """The lines that make a layer from a setup; what it cannot be given is refused."""
    lines = []
    if parts.columns:
        lines += ["if setup.rank != 2:", '    raise NotImplementedError("x is (C, N) here, and has no other axes")']
    lines += [*parts.constructor.lines(), *parts.build.lines]
    lines += _given(parts)
    if calls.starts or _fills_in(parts):
        lines.append(START)
    if calls.starts:
        lines += FIRST_CALL.format(kept=", ".join(_kept(parts)), training=calls.starts == "training").splitlines()
    return lines if calls.bare else lines + _write(parts, calls)


def _given(parts: Anatomy) -> list[str]:
    """The lines that collect what forward is given in each call."""
    lines = ["given = {}"] if parts.passed else []
    for role, name in parts.passed.items():
        value = f"setup.{role}.copy()" if role in STARTS else f"setup.{role}"
        lines += [f"if setup.{role} is not None:", f'    given["{name}"] = {value}']
        if name in parts.needed:
            lines += ["else:", f'    given["{name}"] = {(STARTS | NUMBERS)[role]}']
    return lines


def _forward(parts: Anatomy, calls: Calls) -> list[str]:
    x = "x.T" if parts.columns else "x.tolist()" if calls.lists else "x"
    given = ", **self.given" if parts.passed else ""
    method = f"self.bn.{parts.forward}" if not parts.switch.inference else "method"
    call = f"{method}({x}{given}{parts.switch.argument})".replace(".__call__(", "(")
    before = [parts.switch.before] if parts.switch.before else []
    if parts.no_inference and not calls.bare:
        before = ["if not training:", f'    raise NotImplementedError("{parts.no_inference}")', *before]
    elif parts.switch.inference:
        before = [f"method = self.bn.{parts.forward} if training else self.bn.{parts.switch.inference}"]
    if calls.cache or parts.switch.shared:
        before.append("self.training = training")
    if "self.x" in calls.arguments.values():
        before.append("self.x = x")
    back = ".T" if parts.columns else ""
    if not calls.returns_more:
        return [*before, f"return np.asarray({call}){back}"]
    first = f"return np.asarray(self.returned[0] if isinstance(self.returned, tuple) else self.returned){back}"
    return [*before, f"self.returned = {call}", first]


def _backward(parts: Anatomy, calls: Calls) -> list[str]:
    if not calls.backward:
        return []
    lines = []
    if calls.cache:
        nothing = f'    raise NotImplementedError("{parts.name} leaves nothing for a backward in inference")'
        lines += ["cache = self.returned[1] if isinstance(self.returned, tuple) else None"]
        lines += ["if cache is None and not self.training:", nothing]
    if parts.switch.shared and not parts.no_inference:
        lines.append(_as_before(parts.switch.before))
    lines += [f"self.bn.{calls.rate} = {STEP}"] if calls.rate else []
    lines += calls.clears
    lines += _before_updates(parts, calls)
    lines.append(f"{calls.order.assigned} = {called(calls.backward, parts, calls)}")
    lines += [called(calls.after, parts, calls)] if calls.after else []
    taken = {f"d{role}": f"np.array(self.bn{place}).reshape(-1)" for role, place in calls.places.items()}
    taken |= {name: f"np.asarray({place}).reshape(-1)" for name, place in calls.order.parts.items() if name != "dx"}
    if calls.steps:
        lines.append(called(calls.backward, parts, calls, of="shadow"))
        taken |= {f"d{role}": f"-np.array(shadow{parts.values[role].text}).reshape(-1)" for role in calls.updates}
    for role in calls.updates:
        value = f"{role}.tolist()" if isinstance(parts.values[role].value, list) else role
        lines.append(parts.values[role].assign("self.bn", value))
    back = ".T" if parts.columns else ""
    dgamma, dbeta = (taken.get(name, "None") for name in ("dgamma", "dbeta"))
    lines.append(f"return np.asarray({calls.order.parts['dx']}){back}, {dgamma}, {dbeta}")
    return ["", "def backward(self, dy):", *(f"    {line}" for line in lines)]


def _before_updates(parts: Anatomy, calls: Calls) -> list[str]:
    """The lines that keep the parameters which backward moves, and make a second layer from whose movement the gradients are read.

    There the parameters are 0, so that after a step of 1 they are the gradients, to the last bit, with the sign changed.
    """
    lines = [f"{role} = np.array(self.bn{parts.values[role].text})" for role in calls.updates]
    if calls.steps:
        lines.append("shadow = copy.deepcopy(self.bn)  # its parameters are 0: after a step of 1 they are minus the gradients")
    for role in calls.updates if calls.steps else ():
        zeros = f"np.zeros_like({role})"
        value = f"{zeros}.tolist()" if isinstance(parts.values[role].value, list) else zeros
        lines.append(parts.values[role].assign("shadow", value))
    return lines


def _as_before(statement: str) -> str:
    """The statement that sets a global mode, as it was set before the forward to which a backward belongs."""
    target, _, value = statement.partition(" = ")
    return f"{target} = {value.replace('training', 'self.training')}"


def called(method: str, parts: Anatomy, calls: Calls, of: str = "self.bn") -> str:
    """The call of a method with the arguments of backward."""
    texts = {name: _argument(text, parts, calls) for name, text in calls.arguments.items()}
    return f"{of}.{method}({', '.join(f'{name}={text}' if name else text for name, text in texts.items())})"


def _argument(text: str, parts: Anatomy, calls: Calls) -> str:
    """What stands for dy and x in a call of backward."""
    if text not in ("dy", "self.x"):
        return text
    return f"{text}.T" if parts.columns else f"{text}.tolist()" if calls.lists else text


def _running(parts: Anatomy) -> list[str]:
    if not {"running_mean", "running_var"} <= parts.values.keys():
        return []
    mean, var = (f"np.array(self.bn{parts.values[role].text}).reshape(-1)" for role in STATISTICS)
    first = [
        f"    if self.bn{parts.values['running_mean'].text} is None:  # its first call makes it",
        "        self.forward(self.start, training=False)",
    ]
    return ["", "def running(self):", *(first if _fills_in(parts) else []), f"    return {mean}, {var}"]


def _write(parts: Anatomy, calls: Calls) -> list[str]:
    """The lines that write what the constructor does not take into the layer; what it does not have is refused if asked for."""
    lines = []
    for role in ROLES:
        if role in parts.constructor.arguments or role in parts.passed:
            continue
        lines.append(f"if setup.{role} is not None:")
        place = parts.values.get(role)
        if place is None:
            lines.append(f'    raise NotImplementedError("{parts.name} has no {role} to set")')
        elif role in ("eps", "momentum"):
            lines.append(f"    {place.assign('bn', f'setup.{role}')}")
        else:
            lines += [f"    {line}" for line in _write_array(role, place, calls)]
            lines += _widened(place)
    return lines


def _widened(place: Place) -> list[str]:
    """The lines that give a layer's own float32 array the dtype of float64 inputs, as a module's `to` does."""
    if getattr(place.value, "dtype", None) != np.float32:
        return []
    return ['elif setup.dtype == "float64":', f"    {place.assign('bn', f'bn{place.text}.astype(float)')}"]


def _write_array(role: str, place: Place, calls: Calls) -> list[str]:
    """An array goes in with the shape that the layer keeps; where it keeps none yet, (C,) does for (N, C) inputs only."""
    if calls.starts or (place.value is not None and np.size(place.value) == CHANNELS):
        as_kept = "tolist" if isinstance(place.value, list) else "copy"
        return [place.assign("bn", f"setup.{role}.reshape(np.shape(bn{place.text})).{as_kept}()")]
    refusal = f'raise NotImplementedError("the layer shows no shape for {role} before its first call")'
    return ["if setup.rank != 2:", f"    {refusal}", place.assign("bn", f"setup.{role}.copy()")]
