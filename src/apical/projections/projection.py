"""Projections: one-way synapses from one population to another."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from apical._base.checking import check_fields, described, shown
from apical._base.names import check_name
from apical._base.parameters import (
    Kind,
    NonNegative,
    Positive,
    Share,
    ShareAboveZero,
    ShareBelowOne,
    Time,
)
from apical.errors import ParameterError, WiringError
from apical.language.expressions import names, place
from apical.neurons.base import Population
from apical.plasticity.constraints import Levels
from apical.plasticity.rules import ELIGIBILITY, LearningRule
from apical.projections.connectivity import AllToAll, Connectivity
from apical.projections.weights import Normal, WeightSource


@dataclass(frozen=True, eq=False)
class Projection:
    """A projection: one-way synapses from neurons of `pre` to neurons of `post`.

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
        Weight bounds [dimensionless]: weights are clipped to them after every update; None for
        none. Weights beyond them, drawn or loaded, act unchanged until an update reaches them.
    release
        Release probability of a synapse (synaptic dropout) [dimensionless], drawn for each spike
        and each synapse ("blank-out" noise, Neftci et al. 2016, doi:10.3389/fnins.2016.00241). A
        rule that acts at presynaptic spikes acts only at those that were transmitted.
    inhibitory
        Fraction of presynaptic neurons that are inhibitory (Dale's law); the others are excitatory,
        and no update changes a sign. None for weights of either sign. Inhibitory neurons are drawn
        for the population, and are the same in all its projections.
    missing
        Sparsity: fraction of the synapses of `connectivity` that do not exist; their weight is 0
        and stays so.
    levels
        Quantisation levels of the weights, applied after every update; None for continuous weights.
    name
        Its name; ``<pre>_to_<post>`` by default.
    delay
        Transmission delay of spikes [ms], a whole number of time steps. In a network that resets
        its neurons between trials, spikes in transit are then lost. A rule reads the current state
        of the presynaptic neuron, not the delayed one.
    explores
        Perturbation strength: standard deviation of the noise that each synapse adds to its weight
        in training trials [dimensionless]. Its rule may then read ``eligibility``, that noise
        divided by its variance (`apical.plasticity.rules.weight_perturbation`). For device
        ``array``, with a `Reward`.
    total
        Synaptic scaling: the sum to which the absolute weights onto each postsynaptic neuron are
        normalised when a training trial begins [dimensionless]; None for no scaling. It needs the
        weights of other synapses, and the scorecard says so.
    connectivity
        Which synapses exist: those of all pairs of neurons by default, or for instance
        `apical.connectivity.Mask` and `ReceptiveFields`. Others never get a weight, and take no
        memory on devices that store sparse weights.
    shared
        Weight sharing: whether all windows of a map have the same weights, as in a convolution
        (`apical.connectivity.ReceptiveFields`), and of a bias, whether all neurons of a map have
        the same one. The update of a weight is the sum of the updates of its synapses. For device
        ``array``; the scorecard says that it is not local.

    Raises
    ------
    WiringError
        If a population lacks a signal or input that the projection or its rule names, or if the
        projection cannot have a delay.
    ParameterError
        If a number is out of range, or `bounds` do not fit the signs or levels of the weights.

    See Also
    --------
    apical.Network.connect : Make one and add it to a network.
    apical.LearningRule : How its weights change.

    Examples
    --------
    >>> import apical as ap
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Regular()), ap.LIF("hidden", 3)
    >>> rule = ap.rules.three_factor(1e-4)
    >>> projection = ap.Projection(x, h, ap.Normal(0.2), rule, bounds=(-1, 1))
    >>> projection, projection.name, projection.shape
    (Projection('stimulus' -> 'hidden'), 'stimulus_to_hidden', (4, 3))
    >>> projection.limits, projection.is_forward
    ((-1.0, 1.0), True)
    >>> x.signals, h.signals, dict(h.inputs)  # what it may carry, and where
    (('x',), ('x', 'gain', 'teach', 'delta', 'v', 'I'), {'drive': 'I', 'teach': 'teach'})
    >>> ap.Projection(x, h, carries={"drive": "rate"})  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Projection 'stimulus_to_hidden' carries 'rate' to 'drive',
        but 'stimulus' offers x and 'hidden' takes drive, teach...
    >>> reads_y = ap.LearningRule("reads_y", "eta*y_pre", {"eta": 1.0})
    >>> ap.Projection(x, h, rule=reads_y)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Rule 'reads_y' on projection 'stimulus_to_hidden' reads
        'y_pre', but 'stimulus' offers x...
    """

    pre: Population
    post: Population
    weights: Annotated[WeightSource, Kind(WeightSource, "Normal(0.2) or Given(array)")] = field(
        default_factory=Normal
    )
    rule: Annotated[LearningRule, Kind(LearningRule, "rules.three_factor(1e-4)")] | None = None
    carries: Mapping[str, str] = field(default_factory=lambda: {"drive": "x"})
    bounds: tuple[float, float] | None = None
    name: str = ""
    release: ShareAboveZero = 1.0
    delay: Time = 0.0
    inhibitory: Share | None = None
    missing: ShareBelowOne = 0.0
    levels: Levels | None = None
    explores: NonNegative = 0.0
    total: Positive | None = None
    connectivity: Annotated[
        Connectivity,
        Kind(Connectivity, "connectivity.Mask(array) or connectivity.Probability(0.1)"),
    ] = field(default_factory=AllToAll)
    shared: bool = False

    def __post_init__(self) -> None:
        ends = isinstance(self.pre, Population) and isinstance(self.post, Population)
        if ends and isinstance(self.name, str) and not self.name:
            object.__setattr__(self, "name", f"{self.pre.name}_to_{self.post.name}")
        check_fields(self)
        check_name(self.name, "object", "Projection", "a projection")
        for target, signal in self.carries.items():
            if signal not in self.pre.signals or target not in self.post.inputs:
                raise WiringError(
                    f"Projection {self.name!r} carries {shown(signal)} to {shown(target)}, but "
                    f"{_offer(self.pre)} and {self.post.name!r} takes "
                    f"{', '.join(self.post.inputs) or 'no input'}.",
                    object=f"Projection {self.name!r}",
                )
        of_norm = {"scale", "shift"} & set(self.carries) if self.post.norm else set()
        if of_norm and self.pre.role != "bias":
            raise WiringError(
                f"Projection {self.name!r} reaches {', '.join(sorted(of_norm))} of "
                f"{self.post.name!r}, what its normalised drives are multiplied by and what is "
                "added to them; only a Bias may.",
                object=f"Projection {self.name!r}",
            )
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise ParameterError(
                f"Projection {self.name!r}: bounds must be (smallest, largest), got "
                f"{self.bounds!r}.",
                object=described(self),
                parameter="bounds",
            )
        self._check_connectivity()
        if self.shares_weights:
            self._check_shared()
        self._check_restraints()
        self._check_exploring()
        if self.delay:
            self._check_delay()
        if self.rule is not None:
            self._check_rule(self.rule)

    def _check_connectivity(self) -> None:
        try:
            self.connectivity.check(self.pre, self.post)
        except WiringError as error:
            raise WiringError(
                f"Projection {self.name!r}: {error.message}", object=described(self)
            ) from None

    def _check_shared(self) -> None:
        windows = self.connectivity.windows_of(self.pre, self.post) if self.shared else ()
        needs = {
            "the same windows at all positions; give it connectivity=ReceptiveFields(...), or let "
            "it be that of a Bias onto a population with rows and columns": windows is not None,
            "neurons of either sign, since those that share weights may have different ones; "
            "leave inhibitory out": self.inhibitory is None,
            "all synapses of its windows; leave missing out": not self.missing,
        }
        for what, is_so in needs.items():
            if not is_so:
                raise WiringError(
                    f"Projection {self.name!r} shares weights, which needs {what}.",
                    object=described(self),
                )

    def _check_delay(self) -> None:
        at_spikes = self.rule is not None and self.rule.when == "spike"
        only_spikes = self.pre.is_spiking and "delta" not in self.carries.values()
        if at_spikes or not only_spikes:
            raise WiringError(
                f"Projection {self.name!r} has delay={self.delay!r}: only spikes may be delayed, "
                "where no rule acts at them; take the delay out, or let the rule act at feedback "
                "or when a trial ends.",
                object=f"Projection {self.name!r}",
            )

    def _check_restraints(self) -> None:
        if self.total is not None and (self.rule is None or self.restrained):
            raise WiringError(
                f"Projection {self.name!r} has total={self.total!r}: synaptic scaling is for "
                "plastic weights of all synapses, without Dale's law or quantisation.",
                object=f"Projection {self.name!r}",
            )
        if isinstance(self.weights, ReadBackwards) and (self.rule or self.restrained):
            raise WiringError(
                f"The weights of projection {self.name!r} are those of another, transposed, and "
                "have no rule, signs, connectivity, sharing, missing synapses or levels of their "
                "own; leave these out.",
                object=f"Projection {self.name!r}",
            )
        if self.bounds is None:
            return
        if self.inhibitory is not None and not self.bounds[0] < 0 < self.bounds[1]:
            raise ParameterError(
                f"Projection {self.name!r} has excitatory and inhibitory neurons, but bounds "
                f"{self.bounds!r}; let these have 0 between them.",
                object=f"Projection {self.name!r}",
                parameter="bounds",
            )
        step = self.levels.step if self.levels else 0.0
        if step and (any(bound % step for bound in self.bounds) or self.limits is None):
            raise ParameterError(
                f"Projection {self.name!r} has weights in steps of {step}, but bounds "
                f"{self.bounds!r}; let these be multiples of that, and have levels between them.",
                object=f"Projection {self.name!r}",
                parameter="bounds",
            )

    def _check_exploring(self) -> None:
        reads = self.rule is not None and ELIGIBILITY in names(self.rule.update)
        if bool(self.explores) is not reads:
            raise WiringError(
                f"Projection {self.name!r} needs explores above 0 and a rule that reads "
                f"{ELIGIBILITY!r}, both or none of them, got explores={self.explores!r} and "
                f"{self.rule.update if self.rule else 'no rule'!r}.",
                object=f"Projection {self.name!r}",
            )

    def _check_rule(self, rule: LearningRule) -> None:
        if rule.when == "feedback" and "teach" not in self.post.inputs:
            raise WiringError(
                f"Rule {rule.name!r} on projection {self.name!r} waits for feedback, but "
                f"{self.post.name!r} has no input 'teach'; choose another timing of the rule.",
                object=f"Rule {rule.name!r}",
            )
        if rule.when == "noise" and not self.post.noise:
            raise WiringError(
                f"Rule {rule.name!r} on projection {self.name!r} acts when {self.post.name!r} "
                "fires noise of its own, which it never does; let it be a Rate with noise above 0.",
                object=f"Rule {rule.name!r}",
            )
        for when, side, neuron in (
            ("spike", "presynaptic", self.pre),
            ("post", "postsynaptic", self.post),
        ):
            if rule.when == when and not neuron.is_spiking:
                raise WiringError(
                    f"Rule {rule.name!r} on projection {self.name!r} waits for {side} spikes, "
                    f"but {neuron.name!r} does not spike; choose another timing of the rule.",
                    object=f"Rule {rule.name!r}",
                )
        for name in sorted(rule.signals):
            end = place(name)
            neuron = self.pre if end == "pre" else self.post
            if name.removesuffix(f"_{end}") not in neuron.signals:
                raise WiringError(
                    f"Rule {rule.name!r} on projection {self.name!r} reads {name!r}, but "
                    f"{_offer(neuron)}.",
                    object=f"Rule {rule.name!r}",
                )

    def __repr__(self) -> str:
        how = "" if self.connectivity.is_full else f", {self.connectivity.about}"
        how += ", shared weights" if self.shares_weights else ""
        return f"Projection({self.pre.name!r} -> {self.post.name!r}{how})"

    @property
    def restrained(self) -> bool:
        """Whether its weights are constrained: Dale's law, a mask, quantisation, weight sharing."""
        sparse = bool(self.missing) or not self.connectivity.is_full
        held = self.inhibitory is not None or self.levels is not None
        return held or sparse or self.shared

    @property
    def shares_weights(self) -> bool:
        """Whether synapses share weights: those of windows, or of components of units."""
        return self.shared or self.connectivity.components > 1

    @property
    def limits(self) -> tuple[float, float] | None:
        """Smallest and largest weight allowed by `bounds` and `levels` [dimensionless], if any."""
        if self.bounds is None or self.levels is None:
            return self.levels.bounds if self.levels else self.bounds
        (least, largest), (low, high) = self.bounds, self.levels.bounds
        found = max(least, low), min(largest, high)
        return found if found[0] < found[1] else None

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of presynaptic and postsynaptic neurons."""
        return self.pre.size, self.post.size

    @property
    def is_forward(self) -> bool:
        """Whether it drives the activity of its target; False for error neurons and biases.

        `Network.forward` tells feedforward from lateral projections.
        """
        judges = self.post.role in ("error", "reward")
        return "drive" in self.carries and not judges and self.pre.role != "bias"


@dataclass(frozen=True)
class ReadBackwards(WeightSource):
    """Weight transport, declared: weights that at all times follow those of another projection.

    A synapse has no access to the weights of another, so only device ``array`` runs it.

    Parameters
    ----------
    projection
        The projection whose weights are transported.

    See Also
    --------
    TransposeOf : All of the weights.
    SignsOf : Their signs alone.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("hidden", 3)
    >>> y, error = ap.Rate("output", 2), ap.RateError("error", 2)
    >>> forward = ap.chain(net, x, h, y, weights=ap.FanIn())
    >>> [p.weights.what for p in ap.feedback.transposed(error, forward).projections[1:]]
    ['weights']
    """

    projection: Projection

    @property
    @abstractmethod
    def what(self) -> str:
        """What is transported: ``"weights"`` or ``"signs"``."""

    @abstractmethod
    def made(self, forward: np.ndarray, magnitudes: np.ndarray) -> np.ndarray:
        """Return the weights, shape (n_pre, n_post).

        Parameters
        ----------
        forward
            Weights of `projection` now, shape (n_post, n_pre).
        magnitudes
            Fixed magnitudes drawn by the network, shape (n_pre, n_post).

        Notes
        -----
        Both may also be values of the same synapses, shape (n_synapses,), and so is the result.
        """


@dataclass(frozen=True)
class TransposeOf(ReadBackwards):
    r"""The transpose of another projection's current weights: backpropagation.

    .. math:: B(t) = W(t)^\top

    See Also
    --------
    apical.feedback.transposed : The pathway that is made of them.
    SignsOf : Signs alone.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.projections import TransposeOf
    >>> h, y = ap.Rate("hidden", 3), ap.Rate("output", 2)
    >>> source = TransposeOf(ap.Projection(h, y))
    >>> source.made(np.arange(6.0).reshape(3, 2), np.ones((2, 3))).tolist()
    [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]
    >>> source.draw(2, 3, ap.stream(0, "weights"))  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: The transposed weights of 'hidden_to_output' are not
        drawn; ask the network, or the simulator, for them...
    """

    @property
    def what(self) -> str:
        return "weights"

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        raise WiringError(
            f"The transposed weights of {self.projection.name!r} are not drawn; ask the network, "
            "or the simulator, for them.",
            object=f"Projection {self.projection.name!r}",
        )

    def made(self, forward: np.ndarray, magnitudes: np.ndarray) -> np.ndarray:
        return forward.T


@dataclass(frozen=True)
class SignsOf(ReadBackwards):
    r"""Sign-concordant feedback: fixed magnitudes with the signs of the transposed forward weights.

    .. math:: B_{ji} = M_{ji}\,\operatorname{sign} W_{ij}

    Liao, Leibo & Poggio 2016, arXiv:1510.05067, section 3. A weight of 0 has no sign, and its
    feedback is 0.

    Parameters
    ----------
    magnitudes
        Source of the weights whose absolute values are taken.
    alike
        True: all magnitudes equal the root mean square of these instead.

    See Also
    --------
    apical.hypotheses.sign_concordant : Give the feedback of a network such weights.
    TransposeOf : Whole weights.

    References
    ----------
    Liao, Leibo & Poggio 2016, arXiv:1510.05067, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.projections import SignsOf
    >>> h, y = ap.Rate("hidden", 3), ap.Rate("output", 2)
    >>> source = SignsOf(ap.Projection(h, y), ap.Uniform(0.5))
    >>> forward = np.array([[2.0, -3.0], [0.0, 4.0], [-5.0, 6.0]])
    >>> source.made(forward, np.full((2, 3), 0.1)).tolist()
    [[0.1, 0.0, -0.1], [-0.1, 0.1, 0.1]]
    """

    magnitudes: WeightSource = field(default_factory=Normal)
    alike: bool = False

    @property
    def what(self) -> str:
        return "signs"

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        drawn = np.abs(self.magnitudes.draw(n_pre, n_post, rng))
        return np.full_like(drawn, np.sqrt(np.mean(drawn**2))) if self.alike else drawn

    def made(self, forward: np.ndarray, magnitudes: np.ndarray) -> np.ndarray:
        return magnitudes * np.sign(forward).T


def _offer(population: Population) -> str:
    return f"{population.name!r} offers {', '.join(population.signals) or 'no signal'}"
