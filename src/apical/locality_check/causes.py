"""Causes of the differences between two runs, one of them perturbed.

Every difference must have a cause that reached it:

- a signal of a neuron may differ if the neuron or a synapse onto it was perturbed, or if an input
  that the signal depends on reached it along a synapse of nonzero weight from a neuron that
  differed at that time or before;
- the update of a synapse may differ if the synapse was perturbed, or if a signal of its presynaptic
  or postsynaptic neuron differed.

What follows from an input within a neuron is read from the text of its model
(`apical.network.signals`). Anything else is a fault.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from apical.errors import ApicalError
from apical.network.description import Network
from apical.network.signals import ACTIVITY, SignalGraph
from apical.neurons.base import Population
from apical.plausibility import Aspect
from apical.projections.projection import Projection

SAME = 1e-9
"""Relative tolerance for rounding differences between two runs."""

BALANCED = 1e-6
"""The same where weights were changed such that no activity changes, up to rounding."""

ROUNDING = 1e-15
"""Largest difference between two runs that is rounding, however small a signal is."""

Kind = Literal["neuron", "synapse", "weights", "label"]
"""What is perturbed: a ``"neuron"``; a ``"synapse"``; ``"weights"`` such that no activity changes;
or the ``"label"``."""


@dataclass(frozen=True)
class Perturbation:
    """What differs between two runs.

    Parameters
    ----------
    what
        Description.
    kind
        What kind of thing was perturbed.
    where
        The population of the perturbed neuron, or that a perturbed synapse reaches.
    neurons
        The perturbed neurons of each population, shape (size,).
    synapses
        The perturbed synapses of each projection, shape (n_pre, n_post).
    """

    what: str
    kind: Kind
    where: str = ""
    neurons: Mapping[str, np.ndarray] = field(default_factory=dict)
    synapses: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What happened in one run.

    Parameters
    ----------
    signals
        ``<population>.<signal>``, and ``<population>.spike`` -> shape (n_steps, size), over all
        trials.
    weights
        Weights before the run, by projection, shape (n_pre, n_post).
    changes
        Their changes.
    n_trials
        Number of trials, 0 for a part of one.
    """

    signals: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    changes: Mapping[str, np.ndarray]
    n_trials: int = 0


@dataclass(frozen=True)
class Fault:
    """A violation of locality: a difference without a cause.

    Parameters
    ----------
    subject, aspect, reason
        As in `apical.plausibility.Finding`.
    test
        Name of the test that found it.
    """

    subject: str
    aspect: Aspect
    reason: str
    test: str = "perturbation"


@dataclass
class Causes:
    """What may be the cause of what in a network.

    Parameters
    ----------
    network
        The network.
    """

    network: Network

    @cached_property
    def _reach(self) -> dict[str, Mapping[str, frozenset[str]]]:
        """Signals of each population that follow from each of its inputs."""
        return {p.name: _following(p) for p in self.network.populations}

    @cached_property
    def _upstream(self) -> dict[str, set[str]]:
        """Populations whose activity drives each population, over any number of synapses."""
        found = {p.name: set[str]() for p in self.network.populations}
        for _ in found:
            for p in self.network.driving:
                found[p.post.name] |= {p.pre.name, *found[p.pre.name]}
        return found

    def faults(self, base: Outcome, other: Outcome, perturbation: Perturbation) -> Iterator[Fault]:
        """Yield every difference between two runs that has no cause."""
        found = _Comparison(self, base, other, perturbation)
        for population in self.network.populations:
            yield from found.of_signals(population)
        for projection in self.network.plastic:
            yield from found.of_updates(projection)

    def aspect(self, here: Population, perturbation: Perturbation) -> Aspect:
        """Return the aspect of the scorecard to which a difference without a cause belongs."""
        where, kind = perturbation.where, perturbation.kind
        if kind == "label":
            return "locality"
        if here.name == where:
            return "weight transport" if kind == "weights" else "global quantities"
        if here.name in self._upstream.get(where, ()):
            return "one-way" if kind == "neuron" else "weight transport"
        return "weight transport" if kind == "weights" else "locality"


class _Comparison:
    """Comparison of two runs."""

    def __init__(
        self, causes: Causes, base: Outcome, other: Outcome, perturbation: Perturbation
    ) -> None:
        self.causes, self.base, self.other = causes, base, other
        self.perturbation, self.network = perturbation, causes.network
        self.tolerance = BALANCED if perturbation.kind == "weights" else SAME
        self.now = {name: self._differ(name) for name in base.signals}
        self.ever = {name: found.any(0) for name, found in self.now.items()}
        self.n_steps = len(next(iter(base.signals.values()), np.zeros(1)))
        self._causing: dict[str, np.ndarray] = {}
        self._arriving: dict[tuple[str, str], np.ndarray] = {}

    def _differ(self, name: str) -> np.ndarray:
        a, b = self.base.signals[name], self.other.signals[name]
        if a.dtype == bool:
            return np.asarray(a != b)
        scale = np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
        same = (np.abs(a - b) <= self.tolerance * scale) | (np.isnan(a) & np.isnan(b))
        return np.asarray(~same)

    def _may_cause(self, name: str) -> np.ndarray:
        """Return where a signal differs by enough to be a cause.

        An effect may be larger than its cause: a reward of 1e-4 that differs by 1e-10 changes
        updates by a millionth. So a small signal is compared with its own largest value, not with
        1. Not where weights are balanced: there, activity differs by rounding and must not.
        """
        if name not in self._causing:
            found = self.now[name]
            a, b = self.base.signals[name], self.other.signals[name]
            if a.dtype != bool and self.perturbation.kind != "weights":
                largest = np.nanmax(np.abs([a, b]), initial=0.0)
                found = found | (np.abs(a - b) > SAME * min(1.0, largest) + ROUNDING)
            self._causing[name] = found
        return self._causing[name]

    def of_signals(self, population: Population) -> Iterator[Fault]:
        """Yield signals of a population that differ without a cause."""
        for signal in (*population.signals, "spike"):
            name = f"{population.name}.{signal}"
            if name not in self.now or not self.ever[name].any():
                continue
            wrong = self.now[name] & ~self._cause(population, signal)
            if wrong.any():
                p, some = self.perturbation, wrong.any(0)
                what = "spikes" if signal == "spike" else f"its {signal}"
                why = {
                    "label": "which no synapse brought there by then",
                    "weights": "though no activity changed: the weights were read",
                }.get(p.kind, "which no synapse explains")
                reason = f"{p.what} changed {what} in {some.sum()} of {some.size} neurons, {why}"
                aspect = self.causes.aspect(population, p)
                yield Fault(population.name, aspect, reason, _test(p))

    def _cause(self, population: Population, signal: str) -> np.ndarray:
        """Return when each neuron has a cause for a difference of a signal."""
        cause = np.zeros((self.n_steps, population.size), bool)
        perturbed = self.perturbation.neurons.get(population.name)
        if perturbed is not None:
            cause |= perturbed
        reach = self.causes._reach[population.name]
        for p in self.network.projections:
            if p.post is population:
                for target, carried in p.carries.items():
                    if signal in reach[target]:
                        cause |= self._arrives(p, carried)
        for heard, said in population.hears.values():
            # as often as the relay has halves
            sent = self._sent(heard, said)
            cause |= np.tile(sent, population.size // heard.size)
        # declared, and on the scorecard
        if population.is_softmax or population.norm or population.has_gates:
            cause |= cause.any(1, keepdims=True)
        if population.norm:
            cause |= cause.any()
        return cause

    def _sent(self, population: Population, signal: str) -> np.ndarray:
        """Return whether each neuron has sent, by each time, what it would not have otherwise."""
        found = np.zeros((self.n_steps, population.size), bool)
        names = [signal, "spike"] if signal == "x" else [signal]
        for name in names:
            if f"{population.name}.{name}" in self.now:
                found |= self._may_cause(f"{population.name}.{name}")
        perturbed = self.perturbation.neurons.get(population.name)
        if perturbed is not None:
            found |= perturbed
        return np.logical_or.accumulate(found, axis=0)

    def _arrives(self, projection: Projection, carried: str) -> np.ndarray:
        """Return whether a difference has reached each neuron, by each time, along synapses."""
        known = projection.name, carried
        if known not in self._arriving:
            self._arriving[known] = self._along(projection, carried)
        return self._arriving[known]

    def _along(self, projection: Projection, carried: str) -> np.ndarray:
        name, sent = projection.name, self._sent(projection.pre, carried)
        some = sent.any(0)
        found = np.zeros((self.n_steps, projection.post.size), bool)
        runs = self.base, self.other
        if some.any():
            conducts = np.zeros((int(some.sum()), projection.post.size), bool)
            for run in runs:
                w = run.weights[name][some]
                conducts |= (w != 0) | (w + run.changes[name][some] != 0)
            found |= (sent[:, some].astype(np.float32) @ conducts.astype(np.float32)) > 0
        if self.perturbation.kind != "weights" and name in self.perturbation.synapses:
            found |= self.perturbation.synapses[name].any(0)
        rule = projection.rule
        if rule is not None and (rule.when not in ("trial", "noise") or self.base.n_trials > 1):
            # weights that have learned otherwise act otherwise from then on
            changes = (run.changes[name] for run in runs)
            found |= np.not_equal(*changes).any(0)
        return found

    def of_updates(self, projection: Projection) -> Iterator[Fault]:
        """Yield updates of a projection that differ without a cause."""
        name = projection.name
        before, after = self.base.changes[name], self.other.changes[name]
        # rounding of the update, and of the weights from which it is a difference
        weights = self.base.weights[name], self.other.weights[name]
        rounding = 1e-15 * max(np.abs(w).max(initial=0) for w in weights)
        size = np.abs(before).max(initial=0)
        found = np.abs(after - before) > self.tolerance * size + rounding
        if not found.any():
            return
        touched = self._touched(projection.pre)[:, np.newaxis] | self._touched(projection.post)
        if name in self.perturbation.synapses:
            touched |= self.perturbation.synapses[name]
        if projection.total is not None:  # declared: all weights onto a neuron are scaled
            touched |= touched.any(0)
        wrong = found & ~touched
        if wrong.any():
            p = self.perturbation
            reason = f"{p.what} changed the update of {wrong.sum()} synapses that it does not touch"
            yield Fault(name, self.causes.aspect(projection.post, p), reason, _test(p))

    def _touched(self, population: Population) -> np.ndarray:
        """Return the neurons that were perturbed, or with a signal that differs, shape (size,)."""
        found = np.zeros(population.size, bool)
        for signal in (*population.signals, "spike"):
            if f"{population.name}.{signal}" in self.now:
                found |= self._may_cause(f"{population.name}.{signal}").any(0)
        found |= self.perturbation.neurons.get(population.name, False)
        if population.norm:  # declared: the response of one depends on all trials
            found |= found.any()
        return found


def _test(perturbation: Perturbation) -> str:
    return "labels" if perturbation.kind == "label" else "perturbation"


def _following(population: Population) -> Mapping[str, frozenset[str]]:
    """Return the signals that follow from each input within a neuron, by the text of its model."""
    signals = frozenset((*population.signals, "spike"))
    if population.norm:  # which is no part of the text
        return dict.fromkeys(population.inputs, signals)
    try:
        graph = SignalGraph([population], [])
    except ApicalError:
        return dict.fromkeys(population.inputs, signals)
    if any(node.kind == "unknown" for node in graph.nodes.values()):
        return dict.fromkeys(population.inputs, signals)
    name, found = population.name, {}
    for target, variable in population.inputs.items():
        reached = graph.reached(f"{name}.{variable}", ACTIVITY)
        found[target] = frozenset(s for s in signals if f"{name}.{s}" in reached)
    return found
