"""A network: populations, projections and a feedback pathway, described and not yet built."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np

from apical import restraints, seeds
from apical.checking import check_fields, checked
from apical.error_neurons import Error, ErrorNeurons, RateError, RateTarget
from apical.errors import ApicalError, ParameterError, WiringError
from apical.feedback import FeedbackPathway
from apical.interventions import Intervention
from apical.parameters import Count, Duration, Seed, Time
from apical.phases import NoisePhase
from apical.places import caller
from apical.populations import Population, Stimulus
from apical.projections import Projection, ReadBackwards, SignsOf
from apical.relays import Relay
from apical.rewards import Reward
from apical.weights import Given, Identity, WeightSource

P = TypeVar("P", bound=Population)
T = TypeVar("T")


def _as_it_is(part: T) -> T:
    return part


@dataclass
class Network:
    """What is simulated; it knows nothing of the simulator.

    Parameters
    ----------
    seed
        Seed of every named random stream: weights, feedback, initial states, order of trials.
    trial
        Presentation time of one stimulus [ms].
    reset
        Whether every neuron is brought back to rest before each trial. False lets the
        dynamics run on without a pause.
    settle
        Time from the onset of a trial after which spikes count for its decision [ms].
    tasks
        Groups of classes that are learned one after the other; 1 mixes all.
    interventions
        What is done to feedback while the network learns, in this order.
    noise
        When populations fire noise of their own, between trials of learning; None for never.
    """

    seed: Seed = 0
    trial: Duration = 100.0
    reset: bool = True
    settle: Time = 0.0
    tasks: Count = 1
    interventions: tuple[Intervention, ...] = ()
    noise: NoisePhase | None = None
    populations: list[Population] = field(default_factory=list, init=False)
    projections: list[Projection] = field(default_factory=list, init=False)
    feedback: FeedbackPathway | None = field(default=None, init=False)
    places: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.settle >= self.trial:
            raise ParameterError(
                f"Network needs settle < trial, got trial={self.trial!r}, settle={self.settle!r}.",
                object="Network",
                parameter="settle",
            )
        self.places[""] = caller()

    @checked("Network")
    def add(self, population: P) -> P:
        """Add a population and return it."""
        if population.name in {known.name for known in self.populations}:
            raise WiringError(
                f"The network already has a population {population.name!r}; choose another name.",
                object="Network",
            )
        self.populations.append(population)
        self.places[population.name] = caller()
        return population

    @checked("Network")
    def connect(self, pre: Population, post: Population, **options: Any) -> Projection:
        """Join two populations by a `Projection` with the given options, and return it."""
        return self._join(Projection(pre, post, **options))

    @checked("Network")
    def teach(self, pathway: FeedbackPathway) -> FeedbackPathway:
        """Attach the feedback pathway, and drive the error neurons by the population they judge.

        Output spikes of class k excite the positive and inhibit the negative error neuron of
        k; unless they are `rectified`, the two push and pull each other, so that together they
        hold one signed error. `Relay` and `RateTarget` populations of the pathway are added.
        """
        if self.feedback is not None:
            raise WiringError(
                f"The network already has the feedback pathway {self.feedback.name!r}; "
                "describe a second network to compare another.",
                object="Network",
            )
        populations, projections = list(self.populations), list(self.projections)
        try:
            for pre in {p.pre: None for p in pathway.projections}:
                if isinstance(pre, Error):
                    self._drive(pre)
                elif isinstance(pre, Relay | RateTarget) and pre not in self.populations:
                    self.add(pre)
                elif isinstance(pre, RateError):
                    self.connect(self.output, pre, weights=Identity())
                elif isinstance(pre, Reward):
                    self._reward(pre)
            for relay in pathway.relays:
                known = self.projection(relay.name)
                carries = {**known.carries, "teach": "delta"}
                self.projections[self.projections.index(known)] = replace(known, carries=carries)
            for projection in pathway.projections:
                self._join(projection)
        except ApicalError:
            self.populations[:], self.projections[:] = populations, projections
            raise
        self.feedback = pathway
        return pathway

    def rewired(self, wiring: Callable[..., FeedbackPathway], **options: Any) -> "Network":
        """Return the same network under another wiring of its feedback.

        Parameters
        ----------
        wiring
            A function of `apical.feedback`, for instance ``feedback.layerwise``.
        **options
            Passed on to it.
        """
        if self.feedback is None:
            raise WiringError(
                "The network has no feedback pathway to replace; use teach first.", object="Network"
            )
        if any(isinstance(p, Reward) for p in self.populations):
            raise WiringError(
                "The network learns by a reward, and its rules read noise, not an error; describe "
                "a second network to compare another wiring.",
                object="Network",
            )
        old = {p.name for p in self.feedback.projections}
        relays = {p.name: p for p in self.feedback.relays}
        other = replace(self)
        own = Relay | RateTarget
        heard = [p.pre for p in self.feedback.projections if isinstance(p.pre, own)]
        other.populations = [p for p in self.populations if p not in heard]
        other.places = dict(self.places)
        errors = [p for p in self.populations if isinstance(p, ErrorNeurons)]
        other.projections = [
            relays.get(p.name, p)
            for p in self.projections
            if p.name not in old and p.post not in errors
        ]
        other.teach(wiring(errors[0], other.forward, **options))
        return other

    def altered(
        self,
        *,
        population: Callable[[Population], Population] = _as_it_is,
        projection: Callable[[Projection], Projection] = _as_it_is,
        **changes: Any,
    ) -> "Network":
        """Return the same network with some of its parts replaced by others of the same name.

        Parameters
        ----------
        population
            Given each population, what stands in its place.
        projection
            Given each projection, between the populations that stand there now, what stands in
            its place.
        **changes
            Other values of the network's own parameters, for instance ``reset=False``.
        """
        other = replace(self, **changes)
        other.places = dict(self.places)
        known: dict[str, Population] = {}
        for old in self.populations:
            heard = replace(old, of=known[old.of.name]) if isinstance(old, Relay) else old
            known[old.name] = population(heard)
        other.populations = list(known.values())
        joined: dict[str, Projection] = {}
        for synapses in self.projections:
            follows = replace(
                synapses,
                pre=known[synapses.pre.name],
                post=known[synapses.post.name],
                weights=_following(synapses.weights, joined),
            )
            joined[synapses.name] = projection(follows)
        other.projections = list(joined.values())
        if self.feedback is not None:
            other.feedback = replace(
                self.feedback,
                projections=tuple(joined[p.name] for p in self.feedback.projections),
                relays=tuple(
                    replace(joined[p.name], carries=p.carries) for p in self.feedback.relays
                ),
            )
        return other

    @property
    def is_spiking(self) -> bool:
        """Whether any of its populations spikes; otherwise it is a network of rates."""
        return any(population.is_spiking for population in self.populations)

    @property
    def target_frames(self) -> int:
        """Number of frames of a trial's target: 1 where it is a class, or one set of numbers."""
        return max((p.frames for p in self.populations if isinstance(p, Error)), default=1)

    @property
    def counted_seconds(self) -> float:
        """Time of each trial in which spikes count [s]."""
        return (self.trial - self.settle) * 1e-3

    @property
    def stimulus(self) -> Stimulus:
        """The population that shows the stimuli."""
        return self._only(Stimulus)

    @property
    def output(self) -> Population:
        """The population whose spikes are the decision: the end of the forward projections."""
        if not self.forward:
            raise WiringError(
                "The network has no forward projection, so nothing decides.", object="Network"
            )
        return self.forward[-1].post

    @property
    def forward(self) -> list[Projection]:
        """Forward projections, in the order they were made."""
        return [p for p in self.projections if p.is_forward]

    @property
    def plastic(self) -> list[Projection]:
        """Projections that learn."""
        return [p for p in self.projections if p.rule is not None]

    @property
    def noisy(self) -> list[Population]:
        """Populations whose synapses learn from noise that they fire of their own, in turn."""
        learn = [p.post for p in self.plastic if p.rule and p.rule.when == "noise"]
        return list(dict.fromkeys(learn))

    def projection(self, name: str) -> Projection:
        """Return the projection of a name."""
        for projection in self.projections:
            if projection.name == name:
                return projection
        known = ", ".join(p.name for p in self.projections) or "none"
        raise WiringError(
            f"The network has no projection {name!r}; it has {known}.", object="Network"
        )

    def place(self, name: str) -> str:
        """Return ``file:line`` where a population or projection, or else the network, was made."""
        return self.places.get(name) or self.places.get("", "")

    def initial_weights(self, projection: Projection) -> np.ndarray:
        """Draw W, shape (n_pre, n_post), from the stream named after the projection.

        Signs of neurons, synapses that do not exist and levels hold from the start.
        """
        source = projection.weights
        if isinstance(source, ReadBackwards):
            forward = self.initial_weights(source.projection)
            return source.made(forward, self.magnitudes(projection))
        rng = seeds.stream(self.seed, "weights", projection.name)
        weights, signs = source.draw(*projection.shape, rng), self.polarity(projection)
        if signs is not None:
            weights = restraints.balanced(weights, signs)
        exists = self.existing(projection)
        if exists is not None:
            weights = weights * exists
        if projection.restrained and projection.limits:
            weights = np.clip(weights, *projection.limits)
        if projection.levels:
            draws = seeds.stream(self.seed, "initial levels", projection.name)
            weights = projection.levels.rounded(weights, draws.random(projection.shape))
        return weights

    def magnitudes(self, projection: Projection) -> np.ndarray:
        """Return absolute weights that stay while their signs follow others, shape (n_pre, n_post).

        They are drawn from the stream named after the projection; 1 where it reads all backwards.
        """
        if not isinstance(projection.weights, SignsOf):
            return np.ones((1, 1))
        rng = seeds.stream(self.seed, "weights", projection.name)
        return projection.weights.draw(*projection.shape, rng)

    def polarity(self, projection: Projection) -> np.ndarray | None:
        """Return the signs of presynaptic neurons, 1 or -1, shape (n_pre,), if they are held.

        They are drawn from a stream named after the population.
        """
        if projection.inhibitory is None:
            return None
        rng = seeds.stream(self.seed, "polarity", projection.pre.name)
        return restraints.polarity(projection.pre.size, projection.inhibitory, rng)

    def existing(self, projection: Projection) -> np.ndarray | None:
        """Return which synapses exist, shape (n_pre, n_post) of bool; None where all do.

        They are drawn from a stream named after the projection.
        """
        if not projection.missing:
            return None
        rng = seeds.stream(self.seed, "missing", projection.name)
        return rng.random(projection.shape) >= projection.missing

    def _drive(self, error: Error) -> None:
        n = error.n_classes
        if error.frames > 1 and error.frames != self.stimulus.frames:
            raise WiringError(
                f"Error {error.name!r} is told trains of {error.frames} frames, but stimulus "
                f"{self.stimulus.name!r} shows {self.stimulus.frames}; give both the same number.",
                object=f"Error {error.name!r}",
            )
        together = np.eye(n)
        self.connect(
            self.output, error, weights=Given(np.concatenate([together, -together], axis=1))
        )
        if error.rectified:
            return
        push_pull = error.stands_for * np.roll(np.eye(2 * n), n, axis=1)
        self.connect(error, error, weights=Given(push_pull))

    def _reward(self, reward: Reward) -> None:
        """Let the error neurons judge the output, and tell a reward the loss."""
        error = self._only(RateError)
        if error.keeps != "square":
            raise WiringError(
                f"Reward {reward.name!r} hears the loss from RateError {error.name!r}, which needs "
                f"keeps='square', got {error.keeps!r}.",
                object=f"Reward {reward.name!r}",
            )
        self.connect(self.output, error, weights=Identity())
        ones = Given(np.ones((error.size, 1)))
        self.connect(error, reward, weights=ones, carries={"drive": "told"})

    def _join(self, projection: Projection) -> Projection:
        for end in (projection.pre, projection.post):
            if end not in self.populations:
                raise WiringError(
                    f"Projection {projection.name!r} joins {end.name!r}, which the network does "
                    "not have; add it first.",
                    object=f"Projection {projection.name!r}",
                )
        if projection.rule is not None and projection.rule.onset >= self.trial:
            raise ParameterError(
                f"Projection {projection.name!r} would never learn: its rule acts from "
                f"{projection.rule.onset} ms on, but a trial lasts {self.trial} ms.",
                object=f"Projection {projection.name!r}",
                parameter="onset",
            )
        if projection.name in {known.name for known in self.projections}:
            raise WiringError(
                f"The network already has a projection {projection.name!r}; give this one a name.",
                object="Network",
            )
        self.projections.append(projection)
        self.places[projection.name] = caller()
        return projection

    def _only(self, kind: type[P]) -> P:
        found = [p for p in self.populations if isinstance(p, kind)]
        if len(found) != 1:
            raise WiringError(
                f"A network needs exactly one {kind.__name__} population, got {len(found)}.",
                object="Network",
            )
        return found[0]


def _following(source: WeightSource, joined: dict[str, Projection]) -> WeightSource:
    """Return a weight source that names the projections of another network in place of its own."""
    changes: dict[str, Any] = {}
    for item in fields(source):
        value = getattr(source, item.name)
        if isinstance(value, Projection):
            changes[item.name] = joined[value.name]
        elif isinstance(value, WeightSource):
            changes[item.name] = _following(value, joined)
    return replace(source, **changes) if changes else source
