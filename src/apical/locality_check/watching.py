"""Training of what a script made, compared with `apical.simulate`, over many short blocks.

Weights without a rule are watched, so that one that is copied now and then is seen; and what a
script learns is compared with what `apical.simulate` learns from the same start and blocks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from apical._base import seeds
from apical.devices import Block, BlockResult, Simulator
from apical.locality_check.budget import Budget, Tally
from apical.locality_check.causality import differ
from apical.locality_check.causes import Fault
from apical.locality_check.changes import mirrors
from apical.locality_check.subject import Subject, guarded, weights_of
from apical.network.stimuli import n_values
from apical.plausibility import Aspect
from apical.plausibility.findings import NETWORK
from apical.projections.projection import ReadBackwards

REACHED = 6
"""Number of blocks after which a state is kept for perturbations."""

LONG, BRIEF = 256, 6
"""Number of updates in one last, longer block: of steady states, and in time steps."""


@dataclass
class Watching:
    """A network that is trained and watched.

    Parameters
    ----------
    subject, tally, budget
        The network on a device, what was done, and how much is to be.
    """

    subject: Subject
    tally: Tally
    budget: Budget
    _seen: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.network = self.subject.network
        self.reached = dict(self.subject.start)

    def faults(self, plain: Simulator | None) -> Iterator[Fault]:
        """Train, and yield violations.

        Parameters
        ----------
        plain
            The same network from the same start without the script; None if there is no script.
        """
        start = weights_of(self.subject.simulator)
        before = start
        for k, block in enumerate(self._blocks()):
            result = self.subject.run(block)
            after = weights_of(self.subject.simulator)
            self.tally.blocks = min(k + 1, self.budget.blocks)
            self.tally.learns({name: w - before[name] for name, w in after.items()})
            if not block.fires:
                yield from self._unruled(start, after, k)
            if plain is not None:
                with guarded("Training without the script"):
                    known = plain.run(block)
                yield from self._responses(known, result, k)
                yield from self._other(start, after, weights_of(plain), k)
            before = after
            if k < min(REACHED, self.budget.blocks) and _finite(after):
                self.reached = self.subject.simulator.state

    def _blocks(self) -> Iterator[Block]:
        """Yield training blocks of one update, a longer one, and noise phases if there are any."""
        n, shown = self.subject.batch, self.subject.shown
        for k in range(self.budget.blocks):
            yield shown.training(n, k * n)
        in_steps = getattr(self.subject.simulator, "dt", None)
        longer = n * (BRIEF if in_steps else LONG)
        yield shown.training(longer, self.budget.blocks * n)
        for p in self.network.noisy:
            index = seeds.presentation("noise phase")
            yield Block.noise(p.name, n, n_values(self.network), index=index)

    def _responses(self, known: BlockResult, found: BlockResult, k: int) -> Iterator[Fault]:
        """Yield populations that respond otherwise than without the script."""
        for name, counts in known.counts.items():
            mine = found.counts.get(name)
            if mine is None or not np.allclose(mine, counts, 1e-6, 1e-9, equal_nan=True):
                yield from self._once(name, "responds otherwise", k)

    def _unruled(
        self, start: dict[str, np.ndarray], after: dict[str, np.ndarray], k: int
    ) -> Iterator[Fault]:
        """Yield weights that change without a rule."""
        taught = (
            {p.name for p in self.network.feedback.projections} if self.network.feedback else ()
        )
        for p in self.network.projections:
            learns = p.rule is not None and p.rule.when != "noise"
            follows = isinstance(p.weights, ReadBackwards)
            same = np.array_equal(start[p.name], after[p.name], equal_nan=True)
            if learns or follows or same or f"unruled {p.name}" in self._seen:
                continue
            self._seen.add(f"unruled {p.name}")
            reason = f"its weights change during learning without a rule, first in block {k + 1}"
            how = mirrors(self.network, p, after)
            if how:
                yield Fault(p.name, "weight transport", f"{reason}, and {how}", "unruled")
            else:
                aspect: Aspect = "feedback" if p.name in taught else "locality"
                yield Fault(p.name, aspect, reason, "unruled")

    def _other(
        self,
        start: dict[str, np.ndarray],
        after: dict[str, np.ndarray],
        plain: dict[str, np.ndarray],
        k: int,
    ) -> Iterator[Fault]:
        """Yield projections that learn something else than without the script."""
        for name, weights in after.items():
            if differ(start[name], plain[name], weights):
                yield from self._once(name, "learns other weights", k)

    def _once(self, name: str, does: str, k: int) -> Iterator[Fault]:
        if name not in self._seen:
            self._seen.add(name)
            reason = (
                f"it {does} in what {self.subject.name} returned than in what simulate() returns, "
                f"from the same start and blocks, first in block {k + 1}: code that the "
                "description does not know changes what is learned"
            )
            yield Fault(name, "locality", reason, "script")


def _finite(weights: Mapping[str, np.ndarray]) -> bool:
    return all(np.isfinite(w).all() for w in weights.values())


def added(simulator: Simulator) -> Iterator[Fault]:
    """Yield what a script added to a simulator, or changed in it, unless it only reads."""
    for item in getattr(simulator, "additions", ()):
        if not item.only_reads:
            said = f", which {item.what}" if item.what else ""
            reason = (
                f"the script added or changed {item.name!r} ({item.kind}){said}: the description "
                "does not know this code, so that nothing can be said for what it reads and writes"
            )
            yield Fault(NETWORK, "locality", reason, "addition")
