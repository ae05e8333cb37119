"""Answers from files as if they had just been asked for: with their truths, and with the calls that lead to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bnspec.case import Array, Case, Gradients
from bnspec.cli.vector_files import Answers, BadResults, kind_of
from bnspec.convention import TORCH, BadConvention, Convention
from bnspec.fixed.parts import GRADIENTS, PARTS
from bnspec.fixed.recipes import Call, Recipe
from bnspec.fixed.truths import letters, truths
from bnspec.implementation import Setup
from bnspec.plugs.faults import Fault
from bnspec.plugs.subject import Answer, setup_request
from bnspec.properties.golden import Asked, fitted, not_askable
from bnspec.properties.session import declared_choices
from bnspec.protocol import Message

CHOICES = ("momentum_weighs", "running_var", "debias")
"""What of a convention decides the answers to cases that are given in full; channels are on axis 1 in every file."""

UNSAID = "which running variance the layer keeps is not said, by the name of an answer or by --convention"
"""Why an inference after a training cannot be judged."""


def convention_of(answers: Sequence[Answers], option: str | None) -> tuple[Convention, bool]:
    """The convention that the names of the answers say, or --convention; and whether the kind of running variance is said at all.

    Raises `BadResults` where the two differ, or where a running variance came of a kind that neither says.
    """
    kind = kind_of(answers)
    try:
        declared = (
            {} if option is None else {name: choice for name, choice in declared_choices(option, "").items() if name in CHOICES}
        )
        declared.setdefault("running_var", kind or "unbiased")
        convention = replace(Convention.from_mapping(declared), single_value="beta", ranks=TORCH.ranks, channel_axis=1)
    except BadConvention as trouble:
        raise BadResults(str(trouble)) from None
    if kind and {convention.variance_kind(rank) for rank in convention.ranks} != {kind}:
        raise BadResults(f"the answers are named running_var_{kind}, and --convention declares another running variance")
    if not kind and option is None and any(name == "running_var" for one in answers for name, _ in one.values):
        raise BadResults(
            "the running variances do not say of which kind they are; name them running_var_biased_1.bin or "
            "running_var_unbiased_1.bin (divided by m, or by m - 1), or declare the kind by --convention"
        )
    return convention, bool(kind) or option is not None


def asked(one: Answers, convention: Convention, *, kind_said: bool, others: Sequence[Answers]) -> Asked:
    """One case as a question that was answered. `others`: all cases, among which it may be declined or not."""
    if why := not_askable(one.recipe, convention) or ("" if kind_said or not _infers_after_training(one.recipe) else UNSAID):
        return Asked(one.recipe, declined=why)
    start, calls = fitted(one.recipe, one.dtype, convention, {})
    if one.declined:
        said = "the file not-offered says so"
        return Asked(one.recipe, declined=said, refused="" if _may_decline(one, others) else said)
    true = list(truths(start, calls, convention, letters(one.dtype)))
    trace, answers = _talk(one, start, calls)
    return Asked(one.recipe, true, answers, trace, _faults(one, trace))


def _infers_after_training(recipe: Recipe) -> bool:
    modes = [call.partition("+")[0] for call in recipe.calls]
    return "train" in modes and "infer" in modes[modes.index("train") :]


def _may_decline(one: Answers, others: Sequence[Answers]) -> bool:
    """Whether a case is hard for everybody, or no case of its rank is answered in this dtype."""
    alike = [other for other in others if other.dtype == one.dtype and len(other.recipe.shape) == len(one.recipe.shape)]
    return one.recipe.declinable or not any(other.values for other in alike)


def _talk(one: Answers, start: Case, calls: Sequence[Call]) -> tuple[list[Message], list[Answer]]:
    """The requests that these answers answer, and each call's answer with its places among them."""
    requests, answers = [setup_request(Setup.of(start), 1)], []
    for number, call in enumerate(calls, start=1):
        found = {name: values for (name, at), values in one.values.items() if at == number and not isinstance(values, str)}
        steps = {"y": len(requests)}
        requests.append(Message.request("forward", layer=1, training=int(call.training), layout="contiguous", x=call.x))
        if call.dy is not None:
            steps |= dict.fromkeys(GRADIENTS, len(requests))
            requests.append(Message.request("backward", layer=1, layout="contiguous", dy=call.dy))
        steps |= dict.fromkeys(("running_mean", "running_var"), len(requests))
        requests.append(Message.request("running", layer=1))
        answers.append(_answer(found, steps))
    return requests, answers


def _answer(found: dict[str, Array], steps: dict[str, int]) -> Answer:
    gradients = [found.get(name) for name in GRADIENTS]
    given = None if all(one is None for one in gradients) else Gradients(*gradients)  # type: ignore[arg-type]
    return Answer(found.get("y"), found.get("running_mean"), found.get("running_var"), given, steps)  # type: ignore[arg-type]


def _faults(one: Answers, trace: Sequence[Message]) -> dict[str, Fault]:
    """Operation -> the first answer of it that could not be read."""
    faults: dict[str, Fault] = {}
    for (name, _), values in one.values.items():
        if isinstance(values, str):
            op = next(part.op for part in PARTS.values() if name in part.components)
            faults.setdefault(op, Fault("error", values, op)).trace = list(trace)
    return faults
