"""Copies and saved states: what goes on as its layer would is right, what forgets or shares is found, what refuses is let be."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from asking import ask
from mistakes import RIGHT, RUN_MEAN, RUN_VAR
from test_repro import run

from bnspec.reports.record import Record, Row
from bnspec.reports.repro import script
from bnspec.reports.verdict import FAILING

COPY_LAWS = {
    "a_copy_shares_nothing_with_its_layer",
    "a_copy_goes_on_as_its_layer_would",
    "a_copy_goes_on_to_the_last_bit",
    "a_copy_leaves_its_layers_gradients_alone",
    "backward_of_a_copy_is_right_or_refused",
}
STATE_LAWS = {
    "a_loaded_state_is_loaded_whole",
    "a_loaded_state_goes_on_to_the_last_bit",
    "a_loaded_state_is_shared_with_nobody",
}
MACHINE = "any_order_of_calls_follows_the_model"

IN_PLACE = RIGHT.replace(RUN_MEAN, "self.running_mean += self.momentum * (mean - self.running_mean)").replace(
    RUN_VAR, "self.running_var += self.momentum * (var * (self.n / max(self.n - 1, 1)) - self.running_var)"
)
"""The right class, with running statistics that stay the same arrays."""

COUNTING = """
import torch


class BatchNorm(torch.nn.BatchNorm1d):
    def __init__(self, num_features, eps=1e-5):
        super().__init__(num_features, eps=eps, momentum=None)
"""
"""torch's own class with plain averages over all batches, whose count of batches is part of the state."""

PLAIN_ATTRIBUTES = """
import torch


class BatchNorm(torch.nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = torch.nn.Parameter(torch.ones(num_features))
        self.bias = torch.nn.Parameter(torch.zeros(num_features))
        self.running_mean, self.running_var = torch.zeros(num_features), torch.ones(num_features)

    def forward(self, x):
        mean, var = (x.mean(0), x.var(0, unbiased=False)) if self.training else (self.running_mean, self.running_var)
        if self.training:
            self.running_mean = (self.running_mean + self.momentum * (mean - self.running_mean)).detach()
            self.running_var = (self.running_var + self.momentum * (var - self.running_var)).detach()
        return (x - mean) / torch.sqrt(var + self.eps) * self.weight + self.bias
"""
"""A module whose running statistics are no buffers, so that its state_dict does not hold them."""


def lines(text: str) -> str:
    """Methods for the end of a class."""
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())


def asked(text: str, directory: Path, *, name: str = "", law: str = "lifecycle", examples: int = 12) -> Record:
    """The record of the lifecycle chapter for a file with this text, as a module of a name of its own: pickle goes by names."""
    file = directory / f"{name or directory.name}.py"
    file.write_text(text, encoding="utf-8")
    return ask(str(file), examples=examples, only=(law,), dtypes=("float64",), in_process=True)


def by_status(rows: Iterable[Row]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.status, set()).add(row.property)
    return found


def failing(record: Record) -> set[str]:
    return {row.property for row in record.results if row.status in FAILING}


@pytest.mark.parametrize(
    ("target", "states"),
    [
        ("bnspec.reference.textbook:BatchNorm", False),
        ("bnspec.reference.layers:torch", False),
        ("torch.nn:BatchNorm1d", True),
        ("torch.nn:BatchNorm2d(momentum=None)", True),
    ],
)
def test_a_right_layer_may_be_copied_and_saved(target: str, states: bool) -> None:
    record = ask(target, examples=12, only=("lifecycle",), dtypes=("float32",))
    status = by_status(record.results)
    assert record.verdict == "conformant", status
    assert {MACHINE, "a_copy_goes_on_as_its_layer_would"} <= status["pass"]
    assert (status["pass"] >= STATE_LAWS) == states == (not STATE_LAWS & status.get("unsupported", set()))


@pytest.mark.parametrize("text", [RIGHT, IN_PLACE], ids=["new arrays", "in place"])
def test_a_right_class_with_a_state_passes_everything(text: str, tmp_path: Path) -> None:
    assert by_status(asked(text, tmp_path).results).keys() == {"pass"}


WRONG_COPIES = {
    "deepcopy shares the running statistics": (
        """
def __deepcopy__(self, memo):
    other = BatchNorm(len(self.gamma), self.eps, self.momentum)
    other.__dict__.update(self.__dict__)
    return other
""",
        {"a_copy_shares_nothing_with_its_layer", "a_copy_goes_on_as_its_layer_would"},
    ),
    "deepcopy forgets the running statistics": (
        """
def __deepcopy__(self, memo):
    other = BatchNorm(len(self.gamma), self.eps, self.momentum)
    other.gamma, other.beta = self.gamma.copy(), self.beta.copy()
    return other
""",
        {"a_copy_shares_nothing_with_its_layer", "a_copy_goes_on_as_its_layer_would"},
    ),
    "deepcopy forgets gamma": (
        """
def __deepcopy__(self, memo):
    other = BatchNorm(len(self.gamma), self.eps, self.momentum)
    other.running_mean, other.running_var = self.running_mean.copy(), self.running_var.copy()
    return other
""",
        {"a_copy_goes_on_as_its_layer_would"},
    ),
    "pickle drops the running statistics": (
        """
def __reduce__(self):
    return BatchNorm, (len(self.gamma), self.eps, self.momentum), {"gamma": self.gamma, "beta": self.beta}
""",
        {"a_copy_shares_nothing_with_its_layer", "a_copy_goes_on_as_its_layer_would"},
    ),
    "pickle drops the variance alone": (
        """
def __getstate__(self):
    return {**self.__dict__, "running_var": self.running_var * 0 + 1}
""",
        {"a_copy_shares_nothing_with_its_layer", "a_copy_goes_on_as_its_layer_would"},
    ),
    "copies share what backward needs": (
        """
def __deepcopy__(self, memo):
    other = BatchNorm(len(self.gamma), self.eps, self.momentum)
    kept = {name: value.copy() for name, value in self.__dict__.items() if name in ("gamma", "beta", "running_mean", "running_var")}
    other.__dict__.update(self.__dict__, **kept)
    other.owner = self
    return other

def __setattr__(self, name, value):
    object.__setattr__(getattr(self, "owner", self) if name == "x_hat" else self, name, value)
""",
        {"a_copy_leaves_its_layers_gradients_alone"},
    ),
}


@pytest.mark.parametrize("mistake", WRONG_COPIES)
def test_a_copy_that_forgets_or_shares_is_found(mistake: str, tmp_path: Path) -> None:
    methods, laws = WRONG_COPIES[mistake]
    record = asked(IN_PLACE + lines(methods), tmp_path)
    assert record.verdict == "nonconformant"
    assert laws <= failing(record), by_status(record.results)
    assert not failing(record) & STATE_LAWS


@pytest.mark.parametrize("mistake", ["deepcopy shares the running statistics", "pickle drops the variance alone"])
def test_the_model_is_followed_by_copies_as_well(mistake: str, tmp_path: Path) -> None:
    record = asked(IN_PLACE + lines(WRONG_COPIES[mistake][0]), tmp_path, law=MACHINE, examples=150)
    assert failing(record) == {MACHINE}
    assert record.results[0].counterexample
    assert {"layer", "copy"} <= {
        type(step).__name__.lower().removesuffix("step") for step in record.results[0].counterexample.trace
    }


@pytest.mark.parametrize(
    ("text", "law", "words"),
    [
        (
            IN_PLACE + lines(WRONG_COPIES["pickle drops the variance alone"][0]),
            "a_copy_goes_on_as_its_layer_would",
            "pickle.loads(",
        ),
        (IN_PLACE.replace(", values.copy())", ", values)"), "a_loaded_state_is_shared_with_nobody", ".load(state_"),
    ],
    ids=["copy", "state"],
)
def test_the_script_of_a_failure_shows_it_without_bnspec(text: str, law: str, words: str, tmp_path: Path) -> None:
    record = asked(text, tmp_path, law=law)
    row = next(row for row in record.results if row.status in FAILING)
    written = script(record, row)
    assert words in written
    assert run(written, tmp_path).returncode == 1
    (tmp_path / f"{tmp_path.name}.py").write_text(IN_PLACE, encoding="utf-8")
    assert run(written, tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("right", "wrong", "law"),
    [
        ('"running_mean", "running_var")}\n', '"running_mean")}\n', "a_loaded_state_is_loaded_whole"),
        (
            "setattr(self, name, values.copy())",
            "name != 'running_var' and setattr(self, name, values)",
            "a_loaded_state_is_loaded_whole",
        ),
        ("setattr(self, name, values.copy())", "name != 'gamma' and setattr(self, name, values)", "a_loaded_state_is_loaded_whole"),
        ("setattr(self, name, values.copy())", "setattr(self, name, values)", "a_loaded_state_is_shared_with_nobody"),
    ],
    ids=["the variance is not saved", "the variance is not loaded", "gamma is not loaded", "the state is shared"],
)
def test_a_state_that_is_not_whole_or_shared_is_found(right: str, wrong: str, law: str, tmp_path: Path) -> None:
    assert right in IN_PLACE
    record = asked(IN_PLACE.replace(right, wrong), tmp_path)
    assert record.verdict == "nonconformant"
    assert law in failing(record), by_status(record.results)
    assert not failing(record) & (COPY_LAWS | {MACHINE})


def test_an_average_over_all_batches_that_forgets_their_count_is_found(tmp_path: Path) -> None:
    forgets = COUNTING + lines("""
def load_state_dict(self, state):
    super().load_state_dict(state)
    self.num_batches_tracked.zero_()
""")
    assert failing(asked(COUNTING, tmp_path, name="counting")) == set()
    record = asked(forgets, tmp_path, name="forgetting")
    assert record.verdict == "nonconformant"
    assert failing(record) == {"a_loaded_state_is_loaded_whole", "a_loaded_state_goes_on_to_the_last_bit"}


def test_a_state_without_running_statistics_is_advised_against_and_no_more(tmp_path: Path) -> None:
    record = asked(PLAIN_ATTRIBUTES, tmp_path)
    assert record.verdict == "conformant"
    assert failing(record) == {"a_loaded_state_goes_on_to_the_last_bit"}
    assert "a_loaded_state_is_loaded_whole" in by_status(record.results)["unsupported"]


@pytest.mark.parametrize(
    "refusal",
    [
        "def __deepcopy__(self, memo):\n    raise TypeError('there is only one of it')\n\n__reduce_ex__ = __deepcopy__",
        "@property\ndef training(self):\n    return self.lock is None\n\n"
        "@training.setter\ndef training(self, value):\n    import threading\n    self.lock = threading.Lock()",
    ],
    ids=["it says so", "it holds a lock"],
)
def test_what_cannot_be_copied_is_not_accused(refusal: str, tmp_path: Path) -> None:
    record = asked(RIGHT + lines(refusal), tmp_path)
    status = by_status(record.results)
    assert record.verdict == "conformant", status
    assert status["unsupported"] == COPY_LAWS
    assert {MACHINE, *STATE_LAWS} <= status["pass"]


def test_a_class_that_pickle_does_not_find_is_copied_in_the_other_way(tmp_path: Path) -> None:
    record = asked(RIGHT.replace("class BatchNorm:", "class Hidden:", 1) + "\nBatchNorm, Hidden = Hidden, None\n", tmp_path)
    assert by_status(record.results).keys() == {"pass"}


def test_a_copy_that_drops_what_backward_needs_refuses_a_backward(tmp_path: Path) -> None:
    slim = "def __getstate__(self):\n    return {**self.__dict__, 'x_hat': None}\n"
    assert by_status(asked(RIGHT + lines(slim), tmp_path).results).keys() == {"pass"}


def test_weights_that_are_gamma_and_beta_alone_are_no_state(tmp_path: Path) -> None:
    trainable = RIGHT.replace("get_state", "get_weights").replace("set_state", "set_weights")
    trainable = trainable.replace('("gamma", "beta", "running_mean", "running_var")', '("gamma", "beta")')
    assert by_status(asked(trainable, tmp_path).results)["unsupported"] == STATE_LAWS
