"""Hypotheses about the error signal: noise, sparsity, dead zone, quantisation, missing signs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from apical._base import seeds
from apical._base.parameters import Count, NonNegative, Positive, ShareAboveZero, ShareBelowOne
from apical.errors import ParameterError, WiringError
from apical.hypotheses.changes import (
    feedback_onto_hidden,
    hidden_hearers,
    on_wires,
    unable,
    with_error,
    with_projections,
    with_weights,
)
from apical.hypotheses.declaration import hypothesis
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.facts import Half, Kept
from apical.projections.projection import ReadBackwards
from apical.projections.weights import Masked, Opposed, WeightSource


@hypothesis(example={"std": 0.5}, neutral={"std": 0.0}, aspects=("feedback",))
def noisy_feedback(network: Network, *, std: NonNegative, kick: Positive = 1.0) -> Network:
    """Noisy feedback: independent noise in the dendrite of each hidden neuron.

    Rate neurons: Gaussian noise for each neuron and training trial. Spiking neurons: two Poisson
    trains of noise events for each neuron, one for each sign, each of ``std**2 / (2 * kick**2)``
    events a trial, with learning on or off; their sum over a trial has the same standard deviation.
    Existing noise adds to it, as independent noise does.

    Parameters
    ----------
    network
        A network of `Rate` or `LIF` populations with a feedback pathway.
    std
        Standard deviation of the noise in a trial [dimensionless, in units of ``teach``: 1 is one
        error spike through a weight of 1, or the whole error of one class]. 0 is neutral.
    kick
        Size of one noise event of spiking populations [units of ``teach``].

    Raises
    ------
    WiringError
        If no hidden population receives feedback, or one has no dendrite that could be noisy.
    ParameterError
        If `std` is negative or `kick` not positive.

    See Also
    --------
    quantised_error : Few levels of error.

    References
    ----------
    Faisal, Selen & Wolpert 2008, doi:10.1038/nrn2258: noise in synapses and dendrites.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> noisy = ap.hypotheses.noisy_feedback(net, std=0.3)
    >>> [(p.name, p.teach_noise) for p in noisy.populations if p.role == "neurons"]
    [('hidden', 0.3), ('output', 0.0)]
    >>> twice = ap.hypotheses.noisy_feedback(noisy, std=0.4)  # sqrt(0.3**2 + 0.4**2)
    >>> twice.populations[1].teach_noise
    0.5
    """
    names = {p.name for p in hidden_hearers(network, "noisy_feedback")}

    def noisy(population: Population) -> Population:
        if population.name not in names:
            return population
        found = population.hearing_noise(std, kick, network.trial)
        if found is None:
            raise unable("noisy_feedback", population, "dendrites such as those of Rate or LIF")
        return found

    return network.altered(population=noisy) if std else network


@hypothesis(example={"share": 0.5}, neutral={"share": 1.0}, aspects=("Dale's law", "cost"))
def partial_feedback(network: Network, *, share: ShareAboveZero) -> Network:
    """Partial feedback: only a fraction of the neurons of each hidden population receives it.

    They are drawn once for each population, from the seed of the network; those of a smaller
    fraction are a subset of those of a larger one.

    Parameters
    ----------
    network
        Any network with a feedback pathway of synapses of its own.
    share
        Fraction of the neurons that receive it, in (0, 1]; at least one does. 1 is neutral.

    Raises
    ------
    WiringError
        If no hidden population receives feedback, or feedback uses forward synapses or weight
        transport, from which none can be removed.
    ParameterError
        If `share` is not in (0, 1].

    See Also
    --------
    apical.hypotheses.sparse_feedback : Few synapses onto each neuron.
    apical.feedback.indirect : The rest is taught by those that hear the error.

    References
    ----------
    Nokland 2016, arXiv:1609.01596, fig. 1d, where a part of the network hears the error and
    nothing relays it to the others.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> partly = ap.hypotheses.partial_feedback(net, share=0.5)
    >>> w = partly.initial_weights(partly.projection("error_to_hidden"))
    >>> int((w != 0).any(axis=0).sum()), w.shape[1]  # hidden neurons that hear the error, all
    (3, 6)
    """
    chosen = feedback_onto_hidden(network, "partial_feedback")
    shared = [p for p in chosen if isinstance(p.weights, ReadBackwards) or p.rule is not None]
    shared += network.feedback.relays if network.feedback else ()
    if shared:
        raise WiringError(
            "Hypothesis 'partial_feedback' needs feedback through separate fixed synapses, but "
            f"{shared[0].name!r} uses forward or plastic ones; use "
            "feedback.direct, layerwise, or indirect with relay='random'.",
            object="Hypothesis 'partial_feedback'",
        )
    if share == 1:
        return network
    for name in {p.post.name: None for p in chosen}:
        onto = tuple(p for p in chosen if p.post.name == name)
        mask = _reached(network, onto[0].post, share)
        network = with_weights(network, onto, _masking(mask))
    return network


def _reached(network: Network, population: Population, share: float) -> np.ndarray:
    """Return which neurons feedback reaches, shape (n,) of bool."""
    order = seeds.stream(network.seed, "partial feedback", population.name)
    return order.permutation(population.size) < max(1, round(share * population.size))


def _masking(mask: np.ndarray) -> Callable[[WeightSource], WeightSource]:
    return lambda source: on_wires(source, lambda wires: Masked(wires, post=mask))


@hypothesis(example={"threshold": 0.2}, neutral={"threshold": 0.0}, aspects=("signed error",))
def thresholded_error(network: Network, *, threshold: ShareBelowOne) -> Network:
    r"""Error threshold (dead zone): soft thresholding of the error, so that small errors are 0.

    .. math:: x = \operatorname{sign}(e)\,\max(|e| - \theta, 0)

    Rates: ``x = sign(e) * max(|e| - threshold, 0)``. Spikes: an error neuron spikes when its state
    exceeds that for one spike by the fraction `threshold` of the whole error, which is its state at
    the end of a trial in which its class should have fired and was silent. Thresholds add up.

    Parameters
    ----------
    network
        A network with `Error` or `RateError` neurons.
    threshold
        Width of the dead zone, as a fraction of the whole error, that is, of the target of 1
        [dimensionless]. 0 is neutral.

    Raises
    ------
    ParameterError
        If `threshold` is not in [0, 1), alone or with an existing one.
    WiringError
        If there are no error neurons.

    See Also
    --------
    quantised_error : Few levels of error.

    References
    ----------
    Payvand et al. 2020, doi:10.1109/JETCAS.2020.3040248: learning triggered by errors above a
    threshold; the form is the soft threshold of Donoho 1995, doi:10.1109/18.382009, eq. 1.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> few = ap.hypotheses.thresholded_error(net, threshold=0.2)
    >>> few.populations[3].activity  # y is the error
    'sign(y)*(abs(y) - threshold)*int(abs(y) > threshold)'
    >>> widened = ap.hypotheses.thresholded_error
    >>> widened(few, threshold=0.8)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Hypothesis 'thresholded_error' needs a threshold in [0,
        1), together with that of 'error', 0.2; got 0.8...
    """
    judge = _judge(network, "thresholded_error")
    total = threshold + judge.overlooks
    if total >= 1:
        raise ParameterError(
            "Hypothesis 'thresholded_error' needs a threshold in [0, 1), together with that of "
            f"{judge.name!r}, {judge.overlooks!r}; got {threshold!r}.",
            object="Hypothesis 'thresholded_error'",
            parameter="threshold",
        )
    if not threshold:
        return network
    return with_error(network, "thresholded_error", lambda e: e.overlooking(total, network.trial))


@hypothesis(example={"levels": 5}, neutral={"levels": None}, aspects=("signed error", "error size"))
def quantised_error(network: Network, *, levels: Count | None) -> Network:
    """Quantised error: error neurons represent only a few levels of error.

    Rates: the activity is rounded to the nearest of `levels` values, evenly spaced from -1 to 1.
    Spikes: an error spike represents ``2/(levels - 1)`` of the whole error (see
    `thresholded_error`), with outgoing weights scaled up in proportion; an error is rounded to such
    spikes. A threshold is applied before quantisation, in any order of hypotheses. An error within
    half a level of 0 is 0: with 3 levels, outputs at half their target learn nothing, and spiking
    networks can get stuck there.

    Parameters
    ----------
    network
        A network with `Error` or `RateError` neurons.
    levels
        Number of levels of the error: 2, its sign; 3, its sign or 0; for spiking neurons odd, since
        silence is one of them. None is neutral.

    Raises
    ------
    WiringError
        If the error is quantised differently already, or there are no error neurons.
    ParameterError
        If `levels` is invalid, or only the size of the error is kept, of which 2 levels leave
        nothing.

    See Also
    --------
    thresholded_error : A dead zone.

    References
    ----------
    Payvand et al. 2020, doi:10.1109/JETCAS.2020.3040248: errors as whole numbers of events, each
    worth a threshold.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> coarse = ap.hypotheses.quantised_error(net, levels=5)
    >>> coarse.populations[3].levels
    5
    >>> from apical.language.evaluation import evaluated
    >>> error = coarse.populations[3]
    >>> y = np.array([-1, -0.6, -0.2, 0.1, 0.3, 0.9])
    >>> evaluated(error.activity, {"y": y, **error.numbers}, {}).tolist()
    [-1.0, -0.5, 0.0, 0.0, 0.5, 1.0]
    """
    judge = _judge(network, "quantised_error")
    if levels is None or levels == judge.levels:
        return network
    if judge.levels is not None:
        raise WiringError(
            f"Hypothesis 'quantised_error': the error of {judge.name!r} has {judge.levels} levels "
            f"already, got {levels!r}; quantise it once.",
            object="Hypothesis 'quantised_error'",
        )
    least = 3 if judge.is_paired else 2
    even = judge.is_paired and levels % 2 == 0
    if levels < least or even:
        odd = " and odd, as silence of both neurons is one of them" if least == 3 else ""
        raise ParameterError(
            f"Hypothesis 'quantised_error' needs levels of at least {least}{odd}, or None, for "
            f"{judge.name!r}, got {levels!r}.",
            object="Hypothesis 'quantised_error'",
            parameter="levels",
        )
    return with_error(network, "quantised_error", lambda e: e.telling(levels, network.trial))


@hypothesis(neutral={"keeps": None}, aspects=("one-way", "signed error"))
def unsigned_error(network: Network, *, keeps: Half | None = "size") -> Network:
    """Unsigned error: hidden populations receive only its magnitude, or one of its two signs.

    The output receives its own signed error: it could not learn without the sign.

    Parameters
    ----------
    network
        A network whose error neurons reach hidden populations by synapses of their own.
    keeps
        The part of the error that is kept: ``"size"``, its magnitude; ``"surplus"``, only positive
        errors (a class was too active); ``"lack"``, only negative ones. None is neutral.

    Raises
    ------
    WiringError
        If no hidden population receives feedback directly from error neurons, or another part of
        the error is kept already.
    ParameterError
        If the size is to be kept of an error that is only a sign.

    See Also
    --------
    apical.hypotheses.dale : Signs of forward synapses.

    References
    ----------
    The size alone: Pearce & Hall 1980, doi:10.1037/0033-295X.87.6.532. One sign: Keller &
    Mrsic-Flogel 2018, doi:10.1016/j.neuron.2018.10.003, neurons of little spontaneous activity
    that can report errors of one sign.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> size = ap.hypotheses.unsigned_error(net, keeps="size")
    >>> [(p.name, dict(p.carries)) for p in size.feedback.projections]
    [('error_to_output', {'teach': 'x'}), ('error_to_hidden', {'teach': 'told'})]
    >>> size.populations[3].signals
    ('x', 'told')
    """
    judge = _judge(network, "unsigned_error")
    chosen = feedback_onto_hidden(network, "unsigned_error")
    heard = tuple(p for p in chosen if p.pre is judge)
    if not heard:
        raise WiringError(
            f"Hypothesis 'unsigned_error' needs synapses from {judge.name!r} to hidden "
            f"populations, but {chosen[0].name!r} comes from {chosen[0].pre.name!r}; use "
            "feedback.direct or feedback.indirect.",
            object="Hypothesis 'unsigned_error'",
        )
    if keeps is None:
        return network
    if judge.is_paired:
        return with_weights(network, heard, lambda source: _one_sided(source, keeps))
    if judge.keeps not in (None, keeps):
        raise _kept_already(judge.keeps, keeps)
    told = with_error(network, "unsigned_error", lambda e: e.keeping(keeps))
    return with_projections(told, heard, lambda p: replace(p, carries={"teach": "told"}))


def _one_sided(source: WeightSource, keeps: Half) -> WeightSource:
    if isinstance(source, OneSided):
        if source.keeps != keeps:
            raise _kept_already(source.keeps, keeps)
        return source
    if isinstance(source, Opposed):
        return OneSided(source.source, keeps)
    if isinstance(source, Masked):
        return replace(source, source=_one_sided(source.source, keeps))
    raise WiringError(
        "Hypothesis 'unsigned_error' needs weights of opposite sign for the two halves of the "
        f"error neurons (apical.projections.weights.Opposed), got {type(source).__name__}.",
        object="Hypothesis 'unsigned_error'",
    )


def _kept_already(known: Kept, keeps: Half) -> WiringError:
    return WiringError(
        f"Hypothesis 'unsigned_error': only the {known} of the error is kept already, got "
        f"{keeps!r}; apply it once.",
        object="Hypothesis 'unsigned_error'",
    )


@dataclass(frozen=True)
class OneSided(Opposed):
    """Feedback weights of unsigned error: one half of the error neurons is masked or repeated.

    Parameters
    ----------
    source
        Source of W, shape (n_pre / 2, n_post): weights of the negative half.
    keeps
        ``"size"``: the positive half has W too; ``"surplus"``: it has -W and the negative half 0;
        ``"lack"``: it has 0.
    """

    keeps: Half = "size"

    @property
    def _factors(self) -> tuple[float, float]:
        return {"size": (1.0, 1.0), "surplus": (-1.0, 0.0), "lack": (0.0, 1.0)}[self.keeps]

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        too_much, too_little = np.split(super().draw(n_pre, n_post, rng), 2)
        if self.keeps == "size":
            return np.concatenate([-too_much, too_little])
        return np.concatenate(
            [too_much * (self.keeps == "surplus"), too_little * (self.keeps == "lack")]
        )


def _judge(network: Network, hypothesis: str) -> Population:
    found = [p for p in network.populations if p.role == "error"]
    if not found:
        raise WiringError(
            f"Hypothesis {hypothesis!r} changes error neurons, of which the network has none; add "
            "an Error or a RateError and teach it a pathway of apical.feedback.",
            object=f"Hypothesis {hypothesis!r}",
        )
    return found[0]
