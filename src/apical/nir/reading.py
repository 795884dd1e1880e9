"""Reading a NIR graph as a network to start from: `read`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from apical._base.checking import checked, shown
from apical._base.extras import library
from apical._base.names import check_name
from apical._base.parameters import Duration, Kind, Line, Seed
from apical._base.reading import (
    MOST_UNPACKED,
    UNPACKED_FREELY,
    UnreadableError,
    json_object,
    reading,
)
from apical.errors import ApicalError, DataError, ParameterError
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.encoding import ENCODERS, Encoder, Regular
from apical.neurons.lif import LIF
from apical.neurons.stimulus import Stimulus
from apical.nir.conversion import (
    MS,
    Neuron,
    Steps,
    from_cuba_lif,
    from_current_if,
    from_if,
    from_lif,
    rounded,
    same,
)
from apical.nir.grading import Grade
from apical.nir.writing import FORMAT, OWN, Constants
from apical.projections.weights import Given

NODES = ("Input", "Output", "LIF", "CubaLIF", "IF", "LI", "Linear", "Affine", "Scale", "Delay")
"""Nodes of NIR that can be read; also Flatten, which changes nothing here."""
_BETWEEN = ("Linear", "Affine", "Scale", "Delay", "Flatten")
"""Nodes between neurons."""
_TAU_M = 20.0
"""Time constant of perfect integrators [ms], which changes nothing but the size of their bias."""


@dataclass(frozen=True)
class Imported:
    """A network that was read from a NIR graph.

    Parameters
    ----------
    network
        The network: neurons and fixed weights, no learning.
    dt
        Time step for which the graph is [ms].
    grades
        What each node became, and what is lost.
    told
        What this package wrote besides: learning, provenance; empty for graphs of others.
    """

    network: Network
    dt: float
    grades: tuple[Grade, ...]
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Told:
    """What this package writes into the metadata of a graph, as far as it is read."""

    format: int
    dt_ms: Duration
    constants: Constants = "continuous"
    trial_ms: Duration = 100.0
    seed: Seed = 0
    resets_between_trials: bool = True
    stimulus: Mapping[str, Any] = field(default_factory=dict)
    v_start: Mapping[Line, float] = field(default_factory=dict)


@checked()
def read(
    path: str | Path,
    *,
    dt: Duration | None = None,
    trial: Duration | None = None,
    seed: Seed | None = None,
    encoder: Annotated[Encoder, Kind(Encoder, "Regular(100.0)")] | None = None,
) -> Imported:
    """Read a NIR graph as a network without learning, to start from.

    Parameters
    ----------
    path
        The file.
    dt
        Time step for which the graph is [ms]: spikes are 1 for one of them. By default that in a
        file of this package; graphs of others do not tell, so that it must be given.
    trial, seed
        Of the network; by default those in a file of this package, or 100 ms and 0.
    encoder
        Encoder of the stimulus; by default that in a file of this package, or `Regular`.

    Returns
    -------
    Imported
        The network, with what became of each node.

    Raises
    ------
    DataError
        If it is no NIR graph, a node cannot be read (with its name), or nir is not installed.
    ParameterError
        If the time step is missing.

    See Also
    --------
    write : The other direction, with an example.
    """
    source = Path(path)
    graph = _graph(source)
    told = _metadata(graph, source)
    step = dt if dt is not None else told.get("dt_ms")
    if step is None:
        raise ParameterError(
            f"{source} does not say for which time step it is; give dt.",
            object="nir.read",
            parameter="dt",
        )
    given = {
        "seed": told.get("seed", 0) if seed is None else seed,
        "trial": told.get("trial_ms", 100.0) if trial is None else trial,
        "reset": told.get("resets_between_trials", True),
    }
    chosen = encoder or _encoder(told.get("stimulus") or {})
    steps = Steps(float(step), told.get("constants") == "euler")
    rebuilt = _Rebuilding(_nodes(graph), list(graph.edges), steps, told.get("v_start") or {})
    return Imported(rebuilt.network(chosen, given), float(step), tuple(rebuilt.grades), told)


def _graph(source: Path) -> Any:
    """Return the graph in a file, after looking at what the file says of its size."""
    nir, h5py = library("nir", "nir"), library("h5py", "nir")
    with reading(source):
        sizes: list[int] = []
        with h5py.File(source, "r") as file:
            file.visititems(lambda _, item: sizes.append(int(getattr(item, "nbytes", 0))))
        most = max(UNPACKED_FREELY, MOST_UNPACKED * source.stat().st_size)
        if sum(sizes) > most:
            raise UnreadableError(
                source, f"it unpacks to {sum(sizes):,} bytes, more than {most:,} for its size"
            )
        try:
            return nir.read(source)
        except (AssertionError, AttributeError) as error:  # what nir raises for damaged graphs
            raise UnreadableError(source, f"it is no NIR graph: {str(error)[:200]}") from None


def _metadata(graph: Any, source: Path) -> dict[str, Any]:
    found = (graph.metadata or {}).get(OWN)
    if found is None:
        return {}
    text = found.decode() if isinstance(found, bytes) else str(found)
    told = json_object(text, source, _Told)
    if told["format"] != FORMAT:
        raise DataError(
            f"{source} has version {shown(told['format'])} of this package's metadata; this "
            f"version reads {FORMAT}."
        )
    return told


def _encoder(told: Mapping[str, Any]) -> Encoder:
    kind = ENCODERS.get(str(told.get("encoder", "")))
    if kind is None:
        return Regular()
    try:
        return kind(**dict(told.get("parameters") or {}))
    except (ApicalError, TypeError):
        return Regular()


def _nodes(graph: Any) -> dict[str, tuple[str, dict[str, np.ndarray]]]:
    """Return the class and the parameters of each node."""
    found = {}
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind not in (*NODES, "Flatten"):
            raise DataError(
                f"Node {name!r} of this NIR graph is a {kind}, which no population or projection "
                f"comes near; {', '.join(NODES)} can be read.",
                object=f"Node {name!r}",
            )
        values = {k: v for k, v in vars(node).items() if isinstance(v, np.ndarray | float | int)}
        if kind in ("Input", "Output"):
            shapes = node.input_type if kind == "Input" else node.output_type
            values = {"size": np.prod(next(iter(shapes.values())))}
        found[str(name)] = (kind, {k: np.asarray(v, np.float64) for k, v in values.items()})
    return found


@dataclass
class _Path:
    """What lies between two populations: a linear map, constants that it adds, a delay."""

    pre: str
    weight: np.ndarray | None = None
    constant: np.ndarray | float = 0.0
    delay: float = 0.0
    named: str = ""


@dataclass
class _Rebuilding:
    """A network while it is made from a NIR graph."""

    nodes: dict[str, tuple[str, dict[str, np.ndarray]]]
    edges: list[tuple[str, str]]
    steps: Steps
    v_start: Mapping[str, float]
    grades: list[Grade] = field(default_factory=list)

    def network(self, encoder: Encoder, given: dict[str, Any]) -> Network:
        """Return the network."""
        names = {node: _name(node) for node in self.nodes}
        paths = {node: self._into(self._entry(node)) for node in self._spiking()}
        output = self._before_output()
        net = Network(**given, output=names[output])
        source = self._only("Input")
        made: dict[str, Population] = {
            source: net.add(Stimulus(names[source], self._size(source), encoder))
        }
        self._grade(source, "approximate", "a stimulus; NIR does not tell how values are encoded")
        neurons = {node: self._neuron(node, paths[node]) for node in paths}
        for node, (neuron, bias) in neurons.items():
            size = len(neuron.scale)
            start = float(self.v_start.get(node, 0.0))
            made[node] = net.add(_lif(names[node], size, neuron, bias, start))
        for node, (neuron, _) in neurons.items():
            for path in paths[node]:
                w = np.eye(len(neuron.scale)) if path.weight is None else path.weight
                weights = Given(w.T * _uniform(neuron.scale))
                name = _name(path.named or f"{names[path.pre]}_to_{names[node]}")
                taken = [p.name for p in net.projections]
                name = f"{name}_{len(taken)}" if name in taken else name
                net.connect(
                    made[path.pre], made[node], weights=weights, delay=path.delay, name=name
                )
        return net

    def _neuron(self, node: str, paths: list[_Path]) -> tuple[Neuron, float]:
        """Return a population and its bias, with what constants add to it."""
        kind, values = self.nodes[node]
        current = self._current(node)
        if current:
            added, of_current = self._added(current, node), self.nodes[current][1]
            neuron = from_current_if(of_current, values, added, self.steps, node)
        elif kind == "CubaLIF":
            neuron = from_cuba_lif(values, self.steps, node)
        elif kind == "LIF":
            neuron = from_lif(values, self.steps, node)
        else:
            neuron = from_if(values, self.steps, _TAU_M)
        constants = sum((np.asarray(p.constant) for p in paths), start=np.zeros(1))
        bias = neuron.bias + neuron.per_input * constants
        late = bool(np.any(constants)) and neuron.tau_s > 0
        lost = "; constants of its input act at once, not through its synapses" if late else ""
        self._grade(node, "approximate" if late else "faithful", f"LIF, from {kind}{lost}")
        return neuron, rounded(same(bias, node, "bias"))

    def _spiking(self) -> list[str]:
        return [name for name, (kind, _) in self.nodes.items() if kind.endswith("IF")]

    def _size(self, name: str) -> int:
        return int(self.nodes[name][1]["size"])

    def _into(self, node: str, passed: tuple[str, ...] = ()) -> list[_Path]:
        """Return the paths that end in a node, each from a population or the input."""
        found: list[_Path] = []
        if node in passed:
            raise DataError(
                f"Nodes {', '.join(map(repr, passed))} of this NIR graph drive each other without "
                "neurons between them."
            )
        for before in self._before(node):
            kind, values = self.nodes[before]
            if kind == "Input" or kind.endswith("IF"):
                found.append(_Path(before))
                continue
            if kind not in _BETWEEN:
                raise DataError(
                    f"Node {before!r} of this NIR graph is a {kind} that drives {node!r}; only an "
                    "LI that drives one IF can be read.",
                    object=f"Node {before!r}",
                )
            paths = self._into(before, (*passed, node))
            linear = {k: v for k, v in values.items() if k != "bias"}  # what it adds, it adds once
            found += [_after(p, before, kind, linear if k else values) for k, p in enumerate(paths)]
        return found

    def _current(self, node: str) -> str:
        """Return the LI that is the synaptic current of an IF; empty for none."""
        if self.nodes[node][0] != "IF":
            return ""
        before = self._before(node)
        if len(before) == 1 and self._is_bias(before[0]):
            before = self._before(before[0])
        return before[0] if len(before) == 1 and self.nodes[before[0]][0] == "LI" else ""

    def _is_bias(self, node: str) -> bool:
        kind, values = self.nodes[node]
        w = values.get("weight", np.zeros((1, 0)))
        return kind == "Affine" and w.shape == w.T.shape and bool((w == np.eye(len(w))).all())

    def _added(self, current: str, node: str) -> Any:
        """Return what an Affine node between a current and its neurons adds."""
        before = self._before(node)[0]
        return 0.0 if before == current else self.nodes[before][1]["bias"]

    def _entry(self, node: str) -> str:
        return self._current(node) or node

    def _before(self, node: str) -> list[str]:
        return [pre for pre, post in self.edges if post == node]

    def _only(self, kind: str) -> str:
        found = [name for name, (one, _) in self.nodes.items() if one == kind]
        if len(found) != 1:
            raise DataError(
                f"This NIR graph has {len(found)} nodes {kind}; a network has one, so merge them."
            )
        return found[0]

    def _before_output(self) -> str:
        found = self._before(self._only("Output"))
        if len(found) != 1 or found[0] not in self._spiking():
            raise DataError(
                "The output of this NIR graph must be one node of spiking neurons, got "
                f"{', '.join(map(repr, found)) or 'none'}."
            )
        return found[0]

    def _grade(self, name: str, level: Any, reason: str) -> None:
        self.grades.append(Grade(name, level, reason))


def _after(path: _Path, name: str, kind: str, values: Mapping[str, np.ndarray]) -> _Path:
    """Return a path that goes through one more node."""
    if kind == "Flatten":
        return path
    if kind == "Delay":
        delay = rounded(same(values["delay"], name, "delay") * MS)
        return replace(path, delay=path.delay + delay)
    factor = np.diag(values["scale"].ravel()) if kind == "Scale" else values["weight"]
    weight = factor if path.weight is None else factor @ path.weight
    constant = path.constant
    if np.any(constant):
        constant = factor @ np.broadcast_to(constant, factor.shape[1:])
    constant = constant + values.get("bias", np.zeros(1))
    return replace(path, weight=weight, constant=constant, named=path.named or name)


def _lif(name: str, size: int, neuron: Neuron, bias: float, v_start: float) -> LIF:
    return LIF(
        name,
        size,
        tau_m=neuron.tau_m,
        tau_s=neuron.tau_s,
        leak=neuron.leak,
        bias=bias,
        reset="rest",
        v_start=v_start,
    )


def _uniform(scale: np.ndarray) -> np.ndarray:
    """Return factors of neurons without the rounding errors of a conversion."""
    return np.array([rounded(float(factor)) for factor in scale.ravel()])


def _name(node: str) -> str:
    """Return a name of a population or projection for that of a node."""
    name = re.sub(r"\W+", "_", node.lower()).strip("_") or "node"
    try:
        check_name(name, "population", "nir.read", "a population")
    except ApicalError:
        return f"node_{name}"
    return name
