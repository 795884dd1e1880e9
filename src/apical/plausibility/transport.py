"""Audit of weight transport: whether feedback weights know forward weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from apical.network.description import Network
from apical.neurons.base import Population
from apical.plausibility.findings import Alignment, Finding
from apical.plausibility.maps import Forward, Pathways, Weights, halves
from apical.plausibility.matching import ALPHA, Match, compare, copies
from apical.plausibility.mirrors import is_mirrored
from apical.plausibility.structure import rule_of, without_profile
from apical.projections.projection import Projection, ReadBackwards, SignsOf

_EXACT = 1e-6
"""Relative size of what a sum of routes may leave: rounding to single precision."""


@dataclass(frozen=True)
class _Pair:
    """Feedback weights and the forward weights that they may have been copied from.

    Parameters
    ----------
    subject
        Where they end: a feedback projection, or a population.
    what
        Which part of them is meant, in words; empty for the whole.
    back, forward
        Shape (n_sources, n_neurons), and its counterpart.
    projections
        Feedback projections that it is made of.
    """

    subject: str
    what: str
    back: np.ndarray
    forward: Forward
    projections: tuple[Projection, ...]


def transport(pathways: Pathways) -> Iterator[Finding]:
    """Yield one finding on every feedback projection, and one on each sum of several.

    Feedback is every projection by which a signal about the target can reach a weight update,
    whether or not it belongs to the declared pathway.

    Parameters
    ----------
    pathways
        All routes of the network to audit, with its weights.
    """
    network, weights = pathways.network, pathways.weights
    yield from _declared(network)
    judged = [_judged(pair) for pair in _pairs(network, pathways, weights)]
    alpha = ALPHA / max(sum(one.is_tested for one in judged), 1)
    said = list(dict.fromkeys(one.pair.subject for one in judged))
    for subject in said:
        yield _summary(subject, [one for one in judged if one.pair.subject == subject], alpha)
    for projection in pathways.teaching:
        if projection.name in said or isinstance(projection.weights, ReadBackwards):
            continue
        reason = _uncompared(projection)
        yield Finding(projection.name, "weight transport", "local", reason)
    yield from _mirrors(network, pathways, weights)
    yield from _changing(network, weights)


def _uncompared(projection: Projection) -> str:
    """Say why there are no forward weights to compare those of a feedback projection with."""
    post = projection.post
    if projection.pre.is_told:
        return f"{post.name!r} is what the error is about: no weights lie between them"
    pre = projection.pre.relays or projection.pre
    return (
        f"no forward pathway leads from {post.name!r} to {pre.name!r}, so none has weights that "
        "could be transported"
    )


# ---- what is compared ----------------------------------------------------------------------------


def _pairs(network: Network, pathways: Pathways, weights: Weights) -> Iterator[_Pair]:
    known = set[tuple[bytes, bytes]]()
    for pair in _all_pairs(network, pathways, weights):
        # global factors do not matter, for instance of errors in pairs of opposite sign
        key = _key(pair.back), _key(pair.forward.values)
        if pair.back.shape == pair.forward.values.shape and key not in known:
            known.add(key)
            yield pair


def _key(matrix: np.ndarray) -> bytes:
    largest = np.abs(matrix).max(initial=0)
    return np.round(matrix / (largest or 1), 12).tobytes()


def _all_pairs(network: Network, pathways: Pathways, weights: Weights) -> Iterator[_Pair]:
    for projection in pathways.teaching:
        if isinstance(projection.weights, ReadBackwards):
            continue
        anchor = _anchor(pathways, projection)
        if anchor is None:
            continue
        others = [single for name, single in pathways.single.items() if name != projection.name]
        for forward in (*pathways.forward(projection.post, anchor), *others):
            for drawn in weights.all_answers(projection):
                for what, part in halves(drawn, projection.pre).items():
                    yield _Pair(projection.name, what, part, forward, (projection,))
    for end, teachers in pathways.by_what_they_compare.items():
        for population in network.populations:
            onto = tuple(pathways.onto(population))
            if not onto or population is end or population.is_told:
                continue
            if any(isinstance(p.weights, ReadBackwards) for p in onto):
                continue
            subject = onto[0].name if len(onto) == 1 else population.name
            for what, values in pathways.arriving(teachers, population).items():
                said = f", summed over all routes {what},"
                for forward in pathways.forward(population, end):
                    yield _Pair(subject, said, values, forward, onto)
            yield from _weighed(pathways, end, teachers, population, subject)


def _weighed(
    pathways: Pathways,
    end: Population,
    teachers: Sequence[Population],
    population: Population,
    subject: str,
) -> Iterator[_Pair]:
    """Yield where some weighted sum of several routes is what backpropagation would use.

    Of independent weights none is: there are many more of them than routes.
    """
    routes = pathways.routes_back(teachers, population)
    onto = tuple(pathways.onto(population))
    for forward in pathways.forward(population, end) if len(routes) > 1 else ():
        wanted, size = forward.values, np.linalg.norm(forward.values)
        alike = [r for r in routes if r.shape == wanted.shape]
        if len(alike) < 2 or 4 * len(alike) > np.count_nonzero(wanted) or rule_of(wanted):
            continue
        basis = np.stack([route.ravel() for route in alike], 1)
        basis = basis / np.linalg.norm(basis, axis=0)
        sizes = np.linalg.lstsq(basis, wanted.ravel(), rcond=None)[0]
        found = (basis @ sizes).reshape(wanted.shape)
        if np.linalg.norm(found - wanted) < _EXACT * size:
            said = f", in a weighted sum of {len(alike)} routes,"
            yield _Pair(subject, said, found, forward, onto)


def _anchor(pathways: Pathways, projection: Projection) -> Population | None:
    """Return the population whose signal a feedback projection carries."""
    pre = projection.pre
    return pathways.compared(pre) if pre.is_told else pre.relays or pre


# ---- how it is judged ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Judged:
    """A pair, its comparison (None if there is nothing to compare), and what was left out or why.

    Parameters
    ----------
    pair, match, why
        As above.
    """

    pair: _Pair
    match: Match | None
    why: str

    @property
    def is_tested(self) -> bool:
        """Whether statistical tests count; of single routes among many, only copies do."""
        return self.match is not None and not self.pair.forward.is_single


def _judged(pair: _Pair) -> _Judged:
    back, forward = pair.back, pair.forward.values
    if pair.forward.is_single and not copies(back, forward):
        return _Judged(pair, None, f"no copy of {pair.forward.name}")
    for matrix, which in ((forward, pair.forward.name), (back, "its weights")):
        rule = rule_of(matrix) if matrix.any() else "all are 0"
        if rule:
            why = f"{which} hold no information that could be transported ({rule})"
            return _Judged(pair, None, why)
    left, right, shared = without_profile(back, forward)
    match = compare(left, right, ALPHA)
    if shared:  # what was taken out hides copies of some neurons
        match = replace(match, copies=copies(back, forward) or match.copies)
    return _Judged(pair, match, shared)


def _summary(subject: str, judged: list[_Judged], alpha: float) -> Finding:
    """Return the finding on all comparisons of one projection or population."""
    tested = [one for one in judged if one.is_tested]
    matches = tuple(
        Alignment(subject, one.pair.what.strip(", "), one.pair.forward.name, one.match)
        for one in tested
        if one.match is not None
    )
    for one in judged:
        if one.match is not None and one.match.copies:
            how = one.match.copies[0].format(one.pair.forward.name)
            reason = f"its weights{one.pair.what} {how}"
            return _transported(subject, reason, matches)
    found = [
        (test.p, test, one)
        for one in tested
        if one.match is not None
        for test in one.match.significant(alpha)
    ]
    if found:
        _, test, one = min(found, key=lambda of: of[0])
        assert one.match is not None
        reason = (
            f"its weights{one.pair.what} agree with {one.pair.forward.name}: "
            f"{test.name} {test.value:.2f}, p = {test.p:.1g}, n = {one.match.n} weights of "
            f"{one.match.n_neurons} neurons"
        )
        return _transported(subject, reason, matches)
    return Finding(subject, "weight transport", "local", _nothing(judged), alignment=matches)


def _nothing(judged: list[_Judged]) -> str:
    """Say that nothing was found, and what would have been seen."""
    for one in judged:
        match = one.match
        tests = {test.name: test for test in match.tests} if match else {}
        if match is None or "correlation" not in tests:
            continue
        test = tests["correlation"]
        seen = f"at least {test.seen_from:.2f} would have been seen"
        if np.isnan(test.seen_from):
            seen = f"with {match.n_neurons} neurons only exact copies would have been seen"
        also = f"; {one.why}, which was taken out" if one.why else ""
        return (
            f"did not correlate with {one.pair.forward.name} (r = "
            f"{test.value:.2f}, angle {match.angle:.0f} deg, n = {match.n} weights of "
            f"{match.n_neurons} neurons; {seen}){also}"
        )
    return next((one.why for one in judged if one.why), "nothing to compare")


def _transported(subject: str, reason: str, matches: tuple[Alignment, ...] = ()) -> Finding:
    reason = f"{reason} (weight transport)"
    return Finding(subject, "weight transport", "not local", reason, alignment=matches)


def _declared(network: Network) -> Iterator[Finding]:
    """Yield projections whose weights follow those of others by their description."""
    for projection in network.projections:
        source = projection.weights
        if isinstance(source, SignsOf):
            how = f"its weights have the signs of those of {source.projection.name!r} transposed"
            reason = f"{how} (transport of signs)"
            yield Finding(projection.name, "weight transport", "not local", reason)
        elif isinstance(source, ReadBackwards):
            yield _transported(
                projection.name, f"its weights are those of {source.projection.name!r} transposed"
            )


def _changing(network: Network, weights: Weights) -> Iterator[Finding]:
    """Yield sources of weights that answer differently when asked again."""
    for projection in network.projections:
        n = (
            1
            if isinstance(projection.weights, ReadBackwards)
            else len(weights.all_answers(projection))
        )
        if n > 1:
            reason = (
                f"its source of weights, {type(projection.weights).__name__}, gave {n} different "
                f"answers in {weights.ASKED + 1}: nothing can be said about the weights of a run"
            )
            yield Finding(projection.name, "weight transport", "not local", reason)


def _mirrors(network: Network, pathways: Pathways, weights: Weights) -> Iterator[Finding]:
    """Yield plastic feedback that starts like forward weights and mirrors how they learn."""
    for projection in pathways.teaching:
        anchor = _anchor(pathways, projection)
        if projection.rule is None or anchor is None:
            continue
        for forward in network.plastic:
            if forward.pre is not projection.post or forward.post is not anchor:
                continue
            if not is_mirrored(network, forward, projection):
                continue
            there, back = weights(forward).T, halves(weights(projection), projection.pre)[""]
            rules = [rule_of(m) if m.any() else "all 0" for m in (there, back)]
            if back.shape == there.shape and (all(rules) or compare(back, there).copies):
                how = f"both {rules[0]}" if all(rules) else "as its transpose"
                reason = (
                    f"starts like {forward.name!r} ({how}) and learns by the mirror image of its "
                    "rule, so that the two are transposes of each other at every moment: prepared "
                    "symmetric (Kolen & Pollack 1994, doi:10.1109/ICNN.1994.374486)"
                )
                yield Finding(projection.name, "weight transport", "not local", reason)
