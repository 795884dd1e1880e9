"""The simulator of device ``mpi``: rank 0 drives the parts of a network on all ranks."""

import pickle
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, NoReturn

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from apical.devices.arrays.engine import check_network
from apical.devices.arrays.libraries import load_library
from apical.devices.mpi.part import Part, Task
from apical.devices.mpi.placement import Placement, placed
from apical.devices.mpi.routes import routes
from apical.devices.mpi.tracing import RankTrace, Tracer
from apical.devices.mpi.wires import Wires
from apical.devices.mpi.world import TOGETHER, World, portable, world
from apical.devices.simulator import (
    Block,
    BlockResult,
    Closing,
    check_block,
    check_state,
    check_weights,
)
from apical.errors import DeviceError
from apical.network.description import Network
from apical.network.held_weights import as_matrix
from apical.projections.projection import Projection, ReadBackwards


@dataclass(frozen=True)
class Made:
    """What a rank needs to make its part of a simulator."""

    number: int
    network: bytes
    library: str
    dtype: str
    batch: int
    record: tuple[str, ...]
    traces: tuple[str, ...]
    placement: Placement
    in_flight: int
    micro_batches: int
    patience: float
    threads: int


class Parts:
    """The parts of simulators on this rank, by the number of the simulator.

    Parameters
    ----------
    here
        The ranks.
    """

    def __init__(self, here: World) -> None:
        self._world, self._parts = here, dict[int, Part]()

    @property
    def commands(self) -> dict[str, Any]:
        """What can be done with them, by name."""
        return {
            "make": self.make,
            "run": lambda told: self._parts[told[0]].present(told[1]),
            "updates": lambda told: self._parts[told[0]].changes(told[1]),
            "state": lambda number: self._parts[number].state,
            "take": lambda told: self._parts[told[0]].take(told[1]),
            "trace": lambda number: self._parts[number].traced(),
            "close": self.close,
        }

    def make(self, told: Made) -> None:
        """Make the part of this rank; all ranks do so together."""
        here, network = self._world, _network(told.network, self._world.rank)
        library = load_library(told.library, told.dtype)
        if told.threads and _threads() != told.threads:
            threadpool_limits(told.threads, "blas")
        known = routes(network, told.placement)
        held = told.placement.in_flight(here.rank, told.in_flight)
        tracer = Tracer(here.offset)
        comm = here.comm.Dup()
        wires = Wires(
            *(comm, known, library, told.dtype),
            depth=max(told.in_flight, told.micro_batches),
            rows=told.batch,
            patience=told.patience,
            attend=here.attend,
            tracer=tracer,
        )
        self._parts[told.number] = Part(
            *(network, library, told.batch, told.record, told.traces),
            placement=told.placement,
            rank=here.rank,
            outgoing=[r for r in known if r.source == here.rank],
            wires=wires,
            tracer=tracer,
            in_flight=held,
            micro_batches=told.micro_batches,
        )

    def close(self, number: int) -> None:
        """Give back the part of a simulator."""
        self._parts.pop(number).close()


class MpiSimulator(Closing):
    """Simulator of a rate network whose populations are on several ranks.

    Parameters
    ----------
    network
        The network.
    library, dtype, batch, record, traces
        As of device ``array``.
    place
        Ranks of populations; empty for automatic placement.
    in_flight
        Number of batches in flight.
    micro_batches
        Number of parts of a batch.
    patience
        How long a rank waits for a message [s].
    """

    compile_seconds = 0.0
    takes_rows = False
    _numbers = count()

    def __init__(
        self,
        network: Network,
        *,
        library: str,
        dtype: str,
        batch: int,
        record: Collection[str],
        traces: Collection[str],
        place: Mapping[str, int],
        in_flight: int,
        micro_batches: int,
        patience: float,
    ) -> None:
        self.network, self.batch, self._world = network, batch, world()
        self.placement = placed(network, self._world.size, place)
        check_placed(network, self.placement, in_flight, micro_batches)
        self._parts, self._number, self._patience = _parts(), next(self._numbers), patience
        self._state: dict[str, np.ndarray] | None = None
        made = Made(
            *(self._number, portable(network), library, dtype, batch),
            *(tuple(record), tuple(traces), self.placement, in_flight, micro_batches),
            *(patience, _threads()),
        )
        self._world.note_signals()
        self._all("make", lambda rank: made)

    def _all(self, name: str, arguments: Any) -> list[Any]:
        own, patience = self._parts.commands[name], self._patience
        longer = max(patience, TOGETHER) if name == "make" else patience  # others may compile
        return self._world.all(name, arguments, own, longer)

    @property
    def dt(self) -> None:
        """There is no time."""

    @property
    def brian(self) -> NoReturn:
        """There are no Brian2 objects."""
        raise DeviceError(
            "Device 'mpi' has no Brian2 objects; use device='runtime' or 'cpp_standalone'.",
            object="Device 'mpi'",
        )

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Every variable that the next block depends on, of all ranks, by name; copies."""
        return {name: values.copy() for name, values in self._whole().items()}

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        now = self._whole()
        check_state(state, {name: values.shape for name, values in now.items()})
        check_weights(self.network, state, lambda name: now[f"{name}.w"])
        given = {name: np.asarray(values) for name, values in state.items()}
        changed = {k: v for k, v in given.items() if not _same(v, now[k])}
        self._all("take", lambda rank: (self._number, changed))
        self._state = None

    def _whole(self) -> dict[str, np.ndarray]:
        """Return the state of all ranks, asked for once after every change."""
        if self._state is None:
            found = self._all("state", lambda rank: self._number)
            whole = {k: v for part in found for k, v in part.items()}
            self._state = {name: whole[name] for name in sorted(whole, key=self._place_in_state)}
        return self._state

    def _place_in_state(self, name: str) -> tuple[bool, bool, int]:
        """Return where a variable comes in a state, as on device ``array``: weights first."""
        owner, _, variable = name.partition(".")
        projections = [p.name for p in self.network.projections]
        populations = [p.name for p in self.network.populations]
        of_population = owner not in projections
        place = (populations if of_population else projections).index(owner)
        return of_population, variable != "w", place

    def _held(self, projection: str) -> np.ndarray:
        return self._whole()[f"{projection}.w"]

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W of a projection, shape (n_pre, n_post) [dimensionless], 0 without a synapse."""
        name = projection.name if isinstance(projection, Projection) else projection
        known = self.network.projection(name)
        if isinstance(known.weights, ReadBackwards):
            forward = self.weights(known.weights.projection)
            return known.weights.made(forward, self.network.magnitudes(known))
        return as_matrix(self.network, known, np.array(self._held(name)))

    def run(self, block: Block) -> BlockResult:
        """Present a block of trials; training trials are processed in mini-batches."""
        check_block(self.network, block)
        self._state = None
        found = self._all("run", self._tasks(block))
        counts = {k: v for part, _ in found for k, v in part.items()}
        traces = {k: v for _, part in found for k, v in part.items()}
        order = [p.name for p in self.network.populations if p.name in counts]
        return BlockResult({name: counts[name] for name in order}, traces=traces)

    def updates(self, block: Block) -> dict[str, np.ndarray]:
        """Return the weight updates of all plastic projections without applying them.

        Parameters
        ----------
        block
            Trials, as of device ``array``.
        """
        check_block(self.network, block)
        found = self._all("updates", self._tasks(block))
        whole = {k: v for part in found for k, v in part.items()}
        return {p.name: whole[p.name] for p in self.network.plastic if p.name in whole}

    def traced(self) -> list[RankTrace]:
        """Return what every rank did in blocks in which it learned, in the order of ranks."""
        found: list[RankTrace] = self._all("trace", lambda rank: self._number)
        return found

    def _tasks(self, block: Block) -> Any:
        """Return the task of each rank."""
        shown = block.shown(self.network.output.size)
        first = self.placement.of(self.network.stimuli[0])
        last = self.placement.of(self.network.output)
        common = block.learning, block.index, block.first, shown is not None

        def task(rank: int) -> tuple[int, Task]:
            values = np.asarray(block.values) if rank == first else None
            return self._number, Task(*common, values, shown if rank == last else None)

        return task

    def _release(self) -> None:
        if not self._world.in_block:  # in the middle of something nothing is to be had from others
            self._all("close", lambda rank: self._number)
        self._world.forget_signals()


def join() -> None:
    """Serve rank 0 if this process is another rank, and end with it; return on rank 0.

    Raises
    ------
    DeviceError
        If MPI is missing, there is one rank only, or ranks are unlike.
    """
    here = world()
    if here.rank:
        here.serve(_parts().commands)


_PARTS: list[Parts] = []


def _parts() -> Parts:
    if not _PARTS:
        _PARTS.append(Parts(world()))
    return _PARTS[0]


def _network(sent: bytes, rank: int) -> Network:
    try:
        network: Network = pickle.loads(sent)  # of rank 0 of this very run
    except Exception as error:
        raise DeviceError(
            f"Rank {rank} cannot make the network of rank 0 ({type(error).__name__}: {error}); "
            "start all ranks with the same script.",
            object="Device 'mpi'",
        ) from None
    return network


def _threads() -> int:
    """Return the number of threads of BLAS, on which the last bits of products depend."""
    counts = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max(counts, default=0)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def check_runs(network: Network) -> None:
    """Raise if a network has features that do not run on several ranks.

    Parameters
    ----------
    network
        The network.
    """
    check_network(network)
    has = {
        "noise phases": [p.name for p in network.noisy] if network.noise else [],
        "a reward": [p.name for p in network.populations if p.role == "reward"],
    }
    for what, names in has.items():
        if names:
            raise DeviceError(
                f"Device 'mpi' runs no network with {what} ({names[0]!r}); use device='array'.",
                object="Device 'mpi'",
            )


def check_placed(
    network: Network, placement: Placement, in_flight: int, micro_batches: int = 1
) -> None:
    """Raise if a network does not run as it is placed.

    Parameters
    ----------
    network, placement
        The network, and where its populations are.
    in_flight, micro_batches
        Number of batches in flight, and of parts of a batch.
    """
    routes(network, placement)
    if in_flight == 1 and micro_batches == 1:
        return
    if in_flight > 1 and micro_batches > 1:
        raise DeviceError(
            "Device 'mpi' has several batches in flight or divides them, not both, got "
            f"in_flight={in_flight} and micro_batches={micro_batches}; leave one out.",
            object="Device 'mpi'",
        )
    what = "in_flight" if in_flight > 1 else "micro_batches"
    if not placement.is_line:
        raise DeviceError(
            f"Device 'mpi' with {what} above 1 needs the populations of a rank to follow each "
            "other, and the output on the last one; give other ranks, or leave it out.",
            object="Device 'mpi'",
        )
    normed = [p.name for p in network.populations if p.norm]
    if normed:
        raise DeviceError(
            f"Device 'mpi' with {what} above 1 runs no batch normalisation, which {normed[0]!r} "
            "has; leave it out.",
            object="Device 'mpi'",
        )
