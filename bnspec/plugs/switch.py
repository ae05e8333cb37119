"""How a layer or function is told training from inference."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.reading import find_method, parameters_of, refuse_unknown, required_of, strings_of


@dataclass(frozen=True)
class Switch:
    """How training is told from inference.

    before     a statement on `self` to run before each forward, or ""
    argument   what follows x in the call, or ""
    found      in words, "" when there is no inference mode at all
    """

    before: str = ""
    argument: str = ""
    found: str = ""


def find_switch(label: str, layer: Any, forward: str) -> Switch:
    """How `layer` is switched, by an argument of its forward method, else by methods, else by an attribute."""
    method = getattr(layer, forward)
    others = {one.name: one for one in parameters_of(method)[1:]}
    switch = by_argument(method, others) or _by_methods(layer) or _by_attribute(layer) or Switch()
    argument = switch.argument.partition("=")[0].strip(", ")
    unknown = [one.name for one in others.values() if one.default is one.empty and one.name != argument]
    refuse_unknown(f"{label}.{forward} needs, besides x, the argument", unknown)
    return switch


def by_argument(function: Any, others: Mapping[str, inspect.Parameter]) -> Switch | None:
    """The switch among the arguments that follow x; None where none is known for one."""
    if name := names.match(others, names.TRAINING_FLAGS):
        return Switch(argument=f", {name}=training", found=f"{name}=True|False")
    if name := names.match(others, names.INFERENCE_FLAGS):
        return Switch(argument=f", {name}=not training", found=f"{name}=False|True")
    if name := names.match(others, names.MODES):
        if isinstance(others[name].default, bool):
            return Switch(argument=f", {name}=training", found=f"{name}=True|False")
        train, infer = mode_words(function)
        return Switch(argument=f', {name}="{train}" if training else "{infer}"', found=f'{name}="{train}"|"{infer}"')
    return None


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
        return None
    if infer is not None and not (required_of(getattr(layer, train)) or required_of(getattr(layer, infer))):
        return Switch(before=f"self.bn.{train}() if training else self.bn.{infer}()", found=f"{train}()|{infer}()")
    if len(parameters_of(getattr(layer, train))) == 1 and infer is None:
        return Switch(before=f"self.bn.{train}(training)", found=f"{train}(True|False)")
    return None


def _by_attribute(layer: Any) -> Switch | None:
    public = [name for name in dir(layer) if not name.startswith("__")]
    flags = [name for name in public if isinstance(inspect.getattr_static(layer, name), (bool, str))]
    if name := names.match(flags, names.TRAINING_FLAGS):
        return Switch(before=f"self.bn.{name} = training", found=f".{name} = True|False")
    if name := names.match(flags, names.INFERENCE_FLAGS):
        return Switch(before=f"self.bn.{name} = not training", found=f".{name} = False|True")
    if (name := names.match(flags, names.MODES)) and isinstance(getattr(layer, name), str):
        train, infer = mode_words(*(value for value in vars(type(layer)).values() if callable(value)))
        return Switch(before=f'self.bn.{name} = "{train}" if training else "{infer}"', found=f'.{name} = "{train}"|"{infer}"')
    return None


def mode_words(*functions: Any) -> tuple[str, str]:
    """The words for training and inference that the functions' code compares with."""
    said = strings_of(*functions)
    train = next((text for word in names.TRAIN_WORDS for text in said if text.lower() == word), names.TRAIN_WORDS[0])
    infer = next((text for word in names.INFER_WORDS for text in said if text.lower() == word), names.INFER_WORDS[0])
    return train, infer
