"""The simulator of device ``array``: steady states of rate networks, in mini-batches."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from apical.devices.arrays import memory_errors as shortage
from apical.devices.arrays.constraints import Holder
from apical.devices.arrays.learning import Learner, Learning, Pairs
from apical.devices.arrays.library import Array, Call, Elsewhere, Library, Workspace
from apical.devices.arrays.random import Streams
from apical.devices.arrays.steady_state import Batch, Settling
from apical.devices.arrays.storage import Storage, storages
from apical.devices.arrays.transfer import Bring, Kept, Supply
from apical.devices.simulator import (
    Block,
    BlockResult,
    Closing,
    check_block,
    check_learned,
    check_state,
    check_weights,
)
from apical.errors import DeviceError
from apical.network.description import Network
from apical.network.held_weights import as_matrix
from apical.network.size import check_trials_fit
from apical.network.stimuli import drive_of
from apical.neurons.base import Population
from apical.projections.projection import Projection, ReadBackwards

AT_REST = 1000
"""Number of trials computed at a time where nothing learns."""

PLANS = 8
"""Number of batch sizes whose plans are cached."""

Steps = Generator[list[Call], None, BlockResult]
"""Yields lists of calls, each of which is executed before the next one is asked for."""


def alone(steps: Steps) -> BlockResult:
    """Execute the calls of a block, and return its result."""
    while True:
        try:
            calls = next(steps)
        except StopIteration as ended:
            found: BlockResult = ended.value
            return found
        execute(calls)


class ArraySimulator(Closing):
    """Simulator of rate networks in the steady state. Made by `apical.simulate`."""

    compile_seconds = 0.0

    @shortage.said
    def __init__(
        self,
        network: Network,
        library: Library,
        batch: int,
        record: Collection[str],
        traces: Collection[str] = (),
        executed: Callable[[Steps], BlockResult] = alone,
    ) -> None:
        self.network, self.batch, self.library = network, batch, library
        self._executed = executed
        check_network(network)
        self._record = {network.output.name, *record}
        self._supply = Supply(library, drive_of(network))
        here = [p for p in network.populations if self._is_here(p)]
        self._recorded = [p for p in here if p.name in self._record]
        shown = [p for p in here if p.name in record]
        self._traces = [(p, signal) for p in shown for signal in traces if signal in p.signals]
        self._records_error = any(p.is_told and p.name in self._record for p in network.populations)
        self._storages = storages(network, library, self._held_here())
        self._weights = {
            name: storage.array(network.initial_state(name))
            for name, storage in self._storages.items()
        }
        room, self._streams = Workspace(library), Streams(network.seed)
        kept, common = self._storages, (room, self._streams)
        plastic = [p for p in network.plastic if p.name in kept]
        learners = [Learner(p, p.rule, kept[p.name], *common) for p in plastic if p.rule]
        self._learners = [item for item in learners if item.when == "trial"]
        self._from_noise = {
            p.name: [i for i in learners if i.when == "noise" and i.projection.post is p]
            for p in network.noisy
        }
        self._holders = {
            p.name: Holder(network, p, kept[p.name], *common) for p in plastic if p.restrained
        }
        self._explorers = [item for item in self._learners if item.projection.explores]
        self._reward = next((p for p in network.populations if p.role == "reward"), None)
        self._dynamics = {item.projection.name: self._begun(item) for item in learners}
        self._settling = self._planner()
        self._plans: dict[tuple[int, bool, bool, bool], _Plan] = {}
        self._noise_plans: dict[tuple[int, str], _Plan] = {}

    def _is_here(self, population: Population) -> bool:
        """Say whether a population is simulated here; on one machine all are."""
        return True

    def _held_here(self) -> list[Projection]:
        """Return the projections whose weights are held here: those onto populations here."""
        return [p for p in self.network.projections if self._is_here(p.post)]

    def _planner(self) -> Settling:
        """Return what plans the steady state of a batch."""
        held = self._weights, self._storages, self._streams
        return Settling(self.network, self.library, *held)

    def _begun(self, learner: Learner) -> dict[str, Array]:
        """Return what synapses of a projection keep besides their weights, where they begin."""
        rule, name = learner.projection.rule, learner.projection.name
        own = rule.first(self.network.initial_state(name)) if rule and rule.state else {}
        return learner.initial_state(own)

    @property
    def dt(self) -> None:
        """There is no time."""

    @property
    def brian(self) -> Mapping[str, Any]:
        """There are no Brian2 objects."""
        raise DeviceError(
            "Device 'array' has no Brian2 objects; use device='runtime' or 'cpp_standalone'.",
            object="Device 'array'",
        )

    @property
    def takes_rows(self) -> bool:
        """Whether it takes indices of samples in place of copied stimuli."""
        return isinstance(self.library, Elsewhere)

    def _variables(self) -> dict[str, Array]:
        found = {f"{name}.w": w for name, w in self._weights.items()}
        for projection, state in self._dynamics.items():
            found |= {f"{projection}.{name}": array for name, array in state.items()}
        for population, normaliser in self._settling.normalisers.items():
            kept = normaliser.statistics.items()
            found |= {f"{population}.{name}": array for name, array in kept}
        return found

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Every variable that the next block depends on, weights included, by name; copies."""
        return {name: self._outward(name, array) for name, array in self._variables().items()}

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        variables = self._variables()
        found = {name: self._storage_of(name, array) for name, array in variables.items()}
        shapes = {
            name: storage.outside if storage else tuple(variables[name].shape)
            for name, storage in found.items()
        }
        check_state(state, shapes)
        check_weights(self.network, state, self._held)
        for name, values in state.items():
            storage = found[name]
            variables[name][...] = (
                self.library.array(values) if storage is None else storage.array(np.asarray(values))
            )
        if self._settling.look_again():  # plans are for another transmission
            self._plans.clear()
            self._noise_plans.clear()

    def _storage_of(self, name: str, array: Array) -> Storage | None:
        """Return the storage of a variable of synapses; None for others, also shared ones."""
        storage = self._storages.get(name.partition(".")[0])
        return storage if storage and tuple(array.shape) == storage.shape else None

    def _outward(self, name: str, array: Array) -> np.ndarray:
        """Return a variable as the state has it."""
        storage = self._storage_of(name, array)
        return self.library.back(array) if storage is None else storage.back(array)

    def _held(self, projection: str) -> np.ndarray:
        return self._storages[projection].back(self._weights[projection])

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W of a projection, shape (n_pre, n_post) [dimensionless], 0 without a synapse."""
        name = projection.name if isinstance(projection, Projection) else projection
        known = self.network.projection(name)
        if isinstance(known.weights, ReadBackwards):
            forward = self.weights(known.weights.projection)
            return known.weights.made(forward, self.network.magnitudes(known))
        return as_matrix(self.network, known, self._held(name))

    @shortage.said
    def run(self, block: Block) -> BlockResult:
        """Present a block of trials; training trials are processed in mini-batches.

        The update of a mini-batch is the mean over its trials, and its learning factor the mean of
        their learning factors.
        """
        check_block(self.network, block)
        traced = [(population.name, signal) for population, signal in self._traces]
        size = self.library.number(0).itemsize
        check_trials_fit(self.network, len(block), 1, size, self._record, traced)
        return self._executed(self._fire(block) if block.fires else self._present(block))

    def _present(self, block: Block) -> Steps:
        """Present the trials of a block; yields the calls to execute."""
        counts, traces = (Kept(self.library, len(block)) for _ in range(2))
        stimuli, shown = self._shown(block)
        learns = bool(block.learning.any())
        if learns and self.batch == 1 and self._settling.normalisers:
            raise DeviceError(
                f"Rate {next(iter(self._settling.normalisers))!r} is normalised over the trials "
                "that learn together, which needs 2 or more, got batch=1; raise batch.",
                object=f"Rate {next(iter(self._settling.normalisers))!r}",
            )
        chunks = list(block.slices(self.batch if learns else AT_REST))
        for chunk, factor in zip(chunks, _factors(block, chunks), strict=True):
            self._streams.begin(block.index, block.first + chunk.start)
            target = shown if factor or self._traces else None
            if target is None and self._records_error:  # as in Brian2: the target is 0
                target = self._supply.nothing
            plan = yield from self._explored(chunk, stimuli, target, learns=bool(factor))
            for population in self._recorded:
                values = plan.batch.signals[population.name, "x"]
                counts.keep(population.name, chunk, values, population.size)
            # once, since dendrites may draw noise
            if self._traces or factor:
                yield self._taught(plan)
            for population, signal in self._traces:
                values = self._settling.signal(plan.batch, population, signal)
                traces.keep(f"{population.name}.{signal}", chunk, values, population.size)
            if factor:
                yield from self._learn(plan, factor)
        signals = {name: values[:, np.newaxis] for name, values in traces.read().items()}
        check_learned(self.network, block, self._total)
        return BlockResult(counts.read(), traces=signals)

    def _total(self, projection: str) -> float:
        """Return the sum of the weights of a projection."""
        stored: Any = self._weights[projection]
        return float(self.library.back(stored.sum()))

    def _shown(self, block: Block) -> tuple[Bring, Bring | None]:
        """Return the suppliers of the stimuli and of the targets of a block, if any."""
        shown = block.shown(self.network.output.size)
        stimuli = self._supply.stimuli(block.values)
        return stimuli, None if shown is None else self._supply.targets(shown)

    def _fire(self, block: Block) -> Steps:
        """Run a noise phase: a population fires noise and its synapses learn, in batches.

        Yields the calls to execute, and returns the activity of recorded populations that had to be
        computed.
        """
        counts = Kept(self.library, len(block))
        for chunk in block.slices(self.batch):
            plan = self._noise_plan(block.fires, chunk.stop - chunk.start)
            self._streams.begin(block.index, block.first + chunk.start)
            yield plan.batch.calls
            for population in self._recorded:
                values = plan.batch.signals.get((population.name, "x"))
                if values is not None:
                    counts.keep(population.name, chunk, values, population.size)
            factor = float(block.learning[chunk].mean())
            if factor:
                yield from self._learn(plan, factor)
        return BlockResult(counts.read())

    def _noise_plan(self, fires: str, n_trials: int) -> "_Plan":
        """Return the calls for a batch of noise, of a population that fires it."""
        plan = self._noise_plans.get((n_trials, fires))
        if plan is None:
            while len(self._noise_plans) >= PLANS * len(self.network.populations):
                del self._noise_plans[next(iter(self._noise_plans))]
            learners = self._from_noise.get(fires, [])
            population = next(p for p in self.network.populations if p.name == fires)
            heard = [item.projection.pre for item in learners]
            batch = self._settling.noise(n_trials, population, heard)
            plan = self._noise_plans[n_trials, fires] = _Plan(batch, learners)
            plan.pairs = [self._pairs(item, batch) for item in learners]
        return plan

    @shortage.said
    def updates(self, block: Block) -> dict[str, np.ndarray]:
        """Return the weight updates of all plastic projections without applying them.

        Parameters
        ----------
        block
            Trials; the update is their mean, without the optimiser and without dropout. Batch
            normalisation is over these trials.

        Returns
        -------
        dict
            Name of the projection -> shape (n_pre, n_post).
        """
        check_block(self.network, block)
        return self._updates(len(block), *self._shown(block))

    def _updates(self, n_trials: int, stimuli: Bring, shown: Bring | None) -> dict[str, np.ndarray]:
        """Return the weight updates of the plastic projections here."""
        plan = self._settled(slice(0, n_trials), stimuli, shown, measured=True)
        execute(plan.batch.calls)
        execute(self._taught(plan))
        found = {}
        for item, brought in zip(self._learners, plan.pairs, strict=True):
            name, update = item.projection.name, self.library.empty(item.shape)
            state = self._dynamics[name]
            execute(item.update(self._weights[name], state, brought, n_trials, update))
            values = self._storages[name].back(update)
            found[name] = as_matrix(self.network, item.projection, values)
        return found

    def _settled(
        self,
        chunk: slice,
        stimuli: Bring,
        shown: Bring | None,
        *,
        learns: bool = False,
        measured: bool = False,
    ) -> "_Plan":
        """Return the plan of a batch of trials, whose calls compute its steady state."""
        key = chunk.stop - chunk.start, shown is not None, learns, measured or learns
        plan = self._planned(*key)
        stimuli(chunk, plan.batch.values)
        if shown is not None and plan.batch.shown is not None:  # None without error neurons
            shown(chunk, plan.batch.shown)
        return plan

    def _planned(self, n_trials: int, taught: bool, learns: bool, measured: bool) -> "_Plan":
        """Return the plan for batches of a size."""
        key = n_trials, taught, learns, measured
        plan = self._plans.get(key)
        if plan is None:
            while len(self._plans) >= PLANS:
                del self._plans[next(iter(self._plans))]
            batch = self._settling.forward(
                n_trials, taught=taught, learns=learns, measured=measured
            )
            plan = self._plans[key] = _Plan(batch, self._learners)
        return plan

    def _explored(
        self, chunk: slice, stimuli: Bring, shown: Bring | None, *, learns: bool
    ) -> Generator[list[Call], None, "_Plan"]:
        """Compute the steady state; for reward learning, without and then with perturbation."""
        if self._reward is None or not learns:
            plan = self._settled(chunk, stimuli, shown, learns=learns)
            yield plan.batch.calls
            return plan
        quiet = self._settled(chunk, stimuli, shown)
        yield quiet.batch.calls
        self._settling.remember(quiet.batch, self._reward)
        for item in self._explorers:
            item.perturb(self._weights[item.projection.name])
        plan = self._settled(chunk, stimuli, shown, learns=True)
        yield plan.batch.calls
        for item in self._explorers:
            item.restore(self._weights[item.projection.name])
        return plan

    def _taught(self, plan: "_Plan") -> list[Call]:
        """Plan feedback, and the neural factors of each term of each rule (`plan.pairs`)."""
        if not plan.pairs:
            at_rest, plan.batch.calls = plan.batch.calls, plan.teaching
            self._settling.teach(plan.batch)
            plan.pairs = [self._pairs(item, plan.batch) for item in plan.learners]
            for population, signal in self._traces:
                self._settling.signal(plan.batch, population, signal)
            plan.batch.calls = at_rest
        return plan.teaching

    def _learn(self, plan: "_Plan", factor: float) -> Iterator[list[Call]]:
        """Change weights by the neural factors of a batch."""
        if plan.factor != factor:
            plan.factor = factor
            for item, brought in zip(plan.learners, plan.pairs, strict=True):
                name, n_trials = item.projection.name, plan.batch.n_trials
                w, state, before = (
                    self._weights[name],
                    self._dynamics[name],
                    plan.learning.get(name),
                )
                plan.learning[name] = item.learn(w, state, brought, n_trials, factor, before)
        for name, learning in plan.learning.items():
            yield learning.calls
            if name in self._holders:
                yield self._holders[name].calls(self._weights[name], plan.batch.n_trials)

    def _pairs(self, item: Learner, batch: Batch) -> Pairs:
        """Return the arrays of the neural factors of each term of a rule."""
        pre, post = item.projection.pre, item.projection.post
        return [
            (
                self._settling.factor(batch, pre, outer.pre),
                self._settling.factor(batch, post, outer.post),
            )
            for outer in item.outers
        ]


@dataclass
class _Plan:
    """The plan for batches of one size: calls, made once."""

    batch: Batch
    learners: list[Learner]
    teaching: list[Call] = field(default_factory=list)
    pairs: list[Pairs] = field(default_factory=list)
    learning: dict[str, Learning] = field(default_factory=dict)
    factor: float = 0.0


def _factors(block: Block, chunks: Sequence[slice]) -> list[float]:
    """Return the mean learning factor of each batch of a block."""
    factors, n = block.learning, chunks[0].stop if chunks else 1
    if not factors.any():
        return [0.0] * len(chunks)
    whole = len(factors) // n
    found: list[float] = factors[: whole * n].reshape(whole, n).mean(axis=1).tolist()
    return found + [float(factors[chunk].mean()) for chunk in chunks[whole:]]


def execute(calls: list[Call]) -> None:
    """Execute calls in their order."""
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is detected by the training
        for call in calls:
            call()


def check_network(network: Network) -> None:
    """Raise if a network has features that the array device does not support."""
    for population in network.populations:
        if population.is_spiking or not population.settles:
            why = "spikes" if population.is_spiking else "has equations of its own"
            raise DeviceError(
                f"Device 'array' runs rate networks, but {population.name!r} {why} "
                f"({type(population).__name__}); use device='cpp_standalone' or 'runtime', or "
                "apical.Rate, RateError and Stimulus(encoder=Graded()).",
                object="Device 'array'",
            )
    _check_exploring(network)
    for stimulus in network.stimuli:
        if stimulus.frames > 1:
            raise DeviceError(
                f"Device 'array' knows no time within a trial, but {stimulus.name!r} shows "
                f"{stimulus.frames} frames; use device='cpp_standalone' or 'runtime'.",
                object="Device 'array'",
            )
    if network.target_frames > 1:
        raise DeviceError(
            "Device 'array' knows no time within a trial, but targets have "
            f"{network.target_frames} frames; use device='cpp_standalone' or 'runtime'.",
            object="Device 'array'",
        )
    for projection in network.projections:
        when = projection.rule.when if projection.rule else "trial"
        traces = projection.rule is not None and bool(projection.rule.traces)
        if projection.release < 1 or when not in ("trial", "noise") or traces:
            what = "traces of its synapses" if traces else f"a rule that acts at {when!r}"
            what = "release < 1" if projection.release < 1 else what
            raise DeviceError(
                f"Device 'array' knows the end of a trial only, but {projection.name!r} has "
                f"{what}; use device='cpp_standalone' or 'runtime'.",
                object="Device 'array'",
            )


def _check_exploring(network: Network) -> None:
    """Raise if perturbations and reward do not fit: neither may be without the other."""
    exploring = [p.name for p in network.populations if p.explores]
    exploring += [p.name for p in network.projections if p.explores]
    rewarded = any(p.role == "reward" for p in network.populations)
    if exploring and not rewarded:
        raise DeviceError(
            f"{', '.join(map(repr, exploring))} add noise to learn from its reward, but the "
            "network has no Reward; add one, and teach by apical.feedback.broadcast."
        )
    normed = [p.name for p in network.populations if p.norm]
    if rewarded and normed:
        raise DeviceError(
            f"{', '.join(map(repr, normed))} have batch normalisation, by which a trial's reward "
            "depends on the noise of other trials; leave 'norm' out where a Reward teaches."
        )
    noisy = [p.name for p in network.populations if p.unreliable]
    if rewarded and noisy:
        raise DeviceError(
            f"{', '.join(map(repr, noisy))} have dropout in training trials, whose effect would be "
            "attributed to the noise; leave 'unreliable' out where a Reward teaches."
        )
