"""Hypotheses about events during learning: redrawn feedback, lesions, continual learning."""

from apical._base.parameters import Count, CountOrZero, Share
from apical.errors import ParameterError, WiringError
from apical.hypotheses.changes import feedback_onto_hidden
from apical.hypotheses.declaration import hypothesis
from apical.network.description import Network
from apical.network.interventions import Loss, Redraw
from apical.projections.projection import ReadBackwards


@hypothesis(example={"every": 2}, neutral={"every": 0}, aspects=("feedback",))
def redrawn_feedback(network: Network, *, every: CountOrZero = 100) -> Network:
    """Redraw the random feedback onto hidden populations at intervals during learning.

    Forward weights cannot align with feedback that changes: this must abolish feedback alignment in
    hidden populations (a control).

    Parameters
    ----------
    network
        Any network with fixed feedback.
    every
        Trials between two draws, rounded down to whole batches; 0 is neutral.

    Raises
    ------
    WiringError
        If feedback uses weight transport, is plastic or redrawn already, or no hidden population
        is taught.

    See Also
    --------
    apical.hypotheses.weight_mirror : Feedback that learns.

    References
    ----------
    Lillicrap et al. 2016, doi:10.1038/ncomms13276: feedback alignment works since forward weights
    come to agree with *fixed* feedback.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> redrawn = ap.hypotheses.redrawn_feedback(net, every=100)
    >>> (event,) = redrawn.interventions
    >>> list(event.times(0, 350))  # training trials before which feedback is drawn anew
    [0, 100, 200, 300]
    >>> [p.name for p in net.feedback.projections if event.concerns(p, net.output)]
    ['error_to_hidden']
    """
    for projection in feedback_onto_hidden(network, "redrawn_feedback"):
        if isinstance(projection.weights, ReadBackwards) or projection.rule is not None:
            raise WiringError(
                "Hypothesis 'redrawn_feedback' redraws fixed random synapses, but "
                f"{projection.name!r} {'learns' if projection.rule else 'reads forward weights'}; "
                "use it with fixed feedback, for instance feedback.direct.",
                object="Hypothesis 'redrawn_feedback'",
            )
    if any(isinstance(known, Redraw) for known in network.interventions):
        raise WiringError(
            "Hypothesis 'redrawn_feedback': feedback is redrawn already; apply it once.",
            object="Hypothesis 'redrawn_feedback'",
        )
    if every == 0:
        return network
    # before all others: what was lost is not to come back
    return network.altered(interventions=(Redraw(every), *network.interventions))


@hypothesis(example={"share": 0.5}, neutral={"share": 0.0}, aspects=("feedback",))
def lost_error_neurons(network: Network, *, share: Share = 0.1, after: CountOrZero = 0) -> Network:
    """Lesion a fraction of the error neurons during learning.

    They fall silent for good, towards all populations including the output.

    Parameters
    ----------
    network
        Any network with error neurons.
    share
        Fraction of the error neurons, drawn at random [dimensionless]; 0 is neutral. Spiking
        populations have two for each class.
    after
        Training trials before the lesion, rounded down to whole batches.

    Raises
    ------
    WiringError
        If there are no error neurons that teach, or some are lost already.
    ParameterError
        If `share` is not in [0, 1].

    See Also
    --------
    apical.hypotheses.partial_feedback : Hidden neurons that hear no error.

    References
    ----------
    Lesions as a test of a distributed code: Lashley 1929, Brain Mechanisms and Intelligence,
    chapter 3 (mass action).

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(1e-4)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> h, y, error = ap.LIF("hidden", 6), ap.LIF("output", 3), ap.Error("error", 6)
    >>> _ = ap.chain(net, x, h, y, weights=ap.Normal(0.2), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> lesioned = ap.hypotheses.lost_error_neurons(net, share=0.5, after=200)
    >>> (event,) = lesioned.interventions
    >>> event.reason
    "50% of 'error' fall silent for good after 200 trials"
    >>> onto_hidden = lesioned.projection("error_to_hidden")
    >>> left = event.acted(onto_hidden, lesioned.initial_weights(onto_hidden), seed=0, trial=200)
    >>> int((left == 0).all(axis=1).sum())  # silent error neurons, of 6
    3
    """
    errors = [p for p in network.populations if p.role == "error"]
    if network.feedback is None or not errors:
        raise WiringError(
            "Hypothesis 'lost_error_neurons' needs error neurons that teach, of which the network "
            "has none; give it a pathway of apical.feedback.",
            object="Hypothesis 'lost_error_neurons'",
        )
    loss = Loss(errors[0].name, share, after)
    if any(isinstance(known, Loss) for known in network.interventions):
        raise WiringError(
            "Hypothesis 'lost_error_neurons': error neurons are lost already; apply it once.",
            object="Hypothesis 'lost_error_neurons'",
        )
    if share == 0:
        return network
    return network.altered(interventions=(*network.interventions, loss))


@hypothesis(example={"tasks": 3}, neutral={"tasks": 1})
def class_incremental(network: Network, *, tasks: Count = 5) -> Network:
    """Class-incremental (continual) learning: groups of classes one after the other, test on all.

    Each group is trained for all epochs. To measure catastrophic forgetting, accuracy is evaluated
    on all classes after as many trials as an epoch has.

    Parameters
    ----------
    network
        Any network.
    tasks
        Groups of classes, in the order of their labels; 1 is neutral.

    Raises
    ------
    ParameterError
        If there are fewer classes than `tasks`.

    References
    ----------
    van de Ven & Tolias 2019, arXiv:1904.07734, section 2 (class-incremental learning); McCloskey &
    Cohen 1989, doi:10.1016/S0079-7421(08)60536-8.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> ap.hypotheses.class_incremental(net, tasks=3).tasks
    3
    >>> ap.hypotheses.class_incremental(net, tasks=4)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Hypothesis 'class_incremental' needs tasks from 1 to 3,
        the classes of 'output', got 4...
    """
    if tasks > network.output.size:
        raise ParameterError(
            f"Hypothesis 'class_incremental' needs tasks from 1 to {network.output.size}, the "
            f"classes of {network.output.name!r}, got {tasks!r}.",
            object="Hypothesis 'class_incremental'",
            parameter="tasks",
        )
    return network.altered(tasks=tasks)
