"""Lesions and stimulation of any population or fixed projection, from one trial to another.

They are interventions (`apical.network.interventions`) on weights between trials, so that training
resumes with the same bits and the scorecard accounts for them. In evaluations the network is as it
is at that moment of training.
"""

from typing import Annotated, Any

from apical._base.checking import checked
from apical._base.parameters import CountOrZero, Number, Share
from apical.errors import ParameterError, WiringError
from apical.network.description import Network
from apical.network.interventions import Cut, Drive, Intervention
from apical.neurons.rate import Bias
from apical.projections.weights import Zero


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
    neurons, which are 0 but for the neurons and the trials concerned. It is a `Bias`, for spiking
    neurons one that spikes regularly; hypotheses about forward synapses and neurons leave it alone.

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
        If there is no such population, it has no drive of its own (stimuli, error neurons), or has
        an electrode already.
    ParameterError
        If it would end before it begins.

    See Also
    --------
    silenced : Takes the activity of neurons away.
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
    if found.role in ("error", "reward"):
        raise WiringError(
            f"Population {population!r} cannot be stimulated: its drive is the output that it "
            "judges, not a current; use hypotheses.lost_error_neurons, or cut what leaves it.",
            object=f"Population {population!r}",
        )
    if "drive" not in found.inputs:
        raise WiringError(
            f"Population {population!r} cannot be stimulated: it has no input 'drive'; it has "
            f"{', '.join(found.inputs) or 'none'}.",
            object=f"Population {population!r}",
        )
    source = Bias(_electrode(network, population), rate=rate if found.is_spiking else 0.0)
    other = network.altered(output=network.output.name)
    target = _population(other, population)
    electrode = other.connect(other.add(source), target, weights=Zero())
    return _undergoing(other, Drive(electrode.name, share, strength, after, until))


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

    The neurons get an input ``silence``, from an electrode ``electrode_<population>`` whose fixed
    synapses are 0 but for the neurons and the trials concerned: they neither spike nor are active,
    whatever drives them, and their gain is 0. They and their synapses are there all the time, and
    act again afterwards; synapses that read the activity or the gain of a silent neuron do not
    learn.

    Parameters
    ----------
    network, population, share, after, until
        As in `stimulated`.

    Raises
    ------
    WiringError
        If there is no such population, neurons of that model have no activity of their own that
        could be 0 (stimuli, error neurons, softmax, graded neurons of your own), or it has an
        electrode already.
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
    '50% silenced after 50 trials, for good'
    >>> silenced(rates(), "hidden_1").populations[2].inputs
    {'drive': 'drive', 'teach': 'teach', 'silence': 'silence'}
    >>> silenced(rates(), "stimulus")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Population 'stimulus' (Stimulus) cannot be silenced: ...
    """
    found = _population(network, population)
    gated = found.silenceable() if found.role == "neurons" else None
    if gated is None:
        raise WiringError(
            f"Population {population!r} ({type(found).__name__}) cannot be silenced: its neurons "
            "have no input 'silence' (Population.silenceable); use stimulated, or cut what leaves "
            "it; lost_error_neurons is for error neurons.",
            object=f"Population {population!r}",
        )
    source = Bias(_electrode(network, population))
    other = network.altered(
        population=lambda p: gated if p.name == population else p, output=network.output.name
    )
    carries, target = {"silence": "x"}, _population(other, population)
    electrode = other.connect(other.add(source), target, weights=Zero(), carries=carries)
    event = Drive(electrode.name, share, 1.0, after, until, silences=True)
    return _undergoing(other, event)


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


def _electrode(network: Network, population: str) -> str:
    """Return the name of the electrode of a population, which has none yet."""
    name = f"electrode_{population}"
    if name in {p.name for p in network.populations}:
        raise WiringError(
            f"Population {population!r} has an electrode already; stimulate or silence it once.",
            object=f"Population {population!r}",
        )
    return name


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
