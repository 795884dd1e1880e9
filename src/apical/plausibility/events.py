"""Audit of interventions: what is done to feedback between trials, by no synapse of the network."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import numpy as np

from apical._base import seeds
from apical.errors import WiringError
from apical.network.description import Network
from apical.network.held_weights import as_matrix
from apical.network.interventions import Intervention
from apical.plausibility.findings import Finding
from apical.plausibility.maps import Pathways, Weights, is_ours
from apical.plausibility.transport import transport
from apical.projections.projection import Projection, ReadBackwards

HORIZON = 100_000
"""Training trials within which interventions are asked when they act."""
_ASKED = 3
"""At how many times."""


def acting(network: Network, projection: Projection) -> tuple[Intervention, ...]:
    """Return the interventions that act on a projection, in order.

    Parameters
    ----------
    network, projection
        A network, and one of its projections.
    """
    if not network.interventions:
        return ()
    taught = network.feedback.projections if network.feedback else ()
    is_taught, output = projection.name in {p.name for p in taught}, network.output
    found = list[Intervention]()
    for one in network.interventions:
        if one.on_feedback and not is_taught:
            continue
        try:
            if one.concerns(projection, output):
                _ = one.reason
                found.append(one)
        except Exception as error:
            if is_ours(one):
                raise
            raise WiringError(
                f"The intervention {type(one).__name__} must say whether it concerns "
                f"{projection.name!r}, and its reason, but raised {type(error).__name__}: {error}; "
                "mend its code.",
                object=f"Intervention {type(one).__name__}",
            ) from error
    return tuple(found)


def said(interventions: Iterable[Intervention]) -> str:
    """Describe interventions in words; empty if there are none.

    Parameters
    ----------
    interventions
        Those on one projection.
    """
    return ", and ".join(
        f"{one.reason} (intervention{'' if is_ours(one) else f' {type(one).__name__}'})"
        for one in interventions
    )


def outside(network: Network) -> Iterator[Finding]:
    """Yield what is done to synapses that are no feedback: lesions and stimulation.

    Parameters
    ----------
    network
        The network.
    """
    taught = {p.name for p in network.feedback.projections} if network.feedback else set()
    for projection in network.projections if network.interventions else ():
        done = said(acting(network, projection)) if projection.name not in taught else ""
        if done:
            reason = f"{done}, by no mechanism within the network"
            yield Finding(projection.name, "locality", "noted", reason)


def foreign(
    network: Network,
    weights: Weights,
    handed: Mapping[str, np.ndarray] | None = None,
    start: int = 0,
) -> Iterator[Finding]:
    """Yield what can be said of interventions whose code is not of this package.

    Their code cannot be read, so each is applied to feedback weights that know nothing of the
    forward weights, at the first times that it acts; what it returns must know nothing either.
    After a run these are times beyond its end: what was drawn during the run by number of the trial
    was learned from, and forward weights have come to agree with it.

    Parameters
    ----------
    network
        The network.
    weights
        Its weights.
    handed
        Feedback weights to apply them to, by name of projection; those of the network by default.
    start
        Training trials so far.
    """
    for projection in network.projections:
        if isinstance(projection.weights, ReadBackwards):
            continue
        for one in acting(network, projection):
            if not is_ours(one):
                given = (handed or {}).get(projection.name)
                if given is None:
                    given = as_matrix(network, projection, weights.all_held(projection)[0])
                yield _judged(network, weights, projection, one, given, start)


def shuffled(projection: Projection, weights: np.ndarray) -> np.ndarray:
    """Return the weights of a projection in random order, which know nothing of forward weights.

    Parameters
    ----------
    projection
        The projection.
    weights
        Shape (n_pre, n_post) [dimensionless].
    """
    rng = seeds.stream(0, "shuffled feedback", projection.name)
    return np.asarray(rng.permutation(weights.ravel()).reshape(weights.shape))


def _judged(
    network: Network,
    weights: Weights,
    projection: Projection,
    one: Intervention,
    given: np.ndarray,
    start: int,
) -> Finding:
    """Return the finding on what one intervention makes of the weights of a projection."""
    code, name = f"code of {type(one).__name__}, which is not of this package", projection.name
    try:
        times = list(islice(one.times(start, start + HORIZON), _ASKED))
        made = [one.acted(projection, given.copy(), network.seed, t) for t in times]
        made = [np.asarray(values, float).reshape(projection.shape) for values in made]
    except Exception as error:  # the user's, whatever it is
        reason = f"cannot be judged: {code}, raised {type(error).__name__}: {error}"
        return Finding(name, "weight transport", "not local", reason)
    for trial, values in zip(times, made, strict=True):
        if np.array_equal(values, given):
            continue
        for what, judged in (("", values), ("what it adds: ", values - given)):
            for found in transport(Pathways(network, weights.replaced({name: judged}))):
                if found.level == "not local" and found.subject in (name, projection.post.name):
                    reason = f"after {trial} trials, by {code}: {what}{found.reason}"
                    return Finding(name, "weight transport", "not local", reason)
    if not times:
        reason = f"{code}, acts at none of {HORIZON:,} trials after {start:,}: not tested"
    else:
        asked = f"for trial {', '.join(map(str, times))}"
        reason = (
            f"{code}, was asked {asked}: what it made of weights that know nothing of the forward "
            "weights knows nothing of them either"
        )
    return Finding(name, "feedback", "broadcast", reason)
