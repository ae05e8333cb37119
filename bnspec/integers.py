"""BatchNorm in integers and the square root of a fraction, channel by channel: nothing is rounded until the very end.

Every output is a fraction, or a fraction times one square root plus a fraction. Let a channel hold x = X 2**-p and
dy = A 2**-q with integers X and A; let D = m X - sum(X), Q = sum(D**2), T = sum(A D), G = sum(A). Then in training

    x - mean = D / (m 2**p)            var = Q / (m**3 4**p)           var + eps = s / (e m**3 4**p), s and e integers
    root     = inv_std / (m 2**p)      root**2 = m e / s               the one irrational number
    y        = gamma root D + beta     dgamma = root T 2**-q           dbeta = G 2**-q
    dx       = gamma (root / s) t 2**(p - q)                           t = s (m A - G) - m e T D

and in inference, with D = X - running_mean 2**p, the same y and dgamma, root = inv_std / 2**p, dx = gamma root A 2**(p - q).
"""

from __future__ import annotations

from array import array
from fractions import Fraction
from operator import mul
from typing import NamedTuple

import numpy as np

from bnspec.case import Array
from bnspec.columns import NOT_ABOVE_ZERO, Columns, Outputs, Undefined, not_finite
from bnspec.rounding import PAIR_BITS, VALUE_BITS, Ratio, Root, as_integers, on_root, proportional, quotient, remainder

PAIR_ROUNDOFF = 2.0**-106
"""A rest is within 2**-53 of itself, and itself at most 2**-53 of the value."""


class _Channel(NamedTuple):
    """One channel: x = xs 2**-p, dy = dys 2**-q (dys is empty where there is no dy), and the parameters as ratios."""

    xs: list[int]
    p: int
    dys: list[int]
    q: int
    gamma: Ratio
    beta: Ratio
    running_mean: Ratio
    running_var: Ratio


class _Results:
    """What a channel comes to, by name: numbers and lists of m numbers, and their rests where `low` wants them."""

    __slots__ = ("bits", "lists", "low", "numbers", "rest_lists", "rest_numbers")

    def __init__(self, low: bool) -> None:
        self.low, self.bits = low, PAIR_BITS if low else VALUE_BITS
        self.numbers: dict[str, float] = {}
        self.lists: dict[str, list[float]] = {}
        self.rest_numbers: dict[str, float] = {}
        self.rest_lists: dict[str, list[float]] = {}

    def ratio(self, name: str, ratio: Ratio) -> None:
        self.numbers[name] = value = quotient(*ratio)
        if self.low:
            self.rest_numbers[name] = remainder(*ratio, value)


def train(columns: Columns, weight: Fraction, factor: Fraction, *, low: bool) -> Outputs:
    """All outputs in training, the running statistics with `weight` on the batch's and `factor` on its variance.

    Raises `Undefined` where var + eps is zero.
    """
    eps, share, scale = columns.eps.as_integer_ratio(), weight.as_integer_ratio(), factor.as_integer_ratio()
    return _gather([_train_channel(channel, eps, share, scale, _Results(low)) for channel in _channels(columns)])


def infer(columns: Columns, *, low: bool) -> Outputs:
    """All outputs in inference. Raises `Undefined` where running_var + eps is not above zero."""
    eps = columns.eps.as_integer_ratio()
    return _gather([_infer_channel(channel, eps, _Results(low)) for channel in _channels(columns)])


def _train_channel(channel: _Channel, eps: Ratio, weight: Ratio, factor: Ratio, out: _Results) -> _Results:
    A, q, p, total, m = channel.dys, channel.q, channel.p, sum(channel.xs), len(channel.xs)
    D = [m * x - total for x in channel.xs]
    Q, cube = sum([d * d for d in D]), m**3 << 2 * p
    out.ratio("mean", (total, m << p))
    out.ratio("var", (Q, cube))
    out.ratio("running_mean", _blend(channel.running_mean, (total, m << p), weight))
    out.ratio("running_var", _blend(channel.running_var, (Q * factor[0], cube * factor[1]), weight))
    s, e = _fewer_twos(Q * eps[1] + eps[0] * cube, eps[1])
    if not s:
        raise Undefined(NOT_ABOVE_ZERO)
    root = Root.of((m * e, s), out.bits)
    _forward(out, channel, D, m << p, root)
    if A:
        T, G = sum(map(mul, A, D)), sum(A)
        own, shift, slope = s * m, s * G, m * e * T
        t = [own * a - shift - slope * d for a, d in zip(A, D, strict=True)]
        out.lists["residual"] = proportional(t, (1, own << q))
        _backward(out, channel, p, T, root, t, Root.of((m * e, s**3), out.bits))
    return out


def _infer_channel(channel: _Channel, eps: Ratio, out: _Results) -> _Results:
    A, (mean, mean_unit), (var, var_unit) = channel.dys, channel.running_mean, channel.running_var
    p = max(channel.p, mean_unit.bit_length() - 1)
    lift, mean = p - channel.p, (mean << p) // mean_unit
    D = [(x << lift) - mean for x in channel.xs]
    for name, ratio in (("mean", channel.running_mean), ("var", channel.running_var)):
        out.ratio(name, ratio)
        out.ratio("running_" + name, ratio)
    if (s := var * eps[1] + eps[0] * var_unit) <= 0:
        raise Undefined(NOT_ABOVE_ZERO)
    root = Root.of((var_unit * eps[1], s << 2 * p), out.bits)
    _forward(out, channel, D, 1 << p, root)
    if A:
        out.lists["residual"] = proportional(A, (1, 1 << channel.q))
        _backward(out, channel, p, sum(map(mul, A, D)), root, A, root)
    return out


def _forward(out: _Results, channel: _Channel, D: list[int], unit: int, root: Root) -> None:
    """y, x_hat, centered and the statistics that bounds need, from x - mean = D / unit and root = inv_std / unit."""
    sizes, near = list(map(abs, channel.xs)), (root.floor, 1 << root.shift)
    out.numbers["inv_std"] = quotient(root.floor * unit, near[1])
    out.numbers["abs_mean"] = quotient(sum(sizes), len(sizes) << channel.p)
    out.numbers["abs_max"] = quotient(max(sizes), 1 << channel.p)
    out.lists["x_hat"] = proportional(D, near)
    out.lists["centered"] = proportional(D, (1, unit))
    out.lists["y"], rests = on_root(root, D, channel.gamma, channel.beta, low=out.low)
    if out.low:
        out.rest_lists["y"] = rests


def _backward(out: _Results, channel: _Channel, p: int, T: int, root: Root, t: list[int], dx_root: Root) -> None:
    """dbeta, dgamma = root T 2**-q and dx = gamma dx_root t 2**(p - q)."""
    (over, under), unit = channel.gamma, 1 << channel.q
    out.ratio("dbeta", (sum(channel.dys), unit))
    (out.numbers["dgamma"],), rest = on_root(root, [T], (1, unit), low=out.low)
    out.lists["dx"], rests = on_root(dx_root, t, (over << p, under * unit), low=out.low)
    if out.low:
        (out.rest_numbers["dgamma"],), out.rest_lists["dx"] = rest, rests


def _blend(old: Ratio, new: Ratio, weight: Ratio) -> Ratio:
    """(1 - weight) old + weight new."""
    share, whole = weight
    return (whole - share) * old[0] * new[1] + share * new[0] * old[1], whole * old[1] * new[1]


def _fewer_twos(a: int, power_of_two: int) -> Ratio:
    """Both divided by the largest power of two that divides them: shorter integers are faster ones."""
    together = a | power_of_two
    twos = (together & -together).bit_length() - 1
    return a >> twos, power_of_two >> twos


def _channels(columns: Columns) -> list[_Channel]:
    xs = as_integers(columns.x, columns.digits)
    dys = [([], 0)] * len(xs) if columns.dy is None else as_integers(columns.dy, columns.digits)
    try:
        parameters = [[value.as_integer_ratio() for value in four] for four in columns.parameters.T.tolist()]
    except (OverflowError, ValueError):  # what Python says of infinities and NaNs
        raise not_finite("gamma, beta, running_mean or running_var") from None
    return [_Channel(*x, *dy, *four) for x, dy, four in zip(xs, dys, parameters, strict=True)]


def _gather(channels: list[_Results]) -> Outputs:
    """The channels side by side."""
    values = _columns([c.numbers for c in channels], [c.lists for c in channels])
    rests = _columns([c.rest_numbers for c in channels], [c.rest_lists for c in channels]) if channels[0].low else {}
    return Outputs(values, rests, PAIR_ROUNDOFF if rests else 2.0**-53)


def _columns(numbers: list[dict[str, float]], lists: list[dict[str, list[float]]]) -> dict[str, Array]:
    """(C,) for each name of a number, (m, C) for each of a list; all in one buffer, in half the time of one array a name."""
    flat: list[float] = []
    for some, more in zip(numbers, lists, strict=True):
        flat += some.values()
        for values in more.values():
            flat += values
    C, K, L = len(numbers), len(numbers[0]), len(lists[0])
    table = np.frombuffer(array("d", flat)).reshape(C, -1)
    cube = table[:, K:].reshape(C, L, -1).transpose(1, 2, 0)
    return dict(zip(numbers[0], table.T, strict=False)) | dict(zip(lists[0], cube, strict=True))
