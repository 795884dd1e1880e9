"""Experiments: the configuration of a run, with its model, data and hyperparameters."""

import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from apical._base import seeds
from apical._base.checking import check_fields, shown
from apical._base.parameters import Count, Positive
from apical._base.private_paths import bare
from apical.data import datasets
from apical.data.datasets import Dataset
from apical.devices import (
    DEVICES,
    Simulator,
    outputs,
    simulate,
    transports,
    usual,
    usual_options,
)
from apical.devices.surroundings import installed
from apical.errors import ParameterError, RunError
from apical.hypotheses.naming import applied
from apical.network.description import Network
from apical.plausibility import Scorecard, audit
from apical.runs.directory import ARRAYS, LOCAL, NETWORK, bound, read_arrays, read_json
from apical.runs.manifest import CONFIG, Manifest
from apical.runs.stored_network import StoredNetwork, from_data
from apical.scripts import models
from apical.training.loop import Every

PACKAGES = ("apical", "brian2", "numpy", "scipy")
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
        As in `simulate`; `dt` in [ms]. By default spiking networks run on ``cpp_standalone``, those
        that learn by backpropagation through time on ``lockstep``, and rate networks on ``array``;
        on the last two with a batch size of 64.
    surrogate, steepness, through_reset
        As in `simulate` on device ``lockstep``, for backpropagation through time.
    in_flight
        As in `simulate` on device ``mpi``: number of batches in flight.
    closely
        Whether to measure ``"training"`` accuracy and, in rate networks with a feedback pathway,
        alignment ``"angles"``.
    measure
        Further measures, names of `apical.runs.measures.MEASURES`.
    measure_every
        When to measure: before training and after every epoch, or also after every block.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment
    >>> experiment = Experiment("rate_dfa", options={"hidden": 10}, epochs=2)
    >>> experiment.dataset, experiment.seed, experiment.final_rate
    ('digits', 0, 0.05)
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
    surrogate: Literal["fast_sigmoid", "arctan", "triangle", "gain", "sigmoid"] = field(
        default="fast_sigmoid", metadata=LATER
    )
    steepness: Positive = field(default=25.0, metadata=LATER)
    through_reset: bool = field(default=False, metadata=LATER)
    in_flight: Count = field(default=1, metadata=LATER)
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
        Machine-specific options of `simulate`: compiled programs, array ``library``, and ``place``
        and ``patience`` of ranks. They are not part of the experiment and do not change its
        results, except by rounding.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment, prepare
    >>> prepared = prepare(Experiment("rate_dfa", options={"hidden": 10}))
    >>> prepared.network.plastic[0].name, prepared.data.name
    ('stimulus_to_hidden', 'digits')
    >>> prepared.experiment.device, prepared.experiment.batch
    ('array', 64)
    >>> prepared.scorecard.is_local
    True
    """

    experiment: Experiment
    model: models.ModelAbout
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
        needs = outputs.needed(self.network)  # where targets have frames
        record, traces = dict.fromkeys((*needs[0], *record)), dict.fromkeys((*needs[1], *traces))
        return simulate(
            self.network,
            str(self.experiment.device),
            **of_simulate(self.experiment, self.network),
            record=tuple(record),
            traces=tuple(traces),
            **self.building,
        )


def prepare(experiment: Experiment, building: Mapping[str, Any] | None = None) -> Prepared:
    """Load the model and the data of an experiment, and build its network.

    `building` is that of `Prepared`.

    Parameters
    ----------
    experiment
        The experiment.
    building
        That of `Prepared`.

    Raises
    ------
    ApicalError
        If any of them is missing or does not fit.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment, prepare
    >>> prepared = prepare(Experiment("rate_dfa", options={"hidden": 10}, train_trials=100))
    >>> len(prepared.data.train)
    100
    >>> with prepared.simulator() as simulator:
    ...     simulator.weights("stimulus_to_hidden").shape
    (64, 10)
    >>> prepare(Experiment("rate_dfa", options={"hiden": 10}))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Model ...rate_dfa.py has no option ...
    """
    model, data = models.load(experiment.model), load_data(experiment)
    network = describe(experiment, model, data)
    chosen = settled(replace(experiment, scale=data.train.scale), network)
    return _prepared(chosen, model.about, data, network, building)


def _prepared(
    experiment: Experiment,
    model: models.ModelAbout,
    data: Dataset,
    network: Network,
    building: Mapping[str, Any] | None,
) -> Prepared:
    """Return an experiment with its parts, and with the options that its network needs."""
    needed = usual_options(network, str(experiment.device))
    return Prepared(experiment, model, data, network, {**needed, **(building or {})})


def prepare_recorded(
    out: Path,
    experiment: Experiment,
    building: Mapping[str, Any] | None = None,
    *,
    trust: Path | None = None,
) -> Prepared:
    """Load the data of a run, and rebuild its network from its directory.

    The network is made from data (``network.json``). Only where these cannot hold it, or there are
    none, a script is imported: one that `trusted` lets pass.

    Parameters
    ----------
    out
        Directory of the run.
    experiment
        Its experiment.
    building
        That of `Prepared`.
    trust
        A script to import if need be.

    Raises
    ------
    RunError
        If a file is not that of the run, the network cannot be rebuilt, or the data changed.
    """
    config, manifest = bound(out)
    stored = read_network(out, manifest)
    if stored is not None and stored.network is not None:
        data = load_data(experiment)
        settled_ones = settled(replace(experiment, scale=data.train.scale), stored.network)
        prepared = _prepared(settled_ones, stored.model, data, stored.network, building)
    else:
        why = stored.lacks[0] if stored else "it has no network.json, as runs of before 0.2"
        script, data = trusted(out, config, trust, why), load_data(experiment)
        model = models.load(str(script), str(config["model_sha256"]))
        network = describe(experiment, model, data)
        experiment = replace(experiment, scale=data.train.scale)
        about = replace(model.about, path=Path(experiment.model))
        prepared = _prepared(settled(experiment, network), about, data, network, building)
    if config["data_sha256"] != fingerprint(data):
        raise RunError(
            f"Run {out} cannot be resumed: the data set {data.name} changed since it began. "
            "Restore it, or start a new run.",
            object=f"Run {out}",
        )
    return prepared


def read_network(out: Path, manifest: Manifest | None) -> StoredNetwork | None:
    """Read the network of a run; None where the run is of before there were networks as data."""
    if manifest is None:
        return None
    manifest.check(NETWORK, ARRAYS)
    if NETWORK not in manifest.files:
        return None
    arrays = read_arrays(out / ARRAYS) if ARRAYS in manifest.files else {}
    return from_data(read_json(out / NETWORK), arrays, out / NETWORK)


def trusted(out: Path, config: Mapping[str, Any], trust: Path | None, why: str) -> Path:
    """Return the script that may be imported to rebuild the network of a run, and say so.

    It has the checksum that the run recorded, and is either a model of the package, or named by the
    user and outside the run's directory.

    Parameters
    ----------
    out
        Directory of the run.
    config
        Its configuration.
    trust
        The script that the user names; None for none.
    why
        Why data do not suffice.

    Raises
    ------
    RunError
        If there is no such script.
    """
    whole = _with_paths(out, config)
    wanted, recorded = str(config["model_sha256"]), Path(str(whole["model"]))
    script = trust if trust is not None else models.own(recorded.stem)
    if trust is not None and (not trust.is_file() or trust.resolve().is_relative_to(out.resolve())):
        what = "lies in the run's directory" if trust.is_file() else "does not exist"
        raise RunError(
            f"Run {out}: {trust} is not imported, since it {what}; give --trust a file of your own."
        )
    found = hashlib.sha256(script.read_bytes()).hexdigest() if script is not None else ""
    if script is not None and found == wanted:
        print(f"apical: importing {script} (SHA-256 {found})", file=sys.stderr)
        return script
    if trust is not None:
        raise RunError(
            f"Run {out}: {trust} is not imported, since it is not the script that the run began "
            f"with (SHA-256 {wanted[:12]}..., that of {trust.name} is {found[:12]}...)."
        )
    raise RunError(
        f"Run {out} cannot be rebuilt from data alone ({why[:150]}): it needs the script that it "
        f"began with (SHA-256 {wanted[:12]}...). If you trust it, name it: --trust "
        f"{str(recorded)[-150:]}.",
        object=f"Run {out}",
    )


def describe(experiment: Experiment, model: models.Model, data: Dataset) -> Network:
    """Return the network of an experiment, with its hypotheses applied.

    Parameters
    ----------
    experiment, model, data
        The experiment, its model and its data.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.runs.experiment import Experiment, describe, load_data
    >>> experiment = Experiment("rate_dfa", hypothesis="sparse_feedback(wires=1)")
    >>> net = describe(experiment, ap.models.load("rate_dfa"), load_data(experiment))
    >>> feedback = net.projection("error_to_hidden")

    Each of 100 hidden neurons hears of one of 10 error neurons:

    >>> int((net.initial_weights(feedback) != 0).sum()), feedback.shape
    (100, (10, 100))
    """
    network = model.describe(data, experiment.seed, experiment.options)
    return applied(network, experiment.hypothesis)


def load_data(experiment: Experiment) -> Dataset:
    """Return the training and test (or validation) samples of an experiment.

    Parameters
    ----------
    experiment
        The experiment.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment, load_data
    >>> data = load_data(Experiment("rate_dfa", train_trials=200, validation=50))
    >>> len(data.train), len(data.test)
    (200, 50)
    """
    data = datasets.load(experiment.dataset, experiment.data_dir, experiment.scale)
    if experiment.validation:
        rng = seeds.stream(0, "validation")  # the same samples for every seed
        data = data.split(experiment.validation, rng)
    return data.subset(experiment.train_trials, experiment.test_trials)


def public(experiment: Experiment) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the fields of an experiment without paths of this machine, and these paths.

    Of a script or a file of data the name stays; a folder is left out, as if none had been named.
    """
    given = asdict(experiment)
    local = {k: str(v) for k in _PATHS if (v := given[k]) is not None and bare(v) != v}
    return given | {k: None if k == "data_dir" else bare(v) for k, v in local.items()}, local


def _with_paths(out: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the paths of this machine that belong to it."""
    if not (out / LOCAL).exists():
        return dict(config)
    found = read_json(out / LOCAL)
    told = {k: found[k] for k in _PATHS if found.get(k)}
    fits = {
        k: v for k, v in told.items() if config.get(k) == (None if k == "data_dir" else bare(v))
    }
    return {**config, **fits}


_PATHS = ("model", "dataset", "data_dir")
"""Fields of an `Experiment` that may be paths."""


def settled(experiment: Experiment, network: Network) -> Experiment:
    """Return the experiment with the default device and batch size of its network filled in.

    Parameters
    ----------
    experiment, network
        The experiment, and its network.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment, settled
    >>> from apical.testing.references import rates, spiking
    >>> plan = Experiment("rate_dfa")
    >>> [(e.device, e.batch) for e in (settled(plan, rates()), settled(plan, spiking()))]
    [('array', 64), ('cpp_standalone', 1)]
    """
    device = experiment.device or usual(network)
    # trials that begin where the one before them ended cannot run at once
    at_once = DEVICES[device].takes("batch") and (network.reset or not network.is_spiking)
    batch = experiment.batch or (64 if at_once else 1)
    return replace(experiment, device=device, batch=batch)


def of_simulate(experiment: Experiment, network: Network) -> dict[str, Any]:
    """Return the options of `simulate` that an experiment has for its network.

    Parameters
    ----------
    experiment, network
        The experiment, settled, and its network.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.runs.experiment import Experiment, of_simulate, settled
    >>> from apical.testing.references import spiking
    >>> net = spiking()
    >>> of_simulate(settled(Experiment("spiking_dfa"), net), net)
    {'dt': 1.0, 'dtype': 'float32', 'batch': 1}
    >>> net = net.rewired(ap.feedback.transposed)
    >>> of_simulate(settled(Experiment("spiking_dfa"), net), net)["surrogate"]
    'fast_sigmoid'
    """
    e = experiment
    found: dict[str, Any] = {"dt": e.dt, "dtype": e.dtype, "batch": e.batch or 1}
    if transports(network) and DEVICES[str(e.device)].takes("surrogate"):
        found |= {name: getattr(e, name) for name in SURROGATES}
    if e.in_flight > 1 or DEVICES[str(e.device)].takes("in_flight"):
        found["in_flight"] = e.in_flight  # other devices refuse it
    return found


SURROGATES = ("surrogate", "steepness", "through_reset")
"""Fields of an `Experiment` that matter where gradients go back through time."""


def read_experiment(out: Path) -> Experiment:
    """Read the experiment of a run directory.

    Parameters
    ----------
    out
        Directory of the run.

    Raises
    ------
    RunError
        If the configuration is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment, read_experiment
    >>> from apical.runs.run import run
    >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     found = read_experiment(Path(folder) / "run")
    >>> found.model, found.epochs, found.device, found.batch
    ('rate_dfa', 1, 'array', 64)
    """
    path = out / CONFIG
    config, _ = bound(out)
    known = {f.name: f.metadata == LATER for f in fields(Experiment)}
    for name, is_later in (dict.fromkeys(_BESIDES, False) | known).items():
        if name not in config and not is_later:
            raise RunError(f"{path} is damaged: it lacks {name!r}.")
    wrong = [name for name in _BESIDES if not isinstance(config[name], str)]
    if wrong:
        raise RunError(f"{path} is damaged: {wrong[0]!r} is {shown(config[wrong[0]])}.")
    try:
        whole = _with_paths(out, config)
        found = Experiment(**{name: whole[name] for name in known if name in whole})
    except ParameterError as error:
        raise RunError(f"{path} is damaged: {error.message}") from None
    former = "scale" not in config
    return replace(found, scale=datasets.former_scale(found.dataset)) if former else found


_BESIDES = ("name", "model_sha256", "data_sha256")
"""Text entries of a configuration besides the fields of an `Experiment`."""


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
    """Return the versions of the packages that results depend on, for an array library.

    Parameters
    ----------
    library
        Array library, as in `simulate`.

    Examples
    --------
    >>> from apical.runs.experiment import versions
    >>> sorted(versions())
    ['apical', 'brian2', 'numpy', 'python', 'scipy', 'system']
    """
    libraries = ["torch"] if library.startswith("torch") else []
    packages = [*PACKAGES, *filter(installed, [*BACK_ENDS, *libraries])]
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), "system": platform.platform(), **found}


def fingerprint(data: Dataset) -> str:
    """Return a check sum of all samples and labels.

    Parameters
    ----------
    data
        The data set.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.runs.experiment import fingerprint
    >>> data = ap.datasets.load("digits")
    >>> fingerprint(data) == fingerprint(ap.datasets.load("digits"))
    True
    >>> fingerprint(data) == fingerprint(data.subset(100, 50))
    False
    """
    digest = hashlib.sha256()
    for samples in (data.train, data.test):
        for array in samples.arrays:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
