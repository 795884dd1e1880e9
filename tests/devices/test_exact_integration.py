"""Equations follow their closed form, whatever the time step; nearly neutral values change nearly
nothing; times that are no whole number of steps are refused."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import small
from scipy.integrate import solve_ivp

from apical import (
    ALIF,
    LIF,
    Block,
    ConductanceLIF,
    Error,
    Given,
    Network,
    NeuronModel,
    Neurons,
    Normal,
    Rate,
    RateError,
    RateTarget,
    Stimulus,
    Zero,
    feedback,
    hypotheses,
    rules,
    simulate,
)
from apical.errors import ParameterError
from apical.hypotheses import HYPOTHESES
from apical.neurons.base import Population
from apical.neurons.encoding import Escape, Graded, Latency, Regular, Replayed
from apical.plasticity.constraints import Levels

pytestmark = pytest.mark.slow

FINE = 1e-10
STEPS = (1.0, 0.5, 0.1)
TRIAL, SPIKE = 40.0, 10.0
"""Length of a trial, and when its stimulus spikes [ms]."""
WEIGHT = 0.4


def answer(
    population: Population, signal: str, dt: float, stimulus: Mapping[str, Any] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the times since the spike of a stimulus [ms], and what a neuron does from then on."""
    net = Network(trial=TRIAL)
    frames = int(TRIAL)
    x = net.add(Stimulus("stimulus", 1, Replayed(), frames=frames, **(stimulus or {})))
    name = population.name
    hears = net.add(LIF("output", 1) if name == "stimulus" else population)
    net.connect(x, hears, weights=Given(np.array([[WEIGHT]])))
    simulator = simulate(net, "runtime", dt=dt, dtype="float64", record=[name], traces=[signal])
    values = np.zeros((1, frames))
    values[0, int(SPIKE)] = 1
    trace = simulator.run(Block(values)).traces[f"{name}.{signal}"][0, :, 0]
    since = np.arange(len(trace)) * dt - SPIKE
    # the spike is delivered at the end of the step in which it happens
    return since[since > -dt / 2], trace[since > -dt / 2]


def alpha(tau_m: float, tau_s: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the postsynaptic potential of a current ``exp(-t/tau_s)``, worked out by hand."""
    if tau_m == tau_s:
        return lambda t: t / tau_m * np.exp(-t / tau_m)
    if tau_m == np.inf:
        return lambda t: tau_s * (1 - np.exp(-t / tau_s))
    share = tau_s / (tau_m - tau_s)
    return lambda t: share * (np.exp(-t / tau_m) - np.exp(-t / tau_s))


POTENTIALS: dict[str, tuple[Population, Callable[[np.ndarray], np.ndarray]]] = {
    "leaky": (LIF("n", 1), alpha(20, 5)),
    "refractory": (LIF("n", 1, refractory=2.0), alpha(20, 5)),
    "perfect": (LIF("n", 1, leak=False), lambda t: alpha(np.inf, 5)(t) / 20),
    "equal_times": (LIF("n", 1, tau_m=5.0), alpha(5, 5)),
    "nearly_equal_times": (LIF("n", 1, tau_m=5.0 + 1e-9), alpha(5, 5)),
    "no_current": (LIF("n", 1, tau_s=0.0), lambda t: np.exp(-t / 20)),
    "biased": (LIF("n", 1, bias=0.3, v_start=0.3), lambda t: alpha(20, 5)(t) + 0.3 / WEIGHT),
    "adaptive": (ALIF("n", 1), alpha(20, 5)),
    "own": (
        Neurons(
            "n",
            1,
            NeuronModel(
                "dv/dt = I/tau_m : 1\ndI/dt = -I/tau_s : 1\nx : 1",
                threshold="v > 1",
                reset="v = 0\nx += 1",
                parameters={"tau_m": (20.0, "ms"), "tau_s": (5.0, "ms")},
            ),
            takes={"drive": "I"},
            offers=("x", "v"),
        ),
        lambda t: alpha(np.inf, 5)(t) / 20,
    ),
}


@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("name", POTENTIALS)
def test_potentials_are_the_closed_form_at_every_time_step(name: str, dt: float) -> None:
    population, closed = POTENTIALS[name]
    since, v = answer(population, "v", dt)
    rtol = 1e-8 if name.startswith("nearly") else FINE
    np.testing.assert_allclose(v, WEIGHT * closed(since), rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("dt", STEPS)
def test_a_constant_current_moves_a_perfect_integrator_by_its_integral(dt: float) -> None:
    since, v = answer(LIF("n", 1, leak=False, bias=0.02), "v", dt)
    moved = 0.02 * (since + SPIKE + dt) / 20  # a step ends so much later than it begins
    known = WEIGHT * alpha(np.inf, 5)(since) / 20 + moved
    np.testing.assert_allclose(v, known, rtol=FINE)


@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("tau", [0.45, 5.0, 200.0])
@pytest.mark.parametrize("kind", ["stimulus", "lif", "conductances"])
def test_traces_decay_exponentially_at_every_time_step(kind: str, tau: float, dt: float) -> None:
    if kind == "stimulus":
        since, x = answer(Stimulus("stimulus", 1), "x", dt, {"tau_x": tau})
    else:
        since, x = (
            answer(LIF("n", 1, tau_s=0.0, leak=False, v_start=0.9, tau_x=tau), "x", dt)
            if kind == "lif"
            else answer(ConductanceLIF("n", 1, tau_excite=tau), "excited", dt)
        )
        x = x / x.max()
    first = np.flatnonzero(x)[0]
    np.testing.assert_allclose(x[first:], np.exp(-(since - since[first])[first:] / tau), rtol=1e-9)


@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("tau", [3.0, 50.0])
def test_dendrites_decay_exponentially_and_relays_pass_on_what_arrived(
    tau: float, dt: float
) -> None:
    """What a relay owes adds up to what its dendrite heard, whatever the time step."""
    net = Network(trial=400.0)
    x = net.add(Stimulus("stimulus", 1, Latency(window=50.0)))
    h = net.add(LIF("hidden", 1, tau_teach=tau, gain="1"))
    y = net.add(LIF("output", 1, tau_teach=tau, gain="1"))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=Zero(), rule=rules.three_factor(0.0))
    e = net.add(Error("error", 2, target=15.0))
    net.teach(feedback.layerwise(e, net.forward, weights=Given(np.ones((1, 1)))))
    (relay,) = (p.name for p in net.populations if type(p).__name__ == "Relay")
    simulator = simulate(
        net,
        "runtime",
        dt=dt,
        dtype="float64",
        record=["output", relay, "error"],
        traces=["teach", "owed"],
    )
    result = simulator.run(Block(np.ones((1, 1)), np.zeros(1, int)))
    teach = result.traces["output.teach"][0, :, 0]
    quiet = np.flatnonzero(np.diff(teach) <= 0)
    np.testing.assert_allclose(teach[quiet + 1], teach[quiet] * np.exp(-dt / tau), rtol=1e-9)
    _, neurons = result.spikes["error"]
    sent = np.sum(neurons == 1) - np.sum(neurons == 0)
    said = np.sum(result.spikes[relay][1] == 1) - np.sum(result.spikes[relay][1] == 0)
    # what was heard lately is not said yet: the part of the dendrite that is still to decay
    left = teach[-1]
    assert abs(sent) >= 4
    owed = result.traces[f"{relay}.owed"][0, -1, 1]
    assert said + owed + left == pytest.approx(sent, rel=1e-9)


def slope_of_error(error: Error) -> Callable[[float, np.ndarray], list[float]]:
    """Return the equations of a positive error neuron that is told its class, by hand."""
    rate, tau = error.target * 1e-3, error.tau

    def slope(t: float, y: np.ndarray) -> list[float]:
        halfway, shown, v = y
        lag = error.tau_label
        told = shown if lag else 1.0
        return [
            (1 - halfway) / lag if lag else 0.0,
            (halfway - shown) / lag if lag else 0.0,
            -rate * told - (v / tau if np.isfinite(tau) else 0.0),
        ]

    return slope


@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tau": 50.0},
        {"tau_label": 10.0},
        {"tau": 10.0, "tau_label": 10.0},
        {"tau": 50.0, "tau_label": 0.3},
    ],
)
def test_error_neurons_follow_their_equations_at_every_time_step(
    options: dict[str, float], dt: float
) -> None:
    net = Network(trial=TRIAL)
    x = net.add(Stimulus("stimulus", 1, Latency()))
    y = net.add(LIF("output", 1))
    net.connect(x, y, weights=Zero(), rule=rules.three_factor(0.0))
    error = net.add(Error("error", 2, target=20.0, rectified=False, **options))
    net.teach(feedback.direct(error, net.forward))
    simulator = simulate(net, "runtime", dt=dt, dtype="float64", record=["error"], traces=["v"])
    v = simulator.run(Block(np.ones((1, 1)), np.zeros(1, int))).traces["error.v"][0, :, 0]
    times = (np.arange(len(v)) + 1) * dt
    known = solve_ivp(
        slope_of_error(error),
        (0, TRIAL),
        np.zeros(3),
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
        method="Radau",
    )
    np.testing.assert_allclose(v, known.y[2], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dt", STEPS)
def test_graded_activity_is_the_closed_form_at_every_time_step(dt: float) -> None:
    net = Network(trial=100.0)
    x = net.add(Stimulus("stimulus", 1, Graded(tau=7.0)))
    y = net.add(Rate("output", 1, activation="linear", tau=4.0))
    net.connect(x, y, weights=Given(np.ones((1, 1))))
    target = net.add(RateTarget("told", 1, tau=6.0))
    net.connect(target, y, weights=Given(np.ones((1, 1))), carries={"teach": "x"})
    simulator = simulate(
        net, "runtime", dt=dt, dtype="float64", record=["stimulus", "told"], traces=["x"]
    )
    traces = simulator.run(Block(np.full((1, 1), 0.5), np.zeros(1, int))).traces
    for name, level, tau in (("stimulus", 0.5, 7.0), ("told", 1.0, 6.0)):
        times = (np.arange(round(100 / dt)) + 1) * dt
        found = traces[f"{name}.x"][0, :, 0]
        np.testing.assert_allclose(found, level * (1 - np.exp(-times / tau)), rtol=FINE)


def test_conductances_err_with_the_square_of_the_time_step() -> None:
    population = ConductanceLIF("n", 1, tau_m=20.0, tau_excite=1.0, e_excite=2.0)

    def slope(t: float, y: np.ndarray) -> list[float]:
        v, g = y
        return [(-v + g * (2.0 - v)) / 20, -g]

    errors = []
    for dt in (1.0, 0.5, 0.25):
        since, v = answer(population, "v", dt)
        known = solve_ivp(slope, (0, since[-1]), [0, WEIGHT], t_eval=since, rtol=1e-10, atol=1e-12)
        errors.append(np.abs(v - known.y[0]).max() / known.y[0].max())
    assert errors[0] < 0.02  # a trace held over the step would be 58 % off
    assert errors[0] / errors[1] > 3
    assert errors[1] / errors[2] > 3


def test_rates_of_perfect_integrators_agree_between_time_steps() -> None:
    found = []
    for dt in STEPS:
        net = Network(trial=1000.0)
        x = net.add(Stimulus("stimulus", 20, Regular(50.0, free_running=False)))
        h = net.add(LIF("hidden", 30, leak=False, bias=0.1))
        net.connect(x, h, weights=Normal(0.1))
        simulator = simulate(net, "runtime", dt=dt, dtype="float64")
        values = np.linspace(0.2, 1, 20)[np.newaxis]
        found.append(simulator.run(Block(values)).counts["hidden"][0])
    assert found[0].mean() > 4
    for counts in found[1:]:
        assert np.abs(counts - found[0]).max() <= 1
        assert abs(counts.mean() / found[0].mean() - 1) < 0.02


# ---- what is nearly neutral changes nearly nothing -----------------------------------------------

TINY = 1e-9


def spiking(when: str = "trial", **options: Any) -> Network:
    return small(when, Regular(200.0), eta=1e-3, **options)


def graded() -> Network:
    net = Network(seed=1, trial=200.0)
    x = net.add(Stimulus("stimulus", 6, Graded()))
    h = net.add(Rate("hidden", 5))
    y = net.add(Rate("output", 3, activation="logistic", gain="one"))
    e = net.add(RateError("error", 3))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=Normal(0.3), rule=rules.three_factor(0.05))
    net.teach(feedback.layerwise(e, net.forward))
    return net


def outcome(net: Network, device: str = "runtime") -> dict[str, np.ndarray]:
    """Return what a network does and learns in a few trials."""
    options = {} if device == "array" else {"dt": 1.0}
    names = [p.name for p in net.populations if p.name in ("hidden", "hidden_0", "output")]
    simulator = simulate(net, device, dtype="float64", record=names, **options)
    rng = np.random.default_rng(3)
    n = net.stimulus.size
    block = Block(rng.random((4, n)), rng.integers(0, net.output.size, 4), 1.0)
    result = simulator.run(block)
    weights = {p.name: simulator.weights(p) for p in net.projections}
    return {**{f"counts {k}": v for k, v in result.counts.items()}, **weights}


def assert_near(one: Network, other: Network, device: str = "runtime") -> None:
    found, known = outcome(one, device), outcome(other, device)
    assert any(np.any(known[name]) for name in known if name.startswith("counts"))
    for name in found.keys() & known.keys():
        np.testing.assert_allclose(found[name], known[name], atol=1e-5, err_msg=name)


NEARLY: dict[str, tuple[dict[str, Any], Callable[[], Network], str]] = {
    "class_incremental": ({"tasks": 1}, spiking, "runtime"),
    "dale": ({}, spiking, ""),  # has no neutral value: signs are held, or they are not
    "delayed_feedback": ({"delay": 0.0}, spiking, "runtime"),  # whole steps: nothing is nearly none
    "delayed_label": ({"delay": 0.0}, lambda: spiking("feedback"), "runtime"),  # whole steps
    "failing_synapses": ({"release": 1 - TINY}, spiking, "runtime"),
    "heterogeneity": ({"membrane": TINY, "threshold": TINY}, spiking, "runtime"),
    "kolen_pollack": ({"decay": TINY}, graded, ""),  # feedback learns, however slowly it forgets
    "lost_error_neurons": ({"share": TINY}, spiking, "runtime"),
    "missing_synapses": ({"share": TINY}, spiking, "runtime"),
    "noisy_feedback": ({"std": TINY}, spiking, "runtime"),
    "online": ({}, spiking, ""),  # has no neutral value
    "partial_feedback": ({"share": 1 - TINY}, spiking, "runtime"),
    "quantised_error": ({"levels": 2**24 - 1}, graded, "array"),
    "redrawn_feedback": ({"every": 10**9}, spiking, "runtime"),
    "shared_weights": ({}, graded, ""),  # has no neutral value: weights are shared, or not
    "sign_concordant": ({}, graded, ""),  # has no neutral value
    "sign_only": ({}, graded, ""),  # has no neutral value
    "sparse_feedback": ({"wires": 3}, spiking, "runtime"),
    "thresholded_error": ({"threshold": TINY}, spiking, "runtime"),
    "unsigned_error": ({"keeps": None}, spiking, "runtime"),  # nothing is nearly a sign
    "weight_mirror": ({"rate": TINY, "trials": 1, "every": 100}, graded, "array"),
    "weights_of_bits": ({"bits": 24, "largest": 4.0}, spiking, "runtime"),
}


def test_every_hypothesis_has_a_nearly_neutral_value_or_a_reason() -> None:
    assert NEARLY.keys() == HYPOTHESES.keys()


@pytest.mark.parametrize("name", [name for name, (*_, device) in NEARLY.items() if device])
def test_nearly_neutral_hypotheses_change_nearly_nothing(name: str) -> None:
    options, made, device = NEARLY[name]
    assert_near(HYPOTHESES[name].apply(made(), **options), made(), device)


def altered(**changes: Any) -> Callable[[Network], Network]:
    """Return what changes parameters of every population that has them all."""

    def change(network: Network) -> Network:
        def own(population: Population) -> Population:
            has = set(changes) <= set(type(population).__dataclass_fields__)
            return replace(population, **changes) if has else population

        return network.altered(population=own)

    return change


def joined(**changes: Any) -> Callable[[Network], Network]:
    return lambda net: net.altered(
        projection=lambda p: replace(p, **changes) if p in net.forward or p.rule else p
    )


OPTIONS: dict[str, tuple[Callable[[], Network], Callable[[Network], Network]]] = {
    "tau_m_cv": (spiking, altered(tau_m_cv=1e-6)),
    "tau_m_cv_leaky": (lambda: spiking(neuron={"leak": True}), altered(tau_m_cv=TINY)),
    "threshold_cv": (spiking, altered(threshold_cv=TINY)),
    "noise": (spiking, altered(noise_rate=TINY, noise_kick=1.0)),
    "noise_kick": (spiking, altered(noise_rate=100.0, noise_kick=TINY)),
    "stray": (spiking, altered(stray_rate=TINY)),
    "tau_x": (spiking, altered(tau_x=1e12)),
    "tau_teach": (spiking, altered(tau_teach=1e12)),
    "x_floor": (lambda: spiking("feedback"), altered(x_floor=TINY)),
    "tau_s": (lambda: spiking(neuron={"tau_m": 5.0, "leak": True}), altered(tau_s=5.0 + 1e-8)),
    "error_forgets": (spiking, altered(tau=1e12, tau_label=0.0)),
    "label_delayed": (
        lambda: spiking("feedback", error={"tau_label": 0.0}),
        altered(tau_label=1e-3),
    ),
    "error_threshold": (spiking, altered(threshold=TINY, tau_label=0.0)),
    "release": (spiking, joined(release=1 - TINY)),
    "missing": (spiking, joined(missing=TINY)),
    "levels": (spiking, joined(levels=Levels(24, 4.0))),
    "bounds": (spiking, joined(bounds=(-1e9, 1e9))),
    "unreliable": (graded, altered(unreliable=TINY)),
    "teach_noise": (graded, altered(teach_noise=TINY)),
    "unreliable_stimulus": (
        spiking,
        lambda net: net.altered(
            population=lambda p: (
                replace(p, encoder=replace(p.encoder, unreliable=TINY))
                if isinstance(p, Stimulus)
                else p
            )
        ),
    ),
    "settle": (spiking, lambda net: net.altered(settle=0.0)),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_nearly_neutral_options_change_nearly_nothing(name: str) -> None:
    made, change = OPTIONS[name]
    assert_near(change(made()), made())


@pytest.mark.parametrize("adaptation", [0.0, TINY])
def test_neurons_that_hardly_adapt_are_those_that_do_not(adaptation: float) -> None:
    def adaptive(net: Network) -> Network:
        return net.altered(
            population=lambda p: (
                ALIF(**{**vars(p), "adaptation": adaptation}) if isinstance(p, LIF) else p
            )
        )

    assert_near(adaptive(spiking()), spiking())


def test_weights_that_hardly_decay_are_those_that_do_not() -> None:
    decays = rules.three_factor(1e-3, decay=TINY)
    assert_near(
        spiking().altered(projection=lambda p: replace(p, rule=decays) if p.rule else p), spiking()
    )


# ---- times are whole numbers of steps ------------------------------------------------------------


def with_rule(onset: float) -> Network:
    return small("spike", onset=onset)


TIMES: dict[str, Callable[[float], Network]] = {
    "refractory": lambda t: small(neuron={"refractory": t}),
    "escape": lambda t: small(encoder=Escape(refractory=t)),
    "conductances": lambda t: _one(ConductanceLIF("hidden", 2, refractory=t)),
    "own": lambda t: _one(_own(f"{t}*ms")),
    "own_parameter": lambda t: _one(_own("rest", {"rest": (t, "ms")})),
    "delay": lambda t: hypotheses.delayed_feedback(small(), delay=t),
    "settle": lambda t: small().altered(settle=t),
    "onset": with_rule,
    "wait": lambda t: small(error={"wait": t}),
    "trial": lambda t: small().altered(trial=20 + t),
    "frames": lambda t: _frames(20 * t),
}


def _own(refractory: str, parameters: Mapping[str, tuple[float, str]] | None = None) -> Neurons:
    model = NeuronModel(
        "dv/dt = -v/(20*ms) : 1 (unless refractory)\nx : 1",
        threshold="v > 1",
        reset="v = 0",
        refractory=refractory,
        parameters=parameters or {},
    )
    return Neurons("hidden", 2, model, takes={"drive": "v"})


def _one(population: Population) -> Network:
    net = Network(trial=40.0)
    x = net.add(Stimulus("stimulus", 3, Regular(100.0)))
    net.connect(x, net.add(population))
    return net


def _frames(trial: float) -> Network:
    net = Network(trial=trial)
    x = net.add(Stimulus("stimulus", 3, Regular(100.0), frames=20))
    net.connect(x, net.add(LIF("hidden", 2)))
    return net


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize(
    ("time", "dt", "nearest"),
    [
        (2.9, 1.0, ("2", "3")),
        (1.5, 1.0, ("1", "2")),
        (2.5, 1.0, ("2", "3")),
        (1.04, 0.1, ("1", "1.1")),
    ],
)
def test_times_between_steps_are_refused_with_the_two_nearest(
    name: str, time: float, dt: float, nearest: tuple[str, str]
) -> None:
    with pytest.raises(ParameterError, match=r"multiple of the time step") as caught:
        simulate(TIMES[name](time), "runtime", dt=dt)
    if name not in ("trial", "frames"):
        assert f"the nearest are {nearest[0]} and {nearest[1]} ms" in str(caught.value)
    assert caught.value.parameter or name == "trial"


@pytest.mark.parametrize("name", TIMES)
def test_times_that_are_steps_but_for_rounding_are_taken(name: str) -> None:
    for time, dt in ((0.3, 0.1), (2.0 + 1e-8, 1.0), (1.1, 0.1)):
        simulate(TIMES[name](time), "runtime", dt=dt)


def test_a_refractory_period_lasts_as_many_steps_as_it_says() -> None:
    for rest in (1.0, 2.0, 3.0, 10.0):
        net = Network(trial=200.0)
        x = net.add(Stimulus("stimulus", 1, Regular(100.0)))
        h = net.add(LIF("hidden", 1, leak=False, bias=1000.0, refractory=rest, reset="rest"))
        net.connect(x, h, weights=Zero())
        simulator = simulate(net, "runtime", dtype="float64", record=["hidden"])
        times, _ = simulator.run(Block(np.zeros((1, 1)))).spikes["hidden"]
        assert set(np.rint(np.diff(times)).astype(int)) == {int(rest)}


def test_equations_that_are_not_linear_are_told_another_method() -> None:
    model = NeuronModel("dv/dt = -v**3/(20*ms) : 1\nx : 1", threshold="v > 1", reset="v = 0")
    simulator = simulate(_one(Neurons("hidden", 2, model, takes={"drive": "v"})), "runtime")
    with pytest.raises(ParameterError, match=r"Neurons 'hidden': .*method='euler'\)"):
        simulator.run(Block(np.zeros((1, 3))))


def test_equations_that_have_no_closed_form_are_left_to_brian2() -> None:
    """Not linear; coefficients that change; held neurons that drive others."""
    for equations in (
        "dv/dt = -v**3/(20*ms) : 1\nx : 1",
        "dv/dt = -v*g/(20*ms) : 1\ng : 1\nx : 1",
        "dv/dt = (I - v)/(20*ms) : 1 (unless refractory)\ndI/dt = -v/(5*ms) : 1\nx : 1",
    ):
        method = "exponential_euler" if "**" not in equations else "euler"
        model = NeuronModel(
            equations,
            threshold="v > 1",
            reset="v = 0",
            refractory="2*ms",
            method=method,
            initial={"v": 0.5},
        )
        net = _one(Neurons("hidden", 2, model, takes={"drive": "v"}))
        assert simulate(net, "runtime").run(Block(np.zeros((1, 3)))).counts["hidden"].shape


@pytest.mark.parametrize(
    ("written", "parameters", "lines", "initial"),
    [
        ("2900*us", {}, "", {}),
        ("(2*ms + 0.9*ms)", {}, "", {}),
        ("2*rest", {"rest": (1.45, "ms")}, "", {}),
        ("rest", {}, "\nrest = 2.9*ms : second", {}),
        ("rest", {}, "\nrest : second", {"rest": 0.0029}),
        ("2.9*ms*stretch", {}, "\nstretch : 1", {"stretch": "uniform"}),
    ],
)
def test_refractory_periods_are_whole_steps_however_they_are_written(
    written: str, parameters: Any, lines: str, initial: Any
) -> None:
    model = NeuronModel(
        "dv/dt = -v/(20*ms) : 1 (unless refractory)\nx : 1" + lines,
        threshold="v > 1",
        reset="v = 0",
        refractory=written,
        parameters=parameters,
        initial=initial,
    )
    net = _one(Neurons("hidden", 2, model, takes={"drive": "v"}))
    with pytest.raises(ParameterError, match=r"refractory period.*multiple of the time step"):
        simulate(net, "runtime", dt=1.0)
    if "uniform" not in initial.values():
        simulate(net, "runtime", dt=0.1)


def test_a_refractory_period_that_is_set_is_whole_steps_too() -> None:
    simulator = simulate(small(neuron={"refractory": 2.0}), "runtime")
    block = Block(np.ones((1, 12)))
    simulator.run(block)
    simulator.brian["hidden_0"].refractory_time_ = 3e-3
    simulator.run(block)
    simulator.brian["hidden_0"].refractory_time_ = 2.9e-3
    with pytest.raises(ParameterError, match="2.9"):
        simulator.run(block)


@pytest.mark.parametrize("initial", [{"tau": 0.005}, {}])
def test_equal_time_constants_of_neurons_follow_the_closed_form(initial: Any) -> None:
    """Each neuron has its own, given as a number or set before the first block."""
    model = NeuronModel(
        "dv/dt = (I - v)/tau : 1\ndI/dt = -I/(5*ms) : 1\nx : 1\ntau : second (constant)",
        threshold="v > 1",
        reset="v = 0",
        initial=initial,
    )
    net = Network(trial=TRIAL)
    x = net.add(Stimulus("stimulus", 1, Replayed(), frames=int(TRIAL)))
    h = net.add(Neurons("n", 2, model, takes={"drive": "I"}, offers=("x", "v")))
    net.connect(x, h, weights=Given(np.full((1, 2), WEIGHT)))
    simulator = simulate(net, "runtime", dt=1.0, dtype="float64", record=["n"], traces=["v"])
    simulator.brian["n"].tau_[1] = 0.020
    if not initial:
        simulator.brian["n"].tau_[0] = 0.005
    values = np.zeros((1, int(TRIAL)))
    values[0, int(SPIKE)] = 1
    v = simulator.run(Block(values)).traces["n.v"][0, int(SPIKE) :]
    since = np.arange(len(v)) * 1.0
    for neuron, tau in enumerate((5.0, 20.0)):
        np.testing.assert_allclose(
            v[:, neuron], WEIGHT * alpha(tau, 5)(since), rtol=FINE, atol=1e-12
        )


def test_time_constants_that_are_set_to_0_are_refused() -> None:
    simulator = simulate(small(neuron={"leak": True}), "runtime")
    simulator.brian["hidden_0"].tau_m_ = 0
    with pytest.raises(ParameterError, match="tau_m"):
        simulator.run(Block(np.ones((1, 12))))
