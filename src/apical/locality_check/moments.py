"""Perturbations of single neurons and synapses in the time steps in which weights change.

The network runs step by step. In some of the steps in which most weights change, and when a trial
ends, every variable of a neuron, or a weight, is changed, and one step is run: too little for
activity to spread. Neurons are also perturbed early in a trial, without their outgoing synapses,
and run to its end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from apical.devices.simulator import Moment, Steps
from apical.locality_check.budget import Budget, Tally, chosen_neurons, chosen_synapses
from apical.locality_check.causes import Causes, Fault, Outcome, Perturbation
from apical.locality_check.changes import balanced, isolated, stepped
from apical.locality_check.subject import Subject
from apical.projections.projection import Projection

LONG = 300
"""Time steps of a trial from which on only one trial is run."""


@dataclass
class Moments:
    """Perturbations of a network at moments of learning.

    Parameters
    ----------
    subject, causes
        The network on a device, and what may be the cause of what in it.
    steps
        What runs it step by step.
    tally, budget
        What was done, and how much is to be.
    state
        The state in which trials begin.
    rng
        Chooses neurons and synapses.
    """

    subject: Subject
    causes: Causes
    steps: Steps
    tally: Tally
    budget: Budget
    state: Mapping[str, np.ndarray]
    rng: np.random.Generator
    _held: dict[str, list[str]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.network = self.subject.network
        self.n_trials = 1 if self.steps.steps > LONG else 3
        self.end = self.n_trials * self.steps.steps
        for population in self.network.populations:
            self._held[population.name] = [
                name
                for name, values in self.state.items()
                if name.startswith(f"{population.name}.")
                and values.shape == (population.size,)
                and not name.endswith(".lastspike")
            ]

    def faults(self) -> Iterator[Fault]:
        """Yield differences without a cause."""
        busy, active = self._busy()
        self._begin()
        before: Outcome | None = None
        early = self.end - self.steps.steps + self.steps.steps // 4
        for step in sorted({*busy, early}):
            if step > self.steps.step:
                before = self._run(step)
            moment = self.steps.keep()
            if step in busy:
                self.tally.moments += 1
                yield from self._at(moment, before, active)
                self.steps.back(moment)
            if step == early:
                yield from self._to_the_end(moment)
                self.steps.back(moment)

    # ---- when something is learned ---------------------------------------------------------------
    def _begin(self) -> None:
        self.subject.simulator.state = dict(self.state)
        self.steps.show(self.subject.shown.block(self.n_trials))

    def _weights(self) -> dict[str, np.ndarray]:
        return {p.name: self.steps.get(f"{p.name}.w") for p in self.network.projections}

    def _run(self, stop: int) -> Outcome:
        """Run until before a time step; what closes the block is after its last."""
        before = self._weights()
        signals = dict[str, np.ndarray]()
        if self.steps.step < self.end:
            window = self.steps.run(min(stop, self.end))
            signals = dict(window.signals)
            signals |= {f"{name}.spike": spikes for name, spikes in window.spikes.items()}
        if stop > self.end:
            self.steps.close(self.n_trials)
        changes = {name: w - before[name] for name, w in self._weights().items()}
        return Outcome(signals, before, changes)

    def _busy(self) -> tuple[set[int], dict[str, np.ndarray]]:
        """Return the steps in which most weights of each projection change, and who is active.

        The step after the last is that in which the last trial ends. Where no weight changes it is
        the step with most activity.
        """
        self._begin()
        counts = {p.name: np.zeros(self.end + 1, int) for p in self.network.plastic}
        spikes = np.zeros(self.end + 1, int)
        active = {p.name: np.zeros(p.size, bool) for p in self.network.populations}
        for step in range(self.end + 1):
            outcome = self._run(step + 1)
            self.tally.learns(outcome.changes)
            for name, found in counts.items():
                found[step] = np.count_nonzero(outcome.changes[name])
            for name in active:
                for signal in ("spike", "x"):
                    values = outcome.signals.get(f"{name}.{signal}")
                    if values is not None:
                        active[name] |= (values != 0).any(0)
                        spikes[step] += np.count_nonzero(values)
        best = [int(np.argmax(found)) for found in counts.values() if found.any()]
        total = np.sum([*counts.values()], axis=0)
        later = [int(step) for step in np.argsort(-total, kind="stable") if total[step]]
        steps = list(dict.fromkeys([*best, *later])) or [int(np.argmax(spikes))]
        return {*steps[: max(self.budget.moments, len({*best}))]}, active

    # ---- one step --------------------------------------------------------------------------------
    def _at(
        self, moment: Moment, before: Outcome | None, active: Mapping[str, np.ndarray]
    ) -> Iterator[Fault]:
        base = self._run(moment.step + 1)
        self.steps.back(moment)
        now = {name: self.steps.get(name) for name in self.state}
        for population, neuron in chosen_neurons(self.network, self.budget.neurons, self.rng):
            changes = self._kick(population, neuron, now, base)
            if changes:
                self.tally.neurons.add((population, neuron))
                changed = self._of_neuron(population, neuron)
                yield from self._compare(moment, base, now, changes, changed)
        chosen = chosen_synapses(self.network, now, active, self.budget.synapses, self.rng)
        for name, i, j in chosen:
            p = self.network.projection(name)
            moved = stepped(self.network, p, now[f"{name}.w"], (i, j))
            if moved is not None:
                self.tally.synapses.add((name, i, j))
                mask = np.zeros(p.shape, bool)
                mask[i, j] = True
                what = f"synapse {i} -> {j} of {name}"
                changed = Perturbation(what, "synapse", p.post.name, synapses={name: mask})
                yield from self._compare(moment, base, now, {f"{name}.w": moved}, changed)
        yield from self._reading(moment, base, before, now)

    def _compare(
        self,
        moment: Moment,
        base: Outcome,
        now: Mapping[str, np.ndarray],
        changes: Mapping[str, np.ndarray],
        changed: Perturbation,
    ) -> Iterator[Fault]:
        """Run a step with some of the state changed, and yield what has no cause."""
        self.steps.back(moment)
        for name, values in changes.items():
            self.steps.put(name, values)
        yield from self.causes.faults(base, self._run(moment.step + 1), changed)

    def _of_neuron(self, population: str, neuron: int) -> Perturbation:
        size = next(p.size for p in self.network.populations if p.name == population)
        what = f"neuron {neuron} of {population}"
        return Perturbation(what, "neuron", population, {population: np.arange(size) == neuron})

    def _kick(
        self, population: str, neuron: int, now: Mapping[str, np.ndarray], base: Outcome
    ) -> dict[str, np.ndarray]:
        """Return all variables of a neuron, far above threshold, or below if it spikes anyway."""
        spikes = base.signals.get(f"{population}.spike")
        sign = -1 if spikes is not None and spikes[0, neuron] else 1
        found = {}
        for name in self._held[population]:
            values = found[name] = np.array(now[name])
            if values.dtype == bool:
                values[neuron] = not values[neuron]
            else:
                values[neuron] += sign * 2 * (1 + abs(float(values[neuron])))
        return found

    def _reading(
        self,
        moment: Moment,
        base: Outcome,
        before: Outcome | None,
        now: Mapping[str, np.ndarray],
    ) -> Iterator[Fault]:
        """Yield what changes with forward weights that no activity crosses in this step."""
        for p in self.network.driving:
            sent = self._sent(p, base, before)
            if sent is None or f"{p.name}.w" not in now:
                continue
            moved = balanced(self.network, p, now[f"{p.name}.w"], sent, self.rng)
            if moved is None:
                continue
            what = f"other weights of {p.name}, by which its neurons receive the same,"
            mask = moved != now[f"{p.name}.w"]
            changed = Perturbation(what, "weights", p.post.name, synapses={p.name: mask})
            yield from self._compare(moment, base, now, {f"{p.name}.w": moved}, changed)

    def _sent(
        self, projection: Projection, base: Outcome, before: Outcome | None
    ) -> np.ndarray | None:
        """Return what a projection carries in a step; None if it is not known."""
        pre = projection.pre
        if not base.signals:  # only weights change when a block closes
            return np.zeros((1, pre.size))
        if projection.delay or (pre.is_spiking and set(projection.carries.values()) != {"x"}):
            return None
        found = []
        for signal in projection.carries.values():
            name = f"{pre.name}.spike" if pre.is_spiking else f"{pre.name}.{signal}"
            runs = [base] if pre.is_spiking else [base, before]
            if any(run is None or name not in run.signals for run in runs):
                return None
            found += [run.signals[name][-1:].astype(float) for run in runs if run is not None]
        return np.concatenate(found)

    # ---- to the end of the trial -----------------------------------------------------------------
    def _to_the_end(self, moment: Moment) -> Iterator[Fault]:
        now = {name: self.steps.get(name) for name in self.state}
        base = self._run(self.end + 1)
        for population, neuron in chosen_neurons(self.network, self.budget.runs, self.rng):
            changes = self._kick(population, neuron, now, base)
            if not changes:
                continue
            apart = isolated(self.network, now, population, neuron)
            removed = {n: w for n, w in apart.items() if w is not now[n]}
            outcomes = []
            for put in (removed, removed | changes):
                self.steps.back(moment)
                for name, values in put.items():
                    self.steps.put(name, values)
                outcomes.append(self._run(self.end + 1))
            self.tally.runs += 1
            self.tally.neurons.add((population, neuron))
            changed = self._of_neuron(population, neuron)
            yield from self.causes.faults(outcomes[0], outcomes[1], changed)
