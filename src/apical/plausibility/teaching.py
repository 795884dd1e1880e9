"""Way of the target through a network, as its graph of signals has it.

Nothing here goes by the names of variables: a teaching signal is one that depends on the target.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from apical.errors import ParameterError
from apical.language.evaluation import evaluated
from apical.language.model_text import equations, reads
from apical.network.description import Network
from apical.network.signals import ACTIVITY, Node, SignalGraph
from apical.neurons.base import Population
from apical.projections.projection import Projection


class Teaching:
    """The way of the target through a network, from what its graph of signals says.

    Parameters
    ----------
    network
        The network.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.graph: SignalGraph = network.graph.signals
        self.populations = {p.name: p for p in network.populations}

    @cached_property
    def distance(self) -> Mapping[str, int]:
        """Nodes that depend on the target while weights stay, and how many arrows away it is."""
        return self._distances(["target"] if "target" in self.graph.nodes else [])

    @cached_property
    def told(self) -> frozenset[str]:
        """Populations whose own text reads the target: errors and targets."""
        if "target" not in self.graph.nodes:
            return frozenset()
        return frozenset(self._owner(edge.target) for edge in self.graph.out_of("target"))

    @cached_property
    def responding(self) -> frozenset[str]:
        """Populations that a stimulus reaches other than by way of those that are told."""
        found = {p.name for p in self.network.populations if p.role == "stimulus"}
        onward = [p for p in self.network.projections if self.drives(p)]
        is_grown = True
        while is_grown:
            more = {p.post.name for p in onward if p.pre.name in found} - found - self.told
            found, is_grown = found | more, bool(more)
        return frozenset(found)

    @cached_property
    def updated(self) -> frozenset[str]:
        """Nodes that an update depends on while weights stay."""
        into = (*ACTIVITY, "rule")
        found = set().union(*(self.graph.sources(u, into) for u in self.graph.updates()))
        return frozenset(n for n in found if self.graph.nodes[n].kind not in ("weight", "update"))

    def activity(self, population: Population) -> str:
        """Return the node of the activity: the spike or, of graded neurons, ``x``."""
        own = [f"{population.name}.{name}" for name in ("spike", "x", *population.signals)]
        return next((node for node in own if node in self.graph.nodes), own[0])

    def drives(self, projection: Projection) -> bool:
        """Say whether a projection moves the activity of its target."""
        end = self.activity(projection.post)
        if end not in self.graph.nodes:
            return False
        read = self.graph.sources(end, ACTIVITY)
        return any(self._variable(projection, to) in read for to in projection.carries)

    def carried(self, projection: Projection) -> Iterator[tuple[str, str, str]]:
        """Yield what a projection carries: the signal's name, its node, the variable it reaches."""
        for to, signal in projection.carries.items():
            spikes = signal == "x" and f"{projection.pre.name}.spike" in self.graph.nodes
            source = f"{projection.pre.name}.{'spike' if spikes else signal}"
            yield signal, source, self._variable(projection, to)

    def brings(self, projection: Projection) -> bool:
        """Say whether a projection carries anything that depends on the target."""
        return any(source in self.distance for _, source, _ in self.carried(projection))

    def teaches(self, projection: Projection) -> bool:
        """Say whether what a projection carries reaches an update other than through activity."""
        end = self.activity(projection.post)
        moving = self.graph.sources(end, ACTIVITY) if end in self.graph.nodes else set()
        return any(
            target in self.updated and (source in self.distance or target not in moving)
            for _, source, target in self.carried(projection)
        )

    def clamps(self, projection: Projection) -> bool:
        """Say whether it moves the activity of neurons that decide by the target.

        Those that are driven by it onwards are not counted again.
        """
        if projection.pre.name in self.responding or projection.post.name not in self.responding:
            return False
        end, decision = self.activity(projection.post), self.graph.decision
        if decision and end not in self.graph.sources(decision, ACTIVITY):
            return False
        moving = self.graph.sources(end, ACTIVITY)
        return any(
            source in self.distance and target in moving
            for _, source, target in self.carried(projection)
        )

    def read(self, projection: Projection) -> list[str]:
        """Return the signals that the update of a projection reads, its traces included."""
        found, open_ones = dict[str, None](), [f"{projection.name}.update"]
        while open_ones:
            for edge in self.graph.into(open_ones.pop()):
                kind = self.graph.nodes[edge.source].kind
                if kind == "trace" and edge.source not in found:
                    open_ones.append(edge.source)
                if kind not in ("weight", "update", "whole"):
                    found[edge.source] = None
        return [node for node in found if self._owner(node) in self.populations]

    def own(self, population: Population) -> dict[str, str]:
        """Return what learning reads of a neuron's own state, besides activity and teaching.

        Directly, or as a factor of a teaching signal, as the slope is of ``delta``.

        Returns
        -------
        dict
            The expression of each, by its name; empty where it is a variable that is kept.
        """
        found = dict[str, str]()
        for projection in self.network.plastic:
            open_ones = self.read(projection)
            found |= {
                self.graph.nodes[node].name: self._expression(population, node)
                for node in open_ones
                if self._owner(node) == population.name and self._is_state(node)
            }
            for node in self._taught_by(open_ones):
                if self._owner(node) == population.name:
                    found |= self._factors(population, node)
            update = projection.rule.update if projection.rule else ""
            if projection.post is population and self._weighs(projection, update):
                found[f"the update of {projection.name}"] = update
        return found

    def _taught_by(self, nodes: Iterable[str]) -> list[str]:
        """Return the teaching signals among some nodes and behind them, up to activities."""
        found, open_ones = dict[str, None](), list(nodes)
        while open_ones:
            node = open_ones.pop()
            if node in self.distance and node not in found and not self._is_activity(node):
                found[node] = None
                open_ones += [e.source for e in self.graph.into(node) if e.kind in ACTIVITY]
        return list(found)

    def _is_state(self, node: str) -> bool:
        """Say whether a node, which is not taught, follows from a neuron's own state or input."""
        there = self.graph.nodes[node]
        population = self.populations[there.owner]
        if self._is_activity(node) or node in self.distance or there.owner in self.told:
            return False
        if population.explores and not self.graph.into(node):
            return False  # its private noise, which has a line of its own
        moving = self.graph.sources(self.activity(population), ACTIVITY)
        owned = {n for n in self.graph.sources(node, ACTIVITY) if self._owner(n) == there.owner}
        return node in moving or (not there.inputs and (len(owned) == 1 or bool(owned & moving)))

    def _factors(self, population: Population, node: str) -> dict[str, str]:
        """Return what of a neuron's state weighs a teaching signal, and its expressions."""
        if population.name in self.told:
            return {}
        text = self._expression(population, node)
        found, hidden = dict[str, str](), list[str]()
        for edge in self.graph.into(node):
            if self._owner(edge.source) != population.name or edge.source in self.distance:
                continue
            there = self.graph.nodes[edge.source]
            if there.inputs:
                continue
            own = self._expression(population, edge.source)
            if own and self._is_state(edge.source):
                found[there.name] = own
            elif self._is_activity(edge.source) or self._is_state(edge.source):
                hidden.append(there.name)
        taught = [self.graph.nodes[e.source].name for e in self.graph.into(node)]
        taught = [n for n in taught if f"{population.name}.{n}" in self.distance]
        if text and any(_weighs(text, name, taught) for name in hidden):
            found[self.graph.nodes[node].name] = text
        return found

    def _weighs(self, projection: Projection, update: str) -> bool:
        """Say whether an update weighs what is taught by the activity of its target."""
        nodes = [n for n in self.read(projection) if self._owner(n) == projection.post.name]
        taught = [f"{self.graph.nodes[n].name}_post" for n in nodes if n in self.distance]
        # an update reads a spike as its trace x
        active = {self.graph.nodes[n].name.replace("spike", "x") for n in nodes if self._rests(n)}
        return any(_weighs(update, f"{name}_post", taught) for name in active)

    def _rests(self, node: str) -> bool:
        """Say whether a node is activity that the target does not move."""
        return node not in self.distance and self._is_activity(node)

    def _expression(self, population: Population, node: str) -> str:
        """Return the expression of a variable; empty where it is one that is kept."""
        name = self.graph.nodes[node].name
        if name == "gain" and population.slope:
            return population.slope
        found = {e.name: e for e in equations(population.described.equations)}
        equation = found.get(name)
        return equation.text if equation and equation.kind == "expression" else ""

    def _is_activity(self, node: str) -> bool:
        """Say whether a node is the activity of a population, or follows its spikes alone."""
        there = self.graph.nodes[node]
        population = self.populations.get(there.owner)
        if population is None:
            return False
        if node == self.activity(population):
            return True
        read = {edge.source for edge in self.graph.into(node)} - {node}
        return read == {f"{there.owner}.spike"}

    def ordered(self, start: Iterable[str]) -> dict[str, int]:
        """Return all nodes that depend on some, nearest first."""
        return self._distances(start)

    def _distances(self, start: Iterable[str]) -> dict[str, int]:
        found = dict.fromkeys(start, 0)
        open_ones = list(found)
        for node in open_ones:
            for edge in self.graph.out_of(node):
                if edge.kind in ACTIVITY and edge.target not in found:
                    found[edge.target] = found[node] + 1
                    open_ones.append(edge.target)
        return found

    def _variable(self, projection: Projection, to: str) -> str:
        return f"{projection.post.name}.{projection.post.inputs[to]}"

    def _owner(self, node: str) -> str:
        known: Node = self.graph.nodes[node]
        return known.owner


def _weighs(text: str, name: str, taught: Iterable[str]) -> bool:
    """Say whether the effect of what is taught on an expression depends on a variable."""
    found = reads(text)
    if name not in found.names:
        return False
    values: dict[str, Any] = {**dict.fromkeys(found.names, 1.0), name: np.linspace(-3, 3, 25)}
    for other in taught:
        try:
            low, high = (evaluated(text, {**values, other: end}, {}) for end in (1.0, 2.0))
        except ParameterError:
            return True  # it cannot be told apart
        effect = (high - low) + 0 * values[name]
        if np.ptp(effect) > 1e-9 * max(1.0, float(np.abs(effect).max())):
            return True
    return False
