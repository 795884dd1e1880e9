"""Equations of neuron models, whole, as options make them."""

from typing import Any

import pytest

from apical import ALIF, LIF, ConductanceLIF, Error, Rate, RateError, Relay, Stimulus
from apical.language.activations import Activation
from apical.neurons.base import NeuronModel, Population
from apical.neurons.encoding import Graded, Regular

EVERYTHING: dict[str, Any] = {
    "noise_rate": 50.0,
    "noise_kick": 0.1,
    "refractory": 2.0,
    "tau_x": 20.0,
    "x_floor": 0.01,
    "tau_teach": 0.0,
    "stray_rate": 3.0,
    "tau_m_cv": 0.1,
    "threshold_cv": 0.2,
}


def of(population: Population) -> NeuronModel:
    return population.model


def test_lif_with_every_option() -> None:
    model = of(LIF("h", 4, **EVERYTHING))
    assert model.equations.splitlines() == [
        "dv/dt = (I + bias + noise - v)/(stretch*tau_m) : 1 (unless refractory)",
        "dI/dt = -I/tau_s : 1",
        "dx/dt = -x/tau_x : 1",
        "teach : 1",
        "gain = int(x > 0) : 1",
        "delta = gain*teach : 1",
        "noise : 1",
        "stretch : 1",
        "height : 1",
    ]
    assert (model.threshold, model.reset) == ("v > height", "v -= height\nx += 1")
    assert model.refractory == "refractory_time"
    assert model.at_step.splitlines() == [
        "x = x*int(x > x_floor)",
        "teach = 0",
        "noise = noise_kick*poisson(noise_rate*dt)*(stretch*tau_m)/dt",
        "teach += stray_kick*poisson(stray_rate*dt)",
        "teach -= stray_kick*poisson(stray_rate*dt)",
    ]
    assert [*model.initial] == ["v", "stretch", "height"]


def test_lif_with_no_option() -> None:
    model = of(LIF("h", 4, tau_s=0.0, leak=False, reset="rest", gain="1"))
    assert model.equations.splitlines() == [
        "dv/dt = (bias)/tau_m : 1",
        "x : 1",
        "teach : 1",
        "gain = 1 : 1",
        "delta = gain*teach : 1",
    ]
    assert (model.threshold, model.reset) == ("v > 1", "v = 0\nx += 1")
    assert model.at_step == model.refractory == ""
    assert [*model.parameters] == ["tau_m", "bias"]


@pytest.mark.parametrize("options", [{}, EVERYTHING, {"reset": "rest", "tau_s": 0.0}])
def test_alif_is_lif_with_a_threshold_that_adapts(options: dict[str, Any]) -> None:
    plain, adaptive = of(LIF("h", 4, gain="1", **options)), of(ALIF("h", 4, gain="1", **options))
    height = "height" if options.get("threshold_cv") else "1"
    assert adaptive.equations.splitlines() == [
        *plain.equations.splitlines(),
        "da/dt = -a/tau_a : 1",
        "beta = adaptation*int(i >= steady) : 1",
        f"theta = {height} + beta*a : 1",
    ]
    assert (adaptive.threshold, adaptive.reset) == ("v > theta", f"{plain.reset}\na += 1")
    assert (adaptive.refractory, adaptive.at_step) == (plain.refractory, plain.at_step)
    assert adaptive.initial == plain.initial
    assert plain.parameters.items() < adaptive.parameters.items()


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({}, "dv/dt = -target*shown : 1"),
        ({"tau": 20.0}, "dv/dt = -target*shown + -v/tau : 1"),
        ({"label_spikes": True}, "v : 1"),
        ({"label_spikes": True, "tau": 20.0}, "dv/dt = -v/tau : 1"),
        ({"frames": 4}, "v : 1"),
    ],
)
def test_membrane_of_error_neurons(options: dict[str, Any], first: str) -> None:
    assert of(Error("e", 6, **options)).equations.splitlines()[0] == first


def test_error_neurons_with_late_labels_that_spike() -> None:
    model = of(Error("e", 6, tau_label=5.0, label_spikes=True, wait=10.0, rectified=True))
    assert model.equations.splitlines()[3:] == [
        "given : 1",
        "dshown/dt = (halfway - shown)/tau_label : 1",
        "dhalfway/dt = (given - halfway)/tau_label : 1",
        "due : 1",
        "waited : second",
        "phase : 1",
    ]
    assert model.at_trial == "due = side*label(t, i % half)\nwaited = 0*second"
    assert model.at_step.splitlines() == [
        "waited += dt",
        "given = due*int(waited > wait + 0.5*dt)",
        "v = v*int(waited > wait + 0.5*dt)",
        "phase += target*side*shown*dt",
        "v -= side*int(phase >= 1)",
        "phase -= int(phase >= 1)",
        "v = v*int(v > 0)",
    ]


def test_rates_with_every_option() -> None:
    model = of(Rate("h", 4, "relu", unreliable=0.2, teach_noise=0.1, plateau="tanh", nudge=0.5))
    assert model.equations.splitlines() == [
        "dy/dt = (drive*int(drive > 0) - y)/tau : 1",
        "awake : 1",
        "x = awake*y : 1",
        "stray : 1",
        "teach = (tanh(arrives)) - (tanh(arrived)) + stray : 1",
        "nudged = x + 0.5*teach : 1",
        "gain = awake*(int(drive > 0)) : 1",
        "delta = gain*teach : 1",
    ]
    assert model.at_trial.splitlines()[1] == "stray = teach_noise*randn()*int(learning(t) > 0)"


def test_rates_whose_activation_has_no_slope_have_no_gain() -> None:
    flat = Rate("h", 4, Activation("square", "drive*drive"))
    assert of(flat).equations == "dy/dt = (drive*drive - y)/tau : 1\nx = y : 1"
    assert "gain" not in flat.signals


def test_others_as_they_are_written() -> None:
    assert of(RateError("e", 3, threshold=0.1, keeps="square")).equations.splitlines() == [
        "dy/dt = (shown - drive - y)/tau : 1",
        "shown : 1",
        "x = sign(y)*(abs(y) - threshold)*int(abs(y) > threshold) : 1",
        "told = x*x/2 : 1",
    ]
    assert of(ConductanceLIF("h", 3, tau_x=20.0)).equations.splitlines() == [
        "dv/dt = (-v + excited*exprel(-dt/tau_excite)*(e_excite - v) + "
        "inhibited*exprel(-dt/tau_inhibit)*(e_inhibit - v))/tau_m : 1 (unless refractory)",
        "dexcited/dt = -excited/tau_excite : 1",
        "dinhibited/dt = -inhibited/tau_inhibit : 1",
        "dx/dt = -x/tau_x : 1",
        "theta : 1",
    ]
    adapts = of(ConductanceLIF("h", 3, rise=0.1, fades=0.01))
    assert (adapts.threshold, adapts.lasting) == ("v > 1 + theta", ("theta",))
    assert adapts.reset == "v = v_reset\nx += 1\ntheta += rise*int(learning(t) > 0)"
    assert adapts.at_trial == "theta = theta*(1 - fades*int(learning(t) > 0))"
    held, forgets = (of(Relay("r", 4, of=LIF("h", 2, tau_teach=tau))) for tau in (float("inf"), 5))
    assert held.at_step.splitlines()[1:] == ["owed -= side*(heard - held)", "held = heard"]
    assert forgets.at_step.splitlines()[1:] == [
        "owed -= side*(heard*(1 - exp(-dt/tau_heard)))",
    ]


def test_stimuli_add_a_trace_to_what_spikes() -> None:
    model = of(Stimulus("s", 3, Regular(unreliable=0.5), tau_x=20.0, x_floor=0.1, frames=2))
    assert model.equations == "dphase/dt = rate : 1\nrate : Hz\ndx/dt = -x/tau_x : 1"
    assert (model.reset, model.at_trial) == ("phase -= 1\nx += 1", "")
    assert model.at_frame.startswith("rate = stimulus(t, i)*(1 + int(learning(t) > 0)")
    graded = of(Stimulus("s", 3, Graded()))
    assert graded.equations == "dx/dt = (shown - x)/tau : 1\nshown : 1"
    assert graded.at_step == graded.reset == ""
