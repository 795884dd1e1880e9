"""Lesions and stimulation of any population or fixed projection, from one trial to another.

They are interventions (`apical.network.interventions`) on weights between trials, so that training
resumes with the same bits and the scorecard accounts for them. In evaluations the network is as it
is at that moment of training.
"""

from typing import Annotated, Any

import numpy as np

from apical._base.checking import checked
from apical._base.parameters import CountOrZero, Number, Share
from apical.errors import ParameterError, WiringError
from apical.language.evaluation import evaluated
from apical.network.description import Network
from apical.network.interventions import Cut, Drive, Intervention
from apical.neurons.base import Population
from apical.neurons.lif import LIF
from apical.neurons.rate import Bias
from apical.projections.weights import Zero

SILENT = -100.0
"""Drive, or weight of an inhibitory spike, that silences a neuron, in units of its threshold."""


@checked()
def stimulated(
    network: Network,
    population: str,
    *,
    share: Share = 1.0,
    strength: float,
    after: CountOrZero = 0,
    until: CountOrZero | None = None,
    rate: Annotated[float, Number("Hz", above=0)] = 200.0,
) -> Network:
    """Return the network with a fraction of a population driven from outside during training.

    An electrode is added, ``electrode_<population>``, with fixed synapses onto the drive of all
    neurons, which are 0 but for the neurons and the trials concerned. For rates it is a `Bias`, for
    spiking neurons one that spikes regularly.

    Parameters
    ----------
    network
        The network.
    population
        Name of a population with a drive.
    share
        Share of its neurons, drawn at random from the seed [dimensionless].
    strength
        What is added to the drive of each, of spiking neurons the weight of each spike
        [dimensionless]; below 0 it inhibits.
    after, until
        Training trials before it begins, and before it ends, rounded down to whole batches; None
        for never.
    rate
        Rate of the electrode's spikes [Hz].

    Raises
    ------
    WiringError
        If there is no such population, it has no drive, or has an electrode already.
    ParameterError
        If it would end before it begins.

    See Also
    --------
    silenced : Inhibits until nothing is left.
    cut : Lesions synapses.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.lesions import stimulated
    >>> from apical.testing.references import rates
    >>> net = stimulated(rates(), "hidden_1", share=0.4, strength=1.5, after=100, until=200)
    >>> net.interventions[0].reason
    '40% driven by 1.5 in trials 100 to 200'
    >>> net.projection("electrode_hidden_1_to_hidden_1").shape
    (1, 5)
    """
    found = _population(network, population)
    if "drive" not in found.inputs:
        raise WiringError(
            f"Population {population!r} cannot be stimulated: it has no input 'drive'; it has "
            f"{', '.join(found.inputs) or 'none'}.",
            object=f"Population {population!r}",
        )
    name = f"electrode_{population}"
    if name in {p.name for p in network.populations}:
        raise WiringError(
            f"Population {population!r} has an electrode already; stimulate or silence it once.",
            object=f"Population {population!r}",
        )
    other = network.altered(output=network.output.name)
    target = _population(other, population)
    # a perfect integrator of a constant current that is at its threshold when a trial begins
    spikes = LIF(name, 1, tau_m=1e3 / rate, leak=False, bias=1.0, v_start=1.0)
    source: Population = spikes if target.is_spiking else Bias(name)
    electrode = other.connect(other.add(source), target, weights=Zero())
    event = Drive(electrode.name, share, strength, after, until)
    return _undergoing(other, event)


@checked()
def silenced(
    network: Network,
    population: str,
    *,
    share: Share = 1.0,
    after: CountOrZero = 0,
    until: CountOrZero | None = None,
) -> Network:
    """Return the network with a fraction of a population silenced during training.

    The neurons are inhibited from outside (`stimulated`) so strongly that they neither spike nor
    are active. They and their synapses are there all the time, and act again afterwards; synapses
    that read the activity of a silent neuron do not learn.

    Parameters
    ----------
    network, population, share, after, until
        As in `stimulated`.

    Raises
    ------
    WiringError
        If inhibition does not silence neurons of that model: their activity must vanish with a
        drive far below 0, as that of spiking, logistic and rectified neurons does.
    ParameterError
        If it would end before it begins.

    See Also
    --------
    apical.hypotheses.lost_error_neurons : Lesions error neurons, which have no drive to inhibit.

    References
    ----------
    Lashley 1929, Brain Mechanisms and Intelligence, chapter 3 (lesions and mass action).

    Examples
    --------
    >>> from apical.network.lesions import silenced
    >>> from apical.testing.references import rates, spiking
    >>> silenced(spiking(), "hidden", share=0.5, after=50).interventions[0].reason
    '50% driven by -100 after 50 trials, for good'
    >>> silenced(rates(), "hidden_1")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Population 'hidden_1' is not silenced by inhibition...
    """
    found = _population(network, population)
    if not found.is_spiking:
        text = "" if found.curve is None or found.is_softmax else found.curve.response
        left = float(evaluated(text, {"drive": np.float64(SILENT)}, {})) if text else np.inf
        if abs(left) > 1e-30:
            raise WiringError(
                f"Population {population!r} is not silenced by inhibition: its activity does not "
                "vanish with a drive far below 0; use stimulated, or an activation that is "
                "rectified or logistic.",
                object=f"Population {population!r}",
            )
    options: dict[str, Any] = {"share": share, "after": after, "until": until}
    return stimulated(network, population, strength=SILENT, **options)


@checked()
def cut(
    network: Network,
    projection: str,
    *,
    share: Share = 1.0,
    after: CountOrZero = 0,
    until: CountOrZero | None = None,
) -> Network:
    """Return the network with a fraction of the synapses of a projection cut during training.

    Parameters
    ----------
    network
        The network.
    projection
        Name of a projection whose synapses are fixed: feedback, for instance.
    share
        Share of its synapses, drawn at random from the seed [dimensionless].
    after, until
        Training trials before the lesion, and before the synapses are as they were in the
        beginning, rounded down to whole batches; None for never.

    Raises
    ------
    WiringError
        If there is no such projection, it learns, transports weights of another, or is changed by
        another intervention.
    ParameterError
        If it would end before it begins.

    See Also
    --------
    apical.hypotheses.missing_synapses : Synapses that never exist, plastic ones too.

    Examples
    --------
    >>> from apical.network.lesions import cut
    >>> from apical.testing.references import rates
    >>> cut(rates(), "error_to_hidden_1", share=0.3, after=100).interventions[0].reason
    '30% of its synapses cut after 100 trials, for good'
    >>> cut(rates(), "hidden_1_to_hidden_2")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Projection 'hidden_1_to_hidden_2' learns, so it would ...
    """
    network.projection(projection)  # or it is said which there are
    return _undergoing(network, Cut(projection, share, after, until))


def _population(network: Network, name: str) -> Any:
    found = {p.name: p for p in network.populations}
    if name not in found:
        raise WiringError(
            f"The network has no population {name[:60]!r}; it has {', '.join(found) or 'none'}.",
            object="Network",
        )
    return found[name]


def _undergoing(network: Network, event: Intervention) -> Network:
    """Return a network that undergoes one intervention more."""
    after, until = getattr(event, "after", 0), getattr(event, "until", None)
    if until is not None and until <= after:
        raise ParameterError(
            f"A lesion or stimulation after {after} trials must end later, got until={until}.",
            object=type(event).__name__,
            parameter="until",
        )
    return network.altered(interventions=(*network.interventions, event))
