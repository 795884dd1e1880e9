"""Hypotheses about the error signal, the neurons and time: what they change, and what they do not.

Runs are on arrays, or in Brian2 with numpy code.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import networks
import numpy as np
import pytest
import rate_networks
from networks import small
from rate_networks import rates

from apical import Network, feedback, hypotheses, simulate
from apical.errors import ParameterError, WiringError
from apical.locality_check.synapses import disturb
from apical.neurons.relay import Relay
from apical.plausibility import audit, check

Change = Callable[[Network], Network]


def trials(network: Network, n: int, *, index: int = 0) -> Any:
    """Return random trials that are learned."""
    made = networks if network.is_spiking else rate_networks
    return made.trials(n, learning=np.ones(()), index=index, seed=index)


def made(network: Network, **options: Any) -> Any:
    """Return a quick simulator."""
    if not network.is_spiking and not options:
        return simulate(network, device="array", dtype="float64")
    return simulate(network, device="runtime", codegen="numpy", **{"dtype": "float64", **options})


def learned(network: Network, n: int = 4, **options: Any) -> dict[str, np.ndarray]:
    """Return the state after some trials."""
    simulator = made(network, **options)
    simulator.run(trials(network, n))
    return dict(simulator.state)


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(other[name], values, err_msg=name)


def hidden_weights(state: dict[str, np.ndarray]) -> np.ndarray:
    return next(w for name, w in state.items() if name.startswith("stimulus_to_"))


NEUTRAL: dict[str, Change] = {
    "noise": partial(hypotheses.noisy_feedback, std=0.0),
    "share": partial(hypotheses.partial_feedback, share=1.0),
    "threshold": partial(hypotheses.thresholded_error, threshold=0.0),
    "levels": partial(hypotheses.quantised_error, levels=None),
    "sign": partial(hypotheses.unsigned_error, keeps=None),
}

NEUTRAL_SPIKING: dict[str, Change] = {
    "delay": partial(hypotheses.delayed_feedback, delay=0.0),
    "neurons": partial(hypotheses.heterogeneity, membrane=0.0, threshold=0.0),
}

CHANGES: dict[str, Change] = {
    "noise": partial(hypotheses.noisy_feedback, std=0.5),
    "share": partial(hypotheses.partial_feedback, share=0.5),
    "threshold": partial(hypotheses.thresholded_error, threshold=0.2),
    "levels": partial(hypotheses.quantised_error, levels=5),
    "sign": partial(hypotheses.unsigned_error, keeps="lack"),
}

SPIKING: dict[str, Change] = {
    "delay": partial(hypotheses.delayed_feedback, delay=7.0),
    "neurons": partial(hypotheses.heterogeneity, membrane=0.3, threshold=0.2),
    "online": hypotheses.online,
}

LATE = partial(hypotheses.delayed_label, delay=12.0)


@pytest.mark.parametrize("spiking", [True, False])
def test_neutral_values_change_no_bit(spiking: bool) -> None:
    network = small() if spiking else rates()
    other = network
    for change in [*NEUTRAL.values(), *(NEUTRAL_SPIKING.values() if spiking else ())]:
        other = change(other)
    assert_same(learned(network), learned(other))
    assert str(audit(other)) == str(audit(network))


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("spiking", [True, False])
def test_each_changes_what_is_learned_and_the_scorecard(name: str, spiking: bool) -> None:
    network = small() if spiking else rates()
    other = CHANGES[name](network)
    before, after = learned(network), learned(other)
    assert not np.array_equal(hidden_weights(before), hidden_weights(after))
    assert str(audit(other)) != str(audit(network)) or name == "share"
    check(other)


def altogether(spiking: bool) -> Network:
    """Return a network under every hypothesis that it can be under."""
    network = small() if spiking else rates()
    for change in [*CHANGES.values(), *([*SPIKING.values(), LATE] if spiking else ())]:
        network = change(network)
    return network


@pytest.mark.parametrize("spiking", [pytest.param(True, marks=pytest.mark.thorough), False])
def test_the_dynamic_check_passes_with_all_of_them(spiking: bool) -> None:
    network = altogether(spiking)
    shown = trials(network, 3)
    devices = ["runtime" if spiking else "array"]
    found = disturb(network, shown.values, shown.labels, each=1, devices=devices)
    assert found.is_local, found


@pytest.mark.parametrize("spiking", [True, False])
def test_the_order_of_hypotheses_does_not_matter(spiking: bool) -> None:
    network = small() if spiking else rates()
    changes = [*CHANGES.values(), partial(hypotheses.sparse_feedback, wires=2)]
    changes += SPIKING.values() if spiking else ()
    orders = [changes, changes[::-1], changes[3:] + changes[:3]]
    found = []
    for order in orders:
        other = network
        for change in order:
            other = change(other)
        found.append(other)
    first = learned(found[0])
    for other in found[1:]:
        assert [p.model for p in other.populations] == [p.model for p in found[0].populations]
        for name, values in learned(other).items():  # up to the rounding of factors on weights
            np.testing.assert_allclose(values, first[name], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("spiking", [True, False])
def test_runs_go_on_with_the_same_bits(spiking: bool) -> None:
    network = altogether(spiking)
    whole, cut = made(network), made(network)
    for index in range(2):
        whole.run(trials(network, 3, index=index))
    cut.run(trials(network, 3))
    resumed = made(network)
    resumed.state = dict(cut.state)
    resumed.run(trials(network, 3, index=1))
    assert_same(dict(whole.state), dict(resumed.state))


def test_rates_in_brian_hear_the_same_error_as_settled_ones() -> None:
    network = rates(sizes=(6, 5, 3))
    for name in ("threshold", "levels", "sign", "share"):
        network = CHANGES[name](network)
    settled, timed = learned(network), learned(network, dt=0.5)
    for p in network.plastic:
        np.testing.assert_allclose(timed[f"{p.name}.w"], settled[f"{p.name}.w"], atol=2e-3)
    changed = hidden_weights(settled) - network.initial_weights(network.forward[0])
    assert np.abs(changed).max() > 0.02


@pytest.mark.parametrize("spiking", [True, False])
def test_noise_has_the_standard_deviation_that_was_asked_for(spiking: bool) -> None:
    network = small(hidden=(400,), eta=0.0) if spiking else rates(sizes=(6, 400, 3))
    noisy = hypotheses.noisy_feedback(network, std=1.2)
    twice = hypotheses.noisy_feedback(noisy, std=1.6)
    options = {"record": ["hidden_0" if spiking else "hidden_1"], "traces": ("teach",)}
    heard = {}
    for name, one in (("none", network), ("once", noisy), ("twice", twice)):
        device = "runtime" if spiking else "array"
        simulator = simulate(one, device=device, **options)
        (traces,) = simulator.run(trials(one, 3)).traces.values()
        heard[name] = traces[:, -1]
    assert np.std(heard["once"] - heard["none"]) == pytest.approx(1.2, rel=0.1)
    assert np.std(heard["twice"] - heard["none"]) == pytest.approx(2.0, rel=0.1)
    assert np.mean(heard["once"] - heard["none"]) == pytest.approx(0, abs=0.12)


def test_rates_are_as_noisy_in_brian() -> None:
    network = hypotheses.noisy_feedback(rates(sizes=(6, 300, 3)), std=0.7)
    simulator = made(network, record=["hidden_1"], traces=("teach",))
    quiet = trials(network, 2)
    taught = simulator.run(quiet).traces["hidden_1.teach"]
    again = made(rates(sizes=(6, 300, 3)), record=["hidden_1"], traces=("teach",))
    assert np.std(taught[0, -1] - again.run(quiet).traces["hidden_1.teach"][0, -1]) == (
        pytest.approx(0.7, rel=0.15)
    )
    untaught = rate_networks.trials(2)
    simulator = made(network, record=["hidden_1"], traces=("teach",))
    again = made(rates(sizes=(6, 300, 3)), record=["hidden_1"], traces=("teach",))
    np.testing.assert_array_equal(
        simulator.run(untaught).traces["hidden_1.teach"],
        again.run(untaught).traces["hidden_1.teach"],
    )


def test_traces_do_not_change_which_noise_is_learned_from() -> None:
    network = hypotheses.noisy_feedback(rates(), std=1.0)
    block = trials(network, 5)
    plain = simulate(network, device="array")
    traced = simulate(network, device="array", record=["hidden_1"], traces=("teach",))
    plain.run(block)
    traced.run(block)
    assert_same(plain.state, traced.state)


@pytest.mark.parametrize("spiking", [True, False])
def test_partial_feedback_reaches_the_same_neurons_of_a_population(spiking: bool) -> None:
    network = small(hidden=(8, 6)) if spiking else rates(sizes=(6, 8, 6, 3))
    reached = {}
    for share in (0.25, 0.5, 0.01):
        other = hypotheses.partial_feedback(network, share=share)
        for p in other.feedback.projections:
            before, after = (n.initial_weights(n.projection(p.name)) for n in (network, other))
            if p.post is other.output:
                np.testing.assert_array_equal(before, after)
                continue
            mask = after.any(axis=0)
            assert mask.sum() == max(1, round(share * p.post.size))
            np.testing.assert_array_equal(after, before * mask)
            reached[share, p.name] = mask
        name = other.feedback.projections[1].name
    assert not (reached[0.25, name] & ~reached[0.5, name]).any()


def test_error_neurons_round_and_leave_out_what_is_small() -> None:
    network = rates(sizes=(6, 5, 3))
    block = trials(network, 30)

    def errors(other: Network, device: str = "array") -> np.ndarray:
        options = {"device": device, "dtype": "float64", "record": ["error"], "traces": ("x",)}
        options |= {"codegen": "numpy", "dt": 0.5} if device == "runtime" else {"batch": 30}
        return simulate(other, **options).run(block).traces["error.x"][:, -1]

    error = errors(network)
    cut = np.sign(error) * np.maximum(np.abs(error) - 0.2, 0)
    thresholded = CHANGES["threshold"](network)
    np.testing.assert_allclose(errors(thresholded), cut, atol=1e-12)
    both = hypotheses.quantised_error(thresholded, levels=5)
    np.testing.assert_allclose(errors(both), np.round(cut * 2) / 2, atol=1e-12)
    two = hypotheses.quantised_error(network, levels=2)
    np.testing.assert_array_equal(errors(two), np.sign(error))
    np.testing.assert_array_equal(errors(two, "runtime")[0], np.sign(error)[0])


def test_spiking_errors_are_rounded_to_spikes_that_weigh_more() -> None:
    network = small(error={"target": 500.0}, eta=0.0)  # the whole error: 20 spikes in 40 ms
    said = {}
    for levels, threshold in ((None, 0.0), (5, 0.0), (None, 0.25), (5, 0.25)):
        other = hypotheses.quantised_error(network, levels=levels)
        other = hypotheses.thresholded_error(other, threshold=threshold)
        weights = other.initial_weights(other.feedback.projections[0])[3:].max()
        block = trials(other, 20)
        counts = made(other, record=["error"]).run(block).spikes["error"]
        trial, neuron = (np.asarray(counts[0]) // 40).astype(int), counts[1]
        found = np.zeros((20, 6))
        np.add.at(found, (trial, neuron), weights)
        said[levels, threshold] = found[:, 3:] - found[:, :3]
    plain = said[None, 0.0]
    assert np.abs(plain).max() > 10
    assert np.abs(said[5, 0.0] - plain).max() <= 10 / 2 + 1
    assert set(np.unique(said[5, 0.0])) <= {-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0}
    cut = np.sign(plain) * np.maximum(np.abs(plain) - 5, 0)
    assert np.abs(said[None, 0.25] - cut).max() <= 2
    assert np.abs(said[5, 0.25] - cut).max() <= 10 / 2 + 1


@pytest.mark.parametrize("spiking", [True, False])
def test_hidden_neurons_hear_a_part_of_the_error_and_the_output_all(spiking: bool) -> None:
    network = small() if spiking else rates(sizes=(6, 5, 3))
    hidden = network.forward[0].post.name
    block = trials(network, 5)
    options = {"record": [hidden, "output"], "traces": ("teach",), "dtype": "float64"}
    options |= {"device": "runtime"} if spiking else {"device": "array", "batch": 5}

    def heard(other: Network) -> tuple[np.ndarray, np.ndarray]:
        traces = simulate(other, **options).run(block).traces
        return traces[f"{hidden}.teach"][0, -1], traces["output.teach"][0, -1]

    both, own = heard(network)
    parts = {}
    for keeps in ("size", "surplus", "lack"):
        other = hypotheses.unsigned_error(network, keeps=keeps)
        parts[keeps], same = heard(other)
        np.testing.assert_allclose(same, own, atol=1e-12)
        lines = [f for f in audit(other).about("signed error") if f.level == "local"]
        assert any("error_to_hidden" in f.subject for f in lines)
    np.testing.assert_allclose(parts["surplus"] + parts["lack"], both, atol=1e-9)
    np.testing.assert_allclose(parts["lack"] - parts["surplus"], parts["size"], atol=1e-9)
    assert np.abs(parts["surplus"]).max() > 0 and np.abs(parts["lack"]).max() > 0


def test_what_makes_no_sense_is_refused_by_name() -> None:
    sized = hypotheses.unsigned_error(rates())
    with pytest.raises(ParameterError, match="'error' keeps .* levels=2; give it 3 levels"):
        hypotheses.quantised_error(sized, levels=2)
    with pytest.raises(ParameterError, match="levels=2; give it 3 levels"):
        hypotheses.unsigned_error(hypotheses.quantised_error(rates(), levels=2))
    with pytest.raises(ParameterError, match="at least 2, or None, for 'error', got 1"):
        hypotheses.quantised_error(rates(), levels=1)
    with pytest.raises(ParameterError, match="at least 3 and odd.* for 'error', got 4"):
        hypotheses.quantised_error(small(), levels=4)
    with pytest.raises(WiringError, match="5 levels already, got 3"):
        hypotheses.quantised_error(CHANGES["levels"](small()), levels=3)
    with pytest.raises(ParameterError, match=r"threshold (in|must be)"):
        hypotheses.thresholded_error(rates(), threshold=1.0)
    with pytest.raises(WiringError, match="only the size of the error is kept already"):
        hypotheses.unsigned_error(sized, keeps="lack")
    with pytest.raises(WiringError, match="only the lack of the error is kept already"):
        hypotheses.unsigned_error(CHANGES["sign"](small()), keeps="size")
    with pytest.raises(WiringError, match="synapses from 'error' to hidden"):
        hypotheses.unsigned_error(rates(feedback.layerwise))
    with pytest.raises(ParameterError, match=r"share must be .*> 0 and <= 1, got 0"):
        hypotheses.partial_feedback(rates(), share=0)
    with pytest.raises(WiringError, match="through separate fixed synapses"):
        hypotheses.partial_feedback(rates(feedback.transposed), share=0.5)
    with pytest.raises(ParameterError, match="(std|kick) must be one finite number"):
        hypotheses.noisy_feedback(rates(), std=-1)
    with pytest.raises(WiringError, match="error neurons, of which the network has none"):
        hypotheses.thresholded_error(Network(), threshold=0.1)


# time and neurons


def spikes_and_teach(network: Network, n: int = 6, **options: Any) -> tuple[Any, Any, np.ndarray]:
    """Return times and neurons of error spikes, and what the first hidden population hears."""
    hidden = network.forward[0].post.name
    simulator = made(network, record=["error", hidden], traces=("teach",), **options)
    result = simulator.run(trials(network, n))
    teach = result.traces[f"{hidden}.teach"]
    return *result.spikes["error"], teach.reshape(-1, teach.shape[-1])


@pytest.mark.parametrize(
    ("delay", "dtype"), [(1.0, "float64"), (19.0, "float32"), (33.0, "float32")]
)
def test_feedback_arrives_late_by_its_delay(delay: float, dtype: str) -> None:
    network = small(reset=False, eta=0.0, neuron={"tau_teach": 0.0})
    late = hypotheses.delayed_feedback(network, delay=delay)
    times, _, at_once = spikes_and_teach(network, dtype=dtype)
    same, _, later = spikes_and_teach(late, dtype=dtype)
    np.testing.assert_array_equal(times, same)
    steps = round(delay)
    np.testing.assert_array_equal(later[steps:], at_once[:-steps])
    assert not later[:steps].any() and at_once.any()
    (line,) = (f for f in audit(late).about("delays") if f.subject == "error_to_hidden_0")
    assert f"arrive {delay:g} ms later" in line.reason and line.level == "local"


def test_several_delays_on_one_axon_and_finer_steps() -> None:
    network = small(hidden=(8, 8), reset=False, eta=0.0, neuron={"tau_teach": 0.0})
    names = {"error_to_hidden_0": 0.0, "error_to_hidden_1": 4.0, "error_to_output": 11.5}
    late = network.altered(projection=lambda p: replace(p, delay=names.get(p.name, 0.0)))
    layers = ["hidden_0", "hidden_1", "output"]
    heard = [
        made(n, dt=0.5, record=layers, traces=("teach",)).run(trials(n, 4)).traces
        for n in (network, late)
    ]
    for layer, delay in zip(layers, names.values(), strict=True):
        before, after = (
            h[f"{layer}.teach"].reshape(-1, h[f"{layer}.teach"].shape[-1]) for h in heard
        )
        steps = round(delay / 0.5)
        np.testing.assert_array_equal(after[steps:], before[: len(before) - steps])
    with pytest.raises(ParameterError, match="must be a multiple of the time step"):
        made(late.altered(projection=lambda p: replace(p, delay=p.delay and 0.2)))


def test_what_is_under_way_is_lost_where_neurons_are_reset() -> None:
    network = small(neuron={"tau_teach": 0.0}, eta=0.0)
    _, _, heard = spikes_and_teach(hypotheses.delayed_feedback(network, delay=20.0))
    trials_of = heard.reshape(6, 40, -1)
    assert not trials_of[:, :20].any() and trials_of[:, 20:].any()


def test_relays_take_as_long() -> None:
    network = small(wiring=feedback.layerwise, eta=0.0, reset=False, neuron={"tau_teach": 0.0})
    late = hypotheses.delayed_feedback(network, delay=5.0)
    assert {p.delay for p in late.feedback.projections if isinstance(p.pre, Relay)} == {5.0}
    before, after = spikes_and_teach(network)[2], spikes_and_teach(late)[2]
    np.testing.assert_array_equal(after[5:], before[:-5])


def test_neurons_differ_as_much_as_was_asked() -> None:
    network = small(hidden=(4000,), eta=0.0)
    varied = hypotheses.heterogeneity(network, membrane=0.4, threshold=0.1)
    state = made(varied).state
    for name, cv in (("stretch", 0.4), ("height", 0.1)):
        factors = state[f"hidden_0.{name}"]
        assert factors.mean() == pytest.approx(1, rel=0.05)
        assert factors.std() / factors.mean() == pytest.approx(cv, rel=0.1)
    twice = hypotheses.heterogeneity(varied, threshold=0.2)
    found = next(p for p in twice.populations if p.name == "hidden_0")
    assert found.threshold_cv == pytest.approx(np.sqrt(1.01 * 1.04 - 1))
    assert found.tau_m_cv == 0.4


def test_a_higher_threshold_and_a_slower_membrane_fire_less() -> None:
    network = small(hidden=(300,), eta=0.0, neuron={"leak": True})
    counts = {}
    for name, values in (("threshold", {"threshold": 0.3}), ("membrane", {"membrane": 0.5})):
        varied = hypotheses.heterogeneity(network, **values)
        simulator = made(varied)
        fired = simulator.run(trials(varied, 10)).counts["hidden_0"].sum(axis=0)
        factor = simulator.state["hidden_0." + ("height" if name == "threshold" else "stretch")]
        counts[name] = np.corrcoef(factor, fired)[0, 1]
    assert counts["threshold"] < -0.3 and counts["membrane"] < -0.05, counts


@pytest.mark.slow
def test_online_learning_needs_no_phase() -> None:
    network = small()
    assert audit(network).about("phases")[0].level == "broadcast"
    live = hypotheses.online(network)
    (line,) = audit(live).about("phases")
    assert line.level == "local" and "alike" in line.reason
    assert not live.reset and {p.rule.when for p in live.plastic} == {"feedback"}
    assert not np.array_equal(hidden_weights(learned(live)), hidden_weights(learned(network)))
    again = hypotheses.online(live)
    assert again.populations == live.populations
    assert [p.rule for p in again.projections] == [p.rule for p in live.projections]
    with pytest.raises(WiringError, match="graded ones, which know no moment"):
        hypotheses.online(rates())


@pytest.mark.slow
def test_error_neurons_are_silent_until_the_label_comes() -> None:
    network = hypotheses.online(small())
    late = LATE(network)
    times, _, _ = spikes_and_teach(late)
    assert len(times) and (times % 40).min() >= 12
    assert (spikes_and_teach(network)[0] % 40).min() < 12
    (line,) = audit(late).about("phases")
    assert (line.subject, line.level) == ("error", "broadcast") and "12 ms" in line.reason
    assert hypotheses.delayed_label(late, delay=20.0).populations[-1].wait == 32.0
    long = hypotheses.delayed_label(small("feedback"), delay=30.0)
    assert long.stimulus.tau_x == 30.0
    etas = [n.forward[0].rule.parameters["eta"] for n in (small("feedback"), long)]
    assert etas[1] == pytest.approx(etas[0] * 20 / 30)


def test_the_whole_error_is_that_of_the_time_for_which_neurons_compare() -> None:
    network = hypotheses.online(small())
    orders = [[CHANGES["levels"], CHANGES["threshold"], LATE], [LATE, CHANGES["levels"]]]
    orders[1].append(CHANGES["threshold"])
    found = []
    for order in orders:
        other = network
        for change in order:
            other = change(other)
        found.append((other.populations[-1].model, other.initial_weights(other.projections[-1])))
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(found[0][1], found[1][1])
    whole = 100 * 0.05 * (1 - np.exp(-(40 - 12) / 50))
    assert other.populations[-1].whole == pytest.approx(whole)
    silent = made(small(eta=0.0, error={"wait": 12.0, "levels": 3, "whole": 2.8, "tau": 1e9}))
    assert silent.network.projection("error_to_error").weights.weights.max() == 2.8


def late_and_varied(network: Network, size: float = 1.0) -> Network:
    """Return a spiking network under all that Brian2 draws no random numbers for."""
    network = hypotheses.delayed_feedback(hypotheses.online(network), delay=4.0 + size)
    network = hypotheses.heterogeneity(network, membrane=0.2 * size, threshold=0.1 * size)
    network = hypotheses.thresholded_error(network, threshold=0.05 * size)
    return hypotheses.delayed_label(network, delay=6.0 * size)


@pytest.mark.slow
def test_compiled_programs_do_the_same_and_hold_no_numbers() -> None:
    network = late_and_varied(small(eta=0.05))
    options = {"record": ["error", "hidden_0"], "dtype": "float64"}
    dense = simulate(network, device="cpp_standalone", **options)
    looked = simulate(network, device="runtime", **options)
    spikes = [one.run(trials(network, 5)).spikes["error"] for one in (dense, looked)]
    assert len(spikes[0][0]) > 5
    for found, expected in zip(*spikes, strict=True):
        np.testing.assert_allclose(found, expected)
    for name, values in dense.state.items():
        np.testing.assert_allclose(looked.state[name], values, rtol=1e-6, atol=1e-9, err_msg=name)
    other = simulate(late_and_varied(small(eta=0.05), 2.0), device="cpp_standalone", **options)
    other.run(trials(network, 5))
    assert other.compile_seconds == 0
    assert not np.array_equal(other.state["error.line_0"], dense.state["error.line_0"])


def test_times_that_make_no_sense_are_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="0 <= delay < 40 ms|delay must be one"):
        hypotheses.delayed_feedback(small(), delay=40.0)
    with pytest.raises(ParameterError, match="arrive after 50 ms"):
        hypotheses.delayed_feedback(hypotheses.delayed_feedback(small(), delay=25.0), delay=25.0)
    with pytest.raises(WiringError, match="'error' sends none"):
        hypotheses.delayed_feedback(rates(), delay=5.0)
    forward = small(hidden=(8, 6), wiring=feedback.indirect)
    with pytest.raises(WiringError, match="relay='random'"):
        hypotheses.delayed_feedback(forward, delay=5.0)
    with pytest.raises(WiringError, match="waits for the label anyway"):
        LATE(small())
    with pytest.raises(WiringError, match="spiking error neurons"):
        LATE(rates())
    with pytest.raises(WiringError, match="none: neurons of rates have neither"):
        hypotheses.heterogeneity(rates(), membrane=0.1)
    with pytest.raises(ParameterError, match="(membrane|threshold) must be one finite number"):
        hypotheses.heterogeneity(small(), membrane=-0.1)
    with pytest.raises(WiringError, match="only spikes may be delayed"):
        small("spike").altered(projection=lambda p: replace(p, delay=2.0))
