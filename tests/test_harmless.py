"""The changes of our own judge that are said to be harmless: of lines that there are, and no more than is said."""

from __future__ import annotations

import sys
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import bnspec
import bnspec.properties

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

DIFF = """--- mutation diff ---
--- a bnspec/rounding.py
+++ b bnspec/rounding.py
@@ -54,3 +54,3 @@
     except OverflowError:
-        return inf if numerator > 0 else -inf
+        return inf if numerator > {} else -inf
"""


@pytest.fixture
def mutants(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    return import_module("mutants")


def test_every_line_that_is_explained_is_there(mutants: Any) -> None:
    names = [name.removeprefix("bnspec/") for modules, _ in mutants.PARTS.values() for name in modules]
    homes = {"properties": Path(str(bnspec.properties.__file__)).parent, "": Path(bnspec.__file__).parent}
    paths = [homes["properties" if name.startswith("properties/") else ""] / Path(name).name for name in names]
    for one in mutants.harmless():
        sources = [path.read_text(encoding="utf-8") for path in paths if fnmatch(path.name, one.file)]
        assert any(one.line in source for source in sources), f"{one.file} has no line {one.line!r} any more"
        assert one.why


@pytest.mark.parametrize(("changed", "explained"), [("1", True), ("-1", True), ("7", False)])
def test_a_change_is_explained_as_far_as_it_is_said(mutants: Any, changed: str, explained: bool) -> None:
    known = mutants.harmless()
    assert any(one.explains("bnspec/rounding.py", DIFF.format(changed)) for one in known) is explained
    assert not any(one.explains("bnspec/judge.py", DIFF.format(changed)) for one in known)
