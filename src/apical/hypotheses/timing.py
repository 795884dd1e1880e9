"""Hypotheses about time: delayed feedback, online learning, delayed labels."""

from collections.abc import Mapping
from dataclasses import replace

from apical._base.parameters import Duration, NonNegative, Time
from apical.errors import ParameterError, WiringError
from apical.hypotheses.changes import feedback_onto_hidden, with_error, with_projections
from apical.hypotheses.declaration import hypothesis
from apical.network.description import Network
from apical.neurons.base import INFINITE
from apical.plasticity.rules import LearningRule
from apical.projections.projection import Projection


@hypothesis(example={"delay": 7.0}, neutral={"delay": 0.0}, aspects=("delays", "memory"))
def delayed_feedback(network: Network, *, delay: Time) -> Network:
    """Delayed feedback: conduction delays of feedback to hidden populations.

    It adds to existing delays. Each relay of a pathway has the delay. Where neurons are reset
    between trials, spikes in transit are then lost.

    Parameters
    ----------
    network
        A spiking network with a feedback pathway.
    delay
        Time from a spike of an error neuron or relay to its arrival [ms], a whole number of time
        steps. 0 is neutral.

    Raises
    ------
    WiringError
        If populations do not spike, or feedback is relayed along forward axons.
    ParameterError
        If the delay is negative or not shorter than a trial.

    See Also
    --------
    delayed_label : The label comes late.

    References
    ----------
    Girard, Hupe & Bullier 2001, doi:10.1152/jn.2001.85.3.1328: conduction of feedback between
    cortical areas.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(1e-4)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> h, y, error = ap.LIF("hidden", 6), ap.LIF("output", 3), ap.Error("error", 6)
    >>> _ = ap.chain(net, x, h, y, weights=ap.Normal(0.2), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> late = ap.hypotheses.delayed_feedback(net, delay=7.0)
    >>> [(p.name, p.delay) for p in late.feedback.projections]
    [('error_to_output', 0.0), ('error_to_hidden', 7.0)]
    >>> ap.hypotheses.delayed_feedback(net, delay=100)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Hypothesis 'delayed_feedback' needs 0 <= delay < 100
        ms, the duration of a trial, got 100.0...
    """
    chosen = feedback_onto_hidden(network, "delayed_feedback")
    _check_time(network, "delayed_feedback", delay)
    graded = [p for p in chosen if not p.pre.is_spiking]
    if graded:
        raise WiringError(
            f"Hypothesis 'delayed_feedback' delays spikes, but {graded[0].pre.name!r} sends none: "
            "rates are learned from when they have settled, however late; use LIF and Error.",
            object="Hypothesis 'delayed_feedback'",
        )
    if network.feedback and network.feedback.relays:
        raise WiringError(
            "Hypothesis 'delayed_feedback' needs feedback by synapses of its own, but that along "
            f"{network.feedback.relays[0].name!r} is as late as activity is; use "
            "feedback.indirect(..., relay='random').",
            object="Hypothesis 'delayed_feedback'",
        )
    longest = max(p.delay for p in chosen) + delay
    if longest >= network.trial:
        raise ParameterError(
            f"Hypothesis 'delayed_feedback' would have feedback arrive after {longest:g} ms, but a "
            f"trial lasts {network.trial:g} ms; choose a shorter delay or a longer trial.",
            object="Hypothesis 'delayed_feedback'",
            parameter="delay",
        )
    if not delay:
        return network
    return with_projections(network, chosen, lambda p: replace(p, delay=p.delay + delay))


def _check_time(network: Network, hypothesis: str, delay: float) -> None:
    if delay >= network.trial:
        raise ParameterError(
            f"Hypothesis {hypothesis!r} needs 0 <= delay < {network.trial:g} ms, the duration of "
            f"a trial, got {delay!r}.",
            object=f"Hypothesis {hypothesis!r}",
            parameter="delay",
        )


@hypothesis(
    aspects=(
        *("locality", "phases", "update locking", "delays"),
        *("plasticity switch", "memory"),
    )
)
def online(
    network: Network,
    *,
    tau_x: Duration = 30.0,
    x_floor: NonNegative = 0.05,
    tau_error: Duration = 50.0,
    tau_label: Time = 10.0,
) -> Network:
    """Online learning: no reset, no pause between trials, no signal at the end of a trial.

    - Neurons are not reset between trials.
    - Spike counts of a trial become decaying traces with time constant `tau_x`; traces below
      `x_floor` are set to 0.
    - Dendrites that summed over a trial hold their input for one time step.
    - Perfect integrators become leaky, with an additional current of 1/2 to compensate the leak.
    - Error neurons become leaky with `tau_error`; the label passes low-pass filters of `tau_label`,
      to match the latency of the output.
    - Rules that acted at the end of a trial act when feedback arrives. Their learning rate ``eta``
      is multiplied by ``trial/tau_x``, the factor by which decaying traces are smaller.

    Parts that are online already do not change; applying it twice has no further effect.

    Parameters
    ----------
    network
        A spiking network with a feedback pathway.
    tau_x
        Time constant of traces [ms].
    x_floor
        Cut-off of traces [dimensionless].
    tau_error
        Leak time constant of error neurons [ms].
    tau_label
        Time constant of each of the two low-pass filters of the label [ms].

    Raises
    ------
    WiringError
        If populations do not spike, or a rule has an optimiser, which needs the end of a trial.

    See Also
    --------
    delayed_label : Eligibility traces until the label comes.

    References
    ----------
    Neftci et al. 2017, doi:10.3389/fnins.2017.00324: event-driven learning without phases.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(1e-4)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> h, y, error = ap.LIF("hidden", 6), ap.LIF("output", 3), ap.Error("error", 6)
    >>> _ = ap.chain(net, x, h, y, weights=ap.Normal(0.2), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> online = ap.hypotheses.online(net, tau_x=25.0)
    >>> online.reset, online.populations[0].tau_x, online.populations[3].tau
    (False, 25.0, 50.0)
    >>> rule, paced = (n.projection("stimulus_to_hidden").rule for n in (net, online))
    >>> rule.when, paced.when, paced.parameters["eta"] / rule.parameters["eta"]  # trial/tau_x
    ('trial', 'feedback', 4.0)
    """
    if not network.populations:
        raise WiringError(
            "Hypothesis 'online' needs populations that spike, of which the network has none; add "
            "LIF and Error.",
            object="Hypothesis 'online'",
        )
    for projection in network.plastic:
        _check_online(projection)
    other = with_error(
        network, "online", lambda e: e.forgetting(tau_error, tau_label, network.trial)
    )
    return other.altered(
        population=lambda p: p.without_pause(tau_x, x_floor),
        projection=lambda p: _at_feedback(p, network.trial),
        reset=False,
    )


def _check_online(projection: Projection) -> None:
    rule = projection.rule
    if not (projection.pre.is_spiking and projection.post.is_spiking):
        raise WiringError(
            f"Hypothesis 'online' needs populations that spike, but {projection.name!r} joins "
            "graded ones, which know no moment at which feedback arrives; use LIF and Error.",
            object="Hypothesis 'online'",
        )
    if rule and rule.when == "trial" and rule.dynamics:
        raise WiringError(
            f"Hypothesis 'online': rule {rule.name!r} on projection {projection.name!r} has "
            f"dynamics {rule.dynamics.name!r}, which need the end of a trial; use dynamics=None.",
            object="Hypothesis 'online'",
        )
    kept = [*rule.traces, *dict(rule.steps)] if rule and rule.when == "trial" else []
    if rule and kept:
        raise WiringError(
            f"Hypothesis 'online': rule {rule.name!r} on projection {projection.name!r} reads "
            f"{', '.join(kept)} when a trial ends; write the rule with when='feedback'.",
            object="Hypothesis 'online'",
        )


def _at_feedback(projection: Projection, trial: float) -> Projection:
    """Return a projection whose rule acts at feedback, with a rescaled learning rate."""
    rule, tau = projection.rule, projection.pre.tau_x
    if rule is None or rule.when != "trial":
        return projection
    counts = "x_pre" in rule.signals and tau != INFINITE
    return replace(
        projection, rule=_paced(replace(rule, when="feedback"), trial / tau if counts else 1)
    )


def _paced(rule: LearningRule, factor: float) -> LearningRule:
    """Return a rule with a rescaled learning rate, if it has one."""
    rates = {"eta": rule.parameters["eta"] * factor} if "eta" in rule.parameters else {}
    return replace(rule, parameters={**rule.parameters, **rates})


@hypothesis(example={"delay": 12.0}, neutral={"delay": 0.0}, aspects=("phases",))
def delayed_label(network: Network, *, delay: Time, trace: Time | None = None) -> Network:
    """Delayed label: the label follows the stimulus after a delay, bridged by eligibility traces.

    The stimulus stays on. Error neurons are silent until the label appears. Presynaptic traces have
    time constants of at least `trace`, so that they bridge the delay until the error arrives
    (eligibility traces); learning rates ``eta`` are reduced as traces grow. Delays add up.

    Parameters
    ----------
    network
        A spiking network that learns at feedback or at spikes.
    delay
        Time from the onset of the stimulus to that of the label [ms]. 0 is neutral.
    trace
        Smallest time constant of traces [ms]; by default the delay.

    Raises
    ------
    WiringError
        If there are no spiking error neurons, or a rule acts at the end of a trial, and so after
        the label anyway.
    ParameterError
        If the delay is negative or not shorter than a trial.

    See Also
    --------
    delayed_feedback : The feedback comes late.

    References
    ----------
    Gerstner et al. 2018, doi:10.3389/fncir.2018.00053: eligibility traces, and third factors that
    come late.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(1e-4)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> h, y, error = ap.LIF("hidden", 6), ap.LIF("output", 3), ap.Error("error", 6)
    >>> _ = ap.chain(net, x, h, y, weights=ap.Normal(0.2), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> online = ap.hypotheses.online(net, tau_x=10.0)
    >>> late = ap.hypotheses.delayed_label(online, delay=40.0)
    >>> late.populations[3].wait, late.populations[0].tau_x  # traces that bridge the delay
    (40.0, 40.0)
    >>> ap.hypotheses.delayed_label(net, delay=40.0)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Hypothesis 'delayed_label': 'stimulus_to_hidden' learns
        when a trial ends and counts spikes until then, so it waits for the label anyway; apply
        'online' first, or let its rule act at feedback...
    """
    _check_time(network, "delayed_label", delay)
    errors = [p for p in network.populations if p.role == "error" and p.is_spiking]
    if not errors:
        raise WiringError(
            "Hypothesis 'delayed_label' needs spiking error neurons (Error), of which the network "
            "has none: rates are learned from when they have settled, however late the label.",
            object="Hypothesis 'delayed_label'",
        )
    waiting = [p for p in network.plastic if p.rule and p.rule.when == "trial"]
    if waiting:
        raise WiringError(
            f"Hypothesis 'delayed_label': {waiting[0].name!r} learns when a trial ends and counts "
            "spikes until then, so it waits for the label anyway; apply 'online' first, or let its "
            "rule act at feedback.",
            object="Hypothesis 'delayed_label'",
        )
    wait = errors[0].wait + delay
    _check_time(network, "delayed_label", wait)
    if not delay:
        return network
    least = wait if trace is None else trace
    late = with_error(network, "delayed_label", lambda e: e.waiting(wait, network.trial))
    return _remembering(late, least)


def _remembering(network: Network, least: float) -> Network:
    """Return the network with presynaptic traces of plastic synapses of at least `least` [ms]."""
    senders = [
        p.pre
        for p in network.plastic
        if p.rule
        and "x_pre" in p.rule.signals
        and not p.rule.traces  # these remember by themselves
    ]
    longer: Mapping[str, float] = {
        p.name: p.tau_x / lasting.tau_x
        for p in senders
        if (lasting := p.remembering(least)) is not p
    }

    def slower(projection: Projection) -> Projection:
        factor = longer.get(projection.pre.name)
        if not projection.rule or factor is None or "x_pre" not in projection.rule.signals:
            return projection
        return replace(projection, rule=_paced(projection.rule, factor))

    return network.altered(
        population=lambda p: p.remembering(least) if p.name in longer else p, projection=slower
    )
