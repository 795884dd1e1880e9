"""Analysis of learning in a finished run: weights, alignment angles, units, computational cost."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import pandas as pd

from apical._base.metric_names import parts
from apical.errors import ApicalError
from apical.measures.learning import (
    feedback_measures,
    sign_measures,
    weight_measures,
)
from apical.measures.saturation import unit_measures
from apical.records.arrays import Records
from apical.runs.callbacks import Measuring
from apical.runs.measures import MEASURES, Look
from apical.runs.open import TrainedRun
from apical.training.loop import Position

UNITS = {
    "Footprint": "bytes",
    "learning_Footprint": "bytes",
    "ConnectionSparsity": "1",
    "ActivationSparsity": "1",
}
"""Units of costs; all others are numbers for each trial."""


@dataclass(frozen=True)
class LearningAnalysis:
    """Tables of measures of learning; one that a network does not allow is missing, with a note.

    Parameters
    ----------
    tables
        Name -> table. ``angles``: projection, angle to backpropagation [degrees]. ``cost``:
        measure, value, unit, in NeuroBench's names. ``weights``, ``signs``, ``feedback`` and
        ``units``: as returned by the functions of `apical.measures.learning` and
        `apical.measures.saturation`; weights are compared with those from before training.
    notes
        Missing tables, and why.

    See Also
    --------
    analyze_learning : Makes it.

    Examples
    --------
    >>> from apical.runs.learning import LearningAnalysis
    >>> LearningAnalysis({}, ("no angles: the network spikes",)).notes
    ('no angles: the network spikes',)
    """

    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...]


def analyze_learning(run: TrainedRun, records: Records) -> LearningAnalysis:
    """Measure weights, units, angles and cost of a finished run.

    Parameters
    ----------
    run
        A finished run. For angles and cost up to 200 of its test samples are replayed.
    records
        Its recorded activity, for dead units and saturated responses.

    Returns
    -------
    LearningAnalysis
        Tables and notes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.learning import analyze_learning
    >>> from apical.runs.open import open_run
    >>> from apical.runs.run import run
    >>> sizes = {"train_trials": 100, "test_trials": 20, "epochs": 1}
    >>> plan = Experiment("rate_dfa", options={"hidden": 5}, **sizes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     found = open_run(Path(folder) / "run")
    ...     analysis = analyze_learning(found, found.record(20))
    >>> analysis.tables["weights"][["projection", "pre", "post"]].head(1).to_dict("records")
    [{'projection': 'stimulus_to_hidden', 'pre': 'stimulus', 'post': 'hidden'}]
    >>> analysis.tables["angles"].columns.tolist()
    ['projection', 'angle']
    """
    network, weights = run.network, run.weights
    first = {p.name: network.initial_weights(p) for p in network.projections}
    replay = _Replay(run)
    wanted: dict[str, Callable[[], pd.DataFrame]] = {
        "angles": lambda: _angles(replay),
        "cost": lambda: _cost(replay),
        "feedback": lambda: feedback_measures(network, weights),
        "weights": lambda: weight_measures(network, weights, first),
        "signs": lambda: sign_measures(network, weights),
        "units": lambda: unit_measures(network, records),
    }
    tables, notes = {}, []
    with replay:
        for name, make in wanted.items():
            try:
                tables[name] = make()
            except ApicalError as error:
                notes.append(f"{name}: left out. {error.message}")
    return LearningAnalysis(tables, tuple(notes))


class _Replay:
    """Measures of a trained network for which it is simulated: once for all, when the first asks.

    Parameters
    ----------
    run
        A finished run.
    """

    names = ("angles", "cost")

    def __init__(self, run: TrainedRun) -> None:
        self._run = run
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def measured(self, name: str) -> list[tuple[str, str, float]]:
        """Return the metrics of one measure: name, subject and value; raise if it has none."""
        measure = MEASURES[name]
        measure.check(self._run.network)
        return [(*parts(metric), value) for metric, value in measure.measure(self._look).items()]

    @cached_property
    def _look(self) -> Look:
        run = self._run
        measuring = Measuring(run.prepared, [name for name in self.names if self._allows(name)])
        simulator = next(iter(measuring.simulators), None) or run.prepared.simulator()
        self._open.enter_context(simulator)
        simulator.load(run.weights.loadable(simulator))
        return measuring.look(simulator, Position(), {})

    def _allows(self, name: str) -> bool:
        try:
            MEASURES[name].check(self._run.network)
        except ApicalError:
            return False
        return True


def _angles(replay: _Replay) -> pd.DataFrame:
    rows = [(projection, value) for _, projection, value in replay.measured("angles")]
    return pd.DataFrame(rows, columns=["projection", "angle"])


def _cost(replay: _Replay) -> pd.DataFrame:
    found = replay.measured("cost")
    rows = [(name, value, UNITS.get(name, "per trial")) for name, _, value in found]
    return pd.DataFrame(rows, columns=["measure", "value", "unit"])
