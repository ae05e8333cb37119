"""Every property says what it is: level, chapter, scope, what it stands against; and is short enough to be read."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections import Counter
from pathlib import Path
from types import FunctionType

import pytest

from bnspec import properties
from bnspec.case import HALF_DTYPES
from bnspec.plugs.subject import SCOPES
from bnspec.properties.laws import CHAPTERS, LEVELS, Law, law

DIRECTORY = Path(properties.__file__).parent
FILES = {path.stem.removeprefix("test_"): path for path in DIRECTORY.glob("test_*.py")}
DTYPES = {"float32", "float64", *HALF_DTYPES}
LONGEST = 12
"""Lines of a property's body after its docstring."""


def properties_of(chapter: str) -> list[FunctionType]:
    module = importlib.import_module(f"bnspec.properties.test_{chapter}")
    return [value for name, value in vars(module).items() if name.startswith("test_") and isinstance(value, FunctionType)]


PROPERTIES = [pytest.param(test, chapter, id=test.__name__) for chapter in FILES for test in properties_of(chapter)]


def law_of(test: FunctionType) -> Law:
    found: Law = test.law  # type: ignore[attr-defined]
    return found


def test_every_chapter_is_a_file_and_every_file_a_chapter() -> None:
    assert sorted(FILES) == sorted(CHAPTERS)
    assert len(set(CHAPTERS)) == len(CHAPTERS)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_begins_with_its_name_and_has_a_required_law(chapter: str) -> None:
    title = (importlib.import_module(f"bnspec.properties.test_{chapter}").__doc__ or "").partition(":")[0]
    assert title.lower().startswith(chapter.replace("_", " ").split()[0])
    assert any(law_of(test).level == "required" for test in properties_of(chapter))


def test_no_two_properties_have_the_same_name() -> None:
    names = Counter(law_of(param.values[0]).name for param in PROPERTIES)  # type: ignore[arg-type]
    assert [name for name, count in names.items() if count > 1] == []
    assert not names.keys() & set(CHAPTERS), "--only takes both"


@pytest.mark.parametrize(("test", "chapter"), PROPERTIES)
def test_a_property_says_what_it_is(test: FunctionType, chapter: str) -> None:
    said = law_of(test)
    assert said.name == test.__name__.removeprefix("test_")
    assert said.chapter == chapter
    assert said.level in LEVELS
    assert said.text.strip() == said.text != ""
    assert said.text.partition("\n\n")[0].rstrip().endswith((".", ":", ")")), "the first paragraph is a sentence"
    assert set(said.scope) <= set(SCOPES)
    assert said.scope
    assert all(said.against)
    assert 0 < said.share <= 1
    assert set(said.dtypes) <= DTYPES


@pytest.mark.parametrize(("test", "chapter"), PROPERTIES)
def test_a_property_is_asked_of_cases_and_is_short(test: FunctionType, chapter: str) -> None:
    inner = test.hypothesis.inner_test  # type: ignore[attr-defined]
    assert next(iter(inspect.signature(inner).parameters)) == "bn"
    function = ast.parse(textwrap.dedent(inspect.getsource(inner))).body[0]
    assert isinstance(function, ast.FunctionDef)
    first, last = function.body[1], function.body[-1]
    assert (last.end_lineno or 0) - first.lineno + 1 <= LONGEST


@pytest.mark.parametrize("docstring", [None, "", "It holds.", "Required: y is x.", "Optional. y is x."])
def test_a_property_that_does_not_say_its_level_is_no_law(docstring: str | None) -> None:
    def test_it() -> None: ...

    test_it.__doc__ = docstring
    with pytest.raises(ValueError, match=r"test_it: its docstring must begin with 'Required\. ' or 'Recommended\. '"):
        law("train", against="nothing")(test_it)


def test_what_a_law_says_is_what_is_kept() -> None:
    def test_y_is_x() -> None:
        """Recommended. y = x.

        More about it.
        """

    test_y_is_x.__module__ = "bnspec.properties.test_forward"
    said = law_of(law("train", "infer", against="axis, eps", share=0.5)(test_y_is_x))
    assert (said.name, said.title, said.chapter) == ("y_is_x", "y is x", "forward")
    assert (said.level, said.text) == ("recommended", "y = x.\n\nMore about it.")
    assert (said.scope, said.against, said.share, said.dtypes) == (("train", "infer"), ("axis", "eps"), 0.5, ())
