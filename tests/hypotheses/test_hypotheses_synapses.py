"""Hypotheses about synapses: what they hold, what they leave alone, how they compose."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import networks
import numpy as np
import pytest
from networks import small
from rate_networks import rates, trials
from test_rate_devices import FEW_STEPS, assert_parity
from test_rate_devices import rates as chain

from apical import Block, Network, check, datasets, dynamics, feedback, rules, simulate
from apical.devices.arrays.engine import ArraySimulator
from apical.errors import LocalityError, ParameterError, WiringError
from apical.hypotheses import (
    dale,
    failing_synapses,
    kolen_pollack,
    missing_synapses,
    partial_feedback,
    redrawn_feedback,
    sign_concordant,
    sign_only,
    sparse_feedback,
    weights_of_bits,
)
from apical.locality_check.synapses import disturb
from apical.measures.alignment import angle, angles_to_backpropagation
from apical.plasticity.constraints import Levels
from apical.plausibility import audit
from apical.projections.weights import Given
from apical.training.loop import train

Hypothesis = Callable[[Network], Network]
LEARN = {"learning": np.ones(())}
half_missing = partial(missing_synapses, share=0.5)
coarse = partial(weights_of_bits, bits=5, largest=2.0)
HELD: dict[str, Hypothesis] = {
    "dale": dale,
    "missing": half_missing,
    "bits": coarse,
    "kolen_pollack": partial(kolen_pollack, decay=0.01),
}


def layerwise(**options: Any) -> Network:
    return rates(feedback.layerwise, (8, 10, 9, 3), **options)


def learned(network: Network, device: str = "array", **options: Any) -> dict[str, np.ndarray]:
    """Return the state after some trials of learning."""
    simulator = simulate(network, device, **options)
    if network.is_spiking:
        simulator.run(networks.trials(4, **LEARN))
    else:
        simulator.run(trials(20, (8, 3), **LEARN))
    return simulator.state


def check_held(network: Network, weights: dict[str, np.ndarray]) -> None:
    """Check that weights are what their projections hold them to."""
    for p in network.forward:
        w, signs, exists = weights[p.name], network.polarity(p), network.existing(p)
        if signs is not None:
            assert (w * signs[:, np.newaxis] >= 0).all(), p
        if exists is not None:
            assert not w[~exists].any() and w[exists].any(), p
        if p.levels:
            assert not (w % p.levels.step).any(), p
            assert p.levels.bounds[0] <= w.min() < w.max() <= p.levels.bounds[1]


@pytest.mark.parametrize("kinds", [("dale",), ("missing", "bits"), ("dale", "missing", "bits")])
@pytest.mark.parametrize("kind", ["array", "adam", "spikes"])
def test_what_is_held_is_held_from_the_start_and_while_learning(
    kinds: tuple[str, ...], kind: str
) -> None:
    rule = rules.three_factor(1.0, dynamics=dynamics.adam(0.1)) if kind == "adam" else None
    network = small("feedback", hidden=(8,), eta=0.5) if kind == "spikes" else layerwise(rule=rule)
    for name in kinds:
        network = HELD[name](network)
    before = {p.name: network.initial_weights(p) for p in network.forward}
    state = learned(network, "runtime" if kind == "spikes" else "array")
    after = {p.name: state[f"{p.name}.w"] for p in network.forward}
    check_held(network, before)
    check_held(network, after)
    assert any((before[name] != after[name]).any() for name in before)


def test_dale_draws_signs_for_neurons_and_balances_them() -> None:
    network = rates(sizes=(1000, 500, 3))
    other = dale(network, inhibitory=0.2)
    first, second = other.forward
    signs = other.polarity(first)
    assert signs is not None and (signs < 0).sum() == 200
    assert not np.array_equal(signs[:500], other.polarity(second))
    w, drawn = other.initial_weights(first), network.initial_weights(first)
    assert abs(w.mean()) < 0.03 * np.abs(w).mean()
    assert (w**2).mean() == pytest.approx((drawn**2).mean(), rel=0.02)


def test_rounding_is_right_on_average_and_leaves_levels_alone() -> None:
    rng = np.random.default_rng(0)
    levels = Levels(4, 1.0)
    assert levels.bounds == (-1.0, 0.875)
    for weight in (-0.99, -0.3, 0.0, 0.031, 0.8):
        found = levels.rounded(np.full(40_000, weight), rng.random(40_000))
        assert len(np.unique(found)) <= 2 and not (found % 0.125).any()
        assert found.mean() == pytest.approx(weight, abs=1.5e-3)
    grid = np.arange(-8, 8) / 8
    assert np.array_equal(levels.rounded(grid, rng.random(16)), grid)
    assert np.array_equal(levels.rounded(np.array([-3.0, 3.0]), rng.random(2)), [-1, 0.875])


@pytest.mark.parametrize(
    "neutral",
    [
        partial(missing_synapses, share=0.0),
        partial(weights_of_bits, bits=None),
        partial(failing_synapses, release=1.0),
    ],
    ids=["missing", "bits", "failing"],
)
@pytest.mark.slow
def test_neutral_values_change_no_bit(neutral: Hypothesis) -> None:
    cases = [(small("spike"), "runtime")]
    if neutral.func is not failing_synapses:  # type: ignore[attr-defined]
        cases.append((layerwise(), "array"))
    for network, device in cases:
        expected, found = learned(network, device), learned(neutral(network), device)
        assert expected.keys() == found.keys()
        assert all(np.array_equal(expected[name], found[name]) for name in expected)
        assert str(audit(neutral(network))) == str(audit(network))


@pytest.mark.parametrize("pair", list(combinations(HELD, 2)), ids="-".join)
def test_the_order_of_hypotheses_does_not_matter(pair: tuple[str, str]) -> None:
    one, other = (HELD[name] for name in pair)
    expected, found = learned(one(other(layerwise()))), learned(other(one(layerwise())))
    for name, values in expected.items():
        assert np.array_equal(found[name], values), name


def test_a_run_goes_on_with_the_same_bits() -> None:
    network = coarse(half_missing(layerwise()))
    first, second = (trials(9, (8, 3), seed, **LEARN, index=seed) for seed in (0, 1))
    whole, resumed = simulate(network, "array"), simulate(network, "array")
    whole.run(first)
    resumed.state = whole.state
    whole.run(second)
    resumed.run(second)
    assert all(np.array_equal(resumed.state[name], w) for name, w in whole.state.items())
    resting = whole.state
    whole.run(replace(second, learning=np.zeros(())))
    assert all(np.array_equal(whole.state[name], w) for name, w in resting.items())


@pytest.mark.parametrize("kinds", [("dale", "missing"), ("kolen_pollack",)], ids="-".join)
@pytest.mark.slow
def test_brian_learns_what_arrays_learn(kinds: tuple[str, ...]) -> None:
    network = chain("layerwise", trial=FEW_STEPS["trial"])
    for kind in kinds:
        network = HELD[kind](network)
    assert_parity(network, "runtime", FEW_STEPS["dt"])


@pytest.mark.slow
def test_compiled_networks_hold_what_they_should() -> None:
    network = dale(half_missing(small("feedback", eta=0.5)))
    held = coarse(failing_synapses(network, release=0.7))
    state = learned(held, "cpp_standalone")
    check_held(held, {p.name: state[f"{p.name}.w"] for p in held.forward})
    state, expected = learned(network, "cpp_standalone"), learned(network, "runtime")
    check_held(network, {p.name: state[f"{p.name}.w"] for p in network.forward})
    for p in network.plastic:
        np.testing.assert_allclose(state[f"{p.name}.w"], expected[f"{p.name}.w"], atol=1e-5)


# The scorecard ----------------------------------------------------------------------------------


def said(network: Network, aspect: Any) -> dict[str, tuple[str, str]]:
    return {f.subject: (f.level, f.reason) for f in audit(network).about(aspect)}


def test_the_scorecard_sees_what_is_held() -> None:
    network = small(hidden=(8, 6))
    assert said(network, "Dale's law")["hidden_0"][0] == "idealised"
    for p in ("stimulus", "hidden_0", "hidden_1"):
        assert said(dale(network), "Dale's law")[p][0] == "local"
    fine, rough = (said(weights_of_bits(network, bits=b), "precision") for b in (8, 4))
    assert fine["stimulus_to_hidden_0"][0] == "idealised"
    assert rough["stimulus_to_hidden_0"][0] == "local"
    assert "hold 4 bits: multiples of 0.125 from -1 to 0.875" in rough["stimulus_to_hidden_0"][1]
    assert "network" not in rough and "float32" in said(network, "precision")["network"][1]


def test_the_scorecard_sees_plastic_feedback() -> None:
    network = kolen_pollack(layerwise())
    card = check(network)
    for p in ("feedback_hidden_2_to_hidden_1", "feedback_output_to_hidden_2"):
        assert "plastic by a local rule of its own" in said(network, "feedback")[p][1]
        assert {f.level for f in card.findings if f.subject == p} <= {
            "local",
            "broadcast",
            "idealised",
        }
        assert "error" in said(network, "update locking")[p][1]
    block = trials(3, (8, 3))
    assert disturb(network, block.values, block.labels, each=2, devices=["array"]).is_local


def test_the_dynamic_check_finds_restraints_local() -> None:
    network = coarse(half_missing(dale(layerwise())))
    block = trials(3, (8, 3))
    assert disturb(network, block.values, block.labels, each=2, devices=["array"]).is_local


@pytest.mark.slow
@pytest.mark.thorough
def test_the_dynamic_check_finds_failing_synapses_local() -> None:
    network = coarse(half_missing(dale(failing_synapses(small("spike"), release=0.6))))
    block = networks.trials(3)
    assert disturb(network, block.values, block.labels, each=1).is_local


# Feedback ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [sign_concordant, sign_only])
def test_signs_follow_forward_weights_on_arrays_alone(transform: Hypothesis) -> None:
    network = layerwise()
    signed = transform(network)
    simulator = simulate(signed, "array", dtype="float64")
    simulator.run(trials(20, (8, 3), **LEARN))
    for p in signed.feedback.projections[1:]:
        forward = next(q for q in signed.forward if q.pre is p.post)
        w, drawn = simulator.weights(p), np.abs(network.initial_weights(network.projection(p.name)))
        assert np.array_equal(np.sign(w), np.sign(simulator.weights(forward)).T)
        size = np.sqrt((drawn**2).mean()) if transform is sign_only else drawn
        np.testing.assert_allclose(np.abs(w), np.broadcast_to(size, w.shape))
        assert "(transport of signs)" in said(signed, "weight transport")[p.name][1]
    # what the hidden population learns is what it would under these very weights
    fixed = signed.altered(projection=lambda p: replace(p, weights=Given(simulator.weights(p))))
    block = trials(5, (8, 3), seed=3)
    assert isinstance(simulator, ArraySimulator)
    twin = ArraySimulator(fixed, simulator.library, 5, ())
    expected, found = twin.updates(block), simulator.updates(block)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-14)
    for device in ("runtime", "cpp_standalone"):
        with pytest.raises(LocalityError, match=r"hidden_2_to_hidden_1: .* \(transport of signs\)"):
            simulate(signed, device)
    with pytest.raises(
        LocalityError, match="agree with the transposed weights of 'hidden_1_to_hidden_2'"
    ):
        simulate(signs_copied(rates(feedback.layerwise, (8, 20, 20, 3))), "array")


def signs_copied(network: Network) -> Network:
    """Return a network whose feedback begins with the signs of forward weights, undeclared."""
    signs = np.sign(network.initial_weights(network.projection("hidden_1_to_hidden_2"))).T
    return network.altered(
        projection=lambda p: (
            replace(p, weights=Given(signs)) if p.name == "feedback_hidden_2_to_hidden_1" else p
        )
    )


def test_kolen_pollack_turns_feedback_to_forward_weights() -> None:
    """On digits, the two become transposes and the test accuracy that of backpropagation."""
    data = datasets.load("digits")
    network = rates(feedback.layerwise, (64, 40, 30, 10), rule=rules.three_factor(0.05))
    mirrored = kolen_pollack(network, decay=1e-3)
    found = {}
    for name, net in (("kp", mirrored), ("bp", network.rewired(feedback.transposed))):
        simulator = simulate(net, "array", batch=1)
        found[name] = train(simulator, data, 5, progress=False)[-1].metrics["test_accuracy"]
        if name == "kp":
            for p in mirrored.feedback.projections[1:]:
                forward = next(q for q in mirrored.forward if q.pre is p.post)
                start = angle(mirrored.initial_weights(p), mirrored.initial_weights(forward).T)
                assert start > 60
                assert angle(simulator.weights(p), simulator.weights(forward).T) < 15
            labelled = Block(*data.test.block(slice(50)))
            assert max(angles_to_backpropagation(simulator, labelled).values()) < 10
    assert found["kp"] > found["bp"] - 0.02


# What does not go together ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dale(dale(small())), "'dale' does not fit .*holds signs already"),
        (lambda: dale(small(bounds=(0.0, 1.0))), "bounds .0.0, 1.0.; let these have 0 between"),
        (lambda: dale(small(), inhibitory=2), "inhibitory must be .* <= 1, got 2"),
        (lambda: half_missing(half_missing(small())), "lacks synapses already"),
        (lambda: half_missing(Network()), "none; connect populations"),
        (lambda: missing_synapses(small(), share=1), "share must be .* < 1, got 1"),
        (lambda: coarse(coarse(small())), "has levels already"),
        (lambda: coarse(small(bounds=(-0.3, 0.3))), "steps of 0.125, but bounds"),
        (lambda: weights_of_bits(small(), bits=4, largest=3.0), "power of 2 .* largest=3.0"),
        (lambda: weights_of_bits(small(), bits=1), "bits must be one whole number >= 2 and <= 24"),
        (lambda: failing_synapses(layerwise(), release=0.5), "'stimulus', .* is graded"),
        (lambda: failing_synapses(small(release=0.5), release=0.5), "synapses that fail already"),
        (
            lambda: failing_synapses(small(hidden=(8, 6), wiring=feedback.indirect), release=0.5),
            "relays errors",
        ),
        (lambda: kolen_pollack(rates(feedback.direct)), "between neighbours.* 'error_to_hidden_1'"),
        (lambda: kolen_pollack(small(wiring=feedback.layerwise)), "needs feedback between"),
        (lambda: kolen_pollack(kolen_pollack(layerwise())), "learns already"),
        (lambda: kolen_pollack(sparse_feedback(layerwise(), wires=1)), "is sparse already"),
        (lambda: sparse_feedback(kolen_pollack(layerwise()), wires=1), "learns or reads"),
        (
            lambda: partial_feedback(kolen_pollack(layerwise()), share=0.5),
            "forward or plastic ones",
        ),
        (lambda: kolen_pollack(partial_feedback(layerwise(), share=0.5)), "is sparse already"),
        (lambda: sparse_feedback(sign_only(layerwise()), wires=1), "learns or reads"),
        (lambda: kolen_pollack(redrawn_feedback(layerwise())), "would not stay as it is redrawn"),
        (lambda: kolen_pollack(layerwise(), decay=0), "decay must be one .* > 0 and < 1"),
        (lambda: sign_only(sign_concordant(layerwise())), "is transposed already"),
        (lambda: sign_only(kolen_pollack(layerwise())), "learns already"),
        (lambda: sign_concordant(rates(feedback.direct)), "use a network of rates under"),
        (lambda: kolen_pollack(layerwise().rewired(feedback.transposed)), "transposed already"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], Network], message: str) -> None:
    with pytest.raises((WiringError, ParameterError), match=message):
        make()


def test_a_block_of_one_number_learns() -> None:
    """A batch of several sizes rounds every weight once, whatever its number of trials."""
    network = coarse(layerwise())
    simulator = simulate(network, "array", batch=4)
    simulator.run(Block(np.ones((6, 8)), np.zeros(6, int), np.ones(())))
    check_held(network, {p.name: simulator.weights(p) for p in network.forward})
