"""Device ``mpi``: the populations of a rate network on the processes that mpiexec starts.

Each rank simulates some populations and holds the synapses onto them (`placement`); its loop is to
receive, compute and send, and to learn when an error comes (`part`). Rank 0 also runs the script,
and the others serve it (`world`). Messages are nonblocking and numbered (`wires`); which there are
follows from the network and the placement (`routes`).

With one batch in flight the bits are those of device ``array``: every rank makes the calls that are
its own of the same plan, in the same order. With more, a rank goes on with the next batches before
the errors of earlier ones have come, and applies each to the activity that it kept of its batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apical._base.bibliography import cite
from apical._base.parameters import Count, Positive
from apical.devices.device import Device, Form, Options
from apical.devices.lacks import Lack
from apical.devices.needs import Diagnosis, Looked, Machine, learning_on_ranks, named
from apical.devices.simulator import Simulator
from apical.network.description import Network

NAME = "mpi"


@dataclass(frozen=True)
class MpiOptions(Options):
    """Options of device ``mpi``, besides `Options`.

    Parameters
    ----------
    batch
        Batch size, as of device ``array``.
    library
        Array library, as of device ``array``.
    place
        Rank of each population of neurons, by name; by default they are placed in order, such that
        the largest number of synapses on a rank is as small as possible.
    in_flight
        Number of batches in flight on the first rank. With 1, results have the same bits as on
        device ``array``. With more, no rank waits for an error while fewer are in flight; an error
        then meets weights that have learned from up to ``in_flight - 1`` batches more, on the last
        rank from none.
    micro_batches
        Number of parts in which a batch passes the ranks, each forward and backward, before all of
        them learn from the whole: a pipeline (1F1B), which backpropagation needs to keep ranks
        busy. Results are those of whole batches up to rounding.
    patience
        How long a rank waits for a message before the run ends [s].

    References
    ----------
    One forward, one backward in turn, with a flush after each batch: Narayanan et al. 2021,
    arXiv:2104.04473, section 2.2.1.

    Examples
    --------
    >>> from apical.devices.mpi import MpiOptions
    >>> MpiOptions(batch=64, place={"hidden": 0, "output": 1}).in_flight
    1
    """

    batch: Count = 1
    library: str = "numpy"
    place: Mapping[str, int] | None = None
    in_flight: Count = 1
    micro_batches: Count = 1
    patience: Positive = 25.0


def _make(network: Network, options: MpiOptions) -> Simulator:
    from apical.devices.mpi.simulator import MpiSimulator, join

    join()
    return MpiSimulator(
        network,
        library=options.library,
        dtype=options.dtype,
        batch=options.batch,
        record=options.record,
        traces=options.traces,
        place=options.place or {},
        in_flight=options.in_flight,
        micro_batches=options.micro_batches,
        patience=options.patience,
    )


def _check(network: Network, options: MpiOptions) -> None:
    from apical.devices.mpi.simulator import check_runs

    check_runs(network)


def _join() -> None:
    from apical.devices.mpi.simulator import join

    join()


def _diagnose(machine: Machine) -> Iterator[Looked]:
    found = named("mpi4py")
    lacks = () if found else (Lack("mpi4py is not installed", "pip install 'apical[mpi]'"),)
    yield Diagnosis(NAME, "", found, lacks), learning_on_ranks(NAME)


DEVICE = Device(
    NAME,
    "populations of rate networks on several processes or machines, by MPI",
    _make,
    MpiOptions,
    _check,
    spikes=False,
    transport=True,
    forms=(Form(asked_for="it needs mpiexec"),),
    join=_join,
    diagnose=_diagnose,
    source=cite("dalcin2021"),
)
