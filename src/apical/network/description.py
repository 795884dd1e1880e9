"""The network model: populations, projections and a feedback pathway, independent of simulators."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np

from apical._base.checking import check_fields, checked, described, fitting, shown
from apical._base.html_tables import Cell, card, table
from apical._base.late import above
from apical._base.parameters import Count, Duration, Kind, Seed, Time
from apical._base.text_tables import cell_text, text_table
from apical.errors import ApicalError, ParameterError, WiringError
from apical.errors.source_location import caller
from apical.feedback.pathways import FeedbackPathway
from apical.feedback.wirings import suited
from apical.network import initialization as drawing
from apical.network.compatibility import check_interventions
from apical.network.graph import Graph, Output
from apical.network.interventions import Intervention
from apical.network.noise_phase import NoisePhase
from apical.neurons.base import Population
from apical.neurons.facts import Role
from apical.neurons.stimulus import Stimulus
from apical.plasticity.rules import LearningRule
from apical.projections.edges import Edges
from apical.projections.projection import Projection, ReadBackwards
from apical.projections.weights import Given, Identity, WeightSource

_BROUGHT = ("relay", "target")
"""Roles of populations that belong to a feedback pathway."""

Added = Annotated[Population, Kind(Population, "h = net.add(LIF('hidden', 20))")]
"""A population, as `Network.add` returns it."""

P = TypeVar("P", bound=Population)
T = TypeVar("T")


def _as_it_is(part: T) -> T:
    return part


@dataclass(eq=False)
class Network:
    """A network model: populations, projections and feedback, independent of any simulator.

    Parameters
    ----------
    seed
        Seed of every named random stream: weights, feedback, initial states, trial order.
    trial
        Presentation time of one stimulus [ms].
    reset
        Whether every neuron is reset to its initial state before each trial. False lets the
        dynamics continue from one trial to the next.
    settle
        Time from the onset of a trial after which spikes count towards its decision [ms].
    tasks
        Number of tasks (groups of classes) that are learned sequentially (class-incremental,
        continual learning); 1 mixes all classes.
    interventions
        What is done to synapses during learning, in this order: redrawn feedback, lesions,
        stimulation (`apical.network.lesions`).
    noise
        When populations fire spontaneous noise between training trials; None for never.
    output
        Name of the population whose activity is the decision. By default it is the one that the
        error neurons judge or, without any, the one at the end of what the stimulus drives; read
        as ``network.output`` it is that population. Lateral and recurrent projections never
        change it.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or `settle` is not shorter than `trial`.

    See Also
    --------
    apical.chain : Populations one after the other, with biases.
    apical.simulate : Run it on a device.
    apical.check : Whether its learning is local.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network(seed=0, trial=100)  # ms
    >>> x = net.add(ap.Stimulus("stimulus", 64, ap.encoding.Regular()))
    >>> h, y = net.add(ap.LIF("hidden", 20)), net.add(ap.LIF("output", 10))
    >>> error = net.add(ap.Error("error", 20))  # two neurons for each class
    >>> rule = ap.rules.three_factor(1e-4)
    >>> _ = net.connect(x, h, weights=ap.Normal(0.2), rule=rule)
    >>> _ = net.connect(h, y, weights=ap.Zero(), rule=rule)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> net.output.name, [p.name for p in net.forward]
    ('output', ['stimulus_to_hidden', 'hidden_to_output'])
    >>> [(p.name, p.shape) for p in net.feedback.projections]
    [('error_to_output', (20, 10)), ('error_to_hidden', (20, 20))]
    >>> ap.check(net).is_local
    True
    """

    seed: Seed = 0
    trial: Duration = 100.0
    reset: bool = True
    settle: Time = 0.0
    tasks: Count = 1
    interventions: tuple[Intervention, ...] = ()
    noise: NoisePhase | None = None
    output: Output = Output()  # noqa: RUF009 - a descriptor
    populations: list[Population] = field(default_factory=list, init=False)
    projections: list[Projection] = field(default_factory=list, init=False)
    feedback: FeedbackPathway | None = field(default=None, init=False)
    places: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    named: str | None = field(default=None, init=False)
    _known: Graph | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.settle >= self.trial:
            raise ParameterError(
                f"Network needs settle < trial, got trial={self.trial!r}, settle={self.settle!r}.",
                object="Network",
                parameter="settle",
            )
        self.places[""] = caller()

    def __repr__(self) -> str:
        first = f"Network(seed={self.seed!r}, trial={self.trial!r})"
        populations = text_table(_POPULATION, [_kind(p) for p in self.populations], "  ")
        projections = text_table(_PROJECTION, self._rows(), "  ")
        return "\n".join(filter(None, (first, populations, projections)))

    def _repr_html_(self) -> str:
        """Return what a notebook shows: populations, projections and the wiring, in tables."""
        return card(
            "Network",
            self._facts(),
            table(_POPULATION, map(_kind, self.populations), total=len(self.populations)),
            table(_PROJECTION, self._rows(), total=len(self.projections)),
        )

    def _rows(self) -> list[list[Cell]]:
        return [_row(p, drawing.n_synapses(p, self.seed)) for p in self.projections]

    def _facts(self) -> dict[str, Cell]:
        return {
            "wiring": self.feedback.name if self.feedback is not None else "none",
            "neurons": sum(p.size for p in self.populations),
            "synapses": sum(drawing.n_synapses(p, self.seed) for p in self.projections),
            "trial": f"{self.trial:g} ms",
            "reset": self.reset,
            "seed": self.seed,
        }

    def summary(self) -> str:
        """Return all of it as text: populations, projections, learning rules, and their numbers.

        A synapse of a projection without a rule is fixed; feedback is fixed unless it has a rule,
        and backpropagation has no synapses of its own.

        See Also
        --------
        draw : The same as a diagram.
        apical.check : What of its learning is local.

        Examples
        --------
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
        >>> _ = net.teach(ap.feedback.direct(error, net.forward))
        >>> print(net.summary())
        Network: wiring DFA, neurons 16, synapses 78, trial 100 ms, reset yes, seed 0
        <BLANKLINE>
        population  model      role      neurons  signals
        stimulus    Stimulus   stimulus        4  x
        hidden      Rate       neurons         6  x, gain, delta, teach, drive
        output      Rate       neurons         3  x, gain, delta, teach, drive
        error       RateError  error           3  x
        <BLANKLINE>
        projection          shape  synapses  learn  weights   carries     delay [ms]
        stimulus_to_hidden  4 x 6        24     24  FanIn     x to drive           0
        hidden_to_output    6 x 3        18     18  FanIn     x to drive           0
        output_to_error     3 x 3         9      0  Identity  x to drive           0
        error_to_output     3 x 3         9      0  Identity  x to teach           0
        error_to_hidden     3 x 6        18      0  FanOut    x to teach           0
        <BLANKLINE>
        rule          update                                when   parameters  projections
        three_factor  eta * x_pre * gain_post * teach_post  trial  eta=0.1               2
        """
        facts = ", ".join(f"{name} {cell_text(value)}" for name, value in self._facts().items())
        kinds: list[list[Cell]] = [[*_kind(p), ", ".join(p.signals)] for p in self.populations]
        numbers = [drawing.n_synapses(p, self.seed) for p in self.projections]
        synapses = [*map(_synapses, self.projections, numbers)]
        rules: dict[str, list[Cell]] = {}
        for projection in self.plastic:
            rule = projection.rule
            assert rule is not None
            row = rules.setdefault(repr(rule), [*_learning(rule), 0])
            row[-1] = int(row[-1]) + 1
        parts = (
            f"Network: {facts}",
            text_table([*_POPULATION, "signals"], kinds, width=48),
            text_table(_SYNAPSES, synapses, width=48),
            text_table(_RULE, list(rules.values()), width=72),
        )
        return "\n\n".join(filter(None, parts))

    def draw(self, *, title: str | None = None, ax: Any = None) -> Any:
        """Draw its diagram, as `apical.plotting.network_graph`, and return the axes.

        Parameters
        ----------
        title
            Text above; by default the name and source of the feedback pathway.
        ax
            Axes of matplotlib to draw into; None for new ones.

        Examples
        --------
        >>> import apical as ap
        >>> from apical.testing.references import rates
        >>> ax = rates().draw(title="Two hidden populations")
        >>> ax.get_title(loc="left") or ax.get_title()
        'Two hidden populations'
        """
        return above("plotting").network_graph(self, title=title, ax=ax)

    @checked("Network")
    def add(self, population: P) -> P:
        """Add a population and return it.

        Raises
        ------
        WiringError
            If the network has a population of that name.

        See Also
        --------
        connect : Join two populations.

        Examples
        --------
        >>> import apical as ap
        >>> net = ap.Network()
        >>> h = net.add(ap.LIF("hidden", 20))
        >>> net
        Network(seed=0, trial=100.0)
          population  model  role     neurons
          hidden      LIF    neurons       20
        >>> net.add(ap.Rate("hidden", 5))  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.WiringError: The network already has a population 'hidden'; choose
            another name...
        """
        if population.name in {known.name for known in self.populations}:
            raise WiringError(
                f"The network already has a population {population.name!r}; choose another name.",
                object="Network",
            )
        self.populations.append(population)
        self.places[population.name] = caller()
        return population

    @checked("Network")
    def connect(self, pre: Added, post: Added, **options: Any) -> Projection:
        """Connect two populations by a `Projection` with the given options, and return it.

        Raises
        ------
        WiringError
            If a population is not in the network, or the projection has the name of another;
            see `Projection` for what else may not fit.

        See Also
        --------
        apical.Projection : The options.
        apical.chain : Several projections at once.

        Examples
        --------
        >>> import apical as ap
        >>> net = ap.Network()
        >>> x = net.add(ap.Stimulus("stimulus", 4, ap.encoding.Regular()))
        >>> h = net.add(ap.LIF("hidden", 3))
        >>> forward = net.connect(x, h, weights=ap.Normal(0.2), bounds=(-1, 1))
        >>> recurrent = net.connect(h, h, weights=ap.Normal(0.1), delay=2.0)
        >>> [(p.name, p.shape) for p in net.lateral]
        [('hidden_to_hidden', (3, 3))]
        >>> net.connect(h, ap.LIF("elsewhere", 3))  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.WiringError: Projection 'hidden_to_elsewhere' joins 'elsewhere',
            which the network does not have; add it first...
        """
        return self._join(Projection(pre, post, **options))

    @checked("Network")
    def teach(self, pathway: FeedbackPathway) -> FeedbackPathway:
        """Attach the feedback pathway, and drive the error neurons by the population they judge.

        Output spikes of class k excite the positive and inhibit the negative error neuron of
        k; unless they are `rectified`, each of the two inhibits the other, so that together they
        represent one signed error. `Relay` and `RateTarget` populations of the pathway are added.

        Raises
        ------
        WiringError
            If there is a pathway already, or it does not fit the network, which then stays as
            it was.

        See Also
        --------
        rewired : Replace the pathway by another.
        apical.feedback.direct : A pathway.

        Examples
        --------
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y = ap.Rate("hidden", 6), ap.Rate("output", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
        >>> error = net.add(ap.RateError("error", 3))
        >>> pathway = net.teach(ap.feedback.direct(error, net.forward))
        >>> [p.name for p in pathway.projections]
        ['error_to_output', 'error_to_hidden']
        >>> net.projection("output_to_error").weights  # the output drives the error
        Identity(weight=1.0)
        >>> net.teach(pathway)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.WiringError: The network already has the feedback pathway 'DFA';
            describe a second network to compare another...
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
                if pre.role == "error":
                    self._drive(pre)
                elif pre.role in _BROUGHT and pre not in self.populations:
                    self.add(pre)
                elif pre.role == "reward":
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

    @checked("Network")
    def rewired(self, wiring: Callable[..., FeedbackPathway], **options: Any) -> "Network":
        """Return the same network under another wiring of its feedback.

        Parameters
        ----------
        wiring
            A function of `apical.feedback`, for instance ``feedback.layerwise``, or one of
            `apical.feedback.WIRINGS`, by which populations get the parameters that it needs.
        **options
            Passed on to it.

        Raises
        ------
        WiringError
            If there is no pathway to replace, or the network learns by a reward.

        See Also
        --------
        teach : Attach the first pathway.

        Examples
        --------
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
        >>> _ = net.teach(ap.feedback.direct(error, net.forward))
        >>> for wiring in (ap.feedback.layerwise, ap.feedback.target_projection):
        ...     other = net.rewired(wiring)
        ...     print(other.feedback.name, [p.name for p in other.feedback.projections][1:])
        FA ['feedback_output_to_hidden']
        DRTP ['target_to_hidden']
        >>> net.feedback.name  # as it was
        'DFA'
        >>> net.rewired(ap.feedback.WIRINGS["two_phases"]).output.nudge  # what that wiring needs
        1.0
        """
        if self.feedback is None:
            raise WiringError(
                "The network has no feedback pathway to replace; use teach first.", object="Network"
            )
        if any(p.role == "reward" for p in self.populations):
            raise WiringError(
                "The network learns by a reward, and its rules read noise, not an error; describe "
                "a second network to compare another wiring.",
                object="Network",
            )
        old = {p.name for p in self.feedback.projections}
        relays = {p.name: p for p in self.feedback.relays}
        other = replace(self, output=self.output.name)
        heard = [p.pre for p in self.feedback.projections if p.pre.role in _BROUGHT]
        other.populations = [p for p in self.populations if p not in heard]
        other.places = dict(self.places)
        errors = [p for p in self.populations if p.role == "error"]
        other.projections = [
            relays.get(p.name, p)
            for p in self.projections
            if p.name not in old and p.post not in errors
        ]
        other = other._suited(wiring)
        error = next(p for p in other.populations if p.name == errors[0].name)
        other.teach(wiring(error, other.forward, **options))
        known = {p.name for p in other.projections}
        for name in (i.of_projection for i in self.interventions):
            if name and name not in known:
                raise WiringError(
                    f"The network has an intervention on {name!r}, which is not among its "
                    f"projections under {other.feedback.name if other.feedback else 'none'}; wire "
                    "it first, then intervene.",
                    object=f"Projection {name!r}",
                )
        other._check_interventions()
        return other

    def _suited(self, wiring: Callable[..., FeedbackPathway]) -> "Network":
        """Return the network with the parameters that a wiring needs; functions change nothing."""
        output = self.output
        taught = {p.post.name for p in self.forward}
        found = {
            p.name: suited(wiring, p, is_output=p is output)
            for p in self.populations
            if p.name in taught
        }
        if all(found[p.name] is p for p in self.populations if p.name in found):
            return self
        return self.altered(population=lambda p: found.get(p.name, p))

    @checked("Network")
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

        Raises
        ------
        WiringError
            If the network undergoes an intervention that the new parts would undo.

        See Also
        --------
        apical.hypotheses.hypothesis : A change with a name.

        Examples
        --------
        >>> from dataclasses import replace
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
        >>> _ = net.teach(ap.feedback.direct(error, net.forward))
        >>> fixed = net.altered(projection=lambda p: replace(p, rule=None) if p.post is h else p)
        >>> [p.name for p in net.plastic], [p.name for p in fixed.plastic]
        (['stimulus_to_hidden', 'hidden_to_output'], ['hidden_to_output'])
        >>> larger = net.altered(
        ...     population=lambda p: replace(p, size=9) if p is h else p, trial=50.0
        ... )
        >>> larger.trial, [p.shape for p in larger.forward]
        (50.0, [(4, 9), (9, 3)])
        """
        other = replace(self, **{"output": self.named, **changes})
        other.places = dict(self.places)
        known: dict[str, Population] = {}
        for old in self.populations:
            heard = old.relays
            known[old.name] = population(old.relaying(known[heard.name]) if heard else old)
        other.populations = list(known.values())
        joined: dict[str, Projection] = {}
        read_last = sorted(self.projections, key=lambda p: isinstance(p.weights, ReadBackwards))
        for synapses in read_last:
            follows = replace(
                synapses,
                pre=known[synapses.pre.name],
                post=known[synapses.post.name],
                weights=_following(synapses.weights, joined),
            )
            joined[synapses.name] = projection(follows)
        other.projections = [joined[p.name] for p in self.projections]
        if self.feedback is not None:
            other.feedback = replace(
                self.feedback,
                projections=tuple(joined[p.name] for p in self.feedback.projections),
                relays=tuple(
                    replace(joined[p.name], carries=p.carries) for p in self.feedback.relays
                ),
            )
        other._check_interventions()
        return other

    def _check_interventions(self) -> None:
        if self.interventions:
            taught = self.feedback.projections if self.feedback else ()
            check_interventions(self.interventions, self.projections, taught, self.output)

    @property
    def is_spiking(self) -> bool:
        """Whether any of its populations spikes; otherwise it is a rate network."""
        return any(population.is_spiking for population in self.populations)

    @property
    def target_frames(self) -> int:
        """Number of frames of a trial's target: 1 where it is no time course."""
        return max((p.frames for p in self.populations if p.role == "error"), default=1)

    def predicted(self, counts: np.ndarray) -> np.ndarray:
        """Return the output in the units of targets, which its activity in trials stands for.

        Rates are their own units. For spikes it is the firing rate, divided by the rate that error
        neurons compare a target of 1 with (`apical.Error`, ``target``).

        Parameters
        ----------
        counts
            Spike counts or activity of the output, `BlockResult.counts`, shape (n_trials,
            n_outputs).

        Examples
        --------
        A spike in 30 of 40 ms is 33.3 Hz, a third of the target rate of 100 Hz:

        >>> import numpy as np
        >>> import apical as ap
        >>> net = ap.Network(trial=40.0, settle=10.0)
        >>> x, y = ap.Stimulus("stimulus", 4, ap.encoding.Regular()), ap.LIF("output", 2)
        >>> _ = ap.chain(net, x, y, weights=ap.FanIn()), net.add(ap.Error("error", 4, target=100.0))
        >>> net.predicted(np.array([[0, 1]])).round(3)
        array([[0.   , 0.333]])
        """
        values = np.asarray(counts, np.float64)
        if not self.output.is_spiking:
            return values
        one = next((p.target_rate for p in self.populations if p.role == "error"), 1.0)
        return values / (self.counted_seconds * one)

    @property
    def counted_seconds(self) -> float:
        """Time of each trial in which spikes count [s]."""
        return (self.trial - self.settle) * 1e-3

    @property
    def stimulus(self) -> Stimulus:
        """The population that shows the stimuli, where it is the only one."""
        stimuli = self.stimuli
        if len(stimuli) > 1:
            names = ", ".join(repr(one.name) for one in stimuli)
            raise WiringError(
                f"The network has {len(stimuli)} stimuli, {names}; read network.stimuli, or take "
                "one of them by its name.",
                object="Network",
            )
        return stimuli[0]

    @property
    def stimuli(self) -> tuple[Stimulus, ...]:
        """The populations that show the stimuli, in alphabetical order of their names.

        The columns of a trial's values belong to them in this order.
        """
        shown = sorted((p for p in self.populations if p.role == "stimulus"), key=_name)
        if not shown:
            raise WiringError(
                "A network needs a Stimulus population, got none; add one, as "
                "net.add(Stimulus('stimulus', n_inputs)).",
                object="Network",
            )
        for one in shown:
            if not isinstance(one, Stimulus):
                raise WiringError(
                    f"{described(one)} cannot be the stimulus: that must be a Stimulus, whose "
                    "encoder may be one of your own (apical.neurons.encoding.Encoder).",
                    object=described(one),
                )
        found = tuple(one for one in shown if isinstance(one, Stimulus))
        for one in found if len(found) > 1 else ():
            if one.frames > 1 or one.encoder.takes_events:
                what = f"{one.frames} frames" if one.frames > 1 else "events"
                raise WiringError(
                    f"Stimulus {one.name!r} shows {what}, which only the single stimulus of a "
                    f"network can, but there are {len(found)}; show both in one Stimulus.",
                    object=described(one),
                )
        return found

    @property
    def graph(self) -> Graph:
        """The directed graph of populations and projections, at present."""
        known = self._known
        if known is None or not known.is_of(self.populations, self.projections, self.named):
            known = self._known = Graph(self.populations, self.projections, self.named)
        return known

    @property
    def forward(self) -> list[Projection]:
        """Feedforward projections on the way to the output, in topological order."""
        return list(self.graph.forward)

    @property
    def lateral(self) -> list[Projection]:
        """All other driving projections: lateral, recurrent, inhibitory, or to a side branch."""
        return list(self.graph.lateral)

    @property
    def driving(self) -> list[Projection]:
        """Projections that drive their target, feedforward and lateral, except by error neurons."""
        return [p for p in self.graph.projections if p.is_forward]

    @property
    def plastic(self) -> list[Projection]:
        """Plastic projections, whose weights learn."""
        return [p for p in self.graph.projections if p.rule is not None]

    @property
    def noisy(self) -> list[Population]:
        """Populations whose synapses learn from their spontaneous noise, in turn."""
        learn = [p.post for p in self.plastic if p.rule and p.rule.when == "noise"]
        return list(dict.fromkeys(learn))

    def in_order(self) -> "Network":
        """Return the same network in the canonical (topological) order of its graph.

        Populations come after those that drive them, then by name, and so do projections. Devices
        build this network, so no result depends on the order of a description.

        Examples
        --------
        >>> import apical as ap
        >>> net = ap.Network()
        >>> y, h = net.add(ap.LIF("output", 3)), net.add(ap.LIF("hidden", 6))
        >>> x = net.add(ap.Stimulus("stimulus", 4, ap.encoding.Regular()))
        >>> _ = net.connect(h, y), net.connect(x, h)
        >>> [p.name for p in net.populations], [p.name for p in net.in_order().populations]
        (['output', 'hidden', 'stimulus'], ['stimulus', 'hidden', 'output'])
        """
        other = replace(self, output=self.named)
        other.places = dict(self.places)
        other.populations = list(self.graph.populations)
        other.projections = list(self.graph.projections)
        if self.feedback is not None:
            place = {p.name: k for k, p in enumerate(other.projections)}
            taught, relays = (
                tuple(sorted(those, key=lambda p: place[p.name]))
                for those in (self.feedback.projections, self.feedback.relays)
            )
            other.feedback = replace(self.feedback, projections=taught, relays=relays)
        return other

    def projection(self, name: str) -> Projection:
        """Return the projection of a name.

        Raises
        ------
        WiringError
            If there is none of that name.

        Examples
        --------
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y = ap.Rate("hidden", 6), ap.Rate("output", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
        >>> net.projection("hidden_to_output").shape
        (6, 3)
        >>> net.projection("hidden_output")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.WiringError: The network has no projection 'hidden_output'; it has
            stimulus_to_hidden, hidden_to_output...
        """
        for projection in self.projections:
            if isinstance(name, str) and projection.name == name:
                return projection
        known = ", ".join(p.name for p in self.projections) or "none"
        raise WiringError(
            f"The network has no projection {shown(name)}; it has {known}.", object="Network"
        )

    @checked("Network")
    def save(self, path: Path | str) -> Path:
        """Write the description into a file, as data without pickle, and return its path.

        Learned weights are no part of a description: save the state of its simulator
        (`apical.devices.Simulator.save`).

        Parameters
        ----------
        path
            The file; the ending .npz is added to a name without one. One that exists is replaced.

        Raises
        ------
        RunError
            If the file cannot be written, or the network has parts of classes that are not of this
            package, which data cannot hold.

        See Also
        --------
        load : Reads it.
        apical.runs.open.open_run : Reads the network of a run.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import apical as ap
        >>> net = ap.Network(seed=3)
        >>> x = net.add(ap.Stimulus("stimulus", 4, ap.encoding.Regular()))
        >>> _ = net.connect(x, net.add(ap.LIF("hidden", 3)), weights=ap.Normal(0.2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = ap.Network.load(net.save(Path(folder) / "net"))
        >>> again.seed, [p.name for p in again.projections]
        (3, ['stimulus_to_hidden'])
        """
        found: Path = above("runs.stored_network").save(self, Path(path))
        return found

    @classmethod
    def load(cls, path: Path | str) -> "Network":
        """Return the description that `save` wrote; nothing of the file is executed.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        RunError
            If it cannot be read, is damaged, or is of a newer version.

        See Also
        --------
        save : Writes it.

        Examples
        --------
        >>> import apical as ap
        >>> ap.Network.load("no_such_file.npz")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.RunError: no_such_file.npz ...
        """
        given = fitting(path, Path | str, "Network.load", "path")
        found: Network = above("runs.stored_network").load(Path(given))
        return found

    def place(self, name: str) -> str:
        """Return ``file:line`` where a population or projection, or else the network, was made.

        Examples
        --------
        >>> import apical as ap
        >>> net = ap.Network()
        >>> _ = net.add(ap.LIF("hidden", 3))
        >>> net.place("hidden") == net.places["hidden"]  # such as 'my_script.py:12'
        True
        >>> net.place("no part of it") == net.place("")  # where the network itself was made
        True
        """
        return self.places.get(name) or self.places.get("", "")

    def initial_weights(self, projection: Projection | str) -> np.ndarray:
        """Draw W, shape (n_pre, n_post), from the stream named after the projection.

        Weight constraints (Dale's law, sparsity mask, quantisation) hold from the start.

        Parameters
        ----------
        projection
            The projection, or its name.

        Raises
        ------
        WiringError
            If there is none of that name.

        See Also
        --------
        apical.projections.weights : Where initial weights come from.

        Examples
        --------
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y = ap.Rate("hidden", 6), ap.Rate("output", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
        >>> w = net.initial_weights("stimulus_to_hidden")
        >>> w.shape
        (4, 6)
        >>> again = net.initial_weights(net.projection("stimulus_to_hidden"))
        >>> other = ap.Network(seed=1).initial_weights(net.projection("stimulus_to_hidden"))
        >>> bool((w == again).all()), bool((w == other).any())
        (True, False)
        """
        named = self.projection(projection) if isinstance(projection, str) else projection
        return drawing.initial_weights(named, self.seed)

    def initial_state(self, projection: Projection | str) -> np.ndarray:
        """Draw the initial weights in the form in which simulators hold them.

        Shape (n_synapses,), in the order of `edges`, where a connectivity says which synapses
        there are; else (n_pre, n_post), as `initial_weights` returns them.

        Parameters
        ----------
        projection
            The projection, or its name.

        Examples
        --------
        >>> import apical as ap
        >>> net = ap.Network()
        >>> x, h = net.add(ap.LIF("first", 3)), net.add(ap.LIF("second", 3))
        >>> some = ap.connectivity.OneToOne()
        >>> p = net.connect(x, h, weights=ap.FanIn(), connectivity=some)
        >>> net.initial_state(p).shape, net.initial_weights(p).shape
        ((3,), (3, 3))
        """
        named = self.projection(projection) if isinstance(projection, str) else projection
        return drawing.initial_state(named, self.seed)

    def edges(self, projection: Projection | str) -> Edges | None:
        """Return which synapses exist by the connectivity of a projection; None for all to all.

        Those of transposed weights are the synapses of the forward projection.

        Parameters
        ----------
        projection
            The projection, or its name.

        See Also
        --------
        existing : The same as a matrix.
        apical.connectivity : What says which synapses exist.

        Examples
        --------
        >>> import apical as ap
        >>> net = ap.Network()
        >>> x = net.add(ap.Stimulus("stimulus", 4, ap.encoding.Graded()))
        >>> h, y = net.add(ap.Rate("hidden", 6)), net.add(ap.Rate("output", 3))
        >>> _ = net.connect(x, h, connectivity=ap.connectivity.FixedInDegree(2)), net.connect(h, y)
        >>> len(net.edges("stimulus_to_hidden")), print(net.edges("hidden_to_output"))
        None
        (12, None)
        """
        named = self.projection(projection) if isinstance(projection, str) else projection
        return drawing.edges(named, self.seed)

    def magnitudes(self, projection: Projection) -> np.ndarray:
        """Return fixed magnitudes of sign-concordant feedback weights, shape (n_pre, n_post).

        All 1 where whole weights are transported (`TransposeOf`).

        Examples
        --------
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
        >>> _ = net.teach(ap.feedback.direct(error, net.forward))
        >>> signed = ap.hypotheses.sign_only(net.rewired(ap.feedback.layerwise))
        >>> fixed = signed.magnitudes(signed.projection("feedback_output_to_hidden"))
        >>> fixed.shape, bool((fixed == fixed[0, 0]).all()), bool(fixed[0, 0] > 0)
        ((3, 6), True, True)
        """
        return drawing.magnitudes(projection, self.seed)

    def polarity(self, projection: Projection) -> np.ndarray | None:
        """Return the signs (Dale's law) of presynaptic neurons, shape (n_pre,); None for none.

        Examples
        --------
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y = ap.Rate("hidden", 6), ap.Rate("output", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
        >>> forward = net.projection("hidden_to_output")
        >>> print(net.polarity(forward))
        None
        >>> signed = ap.hypotheses.dale(net, inhibitory=0.5)
        >>> sorted(signed.polarity(signed.projection("hidden_to_output")).tolist())
        [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]
        """
        return drawing.polarity(projection, self.seed)

    def gating(self, population: Population) -> np.ndarray:
        """Return the gating vectors of vectorised units, shape (n_components, n_units).

        They are 1 or -1, fixed and random: a unit is active where the sum of its drives times these
        is 0 or above. Units 2i and 2i + 1 have opposite ones (ON and OFF); in a population of maps,
        so have maps 2i and 2i + 1, whose units all have the same (Clark et al. 2021, in whose code
        they are drawn so).

        Parameters
        ----------
        population
            A population with `components`.

        Examples
        --------
        >>> import apical as ap
        >>> net = ap.Network()
        >>> h = net.add(ap.Rate("hidden", 8, "vector_relu", components=2))
        >>> vectors = net.gating(h)
        >>> vectors.shape, bool((vectors[:, 0] == -vectors[:, 1]).all())
        ((2, 4), True)
        """
        return drawing.gating(population, self.seed)

    def existing(self, projection: Projection) -> np.ndarray | None:
        """Return the sparsity mask: which synapses exist, shape (n_pre, n_post); None for all.

        Examples
        --------
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y = ap.Rate("hidden", 6), ap.Rate("output", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
        >>> print(net.existing(net.projection("stimulus_to_hidden")))
        None
        >>> sparse = ap.hypotheses.missing_synapses(net, share=0.5)
        >>> exist = sparse.existing(sparse.projection("stimulus_to_hidden"))
        >>> exist.shape, exist.dtype
        ((4, 6), dtype('bool'))
        """
        return drawing.existing(projection, self.seed)

    def n_synapses(self, projection: Projection | str) -> int:
        """Return the number of synapses of a projection that exist.

        Parameters
        ----------
        projection
            The projection, or its name.

        Examples
        --------
        >>> import apical as ap
        >>> net = ap.Network()
        >>> x, y = net.add(ap.LIF("first", 10)), net.add(ap.LIF("second", 20))
        >>> net.n_synapses(net.connect(x, y))
        200
        >>> three = ap.connectivity.FixedInDegree(3)
        >>> net.n_synapses(net.connect(y, x, connectivity=three))
        30
        """
        named = self.projection(projection) if isinstance(projection, str) else projection
        return drawing.n_synapses(named, self.seed)

    def held(self, projection: Projection, weights: np.ndarray) -> np.ndarray:
        """Project weights onto the constraints of a projection, shape (n_pre, n_post).

        The result has the signs of its neurons (Dale's law), 0 where synapses do not exist, and
        quantised weights. Weights of existing synapses alone, shape (n_synapses,), stay so.

        Examples
        --------
        >>> import numpy as np
        >>> import apical as ap
        >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
        >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
        >>> h, y = ap.Rate("hidden", 6), ap.Rate("output", 3)
        >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
        >>> signed = ap.hypotheses.dale(net, inhibitory=0.5)
        >>> forward = signed.projection("stimulus_to_hidden")
        >>> w = signed.held(forward, np.ones((4, 6)))  # inhibitory neurons have none above 0
        >>> sorted(w[:, 0].tolist()), sorted(signed.polarity(forward).tolist())
        ([0.0, 0.0, 1.0, 1.0], [-1.0, -1.0, 1.0, 1.0])
        """
        return drawing.held(projection, self.seed, np.asarray(weights))

    def _drive(self, error: Population) -> None:
        """Connect the output to the error neurons, one or a pair for each class."""
        for one in self.stimuli if error.frames > 1 else ():
            if one.frames not in (1, error.frames):
                raise WiringError(
                    f"{described(error)} is told targets of {error.frames} frames, but stimulus "
                    f"{one.name!r} shows {one.frames}; give both the same number.",
                    object=described(error),
                )
        if not error.is_paired:
            self.connect(self.output, error, weights=Identity())
            return
        n = error.n_classes
        together = np.eye(n)
        self.connect(
            self.output, error, weights=Given(np.concatenate([together, -together], axis=1))
        )
        if not error.push_pull:
            return
        push_pull = error.push_pull * np.roll(np.eye(2 * n), n, axis=1)
        self.connect(error, error, weights=Given(push_pull))

    def _reward(self, reward: Population) -> None:
        """Connect the output to the error neurons, and the loss to a reward."""
        error = self._only("error")
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

    def _only(self, role: Role) -> Population:
        found = [p for p in self.populations if p.role == role]
        if len(found) != 1:
            raise WiringError(
                f"A network needs exactly one {role.capitalize()} population, got {len(found)}.",
                object="Network",
            )
        return found[0]


def _name(population: Population) -> str:
    return population.name


def _arranged(population: Population) -> Cell:
    """Return the number of neurons, and their arrangement if they have one."""
    if population.shape is None:
        return population.size
    return f"{population.size} ({' x '.join(map(str, population.shape))})"


_POPULATION = ("population", "model", "role", "neurons")
_PROJECTION = ("projection", "from", "to", "synapses", "weights", "carries", "learns by")
_SYNAPSES = ("projection", "shape", "synapses", "learn", "weights", "carries", "delay [ms]")
_RULE = ("rule", "update", "when", "parameters", "projections")
"""Columns of what a network shows of itself."""


def _kind(population: Population) -> list[Cell]:
    """Return what is shown of a population."""
    return [population.name, type(population).__name__, population.role, _arranged(population)]


def _row(projection: Projection, n_synapses: int) -> list[Cell]:
    """Return what is shown of a projection."""
    rule = projection.rule
    return [
        projection.name,
        projection.pre.name,
        projection.post.name,
        n_synapses,
        type(projection.weights).__name__,
        _carried(projection),
        "fixed" if rule is None else _rule_name(rule),
    ]


def _synapses(projection: Projection, n: int) -> list[Cell]:
    """Return what a summary shows of a projection."""
    pre, post = projection.shape
    weights = type(projection.weights).__name__
    learn = n if projection.rule is not None else 0
    shape, delay = f"{pre} x {post}", float(projection.delay)
    return [projection.name, shape, n, learn, weights, _carried(projection), delay]


def _learning(rule: LearningRule) -> list[Cell]:
    """Return what a summary shows of a learning rule."""
    parameters = ", ".join(f"{name}={value:g}" for name, value in rule.parameters.items())
    return [_rule_name(rule), rule.update, rule.when, parameters]


def _rule_name(rule: LearningRule) -> str:
    return rule.name if rule.dynamics is None else f"{rule.name}, {rule.dynamics.name}"


def _carried(projection: Projection) -> str:
    return ", ".join(f"{signal} to {end}" for end, signal in projection.carries.items())


def _following(source: WeightSource, joined: dict[str, Projection]) -> WeightSource:
    """Return a weight source that refers to the projections of another network."""
    changes: dict[str, Any] = {}
    for item in fields(source):
        value = getattr(source, item.name)
        if isinstance(value, Projection):
            changes[item.name] = joined[value.name]
        elif isinstance(value, WeightSource):
            changes[item.name] = _following(value, joined)
    return replace(source, **changes) if changes else source
