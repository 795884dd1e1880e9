"""Everything public, by introspection, with a call of each that works."""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Any

import networks
import numpy as np
import rate_networks

import apical
from apical import (
    Block,
    Error,
    Network,
    Normal,
    Rate,
    RateError,
    Reward,
    Simulator,
    Stimulus,
    Trace,
    datasets,
    feedback,
    landscapes,
    margins,
    rules,
    simulate,
    training,
)
from apical.populations import LIF, Population

MODULES = (
    "encoding",
    "weights",
    "rules",
    "dynamics",
    "superspike",
    "feedback",
    "plateaus",
    "hypotheses",
    "interventions",
    "phases",
    "gaze",
    "tasks",
    "datasets",
    "traces",
    "activations",
    "restraints",
    "recording",
    "training",
    "unsupervised",
    "pretraining",
    "alignment",
    "landscapes",
    "losses",
    "margins",
    "unrolled",
)


def modules() -> list[str]:
    """Return the names of modules whose functions and classes users call."""
    return ["apical", *(f"apical.{name}" for name in MODULES)]


@cache
def callables() -> Mapping[str, Callable[..., Any]]:
    """Return every public function and every class that can be made, by name."""
    found = {}
    for module in map(importlib.import_module, modules()):
        for name, value in vars(module).items():
            own = getattr(value, "__module__", "") == module.__name__
            gathers = module.__name__ in ("apical", "apical.hypotheses")
            if name.startswith("_") or not (own or gathers) or not _is_called(value):
                continue
            found[f"{value.__module__.removeprefix('apical.')}.{value.__name__}"] = value
    return dict(sorted(found.items()))


def _is_called(value: object) -> bool:
    if not getattr(value, "__module__", "").startswith("apical"):
        return False
    if inspect.isclass(value):
        return is_dataclass(value) and not inspect.isabstract(value)
    return inspect.isfunction(value)


def parameters(function: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """Yield the parameters that can be given by name."""
    many = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    yield from (p for p in inspect.signature(function).parameters.values() if p.kind not in many)


@cache
def spiking() -> Network:
    return networks.small()


@cache
def streaming() -> Network:
    return networks.small("feedback")


@cache
def rates() -> Network:
    return rate_networks.rates(feedback.layerwise)


@cache
def data() -> datasets.Dataset:
    return datasets.blobs(20, 10, 6, 3, rng=np.random.default_rng(0))


@cache
def simulator() -> Simulator:
    return simulate(rates(), "array", batch=5)


@cache
def recorder() -> Simulator:
    return simulate(rates(), "array", record=["output"], traces=["x"])


@cache
def alone() -> Simulator:
    net = Network(trial=20.0)
    pre, post = net.add(Stimulus("stimulus", 6)), net.add(LIF("hidden", 4))
    net.connect(pre, post, rule=rules.stdp(0.01))
    return simulate(net, "runtime")


def block() -> Block:
    return Block(np.full((5, 6), 0.5), np.arange(5) % 3)


def _plane() -> Any:
    return landscapes.random_plane(_weights(), np.random.default_rng(0))


def _weights() -> dict[str, np.ndarray]:
    return {p.name: simulator().weights(p) for p in rates().plastic}


NETWORKS = (spiking, streaming, rates)
"""Networks to put under a hypothesis; the first that it fits is taken."""

X, Y = np.array([[0.0, 1.0], [1.0, 0.3], [0.4, 0.2]]), np.array([1.0, -1.0, 1.0])

OF_PARAMETER: Mapping[str, Callable[[], Any]] = {
    "name": lambda: "thing",
    "size": lambda: 4,
    "rng": lambda: np.random.default_rng(0),
    "simulator": simulator,
    "samples": lambda: data().test,
    "data": data,
    "block": block,
    "plane": _plane,
    "centre": _weights,
    "first": _weights,
    "second": _weights,
    "points": lambda: [_weights(), {k: v + 1 for k, v in _weights().items()}],
    "trained": _weights,
    "values": lambda: np.full((5, 6), 0.5),
    "labels": lambda: np.arange(5) % 3,
    "decided": lambda: np.arange(5) % 3,
    "counts": lambda: np.ones((5, 6)),
    "n_classes": lambda: 3,
    "source": lambda: Normal(),
    "rule": lambda: rules.three_factor(),
    "traces": lambda: {"e": Trace("x_pre", 5.0)},
    "dt": lambda: 1.0,
    "indices": lambda: [0, 1],
    "x": lambda: X,
    "y": lambda: Y,
    "inputs": lambda: 3,
    "every": lambda: 10,
    "trials": lambda: 4,
    "threshold": lambda: 0.25,
    "bits": lambda: 8,
    "levels": lambda: 5,
    "release": lambda: 0.5,
    "share": lambda: 0.5,
    "delay": lambda: 2.0,
    "std": lambda: 0.5,
    "eta": lambda: 0.01,
    "alpha": lambda: 0.01,
    "sigma": lambda: 0.01,
    "limit": lambda: 1.0,
    "cv": lambda: 0.1,
    "shape": lambda: (2, 3),
    "a": lambda: np.array([0.0, 1.0]),
    "b": lambda: np.array([0.5, 1.0]),
    "plan": lambda: training.Plan(1, 10),
}
"""A value for each parameter without a default, by its name."""

OF_CALL: Mapping[str, Callable[[], dict[str, Any]]] = {
    "rules.LearningRule": lambda: dict(
        update="eta*x_pre*teach_post", parameters={"eta": 0.1}, when="spike"
    ),
    "activations.Activation": lambda: {"response": "drive"},
    "dynamics.UpdateDynamics": lambda: {
        "state": {"m": 0.0},
        "steps": (("m", "update"),),
        "change": "m",
    },
    "traces.Trace": lambda: {"source": "x_pre"},
    "traces.at_trial": lambda: {"reset": True},
    "encoding.SpikeModel": lambda: dict(
        equations="rate : Hz", threshold="rate > 1*Hz", reset="rate = 0*Hz", at_trial=""
    ),
    "populations.NeuronModel": lambda: {"equations": "x : 1"},
    "gaze.Gaze": lambda: {},
    "hypotheses.during.class_incremental": lambda: {"tasks": 2},
    "interventions.Loss": lambda: {"error": "error"},
    "weights.Given": lambda: {"weights": np.ones((6, 4))},
    "restraints.balanced": lambda: {"weights": np.ones((2, 3)), "signs": np.array([1.0, -1.0])},
    "restraints.polarity": lambda: {"n": 4, "inhibitory": 0.5},
    "feedback.FeedbackPathway": lambda: {"projections": rates().feedback.projections},
    "feedback.broadcast": lambda: {"reward": Reward("reward"), "forward": rates().forward},
    "plateaus.two_phases": lambda: _two_phases(),
    "relays.Relay": lambda: {"of": LIF("h", 2)},
    "projections.Projection": lambda: dict(
        pre=Stimulus("stimulus", 6), post=LIF("h", 4), rule=rules.stdp(0.1)
    ),
    "pretraining.pretrained": lambda: {"levels": 1, "describe": lambda level, n: _autoencoder(n)},
    "pretraining.Level": lambda: {"weights": {}, "error": 0.1},
    "training.Step": lambda: {"position": training.Position(), "metrics": {}},
    "unsupervised.Assignment": lambda: {"classes": np.array([0, 1, 2])},
    "unsupervised.learn": lambda: {"simulator": alone(), "samples": data().train.part(slice(3))},
    "datasets.Samples": lambda: {"values": data().test.values, "labels": data().test.labels},
    "datasets.Rows": lambda: {"index": np.array([0, 1])},
    "datasets.Dataset": lambda: {"train": data().train, "test": data().test, "shape": (6,)},
    "datasets.load": lambda: {"name": "digits"},
    "recording.record": lambda: {"simulator": recorder()},
    "recording.units": lambda: {"network": rates(), "name": "output"},
    "margins.MarginLoss": lambda: {"value": np.abs, "slope": np.sign, "psi": np.abs},
    "margins.minimised": lambda: {"loss": margins.SURROGATES["logistic"]},
    "margins.zero_one": lambda: {"margins": np.array([0.5, -0.5])},
    "unrolled.states": lambda: {"weights": np.eye(2), "inputs": np.ones((3, 2))},
    "unrolled.gradients": lambda: {
        "weights": np.eye(2),
        "activity": np.ones((3, 2)),
        "last": np.ones(2),
    },
    "unrolled.linear_norms": lambda: {"weights": np.eye(2), "last": np.ones(2), "lags": [1, 2]},
    "unrolled.with_radius": lambda: {"weights": np.eye(2), "radius": 0.9},
    "unrolled.clipped": lambda: {"gradient": np.ones(3), "threshold": 1.0},
    "alignment.angle": lambda: {},
    "tasks.spike_pattern": lambda: {"n_inputs": 3, "n_outputs": 2, "frames": 20},
    "simulator.Block": lambda: {},
    "devices.simulate": lambda: {"device": "array"},
    "traces.kept": lambda: {},
}
"""What else a call needs, or needs in place of that."""


def _two_phases() -> dict[str, Any]:
    net = Network()
    pre = net.add(Stimulus("stimulus", 6, apical.encoding.Graded()))
    hidden = net.add(Rate("hidden", 5, plateau="logistic"))
    output = net.add(Rate("output", 3, nudge=0.5))
    error = net.add(RateError("error", 3))
    forward = [net.connect(pre, hidden), net.connect(hidden, output)]
    return {"error": error, "forward": forward}


def _autoencoder(n: int) -> Network:
    return rate_networks.rates(sizes=(n, 3, n), output="linear")


def working(name: str) -> dict[str, Any]:
    """Return keyword arguments with which a callable works; those of all without a default."""
    function = callables()[name]
    given = OF_CALL.get(name, dict)()
    for parameter in parameters(function):
        if parameter.default is not inspect.Parameter.empty or parameter.name in given:
            continue
        if parameter.name == "network":
            given["network"] = _fitting(function, given)
        elif parameter.name in ("error", "forward"):
            net = rates()
            given[parameter.name] = net.forward if parameter.name == "forward" else _error(net)
        else:
            assert parameter.name in OF_PARAMETER, (
                f"{name} has a parameter {parameter.name!r} that no example is known of; add one."
            )
            given[parameter.name] = OF_PARAMETER[parameter.name]()
    return given


def _error(net: Network) -> Population:
    return next(p for p in net.populations if isinstance(p, Error | RateError))


def _fitting(function: Callable[..., Any], given: Mapping[str, Any]) -> Network:
    """Return a network that a function takes."""
    needs = [p.name for p in parameters(function) if p.default is inspect.Parameter.empty]
    more = {n: OF_PARAMETER[n]() for n in needs if n != "network" and n not in given}
    for network in NETWORKS:
        try:
            function(network(), **{**more, **given})
        except apical.ApicalError:
            continue
        return network()
    return rates()
