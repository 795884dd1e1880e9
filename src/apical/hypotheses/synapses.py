"""Hypotheses about forward synapses: Dale's law, sparsity, sharing, quantisation, release.

They apply to all driving synapses, feedforward, lateral and recurrent: an axon has no access to the
position of its population in the network.
"""

from collections.abc import Callable
from dataclasses import replace

from apical._base.parameters import Positive, Share, ShareAboveZero, ShareBelowOne
from apical.errors import WiringError
from apical.hypotheses.changes import with_projections
from apical.hypotheses.declaration import hypothesis
from apical.network.description import Network
from apical.plasticity.constraints import Levels
from apical.projections.projection import Projection


@hypothesis(aspects=("Dale's law",))
def dale(network: Network, *, inhibitory: Share = 0.2) -> Network:
    """Dale's law: each neuron is either excitatory or inhibitory to all its forward targets.

    Inhibitory neurons are drawn for each population. Initial weights are the absolute values of
    those that were drawn, with the sign of the neuron: excitation and inhibition are balanced on
    average, with larger weights for the less frequent type, and unchanged mean square. An update
    that would change a sign ends at 0. Biases, which are not neurons, and feedback keep weights of
    both signs. Few inhibitory neurons have to balance many: learning rates may have to be lower
    than without (those of the hidden population a quarter in ``models/spiking_dfa.py``, digits).

    Parameters
    ----------
    network
        Any network.
    inhibitory
        Fraction of inhibitory neurons in each population that sends forward synapses.

    Raises
    ------
    WiringError
        If there is no forward projection, or if signs are constrained already.
    ParameterError
        If bounds exclude one of the signs.

    See Also
    --------
    apical.hypotheses.unsigned_error : Errors without a sign.

    References
    ----------
    Song, Yang & Wang 2016, doi:10.1371/journal.pcbi.1004792, section "Dale's principle": signs of
    neurons, 80 % of which excite, held while a network learns. Cornford et al. 2021, ICLR
    (openreview.net/forum?id=eU776ZYxEpz): inhibition that centres excitation at the start, and
    why learning is impaired without more.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(1e-4)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> h, y, error = ap.LIF("hidden", 6), ap.LIF("output", 3), ap.Error("error", 6)
    >>> _ = ap.chain(net, x, h, y, weights=ap.Normal(0.2), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> signed = ap.hypotheses.dale(net, inhibitory=0.5)
    >>> forward = signed.projection("stimulus_to_hidden")
    >>> signs = signed.polarity(forward)
    >>> sorted(signs.tolist())
    [-1.0, -1.0, 1.0, 1.0]
    >>> w = signed.initial_weights(forward)
    >>> bool((np.sign(w) == signs[:, np.newaxis]).all())  # one sign for all targets of a neuron
    True
    >>> ap.hypotheses.dale(signed)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Hypothesis 'dale' does not fit projection
        'stimulus_to_hidden', which holds signs already; apply it once, to a network without...
    """
    _refuse("dale", _forward(network, "dale"), "holds signs", lambda p: p.inhibitory is not None)
    return with_projections(network, network.driving, lambda p: replace(p, inhibitory=inhibitory))


@hypothesis(example={"share": 0.5}, neutral={"share": 0.0}, aspects=("cost",))
def missing_synapses(network: Network, *, share: ShareBelowOne) -> Network:
    """Sparse connectivity: a random fraction of the forward synapses does not exist.

    Their weights are 0 and stay so. They are drawn for each projection; other weights and biases
    are kept.

    Parameters
    ----------
    network
        Any network.
    share
        Sparsity: fraction of forward synapses that do not exist. 0 is neutral.

    Raises
    ------
    WiringError
        If there is no forward projection, or if synapses are missing already.

    See Also
    --------
    apical.hypotheses.sparse_feedback : Few feedback synapses.

    References
    ----------
    Song et al. 2005, doi:10.1371/journal.pbio.0030068: of ordered pairs of neighbouring pyramidal
    neurons in layer 5, 11.6 % are connected, a share of 0.884 missing.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> sparse = ap.hypotheses.missing_synapses(net, share=0.5)
    >>> forward = sparse.projection("stimulus_to_hidden")
    >>> exist = sparse.existing(forward)
    >>> int(exist.sum()), exist.size
    (10, 24)
    >>> bool((sparse.initial_weights(forward)[~exist] == 0).all())
    True
    """
    chosen = _forward(network, "missing_synapses")
    if share == 0:
        return network.altered()
    _refuse("missing_synapses", chosen, "lacks synapses", lambda p: bool(p.missing))
    return with_projections(network, chosen, lambda p: replace(p, missing=share))


@hypothesis(aspects=("weight sharing",))
def shared_weights(network: Network, *, biases: bool = True) -> Network:
    r"""Weight sharing: receptive fields of a map have the same weights everywhere (a convolution).

    .. math:: \Delta W_{im} = \sum_k \Delta w_{ikm}

    Windows k of a map m share the weight of their input i, whose update is the sum of those of
    its synapses: under backpropagation, the gradient of the loss. It is that of libraries for
    convolutions too, so that learning rates have the same meaning; but a weight of n windows moves
    up to n times as far as one of a single synapse, and the learning rate of a network that worked
    without sharing may have to be lower. A part of the update that depends on the weight alone,
    such as its decay, counts once. Initial weights are those of the first window.

    Parameters
    ----------
    network
        A network with projections of receptive fields (`apical.connectivity.ReceptiveFields`).
    biases
        Whether the neurons of each map share their bias as well.

    Raises
    ------
    WiringError
        If no forward projection has receptive fields, if weights are shared already, or if a
        projection that shares them has signs of neurons or missing synapses.

    See Also
    --------
    apical.Projection : Its parameter `shared`, for single projections.

    References
    ----------
    Bartunov et al. 2018, arXiv:1807.04587: weight sharing is not plausible, and locally
    connected networks are what a convolution is without it. Clark et al. 2021, arXiv:2106.04089:
    convolutional and locally connected networks under BP and DFA.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = net.add(ap.Stimulus("stimulus", 64, ap.encoding.Graded(), shape=(8, 8)))
    >>> h = net.add(ap.Rate("hidden", 144, "tanh", shape=(4, 6, 6)))
    >>> y = net.add(ap.Rate("output", 10))
    >>> fields = ap.connectivity.ReceptiveFields(3)
    >>> _ = net.connect(x, h, weights=ap.FanIn(), rule=rule, connectivity=fields)
    >>> _ = net.connect(h, y, weights=ap.FanIn(), rule=rule)
    >>> _ = net.teach(ap.feedback.direct(net.add(ap.RateError("error", 10)), net.forward))
    >>> shared = ap.hypotheses.shared_weights(net)
    >>> edges = shared.edges("stimulus_to_hidden")
    >>> len(edges), edges.n_weights  # 3 x 3 for each of 4 maps
    (1296, 36)
    >>> from apical.plausibility import audit
    >>> [f.subject for f in audit(shared).faults]
    ['stimulus_to_hidden']
    >>> ap.hypotheses.shared_weights(shared)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Hypothesis 'shared_weights' does not fit projection
        'stimulus_to_hidden', which shares weights already; apply it once, to a network without...
    """
    chosen = [
        p
        for p in _forward(network, "shared_weights")
        if not p.connectivity.is_full and p.connectivity.windows_of(p.pre, p.post) is not None
    ]
    if not chosen:
        raise WiringError(
            "Hypothesis 'shared_weights' needs forward projections of receptive fields, of which "
            "the network has none; give one connectivity=ReceptiveFields(...).",
            object="Hypothesis 'shared_weights'",
        )
    _refuse("shared_weights", chosen, "shares weights", lambda p: p.shared)
    if biases:
        heard = {p.post for p in chosen}
        chosen += [p for p in network.projections if p.pre.role == "bias" and p.post in heard]
    return with_projections(network, chosen, lambda p: replace(p, shared=True))


@hypothesis(example={"bits": 4}, neutral={"bits": None}, aspects=("Dale's law", "precision"))
def weights_of_bits(network: Network, *, bits: int | None, largest: Positive = 1.0) -> Network:
    """Weight quantisation: plastic weights have 2**bits levels, with stochastic rounding.

    A weight between two levels is rounded to either at random, so that it is unchanged on average
    (stochastic rounding): otherwise updates smaller than half a step would be lost. Initial weights
    are quantised too; fixed feedback is not.

    Parameters
    ----------
    network
        Any network.
    bits
        Bits of each weight, from 2 to 24; None is neutral.
    largest
        Largest absolute weight [dimensionless], a power of 2.

    Raises
    ------
    WiringError
        If nothing learns, or if weights are quantised already.
    ParameterError
        If there are no such levels, or if bounds are not among them.

    See Also
    --------
    apical.hypotheses.quantised_error : Few levels of error.

    References
    ----------
    Gupta et al. 2015, arXiv:1502.02551, section 3.1: fixed point <IL, FL> with stochastic rounding.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> coarse = ap.hypotheses.weights_of_bits(net, bits=3)
    >>> forward = coarse.projection("stimulus_to_hidden")
    >>> forward.levels.step, forward.limits  # 2**3 levels
    (0.25, (-1.0, 0.75))
    >>> sorted(set(coarse.initial_weights(forward).ravel().tolist()))
    [-0.5, -0.25, 0.0, 0.25, 0.5]
    """
    if bits is None:
        return network.altered()
    chosen = network.plastic
    if not chosen:
        raise WiringError(
            "Hypothesis 'weights_of_bits' quantises weights that learn, but no projection has a "
            "rule; give one.",
            object="Hypothesis 'weights_of_bits'",
        )
    _refuse("weights_of_bits", chosen, "has levels", lambda p: p.levels is not None)
    levels = Levels(bits, largest)
    return with_projections(network, chosen, lambda p: replace(p, levels=levels))


@hypothesis(example={"release": 0.5}, neutral={"release": 1.0})
def failing_synapses(network: Network, *, release: ShareAboveZero) -> Network:
    """Unreliable synapses: transmission at forward synapses fails at random (synaptic dropout).

    Parameters
    ----------
    network
        A network whose forward projections carry spikes.
    release
        Release probability: that a synapse transmits a spike, drawn for each. 1 is neutral.

    Raises
    ------
    WiringError
        If a forward projection carries no spikes, also relays errors, or has unreliable synapses
        already.
    ParameterError
        If `release` is no probability above 0.

    See Also
    --------
    apical.hypotheses.noisy_feedback : Noise in dendrites.

    References
    ----------
    Neftci et al. 2016, doi:10.3389/fnins.2016.00241, "blank-out" noise.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(1e-4)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> h, y, error = ap.LIF("hidden", 6), ap.LIF("output", 3), ap.Error("error", 6)
    >>> _ = ap.chain(net, x, h, y, weights=ap.Normal(0.2), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> unreliable = ap.hypotheses.failing_synapses(net, release=0.5)
    >>> [(p.name, p.release) for p in unreliable.forward]
    [('stimulus_to_hidden', 0.5), ('hidden_to_output', 0.5)]
    >>> unreliable.projection("error_to_hidden").release  # feedback is as it was
    1.0
    """
    chosen = _forward(network, "failing_synapses")
    for p in chosen:
        if not p.pre.is_spiking:
            raise WiringError(
                f"Hypothesis 'failing_synapses' needs spikes that can fail, but {p.pre.name!r}, "
                f"which sends {p.name!r}, is graded; use a network that spikes, or neurons that "
                "are unreliable (Rate).",
                object="Hypothesis 'failing_synapses'",
            )
    if release == 1:
        return network.altered()
    relays = {p.name for p in network.feedback.relays} if network.feedback else set()
    _refuse(
        "failing_synapses",
        chosen,
        "relays errors, which always cross,",
        lambda p: p.name in relays,
    )
    _refuse("failing_synapses", chosen, "has synapses that fail", lambda p: p.release < 1)
    return with_projections(network, chosen, lambda p: replace(p, release=release))


def _forward(network: Network, hypothesis: str) -> list[Projection]:
    """Return the driving projections between neurons, feedforward and lateral."""
    if not network.driving:
        raise WiringError(
            f"Hypothesis {hypothesis!r} changes forward projections, of which the network has "
            "none; connect populations first.",
            object=f"Hypothesis {hypothesis!r}",
        )
    return network.driving


def _refuse(
    hypothesis: str, chosen: list[Projection], has: str, wrong: Callable[[Projection], bool]
) -> None:
    """Raise if a projection has a property that a hypothesis would add or conflicts with."""
    found = [p.name for p in chosen if wrong(p)]
    if found:
        raise WiringError(
            f"Hypothesis {hypothesis!r} does not fit projection {found[0]!r}, which {has} already; "
            "apply it once, to a network without.",
            object=f"Hypothesis {hypothesis!r}",
        )
