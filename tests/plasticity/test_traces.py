"""Signals over time: every device returns the same, and looking changes nothing."""

import networks
import numpy as np
import pytest
import rate_networks

from apical import Network, feedback, simulate
from apical.errors import ParameterError

SPIKING = {"record": ["hidden_0", "output", "error"], "traces": ["v", "teach"]}


def run(network: Network, device: str, block, **options):
    """Return the result of a block, in double precision."""
    return simulate(network, device, dtype="float64", **options).run(block)


@pytest.mark.slow
def test_spiking_devices_agree() -> None:
    block = networks.trials(6)
    one = run(networks.small(), "runtime", block, capacity=4, **SPIKING)
    other = run(networks.small(), "cpp_standalone", block, capacity=4, **SPIKING)
    assert set(one.traces) == {
        "hidden_0.v",
        "hidden_0.teach",
        "output.v",
        "output.teach",
        "error.v",
    }
    for name, values in one.traces.items():
        assert values.shape[:2] == (6, 40)
        np.testing.assert_allclose(values, other.traces[name], rtol=1e-9, atol=1e-12)
        assert values.std() > 0


def test_traces_show_what_a_spike_left() -> None:
    """A membrane is reset by subtraction: it drops where it fired, and never stays above 1."""
    result = run(networks.small(), "runtime", networks.trials(3), **SPIKING)
    times, neurons = result.spikes["output"]
    v = result.traces["output.v"].reshape(-1, networks.N_CLASSES)
    steps = np.rint(times).astype(int)
    later = steps % 40 > 0
    assert later.any()
    assert (v[steps, neurons] < v[steps - 1, neurons] + 0.5)[later].all()
    assert v.max() <= 1


@pytest.mark.slow
def test_looking_changes_nothing() -> None:
    block = networks.trials(4, learning=1.0)
    plain = simulate(networks.small(), "runtime", dtype="float64")
    looking = simulate(networks.small(), "runtime", dtype="float64", **SPIKING)
    for simulator in (plain, looking):
        simulator.run(block)
    for name, values in plain.state.items():
        np.testing.assert_array_equal(values, looking.state[name])
    again = looking.run(block)
    assert again.traces["output.v"].shape == (4, 40, 3)


@pytest.mark.parametrize("wiring", [feedback.direct, feedback.layerwise, feedback.indirect])
def test_settled_rates_are_those_at_the_end_of_a_long_trial(wiring) -> None:
    block = rate_networks.trials(5)
    look = {"record": ["hidden_1", "hidden_2", "output", "error"], "traces": ["x", "gain", "teach"]}
    settled = run(rate_networks.rates(wiring), "array", block, **look)
    simulated = run(rate_networks.rates(wiring), "runtime", block, **look)
    assert settled.traces.keys() == simulated.traces.keys()
    for name, values in settled.traces.items():
        assert values.shape[1] == 1
        np.testing.assert_allclose(values[:, 0], simulated.traces[name][:, -1], atol=1e-9)
    assert np.abs(settled.traces["hidden_2.teach"]).max() > 0
    before = simulate(rate_networks.rates(wiring), "array", dtype="float64", **look)
    weights = before.state
    before.run(block)
    for name, values in weights.items():
        np.testing.assert_array_equal(values, before.state[name])


def test_signals_that_nobody_offers_are_named() -> None:
    with pytest.raises(
        ParameterError, match=r"traces names 'voltage', which no recorded .*output: x"
    ):
        simulate(networks.small(), "runtime", record=["output"], traces=["voltage"])
    with pytest.raises(ParameterError, match=r"\(none recorded\)"):
        simulate(networks.small(), "runtime", traces=["v"])
