"""Comparison of one model under several wirings of its feedback."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from apical import plotting
from apical._base.checking import shown
from apical._base.metric_names import Metric, headline, parts
from apical.devices import DEVICES, check_simulation, usual_options
from apical.errors import ParameterError, ScriptError
from apical.feedback.wirings import label
from apical.network.description import Network
from apical.runs.directory import METRICS, checked_files, read_metrics
from apical.runs.experiment import (
    Experiment,
    check_settings,
    describe,
    load_data,
    of_simulate,
    settled,
)
from apical.runs.manifest import CONFIG
from apical.runs.run import resume, run
from apical.scripts import models, studies
from apical.sweeps.parallel import in_parallel

TABLE, FIGURE, CHOICES = "comparison.csv", "comparison.png", "choices.csv"
"""Files of a comparison: its table, its figure, and what options were chosen by."""
CHOOSING = "choosing"
"""Folder of the runs that options were chosen by, in that of their wiring."""


@dataclass(frozen=True)
class Outcome:
    """Results of the runs under one wiring, one value for each seed.

    Parameters
    ----------
    wiring
        Its name, as in `apical.feedback.WIRINGS`.
    test_error, train_error
        Final errors, with learning off: fraction of wrong decisions; of targets, of trials with a
        wrong label, or of the variance that is not predicted (1 - R2).
    seconds
        Time spent training, measurements included [s].
    curves
        Values after every epoch, shape (n_seeds, n_epochs + 1), by metric: a name, or a pair of a
        name and a population or projection.
    spikes
        Spikes of hidden and output neurons in a test trial; empty where none spike.
    place
        Where the runs were made.
    options
        Options of the model that were chosen on validation samples.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.sweeps.wirings import Outcome
    >>> errors = np.array([0.02, 0.03])
    >>> outcome = Outcome("dfa", errors, errors / 2, np.array([10.0, 12.0]), {})
    >>> round(float(outcome.test_error.mean()), 3)
    0.025
    """

    wiring: str
    test_error: np.ndarray
    train_error: np.ndarray
    seconds: np.ndarray
    curves: Mapping[Metric, np.ndarray]
    spikes: np.ndarray = field(default_factory=lambda: np.zeros(0))
    place: "Place | None" = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where the runs under one wiring are made.

    Parameters
    ----------
    device, batch
        Device, and trials per weight update.
    network
        The network under this wiring.
    building
        Options of `simulate` that belong to the machine, such as ``library``.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps.wirings import places
    >>> found = places(Experiment("rate_dfa"), ["bp", "dfa"])
    >>> [(wiring, place.device, place.batch, place.told) for wiring, place in found.items()]
    [('bp', 'array', 64, 'array, batch 64'), ('dfa', 'array', 64, 'array, batch 64')]
    """

    device: str
    batch: int
    network: Network
    building: Mapping[str, Any]

    @property
    def told(self) -> str:
        """Return it in a few words."""
        library = self.building.get("library", "")
        with_library = f" ({library})" if library else ""
        return f"{self.device}{with_library}, batch {self.batch}"


def places(
    experiment: Experiment, wirings: Sequence[str], building: Mapping[str, Any] | None = None
) -> dict[str, Place]:
    """Return where the runs under each wiring are made, or raise if one cannot be.

    Where the experiment names no device, every wiring has the usual one of its network: in a
    spiking network backpropagation runs on device ``lockstep``, with PyTorch.

    Parameters
    ----------
    experiment, wirings, building
        As in `compare`.

    Raises
    ------
    ApicalError
        If a network cannot be built, or its device cannot run it.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps.wirings import places
    >>> places(Experiment("rate_dfa"), ["ifa"])["ifa"].device
    'array'
    """
    model, data, found = models.load(experiment.model), load_data(experiment), {}
    for wiring in wirings:
        options = {**experiment.options, "wiring": wiring}
        network = describe(replace(experiment, options=options), model, data)
        e = settled(experiment, network)
        device = DEVICES[str(e.device)]
        given = {
            name: value
            for name, value in (building or {}).items()
            if experiment.device or device.takes(name)  # another wiring's device may take it
        }
        needed = usual_options(network, device.name) | given
        check_simulation(network, device.name, **(needed | of_simulate(e, network)))
        found[wiring] = Place(device.name, e.batch or 1, network, needed)
    return found


def compare(
    experiment: Experiment,
    wirings: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    *,
    choose: Mapping[str, Sequence[Any]] | None = None,
    building: Mapping[str, Any] | None = None,
    jobs: int = 1,
    progress: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Train a model under each wiring with each seed, and write a table and a figure.

    Finished runs in `out` are used as they are, and unfinished ones are resumed; so the same call
    resumes an interrupted comparison.

    Parameters
    ----------
    experiment
        The configuration; its model has an option ``wiring``. Its own wiring and seed are ignored.
    wirings
        Names of `apical.feedback.WIRINGS`.
    seeds
        Seeds of the runs under each wiring.
    out
        Folder of all run directories, ``<wiring>/seed<k>``.
    choose
        Option of the model -> values. Under each wiring every combination of these is first
        trained with the first seed, in ``<wiring>/choosing/...``, and the best one on the
        ``validation`` samples of the experiment is used; then all seeds are trained with all
        training samples, and evaluated on test samples.
    building
        Options of `simulate` that belong to the machine, such as ``library``.
    jobs
        Number of runs at the same time, each in a process with one thread (`in_parallel`).
    progress
        Whether to show progress bars.
    stop
        As in `apical.runs.run.run`.

    Returns
    -------
    list
        What was reached under each wiring.

    Raises
    ------
    ParameterError, ScriptError
        If the model does not offer these wirings or options, or there are no validation samples to
        choose by.
    ApicalError
        If the device of a wiring cannot run its network, before anything is trained.

    Examples
    --------
    A model, four wirings, three seeds, a table and a figure::

        plan = Experiment("rate_dfa", dataset="mnist", epochs=5)
        compare(plan, ["bp", "fa", "dfa", "ifa"], [0, 1, 2], Path("runs/wirings"))

    Nothing is trained where a wiring does not exist:

    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps.wirings import compare
    >>> plan = Experiment("rate_dfa")
    >>> compare(plan, ["bp", "dfb"], [0], Path("runs/wirings"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Model ...rate_dfa.py knows the ...
    """
    model = models.load(experiment.model)
    check_wirings(model, wirings)
    check_choices(model, choose or {}, experiment)
    final = replace(experiment, closely=True)
    final = replace(final, validation=0) if choose else final
    found = places(final, wirings, building)
    how: dict[str, Any] = {"progress": progress, "stop": stop}
    quickly, train = _Training(jobs, {**how, "draw": False}), _Training(jobs, how)
    tried = replace(experiment, test_trials=None)  # all validation samples
    best = _chosen(tried, found, choose, seeds[0], out, quickly) if choose else {}
    plans = {
        wiring: [
            _plan(final, wiring, {**best.get(wiring, {})}, seed, out / wiring / f"seed{seed}")
            for seed in seeds
        ]
        for wiring in wirings
    }
    summaries = train(plans, found)
    outcomes = [
        _outcome(
            wiring,
            summaries[wiring],
            [folder for _, folder in plans[wiring]],
            found[wiring],
            best.get(wiring, {}),
        )
        for wiring in wirings
    ]
    _write(outcomes, out)
    return outcomes


Plans = Mapping[str, Sequence[tuple[Experiment, Path]]]
"""Wiring -> its runs: experiments, and their directories."""


@dataclass(frozen=True)
class _Training:
    """Runs what is planned under each wiring, and returns the summaries.

    Parameters
    ----------
    jobs
        Number of runs at the same time.
    how
        Options of `run` and of `resume`.
    """

    jobs: int
    how: Mapping[str, Any]

    def __call__(self, plans: Plans, found: Mapping[str, Place]) -> dict[str, list[dict[str, Any]]]:
        if self.jobs > 1:
            for building in _different(found.values()):
                some = [
                    plan
                    for wiring, those in plans.items()
                    if found[wiring].building == building
                    for plan in those
                ]
                in_parallel(some, self.jobs, building=building, **self.how)
        return {
            wiring: [self._one(one, folder, found[wiring].building) for one, folder in those]
            for wiring, those in plans.items()
        }

    def _one(self, one: Experiment, folder: Path, building: Mapping[str, Any]) -> dict[str, Any]:
        how: dict[str, Any] = {**self.how, "building": building}
        if not (folder / CONFIG).exists():
            return run(one, folder, **how)
        check_settings(folder, one)
        script = models.find(one.model)  # named by the user
        return resume(folder, trust=script, **how)


def _different(found: Iterable[Place]) -> list[Mapping[str, Any]]:
    """Return the options of machines, each once."""
    kept: list[Mapping[str, Any]] = []
    for place in found:
        if place.building not in kept:
            kept.append(place.building)
    return kept


def _plan(
    experiment: Experiment, wiring: str, chosen: Mapping[str, Any], seed: int, folder: Path
) -> tuple[Experiment, Path]:
    options = {**experiment.options, **chosen, "wiring": wiring}
    return replace(experiment, options=options, seed=seed), folder


def _chosen(
    experiment: Experiment,
    found: Mapping[str, Place],
    choose: Mapping[str, Sequence[Any]],
    seed: int,
    out: Path,
    train: _Training,
) -> dict[str, dict[str, Any]]:
    """Return the best options under each wiring, by the score of validation samples."""
    grid = [dict(zip(choose, values, strict=True)) for values in product(*choose.values())]
    plans = {
        wiring: [
            _plan(experiment, wiring, options, seed, out / wiring / CHOOSING / _named(options))
            for options in grid
        ]
        for wiring in found
    }
    scores = {
        wiring: [float(summary[headline(summary)]) for summary in summaries]
        for wiring, summaries in train(plans, found).items()
    }
    best = {wiring: grid[int(np.argmax(those))] for wiring, those in scores.items()}
    rows = [
        {"wiring": wiring, **options, "score": score, "best": options == best[wiring]}
        for wiring, those in scores.items()
        for options, score in zip(grid, those, strict=True)
    ]
    studies.write_table(out / CHOICES, rows)
    return best


def _named(options: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in options.items())


def check_choices(
    model: models.Model, choose: Mapping[str, Sequence[Any]], experiment: Experiment
) -> None:
    """Raise if options cannot be chosen on validation samples.

    Parameters
    ----------
    model
        The model.
    choose, experiment
        As in `compare`.

    Raises
    ------
    ParameterError
        If the model has no such option, there is no value, or no validation samples.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps.wirings import check_choices
    >>> model = ap.models.load("rate_dfa")
    >>> check_choices(model, {"eta": [0.1, 0.3]}, Experiment("rate_dfa", validation=100))
    >>> check_choices(model, {"eta": [0.1, 0.3]}, Experiment("rate_dfa"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Choosing 'eta' needs validation samples; ...
    """
    known = [option.name for option in model.options if option.name != "wiring"]
    for name, values in choose.items():
        if name not in known or not values:
            raise ParameterError(
                f"Model {model.path} has the options {', '.join(known)}, of which one or more "
                f"values each can be compared; got {shown(name)} with {len(values)} values.",
                object=f"Model {model.path}",
                parameter="choose",
            )
    if choose and not experiment.validation:
        raise ParameterError(
            f"Choosing {', '.join(map(repr, choose))} needs validation samples; hold out some of "
            "the training samples: validation=1000 (--validation 1000).",
            object="compare",
            parameter="validation",
        )


def check_wirings(model: models.Model, wirings: Sequence[str]) -> None:
    """Raise if a model does not offer these wirings.

    Parameters
    ----------
    model
        The model.
    wirings
        Names of wirings.

    Raises
    ------
    ParameterError, ScriptError
        If it does not.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.sweeps.wirings import check_wirings
    >>> check_wirings(ap.models.load("rate_dfa"), ["bp", "dfa"])
    >>> check_wirings(ap.models.load("rate_dfa"), ["bb"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Model ...rate_dfa.py knows the ...
    """
    known = next((option for option in model.options if option.name == "wiring"), None)
    if known is None:
        raise ScriptError(
            f"Model {model.path} has no option 'wiring', so its wirings cannot be compared; give "
            "build the keyword wiring: Annotated[str, feedback.WIRINGS] = 'dfa'.",
            object=f"Model {model.path}",
        )
    strangers = [w for w in wirings if w not in known.choices]
    if strangers or not wirings or len(set(wirings)) < len(wirings):
        raise ParameterError(
            f"Model {model.path} knows the wirings {', '.join(known.choices)}; name some of them, "
            f"each once, got {', '.join(wirings) or 'none'}.",
            object=f"Model {model.path}",
            parameter="wirings",
        )


def _outcome(
    wiring: str,
    summaries: Sequence[Mapping[str, Any]],
    folders: Sequence[Path],
    place: Place,
    options: Mapping[str, Any],
) -> Outcome:
    for folder in folders:
        checked_files(folder, METRICS)
    tables = [_by_metric(folder / METRICS) for folder in folders]
    names = [name for name in tables[0] if parts(name)[0] != "rate"]
    curves = {name: np.array([table[name] for table in tables]) for name in names}
    name = headline(summaries[0])
    return Outcome(
        wiring,
        1 - np.array([s[name] for s in summaries]),
        1 - curves[f"train_{name.removeprefix('test_')}"][:, -1],
        np.array([s["train_seconds"] for s in summaries]),
        curves,
        np.array([spikes for table in tables for spikes in _spikes(table, place.network)]),
        place,
        options,
    )


def _spikes(table: Mapping[Metric, Sequence[float]], network: Network) -> list[float]:
    """Return the spikes of hidden and output neurons in a trial, if any spike."""
    found = [
        table["rate", p.name][-1] * p.size * network.counted_seconds
        for p in network.populations
        if p.role == "neurons" and ("rate", p.name) in table
    ]
    return [sum(found)] if found else []


def _by_metric(path: Path) -> dict[Metric, list[float]]:
    """Return the values after every epoch, by metric."""
    found: dict[Metric, list[float]] = {}
    for row in read_metrics(path):
        if row["block"] == "0":  # only the rows at the end of an epoch
            metric, subject = row["metric"], row["subject"]
            name = (metric, subject) if subject else metric
            found.setdefault(name, []).append(float(row["value"]))
    return found


def _write(outcomes: Sequence[Outcome], out: Path) -> None:
    rows = [
        {
            "wiring": outcome.wiring,
            "seeds": len(outcome.seconds),
            **dict(zip(_COLUMNS, table_row(outcome), strict=True)),
            **({"spikes_mean": float(outcome.spikes.mean())} if outcome.spikes.size else {}),
            **({"device": outcome.place.told} if outcome.place else {}),
            **outcome.options,
        }
        for outcome in outcomes
    ]
    studies.write_table(out / TABLE, rows)
    axes = plotting.comparison({label(o.wiring): o.curves for o in outcomes})
    plotting.save(axes, out / FIGURE)


_COLUMNS = (
    "test_error_mean",
    "test_error_sd",
    "train_error_mean",
    "train_error_sd",
    "seconds_mean",
)


def table_row(outcome: Outcome) -> list[float]:
    """Return mean and standard deviation of test and training error, and the mean time [s].

    Parameters
    ----------
    outcome
        The runs under one wiring.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.sweeps.wirings import Outcome, table_row
    >>> errors = np.array([0.02, 0.04])
    >>> outcome = Outcome("dfa", errors, errors / 2, np.array([10.0, 12.0]), {})
    >>> [round(float(value), 4) for value in table_row(outcome)]
    [0.03, 0.0141, 0.015, 0.0071, 11.0]
    """
    found = []
    for errors in (outcome.test_error, outcome.train_error):
        spread = errors.std(ddof=1) if len(errors) > 1 else 0.0
        found += [float(errors.mean()), float(spread)]
    return [*found, float(outcome.seconds.mean())]
