"""What Batch Normalization is, and how to ask an implementation whether it does it.

`import bnspec` loads nothing heavy: each name below is fetched from its module when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "BatchNorm": "layer",
    "Case": "case",
    "Convention": "convention",
    "Gradients": "case",
    "Outcome": "case",
    "Setup": "implementation",
    "check": "cli.inline",
    "conformance": "cli.suite",
}

__all__ = ["BatchNorm", "Case", "Convention", "Gradients", "Outcome", "Setup", "__version__", "check", "conformance"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bnspec' has no attribute {name!r}; it has {', '.join(sorted(_HOME))}")
    return getattr(importlib.import_module(f"bnspec.{_HOME[name]}"), name)
