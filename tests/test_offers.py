"""What an implementation lets itself be given is found out part by part, and the part that it refuses is the one that is named."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from odd_layers import Choosy, subject_of

from bnspec.convention import TORCH
from bnspec.implementation import Setup
from bnspec.plugs.offers import PARTS
from bnspec.plugs.probe import measure

CANNOT = ("eps", "momentum", "running_mean", "running_var")
"""The parts that are refused in these tests."""


class Demanding(Choosy):
    """Refuses to be given some parts, each in its own words, and to be left without the others."""

    def layer(self, setup: Setup) -> Any:
        for name in PARTS:
            given = getattr(setup, name) is not None
            if given and name in self._refuses:
                raise NotImplementedError(f"there is no {name} to set")
            if not given and name not in self._refuses:
                raise NotImplementedError(f"{name} must be given")
        return self._reference.layer(setup)


@pytest.mark.parametrize("refused", [pair for count in (1, 2) for pair in combinations(CANNOT, count)], ids="+".join)
def test_the_parts_that_are_refused_are_withheld_and_no_others(refused: tuple[str, ...]) -> None:
    subject = subject_of(Demanding(TORCH, refused))
    measured = measure(subject, {}, ["float32"])
    assert set(subject.withheld) == set(refused)
    assert set(subject.fixed) == set(refused)
    assert measured.convention.ranks == (2, 3, 4, 5)


def test_where_one_sentence_refuses_all_at_once_the_fewest_parts_are_withheld() -> None:
    subject = subject_of(Choosy(TORCH, ("eps", "gamma")))
    measure(subject, {}, ["float32"])
    assert set(subject.withheld) == {"eps", "gamma"}
