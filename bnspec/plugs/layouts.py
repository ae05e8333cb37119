"""What a function's text says of the axes of x: samples first, (N, C), or features first, (C, N)."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

from bnspec.plugs.flags import parsed

COLUMN_PARAMETERS = re.compile(r"\b(gamma|beta|scale|shift)\b[^()]*\(\s*\w[^,()]*,\s*1\s*\)")
FEATURES_FIRST = re.compile(
    r"\(\s*(n?_?features?|n?_?units?|channels?|dim|n_[lhx]\w*|d)\s*,\s*(batch\w*|n?_?samples?|n?_?examples?|m|n)\s*\)"
)
"""What a docstring says of features first."""

SAMPLES = re.compile("n|m|b|bs|batch.*|(n_|num_)?(samples|examples|instances)")
"""Names of a number of samples, in lower case."""


def documents_columns(function: Callable[..., Any]) -> bool:
    """Whether its docstring gives x the shape of (features, samples): by these words, or by parameters shaped (C, 1)."""
    said = (inspect.getdoc(function) or "").lower()
    return bool(COLUMN_PARAMETERS.search(said) or FEATURES_FIRST.search(said))


def counts_samples_first(function: Callable[..., Any]) -> bool:
    """Whether its text names the length of the first axis as the number of samples: `N, D = x.shape`, `m = x.shape[0]`."""
    for node in ast.walk(parsed(function)):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id=name), *_])], value=ast.Attribute(attr="shape")):
                if SAMPLES.fullmatch(name.lower()):
                    return True
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Subscript(value=ast.Attribute(attr="shape"), slice=ast.Constant(value=0))
                | ast.Call(func=ast.Name(id="len")),
            ):
                if SAMPLES.fullmatch(name.lower()):
                    return True
    return False
