"""Contracts of connectivities. Suites take the class, which gives an example of itself."""

from dataclasses import is_dataclass
from inspect import getdoc

import numpy as np

from apical._base import seeds
from apical.network.description import Network
from apical.projections.connectivity import Connectivity, edges_of
from apical.runs.plain_data import Reader, Writer, known
from apical.testing.contracts import claiming, contract, expect
from apical.testing.references import made, partly_joined, trials


def _networks(cls: type[Connectivity]) -> tuple[Network, Network]:
    """Return networks of rates and of spikes whose first projection is an example of a class."""
    example, shape = cls.example()
    return partly_joined(example, shape), partly_joined(example, shape, spiking=True)


@contract("connectivity")
def says_what_it_is(cls: type[Connectivity]) -> None:
    """It is a frozen dataclass with a docstring, and says in a few words what an example is."""
    frozen = is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    expect(frozen, f"{cls.__name__} must be a frozen dataclass.")
    expect((getdoc(cls) or "").strip(), f"{cls.__name__} has no docstring.")
    expect(cls.example()[0].about, f"{cls.__name__} does not say what it is.")


@contract("connectivity")
def the_same_stream_gives_the_same_synapses(cls: type[Connectivity]) -> None:
    """Synapses are of the populations, each once, and follow from the random stream alone."""
    net, _ = _networks(cls)
    first = net.forward[0]
    found, again = (
        edges_of(first.connectivity, first.pre, first.post, seeds.stream(0, "contract"))
        for _ in range(2)
    )
    same = np.array_equal(found.pre, again.pre) and np.array_equal(found.post, again.post)
    expect(same, f"{cls.__name__} depends on more than its random stream.")
    expect(len(found) <= np.prod(first.shape), f"{cls.__name__} joins neurons twice.")


@contract("connectivity")
def what_does_not_exist_never_appears(cls: type[Connectivity]) -> None:
    """On every device that claims it, synapses learn, and others keep weight 0 exactly."""
    for network in _networks(cls):
        first = network.forward[0]
        exists = network.existing(first)
        exists = np.ones(first.shape, bool) if exists is None else exists
        for device in claiming(network):
            with made(network, device.name) as simulator:
                before = simulator.weights(first)
                simulator.run(trials(1.0))
                after = simulator.weights(first)
                simulator.load({first.name: after})
            where = f"{cls.__name__} on {device.name}"
            expect(not after[~exists].any(), f"{where}: synapses appear that do not exist.")
            expect((after != before)[exists].any(), f"{where}: nothing learns.")


@contract("connectivity")
def is_data(cls: type[Connectivity]) -> None:
    """An example of this package is written with a network and read back as it was."""
    example, _ = cls.example()
    if known().get(cls.__name__) is not cls:
        return
    writer = Writer({}, {})
    stored = writer.value(example)
    network, _ = _networks(cls)
    reader = Reader(writer.arrays, lambda _: network.stimulus, network.projection)
    expect(repr(reader.value(stored)) == repr(example), f"{cls.__name__} is read back otherwise.")
