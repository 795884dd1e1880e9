"""What a run is a run of: its configuration, and what that names."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from apical._base import seeds
from apical.data import datasets
from apical.data.datasets import Dataset
from apical.devices import DEVICES, Simulator, simulate, usual
from apical.devices.surroundings import installed
from apical.errors import ParameterError, RunError
from apical.hypotheses.naming import applied
from apical.network.description import Network
from apical.plausibility import Scorecard, audit
from apical.runs.directory import CONFIG, read_json
from apical.scripts import models
from apical.training.loop import Every

PACKAGES = ("apical", "brian2", "numpy", "scikit-learn")
BACK_ENDS = ("brian2cuda", "brian2genn")


@dataclass(frozen=True)
class Experiment:
    """Everything that is needed to repeat a run.

    Parameters
    ----------
    model
        Name or path of the model script.
    options
        Options of the model.
    hypothesis
        Hypotheses that its network is put under, as `apical.hypotheses.naming.applied` reads them,
        for instance ``"sparse_feedback(wires=1)"``; empty for none.
    dataset
        Name of the data set, or path of an npz file.
    data_dir
        Where its files are; None for the usual places.
    scale
        Stored value that stands for 1; None for what `apical.data.datasets.load` finds, which is
        what the configuration of a run then says.
    train_trials, test_trials
        Number of samples to use; None for all.
    validation
        Number of training samples to hold out and evaluate on instead of the test samples.
    epochs, block, final_rate
        As in `Plan`.
    seed
        Seed of the run.
    device, dtype, dt, batch
        As in `simulate`; `dt` in [ms]. By default networks that spike run on ``cpp_standalone``
        and networks of rates on ``array``, there with 64 trials in a batch.
    closely
        Whether to measure what is most often wanted: ``"training"`` and, in networks of rates
        with a feedback pathway, ``"angles"``.
    measure
        What else to measure, names of `apical.runs.measures.MEASURES`.
    measure_every
        When: before training and after every epoch, or after every block too.
    """

    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    hypothesis: str = ""
    dataset: str = "digits"
    data_dir: str | None = None
    scale: float | None = None
    train_trials: int | None = None
    test_trials: int | None = None
    validation: int = 0
    epochs: int = 10
    block: int = 5000
    final_rate: float = 0.05
    seed: int = 0
    device: str | None = None
    dtype: Literal["float32", "float64"] = "float32"
    dt: float = 1.0
    batch: int | None = None
    closely: bool = False
    measure: Sequence[str] = ()
    measure_every: Every = "epoch"

    def __post_init__(self) -> None:
        named = not isinstance(self.measure, str) and all(isinstance(m, str) for m in self.measure)
        if not named or self.measure_every not in get_args(Every):
            raise ParameterError(
                f"An experiment needs measure, a list of names, and measure_every, one of "
                f"{', '.join(get_args(Every))}; got {self.measure!r} and {self.measure_every!r}.",
                object="Experiment",
                parameter="measure",
            )
        object.__setattr__(self, "measure", tuple(self.measure))  # a list in a file


@dataclass(frozen=True)
class Prepared:
    """An experiment, and what it names: the model, the data, the network.

    Parameters
    ----------
    experiment, model, data, network
        What is run.
    building
        Options of `simulate` that say where compiled programs are and what they are for, and
        whose arrays to work with (``library``). They belong to a machine, not to the run, and
        change nothing of it, but that libraries round differently.
    """

    experiment: Experiment
    model: models.Model
    data: Dataset
    network: Network
    building: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scorecard(self) -> Scorecard:
        """What `apical.plausibility.audit` says of the network, trained as the experiment does."""
        e = self.experiment
        return audit(self.network, batch=e.batch or 1, final_rate=e.final_rate, dtype=e.dtype)

    def simulator(self) -> Simulator:
        """Return a new simulator, at its initial state."""
        return self.looking((), ())

    def looking(self, record: Collection[str], traces: Collection[str]) -> Simulator:
        """Return one that also returns spikes and signals, as `simulate` does."""
        e = self.experiment
        return simulate(
            self.network,
            str(e.device),
            dt=e.dt,
            dtype=e.dtype,
            batch=e.batch or 1,
            record=record,
            traces=traces,
            **self.building,
        )


def prepare(experiment: Experiment, building: Mapping[str, Any] | None = None) -> Prepared:
    """Load the model and the data of an experiment, and describe its network.

    `building` is that of `Prepared`.

    Raises
    ------
    ApicalError
        If any of them is missing or does not fit.
    """
    model, data = models.load(experiment.model), load_data(experiment)
    network = describe(experiment, model, data)
    experiment = replace(experiment, scale=data.train.scale)
    return Prepared(settled(experiment, network), model, data, network, building or {})


def describe(experiment: Experiment, model: models.Model, data: Dataset) -> Network:
    """Return the network of an experiment, under its hypotheses."""
    network = model.describe(data, experiment.seed, experiment.options)
    return applied(network, experiment.hypothesis)


def load_data(experiment: Experiment) -> Dataset:
    """Return the samples that an experiment trains and tests on."""
    data = datasets.load(experiment.dataset, experiment.data_dir, experiment.scale)
    if experiment.validation:
        rng = seeds.stream(0, "validation")  # the same samples for every seed
        data = data.split(experiment.validation, rng)
    return data.subset(experiment.train_trials, experiment.test_trials)


def settled(experiment: Experiment, network: Network) -> Experiment:
    """Return the experiment with the device and the batch that suit the network."""
    device = experiment.device or usual(network)
    batch = experiment.batch or (64 if DEVICES[device].takes("batch") else 1)
    return replace(experiment, device=device, batch=batch)


def read_experiment(out: Path) -> Experiment:
    """Return what the run of a directory is a run of.

    Raises
    ------
    RunError
        If the configuration is damaged.
    """
    path, found = out / CONFIG, {}
    config = read_json(path)
    for name, kinds in _FIELDS.items():
        if name not in config and name in LATER:
            continue
        if name not in config:
            raise RunError(f"{path} is damaged: it lacks {name!r}.")
        wrong_bool = isinstance(config[name], bool) and kinds is not bool
        if not isinstance(config[name], kinds) or wrong_bool:
            raise RunError(f"{path} is damaged: {name!r} is {config[name]!r}.")
        found[name] = config[name]
    if "scale" not in config:
        found["scale"] = datasets.former_scale(found["dataset"])
    return Experiment(**{k: v for k, v in found.items() if k in Experiment.__dataclass_fields__})


_FIELDS: dict[str, Any] = {
    "name": str,
    "model": str,
    "options": dict,
    "hypothesis": str,
    "dataset": str,
    "data_dir": str | None,
    "scale": int | float | None,
    "train_trials": int | None,
    "test_trials": int | None,
    "validation": int,
    "epochs": int,
    "block": int,
    "final_rate": int | float,
    "seed": int,
    "device": str,
    "dtype": str,
    "dt": int | float,
    "batch": int,
    "closely": bool,
    "measure": list,
    "measure_every": str,
    "model_sha256": str,
    "data_sha256": str,
}
"""What a configuration must hold, and of which type."""

LATER = ("measure", "measure_every", "hypothesis", "scale")
"""What runs of earlier versions do not say, and did as by default, or as `former_scale` says."""


def check_same(path: Path, config: Mapping[str, Any], prepared: Prepared) -> None:
    """Raise if the model or the data of a run changed since its configuration was written."""
    for name, now, thing in (
        ("model_sha256", prepared.model.sha256, f"the model {prepared.model.path}"),
        ("data_sha256", fingerprint(prepared.data), f"the data set {prepared.data.name}"),
    ):
        if config[name] != now:
            raise RunError(
                f"Run {path} cannot go on: {thing} changed since it began. Restore it, or start a "
                "new run.",
                object=f"Run {path}",
            )


def check_settings(out: Path, experiment: Experiment) -> None:
    """Raise if the run of a directory is a run of something else."""
    found = read_experiment(out)
    device, batch = experiment.device or found.device, experiment.batch or found.batch
    scale = found.scale if experiment.scale is None else experiment.scale
    if replace(experiment, device=device, batch=batch, scale=scale) != found:
        raise RunError(
            f"{out} holds a run with other settings; give another --out, or remove it.",
            object=str(out),
        )


def versions(library: str = "numpy") -> dict[str, str]:
    """Return the versions of what results depend on, with arrays of a library."""
    more = [*BACK_ENDS, *["torch"] * library.startswith("torch")]
    packages = [*PACKAGES, *filter(installed, more)]
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), "system": platform.platform(), **found}


def fingerprint(data: Dataset) -> str:
    """Return a check sum of all samples and labels."""
    digest = hashlib.sha256()
    for samples in (data.train, data.test):
        for array in (samples.values, samples.labels):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
