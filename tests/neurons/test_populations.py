"""Populations and encoders: equations, what they take and offer, and what values become."""

import re
from collections.abc import Mapping
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from apical import LIF, Error, NeuronModel, Neurons, Rate, Stimulus
from apical.errors import ParameterError
from apical.network.settling_time import time_constants
from apical.neurons.base import Population
from apical.neurons.batch_norm import BatchNorm
from apical.neurons.encoding import Encoder, Escape, Latency, Poisson, Regular, decisions

INFINITE = float("inf")
POPULATIONS = [
    Stimulus("regular", 3),
    Stimulus("poisson", 3, Poisson(), tau_x=20.0),
    Stimulus("latency", 3, Latency()),
    Stimulus("escape", 3, Escape(), tau_x=20.0, x_floor=0.1),
    LIF("lif", 3),
    LIF("integrator", 3, leak=False, refractory=2.0, reset="rest", v_start=0.5),
    LIF("traces", 3, tau_x=20.0, tau_teach=30.0, gain="exp(-abs(v - 1))"),
    LIF("momentary", 3, tau_teach=0.0),
    LIF("noisy", 3, noise_rate=100.0, noise_kick=0.1, x_floor=0.1),
    Error("error", 4),
    Error("slow_error", 4, tau=50.0, tau_label=10.0),
    Error("published", 4, label_spikes=True, rectified=True),
]
every_population = pytest.mark.parametrize("population", POPULATIONS, ids=lambda p: p.name)


def variables(model: NeuronModel) -> set[str]:
    """Return the variables that the equations of a model define."""
    defined = re.finditer(r"^(?:d(\w+)/dt\s*=|(\w+)\s*[=:])", model.equations, re.MULTILINE)
    return {found[1] or found[2] for found in defined}


@every_population
def test_what_is_taken_and_offered_is_defined(population: Population) -> None:
    defined = variables(population.model)
    assert set(population.signals) <= defined
    assert set(population.inputs.values()) <= defined
    assert set(population.model.initial) <= defined


@every_population
def test_parameters_have_units_and_are_used(population: Population) -> None:
    model = population.model
    text = "\n".join(str(part) for part in vars(model).values() if isinstance(part, str))
    for name, (value, unit) in model.parameters.items():
        assert unit in ("ms", "Hz", "1", "integer")
        assert np.isfinite(value)
        assert re.search(rf"\b{name}\b", text), f"{name} is given and never used"
        assert name not in variables(model)


def test_lif_says_what_it_does() -> None:
    model = LIF("lif", 1, reset="rest", refractory=2.0, v_start=0.25, tau_x=20.0).model
    assert "dv/dt = (I + bias - v)/tau_m : 1 (unless refractory)" in model.equations
    assert model.reset.splitlines() == ["v = 0", "x += 1"]
    assert model.parameters["refractory_time"] == (2.0, "ms")
    assert model.initial["v"] == 0.25
    assert model.method == "exact"
    integrator = LIF("lif", 1, leak=False).model
    assert "dv/dt = (I + bias)/tau_m : 1\n" in integrator.equations
    assert "tau_x" not in integrator.parameters and not integrator.refractory


def test_neurons_of_ones_own() -> None:
    model = NeuronModel("dv/dt = I/(10*ms) : 1\nI : 1", threshold="v > 1", reset="v = 0")
    mine = Neurons("mine", 2, model, takes={"drive": "I"}, offers=("v",))
    assert mine.model is model
    assert (mine.inputs, mine.signals) == ({"drive": "I"}, ("v",))
    assert mine in {mine}


def test_error_neurons_come_in_pairs() -> None:
    assert Error("error", 6).n_classes == 3
    with pytest.raises(ParameterError, match="size must be even, .* size=5"):
        Error("error", 5)


def test_the_largest_error_is_what_a_membrane_holds_of_the_target() -> None:
    """100 Hz for 50 ms are 5 spikes; with a leak of 20 ms the integral of the exponential."""
    assert Error("e", 4).whole_of(50.0) == pytest.approx(5)
    assert Error("e", 4, wait=30.0).whole_of(50.0) == pytest.approx(2)
    leaky = Error("e", 4, tau=20.0, wait=10.0)
    assert leaky.whole_of(50.0) == pytest.approx(2 * (1 - exp(-2)))


@pytest.mark.parametrize("options", [{"levels": 5}, {"threshold": 0.25}])
def test_what_is_a_share_of_the_largest_error_follows_it(options: dict[str, Any]) -> None:
    error = Error("e", 4, whole=5.0, **options)
    assert error.waiting(30.0, 50.0) == Error("e", 4, whole=2.0, wait=30.0, **options)
    forgets = error.forgetting(20.0, 3.0, 50.0)
    assert (forgets.tau, forgets.tau_label) == (20.0, 3.0)
    assert forgets.whole == pytest.approx(2 * (1 - exp(-2.5)))
    assert forgets.forgetting(1.0, 1.0, 50.0) is forgets


def test_an_error_that_is_no_share_keeps_its_unit() -> None:
    assert Error("e", 4).forgetting(20.0, 3.0, 50.0).whole == 1.0
    assert Error("e", 4).overlooking(0.25, 50.0) == Error("e", 4, threshold=0.25, whole=5.0)
    assert Error("e", 4).telling(5, 50.0) == Error("e", 4, levels=5, whole=5.0)


@pytest.mark.parametrize(
    ("options", "spike", "fires_at"),
    [
        ({}, 1.0, 1.0),
        ({"theta": 2.0}, 2.0, 2.0),
        ({"threshold": 0.25, "whole": 8.0}, 1.0, 3.0),  # a dead zone of 2
        ({"levels": 5, "whole": 8.0}, 4.0, 2.0),  # -8, -4, 0, 4, 8, rounded to the nearest
        ({"levels": 5, "whole": 8.0, "rectified": True}, 4.0, 4.0),
        ({"frames": 3}, 1.0, 0.5),
    ],
)
def test_error_neurons_fire_where_a_spike_is_nearest(
    options: dict[str, Any], spike: float, fires_at: float
) -> None:
    error = Error("e", 4, **options)
    assert (error.stands_for, error.fires_at) == (spike, fires_at)
    assert error.push_pull == (0.0 if error.rectified else spike)


def test_levels_of_an_error_are_odd() -> None:
    for levels in (3, 5, 7, 9):
        assert Error("e", 4, levels=levels).levels == levels
    for levels in (4, 6, 10):
        with pytest.raises(ParameterError, match="levels that are odd"):
            Error("e", 4, levels=levels)


def test_heterogeneity_is_added_to_what_there_is() -> None:
    """Of two independent factors of mean 1, 1 + cv**2 multiply."""
    varied = LIF("h", 4, tau_m_cv=0.6, threshold_cv=0.75).varied(0.8, 0.0)
    assert varied.tau_m_cv == pytest.approx(sqrt(1.36 * 1.64 - 1))
    assert varied.threshold_cv == 0.75
    assert LIF("h", 4).varied(0.8, 0.5) == LIF("h", 4, tau_m_cv=0.8, threshold_cv=0.5)


def test_rates_say_what_they_do() -> None:
    tanh, softmax = Rate("h", 3, tau=7.0), Rate("y", 3, "softmax", gain="one")
    assert (tanh.is_softmax, softmax.is_softmax) == (False, True)
    assert (tanh.gain_is_slope, softmax.gain_is_slope) == (True, False)
    assert tanh.is_spiking is False and time_constants(tanh.described) == {"y": 7.0}
    assert tanh.has_apical_dendrite is True and tanh.summing() is tanh
    assert Rate("h", 3, plateau="tanh").summing() == Rate("h", 3)
    assert tanh.firing(0.5) == Rate("h", 3, tau=7.0, noise=0.5)
    noisy = Rate("h", 3, teach_noise=0.3).hearing_noise(0.4, 1.0, 100.0)
    assert noisy.teach_noise == pytest.approx(0.5)  # variances add
    plain = Rate("h", 3).model.parameters
    assert [*plain] == ["tau"] and plain["tau"] == (5.0, "ms")
    assert Rate("h", 3, teach_noise=0.3).model.parameters["teach_noise"] == (0.3, "1")
    assert tanh.inputs == {"drive": "drive", "teach": "teach"}
    normed = Rate("h", 3, norm=BatchNorm()).inputs
    assert normed == {**tanh.inputs, "scale": "scale", "shift": "shift"}


@pytest.mark.parametrize("name", ["Hidden", "2nd", "a b", "", "läyer-1"])
def test_names_are_lower_case_identifiers(name: str) -> None:
    with pytest.raises(ParameterError, match="cannot name a population"):
        LIF(name, 1)


@pytest.mark.parametrize("size", [0, -1, 2.0])
def test_sizes_are_positive_whole_numbers(size: Any) -> None:
    with pytest.raises(ParameterError, match="'lif': size must be one whole number >= 1"):
        LIF("lif", size)


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (LIF, {"tau_m": 0.0}, "tau_m must be one finite number .ms. > 0, got 0.0"),
        (LIF, {"tau_s": -1.0}, "tau_s must be one finite number .ms. >= 0, got -1.0"),
        (LIF, {"tau_x": 0.0}, "tau_x must be one number .ms. > 0, got 0.0"),
        (LIF, {"tau_m": float("nan")}, "tau_m must be one finite number .ms. > 0, got nan"),
        (LIF, {"refractory": -1.0}, "refractory must be one finite number .ms. >= 0"),
        (LIF, {"noise_rate": -1.0}, "noise_rate must be one finite number .Hz. >= 0"),
        (LIF, {"tau_teach": -1.0}, "tau_teach must be one number .ms. >= 0"),
        (LIF, {"reset": "none"}, "reset must be one of 'subtract', 'rest'"),
        (Stimulus, {"tau_x": 0.0}, "tau_x must be one number .ms. > 0, got 0.0"),
        (Error, {"target": 0.0}, "target must be one finite number .Hz. > 0"),
        (Error, {"theta": 0.0}, "theta must be one finite number .dimensionless. > 0"),
        (Error, {"tau": -5.0}, "tau must be one number .ms. > 0"),
        (Error, {"tau_label": -1.0}, "tau_label must be one finite number .ms. >= 0"),
    ],
)
def test_wrong_parameters_are_named(kind: Any, wrong: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=f"{kind.__name__} 'one'.*{message}"):
        kind("one", 2, **wrong)


# Encoders ----------------------------------------------------------------------------------------


def play(
    encoder: Encoder, values: np.ndarray, steps: int, dt: float = 1e-3, rng: Any = None
) -> np.ndarray:
    """Return the spikes, shape (steps, n), of one trial of an encoder's own equations.

    The equations are integrated by Euler's method, statement by statement, in plain numpy.
    """
    model, n = encoder.spikes, len(values)
    rng = rng or np.random.default_rng(0)
    draws = {"uniform": rng.random(n), "exponential": rng.exponential(size=n)}
    drive = encoder.drive(values[None])[0]
    scales = {"ms": 1e-3, "Hz": 1.0, "1": 1.0}
    state: dict[str, Any] = {name: np.zeros(n) for name in variables(NeuronModel(model.equations))}
    state |= {k: draws.get(v, np.full(n, v)) for k, v in model.initial.items()}  # type: ignore
    state |= {name: value * scales[unit] for name, (value, unit) in model.parameters.items()}
    known = {"Hz": 1.0, "t": 0.0, "i": 0, "stimulus": lambda t, i: drive, "log": np.log}
    known |= {"int": lambda x: np.asarray(x, dtype=int), "rand": lambda: rng.random(n)}

    def apply(statements: str, where: np.ndarray) -> None:
        for statement in statements.splitlines():
            name, sign, text = re.match(r"(\w+) ([+-]?)= (.*)", statement).groups()
            value = eval(text, known, state)
            change = {"+": state[name] + value, "-": state[name] - value, "": value}[sign]
            state[name] = np.where(where, change, state[name])

    apply(model.at_trial, np.ones(n, dtype=bool))
    slopes = re.findall(r"d(\w+)/dt = (.*) : 1", model.equations)
    spikes = np.zeros((steps, n), dtype=bool)
    for step in range(steps):
        for name, slope in slopes:
            state[name] = state[name] + dt * eval(slope, known, state)
        spikes[step] = eval(model.threshold, known, state)
        apply(model.reset, spikes[step])
    return spikes


UNIT = hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1))


@given(UNIT, st.floats(1, 1000), st.integers(1, 200))
def test_regular_counts_are_within_a_spike_of_the_rate(
    values: np.ndarray, rate: float, steps: int
) -> None:
    counts = play(Regular(rate), values, steps).sum(axis=0)
    assert np.all(np.abs(counts - values * rate * steps * 1e-3) < 1 + 1e-9)


def test_regular_trains_have_random_phases() -> None:
    spikes = play(Regular(100.0), np.ones(500), 10)  # one spike each, at any of ten steps
    assert np.all(spikes.sum(axis=0) == 1)
    assert np.all(np.abs(spikes.sum(axis=1) - 50) < 5 * np.sqrt(50))


def test_poisson_counts_have_the_mean_and_the_spread_of_poisson_counts() -> None:
    n, steps = 4000, 500
    for value, rate in ((1.0, 20.0), (0.5, 20.0), (1.0, 100.0)):
        counts = play(Poisson(rate), np.full(n, value), steps).sum(axis=0)
        mean = value * rate * steps * 1e-3
        assert abs(counts.mean() - mean) < 5 * np.sqrt(mean / n)
        assert abs(counts.var() / mean - 1) < 5 * np.sqrt((2 + 1 / mean) / n)


def test_poisson_neurons_are_independent_and_silent_at_zero() -> None:
    counts = play(Poisson(100.0), np.array([0.0, 1.0, 1.0]), 1000).sum(axis=0)
    assert counts[0] == 0
    assert counts[1] != counts[2]


@given(UNIT, st.floats(2, 100))
def test_latency_gives_one_spike_the_sooner_the_larger(values: np.ndarray, window: float) -> None:
    spikes = play(Latency(window), values, 110)
    assert np.array_equal(spikes.sum(axis=0), values > 0)
    shown = values > 0
    times = spikes.argmax(axis=0)[shown] + 1.0  # a step's spike comes at its end
    late = times - (1 - values[shown]) * window
    assert np.all((late > -1e-6) & (late < 1 + 1e-6))


@pytest.mark.parametrize("kind", [Regular, Poisson])
@given(
    values=hnp.arrays(
        np.float64, (3, 5), elements=st.floats(0, 1).filter(lambda v: v in (0, max(v, 1e-6)))
    ),
    rate=st.floats(1, 500),
    total=st.floats(0.1, 100),
)
def test_total_makes_every_stimulus_as_strong(
    kind: Any, values: np.ndarray, rate: float, total: float
) -> None:
    drive = kind(rate, total).drive(values)
    shown = values.sum(axis=1) > 0
    assert drive.sum(axis=1)[shown] == pytest.approx(total * rate)
    assert not drive[~shown].any()
    assert kind(rate).drive(values) == pytest.approx(values * rate)


@pytest.mark.parametrize("kind", [Regular, Poisson])
@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": -1.0}, {"total": -1.0}])
def test_rates_and_totals_are_checked(kind: Any, wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=f"{kind.__name__}: (rate|total) must be one"):
        kind(**wrong)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"refractory": 0.0}])
def test_escape_rates_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="Escape: (rate|refractory) must be one finite number"):
        Escape(**wrong)


def test_escape_rates_grow_exponentially_and_zero_is_silent() -> None:
    drive = Escape(rate=50.0, gain=4.0, threshold=0.5).drive(np.array([[0.0, 0.5, 0.75, 1.0]]))
    assert drive[0] == pytest.approx([0.0, 50.0, 50.0 * np.e, 50.0 * np.e**2])


def test_windows_are_checked() -> None:
    with pytest.raises(ParameterError, match="Latency: window must be one .*> 0, got 0"):
        Latency(0)


def test_the_most_spikes_decide_and_the_first_of_equals() -> None:
    counts = np.array([[0, 3, 1], [2, 2, 0], [0, 0, 0], [0, 1, 1]])
    assert decisions(counts).tolist() == [1, 0, 0, 1]
    assert decisions(counts.tolist()).tolist() == [1, 0, 0, 1]
