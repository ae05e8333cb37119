"""How a layer or function is told training from inference."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.flags import global_flags, methods_reached
from bnspec.plugs.reading import find_method, parameters_of, refuse_unknown, required_of, strings_of


@dataclass(frozen=True)
class Switch:
    """How training is told from inference.

    before     a statement to run before each forward, on `self` or on a global, or ""
    argument   what follows x in the call, or ""
    found      in words, "" when there is no inference mode at all
    inference  the method that answers in inference, "" where it is the one that answers in training
    shared     whether `before` sets what all layers share, so that a backward must find it as its forward did
    """

    before: str = ""
    argument: str = ""
    found: str = ""
    inference: str = ""
    shared: bool = False


def find_switch(label: str, layer: Any, forward: str, given: Collection[str] = ()) -> Switch:
    """How `layer` is switched: by an argument of its forward, else by methods, by a forward for inference, by a global that its
    code reads, by an attribute.

    given   the arguments of forward that get parts of the setup
    """
    method = getattr(layer, forward)
    others = {one.name: one for one in parameters_of(method)[1:] if one.name not in given}
    switch = (
        by_argument(method, others)
        or _by_methods(layer)
        or _by_second_forward(layer, forward)
        or by_global(f"self.bn.{forward}", *methods_reached(layer, forward))
        or _by_attribute(layer)
        or Switch()
    )
    argument = switch.argument.partition("=")[0].strip(", ")
    unknown = [one.name for one in others.values() if one.default is one.empty and one.name != argument]
    refuse_unknown(f"{label}.{forward} needs, besides x, the argument", unknown)
    return switch


def _by_second_forward(layer: Any, forward: str) -> Switch | None:
    """A method of its own for inference, which takes x and nothing else that it cannot do without."""
    name = find_method(type(layer), names.FORWARD_INFERENCE)
    if name is None or name == forward or len(required_of(getattr(layer, name))) != 1:
        return None
    return Switch(found=f"{forward}(x)|{name}(x)", inference=name)


def by_global(reached: str, *functions: Any) -> Switch | None:
    """The flag in the module around them that the functions read; None where they read none."""
    flag = next(global_flags(reached, *functions), None)
    if flag is None:
        return None
    name = names.plain(re.findall(r"\w+", flag.text)[-1])
    if isinstance(flag.value, str):
        train, infer = mode_words(*functions)
        value, words = f'"{train}" if training else "{infer}"', f'"{train}"|"{infer}"'
    elif name in names.INFERENCE_FLAGS:
        value, words = "not training", "False|True"
    else:
        value, words = "training", "True|False"
    return Switch(before=flag.written.format(value), found=f"{flag.text} = {words}", shared=True)


def by_argument(function: Any, others: Mapping[str, inspect.Parameter]) -> Switch | None:
    """The switch among the arguments that follow x; None where none is known for one."""
    if name := names.match(others, names.TRAINING_FLAGS):
        return Switch(argument=f", {name}=training", found=f"{name}=True|False")
    if name := names.match(others, names.INFERENCE_FLAGS):
        return Switch(argument=f", {name}=not training", found=f"{name}=False|True")
    if name := names.match(others, names.MODES) or _said_by_default(others):
        if isinstance(others[name].default, bool):
            return Switch(argument=f", {name}=training", found=f"{name}=True|False")
        if kind := _enumeration(others[name]):
            return _by_member(name, kind, function)
        train, infer = mode_words(function)
        return Switch(argument=f', {name}="{train}" if training else "{infer}"', found=f'{name}="{train}"|"{infer}"')
    return None


def _said_by_default(others: Mapping[str, inspect.Parameter]) -> str | None:
    """An argument of whatever name, whose default says that this is training, or inference."""
    defaults = {name: one.default for name, one in others.items() if isinstance(one.default, str)}
    return next((name for name, said in defaults.items() if said.lower() in (*names.TRAIN_WORDS, *names.INFER_WORDS)), None)


def _enumeration(parameter: inspect.Parameter) -> type[Enum] | None:
    """The enumeration of which a mode is a member, by its default or by what is written behind its name."""
    said = (
        parameter.annotation
        if isinstance(parameter.default, str) or parameter.default is parameter.empty
        else type(parameter.default)
    )
    return said if isinstance(said, type) and issubclass(said, Enum) and said is not Enum else None


def _by_member(name: str, kind: type[Enum], function: Any) -> Switch | None:
    """A mode that is a member of an enumeration, reached through the module of the function that takes it."""
    reached = f"self.bn.{function.__name__}" if inspect.ismethod(function) else "Target"
    here = next((key for key, value in function.__globals__.items() if value is kind), "")
    members = {member.lower(): member for member in kind.__members__}
    train, infer = (
        next((members[word] for word in words if word in members), "") for words in (names.TRAIN_WORDS, names.INFER_WORDS)
    )
    if not (here and train and infer):
        return None
    member = f'{reached}.__globals__["{here}"]["{train}" if training else "{infer}"]'
    return Switch(argument=f", {name}={member}", found=f"{name}={kind.__name__}.{train}|{infer}")


def by_entry(function: Any, holder: str) -> Switch | None:
    """The switch among the entries of the dict that a function takes as `holder`, by the words in its code.

    A mode is looked for first: where there is one, "train" is what it says and no flag.
    """
    said = strings_of(function)
    if name := names.match(said, names.MODES):
        train, infer = mode_words(function)
        value, words = f'"{train}" if training else "{infer}"', f'"{train}"|"{infer}"'
    elif name := names.match(said, names.TRAINING_FLAGS):
        value, words = "training", "True|False"
    elif name := names.match(said, names.INFERENCE_FLAGS):
        value, words = "not training", "False|True"
    else:
        return None
    return Switch(f'self.given["{holder}"]["{name}"] = {value}', found=f'{holder}["{name}"] = {words}')


def _by_methods(layer: Any) -> Switch | None:
    subject = type(layer)
    train, infer = find_method(subject, names.TRAINING_FLAGS), find_method(subject, names.INFERENCE_FLAGS)
    if train is None:
        return _by_setter(layer)
    if infer is not None and not (required_of(getattr(layer, train)) or required_of(getattr(layer, infer))):
        return Switch(before=f"self.bn.{train}() if training else self.bn.{infer}()", found=f"{train}()|{infer}()")
    if len(parameters_of(getattr(layer, train))) == 1 and infer is None:
        return Switch(before=f"self.bn.{train}(training)", found=f"{train}(True|False)")
    return _by_setter(layer)


def _by_setter(layer: Any) -> Switch | None:
    """A method that is given the mode, or a pair of methods that set it: set_training(True), set_mode("train"), set_train()."""
    setters = {name.replace("set", "", 1): method for name, method in _methods(layer) if names.plain(name).startswith("set")}
    for aliases, value, words in (
        (names.TRAINING_FLAGS, "training", "True|False"),
        (names.INFERENCE_FLAGS, "not training", "False|True"),
    ):
        name = names.match(setters, aliases)
        if name is not None and len(parameters_of(setters[name])) == 1:
            return Switch(before=f"self.bn.{setters[name].__name__}({value})", found=f"{setters[name].__name__}({words})")
    train, infer = names.match(setters, names.TRAINING_FLAGS), names.match(setters, names.INFERENCE_FLAGS)
    if train and infer:
        first, second = setters[train].__name__, setters[infer].__name__
        return Switch(before=f"self.bn.{first}() if training else self.bn.{second}()", found=f"{first}()|{second}()")
    name = names.match(setters, names.MODES)
    if name is None or len(parameters_of(setters[name])) != 1:
        return None
    train, infer = mode_words(*(value for value in vars(type(layer)).values() if callable(value)))
    called = setters[name].__name__
    return Switch(before=f'self.bn.{called}("{train}" if training else "{infer}")', found=f'{called}("{train}"|"{infer}")')


def _methods(layer: Any) -> Iterator[tuple[str, Any]]:
    """The public methods of a layer, by name."""
    for name in dir(type(layer)):
        if not name.startswith("__") and inspect.isfunction(inspect.unwrap(inspect.getattr_static(type(layer), name))):
            yield name, getattr(layer, name)


def _by_attribute(layer: Any) -> Switch | None:
    public = [name for name in dir(layer) if not name.startswith("__")]
    flags = [name for name in public if isinstance(inspect.getattr_static(layer, name), (bool, str))]
    if name := names.match(flags, names.TRAINING_FLAGS):
        return Switch(before=f"self.bn.{name} = training", found=f".{name} = True|False")
    if name := names.match(flags, names.INFERENCE_FLAGS):
        return Switch(before=f"self.bn.{name} = not training", found=f".{name} = False|True")
    words = (*names.TRAIN_WORDS, *names.INFER_WORDS)
    said = [name for name in flags if isinstance(value := getattr(layer, name), str) and value.lower() in words]
    if (name := names.match(flags, names.MODES) or next(iter(said), None)) and isinstance(getattr(layer, name), str):
        train, infer = mode_words(*(value for value in vars(type(layer)).values() if callable(value)))
        return Switch(before=f'self.bn.{name} = "{train}" if training else "{infer}"', found=f'.{name} = "{train}"|"{infer}"')
    return None


def mode_words(*functions: Any) -> tuple[str, str]:
    """The words for training and inference that the functions' code compares with."""
    said = strings_of(*functions)
    train = next((text for word in names.TRAIN_WORDS for text in said if text.lower() == word), names.TRAIN_WORDS[0])
    infer = next((text for word in names.INFER_WORDS for text in said if text.lower() == word), names.INFER_WORDS[0])
    return train, infer
