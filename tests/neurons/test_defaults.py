"""Defaults of neuron models and encoders, as their pages say them: all others are neutral."""

from dataclasses import MISSING, fields
from math import inf
from typing import Any

import pytest

from apical import ALIF, LIF, Bias, ConductanceLIF, Error, Rate, RateError, Relay, Stimulus
from apical.neurons.batch_norm import BatchNorm
from apical.neurons.encoding import Escape, Graded, Latency, Poisson, Regular
from apical.neurons.error import RateTarget
from apical.neurons.eye_movements import Gaze
from apical.neurons.reward import Reward

MEMBRANE = {"tau_m": 20.0, "tau_s": 5.0, "leak": True, "reset": "subtract"}
"""Time constants of membrane and synapses [ms], and what a spike does to the membrane."""

HOLDS = {"tau_x": inf, "tau_teach": inf, "stray_kick": 1.0}
"""Traces and dendrites keep what they hear to the end of a trial."""

DEFAULTS: dict[type, dict[str, Any]] = {
    LIF: {**MEMBRANE, **HOLDS, "gain": "int(x > 0)"},
    ALIF: {
        **MEMBRANE,
        **HOLDS,
        "gain": "0.3*clip(1 - abs(v - theta), 0, 1)",
        "tau_a": 2000.0,
        "adaptation": 0.03,
        "adapting": 1.0,
    },
    # Diehl & Cook 2015: -65 mV at rest is 0, the threshold of -52 mV is 1, 0 and -100 mV reverse
    ConductanceLIF: {
        "tau_m": 100.0,
        "tau_excite": 1.0,
        "tau_inhibit": 2.0,
        "e_excite": (0 + 65) / (65 - 52),
        "e_inhibit": (65 - 100) / (65 - 52),
        "refractory": 5.0,
        "tau_x": inf,
    },
    Error: {"target": 100.0, "theta": 1.0, "tau": inf, "whole": 1.0, "frames": 1},
    RateError: {"tau": 5.0, "frames": 1},
    RateTarget: {"tau": 5.0},
    Rate: {"activation": "tanh", "gain": "slope", "tau": 5.0, "components": 1},
    Bias: {"size": 1},
    Reward: {"size": 1},
    Relay: {"theta": 1.0},
    Stimulus: {"tau_x": inf, "frames": 1},
    BatchNorm: {"share": 0.1, "eps": 1e-5},
    Gaze: {"reach": 1},
    Regular: {"rate": 100.0, "free_running": True},
    Poisson: {"rate": 100.0, "free_running": True},
    Escape: {
        "rate": 100.0,
        "gain": 10.0,
        "threshold": 0.63,
        "refractory": 4.0,
        "free_running": True,
    },
    Latency: {"window": 50.0},
    Graded: {"tau": 5.0},
}


@pytest.mark.parametrize("kind", DEFAULTS, ids=lambda kind: kind.__name__)
def test_what_is_not_given_is_published_or_neutral(kind: type) -> None:
    found = {f.name: f.default for f in fields(kind) if f.default is not MISSING}
    expected = dict.fromkeys(found) | DEFAULTS[kind]
    for name, value in found.items():
        if expected[name] is None:
            assert value is None or (value == 0 and isinstance(value, float | bool)), name
        else:
            assert type(value) is type(expected[name]) and value == expected[name], name
