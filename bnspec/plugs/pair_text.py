"""The adapter of a forward function, written down."""

from __future__ import annotations

from bnspec.plugs.adapter import indented
from bnspec.plugs.constructor import NUMBERS, ROLES, STARTS
from bnspec.plugs.holders import OBJECT, PAIR
from bnspec.plugs.pair import Pair
from bnspec.plugs.returned import STATE
from bnspec.plugs.signature import BY_GRAD_MODE, Signature

TEXT = '''\
{head}

class Layer:
    """One {name}, asked as every other is."""

    def __init__(self, setup, {kept}):
        self.setup = setup
{keep}

    def forward(self, x, *, training):
{forward}
{more}

class Adapter:
    """Makes layers as `setup` wants them."""

    name = {label!r}

    def layer(self, setup):
{construct}
        return Layer(setup, {kept})
'''
"""The adapter without its particulars."""

FIRST_CALL = """\
if {key} not in {holder}:  # its first call fills it in, and an inference leaves it there as it starts
    shape = (2, self.setup.channels) + (1,) * (self.setup.rank - 2)
    self.forward(np.zeros(shape, "float64" if self.setup.dtype == "float64" else "float32"), training=False)
"""
"""What precedes a reading of running statistics that lie in a dict, and that the setup may have left to the function."""


def text_of(pair: Pair) -> str:
    """The adapter's body."""
    kept = "given" if pair.inference_signature is None else "given, inference"
    more = [*_backward(pair), *_running(pair)]
    return TEXT.format(
        head=pair.kind.head + ("from types import SimpleNamespace\n" if OBJECT in pair.signature.holders.values() else ""),
        name=pair.name,
        label=pair.label,
        kept=kept,
        keep=indented(2, *(f"self.{one} = {one}" for one in kept.split(", "))),
        forward=indented(2, *_forward(pair)),
        more=indented(1, *more) + "\n" if more else "",
        construct=indented(2, *_construct(pair)),
    )


def _construct(pair: Pair) -> list[str]:
    """The lines that make what the functions are called with from a setup; what they do not take is refused."""
    signature = pair.signature
    lines = ["given = {" + ", ".join(f'"{name}": {value!r}' for name, value in signature.fixed.items()) + "}"]
    for number, name in enumerate(signature.dicts):
        lines.append(f'given["{name}"] = ' + (f'given["{signature.dicts[0]}"]' if number else "{}"))
    lines += [f'given["{name}"] = {made}' for name, made in signature.holders.items()]
    if pair.inference_signature is not None:
        lines += [
            "inference = {" + ", ".join(f'"{name}": {value!r}' for name, value in pair.inference_signature.fixed.items()) + "}"
        ]
        ours = f'given["{signature.dicts[0]}"]' if signature.dicts else "{}"
        lines += [f'inference["{name}"] = {ours}' for name in pair.inference_signature.dicts]
    if pair.kind.refusal is not None:
        refused, why = pair.kind.refusal
        lines = [f"if {refused}:", f'    raise NotImplementedError("{why}")', *lines]
    for role in ROLES:
        lines += _written(pair, role)
    return [*lines, *(f"given{signature.places[role]}.requires_grad_()" for role in pair.learned)]


def _written(pair: Pair, role: str) -> list[str]:
    places = pair.places(role)
    if not places:
        return [f"if setup.{role} is not None:", f'    raise NotImplementedError("{pair.name} has no {role} to set")']
    target = " = ".join(places)
    value = pair.kind.copy.format(f"setup.{role}") if role in STARTS else f"setup.{role}"
    lines = [f"if setup.{role} is not None:", f"    {target} = {value}"]
    signatures = [one for one in (pair.signature, pair.inference_signature) if one is not None]
    if not any(role in one.required for one in signatures):
        return lines
    start = pair.kind.start.format(STARTS[role]) if role in STARTS else NUMBERS[role]
    return [*lines, "else:", f"    {target} = {start}"]


def _called(function: str, signature: Signature, arguments: str, x: str) -> str:
    named = x if signature.is_first else f"{signature.x}={x}"
    return f"{function}({named}, **{arguments}{signature.switch.argument})"


def _forward(pair: Pair) -> list[str]:
    x = "self.x" if pair.by_autograd else pair.kind.give.format("x")
    lines = ["self.training = training"] if pair.guarded else []
    if not pair.trains:
        lines += ["if training:", f'    raise NotImplementedError("{pair.name} has no training mode")']
    elif pair.inferred is None:
        lines += ["if not training:", f'    raise NotImplementedError("{pair.name} has no inference mode")']
    if pair.by_autograd:
        lines.append(f"self.x = {pair.kind.give.format('x')}.requires_grad_()")
    elif "self.x" in pair.arguments.values():
        lines.append(f"self.x = {x}")
    call = f"self.returned = {_called(pair.forward, pair.signature, 'self.given', x)}"
    if pair.inference_signature is not None:
        other = f"self.returned = {_called(pair.inference, pair.inference_signature, 'self.inference', x)}"
        lines += ["if training:", f"    {call}", *(f"    {one}" for one in _moved(pair)), "else:", f"    {other}"]
    else:
        lines += [pair.signature.switch.before] if pair.signature.switch.before else []
        by_mode = pair.signature.switch is BY_GRAD_MODE
        lines += ["with torch.set_grad_enabled(training):", f"    {call}"] if by_mode else [call]
        moved = _moved(pair)
        same = pair.inferred is None or pair.returned is None or pair.inferred.state == pair.returned.state
        lines += moved if same or not moved else ["if training:", *(f"    {one}" for one in moved)]
    if pair.by_autograd:
        return [*lines, f"self.y = {_output(pair)}", f"return {pair.kind.output.format('self.y')}"]
    return [*lines, f"return {pair.kind.output.format(_output(pair))}"]


def _output(pair: Pair) -> str:
    """Where y is in what was returned; training and inference may differ in that."""
    train, infer = (_at(None if one is None else one.y) for one in (pair.returned, pair.inferred or pair.returned))
    return train if train == infer else f"{train} if training else {infer}"


def _at(place: int | None) -> str:
    return "self.returned" if place is None else f"self.returned[{place}]"


def _moved(pair: Pair) -> list[str]:
    """The lines that keep the new running statistics of what was returned."""
    lines = []
    for role, place in {} if pair.returned is None else pair.returned.state.items():
        if role == "held":
            name, made = next(iter(pair.signature.holders.items()))
            lines.append(f'self.given["{name}"] = {f"list({_at(place)})" if made == PAIR else _at(place)}')
        elif role == "settings":
            lines.append(f'self.given["{pair.signature.dicts[0]}"].update({_at(place)})')
        else:
            targets = [f"self.{one}" for one in pair.places(role)]
            lines.append(f"{' = '.join(targets)} = {pair.kind.keep.format(_at(place))}")
    return lines


def _backward(pair: Pair) -> list[str]:
    if pair.by_autograd:
        return ["", "def backward(self, dy):", *(f"    {line}" for line in _by_autograd(pair))]
    if not pair.backward:
        return []
    arguments = ", ".join(f"{name}={text}" if name else text for name, text in pair.arguments.items())
    guard = ["if not self.training:", f'    raise NotImplementedError("{pair.name} leaves nothing for a backward in inference")']
    gradients = {part: pair.kind.output.format(text) for part, text in pair.order.parts.items()}
    dgamma, dbeta = (f"{gradients[part]}.reshape(-1)" if part in gradients else "None" for part in ("dgamma", "dbeta"))
    lines = [
        *(guard if pair.guarded else []),
        f"{pair.order.assigned} = {pair.backward}({arguments})",
        f"return {gradients['dx']}, {dgamma}, {dbeta}",
    ]
    return ["", "def backward(self, dy):", *(f"    {line}" for line in lines)]


def _by_autograd(pair: Pair) -> list[str]:
    wanted = ", ".join(["self.x", *(f"self.given{pair.signature.places[role]}" for role in pair.learned)])
    dgamma, dbeta = (
        f"to_numpy(found[{pair.learned.index(role) + 1}]).reshape(-1)" if role in pair.learned else "None"
        for role in ("gamma", "beta")
    )
    refusal = ["if not self.y.requires_grad:", f'    raise NotImplementedError("{pair.name} takes no gradient in inference")']
    return [
        *(refusal if pair.signature.switch is BY_GRAD_MODE else []),
        f"found = torch.autograd.grad(self.y, [{wanted}], to_torch(dy).to(self.y.dtype), retain_graph=True)",
        f"return to_numpy(found[0]), {dgamma}, {dbeta}",
    ]


def _running(pair: Pair) -> list[str]:
    places = [pair.places(role) for role in STATE]
    if not (pair.moves and all(places)):
        return []
    mean, var = (pair.kind.state.format(f"self.{place[0]}") for place in places)
    holder, _, key = f"self.{places[0][0]}".rpartition("[")
    first = (
        FIRST_CALL.format(key=key.rstrip("]"), holder=holder).splitlines()
        if holder.endswith("]") and key.startswith('"') and pair.inferred is not None
        else []
    )
    return ["", "def running(self):", *(f"    {line}" for line in first), f"    return {mean}, {var}"]
