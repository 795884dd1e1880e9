"""Thirty runs whose weights and metrics tell whether a change of the code changed any bit.

Every device, wiring, encoder and timing of a rule is in one of them or more, and hypotheses are in
some. Bits depend on processor, compiler and libraries, so two trees are compared on one machine::

    python tests/same_bits.py run > after.json
    PYTHONPATH=OTHER_TREE/src python tests/same_bits.py run > before.json
    python tests/same_bits.py compare before.json after.json

or ``make same-bits BASE=COMMIT``, which does all three. Only public names are used, so that older
trees run it too.
"""

import hashlib
import json
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

warnings.simplefilter("ignore", DeprecationWarning)

from apical import (  # noqa: E402
    ALIF,
    LIF,
    Bias,
    ConductanceLIF,
    Error,
    FanIn,
    Network,
    Normal,
    Rate,
    RateError,
    Stimulus,
    Uniform,
    Zero,
    datasets,
    dynamics,
    encoding,
    feedback,
    hypotheses,
    rules,
    simulate,
    superspike,
    train,
)

RNG = np.random.default_rng
HELD = {"tau_x": 20.0, "tau_teach": 0.0}


def data() -> Any:
    return datasets.blobs(60, 30, 12, 3, rng=RNG(0))


def spiking(
    wiring: Any = feedback.direct,
    encoder: Any = None,
    rule: Any = None,
    population: Any = LIF,
    neuron: Mapping[str, Any] = {},
    hidden: tuple[int, ...] = (8, 6),
    relay: str = "",
    **synapses: Any,
) -> Network:
    """Describe a network of spiking neurons in which all projections learn."""
    net = Network(seed=1, trial=40.0)
    last: Any = net.add(Stimulus("stimulus", 12, encoder or encoding.Regular(200.0)))
    for k, size in enumerate((*hidden, 3)):
        kind = LIF if size == 3 else population
        post = net.add(kind("output" if size == 3 else f"hidden_{k}", size, **neuron))
        learn = rule(kind) if callable(rule) else rule or rules.three_factor(2e-3)
        net.connect(last, post, weights=Normal(0.7), rule=learn, **synapses)
        last = post
    options = {"relay": relay} if relay else {}
    net.teach(wiring(net.add(Error("error", 6)), net.forward, **options))
    return net


def rates(
    wiring: Any = feedback.direct, rule: Any = None, activation: str = "tanh", **options: Any
) -> Network:
    """Describe a network of rates with biases."""
    net = Network(seed=2, trial=200.0)
    last: Any = net.add(Stimulus("stimulus", 12, encoding.Graded()))
    bias, learn = net.add(Bias("bias")), rule or rules.three_factor(0.2)
    for name, size in (("hidden_1", 9), ("hidden_2", 7), ("output", 3)):
        kind = {"activation": activation} if size > 3 else {"activation": "logistic", "gain": "one"}
        post = net.add(Rate(name, size, **kind))
        net.connect(last, post, weights=FanIn(), rule=learn)
        net.connect(bias, post, weights=Zero(), rule=learn)
        last = post
    net.teach(wiring(net.add(RateError("error", 3)), net.forward, **options))
    return net


def unsupervised() -> Network:
    """Describe conductance-based neurons that learn by STDP, and inhibit each other."""
    net = Network(seed=3, trial=40.0)
    shown = net.add(Stimulus("stimulus", 12, encoding.Poisson(200.0), tau_x=20.0))
    post = net.add(ConductanceLIF("output", 5, rise=0.1, fades=0.1))
    weights, bounds = Uniform(0.6, positive=True), (0.0, 1.0)
    net.connect(shown, post, weights=weights, rule=rules.stdp(0.05), bounds=bounds)
    return net


def e_prop(kind: type) -> Any:
    """Return e-prop, with the slow eligibility trace of neurons that adapt."""
    return rules.e_prop(0.02, tau_a=50.0 if kind is ALIF else None)


ARRAY, RUNTIME, CPP = "array", "runtime", "cpp_standalone"
SUPER = superspike.rule(dynamics=dynamics.leaky_maximum())
RUNS: dict[str, tuple[str, Callable[[], Network], dict[str, Any]]] = {
    "rates dfa": (ARRAY, rates, {}),
    "rates fa": (ARRAY, lambda: rates(feedback.layerwise), {}),
    "rates bp": (ARRAY, lambda: rates(feedback.transposed), {"batch": 4}),
    "rates ifa forward": (ARRAY, lambda: rates(feedback.indirect), {}),
    "rates ifa random": (ARRAY, lambda: rates(feedback.indirect, relay="random"), {"batch": 4}),
    "rates drtp": (ARRAY, lambda: rates(feedback.target_projection), {}),
    "rates adam": (ARRAY, lambda: rates(rule=rules.three_factor(dynamics=dynamics.adam(0.01))), {}),
    "rates rmsprop relu": (
        ARRAY,
        lambda: rates(rule=rules.three_factor(dynamics=dynamics.rmsprop(0.01)), activation="relu"),
        {"batch": 8},
    ),
    "rates go_up": (
        ARRAY,
        lambda: rates(rule=rules.three_factor(dynamics=dynamics.go_up(0.05, 0.1))),
        {"batch": 4},
    ),
    "rates float64": (ARRAY, rates, {"dtype": "float64"}),
    "rates in time": (RUNTIME, rates, {}),
    "rates compiled": (CPP, lambda: rates(feedback.layerwise), {}),
    "dfa": (RUNTIME, spiking, {}),
    "dfa compiled": (CPP, spiking, {}),
    "fa": (RUNTIME, lambda: spiking(feedback.layerwise), {}),
    "ifa forward": (RUNTIME, lambda: spiking(feedback.indirect), {}),
    "ifa random": (RUNTIME, lambda: spiking(feedback.indirect, relay="random"), {}),
    "poisson": (RUNTIME, lambda: spiking(encoder=encoding.Poisson(200.0)), {}),
    "escape compiled": (CPP, lambda: spiking(encoder=encoding.Escape(200.0)), {}),
    "latency": (RUNTIME, lambda: spiking(encoder=encoding.Latency(20.0)), {}),
    "at feedback": (
        RUNTIME,
        lambda: spiking(rule=rules.three_factor(2e-3, "feedback"), neuron=HELD),
        {},
    ),
    "at spikes": (
        RUNTIME,
        lambda: spiking(rule=rules.three_factor_at_spikes(2e-3), neuron={"tau_teach": 20.0}),
        {},
    ),
    "stdp": (RUNTIME, unsupervised, {}),
    "e-prop alif": (
        RUNTIME,
        lambda: spiking(
            rule=e_prop, population=ALIF, neuron={**HELD, "tau_s": 0.0, "leak": False}, hidden=(8,)
        ),
        {},
    ),
    "superspike": (
        RUNTIME,
        lambda: spiking(rule=SUPER, neuron={"tau_teach": 5.0, "gain": superspike.slope()}),
        {},
    ),
    "failing synapses, delays": (RUNTIME, lambda: spiking(release=0.7, delay=3.0), {}),
    "signs, gaps": (RUNTIME, lambda: spiking(inhibitory=0.2, missing=0.2), {}),
    "heterogeneity": (RUNTIME, lambda: hypotheses.heterogeneity(spiking(), membrane=0.2), {}),
    "sparse feedback": (ARRAY, lambda: hypotheses.sparse_feedback(rates(), wires=1), {}),
    "quantised error": (ARRAY, lambda: hypotheses.quantised_error(rates(), levels=3), {}),
}


def named(metrics: Mapping[Any, float]) -> dict[str, float]:
    """Return metrics by the names that they had before 0.2: ``rate_hidden``, no pairs."""
    return {key if isinstance(key, str) else "_".join(key): v for key, v in metrics.items()}


def digest(name: str) -> str:
    """Return a check sum of the weights and metrics of a run."""
    device, describe, options = RUNS[name]
    simulator = simulate(describe(), device, **options)
    found = hashlib.sha256()
    if any(p.rule and p.rule.name == "stdp" for p in simulator.network.projections):
        from apical import Block

        samples = data().train
        block = Block(*samples.block(slice(0, 20)), learning=1.0)
        counts = simulator.run(block).counts
        for key in sorted(counts):
            found.update(np.ascontiguousarray(counts[key]).tobytes())
    else:
        history = train(simulator, data(), 1, block=25, progress=False)
        found.update(repr([sorted(named(step.metrics).items()) for step in history]).encode())
    for p in sorted(simulator.network.projections, key=lambda p: p.name):
        found.update(p.name.encode() + np.ascontiguousarray(simulator.weights(p)).tobytes())
    return found.hexdigest()


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the names of runs that differ, or are in one of the two only."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def main(arguments: list[str]) -> int:
    """Run, or compare two files; the exit code is 1 where bits differ."""
    if arguments[:1] == ["compare"]:
        before, after = (json.loads(Path(path).read_text()) for path in arguments[1:3])
        other = compare(before, after)
        print(f"{len(before)} runs, {len(other)} with other bits: {', '.join(other) or 'none'}")
        return int(bool(other))
    names = arguments[1:] or list(RUNS)
    print(json.dumps({name: digest(name) for name in names}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
