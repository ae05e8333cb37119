"""What is said where there is no name: nothing that what was seen does not bear out."""

from __future__ import annotations

import numpy as np
import pytest

from bnspec.convention import TORCH
from bnspec.implementation import Setup
from bnspec.plugs.subject import setup_request
from bnspec.protocol import Message
from bnspec.reference.bugs.catalogue import BY_NAME
from bnspec.reports.diagnosis.evidence import Evidence, Place
from bnspec.reports.diagnosis.features import conditioned, where
from bnspec.reports.diagnosis.findings import Finding, Match
from bnspec.reports.diagnosis.scripts import Reply, Script, Spot
from bnspec.reports.diagnosis.unknown import described

NEAR, FAR = np.array([[-1.0], [1.0]]), np.array([[999.0], [1001.0]])


def script(*batches: np.ndarray, origin: str = "") -> Script:
    state = (np.ones(1), np.zeros(1), np.zeros(1), np.ones(1))
    layer = setup_request(Setup(*state, 1e-5, 0.1, "float64", channel_axis=1, rank=2, channels=1), 1)
    asked = [Message({"op": "forward", "layer": "1", "training": "1", "layout": "contiguous"}, {"x": x}) for x in batches]
    return Script("a script", (layer, *asked), origin=origin)


@pytest.mark.parametrize("batches", [(FAR,), (NEAR, FAR), (FAR, NEAR)])
def test_a_script_is_as_hard_as_the_hardest_batch_in_it(batches: tuple[np.ndarray, ...]) -> None:
    assert conditioned(script(*batches)) == 1000.0
    assert conditioned(script(NEAR, NEAR)) == 0.0


def finding(*names: str, doubted: bool = False) -> Finding:
    matches = [Match(BY_NAME[name], 2, 2, TORCH, whole=2) for name in names]
    return Finding("y_train", [Place(0, Spot(1, "y", "y_train"))], matches, doubted=doubted)


def said(one: Finding) -> str:
    asked, evidence = script(NEAR, origin="a_law/float64"), Evidence(TORCH, {})
    evidence.gather([asked], lambda _: [Reply(), Reply({"y": np.array([[-3.0], [3.0]])})])
    return described(evidence, [one], ())


def test_a_bug_that_would_do_it_is_told_though_too_little_was_seen() -> None:
    assert said(finding("var-one-pass-clamped")).startswith(
        "var-one-pass-clamped would do this, but too little was seen to be sure."
    )


def test_bugs_that_nothing_tells_apart_are_told_together() -> None:
    names = ("batch-tail-dropped", "channel-tail-dropped", "var-one-pass-clamped", "var-one-pass-unclamped")
    assert said(finding(*names[:2])).startswith("batch-tail-dropped or channel-tail-dropped would do this, and nothing that was")
    assert "unclamped" not in said(finding(*names)), "three are enough to read"


def test_a_bug_of_which_nothing_could_be_seen_agrees_with_nothing() -> None:
    assert Match(BY_NAME["var-one-pass-clamped"], 0, 0, TORCH).share == 0.0
    assert Match(BY_NAME["var-one-pass-clamped"], 1, 2, TORCH).share == 0.5


def test_what_other_answers_speak_against_is_not_held_up() -> None:
    assert said(finding("var-one-pass-clamped", doubted=True)).startswith("No known bug does this.")
    assert said(finding()).startswith("No known bug does this.")


def test_what_was_not_asked_is_not_said_to_be_right() -> None:
    evidence = Evidence(TORCH, {})
    evidence.gather([script(NEAR, origin="a_law/float64")], lambda _: [Reply(), Reply({"y": NEAR})])
    assert "none that would tell more was asked" in where(evidence, evidence.places["y_train"])
