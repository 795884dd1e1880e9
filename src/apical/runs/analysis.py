"""Analysis of a finished run: tables and figures of activity and learning."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from apical import plotting
from apical._base.checking import check_fields, checked
from apical._base.numbers_as_text import with_spread
from apical.errors import RunError
from apical.measures.comparison import Comparison
from apical.measures.representation import similarities
from apical.measures.tables import Analysis, analyze
from apical.records.arrays import Records
from apical.runs.beside_recording import figure, figures_of
from apical.runs.learning import LearningAnalysis, analyze_learning
from apical.runs.open import TrainedRun

LIKENESS = {
    "cka": "linear CKA [dimensionless]",
    "cka_debiased": "debiased linear CKA [dimensionless]",
    "rsa": "correlation of dissimilarities [dimensionless]",
    "rsa_rho_a": "correlation of dissimilarities, rho_a [dimensionless]",
}
"""Similarity measures that have a figure, and the label of its axis."""


@dataclass(frozen=True)
class RunAnalysis:
    """All measures of a run.

    Parameters
    ----------
    activity
        Measures of its recorded activity.
    learning
        Measures of its weights, and their cost.
    against
        Representational similarity of each population to that of other records of the same samples:
        population, ``rsa``, ``cka``, ``cka_by_chance``, ``rsa_rho_a``, ``cka_debiased``; None
        without any.
    figures
        Name -> figure of `apical.plotting`, and its caption.
    beside
        The run beside a recording (`apical.runs.beside_recording.compare_run`); None without one.

    See Also
    --------
    analyze_run : Makes it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.analysis import analyze_run
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.open import open_run
    >>> from apical.runs.run import run
    >>> sizes = {"train_trials": 100, "test_trials": 20, "epochs": 1}
    >>> plan = Experiment("rate_dfa", options={"hidden": 5}, **sizes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     found = open_run(Path(folder) / "run")
    ...     analysis = analyze_run(found, found.record(20))
    >>> analysis.overview.columns.tolist()
    ['measure', 'stimulus', 'hidden', 'output', 'error']
    >>> sorted(analysis.figures)
    ['cka', 'cka_debiased', 'dissimilarity', 'rsa', 'rsa_rho_a']
    """

    activity: Analysis
    learning: LearningAnalysis
    against: pd.DataFrame | None
    figures: Mapping[str, tuple[Any, str]]
    beside: Comparison | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def overview(self) -> pd.DataFrame:
        """Measures of activity as text, a row for each, a column for each population."""
        measures = self.activity.measures
        text = [
            _mean(v, sd, missing)
            for v, sd, missing in measures[["value", "sd", "undefined"]].itertuples(index=False)
        ]
        named = measures.assign(
            measure=[
                f"{name.replace('_', ' ')}{'' if unit == '1' else f' [{unit}]'}"
                for name, unit in measures[["measure", "unit"]].itertuples(index=False)
            ],
            text=text,
        )
        order = named["measure"].drop_duplicates()
        wide = named.pivot(index="measure", columns="population", values="text").fillna("")
        return wide.loc[order, list(self.activity.populations)].reset_index()

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on measures that were left out and on limits of others."""
        beside = () if self.beside is None else tuple(self.beside.notes)
        return (*self.activity.notes, *self.learning.notes, *beside)

    def write(self, folder: Path) -> list[Path]:
        """Write tables as CSV and figures as PNG files, and return them.

        ``recording.csv`` is the comparison with a recording, if there is one: a row for each
        `apical.measures.comparison.Row`, and ``recording_notes.csv`` are the remarks on it.

        Raises
        ------
        RunError
            If the folder cannot be written.
        """
        try:
            files = self.activity.write(folder)
            more = dict(self.learning.tables)
            if self.against is not None:
                more["against"] = self.against
            if self.beside is not None:
                more["recording"] = self.beside.table
                more["recording_notes"] = pd.DataFrame({"note": list(self.beside.notes)})
            for name, table in more.items():
                files.append(folder / f"{name}.csv")
                table.to_csv(files[-1], index=False, lineterminator="\n")
            for name, (axes, _) in self.figures.items():
                files.append(plotting.save(axes, folder / f"{name}.png"))
        except OSError as error:
            raise RunError(
                f"{folder} cannot be written: {error.strerror}; give another --out."
            ) from None
        return files


def _mean(value: float | None, sd: float | None, undefined: int) -> str:
    """Return a mean with its standard deviation, and the number of undefined values."""
    if value is None or np.isnan(value):
        return "undefined"
    missing = f" ({undefined} undefined)" if undefined else ""
    return with_spread(value, sd) + missing


@checked()
def analyze_run(
    run: TrainedRun,
    records: Records,
    *,
    beside: Comparison | None = None,
    against: Records | None = None,
) -> RunAnalysis:
    """Compute all measures that a run and its records allow.

    Parameters
    ----------
    run
        A finished run.
    records
        Its recorded activity.
    beside
        The run beside a recording, from `apical.runs.beside_recording.compare_run`.
    against
        Records of the same samples to compare representations with: of a network under another
        wiring, or of this one before learning.

    Raises
    ------
    DataError
        As in `apical.measures.tables.analyze`; if `against` is of other samples.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.analysis import analyze_run
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.open import open_run
    >>> from apical.runs.run import run
    >>> sizes = {"train_trials": 100, "test_trials": 20, "epochs": 1}
    >>> plan = Experiment("rate_dfa", options={"hidden": 5}, **sizes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     found = open_run(Path(folder) / "run")
    ...     naive = found.record(20, untrained=True)
    ...     analysis = analyze_run(found, found.record(20), against=naive)
    >>> sorted(analysis.learning.tables)
    ['angles', 'cost', 'feedback', 'signs', 'units', 'weights']

    How much of the representation learning has left as it was:

    >>> analysis.against.columns.tolist()
    ['population', 'rsa', 'cka', 'cka_by_chance', 'rsa_rho_a', 'cka_debiased']
    """
    activity = analyze(records, weights=run.weights)
    likeness = None
    if against is not None:
        found = similarities(records, against)
        rows = [{"population": name, **asdict(s)} for name, s in found.items()]
        likeness = pd.DataFrame(rows)
    drawn = figures(activity)
    if beside is not None:
        drawn |= {name: figure(beside, pair) for name, pair in figures_of(beside).items()}
    return RunAnalysis(activity, analyze_learning(run, records), likeness, drawn, beside)


@checked()
def figures(analysis: Analysis) -> dict[str, tuple[Any, str]]:
    """Return the figures of an analysis: name -> Axes, and their caption.

    Parameters
    ----------
    analysis
        From `apical.measures.tables.analyze`.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.measures.tables import analyze
    >>> from apical.records.recording import record
    >>> from apical.runs.analysis import figures
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> with ap.simulate(net, "array", record=["hidden"], traces=["x"]) as simulator:
    ...     found = figures(analyze(record(simulator, data.test, range(20))))
    >>> sorted(found)
    ['dissimilarity']
    """
    drawn: dict[str, tuple[Any, str]] = {}
    if analysis.rates:
        drawn["rates"] = (plotting.firing_rates(analysis.rates), "Mean rate of each neuron.")
    cvs = {name: values for name, values in analysis.cvs.items() if len(values)}
    if cvs:
        axes = plotting.distributions(cvs, "CV of intervals between spikes [dimensionless]")
        drawn["interval_cv"] = axes, "Irregularity of firing: 0 is a clock, 1 a Poisson process."
    shown = {
        name: rdm
        for name, rdm in analysis.rdms.items()
        if np.isfinite(rdm.vector).any() and len(rdm.matrix) > 2
    }
    if shown:
        patterns = [str(name) for name in next(iter(shown.values())).patterns]
        panels = plotting.dissimilarities(
            {name: rdm.matrix for name, rdm in shown.items()}, patterns
        )
        drawn["dissimilarity"] = panels, "Dissimilarity of the mean responses to two classes."
    names = list(analysis.populations)
    if len(names) > 1:
        for name, measure in LIKENESS.items():
            matrix = analysis.likeness[name]
            if np.isfinite(matrix).all():
                axes = plotting.similarity(matrix, names, measure=measure)
                drawn[name] = axes, f"Representational similarity of populations: {measure}."
    return drawn
