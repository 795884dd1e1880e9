"""A finished run beside a recording: its controls, a figure, and a section of a report."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas
import pytest
from click.testing import CliRunner
from compared_pairs import recording_of, tuned_trains
from test_measures_recordings import write_nwb

from apical import plotting
from apical.cli.app import commands
from apical.errors import DataError
from apical.measures.comparison import SYSTEMS, Comparison
from apical.recordings import Recording
from apical.report.beside_recording import beside_recording
from apical.runs import beside_recording as beside
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


@pytest.fixture
def file(recording: Recording, tmp_path: Path) -> Path:
    """The recording as an NWB file: two areas, classes as words."""
    trials = [(k * 1.0, k * 1.0 + 0.1) for k in range(len(recording))]
    of = recording.spikes
    times = of.trial + of.time * 1e-3
    trains = [np.sort(times[of.unit == unit]) for unit in range(12)]
    assert recording.labels is not None
    columns = {"image": [f"digit {label}" for label in recording.labels]}
    write_nwb(tmp_path / "made.nwb", trains, trials, columns, ["V1"] * 8 + ["V2"] * 4)
    lines = [f"digit {k},{k}" for k in range(10)]
    (tmp_path / "classes.csv").write_text("\n".join(["recorded,network", *lines]) + "\n")
    return tmp_path / "made.nwb"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw few resamples and permutations."""
    few = partial(beside.compare, resamples=10, permutations=39)
    monkeypatch.setattr(beside, "compare", few)


@pytest.mark.usefixtures("quick")
def test_the_command_compares_a_run(runs: list[TrainedRun], file: Path, tmp_path: Path) -> None:
    chosen = ["--compare", str(file), "--map", str(tmp_path / "classes.csv"), "--area", "V1"]
    out = tmp_path / "out"
    words = ["analyze", str(runs[0].path), *chosen, "--population", "hidden_1", "--out", str(out)]
    done = CliRunner(env={"COLUMNS": "80"}).invoke(commands, words, catch_exceptions=False)
    said = done.stdout
    assert done.exit_code == 0 and "hidden_1 beside V1 of made.nwb: 40 trials" in said
    line = next(line for line in said.splitlines() if line.startswith(" RSA "))
    assert len(line.split()) == 9  # network, its interval in two words, controls, p
    assert "(Holm)" in said and max(map(len, said.split("Untrained is")[0].splitlines())) <= 80
    assert "Alike beyond chance: " in said and "Undefined: rate, ISI" in said
    kept = pandas.read_csv(out / "recording.csv", keep_default_na=False)
    assert set(kept["system"]) == set(SYSTEMS) and set(kept["area"]) == {"V1"}
    assert "40 trials of table trials" in (out / "recording_notes.csv").read_text()
    assert (out / "recording_hidden_1_V1.png").read_bytes()[1:4] == b"PNG"
    # the measures of the run by itself are of all trials and neurons: in files, not beside these
    assert (out / "measures.csv").exists() and "mean ± standard deviation" not in said


@pytest.mark.usefixtures("quick")
def test_a_missing_control_is_said_once(runs: list[TrainedRun], file: Path, tmp_path: Path) -> None:
    words = ["analyze", str(runs[2].path), "--compare", str(file), "--population", "hidden_1"]
    done = CliRunner(env={"COLUMNS": "400"}).invoke(
        commands, [*words, "--out", str(tmp_path / "o")]
    )
    assert done.stdout.count(f"other seed: {MISSING}.") == 1
    assert done.stdout.count("no recorded class (digit 0") == 1


def test_errors_of_the_command_are_one_line(runs: list[TrainedRun], file: Path) -> None:
    path = str(runs[0].path)
    for words, said in (
        (["--population", "hidden_1"], "--population needs --compare FILE"),
        (["--area", "V1"], "--area needs --compare FILE"),
        (["--compare", str(file), "--population", "top"], "no population 'top'"),
        (["--compare", str(file), "--area", "V4"], "V4"),
        (["--compare", "nowhere.nwb"], "nowhere.nwb is not there"),
    ):
        for command in ("analyze", "report"):
            done = CliRunner().invoke(commands, [command, path, *words])
            found = str(done.exception) if isinstance(done.exception, DataError) else done.stderr
            assert done.exit_code and said in found, (command, words)


@pytest.mark.usefixtures("quick")
def test_a_report_has_the_run_beside_a_recording(
    runs: list[TrainedRun], file: Path, tmp_path: Path
) -> None:
    chosen = ["--compare", str(file), "--map", str(tmp_path / "classes.csv")]
    page = tmp_path / "page.html"
    words = ["report", str(runs[0].path), *chosen, "--population", "hidden_1", "--trials", "60"]
    done = CliRunner().invoke(commands, [*words, "--out", str(page)], catch_exceptions=False)
    text = page.read_text()
    assert done.exit_code == 0 and "Beside a recording: " in text
    assert "The network beside made.nwb, from 0 to 100 ms" in text
    for area in ("V1", "V2"):
        assert f"Panels of measures, points with intervals, of hidden_1 and {area}: sel" in text
        assert f"hidden_1 beside {area}, 40 trials. Undefined in the network: rate" in text


def test_figure_and_section(found: Comparison) -> None:
    axes = plotting.beside_recording(found, measures=["rsa", "selectivity"])
    assert [ax.get_title(loc="left") for ax in axes] == ["RSA", "selectivity"]
    labels = [tick.get_text() for tick in axes[0].get_yticklabels()]
    assert labels == ["recording", "network", "untrained", "other seed", "shuffled"]
    section = beside_recording(found, "a", "made.nwb")
    assert section.title == "Beside a recording: a" and len(section.pictures) == 1
    known = found.table[found.table["value"].notna()]
    assert len(section.tables[0].rows) == known["measure"].nunique()
    assert "CV of ISI" in section.tables[0].caption  # and why it is undefined
    assert "different distributions: none" in section.pictures[0].caption
    with pytest.raises(DataError, match="measures"):
        plotting.beside_recording(found, measures=["speed"])
    with pytest.raises(DataError, match="population"):
        plotting.beside_recording(found, "hidden_1", "V4")
    with pytest.raises(DataError, match="Axes"):
        plotting.beside_recording(found, measures=["rsa"], ax=axes)
