"""Experiments: the configuration of a run, with its model, data and hyperparameters."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from apical._base import seeds
from apical._base.checking import check_fields, shown
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

LATER = {"later": True}
"""Mark of fields missing from configurations of earlier versions, which behaved as the default."""


@dataclass(frozen=True)
class Experiment:
    """The configuration of a run: model, data, hyperparameters, device and measures.

    ``config.json`` holds its fields by name, and is checked against their types when it is read.

    Parameters
    ----------
    model
        Name or path of the model script.
    options
        Options of the model.
    hypothesis
        Plausibility hypotheses applied to its network, as `apical.hypotheses.naming.applied` reads
        them, for instance ``"sparse_feedback(wires=1)"``; empty for none.
    dataset
        Name of the data set, or path of an npz file.
    data_dir
        Folder of its files; None for the default places.
    scale
        Input normalisation: stored value that stands for 1; None for that found by
        `apical.data.datasets.load`, which is then written to the configuration.
    train_trials, test_trials
        Number of samples to use; None for all.
    validation
        Size of the validation set: training samples held out and evaluated on instead of the test
        samples.
    epochs, block, final_rate
        As in `Plan`.
    seed
        Seed of the run.
    device, dtype, dt, batch
        As in `simulate`; `dt` in [ms]. By default spiking networks run on ``cpp_standalone`` and
        rate networks on ``array``, there with a batch size of 64.
    closely
        Whether to measure ``"training"`` accuracy and, in rate networks with a feedback pathway,
        alignment ``"angles"``.
    measure
        Further measures, names of `apical.runs.measures.MEASURES`.
    measure_every
        When to measure: before training and after every epoch, or also after every block.
    """

    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    hypothesis: str = field(default="", metadata=LATER)
    dataset: str = "digits"
    data_dir: str | None = None
    scale: float | None = field(default=None, metadata=LATER)
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
    measure: Sequence[str] = field(default=(), metadata=LATER)
    measure_every: Every = field(default="epoch", metadata=LATER)

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "measure", tuple(self.measure))  # a list in a file


@dataclass(frozen=True)
class Prepared:
    """An experiment with its model, data and network loaded.

    Parameters
    ----------
    experiment, model, data, network
        The experiment and its parts.
    building
        Machine-specific options of `simulate`: compiled programs and array ``library``. They are
        not part of the experiment and do not change its results, except by rounding.
    """

    experiment: Experiment
    model: models.Model
    data: Dataset
    network: Network
    building: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scorecard(self) -> Scorecard:
        """The scorecard of the network (`apical.plausibility.audit`), under this training."""
        e = self.experiment
        return audit(self.network, batch=e.batch, final_rate=e.final_rate, dtype=e.dtype)

    def simulator(self) -> Simulator:
        """Return a new simulator, at its initial state."""
        return self.looking((), ())

    def looking(self, record: Collection[str], traces: Collection[str]) -> Simulator:
        """Return a new simulator that also records spikes and signals, as `simulate` does."""
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
    """Load the model and the data of an experiment, and build its network.

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
    """Return the network of an experiment, with its hypotheses applied."""
    network = model.describe(data, experiment.seed, experiment.options)
    return applied(network, experiment.hypothesis)


def load_data(experiment: Experiment) -> Dataset:
    """Return the training and test (or validation) samples of an experiment."""
    data = datasets.load(experiment.dataset, experiment.data_dir, experiment.scale)
    if experiment.validation:
        rng = seeds.stream(0, "validation")  # the same samples for every seed
        data = data.split(experiment.validation, rng)
    return data.subset(experiment.train_trials, experiment.test_trials)


def settled(experiment: Experiment, network: Network) -> Experiment:
    """Return the experiment with the default device and batch size of its network filled in."""
    device = experiment.device or usual(network)
    batch = experiment.batch or (64 if DEVICES[device].takes("batch") else 1)
    return replace(experiment, device=device, batch=batch)


def read_experiment(out: Path) -> Experiment:
    """Read the experiment of a run directory.

    Raises
    ------
    RunError
        If the configuration is damaged.
    """
    path = out / CONFIG
    config = read_json(path)
    known = {f.name: f.metadata == LATER for f in fields(Experiment)}
    for name, is_later in (dict.fromkeys(_BESIDES, False) | known).items():
        if name not in config and not is_later:
            raise RunError(f"{path} is damaged: it lacks {name!r}.")
    wrong = [name for name in _BESIDES if not isinstance(config[name], str)]
    if wrong:
        raise RunError(f"{path} is damaged: {wrong[0]!r} is {shown(config[wrong[0]])}.")
    try:
        found = Experiment(**{name: config[name] for name in known if name in config})
    except ParameterError as error:
        raise RunError(f"{path} is damaged: {error.message}") from None
    former = "scale" not in config
    return replace(found, scale=datasets.former_scale(found.dataset)) if former else found


_BESIDES = ("name", "model_sha256", "data_sha256")
"""Text entries of a configuration besides the fields of an `Experiment`."""


def check_same(path: Path, config: Mapping[str, Any], prepared: Prepared) -> None:
    """Raise if the model or the data of a run changed since its configuration was written."""
    for name, now, thing in (
        ("model_sha256", prepared.model.sha256, f"the model {prepared.model.path}"),
        ("data_sha256", fingerprint(prepared.data), f"the data set {prepared.data.name}"),
    ):
        if config[name] != now:
            raise RunError(
                f"Run {path} cannot be resumed: {thing} changed since it began. Restore it, or "
                "start a new run.",
                object=f"Run {path}",
            )


def check_settings(out: Path, experiment: Experiment) -> None:
    """Raise if a directory holds the run of another experiment."""
    found = read_experiment(out)
    device, batch = experiment.device or found.device, experiment.batch or found.batch
    scale = found.scale if experiment.scale is None else experiment.scale
    if replace(experiment, device=device, batch=batch, scale=scale) != found:
        raise RunError(
            f"{out} holds a run with other settings; give another --out, or remove it.",
            object=str(out),
        )


def versions(library: str = "numpy") -> dict[str, str]:
    """Return the versions of the packages that results depend on, for an array library."""
    libraries = ["torch"] if library.startswith("torch") else []
    packages = [*PACKAGES, *filter(installed, [*BACK_ENDS, *libraries])]
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
