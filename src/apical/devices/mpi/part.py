"""The part of a network on one rank: it receives, computes, sends; when an error comes, it learns.

Every rank plans the whole network in the same order, by the functions of device ``array``, and
keeps the calls that are its own; where a signal crosses to another rank, sending and receiving are
calls like any other. So the operands of every operation, and the order of operations on them, are
those of one process, and so are the bits.
"""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from apical.devices.arrays.crossing import Carry, Crossing, Source
from apical.devices.arrays.engine import AT_REST, ArraySimulator, execute
from apical.devices.arrays.library import Array, Library, Workspace
from apical.devices.arrays.steady_state import DELTA, Batch, Settling
from apical.devices.arrays.storage import Storage
from apical.devices.arrays.transfer import Bring, Kept
from apical.devices.mpi.placement import Placement
from apical.devices.mpi.routes import Route, total
from apical.devices.mpi.tracing import RankTrace, Tracer
from apical.devices.mpi.wires import Wires
from apical.devices.simulator import check_finite
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.rate import NUDGED
from apical.projections.projection import Projection

AFTER_FEEDBACK = ("teach", "delta", NUDGED)
"""Signals of a population that depend on what its dendrites hear."""


@dataclass(frozen=True)
class Task:
    """A block of trials, as one rank needs it.

    Parameters
    ----------
    learning
        Factor on every learning rate in each trial, shape (n_trials,).
    index, first
        Stream of random numbers, and place of the first trial in it.
    is_told
        Whether there are targets.
    values
        Stimuli, on the rank that shows them.
    shown
        Targets, on the rank of the output.
    """

    learning: np.ndarray
    index: int
    first: int
    is_told: bool
    values: np.ndarray | None = None
    shown: np.ndarray | None = None


class Away:
    """A projection whose weights are on another rank.

    Parameters
    ----------
    projection
        The projection.
    rank
        Where its weights are.
    """

    def __init__(self, projection: Projection, rank: int) -> None:
        self.projection, self.rank = projection, rank

    def __call__(self, x: Array, total: Array, add: bool) -> Any:
        """Raise: it is not carried here."""
        raise AssertionError(f"{self.projection.name} is on rank {self.rank}")


class PartCrossing(Crossing):
    """Transmission through the projections whose weights are here."""

    def __init__(
        self,
        network: Network,
        library: Library,
        weights: Mapping[str, Array],
        storages: Mapping[str, Storage],
        placement: Placement,
        rank: int,
    ) -> None:
        self._placement, self._rank = placement, rank
        super().__init__(network, library, weights, storages)

    def _carry(self, projection: Projection) -> Carry:
        site = self._placement.site(projection)
        if site != self._rank:
            return Away(projection, site)
        carry = super()._carry(projection)
        return Here(projection, carry)


class Here:
    """A projection whose weights are on this rank.

    Parameters
    ----------
    projection
        The projection.
    carry
        How it transmits.
    """

    def __init__(self, projection: Projection, carry: Carry) -> None:
        self.projection, self._carry = projection, carry

    def __call__(self, x: Array, total: Array, add: bool) -> Any:
        """Return the call that writes or adds a signal to an input."""
        return self._carry(x, total, add)


class PartSettling(Settling):
    """Plans what one rank computes, receives and sends; parameters besides those of `Settling`.

    Parameters
    ----------
    placement, rank
        Where all populations are, and this rank.
    outgoing
        The routes that begin here.
    wires
        Its messages.
    """

    def __init__(
        self, *held: Any, placement: Placement, rank: int, outgoing: list[Route], wires: Wires
    ) -> None:
        self._placement, self._rank = placement, rank
        self._outgoing, self._wires = outgoing, wires
        super().__init__(*held)
        own = {p.name for p in self._network.populations if self._is_here(p)}
        self.normalisers = {k: v for k, v in self.normalisers.items() if k in own}

    def _crossed(self, weights: Mapping[str, Array], storages: Mapping[str, Storage]) -> Crossing:
        placed = self._placement, self._rank
        return PartCrossing(self._network, self.library, weights, storages, *placed)

    def _is_here(self, population: Population) -> bool:
        return population.role == "bias" or self._placement.of(population) == self._rank

    # ---- activity --------------------------------------------------------------------------------
    def _act(self, batch: Batch, population: Population, taught: bool) -> None:
        if self._is_here(population):
            super()._act(batch, population, taught)
            if (population.name, "x") in batch.signals:  # without targets, none of those told
                self._send(batch, population, forward=True)

    def _settle(self, batch: Batch, loop: Any) -> None:
        if self._is_here(loop[0]):
            super()._settle(batch, loop)
            for population in loop:
                self._send(batch, population, forward=True)

    def signal(self, batch: Batch, population: Population, name: str) -> Array:
        """Return the array of a signal, which is received if its population is elsewhere."""
        if self._is_here(population):
            return super().signal(batch, population, name)
        key = population.name, DELTA if name == "delta" else name
        if key not in batch.signals:
            found = self._room((population.name, f"{name} received"), _shape(batch, population))
            batch.calls.append(self._wires.receive(f"{population.name}.{name}", found))
            batch.signals[key] = found
        return batch.signals[key]

    def _send(
        self, batch: Batch, population: Population, *, forward: bool, heard: bool = False
    ) -> None:
        """Plan to send the signals of a population that others need for activity, or to learn."""
        for route in self._outgoing:
            owner, _, name = route.what.partition(".")
            if owner != population.name or route.forward is not forward or " " in name:
                continue
            if forward or (name in AFTER_FEEDBACK) is heard:
                array = self.signal(batch, population, name)
                batch.calls.append(self._wires.send(route.what, route.target, array))

    # ---- feedback --------------------------------------------------------------------------------
    def teach(self, batch: Batch) -> None:
        """Plan the feedback pass; errors go out before anything else is done."""
        hearing = {p.name for p in self._feedback}
        for population in self._network.populations:
            if population.role != "bias" and self._is_here(population):
                self._send(batch, population, forward=False)
                if population.name not in hearing:
                    self._send(batch, population, forward=False, heard=True)
        super().teach(batch)

    def _hear(self, batch: Batch, population: Population) -> None:
        if self._is_here(population):
            super()._hear(batch, population)
            self._send(batch, population, forward=False, heard=True)
            return
        for entry in ("teach", "before") if population.plateau else ("teach",):
            self._help(batch, population, entry)

    def _help(self, batch: Batch, population: Population, entry: str) -> None:
        """Plan to add to a sum of another rank what goes through weights that are here."""
        sources = self._crossing.onto[population.name, entry]
        for number, source in enumerate(s for s in sources if s[0] is not population):
            pre, carried, carry = source
            if not isinstance(carry, Here):
                continue
            there, name = self._placement.of(population), carry.projection
            x = self.signal(batch, pre, carried)
            found = self._room((population.name, f"{entry} helped"), _shape(batch, population))
            if number:
                begun = total(name, entry, begun=True)
                batch.calls.append(self._wires.receive(begun, found))
            batch.calls.append(carry(x, found, number > 0))
            batch.calls.append(self._wires.send(total(name, entry, begun=False), there, found))

    def _bring(self, batch: Batch, target: str, source: Source, into: Array, add: bool) -> None:
        away = source[2]
        if not isinstance(away, Away):
            super()._bring(batch, target, source, into, add)
            return
        if add:
            begun = total(away.projection, target, begun=True)
            batch.calls.append(self._wires.send(begun, away.rank, into))
        batch.calls.append(self._wires.receive(total(away.projection, target, begun=False), into))


def _shape(batch: Batch, population: Population) -> tuple[int, int]:
    return batch.n_trials, population.size


class Rows(Workspace):
    """Workspace for a part of a batch: rows of the arrays of another.

    Parameters
    ----------
    library
        Whose arrays.
    whole
        The workspace of the batch.
    start
        The first row.
    """

    def __init__(self, library: Library, whole: Workspace, start: int) -> None:
        super().__init__(library)
        self._of_batch, self._start = whole, start

    def __call__(self, key: Hashable, shape: tuple[int, int]) -> Array:
        """Return the rows of the array of a key, with any content."""
        n_rows, n_columns = shape
        return self._of_batch(key, (self._start + n_rows, n_columns))[self._start :]


class Part(ArraySimulator):
    """The populations of one rank, and the synapses onto them.

    Parameters
    ----------
    network, library, batch, record, traces
        As of `ArraySimulator`.
    placement, rank
        Where all populations are, and this rank.
    outgoing
        The routes that begin here.
    wires, tracer
        Its messages, and the record of what it does.
    in_flight
        Number of batches that may be in flight on this rank: activity of the next one is computed
        while the errors of so many, less one, are still to come.
    micro_batches
        Number of parts that a batch passes the ranks in, one forward and one backward in turn.
    """

    def __init__(
        self,
        network: Network,
        library: Library,
        batch: int,
        record: Collection[str],
        traces: Collection[str],
        *,
        placement: Placement,
        rank: int,
        outgoing: list[Route],
        wires: Wires,
        tracer: Tracer,
        in_flight: int,
        micro_batches: int,
    ) -> None:
        self._placement, self._rank = placement, rank
        self._outgoing, self._wires, self._tracer = outgoing, wires, tracer
        super().__init__(network, library, batch, record, traces)
        own = [p.name for p in network.populations if p.name in record]
        known = {p.name: p.signals for p in network.populations}
        self._looks = any(signal in known[name] for name in own for signal in traces)
        more: list[tuple[Settling, dict[Any, Any]]] = [
            (self._planner(), {}) for _ in range(in_flight - 1)
        ]
        self._slots: list[tuple[Settling, dict[Any, Any]]] = [
            (self._settling, self._plans),
            *more,
        ]
        self._micro_batches = micro_batches
        self._parts: dict[tuple[int, ...], tuple[Settling, dict[Any, Any]]] = {}

    def _is_here(self, population: Population) -> bool:
        return self._placement.of(population) == self._rank

    def _planner(self, room: Workspace | None = None) -> Settling:
        held = self.network, self.library, self._weights, self._storages, self._streams
        return PartSettling(
            *(*held, room or Workspace(self.library)),
            placement=self._placement,
            rank=self._rank,
            outgoing=self._outgoing,
            wires=self._wires,
        )

    def _suppliers(self, task: Task) -> tuple[Bring, Bring | None]:
        """Return the suppliers of stimuli and of targets; of nothing where others have them."""
        stimuli = _nothing if task.values is None else self._supply.stimuli(task.values)
        if not task.is_told:
            return stimuli, None
        return stimuli, _nothing if task.shown is None else self._supply.targets(task.shown)

    def present(self, task: Task) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Present a block of trials; return counts and traces of populations here, by name."""
        n, learns = len(task.learning), bool(task.learning.any())
        work = _Work(task, *self._suppliers(task), Kept(self.library, n), Kept(self.library, n))
        size = self.batch if learns else AT_REST
        chunks = [slice(k, min(k + size, n)) for k in range(0, n, size)]
        held = len(self._slots)
        with self._tracer.block(n, learns=learns):
            if learns and self._micro_batches > 1:
                for number, chunk in enumerate(chunks):
                    self._pipeline(work, chunk, number)
                chunks = []
            for number, chunk in enumerate(chunks):
                if number >= held:
                    self._attend_to(work, chunks, number - held, number)
                self._pass_on(work, chunk, number)
            for number in range(max(len(chunks) - held, 0), len(chunks)):
                self._attend_to(work, chunks, number, len(chunks))
        signals = {name: values[:, np.newaxis] for name, values in work.traces.read().items()}
        if learns:
            here = [p for p in self.network.plastic if p.name in self._weights]
            check_finite(here, n, self._total)
        return work.counts.read(), signals

    def _pass_on(self, work: "_Work", chunk: slice, number: int) -> None:
        """Compute the activity of a batch: receive, compute, send."""
        with self._tracer.span("forward", f"batch {number}"):
            plan = self._begun_with(work, chunk, number)
            for population in self._recorded:
                values = plan.batch.signals[population.name, "x"]
                work.counts.keep(population.name, chunk, values, population.size)
            work.plans[number] = plan

    def _attend_to(self, work: "_Work", chunks: list[slice], number: int, now: int) -> None:
        """Learn from a batch whose error has come; wait for it if need be."""
        plan, chunk = work.plans.pop(number), chunks[number]
        factor = float(work.task.learning[chunk].mean())
        if not (self._looks or factor):
            return
        with self._tracer.span("learn", f"batch {number}"):
            self._turn_to(work, chunk, number)
            execute(self._taught(plan))
            for population, signal in self._traces:
                values = self._settling.signal(plan.batch, population, signal)
                work.traces.keep(f"{population.name}.{signal}", chunk, values, population.size)
            if factor:
                self._apply(plan, factor)
                self._tracer.learned(now - number - 1)

    def _pipeline(self, work: "_Work", chunk: slice, number: int) -> None:
        """Learn from a batch that comes in parts: one forward, one backward; then learn at once.

        The signals of a part are rows of those of the batch, so that learning is as ever.
        """
        n, factor = chunk.stop - chunk.start, float(work.task.learning[chunk].mean())
        whole = self._whole(n)
        bounds = np.linspace(0, n, min(self._micro_batches, n) + 1).astype(int).tolist()
        parts = [slice(a, b) for a, b in pairwise(bounds)]
        line = self._placement.line
        ahead = min(len(parts), len(line) - line.index(self._rank))
        plans = dict[int, Any]()
        self._streams.begin(work.task.index, work.task.first + chunk.start)

        def forward(k: int) -> None:
            with self._tracer.span("forward", f"batch {number}, part {k}"):
                self._take_up(parts[k])
                rows = slice(chunk.start + parts[k].start, chunk.start + parts[k].stop)
                plans[k] = self._settle(rows, work.stimuli, work.told, learns=True)
                for population in self._recorded:
                    values = plans[k].batch.signals[population.name, "x"]
                    work.counts.keep(population.name, rows, values, population.size)

        for k in range(ahead):
            forward(k)
        for k in range(len(parts)):
            with self._tracer.span("learn", f"batch {number}, part {k}"):
                self._take_up(parts[k])
                execute(self._taught(plans[k]))
            if ahead + k < len(parts):
                forward(ahead + k)
        with self._tracer.span("learn", f"batch {number}"):
            self._settling, self._plans = self._slots[0]
            self._apply(whole, factor)
            self._tracer.learned(0)

    def _settle(self, chunk: slice, stimuli: Bring, told: Bring | None, *, learns: bool) -> Any:
        """Compute the activity of trials, and return their plan."""
        plan = self._settled(chunk, stimuli, told, learns=learns)
        execute(plan.batch.calls)
        return plan

    def _apply(self, plan: Any, factor: float) -> None:
        """Change the weights here by what a batch brought."""
        for calls in self._learn(plan, factor):
            execute(calls)

    def _whole(self, n_trials: int) -> Any:
        """Return the plan of a whole batch, of which only what learns is called."""
        self._settling, self._plans = self._slots[0]
        plan = self._planned(n_trials, True, True, True)
        self._taught(plan)
        return plan

    def _take_up(self, part: slice) -> None:
        """Take up the planner of a part of a batch, which works in rows of its arrays."""
        key = part.start, part.stop
        if key not in self._parts:
            room = Rows(self.library, self._slots[0][0].room, part.start)
            self._parts[key] = self._planner(room), {}
        self._settling, self._plans = self._parts[key]

    def _turn_to(self, work: "_Work", chunk: slice, number: int) -> None:
        """Take up the arrays and the random numbers of a batch."""
        self._settling, self._plans = self._slots[number % len(self._slots)]
        self._streams.begin(work.task.index, work.task.first + chunk.start)

    def _begun_with(self, work: "_Work", chunk: slice, number: int) -> Any:
        self._turn_to(work, chunk, number)
        factor = float(work.task.learning[chunk].mean())
        target = work.told if factor or self._looks else None
        if target is None and self._records_error:
            target = self._supply.nothing
        return self._settle(chunk, work.stimuli, target, learns=bool(factor))

    def changes(self, task: Task) -> dict[str, np.ndarray]:
        """Return the updates of projections here without applying them, as `updates` does."""
        self._settling, self._plans = self._slots[0]
        return self._updates(len(task.learning), *self._suppliers(task))

    def take(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over variables of a state, which were checked before, those that are here."""
        own = self._variables()
        self.state = {name: values for name, values in state.items() if name in own}
        for settling, plans in (*self._slots, *self._parts.values()):
            if settling.look_again():
                plans.clear()

    def traced(self) -> RankTrace:
        """Return what this rank did so far."""
        ranks = self._placement.ranks
        return self._tracer.read(self._rank, [p for p, rank in ranks.items() if rank == self._rank])

    def _release(self) -> None:
        self._wires.close()


@dataclass
class _Work:
    """A block that is being presented."""

    task: Task
    stimuli: Bring
    told: Bring | None
    counts: Kept
    traces: Kept

    def __post_init__(self) -> None:
        self.plans: dict[int, Any] = {}


def _nothing(chunk: slice, out: Any) -> None:
    """Supply nothing: others have it."""
