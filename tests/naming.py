"""Code with mistakes, and what is said of it, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bnspec.cli.naming import causes
from bnspec.cli.runner import Options, run
from bnspec.convention import Convention
from bnspec.plugs.link import InProcess
from bnspec.plugs.probe import measure
from bnspec.plugs.subject import Subject
from bnspec.reference.bugs.catalogue import ALL
from bnspec.reference.bugs.facts import Bug
from bnspec.reports.diagnosis.asking import Asker
from bnspec.reports.diagnosis.consistency import Consistency
from bnspec.reports.diagnosis.evidence import Evidence
from bnspec.reports.diagnosis.naming import Naming
from bnspec.reports.diagnosis.panel import Terms, panel
from bnspec.reports.diagnosis.zoo import made_with
from bnspec.reports.record import Diagnosis, Record

STUDENT = """
import numpy as np


class BatchNorm:
    def __init__(self, num_features, momentum=0.9, eps=1e-5):
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.momentum, self.eps = momentum, eps

    def forward(self, x, training=True):
        mean, var = self.running_mean, self.running_var
        if training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        self.training = training
        self.inv_std = 1 / np.sqrt(var + self.eps)
        self.x_hat = (x - mean) * self.inv_std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dy):
        scale = self.gamma * self.inv_std
        self.dgamma, self.dbeta = (dy * self.x_hat).sum(axis=0), dy.sum(axis=0)
        if not self.training:
            return scale * dy
        return scale * (dy - dy.mean(axis=0) - self.x_hat * (dy * self.x_hat).mean(axis=0))
"""
"""A class as students write it; it is right."""


class Made:
    """An implementation of steps with bugs, under a convention of its own."""

    name = "made"

    def __init__(self, names: Sequence[str], convention: Convention) -> None:
        self._make = made_with(names)
        self._convention = convention
        self.convention = {"momentum_weighs": convention.momentum_weighs, "running_var": convention.running_var}

    def layer(self, setup: object) -> object:
        """A fresh layer."""
        return self._make(setup, self._convention)


def naming_of(implementation: object, dtype: str = "float32", zoo: Sequence[Bug] = ALL, **declared: object) -> Naming:
    """What is found out about an implementation by the panel alone."""
    with InProcess(lambda: implementation) as link:  # type: ignore[arg-type, return-value]
        subject = Subject(link)
        subject.declared = declared
        measure(subject, declared, (dtype,))
        terms, asker = Terms.of(subject, (dtype,)), Asker(subject, 60.0)
        evidence = Evidence(subject.convention, terms.fixed)
        evidence.gather(panel(terms), asker)
        naming = Naming(evidence, zoo, declared, consistent=Consistency(asker, terms))
        naming.run()
        return naming


def names_in(naming: Naming) -> list[str]:
    """The names that are beyond doubt, apart from advice about empty batches."""
    named = [finding.leaders[0].bug for finding in naming.findings if finding.is_named]
    return [bug.slug for bug in named if bug.slug != "empty-batch-poisons-state"]


def checked(text: str, directory: Path, *laws: str) -> Record:
    """The record of a class, asked a few laws."""
    file = directory / "student.py"
    file.write_text(text, encoding="utf-8")
    return run(str(file), Options("smoke", 0, ("float64",), only=laws, in_process=True), object()).record


def diagnosed(text: str, directory: Path, *laws: str) -> Sequence[Diagnosis]:
    """What is said of a class that fails some of these laws."""
    return causes(checked(text, directory, *laws), Options(in_process=True))
