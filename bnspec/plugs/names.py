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

FORWARD = _words(
    "forward fprop forwardpass forwardprop forwardpropagation forwardtrain trainforward forwardtraining updateoutput getoutputfor "
    "getoutput fwd __call__ call normalize"
)
"""Methods that answer y; a `forward` is preferred to the `__call__` that leads to it."""

FORWARD_INFERENCE = _words(
    "forwardtest forwardeval forwardinference forwardinfer forwardpredict testforward evalforward inferenceforward inference infer "
    "predict calltest callinference"
)
"""Methods that answer y in inference, beside a forward that is for training."""

BACKWARD = _words(
    "backward bprop backwardpass backprop backwardprop backwardpropagation backpropagation backpropagate updategradinput bwd"
)
"""Methods that answer dx, alone or with dgamma and dbeta."""

ACCUMULATE = ("accgradparameters", "accumulategradparameters")
"""Methods beside a backward of dx alone that leave dgamma and dbeta on the layer."""

CLEAR = _words(
    "zerograd zerograds zerogradparameters zerogradient zerogradients cleargrad cleargrads cleargradients resetgrad resetgrads "
    "resetgradients"
)
"""Methods of a layer, or of its parameters, that take back gradients which add up over calls."""

BUILD = _words(
    "build setinputshape setshape setsize initparams initializeparams initparameters initializeparameters initweights "
    "initializeweights initializeweightsandbiases resetparameters setup init initialize"
)
"""Methods that give a layer its size after it was made."""

RATE = _words("lr learningrate eta stepsize learnrate")
"""The step of an update that is done inside of backward."""

OPTIMIZER = _words("optimizer optimiser opt")
"""What a layer is given to do its updates with."""

SIZE = _words(
    "numfeatures nfeatures features infeatures numchannels nchannels channels inchannels inputsize inputdim indim size "
    "inputshape shape paramshape numunits nunits units numunit hiddensize hiddendim numneurons nneurons neurons channel "
    "numchannel nch planes filters numfilters nfeature numfeature nin nout ninputs noutputs numinputs numoutputs "
    "inputfeatures insize infeature outfeatures outchannels outsize outputsize outputdim outdim featuresize featuredim "
    "layersize width depth nhidden dimension nfeat nf fanin dim c d n"
)
"""Constructor arguments that say how many channels there are."""

RANK = ("numdims", "ndim", "ndims")
"""Constructor arguments that say how many axes x will have."""

EPS = ("eps", "epsilon", "varianceepsilon", "varepsilon", "bneps")
MOMENTUM = _words(
    "momentum decay decayrate movingdecay emadecay avgdecay runningmomentum bnmomentum mom rho alpha keep averagefactor "
    "exponentialaveragefactor smoothing polyak"
)
"""What `momentum` weighs is not told by its name: it is measured."""

GAMMA = ("gamma", "weight", "scale", "scaler", "gain", "gama", "bw", "g")
BETA = ("beta", "bias", "shift", "offset", "bb", "b")
RUNNING_MEAN = _words(
    "runningmean movingmean movmean runningm runningmu movingmu avgmean avgmu averagemean overallave overallmean testmean "
    "storedmean runningmeanx globalmean popmean populationmean emamean runmean meanrunning runningaverage meanavg "
    "averagemu inferencemean murunning movingaverage movingaveragemean mumoving expmean rm mean mu"
)
RUNNING_VAR = _words(
    "runningvar runningvariance movingvar movvar movingvariance runningv avgvar averagevar overallvar testvar storedvar "
    "runningvarx globalvar globalvariance popvar populationvar populationvariance emavar runvar varrunning varavg "
    "averagevariance inferencevar movingaveragevar movingaveragevariance runningsigma2 expvar rv variance var sigma2 sigmasq"
)
"""Only variances: a running standard deviation is another quantity, and is not bound."""

SHORT = frozenset(_words("mean mu var variance sigma2 sigmasq"))
"""Names of running statistics that belong to a batch as often: they count together, or in what is named for what it keeps."""

KEEPERS = _words(
    "running runningstats runningstatistics stats statistics batchstats state states bnstate moving movingstats averages ema "
    "buffers population runningaverages avg"
)
"""What holds running statistics and says so, under whatever names they have in it."""

CACHE = ("cache", "caches", "ctx", "context", "saved", "memory", "stash", "tape", "bncache", "state", "fwdcache", "forwardcache")
"""What a forward returns for its backward."""

DX = ("dx", "gradx", "gradinput", "dinput", "dinputs", "xgrad", "dldx", "dz", "da", "dxin", "din", "gx", "x", "input")
DGAMMA = (
    "dgamma",
    "gradgamma",
    "gammagrad",
    "dldgamma",
    "dweight",
    "gradweight",
    "dscale",
    "gradscale",
    "dgama",
    "dldbw",
    "dg",
    "ggamma",
    "ggain",
    "gweight",
    "gradgain",
    "dgain",
    "weightgrad",
    "scalegrad",
    "dscaler",
)
DBETA = (
    "dbeta",
    "gradbeta",
    "betagrad",
    "dldbeta",
    "dbias",
    "gradbias",
    "dshift",
    "gradshift",
    "dldbb",
    "db",
    "gbeta",
    "gbias",
    "biasgrad",
    "shiftgrad",
    "doffset",
)

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

TRAINING_FLAGS = (
    "training",
    "train",
    "istraining",
    "istrain",
    "trainflg",
    "trainflag",
    "trainingmode",
    "trainmode",
    "trainable",
    "istrainingmode",
    "fortraining",
)
INFERENCE_FLAGS = _words(
    "eval istest iseval test evaluate inference isinference evalmode testmode inferencemode deterministic userunningaverage predict"
)
"""Flags that are true in inference."""

MODES = ("mode", "phase", "stage", "trainortest", "trainoreval")
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
