"""Feedback pathways: how the third factor of learning reaches each population's dendrite.

The learning rule is the same under every pathway; only the wiring differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from apical.errors import LocalityError, WiringError
from apical.populations import Error
from apical.projections import Identity, Normal, Opposed, Projection, WeightSource


@dataclass(frozen=True)
class FeedbackPathway:
    """The fixed projections that carry the third factor.

    Parameters
    ----------
    name
        What to call it in messages, figures and exports, for instance ``"DFA"``.
    projections
        Fixed synapses onto ``teach`` inputs.
    source
        Where the wiring comes from.

    Raises
    ------
    LocalityError
        If a projection has a learning rule: feedback stays as it was drawn.
    WiringError
        If a projection does not reach a ``teach`` input.
    """

    name: str
    projections: tuple[Projection, ...]
    source: str = ""

    def __post_init__(self) -> None:
        for projection in self.projections:
            if projection.rule is not None:
                raise LocalityError(
                    f"FeedbackPathway {self.name!r} must be fixed, but {projection.name!r} "
                    f"learns by rule {projection.rule.name!r}; give it rule=None."
                )
            if "teach" not in projection.carries:
                raise WiringError(
                    f"FeedbackPathway {self.name!r} must end on 'teach' inputs, but "
                    f"{projection.name!r} reaches {', '.join(projection.carries)}."
                )


def direct(
    error: Error, forward: Sequence[Projection], weights: WeightSource | None = None
) -> FeedbackPathway:
    """Direct feedback alignment: the error reaches every population through its own synapses.

    Parameters
    ----------
    error
        The error neurons of the last population of `forward`.
    forward
        Forward projections, in order.
    weights
        Where the fixed weights onto hidden populations come from, shape (n_classes, n_hidden)
        [dimensionless]; standard normal by default. The output hears its own error with
        weight 1.

    References
    ----------
    Nokland 2016, arXiv:1609.01596, fig. 1c.
    """
    if not forward:
        raise WiringError("Direct feedback needs the forward projections it teaches, got none.")
    last = forward[-1].post
    if last.size != error.n_classes:
        raise WiringError(
            f"Error {error.name!r} has {error.n_classes} classes, but the last population "
            f"{last.name!r} has {last.size} neurons; they must match."
        )
    hidden = [projection.post for projection in forward[:-1]]
    carries = {"teach": "x"}
    random = Opposed(weights if weights is not None else Normal(1.0))
    return FeedbackPathway(
        "DFA",
        (
            Projection(error, last, Opposed(Identity()), carries=carries),
            *(Projection(error, population, random, carries=carries) for population in hidden),
        ),
        source="Nokland 2016, arXiv:1609.01596",
    )
