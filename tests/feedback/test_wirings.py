"""The wirings of one rule, and the order in which feedback runs."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rate_networks import rates, trials

import apical as ap
from apical import FeedbackPathway, Normal, Projection, Zero, feedback, simulate
from apical.errors import DeviceError, ParameterError, WiringError
from apical.feedback.wirings import label
from apical.measures.alignment import angle, angles_to_backpropagation
from apical.network.order import feedback_order, forward_order
from apical.plausibility import audit
from apical.projections.weights import FanIn, FanOut, Glorot, Masked


def refuse(*words: str) -> Any:
    kinds = (ParameterError, WiringError)
    return pytest.raises(kinds, match=".*".join(re.escape(word) for word in words))


@pytest.mark.parametrize("wiring", feedback.WIRINGS)
def test_rewiring_changes_the_feedback_alone(wiring: str) -> None:
    net = rates(feedback.direct)
    other = net.rewired(feedback.WIRINGS[wiring])
    described = rates(feedback.WIRINGS[wiring])
    assert other.feedback.name == described.feedback.name and net.feedback.name == "DFA"
    assert {p.name: p for p in other.populations} == {p.name: p for p in described.populations}
    assert [p.name for p in other.plastic] == [p.name for p in net.plastic]
    for projection in net.plastic:
        np.testing.assert_array_equal(
            net.initial_weights(projection),
            other.initial_weights(other.projection(projection.name)),
        )
    there = simulate(described, "array").updates(trials())
    for name, update in simulate(other, "array").updates(trials()).items():
        np.testing.assert_array_equal(update, there[name])


@pytest.mark.parametrize("wiring", feedback.WIRINGS)
def test_rewiring_takes_back_what_a_wiring_needed(wiring: str) -> None:
    net = rates(feedback.WIRINGS[wiring]).rewired(feedback.WIRINGS["dfa"])
    plain = rates(feedback.direct)
    assert {p.name: p for p in net.populations} == {p.name: p for p in plain.populations}
    there = simulate(plain, "array").updates(trials())
    for name, update in simulate(net, "array").updates(trials()).items():
        np.testing.assert_array_equal(update, there[name])


def test_what_a_user_gave_a_population_stays() -> None:
    net = rates(feedback.WIRINGS["two_phases"])
    linear = net.altered(population=lambda p: replace(p, plateau="linear") if hid(p) else p)
    again = linear.rewired(feedback.WIRINGS["two_phases"])
    assert [p.plateau for p in again.populations if hid(p)] == ["linear"] * 2


def hid(population: Any) -> bool:
    return population.name.startswith("hidden")


def test_a_wiring_says_what_it_is() -> None:
    assert list(feedback.WIRINGS) == [
        "bp",
        "fa",
        "dfa",
        "ifa_forward",
        "ifa_random",
        "drtp",
        "gevb",
        "two_phases",
    ]
    assert feedback.WIRINGS["ifa"] is feedback.WIRINGS["ifa_forward"]
    assert [label("ifa"), label("ifa_random"), label("mine")] == ["IFA", "IFA random", "MINE"]
    for name, wiring in feedback.WIRINGS.items():
        assert wiring.name == name and wiring.about and wiring.label
    with refuse("There is no wiring 'two_phase'", "Did you mean 'two_phases'?"):
        feedback.WIRINGS["two_phase"]


def test_rewiring_takes_relays_back() -> None:
    net = rates(feedback.indirect)
    assert net.projection("hidden_1_to_hidden_2").carries == {"drive": "x", "teach": "delta"}
    other = net.rewired(feedback.direct)
    assert other.projection("hidden_1_to_hidden_2").carries == {"drive": "x"}


def test_only_backpropagation_is_not_local() -> None:
    for name, wiring in feedback.WIRINGS.items():
        assert audit(rates(wiring)).is_local is wiring.local is (name != "bp")


def test_backpropagation_through_weights_of_zero_is_not_local_either() -> None:
    assert not audit(rates(feedback.transposed, weights=Zero())).is_local


def test_the_scorecard_names_what_no_neuron_is_known_to_do() -> None:
    found = {
        f.subject
        for f in audit(rates(feedback.indirect)).findings
        if f.level == "idealised" and f.aspect in ("one-way", "signed error")
    }
    assert found == {"error", "hidden_1_to_hidden_2"}


def test_angle_to_itself_is_zero_and_others_learn_elsewhere() -> None:
    back = angles_to_backpropagation(simulate(rates(feedback.transposed), "array"), trials())
    assert set(back) == {
        "stimulus_to_hidden_1",
        "bias_to_hidden_1",
        "hidden_1_to_hidden_2",
        "bias_to_hidden_2",
    }
    assert max(back.values()) < 1e-4
    direct = angles_to_backpropagation(simulate(rates(feedback.direct), "array"), trials())
    assert min(direct.values()) > 5


def test_angle() -> None:
    assert angle(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(45)
    assert np.isnan(angle(np.zeros(2), np.ones(2)))


def test_signals_come_in_order() -> None:
    net = rates(feedback.layerwise)
    forward = [p.name for p in forward_order(net)]
    chain = ["stimulus", "hidden_1", "hidden_2", "output", "error"]
    assert [name for name in forward if name in chain] == chain
    assert [p.name for p in feedback_order(net)] == ["output", "hidden_2", "hidden_1"]


def graph(*edges: tuple[str, str, str]) -> Any:
    """Return a wiring of one's own, of edges (pre, signal, post)."""

    def wiring(error: Any, forward: Any) -> FeedbackPathway:
        known = {p.post.name: p.post for p in forward} | {"error": error}
        projections = [
            Projection(known[a], known[b], Normal(), carries={"teach": s}, name=f"back_{a}_{b}")
            for a, s, b in edges
        ]
        return FeedbackPathway("mine", tuple(projections))

    return wiring


def test_a_graph_of_ones_own_runs() -> None:
    edges = [("error", "x", "output"), ("error", "x", "hidden_2"), ("error", "x", "hidden_1")]
    net = rates(graph(*edges, ("hidden_2", "delta", "hidden_1")))
    updates = simulate(net, "array").updates(trials())
    assert all(np.abs(update).max() > 0 for update in updates.values())


def test_feedback_in_a_circle_is_named() -> None:
    edges = [("error", "x", "output"), ("error", "x", "hidden_1")]
    circle = [("hidden_1", "delta", "hidden_2"), ("hidden_2", "delta", "hidden_1")]
    net = rates(graph(*edges, *circle))
    with refuse("feedback pathway runs in a cycle", "hidden_1", "hidden_2"):
        simulate(net, "array")


def test_a_population_that_teaches_all_of_itself_is_a_circle() -> None:
    edges = [("error", "x", "output"), ("error", "x", "hidden_1")]
    net = rates(graph(*edges, ("hidden_1", "delta", "hidden_1")))
    with refuse("'back_hidden_1_hidden_1' forms a cycle", "Masked"):
        simulate(net, "array")


def test_a_relay_from_a_population_that_hears_nothing_is_named() -> None:
    net = rates(graph(("error", "x", "output"), ("hidden_2", "delta", "hidden_1")))
    with refuse("'back_hidden_2_hidden_1' relays", "'hidden_2' hears nothing"):
        simulate(net, "array")


def test_indirect_feedback_that_does_not_reach_the_first_population() -> None:
    with refuse("'hidden_1' hears nothing", "add it to `hears`"):
        rates(lambda e, f: feedback.indirect(e, f, hears=[f[1].post]))


@pytest.mark.parametrize("share", [0.0, 1.5, np.ones(3, bool), np.zeros(5, bool), np.ones(5)])
def test_shares_that_are_none(share: Any) -> None:
    with refuse("hears must be a"):
        rates(lambda e, f: feedback.indirect(e, f, hears={f[0].post: share}))


def test_unknown_relay() -> None:
    with refuse("relay must be one of 'forward', 'random'", "'sideways'"):
        rates(feedback.indirect, relay="sideways")


def test_direct_feedback_to_a_share_of_the_neurons() -> None:
    net = rates(lambda e, f: feedback.indirect(e, f, hears={f[0].post: 0.4, f[1].post: 1}))
    heard = net.initial_weights(net.projection("error_to_hidden_1"))
    assert (heard != 0).all(axis=0).tolist() == [True, True, False, False, False]
    inside = net.initial_weights(net.projection("feedback_hidden_1_to_hidden_1"))
    assert not inside[2:].any() and not inside[:, :2].any() and inside[:2, 2:].all()


@pytest.mark.parametrize(
    ("share", "hear"),
    [(0.11, 1), (0.45, 2), (0.5, 2), (0.55, 3), (0.7, 4), (0.89, 4), (0.91, 5)],
)
def test_shares_are_rounded_to_the_nearest_neuron(share: float, hear: int) -> None:
    """By hand, of 5: 0.55, 2.25, 2.5, 2.75, 3.5, 4.45, 4.55; a half goes to the even number."""
    net = rates(lambda e, f: feedback.indirect(e, f, hears={f[0].post: share, f[1].post: 1}))
    heard = net.initial_weights(net.projection("error_to_hidden_1"))
    assert (heard != 0).all(axis=0).tolist() == [True] * hear + [False] * (5 - hear)
    assert not heard[:, hear:].any()
    within = [p for p in net.projections if p.name == "feedback_hidden_1_to_hidden_1"]
    assert len(within) == (hear < 5)
    for projection in within:
        kept = np.count_nonzero(net.initial_weights(projection))
        assert kept == hear * (5 - hear)


def test_a_share_of_no_neuron_is_refused() -> None:
    with refuse("hears must be a share of 1 or more of the 5 neurons of 'hidden_1'", "0.1"):
        rates(lambda e, f: feedback.indirect(e, f, hears={f[0].post: 0.1}))


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        (FanIn(), 1 / 400**0.5),
        (FanIn(2.0), 2 / 400**0.5),
        (FanOut(), 1 / 900**0.5),
        (Glorot(), (6 / 1300) ** 0.5),
    ],
)
def test_sizes_of_uniform_weights(source: Any, limit: float) -> None:
    w = source.draw(400, 900, np.random.default_rng(0))
    assert 0.99 * limit < np.abs(w).max() <= limit


def test_normal_weights_scaled_by_their_inputs() -> None:
    w = FanIn(2**0.5, uniform=False).draw(400, 900, np.random.default_rng(0))
    assert w.std() == pytest.approx((2 / 400) ** 0.5, rel=0.01)


def test_masks_of_another_size_are_refused() -> None:
    with refuse("masks of 3 presynaptic and 4 postsynaptic", "(2,)"):
        Masked(Normal(), pre=np.ones(2, bool)).draw(3, 4, np.random.default_rng(0))


def test_angles_of_a_spiking_network_are_refused() -> None:
    from networks import small

    with pytest.raises(DeviceError, match="need a network of rates, but '.*' spikes"):
        angles_to_backpropagation(simulate(small(), "runtime"), trials(sizes=(12, 3)))


def senses(wiring: str, *, spikes: bool = False, **options: Any) -> ap.Network:
    """Describe two stimuli with a hidden population each, which converge on a third."""
    net, rule = ap.Network(seed=1, trial=30.0), ap.rules.three_factor(0.01)
    encoder = ap.encoding.Regular(200.0) if spikes else ap.encoding.Graded()
    kind = ap.LIF if spikes else ap.Rate
    v, t = (net.add(ap.Stimulus(name, 4, encoder)) for name in ("vision", "touch"))
    seen, felt, h = (net.add(kind(name, 5)) for name in ("seen", "felt", "hidden"))
    y = net.add(kind("output", 3))
    for pre, post in ((v, seen), (t, felt), (seen, h), (felt, h), (t, h), (h, y)):
        net.connect(pre, post, weights=ap.FanIn(), rule=rule)
    error = net.add(ap.Error("error", 6) if spikes else ap.RateError("error", 3))
    net.teach(feedback.WIRINGS[wiring](error, net.forward, **options))
    return net


BRANCHES = {
    "bp": {"hidden_to_felt", "hidden_to_seen", "output_to_hidden"},
    "fa": {"hidden_to_felt", "hidden_to_seen", "output_to_hidden"},
    "dfa": {"error_to_felt", "error_to_seen", "error_to_hidden"},
    "ifa_forward": {"error_to_felt", "error_to_seen"},
    "ifa_random": {"error_to_felt", "error_to_seen", "seen_to_hidden"},
}


@pytest.mark.parametrize("wiring", BRANCHES)
@pytest.mark.parametrize("spikes", [False, True])
def test_feedback_follows_the_branches_of_several_stimuli(wiring: str, spikes: bool) -> None:
    if spikes and not feedback.WIRINGS[wiring].spikes:
        return
    net = senses(wiring, spikes=spikes)
    assert net.feedback is not None
    found = {p.name.removeprefix("feedback_") for p in net.feedback.projections}
    assert found - {"error_to_output"} == BRANCHES[wiring]
    relays = [p.name for p in net.feedback.relays]  # no stimulus can relay
    both = ["felt_to_hidden", "seen_to_hidden"]
    assert relays == (both if wiring == "ifa_forward" else [])


def test_a_population_that_only_a_stimulus_reaches_must_hear_the_error() -> None:
    with pytest.raises(WiringError, match="'seen' hears nothing, because no forward projection"):
        senses("ifa_forward", hears=[*senses("dfa").populations[3:4]])


def test_a_reward_reaches_a_population_of_two_stimuli_once() -> None:
    net, rule = ap.Network(), ap.rules.node_perturbation(0.01)
    v, t = (net.add(ap.Stimulus(name, 4, ap.encoding.Graded())) for name in ("vision", "touch"))
    y = net.add(ap.Rate("output", 2, explores=0.1))
    for pre in (v, t):
        net.connect(pre, y, weights=ap.FanIn(), rule=rule)
    net.add(ap.RateError("error", 2, keeps="square"))
    pathway = net.teach(feedback.broadcast(net.add(ap.Reward("reward")), net.forward))
    assert [p.name for p in pathway.projections] == ["reward_to_output"]


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_feedback_is_relayed_along_all_forward_synapses_onto_a_population(device: str) -> None:
    """A population that two others reach hears both: ``teach = delta_1 W_1 + delta_2 W_2``."""
    net, rule = ap.Network(trial=200.0), ap.rules.three_factor(0.1)
    x = net.add(ap.Stimulus("x", 4, ap.encoding.Graded()))
    first, second, third = (net.add(ap.Rate(name, 3, "tanh")) for name in ("a", "b", "c"))
    y, error = net.add(ap.Rate("y", 2)), net.add(ap.RateError("error", 2))
    for pre, post in ((x, first), (x, second), (first, third), (second, third), (third, y)):
        net.connect(pre, post, weights=ap.FanIn(), rule=rule)
    along = net.teach(ap.feedback.indirect(error, net.forward))
    assert [p.name for p in along.relays] == ["a_to_c", "b_to_c"]
    block = ap.Block.of_labels(np.random.default_rng(0).random((1, 4)), [1])
    look = {"record": ["a", "b", "c"], "traces": ["delta", "teach"]}
    with ap.simulate(net, device, dtype="float64", **look) as simulator:
        found = {name: v[0, -1] for name, v in simulator.run(block).traces.items()}
        w = {name: simulator.weights(f"{name}_to_c") for name in ("a", "b")}
    expected = found["a.delta"] @ w["a"] + found["b.delta"] @ w["b"]
    assert np.allclose(found["c.teach"], expected, atol=1e-9) and np.abs(expected).min() > 1e-6
