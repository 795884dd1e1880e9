"""Dynamic test of locality: perturb one neuron or synapse, and test which weight updates change.

`apical.plausibility.audit` analyses the description; here the network is run. From the same state,
with one perturbation at the time of a weight update, only the synapses of the perturbed neuron may
change their updates (see `apical.locality_check.signals`). In addition, weights without a rule must
not change, no weight may change with learning off, and no label may reach a decision.

So that activity cannot spread, spiking networks are run for a single time step, from a state
reached by learning: traces and dendrites are those at the end of a trial. Device ``array`` computes
steady states, without time or neuron state: there stimuli and synapses are perturbed, with the
outgoing synapses of the affected neuron removed in both runs, and pairs of weights whose effects
cancel, so that only the weights differ.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from apical._base import seeds
from apical.devices import Block, Simulator, simulate
from apical.errors import WiringError
from apical.locality_check.signals import (
    Fault,
    Outcome,
    compare,
    disturbed,
    isolated,
    of_inputs,
    of_neurons,
    of_pairs,
    of_synapses,
)
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.rate import FED_BACK
from apical.plausibility import ASPECTS, Finding, Scorecard
from apical.plausibility.transport import copied
from apical.projections.projection import Projection, ReadBackwards

Make = Callable[..., Simulator]
STEP = 1.0
"""Time step [ms]."""


def disturb(
    network: Network,
    values: np.ndarray,
    labels: np.ndarray,
    *,
    make: Make = simulate,
    each: int = 2,
) -> Scorecard:
    """Test the locality of learning by perturbations, and return violations as a scorecard.

    Parameters
    ----------
    network
        The network to test.
    values, labels
        A few training trials, shapes (n_trials, n_inputs) and (n_trials,).
    make
        Factory of simulators, called as `apical.simulate` is.
    each
        Number of neurons of each population and synapses of each projection to perturb.

    Returns
    -------
    Scorecard
        ``"not local"`` where a difference had no local cause, ``"local"`` where none was found.

    Raises
    ------
    LocalityError, DeviceError
        If no device runs the network.
    WiringError
        If it learns by reward: any perturbation changes the reward, and so all updates.
    """
    rewards = [p.name for p in network.populations if p.role == "reward"]
    if rewards:
        raise WiringError(
            f"Perturbations cannot test a network that learns by reward: {rewards[0]!r} tells all "
            "synapses of every change. Read its scorecard (apical.check) instead."
        )
    device = "runtime" if network.is_spiking else "array"
    simulator = _made(network, device, make)
    whole, frame = (seeds.presentation("disturbance", k) for k in range(2))
    block = Block.of_labels(values, labels, 1.0, index=whole)
    start = simulator.state
    faults = [*_rests(simulator, block), *_labels(simulator, start, block)]
    faults += [*_followers(simulator, start)]
    simulator.state = start
    faults += [*_unruled(simulator, block)]
    shown = values[-1:, -network.stimulus.size :]
    last = Block.of_labels(shown, labels[-1:], 1.0, index=frame)
    bench = Bench.of(network, simulator, last, make)
    found, n = bench.faults(each, seeds.stream(network.seed, "disturbances"))
    return _scorecard(network, [*faults, *found], n, len(block))


def _made(network: Network, device: str, make: Make) -> Simulator:
    names = [p.name for p in network.populations]
    signals = {signal: None for p in network.populations for signal in p.signals}
    return make(network, device, dtype="float64", record=names, traces=tuple(signals))


def _weights(simulator: Simulator) -> dict[str, np.ndarray]:
    return {p.name: simulator.weights(p) for p in simulator.network.projections}


def _rests(simulator: Simulator, block: Block) -> Iterator[Fault]:
    """Yield weights that change where learning is off."""
    before = _weights(simulator)
    simulator.run(replace(block, labels=None, learning=np.zeros(())))
    for name, after in _weights(simulator).items():
        if not np.array_equal(before[name], after):
            yield Fault(name, "phases", "its weights change although learning is off")


def _labels(simulator: Simulator, start: Mapping[str, np.ndarray], block: Block) -> Iterator[Fault]:
    """Yield populations whose activity depends on the label without a synapse that conveys it."""
    network = simulator.network
    taught = [p for p in network.projections if p.pre.is_told]
    if any(p.is_forward or not (p.post.has_apical_dendrite or p.post.is_told) for p in taught):
        return  # the error may move activity, and the scorecard says so
    shown = []
    for labels in (block.labels, (np.asarray(block.labels) + 1) % network.output.size):
        simulator.state = dict(start)
        still = replace(block, labels=labels, learning=np.zeros(()))
        shown.append(simulator.run(still).traces)
    for population in network.populations:
        if population.is_told:
            continue
        for signal in population.signals:
            name = f"{population.name}.{signal}"
            if signal in FED_BACK or name not in shown[0]:
                continue
            if not np.array_equal(shown[0][name], shown[1][name]):
                reason = f"its {signal} depends on the label, which no synapse brings there"
                yield Fault(population.name, "locality", reason)
                break


def _followers(simulator: Simulator, start: Mapping[str, np.ndarray]) -> Iterator[Fault]:
    """Yield projections whose weights follow those of others (weight transport)."""
    for source in simulator.network.driving:
        name = f"{source.name}.w"
        if name not in start:
            continue
        simulator.state = dict(start)
        before = _weights(simulator)
        moved = simulator.network.held(source, start[name] + 0.5)
        if np.array_equal(moved, start[name]):
            moved = simulator.network.held(source, start[name] - 0.5)
        simulator.state = {name: moved}
        for other, after in _weights(simulator).items():
            if other != source.name and not np.array_equal(before[other], after):
                reason = f"its weights change when those of {source.name!r} do"
                yield Fault(other, "weight transport", reason)


def _unruled(simulator: Simulator, block: Block) -> Iterator[Fault]:
    """Train, and yield weights that change without a rule."""
    network, before = simulator.network, _weights(simulator)
    simulator.run(block)
    after = _weights(simulator)
    taught = {p.name for p in network.feedback.projections} if network.feedback else set()
    for p in network.projections:
        follows = isinstance(p.weights, ReadBackwards)
        learns = p.rule is not None and p.rule.when != "noise"
        if learns or follows or np.array_equal(before[p.name], after[p.name]):
            continue
        reason = "its weights change during learning without a rule"
        how = copied(network, p, after)
        if how:
            yield Fault(p.name, "weight transport", f"{reason}, and {how}")
        else:
            yield Fault(p.name, "feedback" if p.name in taught else "locality", reason)


@dataclass(frozen=True)
class Bench:
    """A network at the time of a weight update.

    Parameters
    ----------
    network, simulator
        The network, with trials of one time step on devices that simulate time.
    block
        The training trial.
    state
        The state before it.
    """

    network: Network
    simulator: Simulator
    block: Block
    state: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, network: Network, reached: Simulator, block: Block, make: Make) -> "Bench":
        """Return the bench of a network, in the state that its simulator has reached."""
        if not network.is_spiking:
            return cls(network, reached, block, reached.state)
        brief = _brief(network)
        simulator = _made(brief, "runtime", make)
        return cls(brief, simulator, block, reached.state)

    def faults(self, each: int, rng: np.random.Generator) -> tuple[list[Fault], int]:
        """Return violations of locality, and the number of perturbations."""
        base, timed = self._run(self.state, self.block), self.network.is_spiking
        chosen = [
            *(
                of_neurons(self.network, base, self.state, each, rng)
                if timed
                else of_inputs(self.network, each, rng)
            ),
            *of_synapses(self.network, base, self.state, each, rng),
            *(() if timed else of_pairs(self.network, base, self.state, rng)),
        ]
        found = list[Fault]()
        for disturbance in chosen:
            state, calm, values = dict(self.state), base, np.array(self.block.values)
            if not timed and not disturbance.silent:
                state = isolated(self.network, state, disturbance)
                calm = self._run(state, self.block)
            if disturbance.stimulus:
                values[:, disturbance.neuron] += disturbance.stimulus
            block = replace(self.block, values=values)
            shaken = self._run(disturbed(state, disturbance), block)
            found += compare(self.network, calm, shaken, disturbance)
        return found, len(chosen)

    def _run(self, state: Mapping[str, np.ndarray], block: Block) -> Outcome:
        self.simulator.state = dict(state)
        before = _weights(self.simulator)
        signals = self.simulator.run(block).traces
        changes = {name: w - before[name] for name, w in _weights(self.simulator).items()}
        return Outcome(signals, before, changes)


def _brief(network: Network) -> Network:
    """Return the network with trials of one time step, which continue from the state.

    Random transmission failures are left out: an additional spike would change all other draws.
    """

    def at_once(population: Population) -> Population:
        return population.at_once(wait=1e-6)

    return network.altered(
        population=at_once, projection=_brief_one, trial=STEP, settle=0.0, reset=False
    )


def _brief_one(p: Projection) -> Projection:
    if p.release < 1 or (p.rule and p.rule.when != "trial"):
        p = replace(p, release=1.0, levels=None)
    return replace(p, rule=replace(p.rule, onset=0.0)) if p.rule and p.rule.onset else p


def _scorecard(network: Network, faults: list[Fault], n: int, n_trials: int) -> Scorecard:
    """Return a finding for each kind of violation, and for each part without one."""
    first: dict[tuple[str, str], Fault] = {}
    times: dict[tuple[str, str], int] = {}
    for fault in faults:
        key = fault.subject, fault.aspect
        first.setdefault(key, fault)
        times[key] = times.get(key, 0) + 1
    found = []
    for f in first.values():
        n_more = times[f.subject, f.aspect] - 1
        more = f"; {n_more} more like it" if n_more else ""
        place = network.place(f.subject)
        found.append(Finding(f.subject, f.aspect, "not local", f"{f.reason}{more}", place))
    wrong = {subject for subject, _ in first}
    for p in network.projections:
        if p.name in wrong:
            continue
        waits = p.rule is not None and p.rule.when == "noise"
        if p.rule and not waits:
            reason = f"{n} perturbations changed only updates of the synapses that they touch"
        else:
            noise = "; its rule acts in noise phases, which were not perturbed" if waits else ""
            same = f"its weights were unchanged to the bit after {n_trials} training trials"
            reason = f"{same}{noise}"
        found.append(
            Finding(
                p.name,
                "locality" if p.rule else "feedback",
                "local",
                reason,
                network.place(p.name),
            )
        )
    for population in network.populations:
        if population.name not in wrong:
            reason = f"{n} perturbations reached neurons here along synapses only"
            where = network.place(population.name)
            found.append(Finding(population.name, "one-way", "local", reason, where))
    return Scorecard(tuple(sorted(found, key=lambda f: ASPECTS.index(f.aspect))))
