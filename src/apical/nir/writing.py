"""Writing a network as a NIR graph: `write`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from apical._base.checking import checked
from apical._base.extras import library
from apical._base.parameters import Duration
from apical._base.private_paths import bare
from apical._base.whole_files import whole
from apical.errors import ParameterError, RunError, WiringError, brief
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.encoding import ENCODERS, Encoder
from apical.nir.conversion import MS, Steps, to_nir
from apical.nir.grading import Grade, Reset, grades, responding
from apical.projections.projection import Projection

FORMAT = 1
"""Version of what this package writes into the metadata of a graph."""
OWN = "apical"
"""Key of that entry."""
Constants = Literal["continuous", "euler"]


@checked()
def write(
    network: Network,
    path: str | Path,
    *,
    weights: Mapping[str, np.ndarray] | None = None,
    dt: Duration = 1.0,
    reset: Reset = "own",
    constants: Constants = "continuous",
    about: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> tuple[Grade, ...]:
    """Write the part of a network that responds as a NIR graph.

    Parameters
    ----------
    network
        The network.
    path
        The file; NIR's files end in ``.nir``.
    weights
        Weights by name of projection, shape (n_pre, n_post); initial weights by default.
    dt
        Time step of the simulators that are to read it [ms].
    reset
        ``"hard"``: soft resets, which NIR has not, become resets to 0, and the network responds
        differently; measure what is read back. ``"own"``: they are refused.
    constants
        ``"continuous"``: time constants are those of the neurons. ``"euler"``: those with which
        simulators that go by Euler's method, in steps of `dt` and no others, do what exact
        integration does here, so that their spikes are the same.
    about
        Provenance, as plain data.
    overwrite
        Whether to replace a file.

    Returns
    -------
    tuple
        What became of each part.

    Raises
    ------
    WiringError
        If a part is refused, with all of them by name.
    RunError
        If the file exists, or cannot be written.
    DataError
        If nir is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> _ = ap.chain(net, x, ap.LIF("hidden", 3), ap.LIF("output", 2), weights=ap.Normal(0.2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = ap.nir.write(net, Path(folder) / "it.nir", reset="hard")
    ...     found = ap.nir.read(Path(folder) / "it.nir")
    >>> found.network.populations[1]  # doctest: +ELLIPSIS
    LIF(name='hidden', size=3, ... reset='rest', ...)
    """
    graded, target = grades(network, reset=reset), Path(path)
    refused = [f"{grade.name!r}: {grade.reason}" for grade in graded if grade.level == "refused"]
    if refused:
        raise WiringError(
            f"NIR cannot hold this network: {'. '.join(refused)}.", object="nir.write"
        )
    nir = library("nir", "nir")
    if not target.name:
        raise ParameterError(
            f"{brief(target)!r} names no file to write.", object="nir.write", parameter="path"
        )
    if target.exists() and not overwrite:
        raise RunError(f"{brief(target)} exists already; give another path, or overwrite it.")
    graph = _Graph(nir, network, dict(weights or {}), Steps(dt, constants == "euler"))
    told: dict[str, Any] = {"format": FORMAT, "dt_ms": dt, "reset": reset, "constants": constants}
    told |= {**_told(network, about), "grades": [_plain(grade) for grade in graded]}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole(target) as part:
            nir.write(part, graph.made({OWN: json.dumps(told, default=_plain)}))
    except OSError as error:
        raise RunError(f"{brief(target)} cannot be written: {error.strerror or error}.") from None
    return graded


@dataclass
class _Graph:
    """A NIR graph while it is made."""

    nir: Any
    network: Network
    weights: dict[str, np.ndarray]
    steps: Steps
    nodes: dict[str, Any] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    entry: dict[str, str] = field(default_factory=dict)
    scale: dict[str, float] = field(default_factory=dict)

    def made(self, metadata: dict[str, str]) -> Any:
        """Return the graph."""
        populations, projections = responding(self.network)
        for population in populations:
            self._add_population(population)
        for projection in projections:
            self._add_projection(projection)
        output = self.network.output
        self._add("readout", self.nir.Output(np.array([output.size])))
        self.edges.append((output.name, "readout"))
        return self.nir.NIRGraph(self.nodes, self.edges, metadata)

    def _add(self, name: str, node: Any) -> None:
        if name in self.nodes:
            raise WiringError(
                f"NIR cannot hold this network: two of its nodes would be called {name!r}; name "
                "the population or projection otherwise.",
                object="nir.write",
            )
        self.nodes[name] = node

    def _add_population(self, population: Population) -> None:
        name, n = population.name, population.size
        neuron = population.integrator
        self.entry[name], self.scale[name] = name, 1.0
        if neuron is None:  # the stimulus
            self._add(name, self.nir.Input(np.array([n])))
            return
        written = to_nir(neuron, self.steps)
        self.scale[name] = written.scale
        made = []
        for kind, numbers in written.nodes:
            called = name if kind.endswith("IF") else f"{name}_{_PARTS[kind]}"
            values = {key: np.full(n, value) for key, value in numbers.items()}
            values |= {"weight": np.eye(n)} if kind == "Affine" else {}
            self._add(called, getattr(self.nir, kind)(**values))
            made.append(called)
        self.edges += pairwise(made)
        self.entry[name] = made[0]

    def _add_projection(self, projection: Projection) -> None:
        name, before = projection.name, projection.pre.name
        found = self.weights.get(name)
        w = self.network.initial_weights(projection) if found is None else np.asarray(found)
        if w.shape != projection.shape:
            raise ParameterError(
                f"Weights of projection {name!r} must have shape {projection.shape}, got "
                f"{w.shape}.",
                object="nir.write",
                parameter="weights",
            )
        if projection.delay:
            delay = np.full(projection.pre.size, projection.delay / MS)
            self._add(f"{name}_delay", self.nir.Delay(delay))
            self.edges.append((before, f"{name}_delay"))
            before = f"{name}_delay"
        scale = self.scale[projection.post.name] * projection.release
        self._add(name, self.nir.Linear(np.ascontiguousarray(w.T.astype(np.float64)) * scale))
        self.edges += [(before, name), (name, self.entry[projection.post.name])]


_PARTS = {"LI": "current", "Affine": "bias"}
"""What nodes are called that a population has besides the one that spikes."""


def _told(network: Network, about: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what NIR has no place for, as plain data."""
    populations, _ = responding(network)
    pathway = network.feedback
    return {
        "spikes": "1 in the time step of a spike",
        "seed": network.seed,
        "trial_ms": network.trial,
        "resets_between_trials": network.reset,
        "stimulus": _encoder(network.stimulus),
        "v_start": {p.name: p.integrator.v_start for p in populations if p.integrator},
        "learning": {
            "rules": [
                {
                    "projection": p.name,
                    "name": p.rule.name,
                    "update": p.rule.update,
                    "parameters": dict(p.rule.parameters),
                    "when": p.rule.when,
                    "traces": list(p.rule.traces),
                    "state": dict(p.rule.state),
                    "steps": [list(step) for step in p.rule.steps],
                    "source": p.rule.source,
                }
                for p in network.plastic
                if p.rule is not None
            ],
            "feedback": {
                "name": pathway.name if pathway else "",
                "source": pathway.source if pathway else "",
                "projections": [
                    {"name": p.name, "pre": p.pre.name, "post": p.post.name}
                    for p in (pathway.projections if pathway else ())
                ],
            },
        },
        "about": bare(dict(about or {})),
    }


def _encoder(stimulus: Any) -> dict[str, Any]:
    encoder: Encoder = stimulus.encoder
    known = {kind: name for name, kind in ENCODERS.items()}
    values = {f.name: getattr(encoder, f.name) for f in fields(encoder)}
    return {"encoder": known.get(type(encoder), type(encoder).__name__), "parameters": values}


def _plain(value: Any) -> Any:
    if isinstance(value, Grade):
        return {"name": value.name, "level": value.level, "reason": value.reason}
    return value.tolist() if hasattr(value, "tolist") else str(value)
