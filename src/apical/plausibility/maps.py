"""Effective weights of whole pathways: from the target back to a population, and from it forward.

A learning rule hears the sum of all parallel routes, and along each route the product of the
weights on it. Single matrices say nothing of either: two random ones may add up to a transpose, and
the product of two may be one. Routes are followed along the arrows of the signal graph
(`apical.network.signals`), whatever projections, inputs and populations are called and whether or
not they belong to the declared feedback pathway. Within a neuron, signals are passed on one-to-one;
by how much depends on its state, and is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from apical.errors import WiringError
from apical.network.description import Network
from apical.network.signals import ACTIVITY, Edge, SignalGraph
from apical.neurons.base import Population
from apical.projections.projection import Projection, ReadBackwards

ROUTES = 1024
"""Largest number of single routes that are followed, beside their sums by number of synapses."""

_ROUTES_BACK = 64

LARGEST = 2**24
"""Largest number of pairs of neurons whose weights are looked at as a matrix, where few exist."""

SAMPLE = 1000
"""Number of neurons that stand for a population of which that would be more."""

Matrix = np.ndarray
Maps = dict[str, np.ndarray]
"""Node -> effective weights, shape (n_sources, n_neurons)."""


class Weights:
    """The weights of a network: those it begins with, each drawn once, or those of a run.

    A source of one's own may answer otherwise when it is asked again: it is asked `ASKED` times.
    Populations that a large sparse projection joins are represented by a sample of `SAMPLE`
    neurons, since the matrix of all pairs would not fit into memory.

    Parameters
    ----------
    network
        The network.
    known
        Projection -> weights, shape (n_pre, n_post), where they are known.
    """

    ASKED = 8

    def __init__(self, network: Network, known: Mapping[str, np.ndarray] | None = None) -> None:
        self._network = network
        self.sampled = _sampled(network)
        """Neurons that stand for those of large populations, by name."""
        self._drawn = {name: [self._known(name, w)] for name, w in (known or {}).items()}

    def __call__(self, projection: Projection) -> np.ndarray:
        return self.all_answers(projection)[0]

    def all_answers(self, projection: Projection) -> list[np.ndarray]:
        """Return every different answer of the source, the first one first."""
        if projection.name not in self._drawn:
            found = [self._asked(projection)]
            for _ in range(0 if is_ours(projection.weights) else self.ASKED):
                again = self._asked(projection)
                if not any(np.array_equal(again, known) for known in found):
                    found.append(again)
            self._drawn[projection.name] = found
        return self._drawn[projection.name]

    def _asked(self, projection: Projection) -> np.ndarray:
        """Return an answer of the source of weights, whose code may be the user's."""
        if self.sampled:
            return self._of_sample(projection)
        if is_ours(projection.weights):
            return self._network.initial_weights(projection)
        try:
            found = np.asarray(self._network.initial_weights(projection))
            problem = f"gave an array of shape {found.shape} and type {found.dtype}"
            if found.dtype.kind in "biuf" and found.shape == projection.shape:
                if np.isfinite(found).all():
                    return found.astype(float)
                problem = "gave weights that are not finite"
        except Exception as error:  # the user's, whatever it is
            problem = f"raised {type(error).__name__}: {error}"
        raise WiringError(
            f"The source of weights of {projection.name!r}, {type(projection.weights).__name__}, "
            f"must draw finite numbers of shape {projection.shape}, but it {problem}; mend its "
            "method draw.",
            object=f"Projection {projection.name!r}",
        )

    def _of_sample(self, projection: Projection) -> np.ndarray:
        """Return the weights between neurons of the sample."""
        source = projection.weights
        if isinstance(source, ReadBackwards):  # magnitudes of signs are not looked at
            return np.asarray(self(source.projection).T)
        sides = [
            self.sampled.get(p.name, np.arange(p.size)) for p in (projection.pre, projection.post)
        ]
        edges = self._network.edges(projection)
        if edges is None:
            return np.asarray(self._network.initial_weights(projection)[np.ix_(*sides)], float)
        places = [np.full(n, -1) for n in edges.shape]
        for place, side in zip(places, sides, strict=True):
            place[side] = np.arange(len(side))
        i, j = places[0][edges.pre], places[1][edges.post]
        found = np.zeros((len(sides[0]), len(sides[1])))
        inside = (i >= 0) & (j >= 0)
        found[i[inside], j[inside]] = edges.each(self._network.initial_state(projection))[inside]
        return found

    def _known(self, name: str, weights: np.ndarray) -> np.ndarray:
        """Return known weights of a projection, of the sample where there is one."""
        projection, found = self._network.projection(name), np.asarray(weights, float)
        for axis, p in enumerate((projection.pre, projection.post)):
            if p.name in self.sampled and found.shape[axis] == p.size:
                found = np.take(found, self.sampled[p.name], axis)
        return found

    def size(self, population: Population) -> int:
        """Return the number of neurons of a population, or of those that stand for it."""
        return len(self.sampled.get(population.name, range(population.size)))

    def replaced(self, known: Mapping[str, np.ndarray]) -> "Weights":
        """Return the same weights but for some, by name of projection."""
        found = Weights(self._network, known)
        found._drawn = {**self._drawn, **found._drawn}
        return found


def _sampled(network: Network) -> dict[str, np.ndarray]:
    """Return the neurons that stand for those of populations joined by a large sparse projection.

    They are spread evenly; pairs stay together, and relays go with what they relay.
    """
    large = {
        population
        for p in network.projections
        if not p.connectivity.is_full and p.pre.size * p.post.size > LARGEST
        for population in (p.pre, p.post)
    }
    found = {}
    for population in network.populations:
        if population not in large and population.relays not in large:
            continue
        n = population.size // 2 if population.is_paired else population.size
        some = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(int))
        both = np.concatenate([some, some + n])
        found[population.name] = both if population.is_paired else some
    return found


def is_of_ours(kind: type) -> bool:
    """Say whether a class is of this package."""
    return kind.__module__.partition(".")[0] == "apical"


def is_ours(thing: object) -> bool:
    """Say whether an object is of a class of this package, and so are sources that it is made of.

    It is the class itself that counts: a subclass may override anything.
    """
    if not is_of_ours(type(thing)):
        return False
    parts = vars(thing).values() if hasattr(thing, "__dict__") else ()
    return all(is_ours(p) for p in parts if hasattr(type(p), "draw"))


@dataclass(frozen=True)
class Forward:
    """Effective forward weights from a population, transposed: what backpropagation would use.

    Parameters
    ----------
    name
        The projections that they are of, in words.
    values
        Shape (n_end, n_neurons) [dimensionless].
    is_single
        Whether they are one of many routes, which is compared to the last bit only.
    """

    name: str
    values: np.ndarray
    is_single: bool = False


class Pathways:
    """All routes of a network.

    Parameters
    ----------
    network
        The network.
    weights
        Its initial weights.
    """

    def __init__(self, network: Network, weights: Weights) -> None:
        self.network, self.weights = network, weights
        self._graph: SignalGraph = network.graph.signals
        self._longest = len(network.populations) + 1
        self._projections = {p.name: p for p in network.projections}
        self._populations = {p.name: p for p in network.populations}
        self._forward: dict[tuple[str, str], list[Forward]] = {}
        self._emitted: dict[str, Maps] = {}

    # ---- back ------------------------------------------------------------------------------------
    @cached_property
    def told(self) -> frozenset[str]:
        """Nodes that depend on the target."""
        nodes = self._graph.nodes
        return frozenset(self._graph.reached("target", ACTIVITY)) if "target" in nodes else _NONE

    @cached_property
    def teachers(self) -> list[Population]:
        """Populations that are shown the label or the target."""
        shown = self._graph.out_of("target") if "target" in self._graph.nodes else ()
        names = {edge.target.partition(".")[0] for edge in shown}
        return [p for p in self.network.populations if p.name in names]

    @cached_property
    def heard(self) -> frozenset[str]:
        """Variables from which a weight update can learn anything."""
        found = set[str]()
        for update in self._graph.updates():
            found |= self._graph.sources(update)
        return frozenset(found)

    @cached_property
    def teaching(self) -> list[Projection]:
        """Projections by which a signal about the target can reach an update, declared or not."""
        declared = self.network.feedback.projections if self.network.feedback else ()
        found = {p.name for p in declared}
        for edge in self._crossings:
            teaches = edge.source in self.told and edge.target in self.heard
            if teaches and not self._judges(self._projections[edge.via]):
                found.add(edge.via)
        return [p for p in self.network.projections if p.name in found]

    @staticmethod
    def _judges(projection: Projection) -> bool:
        return projection.post.is_told and not projection.pre.is_told

    @cached_property
    def _crossings(self) -> list[Edge]:
        return [edge for edge in self._graph.edges if edge.kind == "synapse"]

    def onto(self, population: Population) -> list[Projection]:
        """Return the teaching projections that end on a population."""
        return [p for p in self.teaching if p.post is population]

    @cached_property
    def by_what_they_compare(self) -> dict[Population, list[Population]]:
        """Teachers, by the population whose activity they are about; others are left out."""
        found = dict[Population, list[Population]]()
        for teacher in self.teachers:
            end = self.compared(teacher)
            if end is not None:
                found.setdefault(end, []).append(teacher)
        return found

    def arriving(self, teachers: Sequence[Population], population: Population) -> Maps:
        """Return the effective weights from the classes onto each taught variable of a population.

        Parameters
        ----------
        teachers
            Some of `teachers`, which signal errors of the same classes. Where halves of one have
            opposite signs, their difference is meant.
        population
            Any other.

        Returns
        -------
        dict
            Routes, in words -> shape (n_classes, n_neurons): from each teacher to each variable
            and, where there are several, their sum.
        """
        found = {
            f"from {teacher.name!r} to {node}": values
            for teacher in teachers
            for node, values in self._emissions(teacher).items()
            if node.startswith(f"{population.name}.") and node in self.heard and values.any()
        }
        if len(found) > 1 and len({values.shape for values in found.values()}) == 1:
            names = " and ".join(repr(teacher.name) for teacher in teachers)
            found[f"from {names} to all its inputs"] = np.sum(list(found.values()), axis=0)
        return found

    def routes_back(self, teachers: Sequence[Population], population: Population) -> list[Matrix]:
        """Return the effective weights along single routes from teachers to a population.

        A model may weigh what arrives by different routes as it likes, also with opposite signs.

        Parameters
        ----------
        teachers, population
            As in `arriving`.
        """
        found = dict[bytes, Matrix]()
        for teacher in teachers:
            waiting = [(self._told_by(teacher), {teacher.name})]
            while waiting and len(found) < _ROUTES_BACK:
                sent, seen = waiting.pop(0)
                for edge in self._crossings:
                    post = self._projections[edge.via].post.name
                    if post in seen or len(waiting) > _ROUTES_BACK:
                        continue
                    for node, values in self._crossed(sent, [edge]).items():
                        if post == population.name and node in self.heard:
                            found.setdefault(values.tobytes(), values)
                        waiting.append((self._spread({node: values}), {*seen, post}))
        return list(found.values())

    def _emissions(self, teacher: Population) -> Maps:
        """Return what arrives at every input variable from a teacher, summed over all routes."""
        if teacher.name not in self._emitted:
            total = Maps()
            sent = self._told_by(teacher)
            for _ in range(self._longest):
                came = self._crossed(sent, self._crossings)
                if not came:
                    break
                for node, values in came.items():
                    total[node] = total[node] + values if node in total else values
                sent = self._spread(came)
            self._emitted[teacher.name] = total
        return self._emitted[teacher.name]

    def _told_by(self, teacher: Population) -> Maps:
        """Return how the classes reach the signals of a teacher, before any synapse."""
        classes = _pairs(teacher.size // 2 if teacher.is_paired else teacher.size, teacher)
        return dict.fromkeys(self._within(teacher.name, "target"), classes)

    def _within(self, owner: str, node: str) -> set[str]:
        """Return the nodes of a population that depend on one, by the text of its model alone."""
        reached = self._graph.reached(node, ("within",))
        return {name for name in reached if name.startswith(f"{owner}.")}

    def _crossed(self, sent: Maps, edges: Sequence[Edge]) -> Maps:
        """Return what arrives after one more synapse."""
        came = Maps()
        for edge in edges:
            projection = self._projections[edge.via]
            if edge.source not in sent or self._judges(projection):
                continue
            values = sent[edge.source] @ self.weights(projection)
            if values.any():
                came[edge.target] = came[edge.target] + values if edge.target in came else values
        return came

    def _spread(self, came: Maps) -> Maps:
        """Return what every signal conveys of what has arrived, relays included."""
        sent, waiting = Maps(), list(came.items())
        for node, values in waiting:  # grows by what others read without a synapse
            owner = node.partition(".")[0]
            for name in self._within(owner, node):
                sent[name] = sent[name] + values if name in sent else values
                for edge in self._graph.out_of(name):
                    other = edge.target.partition(".")[0]
                    if edge.kind == "within" and other != owner and len(waiting) < ROUTES:
                        reader = self._populations[other]
                        pairs = _pairs(values.shape[1], reader)
                        waiting.append((edge.target, values @ pairs))
        return sent

    # ---- forward ---------------------------------------------------------------------------------
    @cached_property
    def single(self) -> dict[str, Forward]:
        """The weights of every driving projection: a copy of any is transport, wherever it goes."""
        return {
            p.name: Forward(
                f"the transposed weights of {p.name!r}", self.weights(p).T, is_single=True
            )
            for leaving in self._driving.values()
            for p in leaving
        }

    def compared(self, teacher: Population) -> Population | None:
        """Return the population whose activity a teacher is about; None if it is unknown."""
        judged = [p.pre for p in self.network.projections if p.post is teacher]
        judged = [p for p in judged if not p.is_told and p.role not in ("bias", "reward")]
        if judged:
            return judged[0]
        try:
            return self.network.output
        except WiringError:
            return None

    def forward(self, population: Population, end: Population) -> list[Forward]:
        """Return the effective forward weights from a population to another, transposed.

        The sum of all routes, sums of the routes with equal numbers of synapses, the pseudo-inverse
        (target propagation), and single routes.
        """
        key = population.name, end.name
        if key not in self._forward:
            self._forward[key] = list(_distinct(self._forwards(population, end)))
        return self._forward[key]

    @cached_property
    def _driving(self) -> dict[str, list[Projection]]:
        """Return the projections that move the activity of their targets, by where they begin."""
        found: dict[str, list[Projection]] = {p.name: [] for p in self.network.populations}
        for p in self.network.projections:
            told = p.pre.is_told or p.post.is_told or isinstance(p.weights, ReadBackwards)
            if not told and p.pre.role != "bias" and self._graph.drives(p.name):
                found[p.pre.name].append(p)
        return found

    def _forwards(self, population: Population, end: Population) -> Iterator[Forward]:
        if population is end:
            return
        levels = list(self._levels(population, end))
        routes = list(self._routes(population, end))
        alone = len(routes) == 1
        which = _said(routes[0]) if alone else f"sum of all routes to {end.name!r}"
        if routes and not levels:  # weights that begin at 0
            sizes = self.weights.size(end), self.weights.size(population)
            yield Forward(f"the transposed {which}", np.zeros(sizes))
        if levels:
            total = np.sum([level for _, level in levels], axis=0)
            yield Forward(f"the transposed {which}", total.T)
            yield Forward(f"the pseudo-inverse of the {which}", np.linalg.pinv(total))
        for number, level in () if len(levels) < 2 else levels:
            said = f"the transposed sum of routes of {number} synapses to {end.name!r}"
            yield Forward(said, level.T)
        for route in () if alone else routes:
            values = reduce(np.matmul, [self.weights(p) for p in route])
            yield Forward(f"the transposed {_said(route)}", values.T, is_single=len(route) > 1)

    def _levels(self, population: Population, end: Population) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each number of synapses, and the sum of such routes, shape (n_neurons, n_end)."""
        here = {end.name: np.eye(self.weights.size(end))}
        for number in range(1, self._longest + 1):
            back = dict[str, np.ndarray]()
            for name, leaving in self._driving.items():
                parts = [
                    self.weights(p) @ here[p.post.name] for p in leaving if p.post.name in here
                ]
                if parts:
                    back[name] = np.sum(parts, axis=0)
            if not back:
                return
            if population.name in back and back[population.name].any():
                yield number, back[population.name]
            here = back

    def _routes(self, start: Population, end: Population) -> Iterator[tuple[Projection, ...]]:
        """Yield the routes from one population to another that meet none twice, up to `ROUTES`."""
        waiting: list[tuple[Projection, ...]] = [(p,) for p in self._driving[start.name]]
        found = 0
        while waiting and found < ROUTES:
            route = waiting.pop()
            if route[-1].post is end:
                found += 1
                yield route
                continue
            seen = {p.pre.name for p in route} | {route[-1].post.name}
            waiting += [
                (*route, p) for p in self._driving[route[-1].post.name] if p.post.name not in seen
            ]


_NONE: frozenset[str] = frozenset()


def _said(route: tuple[Projection, ...]) -> str:
    names = " and ".join(repr(p.name) for p in route)
    return f"weights of {names}" if len(route) == 1 else f"product of {names}"


def _pairs(n: int, reader: Population) -> np.ndarray:
    """Return how n signals reach neurons that each read one: alike, or in pairs of both signs."""
    if reader.is_paired and reader.size == 2 * n:
        return np.concatenate([np.eye(n), -np.eye(n)], axis=1)
    return np.eye(n, reader.size)  # Brian2 refuses other sizes


def _distinct(found: Iterator[Forward]) -> Iterator[Forward]:
    known = set[bytes]()
    for one in found:
        key = np.ascontiguousarray(one.values).tobytes()
        if key not in known:
            known.add(key)
            yield one


def halves(weights: np.ndarray, pre: Population) -> Mapping[str, np.ndarray]:
    """Return the weights from neurons of both signs: their difference, and each half alone."""
    if not pre.is_paired:
        return {"": weights}
    first, second = np.split(weights, 2)
    return {"": first - second, " of its first half": first, " of its second half": second}
