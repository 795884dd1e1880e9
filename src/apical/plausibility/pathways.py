"""Audit of synapses: one-way transmission, weight transport, plasticity of feedback."""

from collections.abc import Callable, Iterator
from functools import reduce

import numpy as np

from apical._base.rounding import is_flat
from apical.network.description import Network
from apical.neurons.base import Population
from apical.plausibility.findings import Finding
from apical.projections.projection import Projection, ReadBackwards, SignsOf

SURPRISE = 5.0
"""Significance threshold of a correlation, as Fisher's z in units of its standard error (Fisher
1921, Metron 1:3): independent weights exceed it in less than one of a million pairs."""

ROUTES = 32
"""Largest number of paths between two populations that are examined."""

WeightsOf = Callable[[Projection], np.ndarray]


class Weights:
    """The initial weights of a network, each drawn once."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._drawn: dict[str, np.ndarray] = {}

    def __call__(self, projection: Projection) -> np.ndarray:
        if projection.name not in self._drawn:
            self._drawn[projection.name] = self._network.initial_weights(projection)
        return self._drawn[projection.name]


def one_way(network: Network, projection: Projection, weights: Weights) -> Finding:
    """Return the finding on one-way transmission of the synapses of a projection."""
    relays = network.feedback.relays if network.feedback else ()
    if projection.name in {p.name for p in relays}:
        reason = "carries activity and, independently, a teaching signal along the same synapses"
        if projection.pre.is_spiking:
            reason += ", as two more kinds of events, one for each sign, that they tell from spikes"
        return Finding(projection.name, "one-way", "idealised", reason)
    taught = network.feedback.projections if network.feedback else ()
    if projection not in taught:  # of feedback, weight transport speaks
        for other in network.projections:
            if other not in taught and _is_same(projection, other, weights):
                reason = (
                    f"its weights are those of {other.name!r} in the other direction: "
                    "bidirectional synapses"
                )
                return Finding(projection.name, "one-way", "not local", reason)
    carried = " and ".join(f"{signal} to {to}" for to, signal in projection.carries.items())
    reason = f"carries {carried}, from {projection.pre.name} to {projection.post.name} only"
    return Finding(projection.name, "one-way", "local", reason)


def _is_same(a: Projection, b: Projection, weights: Weights) -> bool:
    """Say whether two projections are the same synapses, seen from both ends."""
    judged = "error" in (a.pre.role, a.post.role)
    if judged or a.pre is not b.post or a.post is not b.pre:
        return False
    there, back = weights(a), weights(b).T
    if a is b:  # recurrent: above and below the diagonal
        above = np.triu_indices(len(there), 1)
        there, back = there[above], back[above]
    wired = there[there != 0]
    # one-to-one or uniform weights are connectivity, and transport no weights
    return len(np.unique(wired)) > 1 and is_surprising(*correlation(there, back))


def transport(network: Network, feedback: Projection, weights: Weights) -> Finding:
    """Return the finding on weight transport from forward weights to feedback."""
    if isinstance(feedback.weights, ReadBackwards):
        source = feedback.weights
        if isinstance(source, SignsOf):
            how = f"have the signs of those of {source.projection.name!r} transposed"
            return _transported(feedback, how, "transport of signs")
        return _transported(feedback, f"are those of {source.projection.name!r} transposed")
    found = copied(network, feedback, weights(feedback), weights)
    if found:
        return _transported(feedback, found)
    reason = "not derived from forward weights, and not correlated with them"
    return Finding(feedback.name, "weight transport", "local", reason)


def _transported(feedback: Projection, how: str, what: str = "weight transport") -> Finding:
    reason = f"its weights {how} ({what})"
    return Finding(feedback.name, "weight transport", "not local", reason)


def copied(network: Network, feedback: Projection, values: np.ndarray, weights: WeightsOf) -> str:
    """Describe how feedback weights derive from forward weights; empty if they do not.

    Parameters
    ----------
    network
        Its network.
    feedback
        The feedback projection.
    values
        Its weights, shape (n_pre, n_post) [dimensionless].
    weights
        Returns the weights of any projection.
    """
    halves = (values, *np.array_split(values, 2)) if len(values) > 1 else (values,)
    nearly = ""
    for name, back in _backwards(network, feedback, weights):
        for half in halves:
            # any two scalars are multiples of each other
            if half.shape != back.shape or half.size < 2:
                continue
            if _parallel(half, back):
                return f"are those of {name} transposed"
            r, n = correlation(half, back)
            if is_surprising(r, n):
                nearly = f"correlate with those of {name} transposed, r = {r:.2f}"
    return nearly


def _backwards(
    network: Network, feedback: Projection, weights: WeightsOf
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the matrices that backpropagation would use, and their names."""
    for forward in network.driving:
        yield repr(forward.name), weights(forward).T
    judged = feedback.pre.is_told
    pre = feedback.pre.relays or feedback.pre
    end = network.output if judged else pre
    for route in _routes(network, feedback.post, end):
        if len(route) > 1:
            product = reduce(np.matmul, [weights(p) for p in route])
            yield "the product of " + ", ".join(repr(p.name) for p in route), product.T


def _routes(network: Network, start: Population, end: Population) -> list[list[Projection]]:
    """Return the paths of driving projections from one population to another."""
    found, open_ones = list[list[Projection]](), [[p] for p in network.driving if p.pre is start]
    while open_ones and len(found) < ROUTES:
        route = open_ones.pop()
        if route[-1].post is end:
            found.append(route)
            continue
        seen = {p.pre.name for p in route}
        open_ones += [
            [*route, p]
            for p in network.driving
            if p.pre is route[-1].post and p.post.name not in seen
        ]
    return found


def correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, int]:
    """Return Pearson's correlation of two arrays of one shape, 0 where one is constant; and n."""
    if is_flat(a) or is_flat(b):
        return 0.0, a.size
    a, b = a.ravel() - a.mean(), b.ravel() - b.mean()
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norms), a.size


def is_surprising(r: float, n: int) -> bool:
    """Say whether a correlation is significant, so that weights are not independent."""
    if n <= 3:
        return False
    return bool(np.arctanh(min(abs(r), 1 - 1e-12)) * np.sqrt(n - 3) > SURPRISE)


def _parallel(a: np.ndarray, b: np.ndarray) -> bool:
    """Say whether two matrices are proportional."""
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return bool(norms and abs(np.sum(a * b)) > (1 - 1e-9) * norms and min(a.shape) > 0)


def fixed_or_plastic(feedback: Projection) -> Finding:
    """Return the finding on fixed or plastic feedback synapses."""
    if isinstance(feedback.weights, ReadBackwards):
        other = feedback.weights.projection.name
        reason = f"follows the {feedback.weights.what} of {other!r}, without a rule of its own"
        return Finding(feedback.name, "feedback", "not local", reason)
    if feedback.rule is not None:
        reason = (
            f"plastic by a local rule of its own, {feedback.rule.name!r} ({feedback.rule.update})"
        )
        return Finding(feedback.name, "feedback", "local", reason)
    return Finding(feedback.name, "feedback", "local", "fixed synapses, at their initial weights")
