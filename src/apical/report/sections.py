"""Sections of a report: each a function of runs and their recorded activity."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from apical import plotting
from apical._base.extras import lacking
from apical._base.metric_names import headline, scored, tested, told
from apical._base.numbers_as_text import number
from apical._base.private_paths import bare
from apical.data.licences import spdx
from apical.measures.predictions import reached
from apical.measures.tables import Analysis
from apical.recordings import Recording
from apical.records.arrays import Records
from apical.report import naming, seen
from apical.report.beside_recording import beside_recording
from apical.report.parts import Picture, Section, Table, drawn
from apical.runs.analysis import LIKENESS, analyze_run
from apical.runs.beside_recording import compare_run
from apical.runs.directory import FIGURES
from apical.runs.figures import first_projections
from apical.runs.learning import LearningAnalysis, analyze_learning
from apical.runs.open import TrainedRun, has_records, read_records


def overview(runs: Mapping[str, TrainedRun]) -> Section:
    """Return the section on the runs and their accuracies."""
    name = headline(next(iter(runs.values())).summary)
    columns = (
        "run",
        told(name),
        "model",
        "data",
        "device",
        "seed",
        "epochs",
        "training samples",
        "training [s]",
        "ms a trial",
    )
    rows = []
    for label, run in runs.items():
        s = run.summary
        rows.append(
            [
                label,
                _score(s),
                str(s["model"]),
                bare(str(s["dataset"])),
                str(s["device"]),
                str(s["seed"]),
                str(s["epochs"]),
                f"{s['n_train']:,}",
                f"{s['train_seconds']:.1f}",
                number(s["ms_per_trial"]),
            ]
        )
    what = "Accuracies" if name.endswith("accuracy") else "Scores"
    said = [f"{what} are on held-out samples, with learning off and labels withheld."]
    return Section("Runs", said, [Table(columns, rows)])


def _score(summary: Mapping[str, Any]) -> str:
    name = headline(summary)
    percent = name.endswith("accuracy")
    return f"{100 * summary[name]:.2f} %" if percent else scored(name, summary[name])


def learning(groups: Mapping[str, Sequence[TrainedRun]]) -> Section:
    """Return the section on learning curves; runs that differ only in their seed share one."""
    pictures = []
    kinds = {name: headline(members[0].summary) for name, members in groups.items()}
    curves = {name: _series(members, (kinds[name], "")) for name, members in groups.items()}
    of_targets = "test_r2" in kinds.values()
    what = "1 - R2" if of_targets else "test error"
    scale, unit = (1, "dimensionless") if of_targets else (100, "%")
    shown = {name: (at, scale * (1 - y)) for name, (at, y) in curves.items() if y.shape[1] > 1}
    if shown:
        axes = plotting.curves(
            shown, "epochs", f"{what}, learning off [{unit}]", log_y=_wide(shown)
        )
        named = what[0].upper() + what[1:]
        seen_as = seen.curves(shown, f"{named}, learning off,", unit)
        pictures.append(drawn(axes, f"{named} after every epoch{_lines(groups)}.", seen_as))
    said = [] if shown else ["There is no learning curve: nothing was measured after an epoch."]
    compared = {name: _with_angles(members[0]) for name, members in groups.items()}
    for projection in dict.fromkeys(p for projections in compared.values() for p in projections):
        found = {
            name: _series(members, ("angle", projection))
            for name, members in groups.items()
            if projection in compared[name]
        }
        measured = {
            name: (at[k], y[:, k])
            for name, (at, y) in found.items()
            for k in [np.isfinite(y).all(axis=0)]
            if k.any()
        }
        if measured:
            axes = plotting.curves(
                measured, "epochs", "angle to backpropagation [degrees]", levels={"no relation": 90}
            )
            what = projection.replace("_", " ")
            caption = f"Angle between updates of {what} and the gradient of backpropagation"
            seen_as = seen.curves(measured, f"Angle to backpropagation of {what}", "degrees")
            pictures.append(drawn(axes, f"{caption}{_lines(groups)}.", seen_as))
    return Section("Learning", said, pictures=pictures)


def _lines(groups: Mapping[str, Sequence[TrainedRun]]) -> str:
    """Return what thin lines are, where there are any."""
    several = any(len(members) > 1 for members in groups.values())
    return "; thin lines are single seeds, thick ones their mean" if several else ""


def _with_angles(run: TrainedRun) -> list[str]:
    """Return the projections with a measured angle to the backpropagation gradient."""
    return list(run.metrics.loc[run.metrics["metric"] == "angle", "subject"].unique())


def _series(runs: Sequence[TrainedRun], metric: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return epochs (n,) and values (n_runs, n) of a metric, up to the shortest run."""
    tables = []
    for run in runs:
        table = run.metrics
        found = table[(table["metric"] == metric[0]) & (table["subject"] == metric[1])]
        tables.append(found.groupby("epoch")["value"].last())
    joined = pd.concat(tables, axis=1, join="inner")
    return joined.index.to_numpy(dtype=float), joined.to_numpy(dtype=float).T


def _wide(shown: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> bool:
    """Say whether errors span a range that needs a logarithmic axis."""
    every = np.concatenate([y.ravel() for _, y in shown.values()])
    return bool(every.min() > 0 and every.max() > 8 * every.min())


def network(run: TrainedRun, name: str) -> Section:
    """Return the section on the network: wiring, learning rules, sources."""
    network = run.network
    pathway = network.feedback
    said = run.prepared.model.doc.splitlines()[:1]  # none where a script has no docstring
    if pathway:
        said.append(f"Feedback: {pathway.name} ({pathway.source}).")
    graph = plotting.network_graph(network)
    pictures = [drawn(graph, f"The network of {name}.", seen.network(network), wide=True)]
    pictures += _kept_figures(run)
    rows = [
        [p.name, p.rule.name, p.rule.update, p.rule.source or "-"]
        for p in network.plastic
        if p.rule
    ]
    table = Table(("projection", "rule", "change of a weight", "source"), rows)
    return Section(f"Network: {name}", said, [table], pictures)


def _kept_figures(run: TrainedRun) -> list[Picture]:
    """Return the figures of a run directory that the page includes."""
    score, n = tested(run.summary), len(run.data.test)
    known = {
        "confusion": (
            "Confusion matrix on test samples, learning off.",
            f"Matrix of labels against decisions on {n:,} test samples: {score}; samples on the "
            "diagonal are those where both agree.",
        ),
        "predictions": (
            "Outputs against targets on test samples, learning off.",
            f"Scatter of outputs against targets of {n:,} test samples: {score}; on the diagonal "
            "both are equal.",
        ),
    }
    for figure, first in first_projections(run.network).items():
        w = run.weights.held.get(first.name)
        which = "the stimulus" if len(run.network.stimuli) == 1 else repr(first.pre.name)
        known[figure] = (
            f"Weights from {which} to single neurons after learning.",
            "" if w is None else seen.weights(w, first),
        )
    paths = {file: run.path / FIGURES / f"{file}.png" for file in known}
    return [
        Picture(known[file][0], path.read_bytes(), alt=known[file][1])
        for file, path in paths.items()
        if path.exists()
    ]


def scorecard(run: TrainedRun, name: str) -> Section:
    """Return the section with the plausibility scorecard of a network."""
    findings = run.scorecard
    # runs of earlier versions have neither aspect nor place
    rows = [
        [f.get("aspect", "-"), f["subject"], f["level"], f["reason"], bare(f.get("place") or "-")]
        for f in findings
    ]
    levels = [str(f["level"]).split()[0] for f in findings]
    said = ["The information that each part of the network needs in order to learn."]
    said.append(
        "Judged after the run: its weights, its interventions, its batches and what was added."
        if run.is_judged
        else "Judged by the description of the network alone, before it ran."
    )
    return Section(
        f"Scorecard: {name}",
        said,
        [Table(("aspect", "what", "level", "why", "where"), rows, levels=levels)],
    )


def activity(records: Records, name: str) -> Section:
    """Return the section on activity in one trial, with a correct decision if there is one."""
    has_classes = records.targets is None
    right = np.flatnonzero(records.correct) if has_classes else np.zeros(0, int)
    trial = int(right[0]) if len(right) else 0
    label, decision = ("label", "decision") if has_classes else ("target", "output")
    said = (
        f"{len(records)} test samples shown with learning off, {reached(records)}. Trial {trial}: "
        f"{records.said(trial)}. Error neurons are shown the {label} here; the {decision} was made "
        "without it."
    )
    pictures = []
    if records.spikes:
        axes = plotting.raster_of(records, trial)
        caption = "Spikes of one trial, population by population."
        pictures.append(drawn(axes, caption, seen.raster(records, trial)))
        rates = {k: records.rates(k).mean(axis=0) for k in records.spikes}
        axes = plotting.firing_rates(rates)
        pictures.append(drawn(axes, "Mean rate of each neuron.", seen.rates(rates)))
    for population in records.units:
        signals = [s for s in ("v", "teach") if f"{population}.{s}" in records.signals]
        if signals and records.signals[f"{population}.{signals[0]}"].shape[1] > 1:
            panels = plotting.traces(records, population, signals=signals, trial=trial)
            caption = f"Signals of some neurons of {population} in that trial."
            said_of = seen.traces(records, population, signals, trial)
            pictures.append(drawn(panels, caption, said_of))
    return Section(f"Activity: {name}", [said], pictures=pictures)


def frame(table: pd.DataFrame, caption: str = "") -> Table:
    """Return a data frame as a table of text.

    Parameters
    ----------
    table
        A data frame.
    caption
        Its caption.

    Examples
    --------
    >>> import pandas as pd
    >>> from apical.report.sections import frame
    >>> frame(pd.DataFrame({"wiring": ["bp"], "error": [1.64123]})).rows
    [['bp', '1.641']]
    """
    rows = [[_text(cell) for cell in row] for row in table.itertuples(index=False)]
    return Table([str(c).replace("_", " ") for c in table.columns], rows, caption)


def _text(cell: Any) -> str:
    if cell is None or isinstance(cell, int | float | np.integer | np.floating):
        return number(cell)
    return "dimensionless" if cell == "1" else str(cell)  # a unit


def repeat(runs: Mapping[str, TrainedRun]) -> Section:
    """Return the section on reproduction: commands and configurations of the runs.

    Parameters
    ----------
    runs
        Label -> finished run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.report import sections
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.open import open_run
    >>> from apical.runs.run import run
    >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     section = sections.repeat({"first": open_run(Path(folder) / "run")})
    >>> section.title
    'To repeat it'
    """
    commands = "\n".join(naming.command(run) for run in runs.values())
    first = next(iter(runs.values()))
    versions = ", ".join(f"{k} {v}" for k, v in first.config["versions"].items())
    said = [
        f"Versions of the first: {versions}.",
        f"Data: {bare(first.data.name)}, licence {spdx(first.data.licence)}.",
    ]
    code = {"Commands": commands}
    code |= {
        f"Configuration of {name}": json.dumps(bare(run.config), indent=2)
        for name, run in runs.items()
    }
    return Section("To repeat it", said, code=code)


def details(
    run: TrainedRun, name: str, trials: int, recording: Recording | None = None, **comparing: Any
) -> list[Section]:
    """Return the sections on one run; `trials` test samples are replayed if necessary.

    With a recording, the last is on the run beside it; `comparing` are options of the comparison.
    """
    parts = [network(run, name), scorecard(run, name)]
    records = _records(run, trials)
    parts += [activity(records, name), representation(run, records, name)]
    if recording is not None:
        found = compare_run(run, records, recording, **comparing)
        parts.append(beside_recording(found, name, recording.path.name))
    return parts


def representation(run: TrainedRun, records: Records, name: str) -> Section:
    """Return the section with the measures of `apical analyze`.

    Measures of activity need the extra ``analysis``; without it the section says so.
    """
    missing = lacking("analysis")
    if missing:
        said = [
            f"Measures of activity (decoding, tuning, similarity of representations) need "
            f"{', '.join(missing)}: pip install 'apical[analysis]', and write the report again.",
        ]
        return Section(f"Analysis: {name}", said, _learned(analyze_learning(run, records)))
    found = analyze_run(run, records)
    said = ["Mean over neurons, trials or pairs, and standard deviation.", *found.notes]
    pictures = [
        drawn(axes, caption, _seen(found.activity, key), wide=key == "dissimilarity")
        for key, (axes, caption) in found.figures.items()
        if key != "rates"
    ]
    tables = [frame(found.overview), *_learned(found.learning)]
    return Section(f"Analysis: {name}", said, tables, pictures)


def _learned(found: LearningAnalysis) -> list[Table]:
    """Return the tables of what learning did to weights, units and updates."""
    captions = {
        "angles": "Angle between the weight update and the backpropagation gradient [degrees].",
        "feedback": "Alignment of feedback with forward weights: angle [degrees], ratio of norms.",
        "cost": "Cost, in NeuroBench's names (arXiv:2304.04640).",
        "units": "Fractions of dead units (no slope, or no spike, in any trial) and of saturated "
        "responses (Lu et al. 2020, doi:10.4208/cicp.OA-2020-0165; Glorot & Bengio 2010).",
        "signs": "Dale's law: fractions of neurons with weights of both signs.",
    }
    return [
        frame(found.tables[key], caption)
        for key, caption in captions.items()
        if key in found.tables
    ]


def _seen(analysis: Analysis, figure: str) -> str:
    """Return what is seen in a figure of `analyze_run`."""
    if figure == "interval_cv":
        return seen.medians(analysis.cvs, "the CV of intervals")
    if figure == "dissimilarity":
        return seen.dissimilarities(analysis.rdms)
    if figure in analysis.likeness:
        return seen.likeness(analysis.likeness[figure], analysis.populations, LIKENESS[figure])
    return ""


def _records(run: TrainedRun, trials: int) -> Records:
    if has_records(run.path):
        return read_records(run.path)
    return run.record(min(trials, len(run.data.test)))
