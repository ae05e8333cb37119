"""Signatures of functions in a shared library, read: what they take, in order, and what they are for.

lib.so:bn_train(x:in y:out gamma:in beta:in rm:inout rv:inout N C S f:eps f:momentum i:training); bn_backward(...)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.library_calls import NUMBERS, STATE, WHOLE_X, Argument, Function

PLACE = re.compile(r"(?P<place>.*?\.(?:so(?:\.\d+)*|dylib|dll))\s*(?::(?P<rest>.*))?", re.DOTALL)
"""A target in a shared library: the file, and what is said of its functions."""

CALL = re.compile(
    r"(?:(?P<mode>\w+)\s*=)?\s*(?:(?P<dtype>f2|f4|f8)\s*:)?\s*(?P<symbol>[\w.$@]*(?:\{[^{}|]*\|[^{}|]*\}[\w.$@]*)?)\s*"
    r"\((?P<arguments>[^()]*)\)\s*(?P<status>->\s*\w*)?"
)
"""One function: what it is for and of which dtype, where that is said; its name, which may have {float32's|float64's} part."""

SETTING = re.compile(r"(\w+)\s*=\s*([^()]+)")
"""What is said beyond the functions: fixed_shape=16x3, layout=NHWC, eps=1e-5."""

EXAMPLE = "lib.so:bn_train(x:in y:out gamma:in beta:in rm:inout rv:inout N C S f:eps f:momentum i:training)"
"""A signature as it is written."""

DTYPES = {"f2": "float16", "f4": "float32", "f8": "float64"}

WAYS = ("in", "out", "inout")

TYPES = {"int": "i", "unsigned": "u", "long": "l", "int64": "l", "size_t": "z", "bool": "b", "float": "f", "double": "d", "r": "r"}
"""Longer words for the types of numbers; r is the type of x."""

SIZES = ("N", "C", "S", "M", "size", "L", "D", "H", "W")

SHORT = "short"
"""What stands for "batch" or "running" in front of mean and var, until the direction and the other functions tell which."""

MODES = {"train": ("train",), "infer": ("infer",), "backward": ("train backward",), "infer_backward": ("infer backward",)}
"""What may be said of a function in front of it, and what it is asked for then."""

ARRAYS = {
    "dx": names.DX[:-2],
    "dgamma": names.DGAMMA,
    "dbeta": names.DBETA,
    "dy": names.DY[:-1],
    "x_hat": ("xhat", "normalized", "xnorm", "xnormalized"),
    "inv_std": ("invstd", "istd", "rstd", "invvar", "ivar", "rsigma", "invsigma"),
    "x": names.X,
    "y": ("y", "out", "output", "outputs"),
    "gamma": names.GAMMA,
    "beta": names.BETA,
    "running_mean": names.RUNNING_MEAN,
    "running_var": names.RUNNING_VAR,
}
"""What arrays are called; earlier ones win."""

NAMED = {
    "eps": names.EPS,
    "momentum": names.MOMENTUM,
    "training": names.TRAINING_FLAGS,
    "inference": names.INFERENCE_FLAGS,
}
"""What numbers are called."""


@dataclass
class Signatures:
    """What a target says of a library: the file, its functions by what they do and x's dtype, and other settings."""

    place: str
    functions: dict[tuple[str, str], Function] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


def is_library(target: str) -> bool:
    """Whether a target is a shared library, with or without a signature."""
    return PLACE.fullmatch(target.strip()) is not None


def read(target: str) -> Signatures:
    """The parts of a target in a library; raises `TargetError`, with one sentence, for what cannot be read."""
    parts = PLACE.fullmatch(target.strip())
    if parts is None or not (parts["rest"] or "").strip():
        raise TargetError(
            f"{target.strip(' :')} needs to be told how its functions are called, in the order of C, such as {EXAMPLE}"
        )
    found = Signatures(parts["place"])
    for clause in filter(None, map(str.strip, parts["rest"].split(";"))):
        if call := CALL.fullmatch(clause):
            for modes, dtype, function in _functions(call):
                _settle(found, modes, dtype, function)
        elif setting := SETTING.fullmatch(clause):
            found.settings[setting[1]] = setting[2].strip()
        else:
            raise TargetError(f"{clause!r} is no signature; one is written as {EXAMPLE}")
    if not any(mode in ("train", "infer") for mode, _ in found.functions):
        raise TargetError(f"{target.strip()} names no function that computes y from x; give one with x:in and y:out")
    found.functions = {key: _understood(found, key, function) for key, function in found.functions.items()}
    return found


def _understood(found: Signatures, key: tuple[str, str], function: Function) -> Function:
    """A function whose short names are settled: a mean that is only written is that of the batch, and so is it in its backward.

    Raises `TargetError` for a backward that reads what its forward does not write.
    """
    mode, dtype = key
    forward = found.functions.get((mode.removesuffix(" backward"), dtype), function)
    left = {argument.name.replace(SHORT, "batch") for argument in forward.arguments if argument.way == "out"}

    def settled(argument: Argument) -> Argument:
        batch = argument.way == "out" or (argument.way == "in" and argument.name.replace(SHORT, "batch") in left)
        return argument._replace(name=argument.name.replace(SHORT, "batch" if batch else "running"))

    function = function._replace(arguments=tuple(map(settled, function.arguments)))
    if mode.endswith("backward") and forward is not function:
        known = {*left, *STATE, "x", "dy", *(argument.name for argument in forward.arguments if argument.way)}
        if lost := next((one.name for one in function.arguments if one.way == "in" and one.name not in known), ""):
            save = f"say save_{lost.removeprefix('batch_')}:out there"
            raise TargetError(f"{function.symbol} reads {lost}, which {forward.symbol} does not write; {save}")
    return function


def _settle(found: Signatures, modes: tuple[str, ...], dtype: str, function: Function) -> None:
    for mode in modes:
        earlier = found.functions.setdefault((mode, dtype), function)
        if earlier is not function:
            raise TargetError(
                f"{earlier.symbol} and {function.symbol} would both be asked for {mode} in {dtype}; say which is what, "
                f"with train=, infer=, backward= or infer_backward= in front of each"
            )


def _functions(call: re.Match[str]) -> Iterator[tuple[tuple[str, ...], str, Function]]:
    """A clause's functions, one or two: what each is asked for, x's dtype, and itself."""
    if call["mode"] and call["mode"] not in MODES:
        raise TargetError(f"a function is for {', '.join(MODES)}; {call['mode']!r} in front of {call['symbol']} is none of these")
    for symbol, code in _spelled(call["symbol"], call["dtype"] or "f4"):
        arguments = tuple(_argument(symbol, word, DTYPES[code]) for word in call["arguments"].replace(",", " ").split())
        function = Function(symbol, arguments, bool(call["status"]))
        modes = MODES[call["mode"]] if call["mode"] else _modes(function)
        _check_output(function, modes)
        yield modes, DTYPES[code], function


def _spelled(symbol: str, dtype: str) -> list[tuple[str, str]]:
    """A name and its dtype; with two spellings in braces, that of float32 and that of float64."""
    head, brace, rest = symbol.partition("{")
    if not brace:
        return [(symbol, dtype)]
    choices, _, tail = rest.partition("}")
    single, double = choices.split("|")
    return [(head + single + tail, "f4"), (head + double + tail, "f8")]


def _argument(symbol: str, word: str, dtype: str) -> Argument:
    """One word of a signature, understood."""
    parts = word.split(":")
    if len(parts) == 1:
        if word in SIZES or word == "null":
            return Argument(word, "", "p" if word == "null" else "i")
        if (array := _role(word, ARRAYS)) or word.startswith("save"):
            raise TargetError(
                f"{symbol}: say of the array {array or word} whether it is read or written: {word}:in, :out or :inout"
            )
        raise TargetError(f"{symbol}: {_unknown(word)}")
    if parts[1] in WAYS and len(parts) <= 3:
        kind = DTYPES.get(parts[2]) if len(parts) == 3 else None
        if len(parts) == 3 and kind is None:
            raise TargetError(f"{symbol}: an array is of f2, f4 or f8; {word!r} says {parts[2]!r}")
        return _array(symbol, parts[0], parts[1], kind, dtype)
    if len(parts) != 2:
        raise TargetError(f"{symbol}: {_unknown(word)}")
    kinds = {**{letter: letter for letter in NUMBERS}, **TYPES}
    kind, name = (parts[0], parts[1]) if parts[0] in kinds and parts[0] not in SIZES else (parts[1], parts[0])
    if kind not in kinds:
        raise TargetError(f"{symbol}: {_unknown(word)}")
    return _number(symbol, name, {"r": "d" if dtype == "float64" else "f"}.get(kinds[kind], kinds[kind]))


def _array(symbol: str, name: str, way: str, kind: str | None, dtype: str) -> Argument:
    plain = re.sub(r"^(saved?|batch)_?(?=.)", "", name.lower())
    role = _role(plain, ARRAYS)
    if role is None:
        raise TargetError(f"{symbol}: {_unknown(name)}")
    if role.startswith("running_") and (plain != name.lower() or names.plain(plain) in names.SHORT):
        role = role.replace("running", "batch" if plain != name.lower() else SHORT)
    kept = "float32" if dtype == "float16" and role not in WHOLE_X else dtype
    return Argument(role, way, kind or kept)


def _number(symbol: str, name: str, kind: str) -> Argument:
    if name in SIZES or re.fullmatch(r"-?\d+", name) or (kind in "fd" and re.fullmatch(r"-?\d*\.?\d+(e-?\d+)?", name)):
        return Argument(name, "", kind)
    role = _role(name, NAMED)
    if role is None:
        raise TargetError(f"{symbol}: {_unknown(name)}")
    return Argument(role, "", kind)


def _role(name: str, roles: dict[str, Any]) -> str | None:
    return next((role for role, aliases in roles.items() if names.plain(name) in aliases), None)


def _unknown(word: str) -> str:
    arrays = ["x", "y", "gamma", "beta", "rm", "rv", "dy", "dx", "dgamma", "dbeta", "save_mean", "save_inv_std"]
    near = get_close_matches(word.partition(":")[0], [*arrays, *NAMED, *SIZES], 1)
    hint = f"did you mean {near[0]}?" if near else ""
    return (
        f"{word!r} is not known{'; ' + hint if hint else ''}; arrays are {', '.join(arrays)} with :in, :out or :inout, "
        f"sizes {', '.join(SIZES)}, numbers f:eps, f:momentum, i:training "
        f"(f float, d double, r as x is, i int, l int64, z size_t, b bool)"
    )


def _modes(function: Function) -> tuple[str, ...]:
    """What a function is asked for, told by what it takes."""
    both = function.takes("training") or function.takes("inference")
    if function.takes("dy") or function.takes("dx"):
        return ("train backward", "infer backward") if both else ("train backward",)
    if both:
        return ("train", "infer")
    ways = {argument.way for argument in function.arguments if argument.name.partition("_")[0] in ("running", SHORT)}
    return ("infer",) if ways == {"in"} else ("train",)


def _check_output(function: Function, modes: tuple[str, ...]) -> None:
    """Raise `TargetError` where a function has no output, or two arguments of one name."""
    wanted = ("dx", "dy") if "backward" in modes[0] else ("y", "x")
    written = {argument.name for argument in function.arguments if argument.way in ("out", "inout")}
    if not written & set(wanted):
        raise TargetError(
            f"{function.symbol} has no output; say {wanted[0]}:out, or {wanted[1]}:inout where it is computed in place"
        )
    seen = [argument.name for argument in function.arguments if argument.way]
    if twice := next((name for name in seen if seen.count(name) > 1), ""):
        raise TargetError(f"{function.symbol} has two arguments that are {twice}; each array is given once")
