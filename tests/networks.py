"""Small networks in which every population spikes, and trials to show them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from apical import LIF, Block, Error, Network, Normal, Stimulus, Uniform, feedback, rules
from apical.feedback.pathways import FeedbackPathway
from apical.neurons.encoding import Encoder, Regular
from apical.plasticity.rules import LearningRule
from apical.projections.projection import Projection

N_INPUTS, N_CLASSES = 12, 3
Wiring = Callable[[Error, Sequence[Projection]], FeedbackPathway]

# What each timing of learning needs of its neurons: a trace and a dendrite that last for a trial,
# for a step, or for some time.
TIMINGS: dict[str, dict[str, dict[str, Any]]] = {
    "trial": {"stimulus": {}, "neuron": {"leak": False}, "error": {}},
    "feedback": {
        "stimulus": {"tau_x": 20.0},
        "neuron": {"tau_x": 20.0, "tau_teach": 0.0, "gain": "int(x > 0.1)"},
        "error": {"tau": 50.0, "tau_label": 10.0},
    },
    "spike": {
        "stimulus": {"tau_x": 20.0},
        "neuron": {"tau_x": 20.0, "tau_teach": 20.0},
        "error": {},
    },
}


def rule(when: str, eta: float = 2e-3, onset: float = 0.0) -> LearningRule:
    """Return the three-factor rule that acts at a trial's end, at feedback, or at a spike."""
    if when == "spike":
        return rules.three_factor_at_spikes(eta, onset)
    return rules.three_factor(eta, "feedback" if when == "feedback" else "trial")


def small(
    when: Literal["trial", "feedback", "spike"] = "trial",
    encoder: Encoder | None = None,
    seed: int = 0,
    reset: bool | None = None,
    *,
    eta: float = 2e-3,
    hidden: Sequence[int] = (8,),
    neuron: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
    onset: float = 0.0,
    release: float = 1.0,
    bounds: tuple[float, float] | None = None,
    wiring: Wiring = feedback.direct,
) -> Network:
    """Describe stimulus 12 -> LIF hidden 8 -> LIF output 3, taught by 6 error neurons.

    `reset` is that of the network, by default only where learning waits for the end of a trial;
    `neuron` and `error` change parameters of all LIF and all error neurons, `onset` is for rules
    that act at spikes. Weights start within their `bounds`.
    """
    timing = TIMINGS[when]
    reset = when == "trial" if reset is None else reset
    net = Network(seed=seed, trial=40.0, reset=reset, settle=0.0 if reset else 10.0)
    weights = Normal(0.5) if bounds is None else Uniform(min(np.abs(bounds)))
    last: Any = net.add(
        Stimulus("stimulus", N_INPUTS, encoder or Regular(200.0), **timing["stimulus"])
    )
    own = {**timing["neuron"], **(neuron or {})}
    layers = [LIF(f"hidden_{k}", size, bias=0.8, **own) for k, size in enumerate(hidden)]
    layers.append(LIF("output", N_CLASSES, **{**own, "bias": 1.5, "gain": "1"}))
    for layer in layers:
        learns = {"rule": rule(when, eta, onset), "bounds": bounds}
        net.connect(last, net.add(layer), weights=weights, release=release, **learns)
        last = layer
    judge = net.add(Error("error", 2 * N_CLASSES, **{**timing["error"], **(error or {})}))
    net.teach(wiring(judge, net.forward))
    return net


def trials(n: int = 20, *, learning: Any = 0.0, seed: int = 0, index: int = 0) -> Block:
    """Return `n` random trials for a small network."""
    rng = np.random.default_rng(seed)
    values, labels = rng.random((n, N_INPUTS)), rng.integers(0, N_CLASSES, n)
    return Block(values, labels, learning, index)
