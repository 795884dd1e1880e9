"""The simulator of device ``lockstep``: a batch of trials in every time step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable

from apical._base.memory import check_memory
from apical.devices.brian import build, live, plastic, reading, variables
from apical.devices.brian.base import BrianSimulator, precision
from apical.devices.brian.batched.actions import CLOCK, Action, Actions
from apical.devices.brian.batched.capture import CapturingDevice
from apical.devices.brian.batched.fused import Fused, Run
from apical.devices.brian.batched.libraries import Array, BatchLibrary
from apical.devices.brian.batched.program import GRADED, Cells, key
from apical.devices.brian.batched.shown import Shown
from apical.devices.brian.batched.ways_back import WayBack, ways_back
from apical.devices.brian.workplace import preferences
from apical.devices.simulator import Block, BlockResult
from apical.devices.surrogates import Surrogate
from apical.errors import DataError, DeviceError
from apical.language import fragments
from apical.network.description import Network

TICKS = "step_clock.timestep"
"""The number of the time step among the cells, a row for each trial."""


class LockstepSimulator(BrianSimulator):
    """Runs a batch of trials at once. Made by `apical.simulate`.

    Parameters
    ----------
    network
        The network.
    options
        Options of the build.
    dtype
        Precision.
    library
        Array library.
    batch
        Largest number of trials at once.
    """

    _compiled = False
    _remembers = False
    """Whether every time step is kept until a batch ends."""
    _segment = 0
    """Gradient checkpointing: time steps after which the state is kept; 0 to keep everything."""

    def __init__(
        self,
        network: Network,
        options: build.Options,
        dtype: str,
        library: BatchLibrary,
        batch: int,
    ) -> None:
        self.network, self.options, self.batch = network, options, batch
        self.dtype, self.library = np.dtype(dtype), library
        device = CapturingDevice()
        self._settle(device)
        self._shown = Shown(network, library, options.dt)
        with self._place(), reading.prepared(network):
            objects = self._built.objects
            for population in network.populations:
                reading.made(population, lambda p: objects[p.name].before_run({}), objects)
            device.capturing = True
            self._plan()

    def _plan(self) -> None:
        """Make what objects do, and find the variables that they read and write."""
        making = self._making = Actions(self._built, self.library, self._shown, self.dt)
        self._actions = making.made()
        self._fused = None
        if self.library.compiles:
            kernels = [(action.kernel, action.period) for action in self._actions]
            self._fused = Fused(kernels, CLOCK, TICKS)
        self._written = {name for action in self._actions for name in action.written}
        self._used = dict(_variables(self._built))
        self._rows = self._differing()
        self._traced = {
            f"{name}.{signal}": making.signal(name, signal)
            for name, monitor in self._built.traces.items()
            for signal in monitor.record_variables
        }
        self._counted = {
            name: making.signal(name, build.counted(monitor))
            for name, monitor in self._built.counters.items()
        }
        self._layouts = {name: wires.layout for name, wires in making.wires.items()}
        self._read = live.description(self._built.brian_network)
        self._lasting = {
            f"{p.name}.{name}" for p in self.network.populations for name in p.model.lasting
        }

    def _differing(self) -> set[str]:
        """Return the names of what differs between the trials of a batch.

        Weights, and the state of optimisers, are the same in all; traces of synapses are not.
        """
        common = {name for name, variable in self._used.items() if variable.scalar}
        found = set[str]()
        for projection in self.network.projections:
            own = {"sent", *plastic.followed(projection)}
            common |= {f"{projection.name}.{n}" for n in ("w", *plastic.state(projection))}
            found |= {f"{projection.name}.{name}" for name in own} & {*self._used}
        return (self._written - common) | found | {CLOCK, TICKS}

    @contextmanager
    def _settings(self) -> Iterator[None]:
        with precision(self.dtype), preferences({"codegen.target": "numpy"}):
            yield

    def _begin(self, name: str, values: np.ndarray) -> None:
        self._set(name, values)

    def _record(self, monitor: Any) -> Any:
        raise NotImplementedError  # none can be added

    def add(self, *brian_objects: Any) -> None:
        """Refuse Brian2 objects of one's own.

        Raises
        ------
        DeviceError
            Always: they have no batch of trials.
        """
        names = ", ".join(repr(getattr(item, "name", item)) for item in brian_objects)
        raise DeviceError(
            f"Device 'lockstep' cannot run {names}: objects of Brian2 see one trial at a time; use "
            "device='runtime' or 'cpp_standalone'.",
            object="Device 'lockstep'",
        )

    def _check_unchanged(self) -> None:
        super()._check_unchanged()
        now = live.description(self._built.brian_network)
        late = {(name, "a delay"): any_delay(o) for name, o in self._built.objects.items()}
        found = [*live.changes(self._read, now), *(key for key, is_so in late.items() if is_so)]
        for owner, what in found:
            raise DeviceError(
                f"{owner!r} was given {what} after it was made, which device 'lockstep' cannot "
                "take over: it reads Brian2's objects once; use device='runtime'.",
                object=owner,
            )

    def _check_size(self, trials: int) -> None:
        super()._check_size(trials)
        n, steps = min(self.batch, trials), self._kept() if self._remembers else 1
        values = sum(self._used[name].size for name in self._rows & {*self._used})
        check_memory(
            float(n) * values * steps * self.dtype.itemsize,  # at least
            f"A batch of {n:,} trials with {values:,} numbers in each"
            + fragments.when(self._remembers, f" of {steps:,} time steps"),
            f"batch={self.batch:,} or the number of neurons",
            object="Device 'lockstep'",
        )

    def _kept(self) -> int:
        """Return of how many time steps the state is kept at once, at least."""
        steps, segment = self._shown.steps, self._segment
        return steps if not segment else min(steps, -(-steps // segment) + segment)

    # ---- running ---------------------------------------------------------------------------------
    def _run(self, block: Block) -> BlockResult:
        """Run a part of a block, batch after batch; Brian2's time starts at 0."""
        diary = _Diary(self)
        with np.errstate(all="ignore"), self.library.working():
            cells = self._cells()
            first, batches = 0, _batches(block, self.batch)
            for number, batch in enumerate(batches):
                if number:
                    self._close(cells, diary, [a for a in self._actions if a.early])
                    cells = self._without_rows(cells)
                cells = self._with_rows(self._begun(cells, batch), len(batch))
                self._show(cells, batch, first, diary, opening=not number)
                self._ended_batch(cells, batch)
                first += len(batch)
            self._close(cells, diary, [a for a in self._actions if a.closing])
        self._take_back(self._without_rows(cells), len(block))
        return diary.result()

    def _begun(self, cells: Cells, batch: Block) -> Cells:
        """Return the cells that a batch begins with."""
        return cells

    def _ended_batch(self, cells: Cells, batch: Block) -> None:
        """Do what comes between the last time step of a batch and its learning."""

    def gradients(
        self,
        block: Block,
        surrogate: Surrogate,
        *,
        own_feedback: bool = False,
        checkpoint: int = 0,
    ) -> dict[str, np.ndarray]:
        r"""Return the gradient of a loss with respect to every weight, through time.

        .. math::

            L = -\frac{1}{B} \sum_b \log \frac{e^{n_{b, c_b}}}{\sum_k e^{n_{b, k}}}

        with the spike counts n of the output neurons in the trials b, and their classes c: the
        cross-entropy of counts, backpropagated through all time steps of a trial (BPTT). The state
        stays as it is, and nothing learns.

        Parameters
        ----------
        block
            Trials with labels, all of which run at once.
        surrogate
            How gradients pass thresholds.
        own_feedback
            Whether they go back to hidden populations through the network's own fixed feedback
            synapses, at every time step, not through transposed forward weights: random feedback
            with backpropagation through time. No gradient then passes forward or recurrent
            synapses onto spikes; those of a neuron's own state remain.
        checkpoint
            Gradient checkpointing, as in `apical.devices.lockstep.LockstepOptions`.

        Returns
        -------
        dict
            Name of each projection -> gradient, in the form that its weights have in the state; 0
            where weights do not act on the output within a trial, as those onto error neurons.

        Raises
        ------
        DeviceError
            If the library computes no gradients, a projection has a delay, a threshold has no
            surrogate, or there is no fixed feedback of its own.
        DataError
            If the trials have no labels.

        References
        ----------
        Neftci, Mostafa & Zenke 2019, doi:10.1109/MSP.2019.2931595.
        """
        self._check_gradients(block)
        names = [p.name for p in self._built.network.projections]
        before = self._making.ways, self._segment
        try:
            self._making.ways = self._ways() if own_feedback else None
            self._segment = checkpoint
            cells, leaves = self._unrolled(block, surrogate, names)
        finally:
            self._making.ways, self._segment = before
        found = self._slopes(cells, block, leaves)
        return {name: self.library.back(gradient) for name, gradient in found.items()}

    def course(
        self, block: Block, surrogate: Surrogate, steps: Sequence[int]
    ) -> tuple[list[dict[str, np.ndarray]], list[dict[str, np.ndarray]]]:
        """Return updates and gradients had the trials of a block ended after some time steps.

        The state stays as it is.

        Parameters
        ----------
        block
            Trials with labels that learn, all of which run at once.
        surrogate
            As in `gradients`.
        steps
            Numbers of time steps, in ascending order.

        Returns
        -------
        tuple
            For each of these numbers the changes of plastic weights, and the gradients of the loss
            with respect to these weights, by name of the projection.

        Raises
        ------
        DeviceError, DataError
            As `gradients`.
        """
        self._check_gradients(block)
        names = [p.name for p in self.network.plastic]
        closing = [action for action in self._actions if action.closing]
        updates, gradients = list[dict[str, Any]](), list[dict[str, Any]]()

        def learn(cells: Cells) -> None:
            ended = Cells(cells, cells.n, cells.rows)
            with self._shown.again(self._shown.moment):
                for action in closing:
                    action.run(ended)
            updates.append({n: self.library.back(ended[f"{n}.w"] - start[n]) for n in names})

        def descend(cells: Cells, leaves: Mapping[str, Array]) -> None:
            slopes = self._slopes(cells, block, leaves, again=True)
            gradients.append({n: self.library.back(slope) for n, slope in slopes.items()})

        with self.library.working(), self.library.torch.no_grad():
            cells = self._cells()
            start = {n: cells[f"{n}.w"] for n in names}
            rows = self._with_rows(cells, len(block))
            self._show(rows, block, 0, _Looks(learn, steps), opening=True)
        self._unrolled(block, surrogate, names, descend, steps)
        return updates, gradients

    def _unrolled(
        self,
        block: Block,
        surrogate: Surrogate,
        projections: Sequence[str],
        look: Callable[[Cells, Mapping[str, Array]], None] | None = None,
        steps: Sequence[int] = (),
    ) -> tuple[Cells, dict[str, Array]]:
        """Show trials without learning such that gradients pass, and return cells and weights.

        After some time steps, what there is is looked at.
        """
        quiet = replace(block, learning=np.zeros(()))
        self._making.surrogate = surrogate
        try:
            with self.library.working():
                cells = self._cells()
                leaves = self._leaves(cells, projections)
                cells = self._with_rows(cells, len(block))
                seen = _Looks(lambda now: look(now, leaves), steps) if look else None
                self._show(cells, quiet, 0, seen, opening=True)
        finally:
            self._making.surrogate = None
        return cells, leaves

    def _leaves(self, cells: Cells, projections: Sequence[str]) -> dict[str, Array]:
        """Let gradients of weights be computed, and return these weights."""
        names = {name: f"{name}.w" for name in projections}
        cells.update({cell: cells[cell].clone().requires_grad_() for cell in names.values()})
        return {name: cells[cell] for name, cell in names.items()}

    def _slopes(
        self, cells: Cells, block: Block, leaves: Mapping[str, Array], *, again: bool = False
    ) -> dict[str, Array]:
        """Return the gradient of the loss of a batch with respect to some weights."""
        torch = self.library.torch
        counts = self._counted[self.network.output.name](cells)
        labels = torch.as_tensor(np.asarray(block.labels), device=counts.device)
        loss = torch.nn.functional.cross_entropy(counts, labels)
        if not loss.requires_grad:  # no neuron passes a gradient on
            return {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
        wanted = [*leaves.values()]
        found = torch.autograd.grad(loss, wanted, allow_unused=True, retain_graph=again)
        return {
            name: torch.zeros_like(leaf) if g is None else g
            for (name, leaf), g in zip(leaves.items(), found, strict=True)
        }

    def _ways(self) -> Mapping[str, Sequence[WayBack]]:
        """Return the ways back of gradients through the network's own feedback synapses."""
        library = self.library
        return ways_back(
            self.network, lambda p: library.array(self.weights(p).astype(library.dtype))
        )

    def _check_gradients(self, block: Block) -> None:
        """Raise if there are no gradients through time of a network, or of some trials."""
        late = [p.name for p in self.network.projections if p.delay and p.pre.role == "neurons"]
        said = ""
        if not self.library.differentiates:
            said = f"Library {self.library.name!r} computes no gradients; use library='torch'."
        elif late:
            said = (
                f"Projection {late[0]!r} has a delay, through which no gradient passes here; use "
                "delay=0."
            )
        if said:
            raise DeviceError(said, object="LockstepSimulator")
        if block.labels is None:
            raise DataError(
                "Gradients need the classes of the trials; use Block.of_labels(values, labels).",
                object="Block",
                parameter="labels",
            )

    def _show(
        self,
        cells: Cells,
        batch: Block,
        first: int,
        diary: "_Diary | _Looks | None",
        *,
        opening: bool,
    ) -> None:
        """Show a batch of trials, from its first time step to its last."""
        shown, steps = self._shown, self._shown.steps
        shown.show(batch)
        start = (first + np.arange(len(batch), dtype=np.int64))[:, None] * steps
        dt = self._built.objects[self.network.stimulus.name].clock.dt_

        def go(cells: Cells, part: range, diary: _Diary | _Looks | None) -> None:
            run = self._fused.bound(cells, start, dt) if self._fused else None
            for step in part:
                shown.step = step
                if not run:
                    cells[TICKS] = self.library.array(start + step)
                    cells[CLOCK] = self.library.array((start + step) * dt)
                self._act(cells, run, step, opening=opening)
                looks = diary is not None and diary.looks(step)
                if run and (looks or step + 1 == steps):
                    run.until(step, len(self._actions))
                if diary is not None and looks:
                    diary.step(cells, first, step)

        if not self._segment or self._making.surrogate is None:
            go(cells, range(steps), diary)
            return
        for begin in range(0, steps, self._segment):
            part = range(begin, min(begin + self._segment, steps))
            self._once_more(cells, lambda now, diary, part=part: go(now, part, diary), diary)

    def _act(self, cells: Cells, run: Run | None, step: int, *, opening: bool) -> None:
        """Let all objects act in a time step, but those that a compiled program runs."""
        done = run.done if run else ()
        for place, action in enumerate(self._actions):
            if step % action.period or action.closing or place in done:
                continue
            if step or not action.early or opening:
                if run:
                    run.until(step, place)
                action.run(cells)

    def _once_more(
        self, cells: Cells, go: Callable[..., None], diary: "_Diary | _Looks | None"
    ) -> None:
        """Run time steps of which only the end is kept, and which the way back runs once more."""
        making, shown, names = self._making, self._shown, [*cells]
        then = shown.moment, making.surrogate, making.ways
        ended, again = list[str](), False

        def run(*values: Array) -> tuple[Array, ...]:
            nonlocal again
            now = Cells(dict(zip(names, values, strict=True)), cells.n, cells.rows)
            if again:
                before = making.surrogate, making.ways
                making.surrogate, making.ways = then[1:]
                with self.library.working(), shown.again(then[0]):
                    go(now, None)
                making.surrogate, making.ways = before
            else:
                again = True
                go(now, diary)
            ended[:] = now
            return tuple(now.values())

        recomputed = self.library.torch.utils.checkpoint.checkpoint
        found = recomputed(run, *cells.values(), use_reentrant=False, preserve_rng_state=False)
        cells.update(zip(ended, found, strict=True))

    def _close(self, cells: Cells, diary: "_Diary", actions: Sequence[Action]) -> None:
        """End the trials of a batch: learn, and count."""
        for action in actions:
            action.run(cells)
        diary.trial(cells)

    # ---- state -----------------------------------------------------------------------------------
    def _cells(self) -> Cells:
        """Return the present state, without rows."""
        found = {}
        for name, variable in self._used.items():
            values = np.array(variable.get_value())
            layout = self._layouts.get(name.partition(".")[0])
            if variable.scalar:
                values = values.reshape(())
            elif layout is not None and values.size == np.prod(layout.shape):
                values = values.reshape(layout.shape)
            found[name] = self.library.array(values)
        return Cells(found, 1, ())

    def _with_rows(self, cells: Cells, n: int) -> Cells:
        """Return cells with a row for each of some trials."""
        found = dict(cells)
        for name in self._rows & {*cells}:
            value = cells[name]
            dtype = self.library.back(value[:0] if len(value.shape) else value).dtype
            shape = (1,) if name in (CLOCK, TICKS) else value.shape
            found[name] = self.library.hold(value, dtype, (n, *shape))
        if self._fused is None:
            return Cells(found, n, self._rows)
        found |= {name: np.zeros((n, size), bool) for name, size in self._fused.events.items()}
        fixed = (self._written | self._rows) & {*found}
        return Cells(found, n, self._rows, fixed)

    def _without_rows(self, cells: Cells) -> Cells:
        """Return cells without rows: of what lasts the mean of the trials, or their last."""
        found = {}
        for name, value in cells.items():
            if name.endswith(GRADED):
                continue  # the next batch may send no such spikes
            if name not in cells.rows:
                found[name] = value
            elif name in self._lasting and cells.n > 1 and _is_float(self._used.get(name)):
                found[name] = value.mean(0)
            else:
                found[name] = value[-1]
        return Cells(found, 1, ())

    def _take_back(self, cells: Cells, n: int) -> None:
        """Let Brian2's variables be the state after some trials."""
        for name in self._written & {*self._used} - {CLOCK, TICKS}:
            self._used[name].get_value()[:] = self.library.back(cells[name]).ravel()
        state = {k: self._get(k) for k in self._shapes if k.endswith(".lastspike")}
        variables.shift_spike_times(state, -n * self.network.trial * 1e-3)
        for name, values in state.items():
            self._set(name, values)


def _variables(built: build.Built) -> Iterator[tuple[str, ArrayVariable]]:
    """Yield all variables of Brian2's objects and of their clocks, besides lists of events."""
    for item in built.objects.values():
        for variable in (*item.variables.values(), *item.clock.variables.values()):
            if isinstance(variable, ArrayVariable) and not variable.name.endswith("space"):
                yield key(variable), variable


def any_delay(item: Any) -> bool:
    """Say whether events cross any synapse of an object of Brian2's late."""
    delays = [pathway.variables["delay"] for pathway in getattr(item, "_pathways", ())]
    return any(np.any(np.asarray(delay.get_value()) != 0) for delay in delays)


def _is_float(variable: ArrayVariable | None) -> bool:
    return variable is not None and np.issubdtype(variable.dtype, np.floating)


def _batches(block: Block, size: int) -> list[Block]:
    """Return a block as batches, the trials of each of which learn at one rate."""
    changes = np.flatnonzero(np.diff(block.learning)) + 1
    bounds = [0, *changes.tolist(), len(block)]
    return [
        block.part(slice(start, min(start + size, stop)))
        for begin, stop in pairwise(bounds)
        for start in range(begin, stop, size)
    ]


class _Looks:
    """Looks at a batch of trials after some time steps.

    Parameters
    ----------
    look
        What is done with the cells.
    steps
        Numbers of time steps.
    """

    def __init__(self, look: Callable[[Cells], None], steps: Sequence[int]) -> None:
        self._look, self._steps = look, frozenset(steps)

    def looks(self, step: int) -> bool:
        """Say whether it is time to look after a time step."""
        return step + 1 in self._steps

    def step(self, cells: Cells, first: int, step: int) -> None:
        """Look."""
        self._look(cells)


class _Diary:
    """Records what monitors of the network would.

    Parameters
    ----------
    simulator
        The simulator.
    """

    def __init__(self, simulator: LockstepSimulator) -> None:
        built = simulator._built
        self._library, self._steps = simulator.library, simulator._shown.steps
        self._dt = float(built.objects[built.network.stimulus.name].clock.dt_)
        self._counted = simulator._counted
        self._spiking = {name: f"{name}._spikespace" for name in built.spikes}
        self._traced = simulator._traced
        self._counts: dict[str, list[np.ndarray]] = {name: [] for name in self._counted}
        self._spikes: dict[str, list[np.ndarray]] = {name: [] for name in self._spiking}
        self._traces: dict[str, list[np.ndarray]] = {name: [] for name in self._traced}
        self._open: dict[str, list[np.ndarray]] = {name: [] for name in self._traced}

    def looks(self, step: int) -> bool:
        """Say whether anything is kept of a time step."""
        return bool(self._spiking or self._traced)

    def step(self, cells: Cells, first: int, step: int) -> None:
        """Keep what a time step brought."""
        for name, cell in self._spiking.items():
            trials, neurons = np.nonzero(self._library.back(cells[cell]))
            ticks = (first + trials) * self._steps + step
            self._spikes[name].append(np.stack([ticks, neurons]))
        for name, reader in self._traced.items():
            self._open[name].append(np.array(self._library.back(reader(cells))))

    def trial(self, cells: Cells) -> None:
        """Keep what the trials of a batch ended with."""
        for name, reader in self._counted.items():
            self._counts[name].append(np.array(self._library.back(reader(cells))))
        for name, kept in self._open.items():
            self._traces[name].append(np.stack(kept, axis=1))
            kept.clear()

    def result(self) -> BlockResult:
        """Return the result of the block."""
        spikes = {}
        for name, kept in self._spikes.items():
            ticks, neurons = np.concatenate(kept, axis=1)
            order = np.lexsort((neurons, ticks))
            spikes[name] = (ticks[order] * self._dt * 1e3, neurons[order])
        counts = {name: np.concatenate(kept) for name, kept in self._counts.items()}
        traces = {name: np.concatenate(kept) for name, kept in self._traces.items()}
        return BlockResult(counts, spikes, traces)
