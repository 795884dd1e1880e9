"""A finished run beside a neural recording, with its controls."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from apical._base.checking import checked
from apical.errors import ApicalError
from apical.measures.comparison import Comparison, Controls, compare
from apical.recordings import Recording
from apical.records.arrays import Records
from apical.runs.experiment import read_experiment
from apical.runs.open import TrainedRun, open_run

MISSING = "no run beside it differs only in its seed; run it again with another --seed"


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
        Of `apical.measures.comparison.compare`: ``window``, ``bin``, ``populations``, ...

    Raises
    ------
    DataError
        As in `apical.measures.comparison.compare`.
    """
    beside = next(other_seeds(run), None) if other is None else other
    untrained = _like(run, records, untrained=True)
    control = None if beside is None else _like(beside, records)
    return compare(records, recording, Controls(untrained, control, MISSING), **options)


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
