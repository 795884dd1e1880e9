"""Compatibility of interventions with the projections of a network, and with each other."""

from collections.abc import Iterable

from apical.errors import WiringError
from apical.network.interventions import Intervention
from apical.neurons.base import Population
from apical.projections.projection import Projection, ReadBackwards


def check_interventions(
    interventions: Iterable[Intervention],
    projections: Iterable[Projection],
    taught: Iterable[Projection],
    output: Population,
) -> None:
    """Raise unless interventions can do what they say to the synapses that they concern.

    Parameters
    ----------
    interventions
        Those of a network.
    projections, taught
        Its projections, and which of them belong to the feedback pathway.
    output
        Its output.

    Raises
    ------
    WiringError
        If synapses learn, or transport the weights of others, where learning or transport would
        undo an intervention; or if one intervention would undo another.
    """
    names = {p.name for p in taught}
    known = [one for one in interventions if one.undone_by_learning]
    for projection in projections:
        acting = [
            one
            for one in known
            if (projection.name in names or not one.on_feedback)
            and one.concerns(projection, output)
        ]
        for one in acting:
            _check_fixed(one, projection)
        if len(acting) > 1 and any(one.restores for one in acting):
            both = " and ".join(type(one).__name__ for one in acting)
            raise WiringError(
                f"Projection {projection.name!r} would undergo {both}, of which one undoes the "
                "other; apply one intervention to it.",
                object=f"Projection {projection.name!r}",
            )


def _check_fixed(one: Intervention, projection: Projection) -> None:
    """Raise unless a projection has fixed synapses of its own for an intervention to act on."""
    name, kind = projection.name, type(one).__name__
    if projection.rule is not None:
        raise WiringError(
            f"Projection {name!r} learns, so it {one.undone_by_learning} ({kind}, {one.reason}); "
            "keep it fixed, or silence its presynaptic population (lesions.silenced), or let "
            "synapses never exist (hypotheses.missing_synapses).",
            object=f"Projection {name!r}",
        )
    if isinstance(projection.weights, ReadBackwards):
        raise WiringError(
            f"Projection {name!r} has no synapses of its own for {kind} ({one.reason}): it "
            f"transports those of {projection.weights.projection.name!r}; use feedback by synapses "
            "of its own.",
            object=f"Projection {name!r}",
        )
