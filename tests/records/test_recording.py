"""Recording: what a trained network does on held-out trials, with learning off."""

from pathlib import Path

import click
import networks
import numpy as np
import pytest
import rate_networks
from unbound import unbound

from apical import Block, FanIn, Network, Rate, Stimulus, simulate
from apical.cli.app import commands
from apical.data.datasets import blobs
from apical.errors import ParameterError, RunError
from apical.neurons.encoding import Graded, Latency, decisions
from apical.records.recording import record
from apical.runs.experiment import Experiment
from apical.runs.open import open_run, read_records, write_records
from apical.runs.run import run

SAMPLES = blobs(40, 20, networks.N_INPUTS, networks.N_CLASSES, rng=np.random.default_rng(0)).test
EVERYTHING = {
    "record": ["stimulus", "hidden_0", "output", "error"],
    "traces": ["v", "teach"],
}


def recorded(network: Network, indices=range(6), **options):
    simulator = simulate(network, "runtime", **EVERYTHING)
    return simulator, record(simulator, SAMPLES, list(indices), **options)


@pytest.mark.slow
def test_spikes_are_those_of_their_trial() -> None:
    """A trial recorded alone, from rest, is the same as among others."""
    latency = {"encoder": Latency(20.0)}  # input neurons that keep no phase from before
    _, together = recorded(networks.small(**latency))
    for number in (0, 3):
        _, alone = recorded(networks.small(**latency), [number])
        ours, theirs = together.spikes["output"].of_trial(number), alone.spikes["output"]
        assert len(theirs)
        np.testing.assert_array_equal(ours.time, theirs.time)
        np.testing.assert_array_equal(ours.unit, theirs.unit)


@pytest.mark.slow
def test_counts_decide_without_labels() -> None:
    _, records = recorded(networks.small())
    values, _ = SAMPLES.block(np.arange(6))
    counts = simulate(networks.small(), "runtime").run(Block(values, index=-1)).counts
    np.testing.assert_array_equal(records.decisions, decisions(counts["output"]))
    np.testing.assert_array_equal(records.counts("output"), counts["output"])
    assert records.spikes["error"].time.size, "error neurons are shown the labels"
    assert records.signals["hidden_0.v"].shape == (6, 40, 8)


@pytest.mark.slow
def test_recording_leaves_the_simulator_as_it_was() -> None:
    simulator = simulate(networks.small("feedback"), "runtime", **EVERYTHING)
    before = simulator.state
    record(simulator, SAMPLES, [4, 1])
    for name, values in before.items():
        np.testing.assert_array_equal(values, simulator.state[name])


def test_spikes_are_in_order_and_in_their_trial() -> None:
    _, records = recorded(networks.small("feedback"))
    for spikes in records.spikes.values():
        moments = spikes.trial * 40.0 + spikes.time
        assert (np.diff(moments) >= 0).all()
        assert ((spikes.time >= 0) & (spikes.time < 40)).all()


def test_signs_of_units() -> None:
    network = networks.small()
    simulator = simulate(network, "runtime", **EVERYTHING)
    w = np.abs(simulator.weights("hidden_0_to_output"))
    w[0] *= -1
    w[1, 0] = -0.1
    simulator.load({"hidden_0_to_output": w})
    units = record(simulator, SAMPLES, [0]).units
    assert units["hidden_0"].signs.tolist() == [-1, 0, 1, 1, 1, 1, 1, 1]
    assert units["error"].signs.tolist() == [1, 1, 1, -1, -1, -1]
    assert units["hidden_0"].kind == "LIF"


def test_rates_are_recorded_at_rest() -> None:
    network = rate_networks.rates(sizes=(networks.N_INPUTS, 5, 4, 3))
    simulator = simulate(network, "array", record=["hidden_1", "output"], traces=["x", "teach"])
    records = record(simulator, SAMPLES, np.arange(7))
    assert records.signals["hidden_1.teach"].shape == (7, 1, 5)
    assert np.abs(records.signals["hidden_1.teach"]).max() > 0
    assert records.rates("output").shape == (7, 3)
    assert records.decisions.tolist() == records.rates("output").argmax(axis=1).tolist()


@pytest.mark.parametrize("indices", [[], [20], [-1]])
def test_samples_that_are_not_there_are_refused(indices) -> None:
    with pytest.raises(ParameterError, match="There are 20 samples to record"):
        recorded(networks.small(), indices)


def test_a_simulator_that_records_nothing_is_refused() -> None:
    with pytest.raises(ParameterError, match="The simulator records nothing; name populations"):
        record(simulate(networks.small(), "runtime"), SAMPLES, [0])


# Runs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of rates on digits, finished."""
    out = tmp_path_factory.mktemp("runs") / "rates"
    model = Path(__file__).parents[2] / "models" / "Nokland_2016_mnist.py"
    options = {"layers": 1, "hidden": 12, "wiring": "bp", "rate": 3e-3}
    run(Experiment(str(model), options, epochs=15), out, progress=False, draw=False)
    return out


def test_a_run_is_read_back(finished: Path) -> None:
    trained = open_run(finished)
    records = trained.record(len(trained.data.test))
    assert records.correct.mean() == trained.summary["test_accuracy"] > 0.5
    assert set(records.signals) == {"stimulus.x", "hidden_1.x", "output.x", "error.x"}
    assert records.about["licence"] and records.about["rules"][0]["source"]
    kinds = {p["name"]: p["kind"] for p in records.about["projections"]}
    assert kinds["hidden_1_to_output"] == "forward" and "feedback" in kinds.values()
    assert set(trained.metrics["metric"]) >= {"test_accuracy"}


def test_records_there_and_back(finished: Path, tmp_path: Path) -> None:
    records = open_run(finished).record(5, ["hidden_1"], ["x", "gain"])
    back = read_records(write_records(tmp_path / "some.npz", records))
    assert back.about == records.about
    np.testing.assert_array_equal(back.signals["hidden_1.gain"], records.signals["hidden_1.gain"])


def test_the_network_before_learning_can_be_recorded(finished: Path, tmp_path: Path) -> None:
    trained = open_run(finished)
    before, after = (trained.record(60, untrained=u) for u in (True, False))
    assert before.correct.mean() < 0.4 < after.correct.mean()
    np.testing.assert_array_equal(before.samples, after.samples)
    with pytest.raises(click.UsageError, match="--untrained needs --out"):
        commands.main(["record", str(finished), "--untrained"], standalone_mode=False)


def test_bad_runs_are_named(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        open_run(tmp_path)
    for name in ("config.json", "summary.json", "metrics.csv"):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    unbound(tmp_path)
    with pytest.raises(RunError, match=r"has no weights.npz: it is not finished.*--resume"):
        open_run(tmp_path)
    np.savez(tmp_path / "weights.npz", hidden_1_to_output=np.zeros((3, 2)))
    with pytest.raises(RunError, match=r"weights of 'stimulus_to_hidden_1' must have.*got none"):
        open_run(tmp_path)
    with pytest.raises(RunError, match="'apical record RUN' makes it"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"trials": 10_000}, ParameterError, "has 360 test samples, so 1 to 360"),
        ({"populations": ["hiden"]}, ParameterError, "record names 'hiden'"),
        ({"signals": ["v"]}, ParameterError, "traces names 'v'"),
    ],
)
def test_bad_wishes_are_named(finished: Path, options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        open_run(finished).record(**options)


def test_command(finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "records.npz"
    arguments = ["record", str(finished), "--trials", "7", "--populations", "hidden_1, output"]
    commands.main([*arguments, "--signals", "x,teach", "--out", str(out)], standalone_mode=False)
    said = capsys.readouterr().out
    assert "7 trials" in said and "hidden_1.teach" in said and str(out) in said
    assert set(read_records(out).units) == {"hidden_1", "output"}


def test_the_time_step_is_that_of_the_simulator() -> None:
    """One that was given wrong would put spikes into other trials, in silence."""
    simulator = simulate(networks.small(), "runtime", dt=0.5, record=["output"])
    data = blobs(6, 4, networks.N_INPUTS, networks.N_CLASSES, rng=np.random.default_rng(0))
    assert record(simulator, data.test, [0, 1]).dt == 0.5
    with pytest.raises(ParameterError, match=r"time steps of 0.5 ms, but dt=1.0; leave dt out"):
        record(simulator, data.test, [0, 1], dt=1.0)


def test_labels_are_ignored_where_no_error_neurons_hear_them() -> None:
    net = Network(seed=0)
    x, y = net.add(Stimulus("x", 12, Graded())), net.add(Rate("y", 3, "relu"))
    net.connect(x, y, weights=FanIn())
    values, labels = np.ones((4, 12)), np.array([0, 1, 0, 1])
    simulator = simulate(net, "array", record=["y"], traces=["x"])
    told = simulator.run(Block(values, labels)).traces["y.x"]
    np.testing.assert_array_equal(told, simulator.run(Block(values)).traces["y.x"])
    with pytest.raises(ParameterError, match=r"as in traces=\['x'\]"):
        record(simulate(net, "array", record=["y"]), SAMPLES, [0])
