"""What a study measures while a network learns."""

import numpy as np
import pytest
from test_studies import rates

import apical as ap
from apical.data.datasets import blobs
from apical.scripts.layers import feedforward
from apical.scripts.learning import at_updates, log_spaced, reconstruction_errors, track

DATA = blobs(rng=np.random.default_rng(0))


def weight(simulator: ap.Simulator) -> dict[str, float]:
    return {"weight": float(simulator.weights("stimulus_to_output")[0, 0])}


def test_rows_tell_the_state_after_every_block_and_errors_after_every_epoch() -> None:
    simulator, n = ap.simulate(rates(DATA), "array"), len(DATA.train)
    first = weight(simulator)["weight"]
    rows = track(simulator, DATA, ap.training.Plan(2, -(-n // 2), 1.0), weight)
    assert [row["trial"] for row in rows] == [0, -(-n // 2), n, n + -(-n // 2), 2 * n]
    assert [np.isnan(row["test_error"]) for row in rows] == [False, True, False, True, False]
    assert rows[0]["weight"] == first and rows[-1]["weight"] == weight(simulator)["weight"]
    assert rows[-1]["test_error"] == 100 * (1 - ap.evaluate(simulator, DATA.test).accuracy)


def test_divergence_is_an_infinite_error_at_the_end() -> None:
    simulator = ap.simulate(rates(DATA, 1e3), "array")
    *_, last = track(simulator, DATA, ap.training.Plan(2, len(DATA.train), 1.0), weight)
    assert last["test_error"] == np.inf and last["weight"] == pytest.approx(last["weight"])


def test_updates_are_the_same_wherever_one_stops_to_look() -> None:
    ends = []
    for at in ([0, 1, 5], [5], [0, 5]):
        simulator = ap.simulate(rates(DATA), "array", batch=4)
        assert list(at_updates(simulator, DATA, at, 4)) == at
        ends.append(weight(simulator)["weight"])
    start = weight(ap.simulate(rates(DATA), "array", batch=4))["weight"]
    assert len({round(end, 6) for end in ends}) == 1 and ends[0] != start


def test_numbers_are_evenly_spaced_on_a_logarithmic_axis() -> None:
    assert log_spaced(1000, 4) == [0, 1, 10, 100, 1000]
    assert log_spaced(3, 10) == [0, 1, 2, 3]


def test_reconstruction_errors_are_those_of_the_state_after_each_epoch() -> None:
    values = DATA.train.block(slice(20))[0]
    n, joins = values.shape[1], {"weights": ap.FanIn(), "bias": ap.Zero()}

    def autoencoder(eta: float) -> ap.Network:
        rule = ap.rules.three_factor(eta)
        return feedforward([n, 3, n], "tanh", "linear", wiring="bp", rule=rule, **joins)

    found = reconstruction_errors(autoencoder(0.05), values, 3, batch=5)
    rebuilt = ap.simulate(autoencoder(0.05), "array").run(ap.Block(values)).counts["output"]
    assert found[0] == pytest.approx(((rebuilt - values) ** 2).sum(axis=1).mean(), rel=1e-5)
    assert len(found) == 4 and found[3] < found[0]
    assert reconstruction_errors(autoencoder(1e30), values, 3, batch=5)[-1] == np.inf
