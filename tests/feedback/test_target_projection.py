"""Direct random target projection: hidden populations hear the label, without update locking."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import small
from rate_networks import rates, trials

from apical import Block, Given, Network, RateTarget, feedback, plotting, rules, simulate
from apical.errors import ParameterError, WiringError
from apical.locality_check.synapses import disturb
from apical.measures.alignment import angles_to_backpropagation
from apical.measures.learning import feedback_measures
from apical.plausibility import audit, check


def drtp(**options: Any) -> Network:
    return rates(feedback.target_projection, **options)


def test_updates_are_those_of_the_paper_by_hand() -> None:
    """Equation of section 2: the change of hidden weights is x (y* B) slope, of the output x e."""
    net, block = drtp(rule=rules.three_factor(1.0)), trials()
    simulator = simulate(net, "array", dtype="float64")
    w = [simulator.weights(p) for p in net.forward]
    b = [simulator.weights(f"target_to_{p.post.name}") for p in net.forward[:-1]]
    x, told = [np.asarray(block.values)], np.eye(3)[block.labels]
    for weights in w:
        x.append(np.tanh(x[-1] @ weights))
    y = 1 / (1 + np.exp(-(x[2] @ w[2])))
    found = simulator.updates(block)
    for k, name in enumerate(("stimulus_to_hidden_1", "hidden_1_to_hidden_2")):
        asked = x[k].T @ (told @ b[k] * (1 - x[k + 1] ** 2)) / len(block)
        np.testing.assert_allclose(found[name], asked, rtol=1e-12)
    asked = x[2].T @ (told - y) / len(block)
    np.testing.assert_allclose(found["hidden_2_to_output"], asked, rtol=1e-12)


def test_fixed_weights_are_as_wide_as_published() -> None:
    """Uniform up to sqrt(6 / n_hidden): 0.1 for 600 neurons, whatever the number of classes."""
    for n_classes in (2, 5):
        net = drtp(sizes=(3, 600, n_classes))
        w = net.initial_weights(net.projection("target_to_hidden_1"))
        assert w.shape == (n_classes, 600)
        assert 0.099 < np.abs(w).max() <= 0.1
        assert w.min() < -0.099 and w.max() > 0.099
        assert w.var() == pytest.approx(0.1**2 / 3, rel=0.1)  # of a uniform distribution


@pytest.mark.parametrize(("wiring", "waits"), [("target_projection", False), ("direct", True)])
def test_hidden_updates_do_not_depend_on_later_synapses(wiring: str, waits: bool) -> None:
    simulator = simulate(rates(getattr(feedback, wiring)), "array")
    before = simulator.updates(trials())
    simulator.load({"hidden_2_to_output": 3 * simulator.weights("hidden_2_to_output")})
    after = simulator.updates(trials())
    for name in ("stimulus_to_hidden_1", "hidden_1_to_hidden_2"):
        assert np.array_equal(before[name], after[name]) is not waits
    assert not np.array_equal(before["hidden_2_to_output"], after["hidden_2_to_output"])


def test_the_scorecard_says_that_hidden_synapses_wait_for_nobody() -> None:
    found = {f.subject: f for f in check(drtp()).about("update locking")}
    first = found["stimulus_to_hidden_1"]
    assert first.level == "local" and "no update locking: target" in first.reason
    assert "before any of hidden_2, output has responded" in first.reason
    assert found["hidden_2_to_output"].level == "broadcast"
    signed = {f.subject: f.level for f in check(drtp()).about("signed error")}
    assert signed == {"error": "idealised", "target": "local"}


def test_targets_that_know_forward_weights_are_caught() -> None:
    net = drtp()
    copy = Given(net.initial_weights(net.projection("hidden_2_to_output")).T)
    known = net.altered(
        projection=lambda p: replace(p, weights=copy) if p.name == "target_to_hidden_2" else p
    )
    assert [f.subject for f in audit(known).faults] == ["target_to_hidden_2"]


def test_what_learns_changes_nothing_else() -> None:
    block = trials(4)
    card = disturb(drtp(), block.values, block.labels, each=1, devices=["array"])
    assert card.is_local, card.faults


def test_rewiring_takes_the_target_away_and_brings_it_back() -> None:
    net = drtp()
    other = net.rewired(feedback.direct)
    assert [p.name for p in net.populations if p not in other.populations] == ["target"]
    again = other.rewired(feedback.target_projection)
    assert again.feedback and again.feedback.name == "DRTP"
    assert {p.name for p in again.populations} == {p.name for p in net.populations}
    angles = angles_to_backpropagation(simulate(net, "array"), trials())
    assert min(angles.values()) > 5


def test_a_target_withholds_what_is_not_shown() -> None:
    simulator, block = simulate(drtp(), "array", record=["target"], traces=["x"]), trials()
    assert np.array_equal(simulator.run(block).counts["target"], np.eye(3)[block.labels])
    assert not simulator.run(Block(block.values)).counts["target"].any()


def test_brian_learns_the_weights_of_arrays() -> None:
    net = drtp().altered(trial=400.0)
    block = trials(6, learning=1.0)
    weights = []
    for device, options in (("array", {}), ("runtime", {"dt": 40.0})):
        simulator = simulate(net, device, dtype="float64", **options)
        simulator.run(block)
        weights.append({p.name: simulator.weights(p) for p in net.plastic})
    for name, expected in weights[0].items():
        np.testing.assert_allclose(weights[1][name], expected, rtol=1e-6, atol=1e-9)


def test_feedback_measures_compares_with_all_forward_synapses_to_the_output() -> None:
    net = drtp()
    weights = {p.name: net.initial_weights(p) for p in net.projections}
    product = weights["hidden_1_to_hidden_2"] @ weights["hidden_2_to_output"]
    weights["target_to_hidden_1"] = 2 * product.T
    found = feedback_measures(net, weights).set_index("population")
    assert found.angle["hidden_1"] == pytest.approx(0, abs=1e-5)
    assert found.ratio["hidden_1"] == pytest.approx(2)


def test_a_target_is_drawn_beside_the_error() -> None:
    texts = [text.get_text() for text in plotting.network_graph(drtp()).texts]
    assert "target" in texts and "RateTarget" in texts


def test_spiking_networks_are_refused() -> None:
    with pytest.raises(WiringError, match="needs a RateError, but 'error' spikes"):
        small(wiring=feedback.target_projection)
    with pytest.raises(ParameterError, match="tau must be one finite number .ms. > 0"):
        RateTarget("target", 3, tau=0)
