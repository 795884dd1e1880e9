"""Hypotheses on layerwise feedback: sign symmetry, Kolen-Pollack learning, weight mirrors.

Feedback between neighbours (`apical.feedback.layerwise`) has a reciprocal forward projection.
"""

from dataclasses import replace
from typing import Annotated, Literal

from apical._base.bibliography import cite
from apical._base.parameters import Count, CountOrZero, NonNegative, Number, Positive, ShareBelowOne
from apical.errors import ParameterError, WiringError
from apical.hypotheses.changes import feedback_onto_hidden
from apical.hypotheses.declaration import hypothesis
from apical.language.expressions import place, substituted
from apical.network.description import Network
from apical.network.noise_phase import NoisePhase
from apical.neurons.base import Population
from apical.plasticity.rules import LearningRule
from apical.projections.connectivity import AllToAll
from apical.projections.projection import Projection, ReadBackwards, SignsOf
from apical.projections.weights import FewInputs, Masked, WeightSource

FORGETS = "forgets"
"""Name of the weight decay parameter: the fraction of a weight that is lost at every update."""

KOLEN_POLLACK = f"{cite('kolen1994')}; {cite('akrout2019', 'eq. 16-18')}"


@hypothesis(aspects=("weight sharing", "weight transport", "feedback", "Dale's law"))
def sign_concordant(network: Network) -> Network:
    r"""Sign-concordant feedback: signs of the forward weights at all times, fixed magnitudes.

    .. math:: B_{ji} = M_{ji}\,\operatorname{sign} W_{ij}

    Magnitudes are those of the initial feedback weights. This is declared transport of signs: only
    device ``array`` runs it.

    Parameters
    ----------
    network
        A network of rates with feedback between neighbours (`apical.feedback.layerwise`).

    Raises
    ------
    WiringError
        If feedback does not run between neighbours, has a rule, or uses weight transport already.

    See Also
    --------
    sign_only : One magnitude for all.
    apical.feedback.transposed : Whole weights (backpropagation).

    References
    ----------
    Liao, Leibo & Poggio 2016, arXiv:1510.05067, section 3: fixed random magnitudes (frSF).

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.layerwise(error, net.forward))
    >>> signed = ap.hypotheses.sign_concordant(net)
    >>> forward = signed.projection("hidden_to_output")
    >>> back = signed.projection("feedback_output_to_hidden")
    >>> back.weights.what, back.weights.projection is forward
    ('signs', True)
    >>> w = signed.initial_weights(forward)  # (6, 3)
    >>> made = back.weights.made(w, signed.magnitudes(back))  # (3, 6)
    >>> bool((np.sign(made) == np.sign(w.T)).all())
    True
    """
    return _with_signs(network, "sign_concordant", alike=False)


@hypothesis(aspects=("weight sharing", "weight transport", "feedback", "Dale's law"))
def sign_only(network: Network) -> Network:
    r"""Uniform sign-concordant feedback: signs of the forward weights, one magnitude for all.

    .. math:: B_{ji} = m\,\operatorname{sign} W_{ij}

    The magnitude is the root mean square of the initial feedback weights. Otherwise as in
    `sign_concordant`.

    Parameters
    ----------
    network
        As in `sign_concordant`.

    Raises
    ------
    WiringError
        As there.

    See Also
    --------
    sign_concordant : A magnitude for each synapse.

    References
    ----------
    Liao, Leibo & Poggio 2016, arXiv:1510.05067, section 3: uniform sign-concordant feedback (uSF).
    Moskovitz, Litwin-Kumar & Abbott 2018, arXiv:1812.06488, on its scale.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.layerwise(error, net.forward))
    >>> signed = ap.hypotheses.sign_only(net)
    >>> back = signed.projection("feedback_output_to_hidden")
    >>> made = back.weights.made(np.ones((6, 3)), signed.magnitudes(back))
    >>> len(np.unique(made))
    1
    """
    return _with_signs(network, "sign_only", alike=True)


@hypothesis(
    aspects=(
        *("locality", "weight sharing", "feedback", "Dale's law", "update locking"),
        *("memory", "cost"),
    )
)
def kolen_pollack(
    network: Network, *, decay: Annotated[float, Number(above=0, below=1)] = 1e-3
) -> Network:
    r"""Kolen-Pollack learning: feedback learns by the rule of the reciprocal forward synapses.

    .. math::

        \Delta W_{ij} = u_{ij} - \lambda W_{ij}, \qquad \Delta B_{ji} = u_{ij} - \lambda B_{ji}

    where :math:`u_{ij}` is the update that the rule of the forward synapse asks for.

    Both synapses connect the same two neurons, so the rule of the forward synapse with presynaptic
    and postsynaptic exchanged is local to the feedback synapse. With the same weight decay the
    initial weights fade and the two matrices become transposes of each other, without weight
    transport. Quantisation levels of forward weights also apply to feedback.

    Parameters
    ----------
    network
        A network of rates with feedback between neighbours (`apical.feedback.layerwise`).
    decay
        Weight decay: fraction of a weight that is lost at every update, in addition to the rule
        [dimensionless]; it follows the learning-rate schedule.

    Raises
    ------
    WiringError
        If feedback does not run between neighbours, is plastic already, or uses weight transport;
        if a reciprocal forward projection has no rule.

    See Also
    --------
    weight_mirror : Feedback that learns from noise.
    sign_concordant : Only the signs of forward weights.

    References
    ----------
    Kolen & Pollack 1994, doi:10.1109/ICNN.1994.374486; Akrout et al. 2019, arXiv:1904.05391,
    eq. 16-18.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.layerwise(error, net.forward))
    >>> learns = ap.hypotheses.kolen_pollack(net, decay=0.01)
    >>> for name in ("hidden_to_output", "feedback_output_to_hidden"):
    ...     print(learns.projection(name).rule.update)
    eta * x_pre * gain_post * teach_post - forgets*w
    eta * x_post * gain_pre * teach_pre - forgets * w
    """
    beside = _neighbours(network, "kolen_pollack")
    ahead = {p.name: _forgetful(p, decay) for p in beside.values()}

    def plastic(p: Projection) -> Projection:
        if p.name in ahead:
            return replace(p, rule=ahead[p.name])
        if p.name in beside:
            forward = beside[p.name]
            return replace(p, rule=_swapped(ahead[forward.name]), levels=forward.levels)
        return p

    return network.altered(projection=plastic)


@hypothesis(
    neutral={"trials": 0},
    aspects=(
        *("locality", "weight sharing", "feedback", "phases", "Dale's law", "update locking"),
        *("plasticity switch", "cost"),
    ),
)
def weight_mirror(
    network: Network,
    *,
    rate: NonNegative = 0.01,
    decay: ShareBelowOne | None = None,
    noise: Positive = 1.0,
    every: Count = 100,
    trials: CountOrZero = 100,
    reads: Literal["x", "drive"] = "x",
) -> Network:
    r"""Weight mirrors: feedback learns the forward weights from noise, in phases without stimulus.

    .. math:: \Delta B_{ji} = \eta\,x_j\,\xi_i - \lambda B_{ji}

    In a noise phase the populations that receive feedback fire spontaneous noise, one after the
    other. The forward synapses carry it to the next population; the reciprocal feedback synapses
    change by ``rate * x_pre * x_post - decay * w``, the noise being that of the postsynaptic
    neuron. There is no weight transport. The mean of the product is ``noise**2`` times the forward
    weight, times the mean slope of the presynaptic neuron's response, so that feedback converges to
    ``rate * noise**2 / decay`` times the transpose where responses are linear, and to less where
    they saturate (a tenth for logistic outputs). In the linear case the tangent of the final angle
    between the two is about ``sqrt(decay * n / (2 * batch))``, for `n` neurons that fire and batch
    size `batch`. Quantisation levels of forward weights also apply to feedback. With forward
    weights that start at 0, feedback is mostly noise at first.

    Parameters
    ----------
    network
        A network of rates with feedback between neighbours (`apical.feedback.layerwise`), for
        device ``array``.
    rate
        Learning rate of feedback in noise phases [dimensionless]; it falls with that of the
        network. 0 is neutral.
    decay
        Weight decay of feedback at every update in noise phases [dimensionless], which falls
        likewise; ``rate * noise**2`` by default.
    noise
        Standard deviation of the spontaneous activity [dimensionless].
    every
        Training trials between two noise phases, rounded down to whole batches; the first phase
        precedes training.
    trials
        Noise trials of each population in a phase, with the batch size of training. 0 is neutral.
    reads
        Presynaptic signal that the synapse reads: ``"x"``, the activity, or ``"drive"``, the summed
        forward input, which is linear whatever the activation.

    Raises
    ------
    WiringError
        If feedback does not run between neighbours, is plastic already, or uses weight transport.
    ParameterError
        If a number is out of range, or the default decay would be 1 or more.

    See Also
    --------
    kolen_pollack : Feedback that learns by the rule of forward synapses.

    References
    ----------
    Akrout et al. 2019, arXiv:1904.05391, section 3 (weight mirrors), and code of the authors
    (github.com/makrout/Deep-Learning-without-Weight-Transport): noise of each layer by itself, and
    activities. There feedback grows without decay.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.layerwise(error, net.forward))
    >>> mirrors = ap.hypotheses.weight_mirror(net, rate=0.02, every=50)
    >>> mirrors.noise
    NoisePhase(every=50, trials=100)
    >>> back = mirrors.projection("feedback_output_to_hidden").rule
    >>> back.when, back.update, back.parameters
    ('noise', 'eta * x_pre * x_post - decay * w', {'eta': 0.02, 'decay': 0.02})
    """
    beside = _neighbours(network, "weight_mirror")
    lost = rate * (noise * noise) if decay is None else decay
    if lost >= 1:
        raise ParameterError(
            "Hypothesis 'weight_mirror' needs rate * noise**2 < 1 where no decay is given, got "
            f"rate={rate!r} and noise={noise!r}.",
            object="Hypothesis 'weight_mirror'",
            parameter="rate",
        )
    phase = NoisePhase(every, max(trials, 1))
    if not (rate and trials):
        return network
    rule = LearningRule(
        "weight_mirror",
        f"eta * {reads}_pre * x_post - decay * w",
        {"eta": rate, "decay": lost},
        when="noise",
        source=cite("akrout2019", "section 3"),
    )
    heard = {p.post.name for p in network.projections if p.name in beside}

    def noisy(population: Population) -> Population:
        return (population.firing(noise) or population) if population.name in heard else population

    def plastic(p: Projection) -> Projection:
        return replace(p, rule=rule, levels=beside[p.name].levels) if p.name in beside else p

    return network.altered(population=noisy, projection=plastic, noise=phase)


def _with_signs(network: Network, hypothesis: str, *, alike: bool) -> Network:
    beside = _neighbours(network, hypothesis, follows=True)
    names_of = {name: forward.name for name, forward in beside.items()}
    made: dict[str, Projection] = {}

    def signed(p: Projection) -> Projection:
        made[p.name] = p
        if p.name in names_of:
            source: WeightSource = SignsOf(made[names_of[p.name]], p.weights, alike)
            return replace(p, weights=source, connectivity=AllToAll())  # that of the forward ones
        return p

    return network.altered(projection=signed)


def _neighbours(
    network: Network, hypothesis: str, *, follows: bool = False
) -> dict[str, Projection]:
    """Return the reciprocal forward projection of each feedback projection onto a hidden layer.

    Feedback that `follows` takes the forward synapses over, whichever there are.

    Raises
    ------
    WiringError
        If one of them has none, or if feedback is not fixed and all-to-all.
    """
    found = {}
    for p in feedback_onto_hidden(network, hypothesis):
        beside = [q for q in network.forward if q.pre is p.post and q.post is p.pre]
        if not beside or p.carries != {"teach": "delta"}:
            raise WiringError(
                f"Hypothesis {hypothesis!r} needs feedback between neighbours, of graded neurons, "
                f"with a forward projection beside it, but {p.name!r} runs from {p.pre.name!r} to "
                f"{p.post.name!r}; use a network of rates under feedback.layerwise (FA).",
                object=f"Hypothesis {hypothesis!r}",
            )
        why = "learns" if p.rule else "is transposed" if _is_read(p) else ""
        few = isinstance(p.weights, FewInputs) and p.weights.inputs < p.shape[0]
        if why or few or isinstance(p.weights, Masked):
            raise WiringError(
                f"Hypothesis {hypothesis!r} needs fixed feedback, from every neuron to every "
                f"one, but {p.name!r} {why or 'is sparse'} already; apply it to one without.",
                object=f"Hypothesis {hypothesis!r}",
            )
        if not (follows and p.connectivity.is_full):
            _check_beside(network, hypothesis, p, beside[0])
        found[p.name] = beside[0]
    return found


def _check_beside(network: Network, hypothesis: str, p: Projection, forward: Projection) -> None:
    """Raise unless feedback synapses join the same pairs of neurons as forward synapses."""
    there, back = network.edges(forward), network.edges(p)
    if there is None and back is None:
        return
    if there is None or back is None or not there.transposed()[0].same_as(back):
        raise WiringError(
            f"Hypothesis {hypothesis!r} needs a feedback synapse beside each forward one and no "
            f"others, but {p.name!r} is {p.connectivity.about} and {forward.name!r} "
            f"{forward.connectivity.about}; give both the same pairs, for instance "
            "connectivity.Mask(m) and Mask(m.T).",
            object=f"Hypothesis {hypothesis!r}",
        )


def _is_read(p: Projection) -> bool:
    return isinstance(p.weights, ReadBackwards)


def _forgetful(p: Projection, decay: float) -> LearningRule:
    """Return the rule of a projection with weight decay added."""
    if p.rule is None or FORGETS in p.rule.parameters:
        raise WiringError(
            f"Hypothesis 'kolen_pollack' needs forward projections that learn, by a rule without a "
            f"number {FORGETS!r}, but {p.name!r} has {p.rule.name if p.rule else 'none'!r}; give "
            "it one.",
            object="Hypothesis 'kolen_pollack'",
        )
    return replace(
        p.rule,
        name=f"{p.rule.name}_forgetful",
        update=f"{p.rule.update} - {FORGETS}*w",
        parameters={**p.rule.parameters, FORGETS: decay},
        source="; ".join(filter(None, (p.rule.source, KOLEN_POLLACK))),
    )


def _swapped(rule: LearningRule) -> LearningRule:
    """Return the rule with presynaptic and postsynaptic signals exchanged."""
    ends = {"pre": "post", "post": "pre"}
    others = {name: f"{name.removesuffix(place(name))}{ends[place(name)]}" for name in rule.signals}
    traces = {
        name: replace(trace, source=substituted(trace.source, others))
        for name, trace in rule.traces.items()
    }
    update = substituted(rule.update, others)
    steps = tuple((name, substituted(text, others)) for name, text in rule.steps)
    return replace(rule, name=f"{rule.name}_backward", update=update, traces=traces, steps=steps)
