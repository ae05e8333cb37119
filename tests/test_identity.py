"""`bnspec identify`: the convention that is found, its evidence, and where behaviour contradicts itself."""

import tomllib

import pytest

from bnspec.cli.identify import as_toml
from bnspec.convention import KERAS, NAMED, TORCH, Convention
from bnspec.implementation import Setup
from bnspec.layer import BatchNorm, Reference
from bnspec.plugs.identity import Identity, identify
from bnspec.plugs.link import InProcess


class Undeclared:
    """A reference layer that does not say what its convention is."""

    name = "undeclared"

    def __init__(self, convention: Convention, kind: type[BatchNorm] = BatchNorm) -> None:
        self._reference = Reference("", convention)
        self._kind = kind

    def layer(self, setup: Setup) -> BatchNorm:
        layer = self._reference.layer(setup)
        layer.__class__ = self._kind
        return layer


def found_in(implementation: object, declared: dict[str, object] | None = None) -> Identity:
    with InProcess(lambda: implementation) as link:  # type: ignore[arg-type,return-value]
        return identify(link, declared or {}, ("float32", "float64"))


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_named_convention_is_found_and_of_one_piece(name: str) -> None:
    found = found_in(Undeclared(NAMED[name]))
    assert found.contradictions == []
    # ranks and axis are not among them: the reference layer takes whatever it is asked for
    choices = ("momentum_weighs", "running_var", "debias", "single_value", "backward", "eps_default")
    assert [getattr(found.convention, key) for key in choices] == [getattr(NAMED[name], key) for key in choices]


@pytest.mark.parametrize("debias", ["zero", "first"])
def test_start_up_corrections_are_found(debias: str) -> None:
    convention = Convention(momentum_weighs="running", momentum_default=0.9, debias=debias, running_var="biased")
    assert found_in(Undeclared(convention)).convention.debias == debias


def test_a_divisor_that_depends_on_rank_is_found() -> None:
    convention = Convention(running_var={2: "biased", 3: "biased", 4: "unbiased", 5: "unbiased"})
    assert found_in(Undeclared(convention)).convention.running_var == {2: "biased", 3: "biased", 4: "unbiased", 5: "unbiased"}


def test_what_is_printed_is_toml_that_can_be_declared() -> None:
    found = found_in(Undeclared(KERAS))
    text = as_toml("x\x1b[31m.py:Y", found)
    assert "\x1b" not in text
    assert Convention.from_toml(text) == found.convention
    assert all(key in tomllib.loads(text) for key in found.evidence)


def test_a_declaration_that_behaviour_contradicts_is_a_finding() -> None:
    found = found_in(Undeclared(TORCH), {"running_var": "biased"})
    assert [text.partition(":")[0] for text in found.contradictions] == ["declared running_var = 'biased', measured 'unbiased'"]


class CountsTheBatchOnly(BatchNorm):
    """Its running variance takes the factor of two values whatever their number."""

    def _remember(self, normalized, m, rank):  # type: ignore[no-untyped-def]
        super()._remember(normalized, 2, rank)


def test_a_divisor_that_depends_on_the_number_of_values_contradicts_itself() -> None:
    found = found_in(Undeclared(TORCH, CountsTheBatchOnly))
    assert any("3 values a channel, the running variance takes 2 times the batch's" in text for text in found.contradictions)


class CountsInferences(BatchNorm):
    """Its cumulative average counts inferences too."""

    def _infer(self, x):  # type: ignore[no-untyped-def]
        self.steps += 1
        return super()._infer(x)


def test_a_weight_that_depends_on_the_order_of_calls_contradicts_itself() -> None:
    found = found_in(Undeclared(Convention(momentum_weighs="cumulative"), CountsInferences))
    assert any("with an inference in between weighs the batch" in text for text in found.contradictions)
