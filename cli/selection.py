"""--only and --skip: which properties are asked."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import pytest

from bnspec.properties.catalogue import all_laws, deep_laws
from bnspec.properties.laws import CHAPTERS, DEEP_CHAPTERS, Law


@dataclass(frozen=True)
class Selection:
    """A pytest plug-in that leaves out what is not selected. Names are those of properties or chapters; no dtype: all."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    dtype: str = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Runs before the plan is made, so that what is left out is not in it."""
        wanted = [item for item in items if self._wanted(item.function.law)]  # type: ignore[attr-defined]
        items[:] = [item for item in wanted if self.dtype in ("", item.callspec.params["bn"])]  # type: ignore[attr-defined]

    def _wanted(self, law: Law) -> bool:
        names = {law.name, law.chapter}
        return (not self.only or not names.isdisjoint(self.only)) and names.isdisjoint(self.skip)

    def unknown(self, *, deep: bool) -> str:
        """One sentence about the first name that is neither a property's nor a chapter's; "" where all are known."""
        if not (self.only or self.skip):
            return ""
        known = {*CHAPTERS, *(law.name for law in all_laws())}
        added = {*DEEP_CHAPTERS, *(law.name for law in deep_laws())}
        for name in (*self.only, *self.skip):
            if name in added and not deep:
                return f"{name} is asked in the deep profile only: --profile deep"
            if name not in known | added:
                near = get_close_matches(name, sorted(known | added if deep else known), 3)
                chapters = (*CHAPTERS, *DEEP_CHAPTERS) if deep else CHAPTERS
                hint = f"did you mean {' or '.join(near)}?" if near else f"the chapters are {', '.join(chapters)}"
                return f"there is no property or chapter {name!r}; {hint}"
        return ""
