"""Projections: one-way synapses from one population to another, and where weights come from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from apical.errors import WiringError
from apical.expressions import place
from apical.populations import Error, Population
from apical.rules import LearningRule


@dataclass(frozen=True)
class WeightSource(ABC):
    """Where the initial weights of a projection come from."""

    @abstractmethod
    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        """Return W, shape (n_pre, n_post), W[i, j] from presynaptic i to postsynaptic j."""


@dataclass(frozen=True)
class Normal(WeightSource):
    """Independent normal weights of mean 0.

    Parameters
    ----------
    std
        Standard deviation [dimensionless].
    """

    std: float = 1.0

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0.0, self.std, (n_pre, n_post))


@dataclass(frozen=True)
class Uniform(WeightSource):
    """Independent weights from ``[-limit, limit)``.

    Parameters
    ----------
    limit
        Largest absolute weight [dimensionless].
    """

    limit: float = 1.0

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(-self.limit, self.limit, (n_pre, n_post))


@dataclass(frozen=True)
class Zero(WeightSource):
    """All weights 0."""

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return np.zeros((n_pre, n_post))


@dataclass(frozen=True)
class Identity(WeightSource):
    """Neuron i reaches neuron i alone.

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
    """Weights onto each neuron shifted by one number, so that they sum to 0.

    Error neurons that all fire alike then teach nothing (Neftci et al. 2017,
    doi:10.3389/fnins.2017.00324, published simulation code).

    Parameters
    ----------
    source
        Where the weights come from before the shift.
    """

    source: WeightSource = Normal()

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        weights = self.source.draw(n_pre, n_post, rng)
        return weights - weights.mean(axis=0)


@dataclass(frozen=True, eq=False)
class Given(WeightSource):
    """Weights given as an array, shape (n_pre, n_post) [dimensionless]."""

    weights: np.ndarray

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
    """Positive error neurons reach their targets with ``-W``, negative ones with ``+W``.

    The two halves of the presynaptic population report opposite signs of one error, so that
    what arrives points where the activity should go.

    Parameters
    ----------
    source
        Where W, shape (n_pre / 2, n_post), comes from.
    """

    source: WeightSource = Normal()

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        if n_pre % 2:
            raise WiringError(
                f"Opposed weights need a positive and a negative half of the presynaptic neurons, "
                f"got {n_pre} neurons; their number must be even."
            )
        weights = self.source.draw(n_pre // 2, n_post, rng)
        return np.concatenate([-weights, weights])


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from every neuron of `pre` to every neuron of `post`.

    Parameters
    ----------
    pre, post
        The populations that the synapses join.
    weights
        Where the initial weights come from.
    rule
        How the weights change; None for fixed synapses.
    carries
        Which signal of `pre` reaches which input of `post`, for instance ``{"drive": "x"}``.
    bounds
        Smallest and largest weight [dimensionless], held after every update; None for none.
    release
        Probability that a spike crosses a synapse [dimensionless], drawn for each spike and each
        synapse ("blank-out" noise, Neftci et al. 2016, doi:10.3389/fnins.2016.00241). A rule that
        acts at presynaptic spikes acts at those that crossed.
    name
        What to call it; ``<pre>_to_<post>`` by default.

    Raises
    ------
    WiringError
        If a population does not offer or take what the projection or its rule names.
    """

    pre: Population
    post: Population
    weights: WeightSource = Normal()
    rule: LearningRule | None = None
    carries: Mapping[str, str] = field(default_factory=lambda: {"drive": "x"})
    bounds: tuple[float, float] | None = None
    name: str = ""
    release: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or f"{self.pre.name}_to_{self.post.name}")
        for target, signal in self.carries.items():
            if signal not in self.pre.signals or target not in self.post.inputs:
                raise WiringError(
                    f"Projection {self.name!r} carries {signal!r} to {target!r}, but "
                    f"{_offer(self.pre)} and {self.post.name!r} takes "
                    f"{', '.join(self.post.inputs) or 'no input'}."
                )
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise WiringError(
                f"Projection {self.name!r}: bounds must be (smallest, largest), got "
                f"{self.bounds!r}."
            )
        if not 0 < self.release <= 1:
            raise WiringError(
                f"Projection {self.name!r}: release must be a probability above 0, got "
                f"{self.release!r}."
            )
        if self.rule is not None:
            self._check_rule(self.rule)

    def _check_rule(self, rule: LearningRule) -> None:
        if rule.when == "feedback" and "teach" not in self.post.inputs:
            raise WiringError(
                f"Rule {rule.name!r} on projection {self.name!r} waits for feedback, but "
                f"{self.post.name!r} has no input 'teach'; choose another timing of the rule."
            )
        for name in sorted(rule.signals):
            end = place(name)
            neuron = self.pre if end == "pre" else self.post
            if name.removesuffix(f"_{end}") not in neuron.signals:
                raise WiringError(
                    f"Rule {rule.name!r} on projection {self.name!r} reads {name!r}, but "
                    f"{_offer(neuron)}."
                )

    def __repr__(self) -> str:
        return f"Projection({self.pre.name!r} -> {self.post.name!r})"

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of presynaptic and postsynaptic neurons."""
        return self.pre.size, self.post.size

    @property
    def is_forward(self) -> bool:
        """Whether it drives its target on the way from stimulus to output."""
        return "drive" in self.carries and not isinstance(self.post, Error)


def _offer(population: Population) -> str:
    return f"{population.name!r} offers {', '.join(population.signals) or 'no signal'}"
