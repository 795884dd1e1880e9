"""What cannot be tested is said in one line."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import brian2 as b2
import networks
import numpy as np
import pytest
import rate_networks
from cheats import Wrapped

from apical import Network, Rate, Stimulus, feedback, simulate
from apical.errors import ApicalError, DeviceError, LocalityError, ParameterError
from apical.locality_check.synapses import disturb
from apical.neurons.encoding import Graded


def rates() -> Network:
    return rate_networks.rates(sizes=(4, 5, 3))


def try_out(net: Network, make: Callable[..., Any] = simulate, **options: Any) -> str:
    """Return the message of the error."""
    values = np.random.default_rng(0).random((3, net.stimulus.n_values))
    with pytest.raises(ApicalError) as found:
        disturb(net, values, np.arange(3) % net.output.size, make=make, each=1, **options)
    assert isinstance(found.value, DeviceError | LocalityError | ParameterError)
    assert "\n" not in found.value.message
    return found.value.message


def still() -> Network:
    net = Network()
    x, y = net.add(Stimulus("stimulus", 3, Graded())), net.add(Rate("output", 2))
    net.connect(x, y)
    return net


def test_nothing_learns() -> None:
    assert "no plastic projection, so there is no update to test" in try_out(still())


def test_no_device_runs_it() -> None:
    net = rate_networks.rates(sizes=(4, 5, 3), output="softmax")
    assert "softmax" in try_out(net, devices=["runtime"])


def test_a_script_that_raises() -> None:
    def broken(*args: Any, **options: Any) -> Any:
        raise ZeroDivisionError("by nothing")

    said = try_out(rates(), broken)
    assert "broken' called" in said.replace(",", "") or "broken" in said
    assert "raised ZeroDivisionError: by nothing" in said and "test_bad_input.py:" in said


def test_a_script_that_raises_while_it_runs() -> None:
    def make(*args: Any, **options: Any) -> Any:
        simulator = simulate(*args, **options)

        def act() -> None:
            raise IndexError("no such neuron")

        clock = simulator.brian["hidden_0"].clock
        simulator.add(b2.NetworkOperation(act, clock=clock))
        return simulator

    said = try_out(networks.small(), make)
    assert "raised IndexError: no such neuron" in said and "test_bad_input.py:" in said


def test_code_that_brian_cannot_read() -> None:
    def make(*args: Any, **options: Any) -> Any:
        simulator = simulate(*args, **options)
        simulator.brian["hidden_0"].run_regularly("v = nonsense(v)")
        return simulator

    assert "nonsense" in try_out(networks.small(), make)


def test_a_script_that_returns_no_simulator() -> None:
    assert "returned list, which is no simulator" in try_out(rates(), lambda *a, **k: [])


def test_a_script_that_simulates_something_else() -> None:
    def other(net: Network, *args: Any, **options: Any) -> Any:
        moved = net.altered(projection=lambda p: replace(p, bounds=(-9.0, 9.0)) if p.rule else p)
        return simulate(moved, *args, **options)

    said = try_out(rates(), other)
    assert "simulates another network" in said and "projection 'stimulus_to_hidden_1'" in said
    rewired = lambda net, *a, **k: simulate(net.rewired(feedback.layerwise), *a, **k)  # noqa: E731
    assert "simulates another network" in try_out(rate_networks.rates(), rewired)


def test_a_run_that_returns_nothing() -> None:
    class Mute(Wrapped):
        def run(self, block: Any) -> None:
            self.inner.run(block)

    assert "gave NoneType, no BlockResult" in try_out(rates(), Mute.make)


def test_a_wrapper_that_keeps_the_state_to_itself() -> None:
    class Selfish:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    def make(*args: Any, **options: Any) -> Any:
        return Selfish(simulate(*args, **options))

    assert "give it a property 'state' with a setter" in try_out(rates(), make)
