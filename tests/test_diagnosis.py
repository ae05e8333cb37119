"""Mistakes are named when what they answer can be reproduced, described when not, and never seen where there are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from naming import STUDENT, Made, checked, diagnosed, names_in, naming_of

from bnspec.cli import naming as command
from bnspec.cli.runner import Options, Outcome
from bnspec.convention import KERAS, ONNX, PAPER, TORCH, TUTORIAL, Convention
from bnspec.implementation import Setup
from bnspec.protocol import Message
from bnspec.reference.bugs import shapes
from bnspec.reference.bugs.catalogue import ALL, BUGS, bug
from bnspec.reports.diagnosis.consequence import consequence
from bnspec.reports.diagnosis.diagnose import diagnose
from bnspec.reports.diagnosis.findings import may_follow, slug
from bnspec.reports.diagnosis.scripts import Script, spots
from bnspec.reports.diagnosis.tolerance import agree
from bnspec.reports.diagnosis.zoo import in_one_mode, known, made_with

FORWARD, GRADIENTS = "training_output_is_exact", "training_gradients_are_exact"

SOME = ("fwd-eps-outside-sqrt", "rs-contains-eps", "dx-missing-var-term", "dgamma-dbeta-swapped", "param-grads-accumulate")


@pytest.mark.parametrize("name", SOME)
def test_a_known_bug_is_named(name: str) -> None:
    assert names_in(naming_of(Made([name], TUTORIAL))) == [name]


@pytest.mark.parametrize("convention", [TORCH, PAPER, KERAS, ONNX, TUTORIAL, Convention(debias="zero"), Convention(debias="first")])
def test_correct_code_has_no_name_whatever_its_convention(convention: Convention) -> None:
    naming = naming_of(Made([], convention), debias=convention.debias, channel_axis=convention.channel_axis)
    assert [finding.component for finding in naming.findings] == []


def test_two_mistakes_in_different_parts_are_both_named() -> None:
    made = Made(["fwd-beta-ignored", "rs-never-updated", "dbeta-with-gamma"], TUTORIAL)
    assert set(names_in(naming_of(made))) == {"fwd-beta-ignored", "rs-never-updated", "dbeta-with-gamma"}


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("fwd-eps-added-twice", "y_infer"),
        ("rs-never-updated", "running_mean"),  # two bugs of one line, in forms that exclude each other, would reproduce it
        ("frozen-eps-subtracted-on-load", "running_var"),  # a bug that reproduces inference says something else of the state
        ("dgamma-from-x-or-y:y", "dgamma"),  # a bug that reproduces dgamma would change dx, which is right
        ("statistics-downcast", "y_train"),  # off by float32's rounding: too little for sums in half
    ],
)
def test_without_the_right_bug_in_the_zoo_no_other_is_named(name: str, component: str) -> None:
    naming = naming_of(Made([name], TUTORIAL), "float64", [one for one in ALL if one.slug != BUGS[name.partition(":")[0]].slug])
    assert names_in(naming) == []
    assert component in {finding.component for finding in naming.findings}


def test_a_bug_in_one_mode_is_told_from_the_same_in_both() -> None:
    half = naming_of(Made(["fwd-denominator-squared@training"], TUTORIAL))
    assert half.findings[0].leaders[0].bug.name == "fwd-denominator-squared@training"
    whole = naming_of(Made(["fwd-denominator-squared"], TUTORIAL))
    assert whole.findings[0].leaders[0].bug.name == "fwd-denominator-squared"


def test_a_bug_against_a_convention_counts_only_where_that_was_declared() -> None:
    made = Made(["rv-biased"], replace(TUTORIAL, running_var="unbiased"))
    assert names_in(naming_of(made)) == []
    assert names_in(naming_of(made, running_var="unbiased")) == ["rv-biased"]


@pytest.mark.parametrize("name", sorted(name for name, one in BUGS.items() if one.same_as))
def test_what_cannot_be_told_apart_says_so(name: str) -> None:
    assert BUGS[name].same_as in BUGS
    assert slug(BUGS[name]) == BUGS[name].same_as


def test_a_one_pass_variance_is_known_by_its_signature_in_any_order_of_sums(tmp_path: Path) -> None:
    text = STUDENT.replace("x.var(axis=0)", "np.maximum((x * x)[::-1].sum(axis=0) / len(x) - mean**2, 0)").replace(
        "mean, var = x.mean(axis=0), np", "mean = x[::-1].sum(axis=0) / len(x); var = np"
    )
    found = diagnosed(text, tmp_path, "values_far_from_zero_keep_their_digits")
    assert [(one.bug, one.confident) for one in found] == [("var-one-pass-clamped", True)]


def test_a_diagnosis_tells_the_line_to_change_and_what_that_mends(tmp_path: Path) -> None:
    text = STUDENT.replace("x.mean(axis=0), x.var(axis=0)", "x.mean(axis=0), x.var(axis=0, ddof=1)").replace(
        "- dy.mean(axis=0) ", ""
    )
    text = text.replace("(1 - self.momentum) * var", "(1 - self.momentum) * x.var(axis=0)")
    first, second = diagnosed(text, tmp_path, FORWARD, GRADIENTS)
    assert (first.bug, first.form, second.bug) == ("fwd-normalise-with-unbiased-var", "and-nan-of-one", "dx-missing-mean-term")
    assert first.agrees == first.of > 20
    assert (first.explains, second.explains) == ([FORWARD], [GRADIENTS])
    assert "y_train" in set(first.components) - set(second.components)
    assert "6.5 % too small" in first.consequence
    assert first.change.endswith("/ (m - 1), which is 0 / 0 for one value a channel")
    assert second.repair.endswith("and nothing new breaks.")


def test_an_unknown_mistake_is_described_and_not_named(tmp_path: Path) -> None:
    text = STUDENT.replace(
        "        self.training = training\n",
        "        var = var * 1.2 if training and len(x) > 6 else var\n        self.training = training\n",
    )
    (found,) = diagnosed(text, tmp_path, FORWARD)
    assert (found.bug, found.confident) == (None, False)
    assert "as if the variance were 1.2 times what it is" in found.text
    assert found.where == "Seen only with 7 values a channel and more."
    assert found.explains == [FORWARD]


def test_gradients_that_are_right_for_a_wrong_y_are_no_second_mistake(tmp_path: Path) -> None:
    text = STUDENT.replace("        self.training = training\n", "        var = var * 1.2\n        self.training = training\n")
    text = text.replace("(dy * self.x_hat).mean(axis=0))", "(dy * self.x_hat).mean(axis=0) * 1.2)")
    (found,) = diagnosed(text, tmp_path, FORWARD, GRADIENTS)
    assert found.bug is None
    assert "dx" not in found.components


def test_a_conformant_record_has_no_diagnosis(tmp_path: Path) -> None:
    record = checked(STUDENT, tmp_path, FORWARD, "inference_output_is_exact")
    assert record.verdict == "conformant"
    assert diagnose(record, None) == []  # type: ignore[arg-type]


def test_a_target_that_is_gone_leaves_the_record_as_it_was_and_says_so(tmp_path: Path) -> None:
    record = checked(STUDENT.replace("+ self.eps", ""), tmp_path, FORWARD)
    (tmp_path / "student.py").unlink()
    outcome = command.diagnosed(Outcome(record), Options(in_process=True))
    assert outcome.record.results == record.results
    assert outcome.record.diagnoses == []
    assert outcome.record.warnings[-1].startswith("no cause was looked for: ")


def test_a_slow_implementation_is_not_asked_for_a_cause(tmp_path: Path) -> None:
    text = STUDENT.replace("+ self.eps", "").replace(
        "self.training = training", "self.training = training; __import__('time').sleep(0.1)"
    )
    record = checked(STUDENT.replace("+ self.eps", ""), tmp_path, FORWARD)
    (tmp_path / "student.py").write_text(text)
    outcome = command.diagnosed(Outcome(record), Options(in_process=True))
    assert "no cause was looked for: a call takes 0.1" in outcome.record.warnings[-1]


def test_a_choice_that_cannot_be_measured_for_the_bug_rules_the_bug_not_out(tmp_path: Path) -> None:
    text = shapes.source(["single-value-passes-as-it-is"], "class")
    (found,) = diagnosed(text, tmp_path, "one_value_a_channel_is_beta_or_an_error", "one_value_a_channel_is_not_seen_in_y")
    assert (found.bug, found.confident) == ("single-value-passes-as-it-is", True)


def test_what_is_slow_to_import_and_quick_to_answer_is_asked_for_a_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LONGEST_ANSWER", 0.5)
    text = f"__import__('time').sleep(2)\n{STUDENT.replace('+ self.eps', '')}"
    outcome = command.diagnosed(Outcome(checked(text, tmp_path, FORWARD)), Options())
    assert [found.bug for found in outcome.record.diagnoses] == ["fwd-eps-missing"]


def test_what_is_wrong_in_the_running_mean_without_a_name_is_none_in_the_variance() -> None:
    swapped = bug("rv-momentum-swapped")
    assert may_follow("running_var", swapped, {"running_mean"})
    assert not may_follow("running_var", swapped, {"y_train"})
    assert may_follow("running_var", bug("rv-bessel-inverted"), {"y_train"})


@pytest.mark.parametrize("name", ["rv-biased", "rv-unbiased-where-biased-promised", "eval-bessel-again"])
def test_what_depends_on_the_size_of_a_batch_is_little_in_a_large_one(name: str) -> None:
    assert " At n = 512 little is left: " in consequence(bug(name), TORCH)


def test_every_bug_has_a_consequence_in_words() -> None:
    for one in list(BUGS.values())[::9]:
        assert consequence(one, TORCH).endswith(".")


def test_a_bug_in_one_mode_leaves_the_other_alone() -> None:
    setup = Setup(None, None, None, None, 0.5, 0.1, "float64", 1, 2, 3)
    x = np.random.default_rng(0).standard_normal((5, 3))
    (training, _) = in_one_mode(known("fwd-beta-ignored:scaled"))
    assert training.name == "fwd-beta-ignored:scaled@training"
    layers = [made_with(names)(setup, TORCH) for names in ([], [training.name], ["fwd-beta-ignored:scaled"])]
    for layer in layers:
        layer.beta += 1
        layer.gamma *= 2
    right, half, whole = (np.array([layer.forward(x, training=mode) for mode in (True, False)]) for layer in layers)
    assert np.array_equal(half == whole, [np.full_like(x, True, bool), np.full_like(x, False, bool)])
    assert np.array_equal(half == right, [np.full_like(x, False, bool), np.full_like(x, True, bool)])


def test_first_answers_are_about_the_formula_and_later_ones_about_the_state() -> None:
    x = np.zeros((4, 2), np.float32)
    setup = Message.request("layer", layer=1, dtype="f4", axis=1, rank=2, channels=2)
    train, infer = (Message.request("forward", layer=1, training=mode, layout="contiguous", x=x) for mode in (True, False))
    running, backward = Message.request("running", layer=1), Message.request("backward", layer=1, layout="contiguous", dy=x)
    script = Script("", (setup, train, running, backward, infer, running))
    seen = [spot.component for spot in spots(script) if spot.name not in ("dtype", "noticed")]
    assert seen == ["y_train", "running_mean", "running_var", "dx", "dgamma", "dbeta", "state", "state", "state"]


def test_an_answer_agrees_within_its_bound_and_not_beyond() -> None:
    right, bound = np.array([1.0, 2.0]), np.array([0.1, 0.1])
    assert agree(right + 0.09, right, bound, right, "float64")
    assert not agree(right + 0.11, right, bound, right, "float64")
    assert agree(10 * right + 0.9, 10 * right, bound, right, "float64")  # ten times the size, ten times the rounding
    assert not agree(np.array([1.0, np.nan]), right, bound, right, "float64")
    assert agree(np.array([1.0, np.nan]), right, np.array([0.1, np.inf]), right, "float64")


DEAD = STUDENT.replace("1 / np.sqrt(var + self.eps)", "np.where(var + self.eps < 1e-3, 0.0, 1 / np.sqrt(var + self.eps))")
"""A mistake without a name, with gradients that are right for its y; and training on no values makes the statistics NaN."""


def test_gradients_that_follow_from_a_nameless_y_are_no_work_of_another_mistake(tmp_path: Path) -> None:
    (said,) = diagnosed(DEAD, tmp_path, FORWARD, GRADIENTS)
    assert (said.bug, said.explains) == (None, [FORWARD, GRADIENTS])


TWO = STUDENT.replace(
    "self.inv_std = 1 / np.sqrt(var + self.eps)",
    "self.inv_std = 1 / (np.sqrt(var) + self.eps) if training else (var + self.eps > 0.5) / np.sqrt(var + self.eps)",
)
"""A mistake with a name in training, and one without in inference, each with the gradients that follow from it."""


def test_each_mistake_has_the_gradients_of_its_own_mode(tmp_path: Path) -> None:
    inference = ["inference_output_is_exact", "inference_gradients_are_exact"]
    first, second = diagnosed(TWO, tmp_path, FORWARD, GRADIENTS, *inference)
    assert (first.bug, set(first.explains)) == ("fwd-eps-outside-sqrt", {FORWARD, GRADIENTS})
    assert (second.bug, second.explains) == (None, inference)
