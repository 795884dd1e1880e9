"""Perturbations over a whole trial: of stimuli, of single synapses, of all synapses onto a neuron.

So that activity cannot spread, the outgoing synapses of the neuron concerned are removed in both
runs: then only updates at that neuron may differ. These go through `run` of what a script made, on
every device.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from apical._base import seeds
from apical.devices import Block
from apical.locality_check.budget import Budget, Tally, chosen_neurons, chosen_synapses
from apical.locality_check.causes import Causes, Fault, Outcome, Perturbation
from apical.locality_check.changes import STEP, balanced, heard, isolated, pushed, stepped
from apical.locality_check.subject import Subject
from apical.network.stimuli import columns, n_values
from apical.neurons.stimulus import Stimulus


@dataclass
class Whole:
    """Perturbations of a network over a whole trial.

    Parameters
    ----------
    subject, causes
        The network on a device, and what may be the cause of what in it.
    tally, budget
        What was done, and how much is to be.
    state
        The state in which the trial begins.
    rng
        Chooses neurons and synapses.
    fires
        Name of a population that fires noise in the trial, which is then one of a noise phase.
    """

    subject: Subject
    causes: Causes
    tally: Tally
    budget: Budget
    state: Mapping[str, np.ndarray]
    rng: np.random.Generator
    fires: str = ""

    def __post_init__(self) -> None:
        network = self.subject.network
        self.network = network
        normed = any(p.norm for p in network.populations)
        self.block = self.subject.shown.block(self.subject.batch if normed else 1)
        if self.fires:
            index = seeds.presentation("disturbance", 1)
            inputs = n_values(network)
            self.block = Block.noise(self.fires, len(self.block), inputs, index=index)

    def faults(self) -> Iterator[Fault]:
        """Yield differences without a cause."""
        base = self.subject.outcome(self.state, self.block)
        self.tally.learns(base.changes)
        yield from self._reading(base)
        chosen = defaultdict[tuple[str, int], list[tuple[str, int]]](list)
        for population, neuron in chosen_neurons(self.network, self.budget.runs, self.rng):
            chosen[population, neuron] = []
        active = {
            p.name: (base.signals[f"{p.name}.x"] != 0).any(0)
            for p in self.network.populations
            if f"{p.name}.x" in base.signals
        }
        n = min(self.budget.runs, self.budget.synapses)
        ends = {p.name: p.post.name for p in self.network.projections}
        for name, i, j in chosen_synapses(self.network, self.state, active, n, self.rng):
            chosen[ends[name], j].append((name, i))
        for (population, neuron), synapses in chosen.items():
            yield from self._around(population, neuron, synapses)

    def _around(
        self, population: str, neuron: int, synapses: list[tuple[str, int]]
    ) -> Iterator[Fault]:
        """Yield faults from perturbing a neuron, and synapses onto it."""
        state = isolated(self.network, self.state, population, neuron)
        calm = self.subject.outcome(state, self.block)
        yield from self._neuron(population, neuron, state, calm)
        for name, i in synapses:
            at = i, neuron
            projection = self.network.projection(name)
            moved = stepped(self.network, projection, np.asarray(state[f"{name}.w"]), at)
            if moved is None:
                continue
            mask = np.zeros(projection.shape, bool)
            mask[at] = True
            what = f"synapse {i} -> {neuron} of {name}"
            changed = Perturbation(what, "synapse", population, synapses={name: mask})
            self._count(synapse=(name, *at))
            other = self.subject.outcome({**state, f"{name}.w": moved}, self.block)
            yield from self.causes.faults(calm, other, changed)

    def _neuron(
        self, population: str, neuron: int, state: Mapping[str, np.ndarray], calm: Outcome
    ) -> Iterator[Fault]:
        block, synapses = self.block, dict[str, np.ndarray]()
        stimulus = next((one for one in self.network.stimuli if one.name == population), None)
        if stimulus is not None:
            # each of them depends on all others, or none is shown
            if getattr(stimulus.encoder, "total", 0) or self.fires:
                return
            block = self._shown_more(block, stimulus, neuron)
        else:
            state, synapses = pushed(self.network, state, population, neuron)
            if not synapses:
                return
        size = next(p.size for p in self.network.populations if p.name == population)
        only = {population: np.arange(size) == neuron}
        what = f"neuron {neuron} of {population}"
        changed = Perturbation(what, "neuron", population, only, synapses)
        self._count(neuron=(population, neuron))
        yield from self.causes.faults(calm, self.subject.outcome(state, block), changed)

    def _shown_more(self, block: Block, stimulus: Stimulus, neuron: int) -> Block:
        """Return a block in which one input neuron is stimulated more, in all frames."""
        values = np.array(block.values, float)
        own = values[:, columns(self.network)[stimulus.name]]  # a view
        own[:, neuron :: stimulus.size] += STEP
        return replace(block, values=values)

    def _count(
        self,
        neuron: tuple[str, int] | None = None,
        synapse: tuple[str, int, int] | None = None,
    ) -> None:
        self.tally.runs += 1
        if neuron is not None:
            self.tally.neurons.add(neuron)
        if synapse is not None:
            self.tally.synapses.add(synapse)

    def _reading(self, base: Outcome) -> Iterator[Fault]:
        """Yield what changes with forward weights although no activity does."""
        network = self.network
        explores = [*(p.explores for p in network.populations)]
        if any((*explores, *(p.explores for p in network.projections))):
            self.tally.leave_out("weights with activities held, since these explore")
            return
        for p in self.network.driving:
            name = f"{p.name}.w"
            sent = heard(p, base.signals)
            on_the_way = bool(p.delay) and not network.reset
            if name not in self.state or sent is None or len(sent) >= 500 or on_the_way:
                continue
            moved = balanced(self.network, p, np.asarray(self.state[name]), sent, self.rng)
            if moved is None:
                continue
            what = f"other weights of {p.name}, by which its neurons receive the same,"
            mask = moved != self.state[name]
            changed = Perturbation(what, "weights", p.post.name, synapses={p.name: mask})
            other = self.subject.outcome({**self.state, name: moved}, self.block)
            yield from self.causes.faults(base, other, changed)
