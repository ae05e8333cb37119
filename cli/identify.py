"""`bnspec identify`: the measured convention, with its evidence, as TOML."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path

from bnspec.convention import BadConvention
from bnspec.plugs.identity import Identity, opened
from bnspec.plugs.link import Fault, open_link
from bnspec.properties.session import declared_choices
from bnspec.reports.inert import one_line
from bnspec.reports.record import write_atomically

DTYPES = ("float32", "float64", "float16")
"""What is measured in, where it is offered."""


def identify(target: str, json: Path | None, timeout: float) -> int:
    """Print the convention; 0: it is of one piece, 1: it contradicts itself or its declaration, 2: nothing could be measured."""
    try:
        with open_link(target, timeout=timeout) as link:
            found = opened(link, declared_choices(None, link.started.text("convention")), DTYPES)
    except (Fault, BadConvention) as trouble:
        print(f"bnspec: {trouble.text if isinstance(trouble, Fault) else trouble}", file=sys.stderr)
        return 2
    print(as_toml(target, found), end="")
    if json is not None:
        content = {"target": target, "convention": found.convention.to_mapping(), "evidence": found.evidence}
        more = {"contradictions": found.contradictions, "warnings": found.warnings}
        write_atomically(json, json_text.dumps({**content, **more}, indent=2).encode())
    return 1 if found.contradictions else 0


def as_toml(target: str, found: Identity) -> str:
    """The convention as --convention reads it; evidence and contradictions are comments."""
    lines = [f"# the convention of {one_line(target)}, as measured"]
    for line in found.convention.to_toml().splitlines():
        why = found.evidence.get(line.partition(" ")[0])
        lines.append(f"{line}{' ' * max(1, 34 - len(line))}# {one_line(why)}" if why else line)
    lines += [f"# contradiction: {one_line(text)}" for text in found.contradictions]
    lines += [f"# note: {one_line(text)}" for text in found.warnings]
    return "\n".join(lines) + "\n"
