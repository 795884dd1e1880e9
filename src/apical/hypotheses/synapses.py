"""Hypotheses about the synapses of activity: signs, how many there are, how finely graded.

What is said of forward synapses holds for all that drive their target, lateral and recurrent ones
too: an axon does not know where a population stands.
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


@hypothesis
def dale(network: Network, *, inhibitory: Share = 0.2) -> Network:
    """Let each neuron either excite or inhibit all its forward targets (Dale's law).

    Who inhibits is drawn for each population. Initial weights are absolute values of those that
    were drawn, with the sign of the neuron: excitation and inhibition sum to 0 on average, the
    fewer neurons having the larger weights, and the mean square is as it was. An update that would
    change a sign ends at 0. Biases, which stand for no neuron, and feedback keep weights of either
    sign. The few neurons that inhibit have to balance many: learning rates may have to be lower
    than without (those of the hidden population a quarter in ``models/spiking_dfa.py``, digits).

    Parameters
    ----------
    network
        Any network.
    inhibitory
        Share of neurons that inhibit, in each population that sends forward synapses.

    Raises
    ------
    WiringError
        If there is no forward projection, if signs are held already, or if bounds leave no room
        for one of the signs.

    References
    ----------
    Song, Yang & Wang 2016, doi:10.1371/journal.pcbi.1004792, section "Dale's principle": signs of
    neurons, 80 % of which excite, held while a network learns. Cornford et al. 2021, ICLR
    (openreview.net/forum?id=eU776ZYxEpz): inhibition that centres excitation at the start, and
    why learning is impaired without more.
    """
    _refuse("dale", _forward(network, "dale"), "holds signs", lambda p: p.inhibitory is not None)
    return with_projections(network, network.driving, lambda p: replace(p, inhibitory=inhibitory))


@hypothesis
def missing_synapses(network: Network, *, share: ShareBelowOne) -> Network:
    """Leave out forward synapses: their weights are 0 and stay so.

    Which ones is drawn for each projection. The others keep their weights. Biases stay.

    Parameters
    ----------
    network
        Any network.
    share
        Share of forward synapses that do not exist. 0 is neutral.

    Raises
    ------
    WiringError
        If there is no forward projection, or if synapses are missing already.

    References
    ----------
    Song et al. 2005, doi:10.1371/journal.pbio.0030068: of ordered pairs of neighbouring pyramidal
    neurons in layer 5, 11.6 % are connected, a share of 0.884 missing.
    """
    chosen = _forward(network, "missing_synapses")
    if share == 0:
        return network.altered()
    _refuse("missing_synapses", chosen, "lacks synapses", lambda p: bool(p.missing))
    return with_projections(network, chosen, lambda p: replace(p, missing=share))


@hypothesis
def weights_of_bits(network: Network, *, bits: int | None, largest: Positive = 1.0) -> Network:
    """Grade the weights that learn in so many sizes, from the start and after every update.

    A weight between two sizes becomes either by chance, so that it stays the same on average
    (stochastic rounding): without that, updates smaller than half a step would be lost. Fixed
    feedback is as precise as it was.

    Parameters
    ----------
    network
        Any network.
    bits
        Binary digits of each weight, from 2 to 24; None is neutral.
    largest
        Largest absolute weight [dimensionless], a power of 2.

    Raises
    ------
    WiringError
        If nothing learns, if weights have levels already, if there are no such levels, or if
        bounds are not among them.

    References
    ----------
    Gupta et al. 2015, arXiv:1502.02551, section 3.1: fixed point <IL, FL> with stochastic rounding.
    """
    if bits is None:
        return network.altered()
    chosen = network.plastic
    if not chosen:
        raise WiringError(
            "Hypothesis 'weights_of_bits' grades weights that learn, but no projection has a rule; "
            "give one.",
            object="Hypothesis 'weights_of_bits'",
        )
    _refuse("weights_of_bits", chosen, "has levels", lambda p: p.levels is not None)
    levels = Levels(bits, largest)
    return with_projections(network, chosen, lambda p: replace(p, levels=levels))


@hypothesis
def failing_synapses(network: Network, *, release: ShareAboveZero) -> Network:
    """Let each forward synapse fail to pass on a spike, by chance.

    Parameters
    ----------
    network
        A network whose forward projections carry spikes.
    release
        Probability that a spike crosses a synapse, drawn for each. 1 is neutral.

    Raises
    ------
    WiringError
        If a forward projection carries no spikes, relays errors beside them, or has synapses that
        fail already; if `release` is no probability above 0.

    References
    ----------
    Neftci et al. 2016, doi:10.3389/fnins.2016.00241, "blank-out" noise.
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
    """Return the synapses by which neurons drive others: forward ones, and lateral ones alike."""
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
    """Raise if a projection has what a hypothesis would bring, or cannot go with."""
    found = [p.name for p in chosen if wrong(p)]
    if found:
        raise WiringError(
            f"Hypothesis {hypothesis!r} does not fit projection {found[0]!r}, which {has} already; "
            "apply it once, to a network without.",
            object=f"Hypothesis {hypothesis!r}",
        )
