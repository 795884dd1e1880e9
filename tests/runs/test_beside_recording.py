"""A finished run beside a recording: its controls, a figure, and a section of a report."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compared_pairs import recording_of, tuned_trains

from apical import plotting
from apical.errors import DataError
from apical.measures.comparison import Comparison
from apical.recordings import Recording
from apical.report.beside_recording import beside_recording
from apical.runs.beside_recording import MISSING, compare_run, other_seeds
from apical.runs.experiment import Experiment
from apical.runs.open import TrainedRun, open_run
from apical.runs.run import run

MODEL = str(Path(__file__).parents[2] / "models" / "Nokland_2016_mnist.py")
FEW = {"resamples": 10, "permutations": 39, "populations": ["hidden_1"]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[TrainedRun]:
    """Two seeds of a short run, and one of another size, in a folder with other things."""
    folder, found = tmp_path_factory.mktemp("runs"), []
    described = Experiment(MODEL, {"hidden": 10}, epochs=1, train_trials=200)
    for name, changes in (("a", {}), ("b", {"seed": 1}), ("c", {"options": {"hidden": 8}})):
        run(replace(described, **changes), folder / name, progress=False, draw=False)
        found.append(open_run(folder / name))
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("nothing")
    return found


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Poisson neurons tuned to the classes of digits, in trials of 100 ms."""
    labels = np.arange(40) % 10
    spikes = tuned_trains(np.random.default_rng(0), labels, 12, 100.0)
    return recording_of(spikes, labels, 12, 100.0)


@pytest.fixture(scope="module")
def found(runs: list[TrainedRun], recording: Recording) -> Comparison:
    return compare_run(runs[0], runs[0].record(60), recording, **FEW)


def test_controls_are_the_network_before_learning_and_another_seed(
    runs: list[TrainedRun], found: Comparison, recording: Recording
) -> None:
    assert [other.name for other in other_seeds(runs[0])] == ["b"]
    table = found.table.set_index(["measure", "system"])["value"]
    values = [table["signal_correlation", name] for name in ("recording", "network", "other seed")]
    assert np.isfinite(values).all() and len(set(values)) == 3
    assert np.isnan(table["signal_correlation", "untrained"])  # its first weights are 0
    named = compare_run(runs[0], runs[0].record(60), recording, other=runs[1], **FEW)
    assert named.table.equals(found.table)


def test_a_run_without_another_seed_says_so(runs: list[TrainedRun], recording: Recording) -> None:
    table = compare_run(runs[2], runs[2].record(60), recording, **FEW).table
    assert set(table.loc[table["system"] == "other seed", "why"]) == {MISSING}
    with pytest.raises(DataError, match="no population 'top'"):
        compare_run(runs[2], runs[2].record(60), recording, populations=["top"])


def test_figure_and_section(found: Comparison) -> None:
    axes = plotting.beside_recording(found, measures=["rsa", "selectivity"])
    assert [ax.get_title(loc="left") for ax in axes] == ["RSA", "selectivity"]
    labels = [tick.get_text() for tick in axes[0].get_yticklabels()]
    assert labels == ["recording", "network", "untrained", "other seed", "shuffled"]
    section = beside_recording(found, "a", "made.nwb")
    assert section.title == "Beside a recording: a" and len(section.pictures) == 1
    assert len(section.tables[0].rows) == found.table["measure"].nunique()
    assert "different distributions: none" in section.pictures[0].caption
    with pytest.raises(DataError, match="measures"):
        plotting.beside_recording(found, measures=["speed"])
    with pytest.raises(DataError, match="population"):
        plotting.beside_recording(found, "hidden_1", "V4")
    with pytest.raises(DataError, match="Axes"):
        plotting.beside_recording(found, measures=["rsa"], ax=axes)
