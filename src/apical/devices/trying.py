"""Test a device on a minimal network: ``python -m apical.devices.trying DEVICE OPTIONS``.

It runs in a separate process, since a broken library may crash it.
"""

import json
import sys
from typing import Any

import numpy as np

from apical.devices import DEVICES, Block, simulate
from apical.errors import DeviceError, ending_in_one_line
from apical.feedback.pathways import direct
from apical.network.description import Network
from apical.neurons.encoding import Graded, Regular
from apical.neurons.error import Error, RateError
from apical.neurons.lif import LIF
from apical.neurons.rate import Rate
from apical.neurons.stimulus import Stimulus
from apical.plasticity import rules
from apical.projections.weights import FanIn, Normal

RATE = 0.5
"""Learning rate."""


def network() -> Network:
    """Return a minimal rate network that learns: 2-2-1, one trial of 100 ms."""
    net = Network(seed=0, trial=100.0)
    x = net.add(Stimulus("stimulus", 2, Graded()))
    h = net.add(Rate("hidden", 2, "tanh"))
    y = net.add(Rate("output", 1, "logistic", gain="one"))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=FanIn(), rule=rules.three_factor(RATE))
    net.teach(direct(net.add(RateError("error", 1)), net.forward))
    return net


def learn(device: str, **options: Any) -> None:
    """Train the network on one trial on a device, and check the weight change.

    Parameters
    ----------
    device, options
        As `apical.simulate` takes them.

    Raises
    ------
    DeviceError
        If the device is unavailable, or the weight change is not that of the rule.
    """
    simulator, x = simulate(network(), device, **options), np.ones((1, 2))
    before = [simulator.weights(name) for name in ("stimulus_to_hidden", "hidden_to_output")]
    simulator.run(Block.of_labels(x, np.zeros(1, dtype=int), 1.0))
    change = simulator.weights("hidden_to_output") - before[1]
    hidden = np.tanh(x @ before[0])
    error = 1 - 1 / (1 + np.exp(-hidden @ before[1]))
    wanted = RATE * hidden.T @ error
    if not np.allclose(change, wanted, rtol=0.02):  # in Brian2 not quite in the steady state
        raise DeviceError(
            f"Device {device!r} ran, but learned {change.ravel()} instead of {wanted.ravel()}.",
            object=f"Device {device!r}",
        )


def spiking_network() -> Network:
    """Return a minimal spiking network that learns: 2-2-1, one trial of 40 ms."""
    net = Network(seed=0, trial=40.0)
    x = net.add(Stimulus("stimulus", 2, Regular(200.0)))
    h, y = net.add(LIF("hidden", 2, bias=1.2)), net.add(LIF("output", 1, bias=1.5, gain="1"))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=Normal(0.5), rule=rules.three_factor(1e-2))
    net.teach(direct(net.add(Error("error", 2)), net.forward))
    return net


def learn_by_spikes(device: str, **options: Any) -> None:
    """Train the spiking network on one trial on a device, and check the weight change.

    Parameters
    ----------
    device, options
        As `apical.simulate` takes them.

    Raises
    ------
    DeviceError
        If the device is unavailable, or the weights are not those of Brian2 in this process.
    """
    block = Block.of_labels(np.ones((1, 2)), np.zeros(1, dtype=int), 1.0)
    one = simulate(spiking_network(), device, **options)
    other = simulate(spiking_network(), "runtime")
    for simulator in (one, other):
        simulator.run(block)
    found, wanted = (s.weights("hidden_to_output").ravel() for s in (one, other))
    if not np.allclose(found, wanted, rtol=1e-4):
        raise DeviceError(
            f"Device {device!r} ran, but learned {found} instead of {wanted}.",
            object=f"Device {device!r}",
        )


def main() -> None:
    """Test the device given on the command line; errors of this package are one line."""
    with ending_in_one_line():
        trial = learn if DEVICES[sys.argv[1]].rates else learn_by_spikes
        trial(sys.argv[1], **json.loads(sys.argv[2]))


if __name__ == "__main__":
    main()
