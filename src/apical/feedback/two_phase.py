"""Two-phase feedback: dendrites compare plateau potentials of a forward and a target phase."""

from collections.abc import Sequence

from apical._base.bibliography import cite
from apical._base.checking import checked
from apical.errors import WiringError
from apical.feedback import pathways as feedback
from apical.feedback.pathways import FeedbackPathway
from apical.neurons.base import Population
from apical.neurons.rate import NUDGED
from apical.projections.projection import Projection
from apical.projections.weights import WeightSource


@checked()
def two_phases(
    error: Population, forward: Sequence[Projection], weights: WeightSource | None = None
) -> FeedbackPathway:
    r"""Two-phase learning: dendrites compare the output in a forward and a nudged (target) phase.

    .. math:: \text{teach}_l = \text{plateau}(y_\text{target}\,B_l) - \text{plateau}(y\,B_l)

    Fixed random synapses carry the activity of the output, in both phases, to the dendrites of all
    hidden populations (`apical.Rate`, `plateau`); these learn from the second plateau minus the
    first. No error crosses these synapses: only the output receives one, as the current that moves
    it towards its target (`nudge`). Apical dendrites do not affect the activity of their neurons,
    so hidden activity is the same in both phases.

    Parameters
    ----------
    error
        The error neurons of the last population of `forward`.
    forward
        Forward projections, in order. Hidden populations need a `plateau`, the last one a `nudge`.
    weights
        Where the fixed weights onto hidden populations come from, shape (n_classes, n_hidden)
        [dimensionless]; uniform up to ``1/sqrt(n_hidden)`` by default.

    Raises
    ------
    WiringError
        If a population lacks what the phases need.

    See Also
    --------
    apical.Rate : Its parameters `plateau` and `nudge`.
    apical.feedback.direct : The error in place of two outputs.

    References
    ----------
    Guerguiev, Lillicrap & Richards 2017, doi:10.7554/eLife.22901: plateaus of a forward and a
    target phase, feedback from the output to all hidden populations.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x, error = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.RateError("error", 2)
    >>> h, y = ap.Rate("hidden", 3, plateau="logistic"), ap.Rate("output", 2, nudge=1.0)
    >>> forward = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=ap.rules.three_factor(0.1))
    >>> own, onto_hidden = ap.feedback.two_phases(error, forward).projections
    >>> onto_hidden.name, onto_hidden.shape, dict(onto_hidden.carries)
    ('feedback_output_to_hidden', (2, 3), {'teach': 'nudged', 'before': 'x'})
    """
    own, *others = feedback.direct(error, forward, weights).projections
    output = own.post
    if error.is_spiking or not output.nudge:
        raise WiringError(
            f"Two phases need a RateError and an output that is a Rate with nudge above 0, to be "
            f"moved in the second, got {error.name!r} ({type(error).__name__}) and {output!r}."
        )
    flat = [p.post.name for p in others if not p.post.plateau]
    if flat:
        raise WiringError(
            f"Two phases need hidden populations that are Rates with a plateau, but "
            f"{', '.join(map(repr, flat))} have none; give plateau='logistic'."
        )
    carries = {"teach": NUDGED, "before": "x"}
    return FeedbackPathway(
        "plateaus",
        (
            own,
            *(
                Projection(
                    output,
                    p.post,
                    p.weights,
                    carries=carries,
                    name=f"feedback_{output.name}_to_{p.post.name}",
                )
                for p in others
            ),
        ),
        source=cite("guerguiev2017"),
    )
