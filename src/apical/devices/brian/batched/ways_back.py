"""Ways back of gradients through fixed feedback synapses, not transposed forward weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from apical.devices.brian.batched.libraries import Array
from apical.errors import DeviceError
from apical.network.description import Network
from apical.projections.projection import Projection, ReadBackwards


@dataclass(frozen=True)
class WayBack:
    """Gradients of the input of a population, sent to the spikes of another by fixed weights.

    Parameters
    ----------
    source
        Name of the population whose input's gradient is sent back.
    weights
        What its neurons send to those of the other, shape (n_source, n).
    """

    source: str
    weights: Array


def ways_back(
    network: Network, weights: Callable[[Projection], Array]
) -> Mapping[str, Sequence[WayBack]]:
    """Return the ways that stand in place of transposed forward weights, by hidden population.

    Where a feedback projection begins at error neurons, the gradient of the output's input is sent,
    as in direct feedback alignment; where at relays of a population, that of its input, as in
    layerwise. The weights are those of the neurons that signal too little activity: their
    opposites, for too much, have the other sign.

    Parameters
    ----------
    network
        A network with a feedback pathway of fixed synapses.
    weights
        Returns W of a projection, shape (n_pre, n_post).

    Raises
    ------
    DeviceError
        If it has no such pathway.
    """
    check_ways_back(network)
    assert network.feedback is not None
    found = dict[str, list[WayBack]]()
    for projection in network.feedback.projections:
        if projection.post is network.output:
            continue
        of = getattr(projection.pre, "of", network.output)
        back = weights(projection)[of.size :]
        found.setdefault(projection.post.name, []).append(WayBack(of.name, back))
    return found


def check_ways_back(network: Network) -> None:
    """Raise if gradients cannot go back through the feedback synapses of a network.

    Raises
    ------
    DeviceError
        If it has none, they learn, or errors are relayed along forward synapses.
    """
    pathway = network.feedback
    projections = () if pathway is None else pathway.projections
    changing = [p.name for p in projections if p.rule or isinstance(p.weights, ReadBackwards)]
    said = ""
    if pathway is None or all(p.post is network.output for p in projections):
        said = "no feedback onto hidden populations"
    elif pathway.relays:
        said = f"feedback along forward synapses ({pathway.relays[0].name!r})"
    elif changing:
        said = f"feedback whose weights change ({changing[0]!r})"
    elif not all(p.pre.size == 2 * getattr(p.pre, "of", network.output).size for p in projections):
        said = "feedback from neurons that are no pairs of opposite sign"
    if said:
        raise DeviceError(
            f"Gradients go back through fixed feedback synapses, but this network has {said}; use "
            "feedback.direct or feedback.layerwise, or leave through_time out.",
            object="Device 'lockstep'",
            parameter="through_time",
        )
