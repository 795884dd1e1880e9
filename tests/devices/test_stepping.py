"""Device runtime runs single time steps, and knows what a script added to it."""

from typing import Any

import brian2 as b2
import networks
import numpy as np
import pytest
import rate_networks

from apical import Network, simulate
from apical.errors import DeviceError

pytestmark = pytest.mark.slow


def made(net: Network) -> Any:
    names = [p.name for p in net.populations]
    signals = tuple({s for p in net.populations for s in p.signals})
    return simulate(net, "runtime", dtype="float64", record=names, traces=signals)


def same(one: Any, other: Any) -> bool:
    return set(one) == set(other) and all(np.array_equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("kind", ["feedback", "rates"])
def test_code_that_is_made_once_gives_the_same_bits(kind: Any) -> None:
    net = rate_networks.rates() if kind == "rates" else networks.small(kind)
    block = (rate_networks if kind == "rates" else networks).trials(3, learning=1.0)
    simulator = made(net)
    start = simulator.state
    known, end = simulator.run(block), simulator.state
    with simulator.stepping(3) as steps:
        simulator.state = start
        found = simulator.run(block)
        assert same(known.counts, found.counts) and same(known.traces, found.traces)
        assert same(end, simulator.state)
        simulator.state = start
        steps.show(block)
        first = steps.run(10)
        moment = steps.keep()
        for _ in range(2):  # and again, from there
            steps.back(moment)
            rest = steps.run(3 * steps.steps)
            steps.close(3)
            assert same(end, simulator.state)
            for name, values in rest.signals.items():
                whole = np.concatenate([first.signals[name], values])
                wanted = known.traces[name]
                np.testing.assert_array_equal(whole, wanted.reshape(whole.shape))
    simulator.state = start
    assert same(known.counts, simulator.run(block).counts)


def test_each_synapse_draws_numbers_of_its_own() -> None:
    simulator = made(networks.small("spike", release=0.5))
    block = networks.trials(1, learning=1.0)
    with simulator.stepping(1, keyed=True) as steps:
        steps.show(block)
        steps.run(20)
        moment = steps.keep()
        calm = steps.run(21).signals
        spiking = int(np.argmin(calm["hidden_0.x"][0]))
        steps.back(moment)
        membranes = steps.get("hidden_0.v")
        membranes[spiking] = 9.0  # one more spike
        steps.put("hidden_0.v", membranes)
        more = steps.run(21).signals
    others = np.arange(8) != spiking
    np.testing.assert_array_equal(calm["hidden_0.v"][0, others], more["hidden_0.v"][0, others])
    np.testing.assert_array_equal(calm["error.v"], more["error.v"])
    assert not np.array_equal(calm["hidden_0.v"], more["hidden_0.v"])


def test_what_ticks_at_other_times_cannot_be_stepped() -> None:
    simulator = made(networks.small())
    odd = b2.NetworkOperation(lambda: None, dt=0.3 * b2.ms, name="odd")
    simulator.add(odd)
    with pytest.raises(DeviceError, match="no whole number of time steps"):
        simulator.stepping(1).__enter__()


def test_additions_are_known() -> None:
    simulator = made(networks.small())
    assert simulator.additions == ()
    hidden = simulator.brian["hidden_0"]
    monitor = b2.StateMonitor(hidden, "v", record=True, name="watched")
    simulator.add(monitor)

    class Writing(b2.StateMonitor):
        """May do more than its base."""

    other = Writing(hidden, "v", record=True, name="writing")
    wires = b2.Synapses(hidden, hidden, on_pre="v_post += 0.1", clock=hidden.clock, name="wires")
    wires.connect()
    simulator.add(other, wires)
    hidden.bias = 0.3  # a value, no code
    hidden.run_regularly("v = 0.9*v", dt=10 * b2.ms)
    found = {item.name: item for item in simulator.additions}
    kinds = {item.kind for item in found.values()}
    assert kinds == {"StateMonitor", "Writing", "Synapses", "CodeRunner"}
    assert [name for name, item in found.items() if item.only_reads] == ["watched"]
    assert "v_post += 0.1" in found["wires"].what
    simulator.run(networks.trials(1, learning=1.0))
    assert len(simulator.additions) == 4


def test_code_that_is_changed_is_an_addition_too() -> None:
    simulator = made(networks.small())
    hidden = simulator.brian["hidden_0"]
    hidden.resetter["spike"].code = "v = 0.5"
    hidden.event_codes["spike"] = "v = 0.5"
    assert any(item.name.startswith("hidden_0") for item in simulator.additions)
