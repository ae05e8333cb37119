"""The names under which people keep the parts of a BatchNorm.

Names are compared without underscores and case: running_mean, _running_mean and runningMean are one name. Earlier aliases win.
"""

from __future__ import annotations

from collections.abc import Iterable


def _words(text: str) -> tuple[str, ...]:
    """The words of a long list, which read better in lines than in a column."""
    return tuple(text.split())


X = _words("x input inputs xin inp xbatch batch data z a h features featuremap featuremaps images tensor activations")
DY = _words(
    "dy dout dyout dz da dh dl dloss grad grads gradoutput gradoutputs gradout outgrad outputgrad delta upstream upstreamgrad "
    "gradient gradients dldy dldout dldz gradz grady error derror dnext dx"
)
"""The first argument of a forward function, and of its backward."""

SETTINGS = _words(
    "bnparam bnparams bnparameters bnconfig bnstate param params parameters config cfg conf options opts opt settings "
    "state states hyperparams hparams hyperparameters kwargs layer layerparams stats runningstats running buffers memory dict"
)
"""Arguments of a function that are dicts: of settings, of state, or of both."""

FORWARD = ("forward", "fprop", "forwardpass", "__call__", "call")
"""Methods that answer y; a `forward` is preferred to the `__call__` that leads to it."""

BACKWARD = ("backward", "bprop", "backwardpass", "backprop")
"""Methods that answer dx, alone or with dgamma and dbeta."""

SIZE = _words(
    "numfeatures nfeatures features infeatures numchannels nchannels channels inchannels inputsize inputdim indim size "
    "inputshape shape numunits nunits units hiddensize hiddendim numneurons dim c d n"
)
"""Constructor arguments that say how many channels there are."""

RANK = ("numdims", "ndim", "ndims")
"""Constructor arguments that say how many axes x will have."""

EPS = ("eps", "epsilon", "varianceepsilon")
MOMENTUM = ("momentum", "decay", "decayrate", "movingdecay", "runningmomentum", "bnmomentum", "rho", "alpha")
"""What `momentum` weighs is not told by its name: it is measured."""

GAMMA = ("gamma", "weight", "scale", "scaler", "gain", "gama", "bw", "g")
BETA = ("beta", "bias", "shift", "offset", "bb", "b")
RUNNING_MEAN = _words(
    "runningmean movingmean runningm runningmu movingmu avgmean avgmu averagemean overallave overallmean testmean storedmean "
    "runningmeanx globalmean popmean populationmean emamean mu"
)
RUNNING_VAR = _words(
    "runningvar runningvariance movingvar movingvariance runningv avgvar averagevar overallvar testvar storedvar "
    "runningvarx globalvar popvar populationvar emavar var"
)
"""Only variances: a running standard deviation is another quantity, and is not bound."""

CACHE = ("cache", "caches", "ctx", "context", "saved", "memory", "stash", "tape", "bncache", "state", "fwdcache", "forwardcache")
"""What a forward returns for its backward."""

DX = ("dx", "gradx", "gradinput", "dinput", "dinputs", "xgrad", "dldx", "dz", "da", "dxin", "din")
DGAMMA = ("dgamma", "gradgamma", "gammagrad", "dldgamma", "dweight", "gradweight", "dscale", "gradscale", "dgama", "dldbw", "dg")
DBETA = ("dbeta", "gradbeta", "betagrad", "dldbeta", "dbias", "gradbias", "dshift", "gradshift", "dldbb", "db")

SWITCHES = {
    "affine": ("gamma", "beta"),
    "learnable": ("gamma", "beta"),
    "elementwiseaffine": ("gamma", "beta"),
    "scale": ("gamma",),
    "usescale": ("gamma",),
    "usegamma": ("gamma",),
    "center": ("beta",),
    "usebias": ("beta",),
    "usebeta": ("beta",),
    "trackrunningstats": ("running_mean", "running_var"),
    "trackstats": ("running_mean", "running_var"),
}
"""Constructor arguments that, given False, make a layer without some of its parts."""

STATES = (
    ("statedict", "loadstatedict"),
    ("getstate", "setstate"),
    ("getstatedict", "setstatedict"),
    ("getweights", "setweights"),
)
"""Pairs of methods: what gives all that a layer holds, and what takes it."""

TRAINING_FLAGS = ("training", "train", "istraining", "istrain", "trainflg", "trainflag", "trainingmode", "trainmode", "trainable")
INFERENCE_FLAGS = _words(
    "eval istest iseval test evaluate inference isinference evalmode testmode inferencemode deterministic userunningaverage predict"
)
"""Flags that are true in inference."""

MODES = ("mode", "phase")
TRAIN_WORDS = ("train", "training")
INFER_WORDS = ("test", "eval", "inference", "infer", "predict", "evaluate", "validation")
"""What a mode string may say; words that occur in the code of `forward` are preferred."""


def plain(name: str) -> str:
    """A name as it is compared: dunder names as they are, others without underscores and case."""
    return name if name.startswith("__") else name.replace("_", "").lower()


def norms(listed: Iterable[str]) -> list[str]:
    """Those of the names that say that it normalizes; those that say batch, where there are any."""
    found = [name for name in listed if any(word in plain(name).strip("_") for word in ("norm", "bn"))]
    return [name for name in found if any(word in plain(name) for word in ("batch", "bn"))] or found


def match(names: Iterable[str], aliases: Iterable[str]) -> str | None:
    """The name that is the earliest of the aliases, or None."""
    by_plain: dict[str, str] = {}
    for name in names:
        by_plain.setdefault(plain(name), name)
    return next((by_plain[alias] for alias in aliases if alias in by_plain), None)
