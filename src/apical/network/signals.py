"""The signal graph: dependencies of all variables, signals, weights and updates of a network.

Its edges come from two sources: projections, which carry a signal of one population to an input of
another, and the texts of all models and rules, which define how each variable is computed. Nothing
depends on the names of variables or classes.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from apical._base.checking import described
from apical._base.extras import library
from apical.errors import ParameterError, WiringError
from apical.language import expressions, units
from apical.language.model_text import Reads, equations, reads, statements
from apical.neurons.base import Population
from apical.plasticity.optimizers import SPREAD
from apical.plasticity.rules import ELIGIBILITY, LearningRule
from apical.projections.projection import Projection, ReadBackwards

if TYPE_CHECKING:  # GraphML is written by networkx, of the extra "graph"
    import networkx

NodeKind = Literal[
    "world", "state", "expression", "spike", "weight", "trace", "update", "whole", "unknown"
]
"""Kind of a node: ``"world"``: from outside the network (stimulus, target, time, chance);
``"state"``: a state variable; ``"expression"``: computed when it is read; ``"spike"``: the event;
``"weight"``, ``"trace"``, ``"update"`` of a projection's synapses; ``"whole"``: a function of all
synapses or neurons, which none of them knows; ``"unknown"``: read by a model whose text does not
define it."""

EdgeKind = Literal["within", "synapse", "scales", "rule", "weights"]
"""Kind of an edge: ``"within"`` a neuron, by the text of its model; across a ``"synapse"``;
as the weight that ``"scales"`` what crosses; by a learning ``"rule"``; or as the ``"weights"`` of
other synapses."""

Route = Literal["forward", "feedback", "teaching", "local"]
"""Purpose of an edge: ``"forward"``: it is on a path to the decision; ``"feedback"``: it carries
information about the target, the comparison with it included; ``"teaching"``: into an update, and
from it to the weight; ``"local"``: the rest, the local activity that learning reads."""

WORLD = {
    "stimulus": "stimulus",
    "label": "target",
    "learning": "learning",
    "rand": "chance",
    "randn": "chance",
    "poisson": "chance",
    "binomial": "chance",
}
"""Functions of a model's text that bring something in from outside, and what."""

MATHS = expressions.FUNCTIONS | {
    "arccos", "arcsin", "arctan", "arctan2", "cos", "cosh", "expm1", "exprel", "log10", "log1p",
    "maximum", "minimum", "sin", "sinh", "tan", "timestep",
}  # fmt: skip
"""Functions of their arguments alone."""


CONSTANTS = frozenset({"dt", "i", "N", "pi", "e", "inf", "not_refractory", "True", "False"})
"""Names of Brian2's that any text may read, and that bring in nothing from elsewhere."""

_NOISE = re.compile(r"xi(_\w+)?")
"""Brian2's names of white noise: `xi`, and one that begins with `xi_` for each independent one."""


@dataclass(frozen=True)
class Node:
    """Node of the signal graph: a variable, signal, weight or update.

    Parameters
    ----------
    owner
        The population or projection that it belongs to; empty for external inputs.
    name
        Its name there: a variable, ``"spike"``, ``"w"``, ``"update"``, or a trace.
    kind
        What it is.
    inputs
        The inputs of the population that add to it.
    is_signal
        Whether synapses may read it.

    See Also
    --------
    SignalGraph : Of which it is a part.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.signals import SignalGraph
    >>> signals = SignalGraph([ap.LIF("hidden", 10)], [])
    >>> node = signals.nodes["hidden.teach"]
    >>> str(node), node.kind, node.inputs, node.is_signal
    ('hidden.teach', 'state', ('teach',), True)
    """

    owner: str
    name: str
    kind: NodeKind
    inputs: tuple[str, ...] = ()
    is_signal: bool = False

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name


@dataclass(frozen=True)
class Edge:
    """Edge of the signal graph: a dependency.

    Parameters
    ----------
    source, target
        Names of nodes, ``"owner.name"``.
    kind
        How it is read.
    via
        The projection that it crosses, or the text that reads it.

    See Also
    --------
    SignalGraph : Of which it is a part.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.signals import SignalGraph
    >>> x, h = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("hidden", 10)
    >>> signals = SignalGraph([x, h], [ap.Projection(x, h)])
    >>> signals.out_of("stimulus.x")[-1]
    Edge(source='stimulus.x', target='hidden.drive', kind='synapse', via='stimulus_to_hidden')
    """

    source: str
    target: str
    kind: EdgeKind
    via: str = ""


class _Part:
    """Nodes and arrows: those of a whole graph, or what one population adds to it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def node(self, node: Node) -> str:
        """Add a node, unless it is there, and return its name."""
        return str(self.nodes.setdefault(str(node), node))

    def edge(self, source: str, target: str, kind: EdgeKind, via: str = "") -> None:
        """Add an arrow."""
        self.edges.append(Edge(source, target, kind, via))

    def external(self, name: str, target: str, kind: EdgeKind, via: str) -> None:
        """Add an arrow from what comes from outside the network."""
        self.edge(self.node(Node("", name, "world")), target, kind, via)

    def take(self, part: "_Part", owner: str) -> None:
        """Add all of a part. What its owner says of a node of its own replaces what others said."""
        for name, node in part.nodes.items():
            if name not in self.nodes or node.owner == owner:
                self.nodes[name] = node
        self.edges += part.edges


class SignalGraph(_Part):
    """Signal graph: the dependencies within a network.

    Parameters
    ----------
    populations, projections
        Those of a network.
    decision
        Name of the population whose activity is the decision; None where it is not known.

    Raises
    ------
    WiringError
        If the text of a model cannot be read.

    See Also
    --------
    apical.network.graph.Graph : Populations in place of variables.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> signals = net.graph.signals
    >>> signals.updates()
    ['stimulus_to_hidden.update', 'hidden_to_output.update']
    >>> sorted(edge.source for edge in signals.into("stimulus_to_hidden.update"))
    ['hidden.gain', 'hidden.teach', 'learning', 'stimulus.x']
    >>> way = signals.way("target", "stimulus_to_hidden.update")
    >>> [edge.source for edge in way]  # how the label reaches the weight
    ['target', 'error.shown', 'error.x', 'hidden.teach']
    >>> signals.route(way[0]), signals.route(way[-1])
    ('feedback', 'teaching')
    """

    def __init__(
        self,
        populations: Iterable[Population],
        projections: Iterable[Projection],
        decision: str | None = None,
    ) -> None:
        super().__init__()
        self._parts: Mapping[str, _Part] = {p.name: _Neurons(p).add() for p in populations}
        self._put_together(self._parts, projections, decision)

    def joined(
        self,
        order: Iterable[str],
        projections: Iterable[Projection],
        decision: str | None = None,
    ) -> "SignalGraph":
        """Return a graph of the same populations, whose texts are not read again.

        Parameters
        ----------
        order
            Names of its populations, in the order in which their nodes are to come.
        projections
            Projections between them, in place of those of this graph.
        decision
            As of the class.
        """
        other = SignalGraph((), ())
        other._parts = self._parts
        other._put_together(order, projections, decision)
        return other

    def _put_together(
        self, order: Iterable[str], projections: Iterable[Projection], decision: str | None
    ) -> None:
        for name in order:
            self.take(self._parts[name], name)
        for projection in projections:
            _Synapses(self, projection).add()
        ends = [name for name in (f"{decision}.spike", f"{decision}.x") if name in self.nodes]
        self.decision: str | None = ends[0] if ends else None

    # ---- being asked -----------------------------------------------------------------------------
    @cached_property
    def _into(self) -> Mapping[str, Sequence[Edge]]:
        return _grouped(self.nodes, self.edges, lambda edge: edge.target)

    @cached_property
    def _out_of(self) -> Mapping[str, Sequence[Edge]]:
        return _grouped(self.nodes, self.edges, lambda edge: edge.source)

    def into(self, node: str) -> Sequence[Edge]:
        """Return the arrows that end at a node: what it reads."""
        return self._into[self._known(node)]

    def out_of(self, node: str) -> Sequence[Edge]:
        """Return the arrows that begin at a node: who reads it."""
        return self._out_of[self._known(node)]

    def _known(self, node: str) -> str:
        if node not in self.nodes:
            raise ParameterError(
                f"The graph of signals has no node {node!r}; nodes are written 'owner.name', as in "
                f"{', '.join(map(repr, list(self.nodes)[:3]))}.",
                object="SignalGraph",
                parameter="node",
            )
        return node

    def sources(self, node: str, kinds: Iterable[EdgeKind] | None = None) -> set[str]:
        """Return everything that a node depends on, across any number of arrows, itself included.

        Parameters
        ----------
        node
            Its name.
        kinds
            Arrows that count; None for all.
        """
        return set(self._walk(node, self._into, lambda e: e.source, kinds))

    def reached(self, node: str, kinds: Iterable[EdgeKind] | None = None) -> set[str]:
        """Return everything that depends on a node, itself included; parameters as `sources`."""
        return set(self._walk(node, self._out_of, lambda e: e.target, kinds))

    def way(
        self, source: str, target: str, kinds: Iterable[EdgeKind] | None = None
    ) -> list[Edge] | None:
        """Return the arrows of a shortest way from one node to another; None if there is none."""
        came = self._walk(source, self._out_of, lambda e: e.target, kinds)
        if self._known(target) not in came:
            return None
        found = list[Edge]()
        edge = came[target]
        while edge is not None:
            found.append(edge)
            edge = came[edge.source]
        return found[::-1]

    def _walk(
        self,
        start: str,
        arrows: Mapping[str, Sequence[Edge]],
        end: Callable[[Edge], str],
        kinds: Iterable[EdgeKind] | None,
    ) -> dict[str, Edge | None]:
        """Return each node that is met, and the arrow by which it first was."""
        allowed = None if kinds is None else {*kinds}
        came: dict[str, Edge | None] = {self._known(start): None}
        waiting = deque(came)
        while waiting:
            for edge in arrows[waiting.popleft()]:
                if (allowed is None or edge.kind in allowed) and end(edge) not in came:
                    came[end(edge)] = edge
                    waiting.append(end(edge))
        return came

    def updates(self) -> list[str]:
        """Return the nodes of all weight updates."""
        return [name for name, node in self.nodes.items() if node.kind == "update"]

    @cached_property
    def _decides(self) -> set[str]:
        return self.sources(self.decision, ACTIVITY) if self.decision else set()

    @cached_property
    def _told(self) -> set[str]:
        return self.reached("target", ACTIVITY) if "target" in self.nodes else set()

    def route(self, edge: Edge) -> Route:
        """Return what an arrow serves."""
        if edge.kind in ("rule", "weights"):
            return "teaching"
        if edge.target in self._decides:
            return "forward"
        return "feedback" if {edge.source, edge.target} & self._told else "local"

    # ---- activity and feedback -------------------------------------------------------------------
    @cached_property
    def _owned(self) -> Mapping[str, Sequence[str]]:
        """Names of the nodes of each owner."""
        found: dict[str, list[str]] = {}
        for name, node in self.nodes.items():
            found.setdefault(node.owner, []).append(name)
        return found

    @cached_property
    def _crossed(self) -> Mapping[str, Sequence[Edge]]:
        found: dict[str, list[Edge]] = {}
        for edge in self.edges:
            if edge.kind == "synapse":
                found.setdefault(edge.via, []).append(edge)
        return found

    def activity(self, population: str) -> Sequence[str]:
        """Return the nodes that are the activity of a population.

        The spike or, of graded neurons, ``x``; where they offer none, all signals.
        """
        own = (f"{population}.spike", f"{population}.x")
        ends = [name for name in own if name in self.nodes][:1]
        return ends or [n for n in self._owned.get(population, ()) if self.nodes[n].is_signal]

    @cached_property
    def undefined(self) -> Sequence[Node]:
        """What models read and no text defines, so that Brian2 will refuse them."""
        return [node for node in self.nodes.values() if node.kind == "unknown"]

    @cached_property
    def _moving(self) -> set[str]:
        """Inputs that the activity of their own population depends on."""
        return {name for owner in self._parts for name in self._moving_of(owner)}

    def _moving_of(self, population: str) -> Iterator[str]:
        own = set(self._owned.get(population, ()))
        ends = self.activity(population)
        read = own & set().union(*(self.sources(end, ("within",)) for end in ends))
        if any(self.nodes[name].kind == "unknown" for name in read):
            read = own  # Brian2 will say what is wrong with it
        return (name for name in read if self.nodes[name].inputs)

    def moving(self, population: str) -> frozenset[str]:
        """Return the inputs of a population that its activity depends on.

        The others reach learning at most, as the apical dendrite of a `LIF` does.
        """
        return frozenset(k for name in self._moving_of(population) for k in self.nodes[name].inputs)

    def crossing(self, projection: str) -> Sequence[Edge]:
        """Return the arrows by which signals cross the synapses of a projection."""
        return self._crossed.get(projection, ())

    def drives(self, projection: str) -> Sequence[Edge]:
        """Return those of `crossing` that activity depends on, behind the synapses."""
        return [edge for edge in self.crossing(projection) if edge.target in self._moving]

    def teaches(self, projection: str) -> Sequence[Edge]:
        """Return those of `crossing` that end on a dendrite, which only learning reads."""
        return [edge for edge in self.crossing(projection) if edge.target not in self._moving]

    def relayed(self, projection: str) -> tuple[str, ...]:
        """Return the populations whose dendritic feedback a projection passes on to dendrites.

        A signal passes it on if, without crossing a synapse, it is made of what arrives at a
        dendrite: ``delta`` and ``nudged`` of a `Rate`, the spikes of a `Relay`. The error is not.
        """
        found: dict[str, None] = {}
        for edge in self.teaches(projection):
            found |= dict.fromkeys(self._passed_on(edge.source))
        return tuple(found)

    def is_told(self, signal: str) -> bool:
        """Say whether a signal is made of the target without crossing a synapse, as an error is."""
        return "target" in self.sources(signal, ("within",))

    def _passed_on(self, signal: str) -> list[str]:
        """Return the populations whose dendrites a signal is made of, without a synapse between."""
        made_of = self.sources(signal, ("within",))
        return sorted(
            {self.nodes[n].owner for n in made_of if self.nodes[n].inputs and n not in self._moving}
        )

    # ---- other forms -----------------------------------------------------------------------------
    def to_networkx(self) -> "networkx.MultiDiGraph":
        """Return it as a graph of networkx, whose nodes and arrows have all of the above."""
        graph = library("networkx", "graph").MultiDiGraph()
        for name, node in self.nodes.items():
            graph.add_node(
                name,
                owner=node.owner,
                name_there=node.name,
                kind=node.kind,
                inputs=",".join(node.inputs),
                is_signal=node.is_signal,
            )
        for edge in self.edges:
            route = self.route(edge)
            graph.add_edge(edge.source, edge.target, kind=edge.kind, via=edge.via, route=route)
        return graph


ACTIVITY: tuple[EdgeKind, ...] = ("within", "synapse")
"""Arrows that activity takes, while weights stay as they are."""


class _Neurons:
    """Reads what a population's model says."""

    def __init__(self, population: Population) -> None:
        self._graph, self._population = _Part(), population
        self._model = population.described
        inputs: dict[str, tuple[str, ...]] = {}
        for name, variable in population.inputs.items():
            inputs[variable] = (*inputs.get(variable, ()), name)
        self._inputs = inputs

    def add(self) -> _Part:
        """Return its nodes and arrows."""
        try:
            self._equations()
            if self._model.threshold:
                self._spikes()
        except ParameterError as error:
            who = described(self._population)
            raise WiringError(f"{who}: {error.message}", object=who) from None
        return self._graph

    def _equations(self) -> None:
        owner, model = self._population.name, self._model
        found = equations(model.equations)
        codes = [
            code
            for text in (model.at_reset, model.at_trial, model.at_frame, model.at_step)
            for code in statements(text)
        ]
        for equation in found:
            self._variable(equation.name, equation.kind != "expression")
        targets = (code.target for code in codes)
        for name in dict.fromkeys((*model.summed, *self._inputs, *targets)):
            self._variable(name, name not in model.summed)
        for variable, (population, signal) in self._population.hears.items():
            self._variable(variable, False)
            heard = self._graph.node(Node(population.name, signal, "expression", (), True))
            self._graph.edge(heard, f"{owner}.{variable}", "within")
        for equation in found:
            self._read(equation.reads, equation.name, f"{equation.name} = {equation.text}")
        for statement in codes:
            self._read(statement.reads, statement.target, statement.text)

    def _variable(self, name: str, is_state: bool) -> None:
        owner = self._population
        self._graph.node(
            Node(
                owner.name,
                name,
                "state" if is_state else "expression",
                self._inputs.get(name, ()),
                name in owner.signals,
            )
        )

    def _spikes(self) -> None:
        """Add the event, what it is made of, and what it changes in its own neuron."""
        owner, model = self._population.name, self._model
        self._graph.node(Node(owner, "spike", "spike", (), True))
        held = reads(model.refractory) if model.refractory else Reads()
        self._read(reads(model.threshold) | held, "spike", model.threshold)
        for statement in statements(model.reset):
            self._variable(statement.target, True)
            self._graph.edge(f"{owner}.spike", f"{owner}.{statement.target}", "within", "reset")
            self._read(statement.reads, statement.target, statement.text)

    def _read(self, found: Reads, target: str, text: str) -> None:
        owner = self._population.name
        for name in sorted(found.names):
            if f"{owner}.{name}" in self._graph.nodes:
                self._graph.edge(f"{owner}.{name}", f"{owner}.{target}", "within", text)
            elif name in ("t", "lastspike"):
                self._graph.external("time", f"{owner}.{target}", "within", text)
            elif _NOISE.fullmatch(name) and name not in self._model.parameters:
                self._graph.external("chance", f"{owner}.{target}", "within", text)
            elif not (name in CONSTANTS or name in self._model.parameters or units.size(name)):
                source = self._graph.node(Node(owner, name, "unknown"))
                self._graph.edge(source, f"{owner}.{target}", "within", text)
        for call in sorted(found.calls - MATHS):
            self._graph.external(WORLD.get(call, call), f"{owner}.{target}", "within", text)


class _Synapses:
    """Adds what a projection carries, and what its rule reads."""

    def __init__(self, graph: SignalGraph, projection: Projection) -> None:
        self._graph, self._projection = graph, projection

    def _own(self, name: str, kind: NodeKind) -> str:
        return self._graph.node(Node(self._projection.name, name, kind))

    def add(self) -> None:
        p, graph = self._projection, self._graph
        weight = self._own("w", "weight")
        for target, signal in p.carries.items():
            variable = f"{p.post.name}.{p.post.inputs[target]}"
            graph.edge(self._of(p.pre, signal), variable, "synapse", p.name)
            graph.edge(weight, variable, "scales", p.name)
        if isinstance(p.weights, ReadBackwards):
            other = f"{p.weights.projection.name}.w"
            graph.node(Node(p.weights.projection.name, "w", "weight"))
            graph.edge(other, weight, "weights", f"{p.weights.what} read backwards")
        if p.total is not None:
            graph.edge(weight, self._own("total", "whole"), "rule", "sum onto each neuron")
            graph.edge(f"{p.name}.total", weight, "rule", "scaled to a sum")
        if p.rule is not None:
            self._rule(p.rule, weight)

    def _of(self, population: Population, signal: str) -> str:
        """Return the node of a signal: of one that spikes, ``x`` crosses as the spike."""
        spikes = signal == "x" and f"{population.name}.spike" in self._graph.nodes
        name = "spike" if spikes else signal
        return self._graph.node(Node(population.name, name, "expression", (), True))

    def _rule(self, rule: LearningRule, weight: str) -> None:
        """Add the update: what it reads, what lets it act, and what becomes of the weight."""
        p, graph = self._projection, self._graph
        update = self._own("update", "update")
        for name in rule.traces:
            self._own(name, "trace")
        for name, trace in rule.traces.items():
            self._read(expressions.names(trace.source), f"{p.name}.{name}", trace.source)
        self._kept(rule)
        self._read(expressions.names(rule.update), update, rule.update)
        moment = {"spike": p.pre, "post": p.post}.get(rule.when)
        if moment is not None:
            graph.edge(f"{moment.name}.spike", update, "rule", f"acts at {rule.when}")
        if rule.when == "feedback":
            graph.edge(f"{p.post.name}.{p.post.inputs['teach']}", update, "rule", "acts at it")
        graph.external("learning", update, "rule", "trials that learn")
        graph.edge(update, weight, "rule", rule.name)
        self._optimiser(rule, weight)

    def _kept(self, rule: LearningRule) -> None:
        """Add what synapses keep from trial to trial: where it begins, and what it becomes."""
        owner = self._projection.name
        for name in rule.state:
            self._own(name, "trace")
        for name, value in rule.state.items():
            self._read(expressions.names(str(value)), f"{owner}.{name}", f"begins as {value}")
        for name, text in rule.steps:
            self._read(expressions.names(text), f"{owner}.{name}", text)

    def _optimiser(self, rule: LearningRule, weight: str) -> None:
        """Add what an optimiser keeps of updates."""
        graph, dynamics = self._graph, rule.dynamics
        if dynamics is None:
            return
        if dynamics.spread:
            everyone = self._own(SPREAD, "whole")
            self._optimised(dynamics.spread, SPREAD, dynamics.state)
            graph.edge(everyone, weight, "rule", "standard deviation over all synapses")
        for name in dynamics.state:
            self._own(name, "trace")
        for name, text in dynamics.steps:
            self._optimised(text, name, dynamics.state)
        self._optimised(dynamics.change, "w", dynamics.state)

    def _optimised(self, text: str, target: str, state: Iterable[str]) -> None:
        owner = self._projection.name
        for name in sorted(expressions.names(text) & {"w", "update", SPREAD, *state}):
            if f"{owner}.{name}" in self._graph.nodes:
                self._graph.edge(f"{owner}.{name}", f"{owner}.{target}", "rule", text)
        if "xi" in expressions.names(text):
            self._graph.external("chance", f"{owner}.{target}", "rule", text)

    def _read(self, names: Iterable[str], target: str, text: str) -> None:
        p, graph = self._projection, self._graph
        ends = {"pre": p.pre, "post": p.post}
        for name in sorted(names):
            where = expressions.place(name)
            if where in ends:
                plain = name.removesuffix(f"_{where}")
                node = Node(ends[where].name, plain, "expression", (), True)
                graph.edge(graph.node(node), target, "rule", text)
            elif name == ELIGIBILITY:
                noise = self._own(ELIGIBILITY, "trace")
                graph.external("chance", noise, "rule", "noise of the weight")
                graph.edge(noise, target, "rule", text)
            elif f"{p.name}.{name}" in graph.nodes:
                graph.edge(f"{p.name}.{name}", target, "rule", text)


def _grouped(
    nodes: Iterable[str], edges: Iterable[Edge], key: Callable[[Edge], str]
) -> dict[str, list[Edge]]:
    found: dict[str, list[Edge]] = {name: [] for name in nodes}
    for edge in edges:
        found[key(edge)].append(edge)
    return found


def moving_inputs(population: Population) -> frozenset[str]:
    """Return the inputs of a population that its activity depends on (`SignalGraph.moving`).

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.signals import moving_inputs
    >>> sorted(moving_inputs(ap.LIF("hidden", 10)))  # the apical dendrite 'teach' is not among them
    ['drive']
    """
    return SignalGraph([population], []).moving(population.name)
