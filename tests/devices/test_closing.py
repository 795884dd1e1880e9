"""Simulators are context managers, and say that they are closed."""

import gc
import os
from pathlib import Path
from typing import Any

import networks
import pytest
import rate_networks

from apical import simulate
from apical.errors import DeviceError


def opened(device: str) -> Any:
    network = rate_networks.rates() if device == "array" else networks.small()
    return simulate(network, device)


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_every_use_of_a_closed_simulator_is_one_clear_error(device: str) -> None:
    simulator = opened(device)
    weights = {p.name: simulator.weights(p) for p in simulator.network.plastic}
    state, name = simulator.state, next(iter(weights))
    trials = rate_networks.trials() if device == "array" else networks.trials()
    with simulator as same:
        assert same is simulator
        simulator.run(trials)
    uses = [
        lambda: simulator.run(trials),
        lambda: simulator.state,
        lambda: setattr(simulator, "state", state),
        lambda: simulator.weights(name),
        lambda: simulator.load(weights),
        lambda: simulator.__enter__(),
        lambda: simulator.takes_rows,
    ]
    if device == "runtime":
        uses += [lambda: simulator.brian["hidden_0"], lambda: simulator.add()]
    for use in uses:
        with pytest.raises(DeviceError, match="is closed; make another one") as told:
            use()
        assert "\n" not in str(told.value)
    simulator.close()  # as often as one likes
    assert (simulator.network.populations, simulator.compile_seconds) and simulator.batch == 1


def test_an_error_within_closes_and_passes() -> None:
    with pytest.raises(ZeroDivisionError), opened("array") as simulator:
        _ = 1 / 0
    with pytest.raises(DeviceError, match="closed"):
        _ = simulator.state


def test_an_unknown_attribute_is_an_ordinary_error() -> None:
    with opened("array") as simulator, pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = simulator.nosuch


@pytest.mark.slow
def test_files_go_when_a_program_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with simulate(networks.small(), "cpp_standalone") as simulator:
        simulator.run(networks.trials(2))
        assert len(os.listdir(tmp_path)) == 1
    assert not os.listdir(tmp_path)
    other: Any = simulate(networks.small(), "cpp_standalone")
    assert len(os.listdir(tmp_path)) == 1
    del other
    gc.collect()
    assert not os.listdir(tmp_path)
