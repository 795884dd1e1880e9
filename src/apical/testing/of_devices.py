"""Contracts of devices."""

from collections.abc import Iterator
from dataclasses import is_dataclass

import numpy as np

from apical.devices import Device, Options
from apical.errors import ApicalError, ParameterError
from apical.network.description import Network
from apical.testing.contracts import contract, expect
from apical.testing.references import apart, learned, made, rates, spiking, trials


def _networks(device: Device) -> Iterator[tuple[Network, str]]:
    """Yield the networks that a device claims, and the reference device of each."""
    if device.rates:
        yield rates(), "array"
    if device.spikes:
        yield spiking(), "runtime"


@contract("device")
def says_what_it_is(device: Device) -> None:
    """It has a name, a description, forms, and frozen options derived from Options."""
    expect(device.name and device.about and device.forms, f"{device.name!r} lacks about or forms.")
    expect(device.rates or device.spikes, f"Device {device.name!r} runs no network.")
    own = is_dataclass(device.options) and issubclass(device.options, Options)
    expect(own, f"The options of device {device.name!r} must be a dataclass derived from Options.")
    expect(device.options() == device.options(), "Options must have defaults and be comparable.")


@contract("device")
def refuses_options_that_it_does_not_have(device: Device) -> None:
    """Unknown options and invalid values are refused, and named in the message."""
    for given in ({"no_such_option": 1}, {"dtype": "float8"}):
        try:
            device.chosen(given)
        except ParameterError as error:
            expect(next(iter(given)) in error.message, f"{device.name!r}: {error.message}")
        else:
            raise AssertionError(f"Device {device.name!r} takes {given}.")


@contract("device")
def refuses_networks_that_it_does_not_run(device: Device) -> None:
    """A kind of network that it does not support is refused before anything is built."""
    for claims, network in ((device.rates, rates()), (device.spikes, spiking())):
        try:
            device.require(network, device.options())
        except ApicalError as error:
            expect(not claims, f"Device {device.name!r} refuses what it claims: {error.message}")
        else:
            expect(claims, f"Device {device.name!r} does not refuse what it does not claim.")


@contract("device")
def learns_as_the_reference_does(device: Device) -> None:
    """Spikes equal those of the reference; activities and weight changes agree within 5 %."""
    for network, reference in _networks(device):
        change, result = learned(network, device.name)
        wanted, known = learned(network, reference)
        for name, values in known.counts.items():
            limit = 0.0 if network.is_spiking else 0.05
            expect(apart(values, result.counts[name]) <= limit, f"Counts of {name!r} differ.")
        for name, values in wanted.items():
            expect(apart(values, change[name]) < 0.05, f"{device.name!r} learns {name!r} wrongly.")


@contract("device")
def the_same_state_gives_the_same_bits(device: Device) -> None:
    """Restoring a saved state reproduces the same counts; weights are part of the state."""
    for network, _ in _networks(device):
        simulator = made(network, device.name)
        start = simulator.state
        first = simulator.run(trials(1.0)).counts
        end = simulator.state
        simulator.state = start
        again = simulator.run(trials(1.0)).counts
        for name, values in first.items():
            expect(np.array_equal(values, again[name]), f"Counts of {name!r} are not repeated.")
        for name, values in simulator.state.items():
            same = np.array_equal(values, end[name], equal_nan=True)
            expect(same, f"Device {device.name!r}: {name!r} depends on more than the state.")


@contract("device")
def weights_go_in_and_out(device: Device) -> None:
    """Loaded weights are returned unchanged, also after evaluation."""
    for network, _ in _networks(device):
        simulator = made(network, device.name)
        for projection in network.plastic:
            shape = (projection.pre.size, projection.post.size)
            weights = np.linspace(-0.5, 0.5, shape[0] * shape[1]).reshape(shape)
            simulator.load({projection.name: weights})
            simulator.run(trials())
            same = np.array_equal(simulator.weights(projection.name), weights)
            expect(same, f"Device {device.name!r} changes weights of {projection.name!r}.")


@contract("device")
def closes(device: Device) -> None:
    """A simulator is a context manager; once it is closed, it says so, and closes again."""
    for network, _ in _networks(device):
        with made(network, device.name) as simulator:
            simulator.run(trials())
        simulator.close()
        for use in (lambda s: s.run(trials()), lambda s: s.state):
            try:
                use(simulator)
            except ApicalError as error:
                said = "closed" in error.message
                expect(said, f"Device {device.name!r}, once closed, says: {error.message}")
            else:
                raise AssertionError(f"A simulator of device {device.name!r} runs on once closed.")
