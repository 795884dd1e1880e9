"""What synapses keep from trial to trial: state of a rule, by closed form and on every device."""

import re
import warnings
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from apical import (
    Block,
    LearningRule,
    Network,
    Rate,
    Stimulus,
    check,
    connectivity,
    encoding,
    optimizers,
    rules,
)
from apical.errors import (
    DescriptionWarning,
    DeviceError,
    LocalityError,
    ParameterError,
    WiringError,
)
from apical.network.size import weights_bytes
from apical.projections.weights import Given
from apical.testing.references import made, partly_joined, rates, spiking, trials

TORCH = [("array", {"library": "torch"})] if find_spec("torch") else []
IN_PROCESS = [("array", {}), *TORCH, ("runtime", {}), ("lockstep", {})]
"""Devices for rates, with options; PyTorch where it is installed."""
HEBB = LearningRule(
    "running_mean",
    "eta * mean - pull * (w - w0)",
    {"eta": 0.2, "share": 0.25, "pull": 0.1},
    state={"mean": 0.0, "w0": "w"},
    steps=(("mean", "(1 - share) * mean + share * x_pre * x_post"),),
    source="a running mean of Hebbian updates, with consolidation",
)


def one_synapse(rule: LearningRule, w: float = 2.0) -> Network:
    """Return a network of one synapse between linear rates: x_post is w * x_pre."""
    net = Network(seed=0, trial=200.0)
    x = net.add(Stimulus("x", 1, encoding.Graded()))
    y = net.add(Rate("y", 1, activation="linear"))
    net.connect(x, y, weights=Given(np.array([[w]])), rule=rule)
    return net


def by_hand(w: float, xs: list[float]) -> tuple[float, float]:
    """Return the weight and the running mean of `HEBB` after some trials."""
    mean, w0 = 0.0, w
    for x in xs:
        mean = 0.75 * mean + 0.25 * x * (w * x)
        w = w + 0.2 * mean - 0.1 * (w - w0)
    return w, mean


def silent(n: int, learning: float = 1.0) -> Block:
    return Block(np.zeros((n, 1)), learning=np.asarray(learning))


@pytest.mark.parametrize(("device", "options"), IN_PROCESS)
def test_without_error_a_weight_returns_to_its_initial_value_geometrically(device, options) -> None:
    """w - w0 shrinks by the factor 1 - strength per update; a loaded state keeps w0."""
    rule = rules.consolidated(LearningRule("hebb", "eta*x_pre*x_post", {"eta": 0.1}), 0.25)
    with made(one_synapse(rule), device, **options) as simulator:
        simulator.state = {"x_to_y.w": np.array([[3.0]])}  # w0 stays 2
        for n in (1, 2, 3):
            simulator.run(silent(1))
            distance = simulator.weights("x_to_y")[0, 0] - 2.0
            assert distance == pytest.approx(0.75**n, abs=1e-12)
        simulator.run(silent(2, learning=0.0))
        assert simulator.weights("x_to_y")[0, 0] - 2.0 == pytest.approx(0.75**3, abs=1e-12)
        simulator.run(silent(1, learning=0.5))  # as a learning-rate schedule would
        assert simulator.weights("x_to_y")[0, 0] - 2.0 == pytest.approx(
            0.75**3 * (1 - 0.125), abs=1e-12
        )


@pytest.mark.parametrize(("device", "options"), IN_PROCESS)
def test_steps_run_before_the_update_and_only_while_learning(device, options) -> None:
    xs = [0.5, 1.0, 0.25]
    block = Block(np.array(xs)[:, np.newaxis], learning=np.ones(()))
    with made(one_synapse(HEBB), device, **options) as simulator:
        simulator.run(Block.of_stimuli(np.ones((2, 1))))  # nothing learns, nothing is kept
        assert simulator.state["x_to_y.mean"] == 0
        simulator.run(block)
        w, mean = by_hand(2.0, xs)
        assert simulator.weights("x_to_y")[0, 0] == pytest.approx(w, abs=1e-9)
        assert simulator.state["x_to_y.mean"][0, 0] == pytest.approx(mean, abs=1e-9)
        assert simulator.state["x_to_y.w0"] == 2.0


@pytest.mark.parametrize(("device", "options"), IN_PROCESS)
def test_a_step_that_copies_the_weight_keeps_the_one_before_the_update(device, options) -> None:
    rule = LearningRule(
        "last",
        "eta*x_pre + 0.5*(last - w)",
        {"eta": 0.5},
        state={"last": 0.0},
        steps=(("last", "w"),),
    )
    with made(one_synapse(rule), device, **options) as simulator:
        simulator.run(Block(np.ones((2, 1)), learning=np.ones(())))
        assert simulator.weights("x_to_y").item() == pytest.approx(3.0)
        assert simulator.state["x_to_y.last"].item() == pytest.approx(2.5)


@pytest.mark.parametrize("batch", [1, 3])
def test_trials_of_a_batch_share_the_mean_of_new_values(batch) -> None:
    """Arrays, PyTorch and lockstep: mean of x*x over the batch enters the state."""
    found = []
    values = np.random.default_rng(0).random((6, 1))
    for device, options in (("array", {}), *TORCH, ("lockstep", {})):
        with made(one_synapse(HEBB), device, batch=batch, **options) as simulator:
            simulator.run(Block(values, learning=np.ones(())))
            found.append([simulator.state[f"x_to_y.{n}"].item() for n in ("w", "mean", "w0")])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-9)


@pytest.mark.parametrize("of", ["dense", "sparse", "receptive fields", "missing"])
def test_devices_agree_whatever_the_form_of_synapses(of) -> None:
    where = {
        "sparse": connectivity.Probability(0.5),
        "receptive fields": connectivity.ReceptiveFields(2),
    }
    states = []
    for device, options in IN_PROCESS:
        if of in where:
            net = partly_joined(where[of], (1, 2) if of == "receptive fields" else (2, 3))
            projection = net.projection("stimulus_to_hidden")
            net.projections[net.projections.index(projection)] = replace(projection, rule=HEBB)
        else:
            net = rates(rule=rules.consolidated(rules.three_factor(0.5), 0.1))
            if of == "missing":
                first = net.forward[0]
                net.projections[net.projections.index(first)] = replace(first, missing=0.4)
        with made(net, device, **options) as simulator:
            simulator.run(trials(1.0, n=4))
            states.append({k: v for k, v in simulator.state.items() if k.count("_to_")})
    for other in states[1:]:
        shared = set(states[0]) & set(other)
        assert any(name.endswith(".w0") for name in shared)
        for name in shared:
            np.testing.assert_allclose(other[name], states[0][name], atol=1e-6, err_msg=name)


MOMENTS = ["trial", "feedback", "spike", "post"]


def after_spikes(when: str, device: str) -> dict[str, np.ndarray]:
    """Return the state of synapses that count their updates, after some spiking trials."""
    net = spiking()
    text = "gain_post * teach_post" if when == "spike" else "x_pre * gain_post * teach_post"
    rule = LearningRule(
        "counting",
        f"eta * ({text} - decay * (w - w0)) / (1 + n)",
        {"eta": 0.05, "decay": 0.1},
        when=when,
        state={"w0": "w", "n": 0.0},
        steps=(("n", "n + 1"),),
    )
    for projection in list(net.plastic):
        net.projections[net.projections.index(projection)] = replace(projection, rule=rule)
    with made(net, device) as simulator:
        simulator.run(trials(1.0, n=3))
        return {name: v for name, v in simulator.state.items() if "_to_" in name}


def assert_alike(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for name, values in one.items():
        np.testing.assert_allclose(other[name], values, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("when", MOMENTS)
def test_spiking_devices_agree_at_every_moment(when) -> None:
    """`runtime` and `lockstep`: state changes where the rule acts, and nowhere else."""
    found = after_spikes(when, "runtime")
    n = found["stimulus_to_hidden.n"]
    assert (n == 3).all() if when == "trial" else n.max() > 3
    assert_alike(found, after_spikes(when, "lockstep"))


@pytest.mark.slow
@pytest.mark.parametrize("when", MOMENTS)
def test_compiled_programs_agree_at_every_moment(when) -> None:
    assert_alike(after_spikes(when, "runtime"), after_spikes(when, "cpp_standalone"))


def test_an_optimiser_reads_the_update_that_the_state_is_part_of() -> None:
    rule = LearningRule("pull", "w0 - w + x_pre", state={"w0": "w"})
    states = []
    for device, options in IN_PROCESS:
        net = one_synapse(replace(rule, dynamics=optimizers.momentum(0.5)))
        with made(net, device, **options) as simulator:
            simulator.state = {"x_to_y.w": np.array([[3.0]])}
            simulator.run(silent(3))
            states.append([simulator.state[f"x_to_y.{n}"].item() for n in ("w", "m", "w0")])
    w, m = 3.0, 0.0
    for _ in range(3):
        m = 0.5 * m + (2.0 - w)
        w = w + m
    np.testing.assert_allclose(states, [[w, m, 2.0]] * len(states), atol=1e-12)


@pytest.mark.parametrize(("device", "options"), IN_PROCESS)
def test_a_name_of_a_neuron_may_name_state_too(device, options) -> None:
    """`x` is a variable of the neuron in Brian2; loading knows the synapse's own name for it."""
    rule = LearningRule("pull", "eta * (x - w + x_pre)", {"eta": 0.5}, state={"x": "2*w"})
    with made(one_synapse(rule), device, **options) as simulator:
        simulator.run(silent(1))
        assert simulator.weights("x_to_y")[0, 0] == pytest.approx(3.0)  # from 2, half way to 4
        simulator.load({"x_to_y": np.array([[1.0]])})  # its x is 2 now
        simulator.run(silent(1))
        assert simulator.weights("x_to_y")[0, 0] == pytest.approx(1.5)


@pytest.mark.parametrize(("device", "options"), IN_PROCESS)
def test_loaded_weights_are_initial_ones_and_a_saved_state_is_whole(
    device, options, tmp_path
) -> None:
    rule = rules.consolidated(LearningRule("hebb", "eta*x_pre*x_post", {"eta": 0.1}), 0.5)
    block = Block(np.full((2, 1), 0.5), learning=np.ones(()))
    with made(one_synapse(rule), device, **options) as simulator:
        simulator.load({"x_to_y": np.array([[5.0]])})
        assert simulator.state["x_to_y.w0"] == 5.0
        simulator.run(block)
        path = simulator.save(tmp_path / "state")
        simulator.run(block)
        after = simulator.state
    with made(one_synapse(rule), device, **options) as other:
        other.load(path)
        assert other.state["x_to_y.w0"] == 5.0
        other.run(block)
        for name, values in after.items():
            np.testing.assert_array_equal(other.state[name], values)


def test_a_network_with_state_is_saved_as_data(tmp_path) -> None:
    again = Network.load(one_synapse(HEBB).save(tmp_path / "net"))
    assert again.plastic[0].rule == HEBB


def test_the_scorecard_names_what_synapses_keep_and_finds_it_local() -> None:
    scorecard = check(one_synapse(HEBB))
    (said,) = [f.reason for f in scorecard.findings if f.aspect == "locality"]
    assert scorecard.is_local
    assert "keeps mean, which begins as 0.0 and becomes (1 - share) * mean" in said
    assert "x_pre in x; x_post in y" not in said.partition("; the synapse keeps")[0]
    assert "keeps w0, which begins as w and stays so" in said
    kept = [f.reason for f in scorecard.findings if f.aspect == "precision"]
    assert any("w0 of rule running_mean" in reason for reason in kept)


def test_signals_and_memory_know_it() -> None:
    net = one_synapse(HEBB)
    edges = {(edge.source, edge.target) for edge in net.graph.signals.edges}
    assert ("x_to_y.w", "x_to_y.w0") in edges
    assert ("x_to_y.mean", "x_to_y.update") in edges
    assert weights_bytes(net.plastic[0], 4) == 3 * 4


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"state": {"w": 1.0}}, ParameterError, "'w' cannot name a state variable"),
        ({"state": {"x_pre": 0.0}}, ParameterError, "signals of the two neurons end in"),
        ({"state": {"eta": "w"}}, ParameterError, "its state both use 'eta'"),
        ({"state": {"c": "w + v"}}, LocalityError, "its state 'c' begins as 'w + v'"),
        ({"state": {"c": "x_pre"}}, LocalityError, "reads 'x_pre'; where a synapse begins"),
        ({"steps": (("c", "c + 1"),)}, ParameterError, "give it a first value"),
        ({"state": {"c": 0.0}, "steps": (("c", "c + q"),)}, LocalityError, "reads 'q'"),
        ({"state": {"c": [1.0]}}, ParameterError, "must be one finite number"),
        ({"state": "w"}, ParameterError, "state must be a mapping"),
        (
            {"state": {"m": 0.0}, "dynamics": optimizers.momentum()},
            ParameterError,
            "its dynamics 'momentum' both use 'm'",
        ),
    ],
)
def test_mistakes_are_said_where_the_rule_is_written(options, error, said) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DescriptionWarning)
        with pytest.raises(error, match=re.escape(said)):
            LearningRule("wrong", "eta * x_pre", {"eta": 1.0}, **options)


def test_state_that_nobody_reads_is_said() -> None:
    with pytest.warns(DescriptionWarning, match="does not read its state 'c'"):
        LearningRule("r", "eta * x_pre", {"eta": 1.0}, state={"c": 0.0}, steps=(("c", "c + 1"),))


def test_values_that_are_not_finite_are_refused() -> None:
    rule = LearningRule("r", "x_pre * c", state={"c": "1/w"})
    with pytest.raises(ParameterError, match="no finite value in 1 of 2 synapses"):
        rule.first([0.0, 1.0])


def test_consolidation_is_given_once() -> None:
    rule = rules.consolidated(rules.three_factor(0.1), 0.1)
    with pytest.raises(ParameterError, match="has a name 'consolidation' already"):
        rules.consolidated(rule, 0.1)


def test_signals_of_steps_must_be_offered() -> None:
    rule = LearningRule("r", "c", state={"c": 0.0}, steps=(("c", "nothing_pre"),))
    with pytest.raises(WiringError, match="reads 'nothing_pre'"):
        one_synapse(rule)


def test_arrays_say_which_step_is_no_matrix_product() -> None:
    rule = LearningRule("r", "c", state={"c": 0.0}, steps=(("c", "exp(x_pre * x_post)"),))
    with pytest.raises(DeviceError, match="mixes the two neurons"):
        made(one_synapse(rule), "array")


def test_updates_that_are_not_applied_leave_the_state() -> None:
    with made(one_synapse(HEBB), "array") as simulator:
        before = simulator.state
        update = simulator.updates(Block(np.full((1, 1), 0.5), learning=np.ones(())))
        assert update["x_to_y"].item() == pytest.approx(0.2 * 0.25 * 0.5 * 1.0)
        for name, values in simulator.state.items():
            np.testing.assert_array_equal(values, before[name])
