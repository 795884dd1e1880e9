"""Angles between updates of spiking networks and gradients by backpropagation through time."""

from typing import Any

import numpy as np
import pytest

import apical as ap
from apical import Block
from apical.data.samples import Samples
from apical.devices.surrogates import Surrogate
from apical.errors import DeviceError
from apical.measures.alignment import angle
from apical.measures.learning import update_angles
from apical.measures.through_time import angles_through_time, course_of_angles, parts_of_angles
from apical.measures.updates import update_signals
from apical.records.recording import record
from apical.runs.callbacks import Measuring
from apical.runs.experiment import Experiment, prepare
from apical.testing.references import rates, spiking
from apical.training import Position

SAMPLES = Samples(np.random.default_rng(0).random((4, 6)).astype("float32"), np.array([0, 1, 2, 0]))
BLOCK = Block.of_samples(SAMPLES, slice(0, 4))


def made(net: ap.Network, **options: Any) -> Any:
    pytest.importorskip("torch")
    return ap.simulate(net, "lockstep", dtype="float64", batch=4, **options)


def test_networks_without_such_gradients_are_refused() -> None:
    values = np.ones((2, 6))
    with ap.simulate(rates(), "array") as simulator:
        for measure in (angles_through_time, course_of_angles):
            with pytest.raises(DeviceError, match="of spiking networks, but 'output' does not"):
                measure(simulator, Block.of_labels(values, [0, 1]))


@pytest.mark.slow
def test_backpropagation_is_its_own_gradient() -> None:
    optimizer = ap.optimizers.adam(1e-3)
    bp = spiking().rewired(ap.feedback.transposed).altered(projection=lambda p: _by(p, optimizer))
    with made(bp, library="torch") as simulator:
        angles = angles_through_time(simulator, BLOCK, surrogate=Surrogate("arctan", 3.0))
        assert angles.keys() == {"stimulus_to_hidden", "hidden_to_output"}
        assert max(angles.values()) < 1e-5


def _by(projection: Any, optimizer: Any) -> Any:
    from dataclasses import replace

    learns = projection.rule is not None
    rule = ap.rules.three_factor(dynamics=optimizer) if learns else None
    return replace(projection, rule=rule)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["trial", "feedback"])
def test_angles_are_those_of_the_weights_that_change(when: Any) -> None:
    net = spiking().altered(projection=lambda p: _when(p, when))
    with made(net, library="torch") as simulator:
        slopes = simulator.gradients(BLOCK, Surrogate("arctan", 3.0))
        found = angles_through_time(simulator, BLOCK, surrogate=Surrogate("arctan", 3.0))
        course = course_of_angles(simulator, BLOCK, points=4, surrogate=Surrogate("arctan", 3.0))
        before = {name: simulator.weights(name) for name in found}
        simulator.run(Block.of_samples(SAMPLES, slice(0, 4), learning=1.0))
        for name, w in before.items():
            expected = angle(simulator.weights(name) - w, -slopes[name])
            assert found[name] == pytest.approx(expected, abs=1e-6)
            assert course.to_whole[name][-1] == pytest.approx(expected, abs=1e-6)
            assert course.to_same[name][-1] == pytest.approx(expected, abs=1e-6)
    assert 0 < found["stimulus_to_hidden"] < 180
    steps = np.array([0.25, 0.5, 0.75, 1.0]) * net.trial
    np.testing.assert_allclose(course.time, steps, atol=1.0)


def _when(projection: Any, when: Any) -> Any:
    from dataclasses import replace

    rule = ap.rules.three_factor(0.01, when) if projection.rule else None
    return replace(projection, rule=rule)


@pytest.mark.slow
def test_a_trial_that_ends_early_is_a_shorter_trial() -> None:
    net = spiking()
    with made(net, library="torch") as simulator:
        course = course_of_angles(simulator, BLOCK, points=2)
    short = net.altered(trial=net.trial / 2)
    with made(short, library="torch") as simulator:
        (whole,) = course_of_angles(simulator, BLOCK, points=1).to_whole["hidden_to_output"]
    assert course.to_same["hidden_to_output"][0] == pytest.approx(whole, abs=1e-6)


@pytest.mark.slow
def test_parts_of_an_angle_are_between_updates_that_are_known() -> None:
    net = spiking()
    names = [p.name for p in net.populations]
    how = {"record": names, "traces": update_signals(net)}
    with made(net, library="torch", **how) as simulator:
        (parts,) = parts_of_angles(simulator, SAMPLES, 4).values()
        records = record(simulator, SAMPLES, range(4))
        weights = {p.name: simulator.weights(p) for p in net.projections}
        assert parts["feedback"] == pytest.approx(
            update_angles(net, weights, records)["stimulus_to_hidden"], abs=1e-3
        )
        whole = angles_through_time(simulator, BLOCK)["stimulus_to_hidden"]
        assert parts["all"] == pytest.approx(whole, abs=1e-2)
        one, other = (
            simulator.gradients(BLOCK, surrogate)["stimulus_to_hidden"]
            for surrogate in (Surrogate("gain", 1.0, True), Surrogate("fast_sigmoid"))
        )
        assert parts["surrogate"] == pytest.approx(angle(one, other), abs=1e-6)
        assert 0 < parts["time"] < 180


@pytest.mark.slow
def test_runs_measure_angles_through_time_where_pytorch_runs_them() -> None:
    pytest.importorskip("torch")
    options = {"train_trials": 64, "test_trials": 20, "batch": 32, "dt": 5.0, "device": "lockstep"}
    for wiring, library in (("bp", None), ("dfa", "torch"), ("dfa", "numpy")):
        plan = Experiment("spiking_dfa", {"hidden": 8, "wiring": wiring}, **options)
        prepared = prepare(plan, {"library": library} if library else {})
        before = {p.name: np.zeros(p.shape) for p in prepared.network.plastic}
        with prepared.simulator() as simulator:
            w = np.random.default_rng(0).normal(0, 0.3, (8, 10))
            simulator.load({"hidden_to_output": w})
            found = Measuring(prepared, ["angles"])(simulator, Position(), before)
            block = Block.of_samples(prepared.data.test, slice(0, 20))
            expected = angles_through_time(simulator, block)["stimulus_to_hidden"]
        (value,) = found.values()
        assert (value == pytest.approx(expected, abs=1e-3)) == (library != "numpy")
        assert (value < 0.1) == (wiring == "bp")
