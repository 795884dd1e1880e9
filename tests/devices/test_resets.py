"""A reset puts back whatever changes: what a trial does follows from the trial, and from nothing
that was shown before it."""

from dataclasses import replace
from typing import Any

import every_kind
import numpy as np
import pytest
from networks import small

from apical import (
    ALIF,
    LIF,
    Block,
    ConductanceLIF,
    Error,
    Network,
    NeuronModel,
    Neurons,
    Normal,
    Stimulus,
    Zero,
    datasets,
    feedback,
    hypotheses,
    rules,
    simulate,
)
from apical.devices.brian import starting, variables
from apical.neurons.base import Population
from apical.neurons.encoding import Encoder, Escape, Latency, Poisson, Regular, Replayed

pytestmark = pytest.mark.slow

every_device = pytest.mark.parametrize(
    "device", ["runtime", pytest.param("cpp_standalone", marks=pytest.mark.slow)]
)
STILL: dict[str, Encoder] = {
    "regular": Regular(200.0, free_running=False),
    "poisson": Poisson(200.0, free_running=False),
    "escape": Escape(200.0, free_running=False),
    "latency": Latency(20.0),
    "replayed": Replayed(),
}
"""Encoders whose trials do not depend on those before."""


def own() -> Neurons:
    """Neurons of one's own, whose author has not thought of resets."""
    model = NeuronModel(
        """dv/dt = (b - v - u)/(20*ms) : 1 (unless refractory)
        du/dt = -u/(50*ms) : 1
        x : 1
        last : second
        odd : boolean
        n : integer
        b : 1""",
        threshold="v > 1",
        reset="v = 0\nu += 0.2\nx += 1\nlast = t\nodd = not odd\nn += 1",
        refractory="3*ms",
        at_step="v += 0.001*int(odd) - 0.001*n",
        initial={"b": 1.5, "v": "uniform", "n": 2},
    )
    return Neurons("hidden_0", 8, model, takes={"drive": "v", "teach": "u"}, offers=("x", "v"))


def _with(population: Population, when: str = "trial", **options: Any) -> Network:
    """Return a small network with another hidden population of the same name and size."""
    net = small(when, STILL["regular"], reset=True, **options)
    fixed = net.altered(projection=lambda p: replace(p, rule=None))

    def changed(old: Population) -> Population:
        return population if old.name == population.name else old

    other = Network(seed=net.seed, trial=net.trial, reset=True)
    for old in fixed.populations:
        other.add(changed(old))
    for p in fixed.projections:
        if "teach" not in p.carries or p.post.name != population.name:
            other.connect(changed(p.pre), changed(p.post), weights=p.weights, carries=p.carries)
    return other


NETWORKS: dict[str, Any] = {
    **{f"encoder_{k}": (lambda e=e: small("trial", e, reset=True)) for k, e in STILL.items()},
    "lif_refractory": lambda: small("trial", STILL["regular"], neuron={"refractory": 5.0}),
    "lif_all": lambda: small(
        "feedback",
        STILL["regular"],
        reset=True,
        neuron={
            "refractory": 3.0,
            "noise_rate": 100.0,
            "noise_kick": 0.1,
            "stray_rate": 50.0,
            "tau_m_cv": 0.2,
            "threshold_cv": 0.2,
            "v_start": 0.4,
            "x_floor": 0.1,
        },
    ),
    "label_delayed": lambda: small(
        "feedback", STILL["regular"], reset=True, error={"wait": 10.0, "label_spikes": True}
    ),
    "label_spikes": lambda: small(
        "trial", STILL["regular"], error={"label_spikes": True, "rectified": True}
    ),
    "relays": lambda: small(
        "trial",
        STILL["regular"],
        hidden=(8, 6),
        wiring=feedback.layerwise,
        neuron={"tau_teach": 10.0},
    ),
    "axons": lambda: small("trial", STILL["regular"], hidden=(8, 6), wiring=feedback.indirect),
    "delays": lambda: hypotheses.delayed_feedback(small("trial", STILL["regular"]), delay=25.0),
    "alif": lambda: _with(ALIF("hidden_0", 8, refractory=4.0, adaptation=0.3)),
    "conductances": lambda: _with(ConductanceLIF("hidden_0", 8, rise=0.1, tau_x=20.0)),
    "own": lambda: _with(own()),
    "e_prop": lambda: _traced(),
}


def _traced() -> Network:
    net = Network(seed=2, trial=40.0)
    x = net.add(Stimulus("stimulus", 12, STILL["regular"], tau_x=20.0))
    neuron = {"tau_s": 0.0, "tau_x": 20.0, "tau_teach": 0.0}
    h = net.add(ALIF("hidden_0", 8, tau_a=50.0, **neuron))
    y = net.add(LIF("output", 3, bias=1.5, gain="1", **neuron))
    rule = rules.e_prop(1e-3, tau=30.0, tau_a=50.0)
    net.connect(x, h, weights=Normal(0.6), rule=rule)
    net.connect(h, h, weights=Normal(0.3), rule=rule)
    net.connect(h, y, weights=Normal(0.6), rule=rules.three_factor(1e-3, "feedback"))
    net.teach(feedback.direct(net.add(Error("error", 6, tau=50.0)), net.forward))
    return net


def shown(net: Network, n: int = 6) -> Block:
    rng = np.random.default_rng(7)
    return Block(rng.random((n, net.stimulus.n_values)), rng.integers(0, net.output.size, n))


def names(net: Network) -> list[str]:
    return [p.name for p in net.populations]


def weights_and_dynamics(net: Network, name: str) -> bool:
    """Say whether a variable is what a network learns: no reset is to touch that."""
    owner, _, variable = name.partition(".")
    rules_of = {p.name: p.rule for p in net.projections}
    traces = rules_of[owner].traces if rules_of.get(owner) else {}
    return owner in rules_of and variable not in traces


@every_device
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_before_a_trial_is_left_when_it_begins(name: str, device: str) -> None:
    """The list of what may be left over is that of the built Brian2 objects."""
    net = NETWORKS[name]()
    options = {"dtype": "float64", "record": names(net)}
    fresh, used = (simulate(net, device, **options) for _ in range(2))
    lasting = {f"{p.name}.{v}" for p in net.populations for v in p.model.lasting}
    state, rng = used.state, np.random.default_rng(5)
    initial = variables.initial_state(used._built)  # type: ignore[attr-defined]
    drawn = {
        f"{p.name}.{k}"
        for p in net.populations
        for k in p.model.initial
        if k not in starting.changing(p)
    }
    left = [k for k in state if not weights_and_dynamics(net, k) and k not in lasting | drawn]
    assert len(left) > 10
    assert {k for k in state if k.endswith("lastspike")} <= {*left, *lasting}
    for k in left:
        # late enough to be refractory at the start, or anything
        junk = (
            rng.uniform(-0.001, 0, state[k].shape)
            if k.endswith("lastspike")
            else (
                rng.random(state[k].shape) < 0.5
                if k.endswith(("not_refractory", "odd"))
                else rng.integers(0, 3, state[k].shape).astype(float)
            )
        )
        state[k] = junk.astype(initial[k].dtype)
    used.state = state
    one, other = fresh.run(shown(net)), used.run(shown(net))
    assert sum(len(times) for times, _ in one.spikes.values()) > 50
    for population in one.spikes:
        for a, b in zip(one.spikes[population], other.spikes[population], strict=True):
            np.testing.assert_array_equal(a, b, err_msg=population)


@every_device
def test_decisions_do_not_depend_on_the_order_of_samples(device: str) -> None:
    data = datasets.load("digits").subset(10, 60)
    net = Network(seed=0, trial=100.0)
    x = net.add(Stimulus("stimulus", data.n_inputs, Regular(100.0, total=30, free_running=False)))
    h = net.add(LIF("hidden", 40, leak=False, v_start=0.5, refractory=5.0))
    y = net.add(LIF("output", 10, leak=False, v_start=0.5, bias=1.2, refractory=5.0))
    net.connect(x, h, weights=Normal(0.2))
    net.connect(h, y, weights=Normal(0.5))
    simulator = simulate(net, device)
    values, _ = data.test.block(slice(None))
    counts, backwards = (simulator.run(Block(v)).counts for v in (values, values[::-1]))
    for name, count in counts.items():
        assert count.sum() > 200
        np.testing.assert_array_equal(count, backwards[name][::-1])


def test_what_runs_on_is_said() -> None:
    """Whatever changes and is not named by its model begins anew; only these are named."""
    named = {}
    for kind, population in {
        **{k: Stimulus(k, 2, v) for k, v in every_kind.spiking_encoders().items()},
        "lif": LIF("lif", 2),
        "alif": ALIF("alif", 2),
        "conductances": ConductanceLIF("conductances", 2),
        "error": Error("error", 2),
    }.items():
        if population.model.lasting:
            named[kind] = set(population.model.lasting)
    assert named.pop("conductances") == {"theta"}
    assert all(found <= {"phase", "interval", "lastspike"} for found in named.values())
    for kind in named:
        assert "free_running" in type(every_kind.spiking_encoders()[kind]).__dataclass_fields__


def test_own_neurons_begin_where_they_began() -> None:
    net = _with(own())
    simulator = simulate(net, "runtime", dtype="float64", record=["hidden_0"], traces=["v"])
    first = simulator.state["hidden_0.v"].copy()
    assert np.ptp(first) > 0
    result = simulator.run(Block(np.zeros((3, 12))))
    trials = result.traces["hidden_0.v"]
    np.testing.assert_array_equal(trials[1], trials[0])
    np.testing.assert_array_equal(trials[2], trials[0])
    np.testing.assert_array_equal(simulator.state["hidden_0.b"], 1.5)  # which nothing changes


@pytest.mark.parametrize(
    "reset",
    ["v = 0; x += 1; u += 0.2", "v = 0\nx += 1;u = u + 0.2", "x+=1; v=0; k %= 3; u += 0.1*k"],
)
def test_statements_in_one_line_are_reset_as_in_several(reset: str) -> None:
    model = NeuronModel(
        "dv/dt = (1.5 - v - u)/(20*ms) : 1\nx : 1\nu : 1\nk : 1",
        threshold="v > 1",
        reset=reset,
        initial={"k": 5.0},
    )
    net = Network(trial=100.0, reset=True)
    x = net.add(Stimulus("stimulus", 3, STILL["regular"]))
    h = net.add(Neurons("hidden", 4, model, takes={"drive": "v"}, offers=("x", "v")))
    net.connect(x, h, weights=Zero())
    counts = simulate(net, "runtime").run(Block(np.full((3, 3), 0.5))).counts["hidden"]
    assert counts[0].min() > 0
    np.testing.assert_array_equal(counts, counts[[0, 0, 0]])
