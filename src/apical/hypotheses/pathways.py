"""Hypotheses about feedback synapses: sparse feedback."""

import numpy as np

from apical._base.parameters import Count
from apical.errors import ParameterError, WiringError
from apical.hypotheses.changes import feedback_onto_hidden, on_wires, with_weights
from apical.hypotheses.declaration import hypothesis
from apical.network.description import Network
from apical.projections.projection import Projection, ReadBackwards
from apical.projections.weights import FewInputs, Opposed, WeightSource


@hypothesis(aspects=("Dale's law", "cost"))
def sparse_feedback(network: Network, *, wires: Count = 1) -> Network:
    """Sparse feedback: each hidden neuron receives only a few feedback synapses (wires).

    Parameters
    ----------
    network
        Any network with a feedback pathway.
    wires
        In-degree of feedback: synapses onto each hidden neuron, those of the positive and the
        negative error neuron of a class counted as one. They are chosen among the synapses of the
        projection's connectivity: all of a neuron that has fewer. The number of presynaptic neurons
        is neutral.

    Raises
    ------
    ParameterError
        If there are fewer presynaptic neurons than `wires`.
    WiringError
        If no hidden population is taught, or feedback learns or uses weight transport.

    See Also
    --------
    apical.hypotheses.partial_feedback : Some neurons without feedback.
    apical.hypotheses.missing_synapses : Few forward synapses.

    References
    ----------
    Crafton et al. 2019, doi:10.3389/fnins.2019.00525, section 2.2: one connection each.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> sparse = ap.hypotheses.sparse_feedback(net, wires=1)
    >>> w = sparse.initial_weights(sparse.projection("error_to_hidden"))  # (3, 6)
    >>> (w != 0).sum(axis=0).tolist()  # synapses onto each hidden neuron
    [1, 1, 1, 1, 1, 1]
    >>> ap.hypotheses.sparse_feedback(net, wires=4)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Hypothesis 'sparse_feedback' needs wires from 1 to 3,
        the sources of 'error_to_hidden', got 4...
    """
    chosen = feedback_onto_hidden(network, "sparse_feedback")
    for projection in chosen:
        grows = projection.rule is not None and wires < projection.shape[0]
        if grows or isinstance(projection.weights, ReadBackwards):
            raise WiringError(
                "Hypothesis 'sparse_feedback' needs feedback that is drawn and fixed, or cut wires "
                f"grow again, but {projection.name!r} learns or reads forward weights; apply it to "
                "a network without.",
                object="Hypothesis 'sparse_feedback'",
            )
        n_pre = _most(network, projection)
        if wires > n_pre:
            raise ParameterError(
                f"Hypothesis 'sparse_feedback' needs wires from 1 to {n_pre}, the sources of "
                f"{projection.name!r}, got {wires!r}.",
                object="Hypothesis 'sparse_feedback'",
                parameter="wires",
            )

    def sparse(source: WeightSource) -> WeightSource:
        return on_wires(source, lambda wires_of: FewInputs(wires_of, wires))

    return with_weights(network, chosen, sparse)


def _most(network: Network, projection: Projection) -> int:
    """Return the largest number of sources of a neuron; a pair of error neurons counts as one."""
    pairs = 2 if isinstance(projection.weights, Opposed) else 1
    edges, half = network.edges(projection), projection.shape[0] // pairs
    if edges is None:
        return half
    keys = np.unique(edges.post.astype(np.int64) * half + edges.pre % half)
    return int(np.bincount(keys // half, minlength=1).max())
