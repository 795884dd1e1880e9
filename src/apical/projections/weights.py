"""Weight initialisation: distributions and masks from which initial weights are drawn."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from apical._base.checking import check_fields
from apical._base.parameters import Array, Count, NonNegative, Vector
from apical.errors import WiringError


@dataclass(frozen=True)
class WeightSource(ABC):
    """Base of weight initialisers: the source of the initial weights of a projection."""

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        """Return W, shape (n_pre, n_post), W[i, j] from presynaptic i to postsynaptic j."""


@dataclass(frozen=True)
class Normal(WeightSource):
    """Independent Gaussian weights of mean 0.

    Parameters
    ----------
    std
        Standard deviation [dimensionless].
    """

    std: NonNegative = 1.0

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0.0, self.std, (n_pre, n_post))


@dataclass(frozen=True)
class Uniform(WeightSource):
    """Independent uniform weights from ``[-limit, limit)``.

    Parameters
    ----------
    limit
        Largest absolute weight [dimensionless].
    positive
        Whether they are drawn from ``[0, limit)`` instead.
    """

    limit: NonNegative = 1.0
    positive: bool = False

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(0 if self.positive else -self.limit, self.limit, (n_pre, n_post))


@dataclass(frozen=True)
class FanIn(WeightSource):
    """Fan-in initialisation: independent weights scaled by ``1/sqrt(n_pre)`` (LeCun, He).

    Parameters
    ----------
    scale
        Factor on ``1/sqrt(n_pre)`` [dimensionless].
    uniform
        True: from ``[-limit, limit)`` with that limit; False: normal with that standard
        deviation. ``FanIn(2**0.5, uniform=False)`` is He et al. 2015, arXiv:1502.01852, eq. 10.
    """

    scale: NonNegative = 1.0
    uniform: bool = True

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return _scaled(self.scale / n_pre**0.5, self.uniform, (n_pre, n_post), rng)


@dataclass(frozen=True)
class FanOut(WeightSource):
    """Fan-out initialisation: independent weights scaled by ``1/sqrt(n_post)``.

    The feedback of Nokland 2016 (arXiv:1609.01596, section 4): uniform, ``1/sqrt(n_hidden)``.

    Parameters
    ----------
    scale
        Factor on ``1/sqrt(n_post)`` [dimensionless].
    uniform
        As in `FanIn`.

    References
    ----------
    Nokland 2016, arXiv:1609.01596, section 4.
    """

    scale: NonNegative = 1.0
    uniform: bool = True

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return _scaled(self.scale / n_post**0.5, self.uniform, (n_pre, n_post), rng)


@dataclass(frozen=True)
class Glorot(WeightSource):
    """Glorot (Xavier) initialisation: uniform up to ``sqrt(6/(n_pre + n_post))``.

    References
    ----------
    Glorot & Bengio 2010, eq. 16.
    """

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return _scaled((6 / (n_pre + n_post)) ** 0.5, True, (n_pre, n_post), rng)


@dataclass(frozen=True)
class FewInputs(WeightSource):
    """Sparse initialisation: nonzero weights for a few presynaptic neurons of each target.

    The input of a neuron then does not grow with the presynaptic population. With ``Normal(1.0)``
    and 15 inputs it is the sparse initialization of Martens 2010, Deep learning via Hessian-free
    optimization, ICML, section 5. The other synapses exist with weight 0, and may learn.

    Parameters
    ----------
    source
        Where the nonzero weights come from.
    inputs
        In-degree: nonzero synapses onto each neuron, drawn at random; all, where there are fewer.
    """

    source: WeightSource
    inputs: Count

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        weights = self.source.draw(n_pre, n_post, rng)  # first, so that these are as they were
        rank = rng.random((n_pre, n_post)).argsort(axis=0).argsort(axis=0)
        return weights * (rank < self.inputs)


def _scaled(
    size: float, uniform: bool, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    return rng.uniform(-size, size, shape) if uniform else rng.normal(0.0, size, shape)


@dataclass(frozen=True, eq=False)
class Masked(WeightSource):
    """Masked weights: those of another source, and 0 for neurons that are masked out.

    Parameters
    ----------
    source
        Where the weights come from.
    pre, post
        Masks of the connected neurons, shape (n_pre,) and (n_post,), of bool; None for all.
    """

    source: WeightSource
    pre: Vector | None = None
    post: Vector | None = None

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        rows = np.ones(n_pre, bool) if self.pre is None else np.asarray(self.pre, bool)
        columns = np.ones(n_post, bool) if self.post is None else np.asarray(self.post, bool)
        if rows.shape != (n_pre,) or columns.shape != (n_post,):
            raise WiringError(
                f"Masked weights need masks of {n_pre} presynaptic and {n_post} postsynaptic "
                f"neurons, got shapes {rows.shape} and {columns.shape}."
            )
        return self.source.draw(n_pre, n_post, rng) * np.outer(rows, columns)


@dataclass(frozen=True)
class Zero(WeightSource):
    """All weights 0."""

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return np.zeros((n_pre, n_post))


@dataclass(frozen=True)
class Identity(WeightSource):
    """One-to-one connectivity: neuron i projects to neuron i alone.

    Parameters
    ----------
    weight
        Weight of each of these synapses [dimensionless].
    """

    weight: float = 1.0

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return self.weight * np.eye(n_pre, n_post)


@dataclass(frozen=True)
class ZeroSum(WeightSource):
    """Zero-mean weights onto each neuron: shifted by a constant, so that they sum to 0.

    Equal activity of all error neurons then cancels (Neftci et al. 2017,
    doi:10.3389/fnins.2017.00324, published simulation code).

    Parameters
    ----------
    source
        Where the weights come from before the shift.

    References
    ----------
    Neftci et al. 2017, doi:10.3389/fnins.2017.00324.
    """

    source: WeightSource = field(default_factory=Normal)

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        weights = self.source.draw(n_pre, n_post, rng)
        return weights - weights.mean(axis=0)


@dataclass(frozen=True, eq=False)
class Given(WeightSource):
    """Weights given as an array, shape (n_pre, n_post) [dimensionless]."""

    weights: Annotated[np.ndarray, Array((2,), finite=True)]

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        weights = np.array(self.weights, dtype=np.float64)
        if weights.shape != (n_pre, n_post):
            raise WiringError(
                f"Given weights must have shape {(n_pre, n_post)}, got {weights.shape}; "
                "rows are presynaptic neurons."
            )
        return weights


@dataclass(frozen=True)
class Opposed(WeightSource):
    """Push-pull feedback weights: ``-W`` from positive error neurons, ``+W`` from negative ones.

    The two halves of the presynaptic population encode opposite signs of one error, so the
    feedback points in the direction in which the activity should change.

    Parameters
    ----------
    source
        Where W, shape (n_pre / 2, n_post), comes from.
    """

    source: WeightSource = field(default_factory=Normal)

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        if n_pre % 2:
            raise WiringError(
                f"Opposed weights need a positive and a negative half of the presynaptic neurons, "
                f"got {n_pre} neurons; their number must be even."
            )
        weights = self.source.draw(n_pre // 2, n_post, rng)
        return np.concatenate([-weights, weights])
