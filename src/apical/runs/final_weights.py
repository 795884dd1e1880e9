"""Final weights of a run: a value for each synapse that exists, as a matrix when asked for."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from apical.devices.simulator import Simulator
from apical.errors import RunError
from apical.network.description import Network
from apical.network.held_weights import as_matrix


class FinalWeights(Mapping[str, np.ndarray]):
    """Weights by name of projection, kept as one value for each weight where few synapses exist.

    Parameters
    ----------
    network
        The network, whose `edges` say which synapses exist.
    held
        Weights by name of projection: shape (n_weights,) in the order of `Network.edges` where
        there are edges, else (n_pre, n_post). A matrix is taken in both cases.

    See Also
    --------
    apical.Network.edges : The order of values.
    apical.runs.TrainedRun : Whose weights these are.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.runs.final_weights import FinalWeights
    >>> net = ap.Network()
    >>> x, y = net.add(ap.LIF("first", 2)), net.add(ap.LIF("second", 2))
    >>> _ = net.connect(x, y, connectivity=ap.connectivity.OneToOne())
    >>> weights = FinalWeights(net, {"first_to_second": np.array([0.5, 0.25])})
    >>> weights.held["first_to_second"].tolist(), weights["first_to_second"].tolist()
    ([0.5, 0.25], [[0.5, 0.0], [0.0, 0.25]])
    """

    def __init__(self, network: Network, held: Mapping[str, np.ndarray]) -> None:
        self._network = network
        self.held: dict[str, np.ndarray] = {}
        """Weights by name of projection, in the form in which `Simulator.load` takes them too."""
        for name, values in held.items():
            edges = network.edges(name)
            self.held[name] = values if edges is None else edges.of(values)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the weights of a projection, shape (n_pre, n_post), 0 without a synapse."""
        return as_matrix(self._network, self._network.projection(name), self.held[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.held)

    def __len__(self) -> int:
        return len(self.held)

    def loadable(self, simulator: Simulator) -> dict[str, np.ndarray]:
        """Return those that a simulator can load: not those that follow another projection."""
        own = simulator.state
        return {name: w for name, w in self.held.items() if f"{name}.w" in own}


def checked_weights(network: Network, held: Mapping[str, np.ndarray], path: Path) -> FinalWeights:
    """Return weights from a file, of this version or an earlier one, which wrote matrices.

    Parameters
    ----------
    network
        The network.
    held
        Contents of the file.
    path
        The file, for messages.

    Raises
    ------
    RunError
        If weights are missing, or do not fit the network.

    Examples
    --------
    >>> from pathlib import Path
    >>> from apical.runs.final_weights import checked_weights
    >>> from apical.testing.references import rates
    >>> checked_weights(rates(), {}, Path("weights.npz"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.RunError: weights.npz is damaged: weights of 'stimulus_to_hidden_1' ...
    """
    for p in network.projections:
        edges = network.edges(p)
        wanted = f"{p.shape}" if edges is None else f"({edges.n_weights},) or {p.shape}"
        got = held[p.name].shape if p.name in held else "none"
        if got != p.shape and (edges is None or got != (edges.n_weights,)):
            raise RunError(
                f"{path} is damaged: weights of {p.name!r} must have shape {wanted}, got {got}."
            )
    return FinalWeights(network, {p.name: held[p.name] for p in network.projections})
