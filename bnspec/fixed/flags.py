"""Flags: names of the mistakes that fixed cases expose. A failing case says what to look for, before anybody has read the code.

The idea is that of Wycheproof's test vectors. Effects and public threads of each are joined in `bnspec.reference.vectors`, from the
bugs that are named here by their slugs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Flag:
    """One mistake: its name, what is wrong in a few words, and the known bugs that are it, by slug or `slug:form`."""

    name: str
    title: str
    bugs: tuple[str, ...]


TABLE = """
root-missing                    divides by the variance instead of its root | \
    fwd-denominator-squared fwd-denominator-squared:no-root
unbiased-normalization          normalizes with the unbiased variance, dividing by m - 1 | fwd-normalise-with-unbiased-var
running-statistics-in-training  training normalizes with the running statistics | \
    fwd-train-normalises-with-running-stats fwd-train-normalises-with-running-stats:before-update
affine-too-early                gamma and beta come before the normalization, which undoes them | fwd-affine-order
gamma-and-beta-swapped          gamma and beta are in each other's place | fwd-gamma-beta-or-mean-var-swapped
mean-and-variance-swapped       running mean and variance are in each other's place | fwd-gamma-beta-or-mean-var-swapped:mean-var
gamma-ignored                   gamma is taken for 1 | fwd-fixed-gamma-but-stored
beta-ignored                    beta is left out, or scaled | fwd-beta-ignored fwd-beta-ignored:scaled
gamma-magnitude                 the sign of gamma is lost | fwd-gamma-magnitude
mean-not-subtracted             x is scaled, but not centred | fwd-mean-not-subtracted
absolute-deviation              the mean absolute deviation stands for the standard deviation | fwd-mean-absolute-deviation
eps-outside-root                eps stands outside the square root | fwd-eps-outside-sqrt
eps-missing                     eps is not added at all | fwd-eps-missing fwd-eps-missing:train
eps-missing-in-inference        inference leaves eps out | fwd-eps-missing-in-eval
eps-fixed                       eps is a constant, whatever the layer was given | fwd-eps-fixed
eps-clamped                     a small eps is raised to a larger one | fwd-eps-clamped
eps-squared                     eps is squared before it is added | fwd-eps-squared
eps-added-twice                 eps is added twice | fwd-eps-added-twice
eps-as-floor                    the variance is raised to eps instead of eps being added | fwd-variance-floored-at-eps
eps-differs-in-backward         backward uses another eps than forward, or none | fwd-bwd-eps-mismatch
eps-taken-from-state            eps is subtracted from the variance that a layer is given | frozen-eps-subtracted-on-load
statistics-per-sample           each sample of a channel is normalized by itself | fwd-wrong-reduction-instance
statistics-of-everything        one mean and variance serve all channels | fwd-wrong-reduction-global
statistics-across-channels      statistics are taken over the channels of each sample | fwd-wrong-reduction-global:sample
statistics-per-position         each position of an image has statistics of its own | fwd-per-activation-on-images
wrong-axis                      the channels are looked for on another axis | default-axis-wrong-for-layout
axes-exchanged                  channels and positions are exchanged where both are as many | nlc-vs-ncl-silent
rank-2-as-image                 a batch of rank 2 is taken for an image | rank-2-treated-as-rank-4
batch-tail-dropped              the last samples of a batch that is no multiple of the vector length are left out | \
    batch-tail-dropped
channel-tail-dropped            the last channels beyond a multiple of the vector length are left out | channel-tail-dropped
one-pass-variance               E[x**2] - E[x]**2 loses the digits of a variance far from zero | \
    var-one-pass-unclamped var-one-pass-clamped var-one-pass-clamped:magnitude var-one-pass-unbiased-sums persistent-kernel-overflow
half-accumulation               statistics are summed in half precision | statistics-accumulated-in-half
approximate-root                the reciprocal root is a rough approximation | inv-std-approximate
bessel-with-batch-count         the running variance is corrected with N and not with the values a channel | \
    rv-bessel-with-batch-count
running-variance-contains-eps   eps is averaged into the running variance | rs-contains-eps
running-deviation               the running variance holds the standard deviation | rs-keeps-std rs-keeps-std:squared-average
variance-about-running-mean     the variance is taken about the running mean | rv-about-running-mean
statistics-of-output            the running statistics are those of y | rs-of-output
one-statistic-for-all           all channels share one running statistic | rs-scalar-for-all-channels
variance-weight-squared         the running variance moves with the square of the weight | rv-moved-with-squared-weight
variance-momentum-swapped       the running variance weighs old and new the wrong way round | rv-momentum-swapped
average-not-weighted            the batch is added with the wrong weight to the old value | \
    scale-factor-ignored scale-factor-ignored:old-not-decayed cma-off-by-one debias-without-zero-start debias-applied-again
bessel-inverted                 the running variance is multiplied by (m - 1) / m | rv-bessel-inverted
never-updated                   training leaves the running statistics where they are | rs-never-updated
one-statistic-updated           only one of the running statistics is updated, or it goes into the other | \
    only-one-statistic-updated only-one-statistic-updated:variance only-one-statistic-updated:variance-into-mean
last-batch-only                 the running statistics are those of the last batch | rs-replaced-by-last-batch
momentum-ignored                the default momentum is used, whatever the layer was given | rs-momentum-ignored
updated-by-backward             backward moves the running statistics a second time | rs-updated-twice-by-recompute
updated-twice                   one training step moves the running statistics twice | rs-updated-twice
updated-once-only               the running statistics stop after the first batch | rs-stops-after-first-batch cma-counter-stuck
biased-for-unbiased             the running variance is biased where the unbiased is promised | rv-biased
unbiased-for-biased             the running variance is unbiased where the biased is promised | rv-unbiased-where-biased-promised
bessel-with-eps                 the unbiased variance is computed with a denominator that was tampered with | \
    rv-bessel-hacked-denominator
momentum-swapped                momentum weighs the old value where it should weigh the new, or the reverse | momentum-swapped
batch-statistics-in-inference   inference normalizes with the batch's own mean or variance | \
    eval-uses-batch-stats eval-uses-batch-stats:mean eval-uses-batch-stats:variance
mode-ignored                    a training call is answered as inference | fwd-training-kwarg-ignored
mode-inverted                   training and inference are exchanged | mode-flag-inverted
updated-in-inference            inference moves the running statistics | \
    rs-updated-in-eval rs-updated-in-eval:mean cma-counts-inferences
stale-statistics                inference right after training uses statistics from before it | stale-statistics-in-same-call
inference-of-last-batch         inference uses the statistics of the last batch | eval-uses-last-batch
mode-sticks                     after one inference training is answered as inference | mode-eval-sticks
bessel-in-inference             inference corrects the running variance again | eval-bessel-again
affine-missing-in-inference     inference leaves gamma and beta out | eval-affine-missing
training-gradient-in-inference  backward of an inference uses training's formula | \
    eval-grad-uses-train-formula eval-dx-uses-batch-var
batch-statistics-in-dgamma      dgamma of an inference uses the batch's statistics | eval-dgamma-uses-batch-stats
statistics-held-constant        dx treats mean and variance as constants | dx-no-stat-terms
mean-term-missing               dx lacks mean(dy) | dx-missing-mean-term
variance-term-missing           dx lacks x_hat mean(dy x_hat) | dx-missing-var-term
sums-for-means                  dx has sums where means belong | \
    dx-sum-instead-of-mean dx-sum-instead-of-mean:variance dx-sum-instead-of-mean:both
dx-with-m-minus-1               dx divides by m - 1 | dx-divides-by-m-minus-1 dx-divides-by-m-minus-1:variance
dx-with-batch-count             dx divides by N and not by the values a channel | dx-divides-by-batch-count
dx-means-over-batch             dx takes its means over the samples alone | dx-means-over-batch-only
variance-term-sign              the variance term of dx has another sign or factor | \
    dx-var-term-sign dx-var-term-sign:halved dx-var-term-sign:doubled
running-scale-in-dx             dx of training is scaled with the running variance | ema-in-train-scales-gradient
gamma-missing-in-dx             dx, or a part of it, lacks gamma | dx-missing-gamma dx-missing-gamma:part
deviation-missing-in-dx         dx lacks 1 / sqrt(var + eps) | dx-missing-inv-std
relu-in-backward                dy is masked where y is negative | fused-relu-mask
channels-out-of-order           dx has another channel's factor | dx-in-wrong-order-of-channels
dgamma-without-x-hat            dgamma is made with x, y or x - mean instead of x_hat | \
    dgamma-from-x-or-y dgamma-from-x-or-y:y dgamma-from-x-or-y:centered
parameter-gradients-averaged    dgamma or dbeta is a mean and not a sum | dbeta-or-dgamma-averaged dbeta-or-dgamma-averaged:dgamma \
    dbeta-or-dgamma-averaged:dbeta dbeta-or-dgamma-averaged:samples
gamma-in-parameter-gradients    dgamma or dbeta is multiplied by gamma | dbeta-with-gamma dbeta-with-gamma:dgamma
dgamma-and-dbeta-swapped        dgamma and dbeta are in each other's place | dgamma-dbeta-swapped
dgamma-zero                     dgamma is always 0 | dgamma-zero-when-default-fix-gamma
parameter-gradients-over-batch  dgamma and dbeta are summed over the samples alone | parameter-grads-over-batch-only
odd-count                       an odd number of values a channel loses one | odd-shape-dgamma
computed-narrower               float64 is computed in float32, or what is kept for backward in half | \
    double-downcast statistics-downcast saved-buffer-in-half output-through-half
eps-loses-digits                eps vanishes, or loses digits, in a narrower dtype | eps-underflows-in-half eps-float32-vs-float64
state-in-half                   running statistics, or what is folded from them, are rounded to half | \
    half-conversion-of-stats fold-computed-in-half
constant-channel-is-nan         a channel that does not vary gives NaN | zero-variance-nan
constant-channel-loses-beta     a channel that does not vary gives 0 and not beta | constant-channel-loses-beta
small-variance-replaced         a small variance is replaced by another number | sqrt-sanitised variance-floored
values-clipped                  normalized values are cut off | values-clipped
single-value-poisons-state      one value a channel leaves NaN in the running variance | rs-nan-poisoned-by-m1
single-value-unnormalized       one value a channel is handed back as it is | single-value-passes-as-it-is
nan-crosses-channels            a NaN spoils other channels too | nan-crosses-channels
nan-replaced                    a NaN is replaced by a number | nan-silently-zeroed
division-by-gamma               something is divided by gamma, which may be 0 | gamma-zero-division
activation-overwritten          backward reads what forward has overwritten | layer-reads-clobbered-activation
gradients-accumulate            gradients of the parameters add up over the rounds | \
    param-grads-accumulate param-grads-accumulate:beta
first-forward-kept              backward is of the first forward and not of the latest | backward-uses-first-forward
hidden-state                    what was called before changes an answer that it must not change | outputs-depend-on-earlier-calls
"""
"""One flag a line: its name, its title, a bar, and its bugs."""


def _read(line: str) -> Flag:
    said, _, bugs = line.partition("|")
    name, title = said.split(maxsplit=1)
    return Flag(name, title.strip(), tuple(bugs.split()))


FLAGS: Mapping[str, Flag] = MappingProxyType({flag.name: flag for flag in map(_read, TABLE.strip().splitlines())})
"""Every flag by its name, in the order in which they are told."""
