"""Comparison of one model under several wirings of its feedback."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from apical import plotting
from apical._base.metric_names import Metric, headline, parts
from apical.errors import ParameterError, ScriptError
from apical.feedback.wirings import label
from apical.runs.directory import METRICS, checked_files, read_metrics
from apical.runs.experiment import Experiment, check_settings
from apical.runs.manifest import CONFIG
from apical.runs.run import resume, run
from apical.scripts import models, studies
from apical.sweeps.parallel import in_parallel

TABLE, FIGURE = "comparison.csv", "comparison.png"


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


def compare(
    experiment: Experiment,
    wirings: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    *,
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
        If the model does not offer these wirings.

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
    check_wirings(models.load(experiment.model), wirings)

    def planned(wiring: str, seed: int) -> tuple[Experiment, Path]:
        options = {**experiment.options, "wiring": wiring}
        one = replace(experiment, options=options, seed=seed, closely=True)
        return one, out / wiring / f"seed{seed}"

    if jobs > 1:
        plans = [planned(wiring, seed) for wiring in wirings for seed in seeds]
        in_parallel(plans, jobs, progress=progress, stop=stop)
    outcomes = []
    for wiring in wirings:
        summaries, folders = [], []
        for seed in seeds:
            one, folder = planned(wiring, seed)
            if (folder / CONFIG).exists():
                check_settings(folder, one)
                script = models.find(one.model)  # named by the user
                summaries.append(resume(folder, trust=script, progress=progress, stop=stop))
            else:
                summaries.append(run(one, folder, progress=progress, stop=stop))
            folders.append(folder)
        outcomes.append(_outcome(wiring, summaries, folders))
    _write(outcomes, out)
    return outcomes


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
    wiring: str, summaries: Sequence[Mapping[str, Any]], folders: Sequence[Path]
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
    )


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
