"""`bnspec identify A --port-to B`: what to change when weights and hyper-parameters go from A to B."""

from __future__ import annotations

import json as json_text
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from textwrap import wrap

from bnspec.cli.identify import DTYPES
from bnspec.convention import BadConvention
from bnspec.plugs.identity import opened
from bnspec.plugs.link import Fault, open_link
from bnspec.properties.session import declared_choices
from bnspec.reading import Unreadable, read_toml
from bnspec.reference.dialects import Dialect, from_mapping, named
from bnspec.reference.dialects.port import port
from bnspec.reference.dialects.step import Step
from bnspec.reports.inert import one_line
from bnspec.reports.record import write_atomically

WIDTH = 118
"""Columns of the text."""

HEADINGS = {"choose": "up to you", "cannot": "what has no formula", "differs": "what differs otherwise"}
"""What the steps without a formula are shown under."""


def show(source: str, goal: str, json: Path | None, timeout: float) -> int:
    """Print the steps from one to the other; 0, or 2 where one of them cannot be opened or read."""
    try:
        before, after = dialect_of(source, timeout), dialect_of(goal, timeout)
    except (Fault, BadConvention) as trouble:
        print(f"bnspec: {trouble.text if isinstance(trouble, Fault) else trouble}", file=sys.stderr)
        return 2
    steps = port(before, after)
    print(as_text(before, after, steps), end="")
    if json is not None:
        sides = {"from": {"given": source, "name": before.name}, "to": {"given": goal, "name": after.name}}
        write_atomically(json, json_text.dumps({**sides, "steps": [asdict(step) for step in steps]}, indent=2).encode())
    return 0


def dialect_of(given: str, timeout: float) -> Dialect:
    """The dialect of a name, of a TOML file, or of a target, which is measured. Raises `BadConvention` and `Fault`."""
    if given in named():
        return named()[given]
    if given.endswith(".toml"):
        return _of_file(Path(given))
    if not any(mark in given for mark in ".:/ "):
        near = get_close_matches(given, named(), 2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(named())};"
        raise BadConvention(f"no convention is named {given!r}; {hint} a target is file.py:Name, and a file of yours ends in .toml")
    with open_link(given, timeout=timeout) as link:
        found = opened(link, declared_choices(None, link.started.text("convention")), DTYPES)
    fixed = {name: value for name, value in found.fixed.items() if name in ("eps", "momentum")}
    spread = "variance" if "running" in found.scope else "absent"
    parameters = "value" if found.convention.affine else "absent"
    return Dialect(one_line(given), found.convention, scale=parameters, shift=parameters, spread=spread, fixed=fixed)


def _of_file(path: Path) -> Dialect:
    try:
        return from_mapping(tomllib.loads(read_toml(path)), str(path))
    except Unreadable as trouble:
        raise BadConvention(f"{path} {trouble}") from None
    except (OSError, TypeError, AttributeError, tomllib.TOMLDecodeError) as trouble:
        raise BadConvention(f"{path} is no description of a convention: {one_line(str(trouble))}") from None


def as_text(source: Dialect, goal: Dialect, steps: Sequence[Step]) -> str:
    """The formulas first, then what has none."""
    lines = [f"from {source.name} to {goal.name}", f"on the left the names of {goal.name}, on the right those of {source.name}", ""]
    done = [step for step in steps if step.kind in ("copy", "convert")]
    width = max((len(step.formula.partition(" = ")[0]) for step in done), default=0)
    margin = " " * (width + 5) + "# "
    for step in done:
        name, _, expression = step.formula.partition(" = ")
        lines += [f"  {name:{width}} = {expression}"] if step.formula else []
        lines += wrap(step.note, WIDTH, initial_indent=margin, subsequent_indent=margin)
    for kind, heading in HEADINGS.items():
        rest = [step for step in steps if step.kind == kind]
        lines += ["", f"{heading}:"] if rest else []
        for step in rest:
            label = "" if step.about == "note" else f"{step.about}: "
            said = ": ".join(filter(None, (step.formula, step.note)))
            lines += wrap(label + said, WIDTH, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines) + "\n"
