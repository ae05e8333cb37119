"""The adapter of a NumPy class, written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bnspec.plugs.adapter import indented
from bnspec.plugs.anatomy import Anatomy
from bnspec.plugs.building import STEP
from bnspec.plugs.constructor import CHANNELS, NUMBERS, ROLES, STARTS
from bnspec.plugs.gradients import ALONE, Order
from bnspec.plugs.states import whole_lines
from bnspec.plugs.values import Place

LAYER = '''\
import numpy as np
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

FIRST_CALL = '''\
if any(part is not None for part in (setup.gamma, setup.beta, setup.running_mean, setup.running_var)):
    start = np.ones((2, setup.channels, *[1] * (setup.rank - 2)), "float64" if setup.dtype == "float64" else "float32")
    Layer({kept}).forward(start, training={training})  # the first call makes the arrays that are written below'''
"""What precedes the writing into a layer that its first call fills in."""


@dataclass(frozen=True)
class Calls:
    """What a layer's methods return and take, seen by calling them.

    returns_more   forward returns y and other things after it
    backward       the method, "" where there is none that can be called
    arguments      what it is called with: its name there ("" for by position) -> the adapter's text
    order          how the result of backward is read
    places         where backward leaves the gradients that it does not return, on the layer
    after          the method that leaves them there, "" where backward does
    updates        the parameters that backward moves itself, by a step that can be given, or else only to be put back
    rate           the attribute that is the step
    recorded       whether the updates go through an optimizer of ours
    lists          whether arrays are plain lists here
    starts         whether the first call makes the arrays: "training", "inference", or ""
    bare           for a trial: nothing is written into the layer, and nothing refused
    """

    returns_more: bool = False
    backward: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    order: Order = ALONE
    places: Mapping[str, str] = field(default_factory=dict)
    after: str = ""
    updates: tuple[str, ...] = ()
    rate: str = ""
    recorded: bool = False
    lists: bool = False
    starts: str = ""
    bare: bool = False

    @property
    def steps(self) -> bool:
        """Whether the size of the updates can be told, so that they show the gradients."""
        return bool(self.updates) and bool(self.rate or self.recorded or STEP in self.arguments.values())

    @property
    def cache(self) -> bool:
        """Whether backward takes what forward returned beside y."""
        return "cache" in self.arguments.values()

    @property
    def described(self) -> str:
        """In words, for the user to confirm."""
        if not self.backward:
            return "no backward(dy)"
        shown = [name or "dy" if text == "dy" else name or "cache" for name, text in self.arguments.items()]
        left = "".join(f", d{role} at {place}" for role, place in self.places.items())
        left += f", {self.after}(...)" if self.after else ""
        left += "".join(f", d{role} from its own update" for role in self.updates) if self.steps else ""
        nothing = ", no gradients of gamma and beta" if not left and self.order == ALONE else ""
        return f"{self.backward}({', '.join(shown)}) -> {self.order.shown}{left}{nothing}"


def text_of(parts: Anatomy, calls: Calls) -> str:
    """The adapter's body."""
    kept = "bn, given" if parts.passed else "bn"
    return LAYER.format(
        needs=parts.build.needs or ("\n" if calls.updates else ""),
        name=parts.name,
        label=parts.label,
        kept=kept,
        keep="\n        self.given = given" if parts.passed else "",
        forward=indented(2, *_forward(parts, calls)),
        more=indented(1, *_backward(parts, calls), *_running(parts), *_whole(parts)) + "\n",
        construct=indented(2, *_construct(parts, calls)),
    )


def _whole(parts: Anatomy) -> list[str]:
    """The methods that treat the layer as a whole; a copy is called with what the layer is called with."""
    lines = whole_lines(parts.layer)
    return [line.replace("duplicate(self.bn))", "duplicate(self.bn), duplicate(self.given))") for line in lines] if parts.passed else lines


def _construct(parts: Anatomy, calls: Calls) -> list[str]:
    """The lines that make a layer from a setup; what it cannot be given is refused."""
    lines = []
    if parts.columns:
        lines += ["if setup.rank != 2:", '    raise NotImplementedError("x is (C, N) here, and has no other axes")']
    if calls.steps:
        refusal = 'raise NotImplementedError("gradients are read off its updates, which float16 has no room for")'
        lines += ["if any(part is not None and part.dtype.itemsize < 4 for part in (setup.gamma, setup.beta)):", f"    {refusal}"]
    lines += [*parts.constructor.lines(), *parts.build.lines]
    lines += _given(parts)
    if calls.starts:
        kept = "bn, given" if parts.passed else "bn"
        lines += FIRST_CALL.format(kept=kept, training=calls.starts == "training").splitlines()
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
        before = ["if not training:", f'    raise NotImplementedError("{parts.no_inference}")']
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
    kept = {role: f"self.bn{parts.values[role].text}" for role in calls.updates}
    lines += [f"{role} = np.array({text})" for role, text in kept.items()]
    lines += [f"self.bn.{calls.rate} = {STEP}"] if calls.rate else []
    lines.append(f"{calls.order.assigned} = {called(calls.backward, parts, calls)}")
    lines += [called(calls.after, parts, calls)] if calls.after else []
    taken = {f"d{role}": f"np.array(self.bn{place}).reshape(-1)" for role, place in calls.places.items()}
    taken |= {name: f"np.asarray({place}).reshape(-1)" for name, place in calls.order.parts.items() if name != "dx"}
    if calls.steps:
        lines += [f"d{role} = ({role} - np.array({text})) / {STEP}" for role, text in kept.items()]
        taken |= {f"d{role}": f"d{role}.reshape(-1)" for role in kept}
    for role in kept:
        value = f"{role}.tolist()" if isinstance(parts.values[role].value, list) else role
        lines.append(parts.values[role].assign("self.bn", value))
    back = ".T" if parts.columns else ""
    dgamma, dbeta = (taken.get(name, "None") for name in ("dgamma", "dbeta"))
    lines.append(f"return np.asarray({calls.order.parts['dx']}){back}, {dgamma}, {dbeta}")
    return ["", "def backward(self, dy):", *(f"    {line}" for line in lines)]


def _as_before(statement: str) -> str:
    """The statement that sets a global mode, as it was set before the forward to which a backward belongs."""
    target, _, value = statement.partition(" = ")
    return f"{target} = {value.replace('training', 'self.training')}"


def called(method: str, parts: Anatomy, calls: Calls) -> str:
    """The call of a method with the arguments of backward."""
    texts = {name: _argument(text, parts, calls) for name, text in calls.arguments.items()}
    return f"self.bn.{method}({', '.join(f'{name}={text}' if name else text for name, text in texts.items())})"


def _argument(text: str, parts: Anatomy, calls: Calls) -> str:
    """What stands for dy and x in a call of backward."""
    if text not in ("dy", "self.x"):
        return text
    return f"{text}.T" if parts.columns else f"{text}.tolist()" if calls.lists else text


def _running(parts: Anatomy) -> list[str]:
    if not {"running_mean", "running_var"} <= parts.values.keys():
        return []
    mean, var = (f"np.array(self.bn{parts.values[role].text}).reshape(-1)" for role in ("running_mean", "running_var"))
    return ["", "def running(self):", f"    return {mean}, {var}"]


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
    return lines


def _write_array(role: str, place: Place, calls: Calls) -> list[str]:
    """An array goes in with the shape that the layer keeps; where it keeps none yet, (C,) does for (N, C) inputs only."""
    if calls.starts or (place.value is not None and np.size(place.value) == CHANNELS):
        as_kept = "tolist" if isinstance(place.value, list) else "copy"
        return [place.assign("bn", f"setup.{role}.reshape(np.shape(bn{place.text})).{as_kept}()")]
    refusal = f'raise NotImplementedError("the layer shows no shape for {role} before its first call")'
    return ["if setup.rank != 2:", f"    {refusal}", place.assign("bn", f"setup.{role}.copy()")]
