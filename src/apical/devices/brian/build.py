"""Building Brian2 objects from a network, the same for every Brian2 device."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import brian2 as b2
import numpy as np
from brian2.devices.device import RuntimeDevice

from apical._base import times
from apical.devices.brian import (
    delaying,
    dense,
    graded,
    live,
    plastic,
    reading,
    relaying,
    spike_tables,
    starting,
)
from apical.devices.brian import (
    weight_scaling as normalising,
)
from apical.devices.brian.integration import TIME_STEP, WithTimeStep
from apical.devices.brian.propagators import UNITS, Propagators, solved
from apical.devices.brian.tables import empty, seen, timed_arrays
from apical.language import fragments
from apical.network.description import Network
from apical.network.settling_time import check_settles
from apical.network.stimuli import n_frames
from apical.neurons.base import Population
from apical.plasticity import traces
from apical.projections.edges import Edges
from apical.projections.projection import Projection

DIMENSIONS = {"ms": "second", "Hz": "Hz", "1": "1", "integer": "integer"}

# Order of what happens before a time step, in Brian2's slot 'start'. Hearing precedes forgetting.
LEARN, COUNT, DRAW, BEGIN, FRAME, HEAR, STEP = range(7)

# Rules that act within a trial do so when all spikes of the step were delivered; traces of synapses
# follow their neurons when these were integrated, so that a slope is that at which spikes are made.
LEARNING_SLOT, TRACE_SLOT = "after_synapses", "before_thresholds"

TAUGHT = "taught"
"""Name of the event that feedback arrived at a neuron (its dendrite)."""
COUNTING = "counting"  # whether spikes count, where a program tells the neurons


@dataclass(frozen=True)
class Options:
    """Options of the build: time step, capacity, recordings.

    Parameters
    ----------
    dt
        Time step [ms].
    capacity
        Largest number of trials in a block.
    record
        Populations whose spikes, or activities at the ends of trials, are recorded.
    dense
        Whether all-to-all projections are delivered by templates of our own (C++ only).
    traces
        Signals of recorded populations that are recorded in every time step.
    links
        Whether relays read dendrites by linked variables, and neurons track time; else the program
        does both.
    sparse
        Whether synapses that do not exist by a connectivity are not made; else they are kept at
        weight 0.
    """

    dt: float
    capacity: int
    record: Collection[str] = ()
    dense: bool = False
    traces: Collection[str] = ()
    links: bool = True
    sparse: bool = False


@dataclass
class Built:
    """A network as Brian2 objects.

    Parameters
    ----------
    network
        The description.
    objects
        Groups and synapses, by the names of populations and projections.
    brian_network
        The Brian2 network that holds them all.
    trial_clock
        Ticks at the start of every trial.
    closing
        Objects that act once more after the last trial of a block: learning, and counting.
    constants
        Value of each shared constant, ``<object>.<variable>`` -> number in base units.
    counters
        Monitor of one variable at the end of each trial, by population: the spike count, or the
        activity where that is graded.
    spikes
        Monitor of spikes, by recorded population.
    traces
        Monitor of signals in every time step, by recorded population that has any of them.
    propagators
        Exact integration (propagators) of populations with linear equations.
    starts
        Reset of populations to their initial state.
    made
        The synapses of projections of which only those that exist were made, by name.
    masked
        Names of projections with objects for synapses that do not exist, kept at weight 0.
    ahead
        How populations run whose spikes can be tabulated, by name.
    """

    network: Network
    objects: dict[str, Any]
    brian_network: b2.Network
    trial_clock: b2.Clock
    closing: list[Any]
    constants: dict[str, float] = field(default_factory=dict)
    counters: dict[str, b2.StateMonitor] = field(default_factory=dict)
    spikes: dict[str, b2.SpikeMonitor] = field(default_factory=dict)
    traces: dict[str, b2.StateMonitor] = field(default_factory=dict)
    propagators: dict[str, Propagators] = field(default_factory=dict)
    starts: dict[str, starting.Start] = field(default_factory=dict)
    made: dict[str, Edges] = field(default_factory=dict)
    masked: set[str] = field(default_factory=set)
    ahead: dict[str, spike_tables.Ahead] = field(default_factory=dict)


class Builder:
    """Makes the Brian2 objects of one network, with a clock of its own unless there is one."""

    def __init__(self, network: Network, options: Options, step: b2.Clock | None = None) -> None:
        self.network, self.options = network, options
        self.step = step or b2.Clock(dt=options.dt * b2.ms, name="step_clock")
        self.trial = b2.Clock(dt=network.trial * b2.ms, name="trial_clock")
        self.frame, frames = self.trial, max(n_frames(network), network.target_frames)
        if frames > 1:
            self.frame = b2.Clock(dt=network.trial / frames * b2.ms, name="frame_clock")
        # in process every block brings tables of its own; a program keeps room for the longest
        rows = 1 if isinstance(b2.get_device(), RuntimeDevice) else options.capacity
        self.tables = timed_arrays(network, empty(network, rows, b2.prefs.core.default_float_dtype))
        self.built = Built(network, {}, b2.Network(), self.trial, [])
        self._choose_synapses()
        graded.check_signals(network)
        check_settles(network, options.dt)
        self.ranks = graded.ranks(network)
        self.axons = {p.name: delaying.axons(network, p, options.dt) for p in network.populations}

    def _choose_synapses(self) -> None:
        """Decide of which projections only the synapses that exist are made."""
        for projection in self.network.projections:
            edges = self.network.edges(projection)
            if edges is not None and self.options.sparse:
                self.built.made[projection.name] = edges
            elif edges is not None or projection.missing:
                self.built.masked.add(projection.name)

    def _by_rows(self, projection: Projection) -> bool:
        """Whether templates of our own run a projection: they need all of its synapses."""
        return self.options.dense and projection.name not in self.built.made

    def build(self) -> Built:
        """Return every population and projection as Brian2 objects, in one Brian2 network."""
        built = self.built
        for population in self.network.populations:
            reading.made(population, self._group, built.objects)
        for order, projection in enumerate(self.network.projections):
            self._synapses(projection, order)
        built.brian_network.add(*built.objects.values(), *built.closing)
        built.brian_network.add(*built.spikes.values(), *built.traces.values())
        return built

    def _group(self, population: Population) -> None:
        model, relays = population.model, relaying.passes_on(self.network, population)
        counted = population.is_spiking and population.role == "neurons"
        axons = self.axons[population.name]
        parameters = {TIME_STEP: (self.options.dt, "ms"), **model.parameters, **axons.parameters}
        lines = [model.equations, *graded.equations(self.network, population), *axons.equations]
        method, start = self._method(population), self._start(population)
        lines += [*start.equations, *(method.equations if isinstance(method, Propagators) else ())]
        sends = [p for p in self.network.projections if p.pre is population]
        lines += [line for line in map(plastic.of_sender, sends) if line]
        if counted:
            lines.append("count : 1")
        if counted and not self.options.links:
            lines.append(f"{COUNTING} : 1 (shared)")
        lines += relaying.hearing(self.network, population, links=self.options.links)
        if relays:
            lines.append(relaying.equations(population))
            parameters |= relaying.parameters(population)
        lines += [
            f"{name} : {DIMENSIONS[unit]} (shared, constant)"
            for name, (_, unit) in parameters.items()
        ]
        reset = [model.reset]
        if counted:
            reset.append(f"count += {self._after(self.network.settle)}")
        reset += axons.at_spike
        self._tabulate(population, axons.at_spike)
        tables = seen(self.network, population.name, self.tables)
        group = live.NeuronGroup(
            population.size,
            "\n".join(lines),
            threshold=model.threshold or None,
            reset="\n".join(reset) if model.threshold else None,
            refractory=model.refractory or False,
            method=method,
            events=self._events(population),
            clock=self.step,
            name=population.name,
            namespace={k: v for k, v in tables.items() if k != "learned"},
        )
        self.built.objects[population.name] = group
        self._regularly(population, group, fragments.when(counted, "count = 0"))
        self._constants(population.name, parameters)
        self._record(population, group, counted)

    def _method(self, population: Population) -> Propagators | WithTimeStep:
        """Return how the equations of a population are integrated."""
        model = population.model
        if model.method == "exact":
            fixed = frozenset(starting.fixed(population))
            found = solved(model.equations, frozenset(model.parameters), fixed)
            if found is not None:
                self.built.propagators[population.name] = found
                return found
        return WithTimeStep(model.method)

    def _tabulate(self, population: Population, at_spike: list[str]) -> None:
        """Note how the spikes of a population can be tabulated, if they can."""
        frame = times.steps(self.frame.dt_ * 1e3, self.options.dt, "a frame")
        constants = frozenset(population.model.parameters)
        fixed = frozenset(starting.fixed(population))
        found = spike_tables.ahead(population, constants, fixed, frame)
        if found is not None:
            more = fragments.lines(found.at_spike, *at_spike)
            self.built.ahead[population.name] = replace(found, at_spike=more)

    def _start(self, population: Population) -> starting.Start:
        """Return the reset of a population to its initial state, if the network resets."""
        if not self.network.reset:
            return starting.Start()
        found = self.built.starts[population.name] = starting.start(population)
        for name, value in found.numbers.items():
            self.built.constants[f"{population.name}.{name}"] = value
        return found

    def _regularly(self, population: Population, group: b2.NeuronGroup, first: str) -> None:
        """Let a group do what it does at the start of each trial, and of each time step."""
        model, relays = population.model, relaying.passes_on(self.network, population)
        begin = [model.at_trial, first]
        if self.network.reset:
            begin = [self.built.starts[population.name].statements, model.at_reset, *begin]
            begin += [relaying.at_reset(population)] if relays else []
            begin += self.axons[population.name].at_reset
        code = fragments.lines(*begin)
        if code:
            group.run_regularly(code, clock=self.trial, when="start", order=BEGIN)
        if model.at_frame:
            group.run_regularly(model.at_frame, clock=self.frame, when="start", order=FRAME)
        order = STEP if population.relays is None else HEAR
        said = relaying.link(self.network, population, self.built.objects, self.options.links)
        if said:
            group.run_regularly(said, clock=self.step, when="start", order=FRAME)
        if model.at_step:
            group.run_regularly(model.at_step, clock=self.step, when="start", order=order)
        if self.axons[population.name].steps:
            age = self.axons[population.name].each_step
            group.run_regularly(age, clock=self.step, when="start", order=STEP)
        if relays:
            hear = relaying.each_step(population)
            group.run_regularly(hear, clock=self.step, when="start", order=HEAR)
            relaying.paid(group)

    def _record(self, population: Population, group: b2.NeuronGroup, counted: bool) -> None:
        """Add the monitors of a population, for decisions and for recordings."""
        recorded = population.name in self.options.record
        if counted:
            self._monitor(population, group, "count")
        elif not population.is_spiking and (recorded or population is self.network.output):
            self._monitor(population, group, population.signals[0])
        if population.is_spiking and recorded:
            spikes = b2.SpikeMonitor(group, name=f"{population.name}_spikes")
            self.built.spikes[population.name] = spikes
        signals = [name for name in self.options.traces if name in population.signals]
        if recorded and signals:
            self.built.traces[population.name] = b2.StateMonitor(
                group,
                signals,
                record=True,
                clock=self.step,
                when="end",
                name=f"{population.name}_traces",
            )

    def _events(self, population: Population) -> dict[str, str] | None:
        """Return events besides spikes: those of relays, and that which wakes rules at feedback."""
        relays = relaying.passes_on(self.network, population)
        events = {**(relaying.EVENTS if relays else {}), **self.axons[population.name].events}
        taught = any(
            p.post is population and p.rule and p.rule.when == "feedback" and not self._by_rows(p)
            for p in self.network.projections
        )
        if taught:
            events = {**events, TAUGHT: f"{population.inputs['teach']} != 0"}
        return dict(events) or None

    def _monitor(self, population: Population, group: b2.NeuronGroup, variable: str) -> None:
        monitor = b2.StateMonitor(
            group,
            variable,
            record=True,
            clock=self.trial,
            when="start",
            order=COUNT,
            name=f"{population.name}_counter",
        )
        self.built.counters[population.name] = monitor
        self.built.closing.append(monitor)

    def _after(self, onset: float) -> str:
        """Return what is 0 until the time `onset` [ms] of a trial, and 1 from then on."""
        steps, before = (
            times.steps(ms, self.options.dt, what)
            for ms, what in ((self.network.trial, "a trial"), (onset, "an onset"))
        )
        if not self.options.links:
            return COUNTING
        return f"int(t_in_timesteps % {steps} >= {before})" if before else "1"

    def _constants(self, owner: str, parameters: Mapping[str, tuple[float, str]]) -> None:
        for name, (value, unit) in parameters.items():
            # as Python's own number, which programs are told in digits
            self.built.constants[f"{owner}.{name}"] = np.multiply(value, UNITS[unit]).item()

    def _synapses(self, projection: Projection, order: int) -> None:
        plastic.check_free(projection)
        parameters, sums = plastic.parameters(projection, self.options.dt), graded.sums(projection)
        variables = ["w : 1", *(f"{name} : 1" for name in plastic.state(projection))]
        masked, by_rows = projection.name in self.built.masked, self._by_rows(projection)
        variables += plastic.of_synapse(projection, masked=masked)
        if projection.release < 1:
            variables.append("sent : 1")
        if not by_rows:
            variables += [f"{s}_post = w*{x}_pre : 1 (summed)" for s, (_, x) in sums.items()]
        synapses = live.Synapses(
            self.built.objects[projection.pre.name],
            self.built.objects[projection.post.name],
            "\n".join(variables + [f"{name} : 1 (shared, constant)" for name in parameters]),
            **({} if by_rows or sums else self._pathways(projection)),
            clock=self.step,
            name=projection.name,
            namespace={k: v for k, v in self.tables.items() if k in ("learning", "learned")},
        )
        edges = self.built.made.get(projection.name)
        synapses.connect(**({} if edges is None else {"i": edges.pre, "j": edges.post}))
        self.built.objects[projection.name] = synapses
        self._constants(projection.name, {k: (v, "1") for k, v in parameters.items()})
        if sums:
            self._sum(projection, synapses, sums)
        elif by_rows:
            self._dense(projection, synapses, order)
        else:
            self._schedule(projection, synapses, order)
        if plastic.timing(projection) == "trial":
            self._learn_after_trials(projection, synapses)
        self._follow(projection, synapses)
        if projection.total is not None:
            moment = self.trial, "start", BEGIN  # after LEARN
            scaler = normalising.normaliser(synapses, projection, *moment, dense=by_rows)
            self.built.brian_network.add(scaler)

    def _follow(self, projection: Projection, synapses: b2.Synapses) -> None:
        """Let traces of synapses follow their neurons, and begin each trial."""
        followed = plastic.followed(projection)
        moments = (
            ("traces", traces.each_step(followed), self.step, TRACE_SLOT, 0),
            (
                "forgetting",
                traces.at_trial(followed, self.network.reset),
                self.trial,
                "start",
                BEGIN,
            ),
        )
        for what, code, clock, when, order in moments:
            if not code:
                continue
            if self._by_rows(projection):
                moment = (clock, when, order)
                each = (
                    dense.Following(synapses, code, projection, followed, *moment)
                    if what == "traces"
                    else dense.Everywhere(synapses, code, projection, *moment, what)
                )
                self.built.brian_network.add(each)
            else:
                synapses.run_regularly(code, clock=clock, when=when, order=order)

    def _sum(self, projection: Projection, synapses: b2.Synapses, sums: graded.Sums) -> None:
        """Let a projection add up graded signals before each step of the groups."""
        rank = self.ranks[projection.name]
        for variable, (_, signal) in sums.items():
            if self._by_rows(projection):
                adder = dense.Sum(synapses, variable, f"{signal}_pre", projection, rank)
                self.built.brian_network.add(adder)
            else:
                synapses.summed_updaters[f"{variable}_post"].order = rank

    def _arrives(self, projection: Projection) -> str:
        """Return the event at which spikes arrive."""
        steps = delaying.steps_of(projection, self.options.dt)
        return self.axons[projection.pre.name].event(steps)

    def _deliver(self, projection: Projection) -> str:
        """Return what a spike does to the postsynaptic neuron."""
        unsure = projection.release < 1
        sent = fragments.when(unsure, "sent*")
        return fragments.lines(
            fragments.when(unsure, "sent = int(rand() < release)"),
            *(
                f"{projection.post.inputs[target]}_post += {sent}w"
                for target, signal in projection.carries.items()
                if signal == "x"
            ),
        )

    def _learn(self, projection: Projection) -> str:
        """Return the update of a weight, where the rule acts at spikes or feedback."""
        onset = projection.rule.onset if projection.rule else 0
        factor = f"learning(t)*{self._after(onset)}" if onset else "learning(t)"
        if projection.rule and projection.rule.when == "spike" and projection.release < 1:
            factor = f"sent*{factor}"
        return plastic.statements(projection, factor, masked=projection.name in self.built.masked)

    def _pathways(self, projection: Projection) -> dict[str, Any]:
        """Return delivery and learning as Brian2 writes them."""
        at_spikes, when = {"pre": self._deliver(projection)}, plastic.timing(projection)
        relayed = relaying.pathways(projection)
        at_spikes |= relayed
        at_events = {event: event for event in relayed}
        if projection.delay:
            at_events["pre"] = self._arrives(projection)
        if when == "spike":
            at_spikes["learn"] = self._learn(projection)
        after = {"on_post": {"learn": self._learn(projection)}} if when == "post" else {}
        if when != "feedback":
            return {"on_pre": at_spikes, **after, **({"on_event": at_events} if at_events else {})}
        taught = {"learn": self._learn(projection)}
        return {"on_pre": at_spikes, "on_post": taught, "on_event": {"learn": TAUGHT} | at_events}

    def _schedule(self, projection: Projection, synapses: b2.Synapses, order: int) -> None:
        for pathway in ("pre", *relaying.pathways(projection)):
            getattr(synapses, pathway).order = order
        if plastic.timing(projection) in ("spike", "feedback", "post"):
            synapses.learn.when, synapses.learn.order = LEARNING_SLOT, order
        if plastic.timing(projection) == "feedback":
            group = self.built.objects[projection.post.name]
            group.set_event_schedule(TAUGHT, when=LEARNING_SLOT, order=-1)

    def _dense(self, projection: Projection, synapses: b2.Synapses, order: int) -> None:
        add = self.built.brian_network.add
        deliver = self._deliver(projection)
        arrives = self._arrives(projection)
        add(dense.AtSpikes(synapses, deliver, projection, "delivery", "synapses", order, arrives))
        for event, code in relaying.pathways(projection).items():
            add(dense.AtSpikes(synapses, code, projection, event, "synapses", order, event))
        if plastic.timing(projection) in ("spike", "post"):
            learn, backward = self._learn(projection), plastic.timing(projection) == "post"
            where = LEARNING_SLOT, order
            add(dense.AtSpikes(synapses, learn, projection, "learning", *where, backward=backward))
        if plastic.timing(projection) == "feedback":
            learn = self._learn(projection)
            add(dense.Learning(synapses, learn, projection, self.step, LEARNING_SLOT, order))

    def _learn_after_trials(self, projection: Projection, synapses: b2.Synapses) -> None:
        masked = projection.name in self.built.masked
        code = plastic.statements(projection, "learned(t)", masked=masked)
        if self._by_rows(projection):
            learner = dense.Learning(synapses, code, projection, self.trial, "start", LEARN)
            self.built.brian_network.add(learner)
        else:
            learner = synapses.run_regularly(code, clock=self.trial, when="start", order=LEARN)
        self.built.closing.append(learner)


def counted(monitor: b2.StateMonitor) -> str:
    """Return the variable that counts for a decision: spikes, or activity."""
    return str(monitor.record_variables[0])


@contextmanager
def only_closing(built: Built) -> Iterator[None]:
    """Let only the closing objects act, of those that are active."""
    items = built.brian_network.sorted_objects
    before = [item.active for item in items]
    try:
        for item, was in zip(items, before, strict=True):
            item._active = was and any(item is one for one in built.closing)
        yield
    finally:  # one by one: what is set of an object Brian2 sets of all that it contains
        for item, was in zip(items, before, strict=True):
            item._active = was


def closing_time(built: Built, dt: float) -> b2.Quantity:
    """Return how long a run must be for the closing objects to act once.

    Brian2 holds times to be equal within 1e-4 of the period of a clock, here a trial: a run of one
    time step would be none where a trial has 10,000 of them.
    """
    steps = 1 + int(2e-4 * built.network.trial / dt)
    return steps * dt * b2.ms
