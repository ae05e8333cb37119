"""The application that commands belong to, and the kinds of options that several have."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from bnspec import __version__

USAGE = 2
"""Exit code for what could not be run: bad usage, an unknown target, an interruption."""

LONGEST_CALL = 86_400.0
"""Seconds, a day: what waits longer for one answer is no run any more, and timers end somewhere."""

Seconds = Annotated[float, Parameter(validator=Number(gt=0, lte=LONGEST_CALL))]

Dtype = Literal["float16", "bfloat16", "float32", "float64"]

app = App(
    name="bnspec",
    version=__version__,
    help="Put a Batch Normalization to the question: is it right, and if not, what is wrong with it?",
    help_on_error=False,
    result_action="return_value",
)
