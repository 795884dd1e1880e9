"""The public names of the package, found by rule, and grouped by what a user wants to do.

A name is public if it has no underscore in front, is defined in this package, says what it is, and
is in a module that users are meant to import: one that an `Errand` names. It is shown by the
shortest path that leads to it: ``apical.LIF``, ``apical.rules.stdp``, ``apical.plotting.raster``.
"""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import apical
from apical._base.registry import Registry
from apical.devices import DEVICES

Kind = Callable[[Any], bool]


def anything(value: Any) -> bool:
    """Take classes and functions alike."""
    return True


@dataclass(frozen=True)
class Errand:
    """What a user wants to do, and where the names for it are.

    Parameters
    ----------
    page
        Name of the page.
    title, about
        Its heading, and what one does with it.
    doors
        Packages and modules: of each, what it defines or hands on.
    classes
        Modules of which only classes are for users; the functions beside them serve the package.
    """

    page: str
    title: str
    about: str
    doors: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


ERRANDS = (
    Errand(
        "networks",
        "Networks",
        "Describe a network: populations, projections, a feedback pathway, and what flows in it.",
        ("network", "network.interventions", "network.lesions"),
        ("network.graph", "network.signals", "network.noise_phase"),
    ),
    Errand(
        "neurons",
        "Neurons",
        "Populations of one neuron model each: spiking, graded, error neurons, relays, biases.",
        ("neurons",),
        tuple(
            f"neurons.{name}"
            for name in [
                "base",
                "alif",
                "conductance_lif",
                "error",
                "lif",
                "rate",
                "relay",
                "reward",
                "stimulus",
                "batch_norm",
                "facts",
            ]
        ),
    ),
    Errand(
        "encoders",
        "Encoders",
        "How a stimulus becomes spikes or graded activity, and eye movements over an image.",
        (),
        ("neurons.encoding", "neurons.eye_movements"),
    ),
    Errand(
        "projections",
        "Projections and weights",
        "One-way synapses, which of them exist, their first weights, what weights must keep to.",
        ("projections", "projections.connectivity", "plasticity.constraints"),
        ("projections.projection", "projections.weights", "projections.edges"),
    ),
    Errand(
        "rules",
        "Learning rules",
        "Rules that are shipped, rules of one's own, and the traces that they read.",
        ("plasticity.rules", "plasticity.superspike"),
        ("plasticity.traces",),
    ),
    Errand(
        "optimizers",
        "Optimizers",
        "Momentum, RMSprop, Adam and clipping, as equations of one synapse.",
        ("plasticity.optimizers",),
    ),
    Errand(
        "feedback",
        "Feedback",
        "Wirings: how the third factor reaches every population.",
        ("feedback", "feedback.wirings"),
    ),
    Errand(
        "hypotheses",
        "Hypotheses",
        "Change a network in one respect: noise, delays, Dale's law, missing synapses.",
        ("hypotheses", "hypotheses.naming"),
    ),
    Errand(
        "simulators",
        "Simulators and devices",
        "Run a network on a device: what goes in, what comes out, and the options of each.",
        ("devices",),
    ),
    Errand(
        "data",
        "Data and tasks",
        "Load data sets, make tasks, register a source of data.",
        (
            "data.datasets",
            "data.saccades",
            "data.spoken",
            "data.cochlea",
            "data.espeak",
            "data.tasks",
            "data.samples",
            "data.registry",
            "data.idx",
        ),
    ),
    Errand(
        "training",
        "Training",
        "Train and evaluate: fit, schedules, callbacks, steps, pretraining, evolution.",
        (
            "training",
            "training.fitting",
            "training.history",
            "training.callbacks",
            "training.schedules",
            "training.estimator",
            "training.loop",
            "training.presentation",
            "training.pretraining",
            "training.unsupervised",
            "training.full_batch",
            "training.evolution",
        ),
    ),
    Errand(
        "records",
        "Records",
        "What neurons did: spikes and signals as arrays with named axes and units.",
        ("records", "records.recording"),
    ),
    Errand(
        "measures",
        "Measures",
        "Numbers of records, weights and runs: spikes, tuning, representation, learning, cost.",
        tuple(
            f"measures.{name}"
            for name in [
                "agreement",
                "alignment",
                "common_mode",
                "cost",
                "dead_units",
                "event_controls",
                "kernels",
                "landscapes",
                "learning",
                "learning_speeds",
                "losses",
                "normality",
                "predictions",
                "representation",
                "saturation",
                "spike_distance",
                "spike_statistics",
                "statistic",
                "tables",
                "through_time",
                "tuning",
                "updates",
            ]
        ),
    ),
    Errand(
        "recordings",
        "Recordings",
        "Recordings made by others: what is in a file, what is chosen of it, its spikes by trial.",
        ("recordings",),
    ),
    Errand(
        "nir",
        "NIR",
        "Exchange of networks by NIR, the neuromorphic intermediate representation.",
        ("nir",),
    ),
    Errand(
        "plotting",
        "Plotting",
        "Figures of activity, learning and networks: matplotlib axes in one style.",
        ("plotting",),
    ),
    Errand(
        "runs",
        "Runs",
        "Run an experiment into a folder, resume it, open it again and analyse it.",
        (
            "runs",
            "runs.experiment",
            "runs.run",
            "runs.open",
            "runs.directory",
            "runs.final_weights",
            "runs.analysis",
            "runs.learning",
            "runs.measures",
            "runs.manifest",
            "runs.schemas",
        ),
    ),
    Errand(
        "sweeps",
        "Sweeps and statistics",
        "Factors times seeds on processes or a cluster, and what differs between them.",
        (
            "sweeps",
            "sweeps.design",
            "sweeps.results",
            "sweeps.statistics",
            "sweeps.wirings",
        ),
    ),
    Errand(
        "export",
        "Export and reports",
        "Write records in formats of neurophysiology, and a report of runs as one page.",
        ("export",),
    ),
    Errand(
        "plausibility",
        "Plausibility",
        "The scorecard of a network: which criterion, which level, and why.",
        ("plausibility", "plausibility.criteria"),
    ),
    Errand(
        "locality",
        "Dynamic locality check",
        "Perturb neurons, synapses and labels of a running network; see what changes.",
        ("locality_check", "locality_check.report", "locality_check.budget"),
        ("locality_check.causes", "locality_check.causality", "locality_check.matrices"),
    ),
    Errand(
        "scripts",
        "Scripts and studies",
        "Load the scripts of models/, write a study, take part in the gallery.",
        tuple(
            f"scripts.{name}"
            for name in [
                "models",
                "gallery",
                "command",
                "sweeping",
                "options",
                "studies",
                "layers",
                "learning",
                "spiking",
                "tables",
                "panels",
                "figures",
                "planes",
            ]
        ),
    ),
    Errand(
        "references",
        "References",
        "Backpropagation through time and margin losses that share no code with the laboratory.",
        ("reference.bptt", "reference.margin_losses"),
    ),
    Errand(
        "testing",
        "Contracts",
        "Hold populations, rules, wirings or devices of a package of one's own to their contracts.",
        ("testing", "testing.references"),
    ),
    Errand(
        "texts",
        "Model texts and registries",
        "Activation functions, fragments of equations, registries, random streams.",
        ("language.fragments", ""),
        ("language.activations", "_base.registry"),
    ),
    Errand(
        "exceptions",
        "Errors and warnings",
        "What is raised, and how to catch it.",
        ("errors",),
    ),
)

INTERNAL = {
    "_base": "nobody's errand; registries and random streams are shown",
    "_moved": "names before 0.2",
    "bench": "the command `apical bench`",
    "cli": "the command, which has pages of its own",
    "devices.": "engines of devices; their options are shown",
    "language": "the grammar of model texts; what models of one's own need is shown",
    "report": "sections of the page; `write_report` is shown",
}
"""Parts of the package that users do not import, and why; a trailing dot is all below."""

ROOMS = ("rules", "superspike", "optimizers", "encoding", "datasets", "tasks", "feedback")
ROOMS += ("connectivity",)
ROOMS += ("hypotheses", "bptt", "models")
"""Modules that `apical` hands on under a short name."""


@dataclass(frozen=True)
class Name:
    """A public name.

    Parameters
    ----------
    path
        The shortest path that leads to it, for instance ``apical.rules.stdp``.
    home
        Module that defines it.
    value
        The object.
    text
        Its docstring; of a constant, the text below it.
    """

    path: str
    home: str
    value: Any
    text: str

    @property
    def is_class(self) -> bool:
        """Whether it is a class."""
        return inspect.isclass(self.value)

    @property
    def is_function(self) -> bool:
        """Whether it is called, and no class."""
        return callable(self.value) and not self.is_class

    @property
    def line(self) -> str:
        """First line of its docstring."""
        return " ".join(self.text.partition("\n\n")[0].split())


@cache
def constants(module: str) -> Mapping[str, str]:
    """Return the constants of a module that say what they are: name -> text below it."""
    body = ast.parse(Path(str(importlib.import_module(module).__file__)).read_text()).body
    found = {}
    for node, after in pairwise(body):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        said = after.value if isinstance(after, ast.Expr) else None
        if isinstance(target, ast.Name) and isinstance(said, ast.Constant):
            found[target.id] = inspect.cleandoc(str(said.value))
    return {name: text for name, text in found.items() if not name.startswith("_")}


def homes(package: ModuleType) -> Iterator[tuple[str, str, Any]]:
    """Yield what a module defines or hands on: its name there, the module that defines it, it."""
    file = Path(str(package.__file__))
    stub = file.with_suffix(".pyi")  # lists names that are imported when they are first used
    tree = ast.parse((stub if stub.exists() else file).read_text())
    passed = {
        alias.asname: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    here = {name: getattr(package, name) for name in passed if name} | vars(package)
    for name, value in here.items():
        if name.startswith("_") or inspect.ismodule(value):
            continue
        home = getattr(value, "__module__", "") if callable(value) else passed.get(name, "")
        if not callable(value) and name in constants(package.__name__):
            home = package.__name__
        if home == package.__name__ or (name in passed and str(home).startswith("apical")):
            yield name, str(home), value


def doors() -> Iterator[tuple[str, ModuleType]]:
    """Yield the modules by which users reach names, the shortest path first."""
    yield "apical", apical
    for name in ROOMS:
        yield f"apical.{name}", getattr(apical, name)
    for errand in ERRANDS:
        for door in sorted((*errand.doors, *errand.classes), key=lambda d: d.count(".")):
            if door:
                yield f"apical.{door}", importlib.import_module(f"apical.{door}")


@cache
def shortest() -> Mapping[tuple[str, str], str]:
    """Return the shortest path of everything that a door hands on: by its home and name there."""
    found: dict[tuple[str, str], str] = {}
    for path, module in doors():
        for name, home, _ in homes(module):
            if "." in path or name not in ("dynamics", "plateaus", "unrolled"):
                found.setdefault((home, name), f"{path}.{name}")
    return found


def of_module(module: str, kind: Kind) -> Iterator[Name]:
    """Yield the public names of a module: constants only where its package hands them on."""
    door = importlib.import_module(f"apical.{module}".rstrip("."))
    for name, home, value in homes(door):
        if callable(value):
            text, wanted = inspect.getdoc(value) or "", kind(value)
        else:
            text = constants(home).get(name, "")
            wanted = isinstance(value, Registry) or (name.isupper() and home != door.__name__)
        if text and wanted:
            yield Name(shortest()[home, name], home, value, text)


def extra(errand: Errand) -> Iterator[Name]:
    """Yield what an errand has besides: options of devices, a report, registries of neurons."""
    if errand.page == "simulators":
        for device in DEVICES.values():
            options = device.options
            path = f"{options.__module__}.{options.__qualname__}"
            yield Name(path, options.__module__, options, inspect.getdoc(options) or "")
    if errand.page == "export":
        report = importlib.import_module("apical.report").write_report
        yield Name("apical.report.write_report", "apical.report", report, inspect.getdoc(report))


@cache
def by_errand() -> Mapping[str, tuple[Name, ...]]:
    """Return the public names by page; each is on the first page that has it."""
    taken: set[str] = set()
    found: dict[str, tuple[Name, ...]] = {}
    for errand in ERRANDS:
        names = [*extra(errand)]
        names += [name for door in errand.doors for name in of_module(door, anything)]
        names += [name for door in errand.classes for name in of_module(door, inspect.isclass)]
        unseen = {name.path: name for name in names if name.path not in taken}
        taken |= {*unseen}
        found[errand.page] = tuple(unseen.values())
    return found


def public() -> list[Name]:
    """Return all public names."""
    return [name for names in by_errand().values() for name in names]
