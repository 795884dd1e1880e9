"""Audit of synapses: one-way transmission, plasticity of feedback."""

from collections.abc import Iterator, Sequence

import numpy as np

from apical.network.description import Network
from apical.plausibility.events import acting, said
from apical.plausibility.findings import Finding
from apical.plausibility.maps import Weights
from apical.plausibility.matching import ALPHA, Match, compare
from apical.plausibility.structure import rule_of, without_profile
from apical.projections.projection import Projection, ReadBackwards


def one_way(
    network: Network, projection: Projection, weights: Weights, teaching: Sequence[Projection]
) -> Finding:
    """Return the finding on one-way transmission of the synapses of a projection.

    Parameters
    ----------
    network
        Its network.
    projection
        The projection.
    weights
        The weights of the network.
    teaching
        Projections that carry feedback, of which weight transport speaks.
    """
    relays = network.feedback.relays if network.feedback else ()
    if projection.name in {p.name for p in relays}:
        reason = "carries activity and, independently, a teaching signal along the same synapses"
        if projection.pre.is_spiking:
            reason += ", as two more kinds of events, one for each sign, that they tell from spikes"
        return Finding(projection.name, "one-way", "idealised", reason)
    pairs = [p for p in network.projections if _are_opposite(projection, p)]
    if projection not in teaching:
        for other in pairs:
            if other in teaching:
                continue
            match = _in_both_directions(projection, other, weights)
            if match and (match.copies or match.significant(ALPHA / len(network.projections))):
                reason = (
                    f"its weights are those of {other.name!r} in the other direction: "
                    "bidirectional synapses"
                )
                return Finding(projection.name, "one-way", "not local", reason)
    carried = " and ".join(f"{signal} to {to}" for to, signal in projection.carries.items())
    reason = f"carries {carried}, from {projection.pre.name} to {projection.post.name} only"
    return Finding(projection.name, "one-way", "local", reason)


def _are_opposite(a: Projection, b: Projection) -> bool:
    judged = "error" in (a.pre.role, a.post.role)
    follows = any(isinstance(p.weights, ReadBackwards) for p in (a, b))
    return not (judged or follows) and a.pre is b.post and a.post is b.pre


def _in_both_directions(a: Projection, b: Projection, weights: Weights) -> Match | None:
    """Compare the synapses of two projections in opposite directions; None if all follow a rule."""
    there, back = weights(a), weights(b).T
    if rule_of(there) or rule_of(back):
        return None  # connectivity, which transports no weights
    there, back, _ = without_profile(there, back)
    if a is b:  # recurrent: above and below the diagonal
        above = np.triu_indices(len(there), 1)
        there, back = there[above][np.newaxis], back[above][np.newaxis]
    return compare(there, back) if there.size > 1 else None


def fixed_or_plastic(network: Network, feedback: Projection) -> Finding:
    """Return the finding on what changes feedback synapses: nothing, a rule, interventions.

    Parameters
    ----------
    network
        Its network.
    feedback
        The projection.
    """
    done = said(acting(network, feedback))
    if isinstance(feedback.weights, ReadBackwards):
        other = feedback.weights.projection.name
        reason = f"follows the {feedback.weights.what} of {other!r}, without a rule of its own"
        return Finding(feedback.name, "feedback", "not local", reason)
    reason = "fixed synapses, at their initial weights"
    if feedback.rule is not None:
        reason = (
            f"plastic by a local rule of its own, {feedback.rule.name!r} ({feedback.rule.update})"
        )
    elif done:
        reason = "drawn at the start"
    reason += f", and {done}" if done else ""
    reason += "".join(f"; {what}" for what in _hypotheses(feedback))
    return Finding(feedback.name, "feedback", "broadcast" if done else "local", reason)


def _hypotheses(feedback: Projection) -> Iterator[str]:
    """Yield what else is assumed of the synapses of a feedback projection."""
    if not feedback.connectivity.is_full:
        yield f"connected {feedback.connectivity.about}"
    if feedback.missing:
        yield f"{feedback.missing:.0%} of its synapses do not exist"
    if feedback.release < 1:
        yield f"each spike is transmitted with probability {feedback.release:g}"
    if feedback.delay:
        yield f"spikes arrive {feedback.delay:g} ms late"
