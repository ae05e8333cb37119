"""Fixed cases of eps: where it stands, that it is used as it is, and that backward has the same."""

from __future__ import annotations

from bnspec.fixed import numbers
from bnspec.fixed.recipes import PRECISE, Recipe, recipe

EPS: tuple[Recipe, ...] = (
    recipe(
        "eps-one", "eps-outside-root eps-missing eps-fixed", "eps = 1 and variances of a few: every misplaced eps shows", eps=1.0
    ),
    recipe(
        "eps-one-pair",
        "eps-outside-root eps-as-floor eps-added-twice",
        "-1 and 1 with eps = 1: y is 1 / sqrt(2), and not 1 / 2",
        shape=(2, 1),
        x=numbers.alternating,
        eps=1.0,
        gamma=(1.0,),
        beta=(0.0,),
    ),
    recipe("eps-four", "eps-squared eps-fixed", "eps = 4, whose square and root are 16 and 2", eps=4.0),
    recipe("eps-tenth", "eps-squared eps-outside-root", "eps = 0.1 and a variance near it", eps=0.1, scale=0.125),
    recipe(
        "eps-thousandth",
        "eps-fixed eps-added-twice",
        "eps = 0.001, as Keras has it, and a variance near it",
        eps=1e-3,
        scale=0.03125,
    ),
    recipe(
        "eps-equals-variance",
        "eps-as-floor eps-added-twice eps-missing",
        "the variance is 1/16 and so is eps",
        shape=(4, 1),
        x=numbers.alternating,
        scale=0.25,
        eps=0.0625,
    ),
    recipe("eps-above-variance", "eps-as-floor eps-outside-root", "eps is a hundred times the variance", scale=0.03125, eps=0.5),
    recipe(
        "eps-default-small-variance",
        "eps-outside-root eps-missing eps-loses-digits",
        "eps = 1e-5 and a variance of as much",
        scale=0.0009765625,
        eps=1e-5,
        dtypes=PRECISE,
    ),
    recipe(
        "eps-default-usual-variance",
        "computed-narrower eps-loses-digits",
        "eps = 1e-5 beside a variance of ten: only float64 tells where it stands",
        eps=1e-5,
        dtypes=PRECISE,
    ),
    recipe(
        "eps-hundred-millionth",
        "eps-clamped eps-fixed",
        "eps = 1e-8 and a variance of 1e-5: none is raised to 1e-5",
        scale=0.0009765625,
        eps=1e-8,
        dtypes=PRECISE,
    ),
    recipe(
        "eps-million-millionth",
        "eps-clamped small-variance-replaced",
        "eps = 1e-12 and a variance near it",
        scale=2.0**-20,
        eps=1e-12,
        calls="train",
        dtypes=PRECISE,
    ),
    recipe(
        "eps-below-half",
        "eps-loses-digits eps-clamped",
        "eps = 1e-8, which is 0 in float16, and a variance of 1e-8",
        scale=2.0**-14,
        eps=1e-8,
        calls="train",
    ),
    recipe(
        "eps-in-every-channel-another-share",
        "eps-as-floor eps-squared",
        "variances from far below eps to far above it",
        x=numbers.ramp,
        scale=0.25,
        eps=0.25,
        shape=(5, 4),
    ),
    recipe(
        "variance-tiny-eps-tiny",
        "small-variance-replaced",
        "a deviation of a thousandth with eps = 1e-10 is no constant channel",
        scale=0.0009765625,
        eps=1e-10,
        calls="train",
        dtypes=PRECISE,
    ),
    recipe(
        "backward-with-eps-one",
        "eps-differs-in-backward",
        "dx with eps = 1: the eps of forward is the eps of backward",
        eps=1.0,
        shape=(5, 2),
    ),
    recipe(
        "backward-near-eps",
        "eps-differs-in-backward",
        "dx where the variance is a quarter of eps",
        shape=(4, 2),
        scale=0.0625,
        eps=0.25,
    ),
)
