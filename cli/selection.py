"""--only and --skip: which properties are asked."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import pytest

from bnspec.properties.catalogue import all_laws
from bnspec.properties.laws import CHAPTERS, Law


@dataclass(frozen=True)
class Selection:
    """A pytest plug-in that leaves out what is not selected. Names are those of properties or chapters; no dtypes: all."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Runs before the plan is made, so that what is left out is not in it; the session hears how many are asked anywhere."""
        wanted = [item for item in items if self._wanted(item.function.law)]  # type: ignore[attr-defined]
        config.pluginmanager.getplugin("bnspec-session").planned = len({item.function.law for item in wanted})  # type: ignore[attr-defined]
        items[:] = [item for item in wanted if not self.dtypes or item.callspec.params["bn"] in self.dtypes]  # type: ignore[attr-defined]

    def _wanted(self, law: Law) -> bool:
        names = {law.name, law.chapter}
        return (not self.only or not names.isdisjoint(self.only)) and names.isdisjoint(self.skip)

    def unknown(self) -> str:
        """One sentence about the first name that is neither a property's nor a chapter's; "" where all are known."""
        if not (self.only or self.skip):
            return ""
        known = {*CHAPTERS, *(law.name for law in all_laws())}
        for name in (*self.only, *self.skip):
            if name not in known:
                near = get_close_matches(name, sorted(known), 3)
                hint = f"did you mean {' or '.join(near)}?" if near else f"the chapters are {', '.join(CHAPTERS)}"
                return f"there is no property or chapter {name!r}; {hint}"
        return ""
