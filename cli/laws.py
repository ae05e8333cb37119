"""`bnspec properties`: the laws, all of them in a line each, or one of them in full."""

from __future__ import annotations

import sys
from difflib import get_close_matches

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from bnspec.properties.catalogue import VERSION, all_laws, deep_laws
from bnspec.properties.laws import CHAPTERS, DEEP_CHAPTERS, Law


def show(name: str | None) -> int:
    """Print the laws, those of one chapter, or one law; 2 and one sentence for a name that there is not."""
    console, laws = Console(highlight=False), [*all_laws(), *deep_laws()]
    if name is None or name in (*CHAPTERS, *DEEP_CHAPTERS):
        _list(console, [law for law in laws if name in (None, law.chapter)])
        return 0
    found = {law.name: law for law in laws}.get(name.removeprefix("test_"))
    if found is None:
        near = get_close_matches(name, [law.name for law in laws] + list(CHAPTERS), 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "bnspec properties lists them"
        print(f"bnspec: there is no property or chapter {name!r}; {hint}", file=sys.stderr)
        return 2
    _explain(console, found)
    return 0


def _list(console: Console, laws: list[Law]) -> None:
    required = sum(law.level == "required" for law in laws)
    deep = sum(law.chapter in DEEP_CHAPTERS for law in laws)
    added = f"; {deep} of them in the deep profile alone" if deep else ""
    console.print(f"laws {VERSION}: {len(laws)} properties, {required} required, {len(laws) - required} recommended{added}")
    for chapter in (*CHAPTERS, *DEEP_CHAPTERS):
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        for law in (law for law in laws if law.chapter == chapter):
            table.add_row(law.name, "" if law.level == "required" else "recommended")
        if table.row_count:
            console.print(f"\n[bold]{chapter}[/bold]", table, sep="\n")


def _explain(console: Console, law: Law) -> None:
    console.print(f"[bold]{law.title}[/bold]   ({law.level}; {law.chapter.replace('_', ' ')})")
    paragraphs = (" ".join(paragraph.split()) for paragraph in law.text.split("\n\n"))
    console.print(Padding(escape("\n\n".join(paragraphs)), (1, 2)))
    console.print(f"asks about   {', '.join(law.scope)}")
    console.print(f"against      mistakes of {', '.join(law.against)}")
    if law.dtypes:
        console.print(f"dtypes       {', '.join(law.dtypes)}")
    console.print(f"alone        bnspec check TARGET --only {law.name}")
