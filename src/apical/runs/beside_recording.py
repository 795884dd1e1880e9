"""A finished run beside a neural recording, with its controls, figures and what is to be said."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from apical import plotting
from apical._base.checking import checked
from apical.errors import ApicalError
from apical.measures.comparison import Comparison, Controls, Row, compare
from apical.measures.representation import responding
from apical.measures.tables import SHOWN_LABELS
from apical.recordings import Recording
from apical.records.arrays import Records
from apical.runs.experiment import read_experiment
from apical.runs.open import TrainedRun, open_run

MISSING = (
    "no run in the same folder differs in its seed only; run it again with another --seed, and "
    "--out beside it"
)
MOST_FIGURES = 6
"""Largest number of pairs of a population and an area that are drawn."""


@checked()
def compare_run(
    run: TrainedRun,
    records: Records,
    recording: Recording,
    *,
    other: TrainedRun | None = None,
    **options: Any,
) -> Comparison:
    """Compare a finished run with a recording, beside itself before learning and another seed.

    Parameters
    ----------
    run
        A finished run.
    records
        Its recorded activity.
    recording
        A recording.
    other
        A run that differs in its seed only; by default the first finished one in the folder that
        holds the run. Without one, its rows in the table say that it is missing.
    options
        Of `apical.measures.comparison.compare`: ``window``, ``bin``, ``populations``, ... By
        default the bins are those of the recording, if it has any, and all populations are compared
        but the stimulus and those that are shown the labels.

    Raises
    ------
    DataError
        As in `apical.measures.comparison.compare`.
    """
    beside = next(other_seeds(run), None) if other is None else other
    untrained = _like(run, records, untrained=True)
    control = None if beside is None else _like(beside, records)
    if options.get("populations") is None:
        options["populations"] = _compared(run, records)
    if recording.bin is not None:
        options.setdefault("bin", recording.bin)
    return compare(records, recording, Controls(untrained, control, MISSING), **options)


def _compared(run: TrainedRun, records: Records) -> list[str]:
    """Return the populations that neither are a stimulus nor are shown the labels."""
    known = responding(records)
    first = {stimulus.name for stimulus in run.network.stimuli}
    chosen = [n for n in known if n not in first and records.units[n].kind not in SHOWN_LABELS]
    return chosen or list(known)


def _like(run: TrainedRun, records: Records, *, untrained: bool = False) -> Records:
    """Record as many trials of a run, of the same populations and signals at the end of a trial."""
    graded = [name for name in records.units if name not in records.spikes]
    signals = sorted({name.rpartition(".")[2] for name in records.signals}) if graded else []
    return run.record(len(records), list(records.units), signals, untrained=untrained)


def other_seeds(run: TrainedRun) -> Iterator[TrainedRun]:
    """Yield the finished runs of the same folder that differ from a run in their seed only."""
    experiment = run.prepared.experiment
    for path in sorted(Path(run.path).resolve().parent.iterdir()):
        if path == Path(run.path).resolve() or not path.is_dir():
            continue
        try:
            found = read_experiment(path)
            if found.seed != experiment.seed and replace(found, seed=experiment.seed) == experiment:
                yield open_run(path)
        except (ApicalError, OSError):  # no run, or none that is finished
            continue


def pairs(comparison: Comparison) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of each pair of a population and an area, in the order of the table.

    Parameters
    ----------
    comparison
        From `compare_run`.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    for row in comparison.rows:
        found.setdefault((row.population, row.area), []).append(row)
    return found


def title(measure: str) -> str:
    """Return the name of a measure as it stands in tables and figures."""
    return plotting.TITLES.get(measure, measure.replace("_", " "))


def verdict(rows: Sequence[Row]) -> str:
    """Say in which measures a network is like a recording, or differs from it.

    Parameters
    ----------
    rows
        Those of one pair of a population and an area.
    """
    clear = [row for row in rows if row.system == "network" and row.p_holm < 0.05]
    # p of these is of a difference between distributions, of the others of a likeness
    differ = [r for r in clear if math.isfinite(r.distance) or r.measure == "isi_distance"]
    like = [row for row in clear if row not in differ]
    parts = [
        f"{what}: {', '.join(title(row.measure) for row in found) or 'none'}"
        for what, found in (("Alike beyond chance", like), ("different distributions", differ))
    ]
    return f"{'; '.join(parts)} (p < 0.05 after Holm's correction)."


def undefined(rows: Sequence[Row], systems: Sequence[str] = ("network",)) -> dict[str, list[str]]:
    """Return why values are undefined, and the measures for which that is the reason.

    Parameters
    ----------
    rows
        Those of one pair of a population and an area.
    systems
        Whose values.
    """
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.system in systems and not math.isfinite(row.value):
            found.setdefault(row.why or "not defined", []).append(title(row.measure))
    return {why: list(dict.fromkeys(names)) for why, names in found.items()}


def drawable(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the pairs that are drawn: the first `MOST_FIGURES` in which the network has a value.

    Parameters
    ----------
    comparison
        From `compare_run`.
    """
    known = [
        pair
        for pair, rows in pairs(comparison).items()
        if any(row.system == "network" and math.isfinite(row.value) for row in rows)
    ]
    return known[:MOST_FIGURES]


def figure(comparison: Comparison, pair: tuple[str, str]) -> tuple[Any, str]:
    """Return the figure of a pair: Axes of `apical.plotting`, and its caption.

    Parameters
    ----------
    comparison
        From `compare_run`.
    pair
        A population and an area.
    """
    population, area = pair
    caption = (
        f"{population} beside {area or 'the recording'}, a panel for each measure, with controls "
        f"and 95 % intervals. {verdict(pairs(comparison)[pair])}"
    )
    return plotting.beside_recording(comparison, population, area), caption


def figures_of(comparison: Comparison) -> dict[str, tuple[str, str]]:
    """Return names for the figures of a comparison, and the pairs that they show.

    Parameters
    ----------
    comparison
        From `compare_run`.
    """
    return {
        "_".join(["recording", *(_plain(name) for name in pair if name)]): pair
        for pair in drawable(comparison)
    }


def _plain(name: str) -> str:
    """Return a name for a file: letters, digits, dots and hyphens."""
    return "".join(c if c.isalnum() or c in "-." else "_" for c in name)
