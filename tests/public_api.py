"""Everything public, by introspection, with a call of each that works."""

import importlib
import inspect
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import made_records
import networks
import numpy as np
import pandas as pd
import rate_networks

import apical
import apical.plotting
from apical import (
    Block,
    Error,
    Network,
    Normal,
    Rate,
    RateError,
    Replicas,
    Reward,
    Simulator,
    Stimulus,
    Trace,
    datasets,
    feedback,
    hypotheses,
    rules,
    simulate,
)
from apical.export import export
from apical.measures import landscapes, spike_statistics, updates
from apical.measures.comparison import Comparison, Controls, Row
from apical.measures.matching import Activity
from apical.measures.representation import Dissimilarities
from apical.measures.tables import analyze
from apical.neurons.base import Population
from apical.neurons.lif import LIF
from apical.projections.projection import Projection
from apical.recordings import Recording, Summary, summary
from apical.records.arrays import Records, Spikes, Units
from apical.reference import margin_losses as margins
from apical.training import loop as training
from apical.training import pretraining

MODULES = (
    "neurons.encoding",
    "projections.weights",
    "plasticity.rules",
    "plasticity.optimizers",
    "plasticity.superspike",
    "feedback.pathways",
    "feedback.two_phase",
    "hypotheses",
    "network.interventions",
    "network.noise_phase",
    "neurons.eye_movements",
    "data.tasks",
    "data.datasets",
    "plasticity.traces",
    "language.activations",
    "plasticity.constraints",
    "projections.connectivity",
    "records.recording",
    "training.loop",
    "training.unsupervised",
    "training.pretraining",
    "measures.alignment",
    "measures.landscapes",
    "measures.losses",
    "reference.margin_losses",
    "reference.bptt",
    "records.arrays",
    "measures.agreement",
    "measures.comparison",
    "measures.cost",
    "measures.kernels",
    "measures.learning",
    "measures.matching",
    "measures.normality",
    "recordings.filters",
    "recordings.loading",
    "recordings.recording",
    "recordings.selection",
    "recordings.summary",
    "measures.power",
    "measures.representation",
    "measures.saturation",
    "measures.sessions",
    "measures.spike_distance",
    "measures.spike_statistics",
    "measures.statistic",
    "measures.tuning",
    "measures.updates",
    "sweeps.statistics",
    "measures.tables",
    "plotting",
    "export",
)

GATHERS = ("apical", "apical.hypotheses", "apical.plotting")
"""Modules whose names come from others."""


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
            gathers = module.__name__ in GATHERS
            if name.startswith("_") or not (own or gathers) or not _is_called(value):
                continue
            if name == "hypothesis":  # a decorator, which keeps what it is given for all others
                continue
            found[f"{value.__module__.removeprefix('apical.')}.{value.__name__}"] = value
    return dict(sorted(found.items()))


def _is_called(value: object) -> bool:
    if not getattr(value, "__module__", "").startswith("apical"):
        return False
    if inspect.isclass(value):
        return is_dataclass(value) and not inspect.isabstract(value)
    # what takes any number of parts is not called by the names of its parameters alone
    return inspect.isfunction(value) and not any(
        p.kind is inspect.Parameter.VAR_POSITIONAL
        for p in inspect.signature(value).parameters.values()
    )


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


@cache
def recorded() -> Records:
    """Return records of a network of rates, with the signals that its learning can be told from."""
    net = rates()
    names = [p.name for p in net.populations]
    recording = simulate(net, "array", record=names, traces=list(updates.update_signals(net)))
    block, samples = Block(np.full((6, 6), 0.5), np.arange(6) % 3), np.arange(6)
    result = recording.run(block)
    return Records(
        net.trial,
        1.0,
        {p.name: Units(type(p).__name__, np.zeros(p.size, int)) for p in net.populations},
        samples,
        block.values,
        block.labels,
        np.zeros(6, int),
        signals=result.traces,
    )


@cache
def fired() -> Records:
    """Return records of spikes."""
    labels, rates = made_records.tuned(6, 4, 2, 200.0)
    spikes = made_records.poisson(rates, 100.0)
    signals = {"graded": np.random.default_rng(0).uniform(size=(6, 5))}
    return made_records.records({"hidden": (spikes, 4)}, labels, signals=signals)


def _plastic() -> Projection:
    return next(p for p in rates().plastic if p.rule and not p.rule.traces)


def _shown() -> Recording:
    known = fired()
    return Recording(
        Path("a.nwb"),
        known.spikes["hidden"],
        np.full(4, "v1"),
        np.full(6, 100.0),
        known.labels.astype(str),
        known.labels.astype(str),
    )


def _analysis() -> dict[str, Any]:
    known = analyze(fired())
    return {f.name: getattr(known, f.name) for f in fields(known)}


def _runs() -> pd.DataFrame:
    rows = [(seed, rate, "done", 0.1 * seed + rate) for seed in range(3) for rate in (0.1, 0.2)]
    return pd.DataFrame(rows, columns=["seed", "eta", "status", "test_accuracy"])


def _gaps() -> spike_statistics.Intervals:
    return spike_statistics.intervals(fired().spikes["hidden"])


def _rdm() -> Dissimilarities:
    return Dissimilarities(_square(), np.arange(3), "correlation")


@cache
def _sloping() -> Simulator:
    return simulate(rates(), "array", record=["hidden_1"], traces=["gain"])


def _traced() -> Records:
    known = fired()
    return replace(known, signals={"hidden.v": np.zeros((6, 100, 4))})


def _axes() -> Any:
    return apical.plotting.panels(2)


def _raster() -> dict[str, Any]:
    return dict(spikes={"a": ([1.0, 2.0], [0, 2])}, sizes={"a": 3}, duration_ms=10.0)


@cache
def nwb_file() -> Path:
    return export(fired(), "nwb", Path(tempfile.mkdtemp()) / "made.nwb")


def inspect_recording() -> Summary:
    return summary.inspect(nwb_file())


def _summed(made: Any) -> dict[str, Any]:
    return {f.name: getattr(made, f.name) for f in fields(made)}


def classes_file() -> Path:
    file = Path(tempfile.mkdtemp()) / "classes.csv"
    file.write_text("recorded,network\na,1\n")
    return file


def _square() -> np.ndarray:
    return np.array([[0.0, 0.4, 0.7], [0.4, 0.0, 0.5], [0.7, 0.5, 0.0]])


def _all_weights() -> dict[str, np.ndarray]:
    return {p.name: simulator().weights(p) for p in rates().projections}


NETWORKS = (spiking, streaming, rates)
"""Networks to put under a hypothesis; the first that it fits is taken."""

X, Y = np.array([[0.0, 1.0], [1.0, 0.3], [0.4, 0.2]]), np.array([1.0, -1.0, 1.0])

OF_PARAMETER: Mapping[str, Callable[[], Any]] = {
    "name": lambda: "thing",
    "net": Network,
    "n": lambda: 6,
    "number": lambda: 2,
    "among": lambda: Replicas(2),
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
    "traces": lambda: {"seen": Trace("x_pre", 5.0)},
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
    "records": recorded,
    "population": lambda: "hidden",
    "weights": _all_weights,
    "patterns": lambda: X,
    "responses": lambda: np.ones((5, 6)),
    "durations": lambda: np.array([10.0, 12.0]),
    "stop": lambda: 11.0,
    "seen": lambda: np.ones((4, 3), dtype=bool),
    "signs": lambda: np.array([1.0, 1.0, -1.0]),
    "projection": _plastic,
    "differences": lambda: np.array([0.1, 0.2, 0.4]),
    "p": lambda: np.array([0.1, 0.02]),
    "xlabel": lambda: "x",
    "ylabel": lambda: "y",
}
"""A value for each parameter without a default, by its name."""


def events() -> Any:
    """Return a data set of events."""
    trains = [([1.0, 2.0], [0, 1]), ([0.5], [1])]
    return apical.Dataset.from_events(trains, [0, 1], n_channels=2, duration=5.0)


OF_CALL: Mapping[str, Callable[[], dict[str, Any]]] = {
    "plasticity.rules.LearningRule": lambda: dict(
        update="eta*x_pre*teach_post", parameters={"eta": 0.1}, when="spike"
    ),
    "language.activations.Activation": lambda: {"response": "drive"},
    "plasticity.optimizers.UpdateDynamics": lambda: {
        "state": {"m": 0.0},
        "steps": (("m", "update"),),
        "change": "m",
    },
    "projections.connectivity.Mask": lambda: {"mask": np.eye(3)},
    "projections.connectivity.Probability": lambda: {"p": 0.5},
    "projections.connectivity.FixedInDegree": lambda: {"k": 2},
    "projections.connectivity.Distance": lambda: {"kernel": "exp(-d)"},
    "projections.connectivity.Transposed": lambda: {"of": apical.connectivity.ReceptiveFields(2)},
    "projections.connectivity.gaussian": lambda: {"sigma": 0.1},
    "projections.connectivity.exponential": lambda: {"length": 0.1},
    "projections.connectivity.step": lambda: {"radius": 0.1},
    "projections.connectivity.edges_of": lambda: dict(
        connectivity=apical.connectivity.Probability(0.5),
        pre=Rate("pre", 6),
        post=Rate("post", 5),
    ),
    "plasticity.constraints.balancing": lambda: {"signs": np.array([1.0, -1.0])},
    "plasticity.traces.Trace": lambda: {"source": "x_pre"},
    "plasticity.traces.at_trial": lambda: {"reset": True},
    "neurons.encoding.SpikeModel": lambda: dict(
        equations="rate : Hz", threshold="rate > 1*Hz", reset="rate = 0*Hz", at_trial=""
    ),
    "neurons.base.NeuronModel": lambda: {"equations": "x : 1"},
    "neurons.eye_movements.Gaze": lambda: {},
    "hypotheses.synapses.shared_weights": lambda: {"network": _in_fields()},
    "hypotheses.during.class_incremental": lambda: {"tasks": 2},
    "hypotheses.declaration.Hypothesis": lambda: {
        "name": "dale",
        "about": "Dale's law.",
        "source": "Dale 1935",
        "apply": hypotheses.dale,
    },
    "network.interventions.Loss": lambda: {"error": "error"},
    "network.interventions.Drive": lambda: {"projection": "electrode", "strength": 1.0},
    "network.interventions.Cut": lambda: {"projection": "error_to_hidden_1"},
    "projections.weights.Given": lambda: {"weights": np.ones((6, 4))},
    "plasticity.constraints.balanced": lambda: {
        "weights": np.ones((2, 3)),
        "signs": np.array([1.0, -1.0]),
    },
    "plasticity.constraints.polarity": lambda: {"n": 4, "inhibitory": 0.5},
    "feedback.pathways.FeedbackPathway": lambda: {"projections": rates().feedback.projections},
    "feedback.pathways.broadcast": lambda: {"reward": Reward("reward"), "forward": rates().forward},
    "feedback.two_phase.two_phases": lambda: _two_phases(),
    "neurons.relay.Relay": lambda: {"of": LIF("h", 2)},
    "projections.projection.Projection": lambda: dict(
        pre=Stimulus("stimulus", 6), post=LIF("h", 4), rule=rules.stdp(0.1)
    ),
    "training.pretraining.pretrained": lambda: {
        "levels": 1,
        "describe": lambda level, n: _autoencoder(n),
        "plan": pretraining.Plan(epochs=1, batch=2),
    },
    "training.pretraining.Level": lambda: {"weights": {}, "error": 0.1},
    "training.loop.evaluated": lambda: {"epochs": 1},
    "training.loop.Step": lambda: {"position": training.Position(), "metrics": {}},
    "training.unsupervised.Assignment": lambda: {"classes": np.array([0, 1, 2])},
    "training.unsupervised.accuracy": lambda: {
        "simulator": alone(),
        "known": data().train.part(slice(3)),
        "new": data().train.part(slice(3)),
        "n_classes": 3,
    },
    "training.unsupervised.learn": lambda: {
        "simulator": alone(),
        "samples": data().train.part(slice(3)),
    },
    "data.datasets.Samples": lambda: {"values": data().test.values, "labels": data().test.labels},
    "data.datasets.Rows": lambda: {"index": np.array([0, 1])},
    "data.datasets.Dataset": lambda: {"train": data().train, "test": data().test, "shape": (6,)},
    "data.datasets.load": lambda: {"name": "digits"},
    "data.datasets.save_events": lambda: {"data": events(), "file": "events.npz"},
    "data.datasets.shuffled_times": lambda: {"data": events()},
    "records.recording.record": lambda: {"simulator": recorder()},
    "records.recording.synapses_of": lambda: {"simulator": recorder()},
    "records.recording.role_of": lambda: {
        "network": rates(),
        "projection": rates().projections[0],
    },
    "records.recording.units": lambda: {"network": rates(), "name": "output"},
    "reference.margin_losses.MarginLoss": lambda: {
        "value": np.abs,
        "slope": np.sign,
        "psi": np.abs,
    },
    "reference.margin_losses.minimised": lambda: {"loss": margins.SURROGATES["logistic"]},
    "reference.margin_losses.loss_curves": lambda: {"margins": np.array([0.5, -0.5])},
    "reference.margin_losses.risk_bounds": lambda: {"excess": np.array([0.0, 0.5])},
    "reference.margin_losses.error_rate": lambda: {"w": np.ones(3)},
    "reference.margin_losses.zero_one": lambda: {"margins": np.array([0.5, -0.5])},
    "reference.bptt.states": lambda: {"weights": np.eye(2), "inputs": np.ones((3, 2))},
    "reference.bptt.gradients": lambda: {
        "weights": np.eye(2),
        "activity": np.ones((3, 2)),
        "last": np.ones(2),
    },
    "reference.bptt.linear_norms": lambda: {
        "weights": np.eye(2),
        "last": np.ones(2),
        "lags": [1, 2],
    },
    "reference.bptt.with_radius": lambda: {"weights": np.eye(2), "radius": 0.9},
    "reference.bptt.one_neuron": lambda: {"weight": 5.0, "bias": -2.0},
    "reference.bptt.clipped": lambda: {"gradient": np.ones(3), "threshold": 1.0},
    "measures.alignment.angle": lambda: {},
    "data.tasks.spike_pattern": lambda: {"n_inputs": 3, "n_outputs": 2, "frames": 20},
    "data.datasets.needs_classes": lambda: {"what": "A confusion matrix"},
    "plasticity.rules.three_factor_in_time": lambda: {"eta": 0.1, "trial": 50.0},
    "plasticity.rules.consolidated": lambda: {"rule": rules.three_factor(0.1), "strength": 0.1},
    "plotting.predicted.predictions": lambda: {"targets": X, "outputs": X},
    "simulator.Block": lambda: {},
    "devices.simulate": lambda: {"device": "array"},
    "plasticity.traces.kept": lambda: {},
    "records.arrays.Spikes": lambda: {f.name: np.array([0, 1]) for f in fields(Spikes)},
    "records.arrays.Units": lambda: {"kind": "LIF", "signs": np.zeros(3, int)},
    "records.arrays.Records": lambda: {f.name: getattr(fired(), f.name) for f in fields(Records)},
    "records.arrays.check_inside": lambda: dict(
        spikes=fired().spikes["hidden"], owner="Records", trials=6, units=4
    ),
    "measures.agreement.Agreement": lambda: dict(
        population="hidden",
        recorded="v1",
        measure="cka",
        value=0.5,
        p=0.1,
        chance=math.nan,
        ceiling=(0.1, math.nan),
        n=(3, 4),
        why="",
        source="here",
    ),
    "measures.agreement.compare": lambda: {"recording": _shown(), "records": fired()},
    "measures.comparison.Controls": lambda: {"untrained": None, "other_seed": None},
    "measures.comparison.Row": lambda: dict(
        population="hidden", area="", measure="rate", system="network"
    ),
    "measures.comparison.Comparison": lambda: {"rows": [], "window": [0.0, 100.0]},
    "measures.comparison.compare": lambda: dict(
        records=fired(),
        recording=_shown(),
        controls=Controls(None, None),
        resamples=2,
        permutations=3,
    ),
    "measures.matching.Activity": lambda: {"responses": X, "duration": 50.0},
    "measures.matching.of_network": lambda: {"records": fired(), "population": "hidden"},
    "measures.matching.of_recording": lambda: {"recording": _shown(), "area": ""},
    "measures.matching.common_window": lambda: {"records": fired(), "recording": _shown()},
    "measures.matching.matched": lambda: {"activities": {"network": Activity(X, 50.0)}},
    "measures.matching.shuffled": lambda: {"activity": Activity(X, 50.0)},
    "measures.matching.unlabelled": lambda: {"activity": Activity(X, 50.0)},
    "measures.cost.footprint": lambda: {"network": rates(), "state": simulator().state},
    "measures.cost.cost": lambda: {"network": rates(), "state": simulator().state},
    "measures.cost.Updates": lambda: dict(projection="a", effective=1.0, dense=2.0),
    "measures.kernels.cka": lambda: {"y": X},
    "measures.kernels.cka_debiased": lambda: {"y": X},
    "measures.kernels.cka_by_chance": lambda: {"y": X},
    "measures.kernels.overlap": lambda: {"y": X},
    "measures.learning.compared": lambda: {"network": spiking()},
    "measures.power.Power": lambda: dict(value=0.5, low=0.3, high=0.7, animals=5),
    "measures.power.power": lambda: {"first": np.arange(14.0).reshape(7, 2), "animals": 3},
    "measures.sessions.tuning_correlation": lambda: {"first": X, "second": X},
    "measures.sessions.drift": lambda: {"before": X, "after": X},
    "measures.normality.normal_fit": lambda: {"values": X},
    "measures.normality.NormalFit": lambda: dict(mean=0.0, std=1.0, distance=0.1, chance=0.2),
    "recordings.filters.names_in": lambda: {"condition": "rate > 1"},
    "recordings.filters.holds": lambda: dict(
        condition="rate > 1", read={"rate": np.arange(3.0)}.get, names=["rate"]
    ),
    "recordings.loading.load_recording": lambda: {"path": nwb_file()},
    "recordings.recording.LeftOut": lambda: {"why": "without a stop time", "rows": (1, 2)},
    "recordings.recording.Recording": lambda: {
        f.name: getattr(_shown(), f.name) for f in fields(Recording)
    },
    "recordings.selection.Selection": lambda: {"window": (0.0, 0.5)},
    "recordings.selection.read_classes": lambda: {"path": classes_file()},
    "recordings.summary.ColumnSummary": lambda: _summed(inspect_recording().tables[0].columns[0]),
    "recordings.summary.TableSummary": lambda: _summed(inspect_recording().tables[0]),
    "recordings.summary.UnitSummary": lambda: _summed(inspect_recording().units),
    "recordings.summary.Summary": lambda: _summed(inspect_recording()),
    "recordings.summary.inspect": lambda: {"path": nwb_file()},
    "measures.representation.responses": lambda: {"records": fired()},
    "measures.representation.dissimilarities": lambda: {"records": fired()},
    "measures.representation.class_means": lambda: {"patterns": X, "labels": np.arange(3)},
    "measures.representation.Dissimilarities": lambda: dict(
        matrix=_square(), patterns=np.arange(3), measure="correlation"
    ),
    "measures.representation.rdm": lambda: {"patterns": X, "names": np.arange(3)},
    "measures.representation.rdm_similarity": lambda: dict(a=_rdm(), b=_rdm()),
    "measures.representation.scaled_ranks": lambda: {"vector": Y, "rounding": 0.0},
    "measures.representation.Similarity": lambda: dict(
        rsa=0.1, cka=math.nan, cka_by_chance=0.1, rsa_rho_a=0.1, cka_debiased=0.2
    ),
    "measures.representation.similarity": lambda: dict(
        a=fired(), b=fired(), population_a="hidden", population_b="graded"
    ),
    "measures.representation.similarities": lambda: dict(a=fired(), b=fired()),
    "measures.representation.check_same_stimuli": lambda: dict(a=fired(), b=fired()),
    "measures.representation.participation_ratio": lambda: {"patterns": X},
    "measures.common_mode.gate_participation": lambda: {"gain": X},
    "measures.common_mode.between_trials": lambda: dict(responses=X, gain=X, teach=X),
    "measures.common_mode.first_reaching": lambda: dict(
        moments=np.arange(3.0), accuracy=np.array([0.1, 0.5, 0.9]), level=0.5
    ),
    "measures.saturation.slopes": lambda: dict(simulator=_sloping(), values=block().values),
    "measures.saturation.saturated": lambda: {"gain": X, "activation": "tanh"},
    "measures.saturation.dead": lambda: {"gain": X},
    "measures.spike_distance.van_rossum": lambda: dict(one=[1.0, 5.0], other=[2.0]),
    "measures.spike_statistics.intervals": lambda: {"spikes": fired().spikes["hidden"]},
    "measures.spike_statistics.rate": lambda: {"duration": 100.0},
    "measures.spike_statistics.Intervals": lambda: dict(
        unit=np.array([0, 1]), trial=np.array([0, 0]), length=np.array([1.0, 2.0])
    ),
    "measures.spike_statistics.cv": lambda: {"gaps": _gaps(), "n": 4},
    "measures.spike_statistics.cv2": lambda: {"gaps": _gaps(), "n": 4},
    "measures.spike_statistics.lv": lambda: {"gaps": _gaps(), "n": 4},
    "measures.spike_statistics.excitation_inhibition": lambda: {"signs": np.array([1, -1] * 3)},
    "measures.spike_statistics.lifetime_sparseness": lambda: {"samples": np.arange(5)},
    "measures.spike_statistics.input_balance": lambda: {
        "records": fired(),
        "weights": {"hidden": np.ones((4, 2))},
    },
    "measures.spike_statistics.spike_statistics": lambda: {"records": fired()},
    "measures.statistic.Statistic": lambda: dict(values=Y, unit="1", each="neuron", source="here"),
    "measures.statistic.single": lambda: dict(value=math.nan, unit="1", source="here"),
    "measures.tuning.readout_accuracy": lambda: {"records": fired()},
    "measures.tuning.tuning": lambda: {"records": fired()},
    "measures.updates.Moments": lambda: {"rule": _plastic().rule},
    "measures.updates.update": lambda: {"w": _weights()[_plastic().name]},
    "measures.updates.backpropagated": lambda: dict(
        network=rates(),
        moments=updates.Moments(recorded(), _plastic().rule),
        population=_plastic().post,
    ),
    "sweeps.statistics.summary": lambda: {"results": _runs(), "factors": ["eta"]},
    "sweeps.statistics.comparisons": lambda: dict(
        results=_runs(), factors=["eta"], baseline={"eta": 0.1}
    ),
    "sweeps.statistics.interval": lambda: {"values": Y},
    "measures.tables.analyze": lambda: {"records": fired()},
    "measures.tables.Analysis": _analysis,
    "export.export": lambda: {
        "records": fired(),
        "format": "csv",
        "path": "out",
        "overwrite": True,
    },
    "plotting.comparing.comparison": lambda: {
        "curves": {
            "a": {"test_accuracy": np.full((2, 3), 0.5), ("angle", "b"): np.full((2, 3), 45.0)}
        }
    },
    "plotting.comparing.angles": lambda: {"by_projection": {"a": [10.0, 20.0]}},
    "plotting.ecdfs.firing_rates": lambda: {"rates": {"a": [1.0, 2.0]}},
    "plotting.ecdfs.distributions": lambda: {"values": {"a": [1.0, 2.0]}},
    "plotting.ecdfs.recording_comparison": lambda: dict(
        model={"rate": [1.0, 2.0]}, recording={"rate": [1.0, 3.0]}
    ),
    "plotting.fields.receptive_fields": lambda: {"weights": np.ones((6, 4)), "shape": (2, 3)},
    "plotting.graphs.network_graph": lambda: {"network": rates()},
    "plotting.landscapes.landscape": lambda: {"loss": np.array([[1.0, 2.0], [3.0, 4.0]])},
    "plotting.timelines.timeline": lambda: {"traces": [_rank_trace()]},
    "plotting.learning.learning_curve": lambda: {"trials": [0, 5], "accuracy": [0.1, 0.5]},
    "plotting.learning.learning_curves": lambda: {"runs": {"a": [[0.1, 0.5], [0.2, 0.4]]}},
    "plotting.lines.panels": lambda: {"n": 2},
    "plotting.lines.curves": lambda: {"series": {"a": ([0, 1], [1.0, 2.0])}},
    "plotting.matrices.confusion_matrix": lambda: {"decisions": np.arange(5) % 3},
    "plotting.matrices.dissimilarities": lambda: dict(
        rdms={"hidden": _square()}, patterns=["a", "b", "c"]
    ),
    "plotting.matrices.dissimilarity": lambda: {"rdm": _square()},
    "plotting.matrices.similarity": lambda: {"matrix": _square(), "names": ["a", "b", "c"]},
    "plotting.membranes.traces": lambda: dict(
        records=_traced(), population="hidden", signals=["v"]
    ),
    "plotting.normality.normality": lambda: {"samples": {"a": [1.0, 2.0, 4.0]}},
    "plotting.rasters.raster": lambda: _raster(),
    "plotting.rasters.raster_of": lambda: {"records": fired(), "trial": 1},
    "plotting.rasters.raster_pair": lambda: dict(
        before=_raster()["spikes"],
        after=_raster()["spikes"],
        sizes={"a": 3},
        duration_ms=10.0,
        label=1,
        decision_before=0,
        decision_after="one",
    ),
    "plotting.recordings.beside_recording": lambda: {
        "comparison": Comparison([Row("a", "b", "rate", "network", 1.0)], np.array([0.0, 9.0]))
    },
    "plotting.seeds.every_seed": lambda: {"groups": {"a": {0: 0.5, 1: 0.4}}},
    "plotting.style.save": lambda: {"ax": _axes(), "path": "figure.png"},
    "plotting.style.as_svg": lambda: {"ax": _axes()},
    "_base.seeds.stream": lambda: {"seed": 1, "purpose": "weights"},
    "measures.losses.losses_of": lambda: {
        "network": rates(),
        "outputs": np.zeros((2, 3)),
        "target": np.zeros((2, 3)),
    },
    "plotting.style.as_png": lambda: {"ax": _axes(), "dpi": 50.0},
}
"""What else a call needs, or needs in place of that."""


def _in_fields() -> Network:
    net = Network()
    pre = net.add(Stimulus("stimulus", 9, apical.neurons.encoding.Graded(), shape=(1, 3, 3)))
    hidden = net.add(Rate("hidden", 8, shape=(2, 2, 2)))
    output, error = net.add(Rate("output", 3)), net.add(RateError("error", 3))
    rule = rules.three_factor(0.1)
    fields = apical.connectivity.ReceptiveFields(2)
    forward = [
        net.connect(pre, hidden, rule=rule, connectivity=fields),
        net.connect(hidden, output, rule=rule),
    ]
    net.teach(feedback.direct(error, forward))
    return net


def _rank_trace() -> Any:
    from apical.devices.mpi.tracing import RankTrace, Span

    spans = (Span("forward", "batch 0", 0.0, 2e-3), Span("wait", "error.x", 1e-3, 2e-3))
    return RankTrace(0, ("hidden",), 2e-3, 1e-3, 0.0, 64, {"forward": 0}, {0: 1}, spans)


def _two_phases() -> dict[str, Any]:
    net = Network()
    pre = net.add(Stimulus("stimulus", 6, apical.neurons.encoding.Graded()))
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
        if parameter.name == "size" and parameter.default is None:  # or a shape
            given.setdefault("size", OF_PARAMETER["size"]())
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
