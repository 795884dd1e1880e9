"""One small network for every wiring, population, encoder and rule: what programs are made of.

What there is of each kind is read from the registries; a function reads them anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import combinations, product
from typing import Any

import rate_networks

from apical import (
    ALIF,
    LIF,
    ConductanceLIF,
    Error,
    LearningRule,
    Network,
    NeuronModel,
    Neurons,
    Normal,
    Stimulus,
    Uniform,
    dynamics,
    feedback,
    rules,
    superspike,
)
from apical.errors import ApicalError
from apical.feedback import WIRINGS
from apical.feedback.pathways import FeedbackPathway
from apical.language.activations import ACTIVATIONS
from apical.neurons.base import POPULATIONS, Population
from apical.neurons.encoding import ENCODERS, Encoder, Escape, Latency, Poisson, Regular
from apical.plasticity.constraints import Levels

Case = tuple[str, ...]


def _partial(error: Any, forward: Sequence[Any]) -> FeedbackPathway:
    """Half of each hidden population hears the error, the other half hears that one."""
    hidden = [projection.post for projection in forward[:-1]]
    return feedback.indirect(error, forward, hears=dict.fromkeys(hidden, 0.5))


def spiking_wirings() -> dict[str, Callable[..., FeedbackPathway] | None]:
    """Return every registered wiring of spiking networks by name, and two more: none, partial."""
    known = {name: wiring for name, wiring in WIRINGS.items() if wiring.spikes}
    return {"none": None, **known, "partial": _partial}


OWN = NeuronModel(
    "dv/dt = -v/tau : 1\nx : 1\nteach : 1\ngain = int(x > 0) : 1\ndelta = gain*teach : 1",
    threshold="v > 1",
    reset="v -= 1\nx += 1",
    at_reset="v = 0\nx = 0\nteach = 0",
    parameters={"tau": (20.0, "ms")},
)
MADE: Mapping[str, Callable[..., Population]] = {
    # as an integrator, for which no exact solution takes seconds to be found
    "ALIF": partial(ALIF, leak=False),
    "Neurons": lambda name, size: Neurons(
        name, size, OWN, {"drive": "v", "teach": "teach"}, ("x", "gain", "teach", "delta", "v")
    ),
    "ConductanceLIF": partial(ConductanceLIF, rise=0.1, fades=0.1),
}
"""How some populations are made; all others by a name and a size."""


def spiking_populations() -> dict[str, Callable[..., Population]]:
    """Return every registered population of spiking neurons that are driven, by name."""
    found = {}
    for name, cls in POPULATIONS.items():
        made = MADE.get(name, cls)
        sample = made("units", 2) if cls.role == "neurons" else None
        if sample is not None and sample.is_spiking and "drive" in sample.inputs:
            found[name] = made
    return found


SET: Mapping[str, Encoder] = {
    "regular": Regular(200.0),
    "poisson": Poisson(200.0),
    "escape": Escape(100.0, gain=2.0, threshold=0.5),
    "latency": Latency(20.0),
}
"""Encoders whose defaults are too slow for trials of 40 ms."""


def spiking_encoders() -> dict[str, Encoder]:
    """Return every registered encoder that spikes, by name, and one that is unreliable."""
    found = {name: SET.get(name) or cls() for name, cls in ENCODERS.items()}
    spiking = {name: encoder for name, encoder in found.items() if encoder.spikes.threshold}
    return {**spiking, "unreliable": Regular(200.0, total=3.0, unreliable=0.2)}


_HELD = {"tau_x": 20.0, "tau_teach": 0.0}
RULES: Mapping[str, tuple[Callable[[str], LearningRule], Mapping[str, Any]]] = {
    "trial": (lambda _: rules.three_factor(0.1), {}),
    "feedback": (lambda _: rules.three_factor(0.1, "feedback"), _HELD),
    "spikes": (lambda _: rules.three_factor_at_spikes(0.1, onset=5.0), {"tau_teach": 20.0}),
    "stdp": (lambda _: rules.stdp(0.1), {"tau_x": 20.0}),
    "e_prop": (
        lambda kind: rules.e_prop(0.1, tau_a=50.0 if kind == "ALIF" else None),
        {**_HELD, "tau_s": 0.0},
    ),
    "superspike": (
        lambda _: superspike.rule(dynamics=dynamics.leaky_maximum()),
        {"tau_teach": 5.0, "gain": superspike.slope()},
    ),
}
"""For each the rule, by the population that learns, and what it asks of neurons that have it."""


ALONE = ("stdp",)
"""Rules that learn without feedback."""


def _possible(wiring: str, population: str, rule: str) -> bool:
    """Say whether there is such a network: some hear no feedback, or cannot be relayed."""
    if wiring == "none" and rule not in ALONE:
        return False
    try:
        spiking(wiring, population, "regular", rule)
    except ApicalError:
        return False
    return True


def spiking_cases() -> list[Case]:
    """Return every network of spiking neurons, as ``(wiring, population, encoder, rule)``."""
    ways, kinds = spiking_wirings(), spiking_populations()
    possible = [case for case in product(ways, kinds, RULES) if _possible(*case)]
    return [
        (wiring, population, encoder, rule)
        for wiring, population, rule in possible
        for encoder in spiking_encoders()
    ]


def _taken(population: Callable[..., Population], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a population has."""
    known = {f.name for f in fields(population("units", 2))}
    return {name: value for name, value in options.items() if name in known}


def spiking(wiring: str, population: str, encoder: str, rule: str) -> Network:
    """Describe stimulus 5 -> hidden 4 -> hidden 4 -> output 3, all of which learn."""
    net = Network(seed=0, trial=40.0)
    learn, neuron = RULES[rule]
    kinds_of = spiking_populations()
    frames = 40 if encoder == "replayed" else 1
    trace = {"tau_x": neuron["tau_x"]} if "tau_x" in neuron else {}
    shown = spiking_encoders()[encoder]
    last: Any = net.add(Stimulus("stimulus", 5, shown, frames=frames, **trace))
    bounds = (0.0, 1.0) if rule == "stdp" else None
    weights = Normal(1.0) if bounds is None else Uniform(0.6, positive=True)
    kinds = [population, population, population if wiring == "none" else "LIF"]
    for name, size, kind in zip(("hidden_0", "hidden_1", "output"), (4, 4, 3), kinds, strict=True):
        made = kinds_of[kind]
        post = net.add(made(name, size, **_taken(made, neuron)))
        net.connect(last, post, weights=weights, rule=learn(kind), bounds=bounds)
        last = post
    way = spiking_wirings()[wiring]
    if way is not None:
        net.teach(way(net.add(Error("error", 6)), net.forward))
    return net


SPIKING = spiking_cases()


def rate_wirings() -> dict[str, Callable[..., FeedbackPathway]]:
    """Return every registered wiring that needs no weight transport by name, and a partial one."""
    known = {name: wiring for name, wiring in WIRINGS.items() if wiring.local}
    return {**known, "partial": _partial}


KEEPING = LearningRule(
    "keeping",
    "eta*mean - pull*(w - w0)",
    {"eta": 0.1, "share": 0.5, "pull": 0.02},
    state={"mean": 0.0, "w0": "w"},
    steps=(("mean", "(1 - share)*mean + share*x_pre*gain_post*teach_post"),),
)
"""A rule whose synapses keep their initial weight, and a running mean of its products."""

RATE_RULES: Mapping[str, LearningRule] = {
    "plain": rules.three_factor(0.1),
    "decay": rules.three_factor(0.1, decay=0.05),
    "own": LearningRule("own", "eta*x_pre*delta_post - eta*0.01*w", {"eta": 0.1}),
    "keeping": KEEPING,
    **{
        name: rules.three_factor(1.0, dynamics=change)
        for name, change in {
            "momentum": dynamics.momentum(),
            "nesterov": dynamics.nesterov(rising=5.0),
            "rmsprop": dynamics.rmsprop(),
            "adam": dynamics.adam(),
            "go_up": dynamics.go_up(0.1, 0.1),
            "clipped": dynamics.clipped(0.1, dynamics.leaky_maximum()),
        }.items()
    },
}

RATES = list(product(rate_wirings(), ACTIVATIONS, RATE_RULES))
"""Every network of rates, as ``(wiring, activation, rule)``."""


def rates(wiring: str, activation: str, rule: str) -> Network:
    """Describe stimulus 6 -> hidden 5 -> hidden 4 -> output 3, with biases."""
    return rate_networks.rates(
        rate_wirings()[wiring],
        activation=activation,
        rule=RATE_RULES[rule],
        unreliable=0.2 if activation == "tanh" else 0.0,
    )


def _changed(
    error: Mapping[str, Any] | None = None,
    synapses: Mapping[str, Any] | None = None,
    total: float | None = None,
    **neuron: Any,
) -> Network:
    """Describe stimulus 5 -> hidden 4 -> output 3 with options of neurons and synapses."""
    net = Network(seed=0, trial=40.0, reset=False, settle=10.0)
    x = net.add(Stimulus("stimulus", 5, Regular(200.0), x_floor=neuron.get("x_floor", 0.0)))
    h, y = net.add(LIF("hidden", 4, **neuron)), net.add(LIF("output", 3, **neuron))
    options = {"rule": rules.three_factor(0.1), **(synapses or {})}
    net.connect(x, h, weights=Normal(1.0), total=total, **options)
    net.connect(h, y, **options)
    net.teach(feedback.direct(net.add(Error("error", 6, **(error or {}))), net.forward))
    return net


OPTIONS: Mapping[str, Callable[[], Network]] = {
    "bounds, spikes that fail": lambda: _changed(synapses={"bounds": (-0.6, 0.6), "release": 0.7}),
    "delays": lambda: _changed(synapses={"delay": 3.0}),
    "long delays": lambda: _changed(synapses={"delay": 25.0}),
    "signs, gaps": lambda: _changed(synapses={"inhibitory": 0.2, "missing": 0.2}),
    "state in synapses": lambda: _changed(
        synapses={"rule": replace(KEEPING, when="feedback"), "bounds": (-2.0, 2.0)}
    ),
    "levels": lambda: _changed(synapses={"levels": Levels(4)}),
    "a sum": lambda: _changed(total=2.0),
    "noise": lambda: _changed(noise_rate=100.0, noise_kick=0.1, stray_rate=50.0),
    "spread": lambda: _changed(tau_m_cv=0.2, threshold_cv=0.2, refractory=2.0, reset="rest"),
    "an integrator": lambda: _changed(leak=False, tau_s=0.0, x_floor=0.05, tau_x=20.0),
    "late labels": lambda: _changed(error={"wait": 10.0, "levels": 5, "whole": 4.0}),
    "labels that spike": lambda: _changed(
        error={"label_spikes": True, "rectified": True, "tau": 20.0, "tau_label": 10.0}
    ),
}
"""What else neurons and synapses may be."""


def covering(cases: Sequence[Case], factors: int) -> list[Case]:
    """Return some of the cases, in which all values meet that meet in any of them.

    Parameters
    ----------
    cases
        Values of the factors in each case.
    factors
        Of how many factors: 1 for each value once, 2 for all pairs.
    """
    found = {case: set(combinations(enumerate(case), factors)) for case in cases}
    left, taken = set[Any]().union(*found.values()), list[Case]()
    while left:
        taken.append(max(cases, key=lambda case: len(found[case] & left)))
        left -= found[taken[-1]]
    return taken
