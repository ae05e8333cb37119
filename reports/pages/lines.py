"""Text from anywhere on a terminal: inert, wrapped, and no longer than it may be."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from bnspec.reports.inert import one_line


def say(console: Console, text: str, *, style: str = "", lines: int = 1, indent: int = 0) -> int:
    """Print text in at most `lines` lines, an ellipsis where it goes on; how many lines it took."""
    return _print(console, wrapped(text, console, lines, indent), " " * indent, style)


def labelled(console: Console, label: str, text: str, *, style: str = "", lines: int = 1, indent: int = 3, width: int = 10) -> int:
    """The same beside a label of a few letters, what is wrapped under what it goes on with."""
    said = wrapped(text, console, lines, indent + width)
    begin = Text(f"{'':{indent}}{label:{width}}", style="dim")
    for line in said:
        console.print(begin + Text(line, style=style), no_wrap=True, overflow="crop", highlight=False)
        begin = Text(" " * (indent + width))
    return len(said)


def wrapped(text: str, console: Console, lines: int, indent: int = 0) -> list[str]:
    """The lines that `say` would print; none for no text."""
    if not text:
        return []
    broken = [line.plain.rstrip() for line in Text(one_line(text, 2000)).wrap(console, console.width - indent - 1)]
    return broken if len(broken) <= lines else [*broken[: lines - 1], f"{broken[lines - 1]}…"]


def _print(console: Console, said: list[str], margin: str, style: str) -> int:
    for line in said:
        console.print(Text(margin + line, style=style), no_wrap=True, overflow="crop", highlight=False)
    return len(said)
