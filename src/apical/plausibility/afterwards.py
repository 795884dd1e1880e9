"""The audit after a run: what was run is judged, not only what was described.

The weights that a run ended with are compared with those it began with, and with those that its
rules and interventions account for. What they do not account for is reported, and then the final
weights are searched for weight transport. Alignment of feedback with forward weights is reported in
any case: where forward weights learned to agree with fixed feedback, it is feedback alignment
(Lillicrap et al. 2016, doi:10.1038/ncomms13276), by which no weight is transported.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from typing import Any, Protocol

import numpy as np

from apical._base.checking import require, shown
from apical.network.description import Network
from apical.neurons.facts import Aspect
from apical.plausibility.events import HORIZON, acting, foreign, shuffled
from apical.plausibility.findings import ASPECTS, NETWORK, Alignment, Finding, Scorecard
from apical.plausibility.maps import Pathways, Weights, is_ours
from apical.plausibility.matching import ALPHA, TESTS
from apical.plausibility.pathways import fixed_or_plastic
from apical.plausibility.scorecard import audit
from apical.plausibility.transport import transport
from apical.projections.projection import Projection, ReadBackwards


class Learned(Protocol):
    """A network that was run: what `judge` asks of a simulator.

    Where a simulator knows what a script added to it, it also has ``additions``.
    """

    network: Network

    @property
    def batch(self) -> int:
        """Batch size: number of trials per weight update."""

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W, shape (n_pre, n_post)."""


@dataclass(frozen=True)
class JudgedScorecard(Scorecard):
    """The scorecard of a network that was run; made by `judge`.

    Parameters
    ----------
    trials
        Training trials of the run; None if unknown.
    batch
        Batch size: trials per weight update.
    dtype
        Floating-point precision of its weights.

    Examples
    --------
    >>> from apical import simulate
    >>> from apical.plausibility import judge
    >>> from apical.testing.references import rates
    >>> with simulate(rates(), "array", batch=4) as simulator:
    ...     card = judge(simulator, trials=0)
    >>> card.is_local, card.trials, card.batch, card.dtype
    (True, 0, 4, 'float32')
    """

    trials: int | None = None
    batch: int = 1
    dtype: str = "float32"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for instance for JSON.

        Examples
        --------
        >>> from apical import simulate
        >>> from apical.plausibility import judge
        >>> from apical.testing.references import rates
        >>> with simulate(rates(), "array", batch=4) as simulator:
        ...     found = judge(simulator, trials=0).as_dict()
        >>> sorted(found)
        ['counts', 'findings', 'is_local', 'judged', 'levels']
        """
        about = {"trials": self.trials, "batch": self.batch, "dtype": self.dtype}
        return {"judged": about, **super().as_dict()}


def judge(
    simulator: Learned,
    began: Mapping[str, np.ndarray] | None = None,
    *,
    trials: int | None = None,
    final_rate: float = 1.0,
    changed: Sequence[str] = (),
) -> JudgedScorecard:
    """Return the plausibility scorecard of a network after a run, judged by what was run.

    To the lines of `audit` it adds whether projections without a rule kept their weights, what
    interventions made of them, the alignment of feedback with forward weights, and what a script
    loaded, changed or added.

    Parameters
    ----------
    simulator
        The network on its device, after training.
    began
        Weights before training: ``simulator.state`` then, or projection -> shape (n_pre, n_post).
        By default those that the network describes.
    trials
        Training trials since then; None if unknown.
    final_rate
        Learning-rate schedule: final factor on all learning rates [dimensionless].
    changed
        Projections whose weights were changed between two blocks, by neither learning nor an
        intervention (`apical.training.loop.Step.changed`).

    Returns
    -------
    JudgedScorecard
        All findings.

    Raises
    ------
    ParameterError
        If `simulator` is no simulator, or `began` names no projection or has other shapes.

    Examples
    --------
    >>> from apical import datasets, models, simulate, train
    >>> from apical.plausibility import judge
    >>> data = datasets.load("digits").subset(200, 50)
    >>> net = models.load("rate_dfa").build(data, 0, hidden=10)
    >>> with simulate(net, "array") as simulator:
    ...     began = simulator.state
    ...     steps = train(simulator, data, epochs=1, progress=False)
    ...     card = judge(simulator, began, trials=steps[-1].position.trial)
    >>> card.is_local
    True

    A script that writes feedback weights between two blocks is found out:

    >>> with simulate(net, "array") as simulator:
    ...     began = simulator.state
    ...     simulator.load({"error_to_hidden": simulator.weights("error_to_hidden") * 2})
    ...     card = judge(simulator, began)
    >>> [(finding.subject, finding.aspect) for finding in card.faults]
    [('error_to_hidden', 'feedback')]
    """
    require(
        hasattr(simulator, "network") and hasattr(simulator, "weights"),
        "judge",
        "simulator",
        "what apical.simulate returned, after training",
        shown(simulator),
    )
    network = simulator.network.in_order()
    final = {p.name: np.asarray(simulator.weights(p)) for p in network.projections}
    dtype = next((str(w.dtype) for w in final.values()), "float32")
    card = audit(network, batch=simulator.batch, final_rate=final_rate, dtype=dtype)
    ran = _Ran(network, _read(network, began or {}), final, trials, tuple(changed))
    size = f"in batches of {simulator.batch} trials" if simulator.batch > 1 else "trial by trial"
    how_many = "a run" if trials is None else f"a run of {trials:,} training trials"
    found = [
        *_mended(ran, card.findings),
        Finding(NETWORK, "description", "local", f"judged after {how_many}, {size}, in {dtype}"),
        *_fixed(ran),
        *_begun_otherwise(ran),
        *_changed_between(ran),
        *_aligned(ran, card.findings),
        *_own_interventions(ran),
        *_additions(simulator),
    ]
    every = [_turned(ran, replace(f, place=f.place or network.place(f.subject))) for f in found]
    order = sorted(dict.fromkeys(every), key=lambda f: ASPECTS.index(f.aspect))
    return JudgedScorecard(tuple(order), trials, simulator.batch, dtype)


@dataclass(frozen=True)
class _Ran:
    """A run: its network, the weights at its start and end, and what is known of its course.

    Parameters
    ----------
    network, began, final, trials, changed
        As in `judge`; `began` has no entries for weights that were not given.
    """

    network: Network
    began: Mapping[str, np.ndarray]
    final: Mapping[str, np.ndarray]
    trials: int | None
    changed: tuple[str, ...]

    @cached_property
    def weights(self) -> Weights:
        """The weights at its end."""
        return Weights(self.network, self.final)

    @cached_property
    def described(self) -> Weights:
        """The weights that the network describes."""
        return Weights(self.network)

    @cached_property
    def feedback(self) -> list[Projection]:
        """Projections by which a signal about the target can reach an update."""
        return Pathways(self.network, self.described).teaching

    @cached_property
    def alignments(self) -> dict[str, Alignment]:
        """How feedback agrees with forward weights at its end, by projection or population."""
        return _shown(list(transport(Pathways(self.network, self.weights))))

    @cached_property
    def unaccounted(self) -> dict[str, str]:
        """Projections without a rule whose weights changed for no known cause, and by how much."""
        found = {}
        for projection in self.network.projections:
            if projection.rule is None and not isinstance(projection.weights, ReadBackwards):
                how = self._unaccounted(projection)
                if how:
                    found[projection.name] = how
        return found

    def start(self, projection: Projection) -> np.ndarray | None:
        """Return the weights at its start, as precise as those at its end; None if unknown."""
        dtype = self.final[projection.name].dtype
        if projection.name in self.began:
            return np.asarray(self.began[projection.name], dtype)
        if self.described.sampled:  # all of them, as at its end
            return np.asarray(self.network.initial_weights(projection), dtype)
        answers = self.described.all_answers(projection)
        return np.asarray(answers[0], dtype) if len(answers) == 1 else None

    def _unaccounted(self, projection: Projection) -> str:
        start, end = self.start(projection), self.final[projection.name]
        acts = acting(self.network, projection)
        if start is None or (acts and (self.trials is None or not all(map(is_ours, acts)))):
            return ""  # a source or an intervention whose code is the user's, which has its line
        times = [t for one in acts for t in one.times(0, self.trials or 0)]
        for one in acts if times else ():
            start = one.acted(projection, start, self.network.seed, max(times))
        expected = np.asarray(start, end.dtype)
        away = int((expected != end).sum())
        if not away:
            return ""
        most = np.abs(expected - end).max()
        return f"{away} of its {end.size} weights changed during the run, by up to {most:.2g}"


def _read(network: Network, began: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return weights by name of projection, from those or from the state of a simulator."""
    found = {}
    names = {f"{p.name}{end}" for p in network.projections for end in ("", ".w")}
    require(
        not began or not names.isdisjoint(began),
        "judge",
        "began",
        "simulator.state from before training, or weights by name of projection",
        f"{shown(sorted(began))}, none of which is a projection",
    )
    for p in network.projections:
        values = began.get(p.name, began.get(f"{p.name}.w"))
        if values is not None and not isinstance(p.weights, ReadBackwards):
            edges, given = network.edges(p), np.asarray(values)
            if edges is not None and given.shape == (edges.n_weights,):
                given = edges.dense(given)
            fits = given.size == p.pre.size * p.post.size
            require(fits, "judge", f"began[{p.name!r}]", f"of shape {p.shape}", f"{given.shape}")
            found[p.name] = given.reshape(p.shape)
    return found


# ---- weights that no rule changes ----------------------------------------------------------------


def _mended(ran: _Ran, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield findings on the description, without those that what was run replaces."""
    replaced = {p.name for p in ran.feedback if p.rule is None}
    for finding in findings:
        aspect, subject = finding.aspect, finding.subject
        if aspect == "feedback" and subject in replaced and _is_on_change(ran, finding):
            continue
        yield finding


def _turned(ran: _Ran, finding: Finding) -> Finding:
    """Add what became of the angle, where feedback was prepared symmetric."""
    if finding.aspect != "weight transport" or "prepared symmetric" not in finding.reason:
        return finding
    one = ran.alignments.get(finding.subject)
    what = f"{one.match.angle:.0f} deg" if one else "undefined"
    return replace(finding, reason=f"{finding.reason}; after the run their angle is {what}")


def _is_on_change(ran: _Ran, finding: Finding) -> bool:
    projection = ran.network.projection(finding.subject)
    return finding.reason == fixed_or_plastic(ran.network, projection).reason


def _fixed(ran: _Ran) -> Iterator[Finding]:
    """Yield whether projections without a rule ended as they began."""
    feedback = {p.name for p in ran.feedback}
    for projection in ran.network.projections:
        name = projection.name
        if projection.rule is not None:
            continue
        if name in ran.unaccounted:
            reason = f"has no rule, but {ran.unaccounted[name]}: something else wrote them"
            aspect: Aspect = "feedback" if name in feedback else "locality"
            yield Finding(name, aspect, "not local", reason)
            yield from _transports(ran, projection, ran.weights, "after the run")
        elif name in feedback:
            described = fixed_or_plastic(ran.network, projection)
            yield replace(described, reason=described.reason + _kept(ran, projection))


def _kept(ran: _Ran, projection: Projection) -> str:
    """Say what was found of fixed feedback at the end of the run."""
    if isinstance(projection.weights, ReadBackwards):
        return ""
    acts = acting(ran.network, projection)
    if ran.start(projection) is None:
        return "; what its source gave at the start is not known any more"
    if not acts:
        return "; after the run they are the same to the last bit"
    if ran.trials is None or not all(map(is_ours, acts)):
        return "; whether anything else changed them was not tested"
    return "; after the run they are what that makes of them, to the last bit"


def _begun_otherwise(ran: _Ran) -> Iterator[Finding]:
    """Yield projections that began with other weights than those described."""
    for projection in ran.network.projections:
        if projection.name not in ran.began:
            continue
        start = ran.start(projection)
        answers = ran.described.all_answers(projection)
        if start is None or any(np.array_equal(start, a.astype(start.dtype)) for a in answers):
            continue
        reason = "began with weights that were loaded, not with those that the network describes"
        yield Finding(projection.name, "locality", "idealised", reason)
        began = ran.described.replaced(ran.began)
        yield from _transports(ran, projection, began, "when the run began")


def _changed_between(ran: _Ran) -> Iterator[Finding]:
    for name in dict.fromkeys(ran.changed):
        reason = (
            "its weights were changed between two blocks of training, by neither its rule nor an "
            "intervention"
        )
        yield Finding(name, "locality", "not local", reason)
        projection = ran.network.projection(name)
        yield from _transports(ran, projection, ran.weights, "after the run")


def _transports(
    ran: _Ran, projection: Projection, weights: Weights, when: str
) -> Iterator[Finding]:
    """Yield weight transport in weights that nothing else accounts for.

    Forward weights may agree with feedback because they learned; of those only copies count.
    """
    is_feedback = projection.name in {p.name for p in ran.feedback}
    declared = {p.name for p in ran.network.projections if isinstance(p.weights, ReadBackwards)}
    ends = {projection.name, projection.post.name}
    ends |= {p.name for p in ran.feedback if p.post is projection.pre}
    for found in transport(Pathways(ran.network, weights)):
        copies = any(one.match.copies for one in found.alignment)
        judged = found.level == "not local" and found.subject in ends - declared
        if judged and (is_feedback or copies):
            yield replace(found, reason=f"{when}: {found.reason}")


def _own_interventions(ran: _Ran) -> Iterator[Finding]:
    handed = {p.name: shuffled(p, ran.final[p.name]) for p in ran.feedback}
    end = HORIZON if ran.trials is None else ran.trials
    yield from foreign(ran.network, ran.weights, handed, end)


# ---- alignment -----------------------------------------------------------------------------------


def _shown(findings: Sequence[Finding]) -> dict[str, Alignment]:
    """Return, for each subject, the comparison with transposed forward weights."""
    found: dict[str, Alignment] = {}
    for finding in findings:
        for one in finding.alignment:
            tested = any(test.name == "correlation" for test in one.match.tests)
            if tested and one.forward.startswith("the transposed"):
                found.setdefault(one.subject, one)
    return found


def _aligned(ran: _Ran, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the alignment of feedback with forward weights at the end of the run."""
    before = _shown(_at_the_start(ran, findings))
    for subject, one in ran.alignments.items():
        match = one.match
        test = next(t for t in match.tests if t.name == "correlation")
        start = before.get(subject)
        was = f"{start.match.angle:.0f} at the start" if start else "undefined at the start"
        seen = f"at least {test.seen_from:.2f} would have been seen"
        if not isfinite(test.seen_from):
            seen = f"none would have been seen with {match.n_neurons} neurons"
        reason = (
            f"angle to {one.forward} {match.angle:.0f} deg after learning ({was}); r = "
            f"{test.value:.2f}, p = {test.p:.1g}, n = {match.n} weights of {match.n_neurons} "
            f"neurons; {seen}{_why(ran, subject, significant=test.p * len(TESTS) < ALPHA)}"
        )
        yield Finding(subject, "feedback", "local", reason, alignment=(one,))


def _at_the_start(ran: _Ran, findings: Sequence[Finding]) -> Sequence[Finding]:
    if not ran.began:
        return findings
    return list(transport(Pathways(ran.network, ran.described.replaced(ran.began))))


def _why(ran: _Ran, subject: str, *, significant: bool) -> str:
    """Say why weights agree, where they do."""
    ends = [p for p in ran.feedback if subject in (p.name, p.post.name)]
    if not significant or any(p.name in ran.unaccounted for p in ends):
        return ""
    if any(p.rule for p in ends):
        return ". Feedback learns by a rule of its own, and no weight is transported"
    return (
        ". Forward weights came to agree with fixed feedback as they learned (feedback alignment), "
        "and no weight is transported"
    )


# ---- what a script did ---------------------------------------------------------------------------


def _additions(simulator: Learned) -> Iterator[Finding]:
    """Yield what was added to a simulator, as far as it keeps a list."""
    for item in getattr(simulator, "additions", ()):
        what = f"{item.name!r} ({item.kind})"
        if item.only_reads:
            reason = f"{what} was added to the simulation, and only records"
            yield Finding(NETWORK, "locality", "local", reason)
            continue
        does = f", which {item.what}" if item.what else ""
        reason = (
            f"{what} was added to the simulation or changed in it{does}: the description does not "
            "know this code, so that nothing can be said for what it reads and writes"
        )
        yield Finding(NETWORK, "locality", "not local", reason)
