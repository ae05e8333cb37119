"""What the command line can say about code beyond its name. It is imported for `--help`, and so imports little."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True)
class Told:
    """What is said about the targets."""

    make: str | None = None
    "How a layer is made, such as 'BN({channels})'; {eps}, {momentum}, {gamma} and the like may stand there too."
    returns: str | None = None
    "What backward returns, in order, such as dx,dbeta,dgamma; or what forward returns, such as y,running_mean,running_var."
    layout: str | None = None
    "The order of the axes of x: CN for features first, NHWC for channels last, NC, NCHW."
    eps: float | None = None
    "The number added to the variance, by code that does not let itself be given another."
    variant: str | None = None
    "frozen, sync, or ghost:4 for normalizing four samples at a time."
    fixed_shape: str | None = None
    "The only shape of x that is taken, such as 16x3x32x32."
    runtime: str | None = None
    "What runs an ONNX model: onnxruntime, openvino, reference or opencv."

    @property
    def words(self) -> dict[str, str | float]:
        """What is said, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


NOTHING = Told()
