"""The audit after a run: what nothing accounts for is found, and what was learned is not blamed."""

import json
import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import networks
import numpy as np
import pytest
from rate_networks import rates

from apical import (
    Dataset,
    FanIn,
    Identity,
    Network,
    Rate,
    RateError,
    Stimulus,
    Zero,
    connectivity,
    datasets,
    encoding,
    feedback,
    rules,
    simulate,
    train,
)
from apical.devices import Simulator
from apical.errors import ParameterError, WiringError
from apical.feedback import WIRINGS
from apical.hypotheses.naming import applied
from apical.network.interventions import Intervention, Redraw
from apical.neurons.base import Population
from apical.plausibility import JudgedScorecard, audit, judge, maps
from apical.projections.projection import Projection
from apical.training.loop import Plan, Step, steps

SIZES = 6, 7, 4
BACK, UP = "error_to_hidden_1", "hidden_1_to_output"


@pytest.fixture(scope="module")
def data() -> Dataset:
    return datasets.blobs(60, 20, 6, 4, rng=np.random.default_rng(0))


def learned(net: Network, data: Dataset, epochs: int = 2, batch: int = 5) -> Simulator:
    simulator = simulate(net, "array", batch=batch)
    train(simulator, data, epochs, progress=False)
    return simulator


def said(card: JudgedScorecard, subject: str, aspect: Any) -> list[tuple[str, str]]:
    return [(f.level, f.reason) for f in card.about(aspect) if f.subject == subject]


def faults(card: JudgedScorecard) -> set[tuple[str, str]]:
    return {(f.subject, f.aspect) for f in card.faults}


def test_an_honest_run_is_local_and_its_lines_say_what_was_run(data: Dataset) -> None:
    net = rates(sizes=SIZES)
    simulator = simulate(net, "array", batch=5, dtype="float64")
    began = simulator.state
    history = train(simulator, data, 8, progress=False)
    card = judge(simulator, began, trials=history[-1].position.trial, final_rate=0.05)
    assert card.is_local
    assert (card.trials, card.batch, card.dtype) == (480, 5, "float64")
    lines = said(card, BACK, "feedback")
    assert lines[0][1].endswith("after the run they are the same to the last bit")
    level, reason = lines[1]
    assert level == "local"
    assert f"angle to the transposed weights of {UP!r}" in reason
    assert "deg after learning (" in reason and "at the start" in reason
    assert "would have been seen" in reason and "p = " in reason
    assert "run of 480 training trials, in batches of 5 trials, in float64" in str(card)
    assert any("batches of 5" in f.reason for f in card.about("global quantities"))
    assert any("float64" in f.reason for f in card.about("precision"))
    assert all(f.place for f in card.findings)


def test_alignment_that_was_learned_is_not_weight_transport() -> None:
    """Forward weights that began at 0 grow towards feedback: all of their information is of it."""
    data = datasets.load("digits").subset(600, 20)
    net = rates(sizes=(64, 30, 10), weights=Zero(), rule=rules.three_factor(0.2))
    simulator = learned(net, data, 10, 20)
    card = judge(simulator)
    assert card.is_local, card.faults
    reason = said(card, BACK, "feedback")[1][1]
    assert "(undefined at the start)" in reason
    assert "feedback alignment" in reason and "no weight is transported" in reason
    assert "weight transport" not in reason
    assert float(reason.partition(" deg")[0].rpartition(" ")[2]) < 80


def test_feedback_that_something_wrote_is_found(data: Dataset) -> None:
    simulator = learned(rates(sizes=SIZES), data)
    simulator.load({BACK: 0.5 * simulator.weights(UP).T})
    card = judge(simulator)
    assert faults(card) == {(BACK, "feedback"), (BACK, "weight transport")}
    assert "has no rule, but 28 of its 28 weights changed" in said(card, BACK, "feedback")[0][1]
    assert "exact multiple" in " ".join(r for _, r in said(card, BACK, "weight transport"))
    assert not any("at their initial weights" in r for _, r in said(card, BACK, "feedback"))


def test_one_weight_is_enough(data: Dataset) -> None:
    simulator = learned(rates(sizes=SIZES), data)
    weights = simulator.weights(BACK)
    weights[1, 2] = np.nextafter(weights[1, 2], 9, dtype=weights.dtype)
    simulator.load({BACK: weights})
    assert "1 of its 28 weights changed" in str(judge(simulator))
    assert faults(judge(simulator)) == {(BACK, "feedback")}


def test_synapses_without_a_rule_that_are_no_feedback_keep_their_weights_too(data: Dataset) -> None:
    net = rates(sizes=SIZES)
    net.projections[0] = replace(net.projections[0], rule=None)
    simulator = learned(net, data)
    assert judge(simulator).is_local
    name = net.projections[0].name
    simulator.load({name: simulator.weights(name) * 1.1})
    assert faults(judge(simulator)) == {(name, "locality")}


def test_weights_that_were_loaded_before_are_told_and_judged(data: Dataset) -> None:
    simulator = simulate(rates(sizes=SIZES), "array", batch=5)
    simulator.load({BACK: simulator.weights(UP).T})
    began = simulator.state
    train(simulator, data, 1, progress=False)
    card = judge(simulator, began)
    assert faults(card) == {(BACK, "weight transport")}
    assert said(card, BACK, "locality")[0][0] == "idealised"
    assert "when the run began" in str(card)
    names = {BACK: simulator.weights(BACK)}
    assert faults(judge(simulator, names)) == {(BACK, "weight transport")}


def taken(net: Network, data: Dataset, **options: Any) -> tuple[Simulator, list[Step]]:
    """Train by hand, writing the forward weights into feedback before every second block."""
    simulator, found = simulate(net, "array", batch=5), []
    for k, step in enumerate(steps(simulator, data, Plan(2, 20), **options)):
        found.append(step)
        if k in (1, 3):
            simulator.load({BACK: simulator.weights(UP).T})
    return simulator, found


def test_what_changes_between_blocks_is_seen(data: Dataset) -> None:
    simulator, found = taken(rates(sizes=(6, 30, 4)), data)
    assert [step.changed for step in found] == [(), (), (BACK,), (), (BACK,), (), ()]
    changed = [name for step in found for name in step.changed]
    card = judge(simulator, changed=changed)
    assert (BACK, "locality") in faults(card)
    assert (BACK, "weight transport") in faults(card)
    assert "between two blocks" in said(card, BACK, "locality")[0][1]


def test_forward_weights_that_are_taken_from_feedback_are_seen(data: Dataset) -> None:
    simulator = learned(rates(sizes=SIZES), data)
    simulator.load({UP: simulator.weights(BACK).T})
    assert judge(simulator).is_local, "a rule may have learned them, for all that is known"
    assert faults(judge(simulator, changed=[UP])) == {(UP, "locality"), (BACK, "weight transport")}
    simulator.load({UP: learned(rates(sizes=SIZES), data).weights(UP)})
    assert faults(judge(simulator, changed=[UP])) == {(UP, "locality")}


def test_a_measure_that_changes_weights_is_seen(data: Dataset) -> None:
    simulator = simulate(rates(sizes=SIZES), "array", batch=5)

    def measure(network: Simulator, *_: Any) -> dict[str, float]:
        network.load({UP: network.weights(UP) * 0.5})
        return {}

    found = list(steps(simulator, data, Plan(2, 100), measure=measure))
    assert [step.changed for step in found] == [(), (UP, UP), (UP,)]


def test_nothing_changes_in_a_run_with_interventions_and_noise_phases(data: Dataset) -> None:
    net = applied(rates(feedback.layerwise, sizes=SIZES), "weight_mirror(every=20, trials=10)")
    simulator = simulate(net, "array", batch=5)
    found = list(steps(simulator, data, Plan(2, 30)))
    assert not any(step.changed for step in found)
    card = judge(simulator, trials=120)
    assert card.is_local
    (line,) = [f for f in card.about("feedback") if "after learning" in f.reason]
    assert "feedback alignment" not in line.reason


# ---- interventions -------------------------------------------------------------------------------


def test_redrawn_feedback_is_what_its_intervention_makes_of_it(data: Dataset) -> None:
    net = applied(rates(sizes=SIZES), "redrawn_feedback(every=25) + lost_error_neurons(share=0.5)")
    simulator = learned(net, data)
    card = judge(simulator, trials=120)
    assert card.is_local
    level, reason = said(card, BACK, "feedback")[0]
    assert level == "broadcast"
    assert "redrawn every 25 trials" in reason and "fall silent" in reason
    assert reason.endswith("after the run they are what that makes of them, to the last bit")
    assert "at their initial weights" not in reason
    simulator.load({BACK: simulator.weights(BACK) * 2})
    assert faults(judge(simulator, trials=120)) == {(BACK, "feedback")}
    assert judge(simulator).is_local, "how many trials there were is not known"
    assert "not tested" in str(judge(simulator))


@dataclass(frozen=True)
class Own(Intervention):
    """An intervention of a user; `makes` is given network, weights and trial."""

    makes: Any
    held: list[Any] = field(default_factory=list)

    @property
    def reason(self) -> str:
        return "written by hand every 30 trials"

    def times(self, start: int, stop: int) -> Iterable[int]:
        return range(-(-start // 30) * 30, stop, 30)

    def concerns(self, projection: Projection, output: Population) -> bool:
        return projection.post is not output

    def acted(
        self, projection: Projection, weights: np.ndarray, seed: int, trial: int
    ) -> np.ndarray:
        return np.asarray(self.makes(self.held, weights, seed + trial))


def under(makes: Any, hidden: int = 7) -> tuple[Network, list[Any]]:
    own = Own(makes)
    return rates(sizes=(6, hidden, 4)).altered(interventions=(own,)), own.held


HONEST = {
    "decay": lambda _, w, __: 0.9 * w,
    "anew": lambda _, w, seed: np.random.default_rng(seed).normal(size=w.shape),
    "lesion": lambda _, w, __: np.where(np.arange(len(w))[:, np.newaxis] < 2, 0, w),
    "none": lambda _, w, __: w,
}


@pytest.mark.parametrize("makes", HONEST.values(), ids=HONEST.keys())
def test_own_interventions_that_know_nothing_of_forward_weights_pass(
    data: Dataset, makes: Any
) -> None:
    net, _ = under(makes)
    assert audit(net).is_local
    card = judge(learned(net, data, 4), trials=240)
    assert card.is_local, card.faults
    lines = [reason for _, reason in said(card, BACK, "feedback")]
    assert any("(intervention Own)" in r and "not tested" in r for r in lines)
    assert any("which is not of this package, was asked for trial 0, 30, 60: " in r for r in lines)
    assert any("was asked for trial 240, 270, 300: " in r for r in lines), "what is still to come"


def test_own_interventions_that_copy_initial_weights_are_caught_before_the_run() -> None:
    net, held = under(lambda held, w, _: held[0].initial_weights(held[1]).T * 0.3)
    held += [net, net.projection(UP)]
    found = {(f.subject, f.aspect) for f in audit(net).faults}
    assert found == {(BACK, "weight transport")}
    assert "by code of Own" in str(audit(net))


def test_own_interventions_that_drift_towards_forward_weights_are_caught() -> None:
    net, held = under(
        lambda held, w, _: w + 1e-3 * (held[0].initial_weights(held[1]).T - w), hidden=40
    )
    held += [net, net.projection(UP)]
    assert "what it adds" in str(audit(net).faults)


def test_own_interventions_that_copy_weights_of_the_run_are_caught_after_it(data: Dataset) -> None:
    def makes(held: list[Any], weights: np.ndarray, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        if not held:
            return weights
        forward = np.asarray(held[0].weights(UP)).T
        return np.asarray(forward + 0.3 * np.std(forward) * rng.normal(size=forward.shape))

    net, held = under(makes, hidden=30)
    assert audit(net).is_local, "there is no simulator yet"
    held.append(simulate(net, "array", batch=5))
    train(held[0], data, 2, progress=False)
    assert (BACK, "weight transport") in faults(judge(held[0], trials=120))


def test_own_interventions_that_raise_are_one_line() -> None:
    net, _ = under(lambda *_: 1 / 0)
    (fault,) = audit(net).faults
    assert fault.reason.endswith(
        "which is not of this package, raised ZeroDivisionError: division by zero"
    )


def test_plastic_feedback_is_not_redrawn() -> None:
    net = applied(rates(feedback.layerwise, sizes=SIZES), "kolen_pollack")
    with pytest.raises(WiringError, match="learns, so it would not stay as it is redrawn"):
        net.altered(interventions=(Redraw(7),))


def test_hypotheses_about_feedback_stand_on_its_line() -> None:
    def fewer(p: Projection) -> Projection:
        return replace(p, missing=0.25) if p.name == "error_to_hidden_0" else p

    net = applied(networks.small(), "delayed_feedback(delay=3)").altered(projection=fewer)
    lines = [f for f in audit(net).about("feedback") if f.subject == "error_to_hidden_0"]
    assert lines[0].reason.startswith("fixed synapses, at their initial weights; 25% of its syn")
    assert lines[0].reason.endswith("spikes arrive 3 ms late")


# ---- what else -----------------------------------------------------------------------------------


def test_prepared_symmetric_feedback_says_what_became_of_it(data: Dataset) -> None:
    net = applied(rates(feedback.layerwise, sizes=SIZES), "kolen_pollack(decay=1e-3)")
    back = "feedback_output_to_hidden_1"
    simulator = simulate(net, "array", batch=5)
    simulator.load({back: simulator.weights(UP).T})
    began = simulator.state
    train(simulator, data, 2, progress=False)
    (line,) = [f for f in judge(simulator, began).faults if "prepared symmetric" in f.reason]
    assert line.subject == back
    assert line.reason.startswith("when the run began: starts like")
    assert line.reason.endswith("; after the run their angle is 0 deg")


def test_what_a_script_added_is_named(data: Dataset) -> None:
    simulator: Any = learned(rates(sizes=SIZES), data)
    watch = SimpleNamespace(name="watch", kind="SpikeMonitor", what="", only_reads=True)
    nudge = SimpleNamespace(name="nudge", kind="NetworkOperation", what="runs f", only_reads=False)
    simulator.additions = (watch,)
    assert judge(simulator).is_local and "'watch' (SpikeMonitor) was added" in str(judge(simulator))
    simulator.additions = (watch, nudge)
    (fault,) = judge(simulator).faults
    assert fault.reason.startswith("'nudge' (NetworkOperation) was added to the simulation or")
    assert "which runs f" in fault.reason


def test_large_sparse_projections_are_judged_without_matrices() -> None:
    """Of a fixed projection that joins few of 25 million pairs, one written weight is seen."""
    n = 5_000
    net, some = Network(seed=0), connectivity.OneToOne()
    x = net.add(Stimulus("stimulus", n, encoding.Graded()))
    between, h = net.add(Rate("between", n, "linear")), net.add(Rate("hidden", 4))
    y, error = net.add(Rate("output", 3, "logistic")), net.add(RateError("error", 3))
    net.connect(x, between, weights=Identity(), connectivity=some)
    learned_by = [
        net.connect(*ends, rule=rules.three_factor(0.1)) for ends in ((between, h), (h, y))
    ]
    net.teach(feedback.direct(error, learned_by))
    data = datasets.blobs(4, 2, n, 3, rng=np.random.default_rng(0))
    with simulate(net, "array", batch=2) as simulator:
        began = simulator.state
        train(simulator, data, 1, progress=False)
        tracemalloc.start()
        card = judge(simulator, began, trials=4)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert card.is_local, card.faults
        assert most < 8 * n * n / 2
        written = np.ones(n, np.float32)
        written[n - 1] = 1.5
        simulator.load({"stimulus_to_between": written})
        card = judge(simulator, began, trials=4)
    assert faults(card) == {("stimulus_to_between", "locality")}
    reason = said(card, "stimulus_to_between", "locality")[0][1]
    assert "1 of its 5000 weights changed during the run, by up to 0.5" in reason


@pytest.mark.parametrize(
    ("wiring", "then"),
    [
        *((name, "") for name in ("bp", "dfa", "fa", "ifa_forward", "ifa_random", "drtp")),
        ("fa", "kolen_pollack"),
        ("fa", "sign_concordant"),
        ("dfa", "sparse_feedback"),
        ("dfa", "redrawn_feedback(every=20)"),
    ],
)
@pytest.mark.parametrize("where", ["onto the last", "onto both"])
def test_a_sample_of_large_populations_is_judged_as_all_of_them(
    wiring: str, then: str, where: str, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    first, second = (
        {"connectivity": connectivity.Mask(rng.random((n, 40)) < 0.5)} for n in (6, 40)
    )
    net, learns = Network(seed=0), {"rule": rules.three_factor(0.1), "weights": FanIn()}
    x = net.add(Stimulus("stimulus", 6, encoding.Graded()))
    needs = WIRINGS[wiring].hidden
    h = [net.add(Rate(f"hidden_{k}", 40, "tanh", **needs)) for k in (1, 2)]
    y, error = net.add(Rate("output", 4, "logistic")), net.add(RateError("error", 4))
    taught = [
        net.connect(x, h[0], **learns, **(first if where == "onto both" else {})),
        net.connect(h[0], h[1], **learns, **second),
        net.connect(h[1], y, **learns),
    ]
    beside = {"connectivity": "forward"} if wiring == "fa" else {}
    net.teach(WIRINGS[wiring](error, taught, **beside))
    net = applied(net, then)
    with simulate(net, "array", batch=5) as simulator:
        began = simulator.state
        train(simulator, data, 1, progress=False)
        whole = judge(simulator, began, trials=60)
        monkeypatch.setattr(maps, "LARGEST", 200)
        monkeypatch.setattr(maps, "SAMPLE", 25)
        sampled = judge(simulator, began, trials=60)
    assert faults(sampled) == faults(whole)
    assert [(f.subject, f.aspect, f.level) for f in sampled.findings] == [
        (f.subject, f.aspect, f.level) for f in whole.findings
    ]


def test_networks_without_feedback_are_judged_too(data: Dataset) -> None:
    net = rates(sizes=SIZES)
    simulator = simulate(net, "array")
    assert judge(simulator).is_local
    assert "after a run, trial by trial" in str(judge(simulator))


@pytest.mark.parametrize(
    ("began", "said"),
    [
        ({"hidden": np.zeros(3)}, r"began must be simulator.state .*, got \['hidden'\], none of"),
        ({BACK: np.zeros(3)}, r"began\['.*'\] must be of shape \(\d+, \d+\), got \(3,\)"),
    ],
)
def test_weights_of_another_network_are_refused(began: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        judge(simulate(rates(sizes=SIZES), "array"), began)


def test_what_is_no_simulator_is_refused() -> None:
    with pytest.raises(ParameterError, match="what apical.simulate returned, after training, got"):
        judge(rates(sizes=SIZES))  # type: ignore[arg-type]


def test_it_is_strict_json(data: Dataset) -> None:
    card = judge(learned(rates(sizes=(6, 3, 4)), data))

    def refuse(word: str) -> None:
        raise AssertionError(word)

    told = json.loads(json.dumps(card.as_dict()), parse_constant=refuse)
    assert told["judged"] == {"trials": None, "batch": 5, "dtype": "float32"}
    assert told["is_local"] is True and len(told["findings"]) == len(card.findings)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["runtime", "cpp_standalone"])
def test_spiking_networks_on_each_device(device: str) -> None:
    """What a device makes when it compiles is no addition of a script."""
    net = networks.small(wiring=feedback.direct, hidden=(10,))
    simulator = simulate(net, device)
    began = simulator.state
    simulator.run(networks.trials(6))
    card = judge(simulator, began, trials=6)
    assert card.is_local
    assert "the same to the last bit" in str(card)
    name = "error_to_hidden_0"
    simulator.load({name: simulator.weights(name) + 0.1})
    assert (name, "feedback") in faults(judge(simulator, began))
