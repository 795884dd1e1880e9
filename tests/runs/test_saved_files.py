"""`Network.save` and `Simulator.save`: what comes back is the same, and bad files are one line."""

from pathlib import Path

import numpy as np
import pytest

import apical as ap
from apical.errors import DataError, RunError
from apical.runs.experiment import Experiment
from apical.runs.open import open_run
from apical.runs.run import run
from apical.testing.references import rates, spiking
from apical.training.loop import Plan, steps


@pytest.fixture(scope="module")
def data() -> ap.Dataset:
    return ap.datasets.blobs(24, 12, 6, 3, rng=ap.stream(0, "data"))


@pytest.mark.parametrize("network", [rates(), spiking()], ids=["rates", "spikes"])
def test_a_network_comes_back_equal(network: ap.Network, tmp_path: Path) -> None:
    path = network.save(tmp_path / "net")
    assert path.name == "net.npz"
    assert list(tmp_path.iterdir()) == [path]
    other = ap.Network.load(path)
    assert [repr(p) for p in other.populations] == [repr(p) for p in network.populations]
    for projection in network.projections:
        again = other.projection(projection.name)
        assert again.rule == projection.rule
        assert np.array_equal(other.initial_weights(again), network.initial_weights(projection))
    with np.load(path, allow_pickle=False) as arrays:  # no pickle
        assert "network" in arrays.files
    assert other.save(tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_a_saved_network_has_no_paths_and_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = rates().save(str(tmp_path / "net.npz"))
    assert str(tmp_path).encode() not in path.read_bytes()
    before = path.read_bytes()
    with pytest.raises(RunError, match="cannot be read or written"):
        rates().save(tmp_path / "no folder" / "net.npz")
    rates(seed=1).save(path)
    assert path.read_bytes() != before


def test_classes_of_others_are_refused_by_name(tmp_path: Path) -> None:
    own = type("Own", (type(ap.encoding.Graded()),), {})()
    net = rates().altered(
        population=lambda p: ap.Stimulus("stimulus", 6, own) if p.name == "stimulus" else p
    )
    with pytest.raises(RunError, match="population 'stimulus': .* is not of this package"):
        net.save(tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + b"\0" * 18])
def test_bad_files_are_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        ap.Network.load(path)
    with ap.simulate(rates(), "array") as simulator, pytest.raises(DataError) as other:
        simulator.load(path)
    assert "\n" not in caught.value.message + other.value.message
    with pytest.raises(RunError, match=r"does not exist; Network\.save writes it"):
        ap.Network.load(tmp_path / "none.npz")


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_training_goes_on_from_a_saved_state(device: str, data: ap.Dataset, tmp_path: Path) -> None:
    rule = ap.rules.three_factor(0.1, dynamics=ap.optimizers.adam(1e-2))
    network, few = rates(rule=rule), data.subset(6, 3)
    found = []
    with ap.simulate(network, device) as simulator:
        done = list(steps(simulator, few, Plan(2, block=6)))[1]
    with ap.simulate(network, device) as simulator:
        for step in steps(simulator, few, Plan(2, block=6)):
            if step.position.epoch == 1:
                path = simulator.save(tmp_path / "state")
        found.append(simulator.state)
    with ap.simulate(ap.Network.load(network.save(tmp_path / "net")), device) as simulator:
        simulator.load(path)
        list(steps(simulator, few, Plan(2, block=6), done.position))
        found.append(simulator.state)
    for name, array in found[0].items():
        assert np.array_equal(array, found[1][name]), name


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    with ap.simulate(rates(), "array") as simulator:
        path = simulator.save(tmp_path / "state")
        with pytest.raises(DataError, match="cannot be written"):
            simulator.save(tmp_path / "no folder" / "state.npz")
        with pytest.raises(DataError, match="does not exist"):
            simulator.load(tmp_path / "none.npz")
    adam = rates(rule=ap.rules.three_factor(0.1, dynamics=ap.optimizers.adam()))
    with (
        ap.simulate(adam, "array") as other,
        pytest.raises(DataError, match="it is of another network or device"),
    ):
        other.load(path)
    larger = rates().altered(
        population=lambda p: ap.Rate("hidden_1", 7) if p.name == "hidden_1" else p
    )
    with (
        ap.simulate(larger, "array") as other,
        pytest.raises(DataError, match="the saved state is of another network"),
    ):
        other.load(path)


def test_a_run_gives_its_trained_simulator(tmp_path: Path) -> None:
    plan = Experiment("rate_dfa", train_trials=200, test_trials=50, epochs=1, batch=1)
    summary = run(plan, tmp_path / "run", progress=False, draw=False)
    found = open_run(tmp_path / "run")
    with found.simulator() as simulator:
        assert ap.evaluate(simulator, found.data.test).accuracy == summary["test_accuracy"]
        path = found.network.save(tmp_path / "net")
        simulator.save(tmp_path / "state")
    with ap.simulate(ap.Network.load(path), "array") as simulator:
        simulator.load(tmp_path / "state.npz")
        assert ap.evaluate(simulator, found.data.test).accuracy == summary["test_accuracy"]
