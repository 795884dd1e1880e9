"""A dynamic test of locality: disturb one neuron or one synapse, and see whose learning changes.

`apical.plausibility.audit` reads a description; here it is run. From the same state, with one thing
disturbed at the moment when weights change, only the synapses it touches may learn otherwise (see
`apical.locality_check.signals`). Besides, weights without a rule must stay as they are, all weights
must where learning is off, and no label may reach a decision.

So that activity has no time to spread, spiking networks are run for a single step of time, from a
state that learning led to: traces and dendrites are those at the end of a trial. On device
``array`` there is no time, and neurons have no state: there stimuli and synapses are disturbed, and
the synapses that leave the neuron they act on are cut, in both runs; and pairs of weights are
disturbed that balance each other, so that nothing differs but the weights.
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
from apical.plausibility.pathways import copied
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
    """Run a network, disturb it, and return what should not have changed and did.

    Parameters
    ----------
    network
        What to test.
    values, labels
        A few trials to learn, shapes (n_trials, n_inputs) and (n_trials,).
    make
        What makes a simulator, called as `apical.simulate` is.
    each
        Neurons of each population and synapses of each projection to disturb.

    Returns
    -------
    Scorecard
        ``"not local"`` where a difference had no cause, ``"local"`` where none was found.

    Raises
    ------
    LocalityError, DeviceError
        If no device runs the network.
    WiringError
        If it learns by a reward: any disturbance changes that, and so what all synapses learn.
    """
    rewards = [p.name for p in network.populations if p.role == "reward"]
    if rewards:
        raise WiringError(
            f"Disturbances tell nothing of a network that learns by a reward: {rewards[0]!r} tells "
            "all synapses of every one. Read its scorecard (apical.check) instead."
        )
    device = "runtime" if network.is_spiking else "array"
    simulator = _made(network, device, make)
    whole, frame = (seeds.presentation("disturbance", k) for k in range(2))
    block = Block(values, labels, np.ones(()), whole)
    start = simulator.state
    faults = [*_rests(simulator, block), *_labels(simulator, start, block)]
    faults += [*_followers(simulator, start)]
    simulator.state = start
    faults += [*_unruled(simulator, block)]
    last = Block(values[-1:, -network.stimulus.size :], labels[-1:], np.ones(()), frame)
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
    """Yield populations whose activity depends on the label, where no synapse may bring it."""
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
    """Yield projections whose weights are those of others."""
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
    """Learn, and yield weights that change by no rule."""
    network, before = simulator.network, _weights(simulator)
    simulator.run(block)
    after = _weights(simulator)
    taught = {p.name for p in network.feedback.projections} if network.feedback else set()
    for p in network.projections:
        follows = isinstance(p.weights, ReadBackwards)
        learns = p.rule is not None and p.rule.when != "noise"
        if learns or follows or np.array_equal(before[p.name], after[p.name]):
            continue
        reason = "its weights change while the network learns, by no rule"
        how = copied(network, p, after[p.name], lambda q: after[q.name])
        if how:
            yield Fault(p.name, "weight transport", f"{reason}, and {how}")
        else:
            yield Fault(p.name, "feedback" if p.name in taught else "locality", reason)


@dataclass(frozen=True)
class Bench:
    """A network at the moment when weights change.

    Parameters
    ----------
    network, simulator
        What runs; where there is time, trials last for one step.
    block
        The trial that is shown, with learning on.
    state
        The state before it.
    """

    network: Network
    simulator: Simulator
    block: Block
    state: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, network: Network, reached: Simulator, block: Block, make: Make) -> "Bench":
        """Return the bench of a network, in the state that a simulator of it has reached."""
        if not network.is_spiking:
            return cls(network, reached, block, reached.state)
        brief = _brief(network)
        simulator = _made(brief, "runtime", make)
        return cls(brief, simulator, block, reached.state)

    def faults(self, each: int, rng: np.random.Generator) -> tuple[list[Fault], int]:
        """Return differences that disturbances make and may not make, and how many there were."""
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
    """Return the network with trials of one step, into which the state goes on.

    Dice that synapses throw at spikes are left out: one spike more would give all others another.
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
    """Return a line for each kind of fault, and for each part that has none."""
    first: dict[tuple[str, str], Fault] = {}
    times: dict[tuple[str, str], int] = {}
    for fault in faults:
        key = fault.subject, fault.aspect
        first.setdefault(key, fault)
        times[key] = times.get(key, 0) + 1
    found = []
    for f in first.values():
        more = times[f.subject, f.aspect] - 1
        found.append(
            Finding(
                f.subject,
                f.aspect,
                "not local",
                f.reason + f"; {more} more like it" * (more > 0),
                network.place(f.subject),
            )
        )
    wrong = {subject for subject, _ in first}
    for p in network.projections:
        if p.name in wrong:
            continue
        waits = p.rule is not None and p.rule.when == "noise"
        if p.rule and not waits:
            reason = f"{n} disturbances changed no update here but of synapses that they touch"
        else:
            reason = f"its weights stayed the same to the bit while {n_trials} trials were learned"
            reason += "; its rule acts in noise phases, which were not disturbed" * waits
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
            reason = f"{n} disturbances reached no neuron here but along synapses"
            where = network.place(population.name)
            found.append(Finding(population.name, "one-way", "local", reason, where))
    return Scorecard(tuple(sorted(found, key=lambda f: ASPECTS.index(f.aspect))))
