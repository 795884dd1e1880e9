"""Causality: labels, and trials that are yet to come, act only where and when they can have come.

- With learning off no weight changes.
- Other labels change error and target neurons, and what their synapses reach afterwards.
- Other labels, or none, change no decision while learning is off.
- Other trials in the future change nothing now.
- Trials in one block teach the same as the same trials in several: nothing is replayed.
- No weight follows when others are set.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from apical.devices import BlockResult
from apical.locality_check.budget import Tally
from apical.locality_check.causes import SAME, Causes, Fault, Outcome, Perturbation
from apical.locality_check.subject import Subject, weights_of
from apical.network.signals import ACTIVITY, SignalGraph

SEVERAL = 6
"""Number of trials in which labels are changed."""


@dataclass
class Causality:
    """Tests of causality.

    Parameters
    ----------
    subject, causes, tally
        The network on a device, what may be the cause of what in it, and what was done.
    state
        The state in which trials begin; labels are also changed in the first state of all.
    """

    subject: Subject
    causes: Causes
    tally: Tally
    state: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        self.network, self.shown = self.subject.network, self.subject.shown
        self.told = {p.name: np.ones(p.size, bool) for p in self.network.populations if p.is_told}

    def faults(self) -> Iterator[Fault]:
        """Yield violations."""
        yield from self._rests()
        yield from self._labels()
        yield from self._decisions()
        yield from self._future()
        yield from self._replays()
        yield from self._followers()

    def _rests(self) -> Iterator[Fault]:
        block = self.shown.block(2 * self.subject.batch, learning=0.0)
        for shown in (block, replace(block, labels=None, targets=None)):
            outcome = self.subject.outcome(self.state, shown)
            for name, change in outcome.changes.items():
                if change.any():
                    reason = "its weights change although learning is off"
                    yield Fault(name, "phases", reason, "rests")

    def _labels(self) -> Iterator[Fault]:
        """Yield what differs with the label without a cause: learning off, and on."""
        what = "other labels"
        changed = Perturbation(what, "label", neurons=self.told)
        first = self.subject.start
        runs_of = (first, SEVERAL, 0.0), (self.state, SEVERAL, 0.0), (first, 1, 1.0)
        for state, n, learning in runs_of:
            runs = [
                self.subject.outcome(state, self.shown.block(n, learning=learning, labels=labels))
                for labels in (self.shown.labels, self.shown.others)
            ]
            yield from self.causes.faults(runs[0], runs[1], changed)

    def _decisions(self) -> Iterator[Fault]:
        output = self.network.output.name
        graph = SignalGraph(self.network.populations, self.network.projections, output)
        known = "target" in graph.nodes and graph.decision is not None
        if known and graph.decision in graph.reached("target", ACTIVITY):
            self.tally.leave_out("decisions under other labels, since the error moves activity")
            return
        results = list[BlockResult]()
        for labels in (self.shown.labels, self.shown.others, None):
            block = self.shown.block(SEVERAL, learning=0.0, labels=labels)
            if labels is None:
                block = replace(block, labels=None, targets=None)
            self.subject.simulator.state = dict(self.state)
            results.append(self.subject.run(block))
        decided = [result.counts[output] for result in results if output in result.counts]
        for other in decided[1:]:
            if not np.array_equal(decided[0], other):
                reason = "its decisions depend on the label, with learning off"
                yield Fault(output, "locality", reason, "decisions")
                return

    def _future(self) -> Iterator[Fault]:
        """Yield populations that respond to trials which are yet to come."""
        b = self.subject.batch
        block = self.shown.block(2 * b)
        later = self.shown.block(2 * b, labels=self.shown.others)
        values = np.array(block.values, float)
        values[b:] = values[b:, ::-1] * 0.5 + 0.1
        now = {}
        for name in ("labels", "targets"):
            one, other = getattr(block, name), getattr(later, name)
            if one is not None:
                now[name] = np.concatenate([one[:b], other[b:]])
        runs = [
            self.subject.outcome(self.state, shown)
            for shown in (block, replace(block, values=values, **now))
        ]
        for population in self.network.populations:
            for signal in (*population.signals, "spike"):
                if self._differs_early(f"{population.name}.{signal}", *runs):
                    reason = f"its {signal} depends on stimuli or labels of later trials"
                    yield Fault(population.name, "locality", reason, "future")
                    break

    def _differs_early(self, name: str, one: Outcome, other: Outcome) -> bool:
        if name not in one.signals or name not in other.signals:
            return False
        a, b = one.signals[name], other.signals[name]
        half = len(a) // 2
        return not np.array_equal(a[:half], b[:half], equal_nan=True)

    def _replays(self) -> Iterator[Fault]:
        """Yield projections that learn something else from a block than from its parts."""
        b = self.subject.batch
        block = self.shown.block(3 * b)
        self.subject.simulator.state = dict(self.state)
        before = weights_of(self.subject.simulator)
        self.subject.run(block)
        whole = weights_of(self.subject.simulator)
        self.subject.simulator.state = dict(self.state)
        for part in block.parts(b):
            self.subject.run(part)
        for name, after in weights_of(self.subject.simulator).items():
            if differ(before[name], whole[name], after):
                reason = (
                    "its weights learn something else from trials in one block than from the same "
                    "trials in several: what is learned from one trial depends on others that are "
                    "over, or to come (a replay, or a global signal between blocks)"
                )
                yield Fault(name, "phases", reason, "replays")

    def _followers(self) -> Iterator[Fault]:
        """Yield projections whose weights follow those of others (weight transport)."""
        simulator = self.subject.simulator
        for source in self.network.driving:
            name = f"{source.name}.w"
            if name not in self.state:
                continue
            simulator.state = dict(self.state)
            before = weights_of(simulator)
            moved = self.network.held(source, self.state[name] + 0.5)
            if np.array_equal(moved, self.state[name]):
                moved = self.network.held(source, self.state[name] - 0.5)
            simulator.state = {name: moved}
            for other, after in weights_of(simulator).items():
                if other != source.name and not np.array_equal(before[other], after):
                    reason = f"its weights change when those of {source.name!r} do"
                    yield Fault(other, "weight transport", reason, "followers")
        simulator.state = dict(self.state)


def differ(before: np.ndarray, one: np.ndarray, other: np.ndarray) -> bool:
    """Say whether weights changed to one thing or another, beyond rounding."""
    size = np.abs(one - before).max(initial=0) + np.abs(other - before).max(initial=0)
    rounding = 1e-13 * np.abs(one).max(initial=0)
    return bool((np.abs(one - other) > 1e3 * SAME * size + rounding).any())
