"""Weights of sparse projections as matrices, in which every pair of neurons has a place.

Simulators hold a value for each synapse that exists. Perturbations, and what may be their cause,
are about pairs of neurons; a pair without a synapse has weight 0, and constraints keep it there.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from apical.network.description import Network
from apical.projections.edges import Edges


def in_matrices(simulator: Any, network: Network) -> Any:
    """Return a simulator whose state has matrices; itself where it has no sparse projection.

    Parameters
    ----------
    simulator
        The simulator, or what a script put around one.
    network
        The network.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.locality_check.matrices import in_matrices
    >>> net = ap.Network()
    >>> x = net.add(ap.Stimulus("stimulus", 3, ap.encoding.Graded()))
    >>> y, some = net.add(ap.Rate("output", 3)), ap.connectivity.OneToOne()
    >>> _ = net.connect(x, y, weights=ap.Identity(0.5), connectivity=some)
    >>> with ap.simulate(net, "array") as simulator:
    ...     seen = in_matrices(simulator, net)
    ...     name = "stimulus_to_output.w"
    ...     simulator.state[name].shape, seen.state[name].shape
    ((3,), (3, 3))
    """
    known = {f"{p.name}.w": network.edges(p) for p in network.projections}
    sparse = {name: edges for name, edges in known.items() if edges is not None}
    return _Seen(simulator, sparse) if sparse else simulator


class _Through:
    """Passes on all attributes of what is within."""

    def __init__(self, within: Any, edges: Mapping[str, Edges]) -> None:
        self._within, self._edges = within, edges

    def __getattr__(self, name: str) -> Any:
        return getattr(self._within, name)

    def _outward(self, name: str, values: np.ndarray) -> np.ndarray:
        return self._edges[name].dense(values) if name in self._edges else values

    def _inward(self, name: str, values: np.ndarray) -> np.ndarray:
        return self._edges[name].of(values) if name in self._edges else values


class _Seen(_Through):
    """A simulator."""

    @property
    def state(self) -> dict[str, np.ndarray]:
        return {name: self._outward(name, values) for name, values in self._within.state.items()}

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        self._within.state = {name: self._inward(name, values) for name, values in state.items()}

    @contextmanager
    def stepping(self, n_trials: int, *, keyed: bool = False) -> Iterator[Any]:
        stepping = getattr(self._within, "stepping", None)
        if not callable(stepping):
            yield None
            return
        with stepping(n_trials, keyed=keyed) as steps:
            yield None if steps is None else _SeenSteps(steps, self._edges)


class _SeenSteps(_Through):
    """Its time steps."""

    def get(self, name: str) -> np.ndarray:
        return self._outward(name, self._within.get(name))

    def put(self, name: str, values: np.ndarray) -> None:
        self._within.put(name, self._inward(name, values))
