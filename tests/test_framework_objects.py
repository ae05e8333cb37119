"""A framework's own layers as objects, with torch's at hand: sizes vary, settings stay, answers are those of the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_bind_torch import setup, values

from bnspec.plugs.adapter import TargetError, compile_adapter
from bnspec.plugs.load import load

OBJECTS = """
import torch

plain = torch.nn.BatchNorm1d(7, eps=0.25)
frozen = torch.nn.BatchNorm1d(7, affine=False)
bare = torch.nn.BatchNorm1d(7, track_running_stats=False)
"""


@pytest.fixture
def place(tmp_path: Path) -> str:
    path = tmp_path / "model.py"
    path.write_text(OBJECTS)
    return str(path)


def test_an_object_answers_as_its_class_in_any_size(place: str) -> None:
    x, dy = values()
    by_object, by_class = load(f"{place}:plain").layer(setup()), load("torch.nn:BatchNorm1d").layer(setup())
    for training in (True, False):
        assert np.array_equal(by_object.forward(x, training=training), by_class.forward(x, training=training))
        for got, wanted in zip(by_object.backward(dy), by_class.backward(dy), strict=True):
            assert np.array_equal(got, wanted)
    assert np.array_equal(by_object.running(), by_class.running())


def test_what_is_left_open_is_the_objects_own(place: str) -> None:
    x = np.array([[1.0], [-1.0]], np.float32)
    left = dict.fromkeys(("eps", "momentum", "gamma", "beta", "running_mean", "running_var"))
    y = load(f"{place}:plain").layer(setup(changes={**left, "channels": 1})).forward(x, training=True)
    assert y[0, 0] == pytest.approx(1 / np.sqrt(1.25))


def test_settings_stay_and_what_there_is_not_is_refused(place: str) -> None:
    with pytest.raises(NotImplementedError, match="it has no weight"):
        load(f"{place}:frozen").layer(setup())
    left = dict.fromkeys(("running_mean", "running_var"))
    assert not hasattr(load(f"{place}:bare").layer(setup(changes=left)), "running")


def test_an_object_takes_no_arguments(place: str) -> None:
    with pytest.raises(TargetError, match="an object is taken as it is"):
        load(f"{place}:plain(affine=False)")


def test_its_adapter_needs_no_bnspec(place: str) -> None:
    source = load(f"{place}:plain").adapter_source
    assert "bnspec." not in source
    assert callable(compile_adapter(source).layer)
