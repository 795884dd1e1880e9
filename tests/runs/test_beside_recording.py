"""A finished run beside a recording: its controls, a figure, and a section of a report."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apical import plotting
from apical.errors import DataError
from apical.measures.comparison import Comparison
from apical.measures.recordings import Recording
from apical.report.beside_recording import beside_recording
from apical.runs.beside_recording import MISSING, compare_run, other_seeds
from apical.runs.experiment import Experiment
from apical.runs.open import TrainedRun, open_run
from apical.runs.run import run

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[2] / "models"
FEW = {"resamples": 10, "permutations": 39, "populations": ["hidden"]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[TrainedRun]:
    """Two seeds of a short spiking run, and one of another size, in a folder with other things."""
    folder, found = tmp_path_factory.mktemp("runs"), []
    described = Experiment(
        str(MODELS / "spiking_dfa.py"),
        {"hidden": 10},
        epochs=1,
        train_trials=40,
        test_trials=60,
        device="runtime",
    )
    for name, changes in (("a", {}), ("b", {"seed": 1}), ("c", {"options": {"hidden": 8}})):
        run(replace(described, **changes), folder / name, progress=False, draw=False)
        found.append(open_run(folder / name))
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("nothing")
    return found


@pytest.fixture(scope="module")
def recording(runs: list[TrainedRun]) -> Recording:
    """The hidden population of the first run, as if it had been recorded."""
    records = runs[0].record(60)
    n = len(records.units["hidden"])
    lengths = np.full(60, records.duration)
    area, labels = np.full(n, "V1"), records.labels.astype(str)
    return Recording(Path("made.nwb"), records.spikes["hidden"], area, lengths, labels)


@pytest.fixture(scope="module")
def found(runs: list[TrainedRun], recording: Recording) -> Comparison:
    return compare_run(runs[0], runs[0].record(60), recording, **FEW)


def test_controls_are_the_network_before_learning_and_another_seed(
    runs: list[TrainedRun], found: Comparison, recording: Recording
) -> None:
    assert [other.name for other in other_seeds(runs[0])] == ["b"]
    table = found.table.set_index(["measure", "system"])["value"]
    assert np.isclose(table["rate", "network"], table["rate", "recording"])
    assert not np.isclose(table["rate", "untrained"], table["rate", "network"])
    assert not np.isclose(table["rate", "other seed"], table["rate", "network"])
    named = compare_run(runs[0], runs[0].record(60), recording, other=runs[1], **FEW)
    assert named.table.equals(found.table)


def test_a_run_without_another_seed_says_so(runs: list[TrainedRun], recording: Recording) -> None:
    table = compare_run(runs[2], runs[2].record(60), recording, **FEW).table
    assert set(table.loc[table["system"] == "other seed", "why"]) == {MISSING}
    with pytest.raises(DataError, match="no population 'top'"):
        compare_run(runs[2], runs[2].record(60), recording, populations=["top"])


def test_figure_and_section(found: Comparison) -> None:
    axes = plotting.beside_recording(found, measures=["rate", "fano"])
    assert [ax.get_title(loc="left") for ax in axes] == ["rate [Hz]", "Fano factor"]
    labels = [tick.get_text() for tick in axes[0].get_yticklabels()]
    assert labels == ["recording", "network", "untrained", "other seed", "shuffled"]
    section = beside_recording(found, "a", "made.nwb")
    assert section.title == "Beside a recording: a" and len(section.pictures) == 1
    assert len(section.tables[0].rows) == found.table["measure"].nunique()
    assert "different distributions: none" in section.pictures[0].caption
    with pytest.raises(DataError, match="measures"):
        plotting.beside_recording(found, measures=["speed"])
    with pytest.raises(DataError, match="population"):
        plotting.beside_recording(found, "hidden", "V4")
    with pytest.raises(DataError, match="Axes"):
        plotting.beside_recording(found, measures=["rate"], ax=axes)
