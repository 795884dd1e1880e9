"""Networks of runs as NIR, by the command, with the accuracy of what is read back."""

from pathlib import Path

import pytest

from apical import cli, nir
from apical.errors import WiringError
from apical.runs.exchange import write_nir
from apical.runs.experiment import Experiment
from apical.runs.open import TrainedRun, open_run
from apical.runs.run import run

pytest.importorskip("nir")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    out = tmp_path_factory.mktemp("runs") / "run"
    experiment = Experiment(
        "spiking_dfa",
        {"hidden": 20},
        train_trials=60,
        test_trials=20,
        epochs=1,
        device="runtime",
    )
    run(experiment, out, progress=False, draw=False)
    return open_run(out)


def test_a_run_is_measured_after_it_was_read_back(trained: TrainedRun, tmp_path: Path) -> None:
    with pytest.raises(WiringError, match="'hidden': NIR resets to a value"):
        write_nir(trained, tmp_path / "it.nir")
    found = write_nir(trained, tmp_path / "it.nir", reset="hard")
    assert found.trials == 20 and 0 <= found.after <= 1
    assert found.before == trained.summary["test_accuracy"]
    read = nir.read(tmp_path / "it.nir")
    assert read.told["about"]["scorecard"] and read.told["reset"] == "hard"
    w = read.network.initial_weights(read.network.projection("stimulus_to_hidden"))
    assert abs(w - trained.weights["stimulus_to_hidden"]).max() < 1e-6


def test_by_the_command(
    trained: TrainedRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ran(*arguments: object) -> tuple[object, str]:
        monkeypatch.setattr("sys.argv", ["apical", "export", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code, " ".join((said.out + said.err).split())

    to_nir = (trained.path, "--format", "nir", "--out", tmp_path / "it.nir")
    code, said = ran(*to_nir)
    assert code == 2 and "'hidden': NIR resets to a value" in said
    code, said = ran(*to_nir, "--reset", "hard", "--constants", "euler")
    assert code == 0 and "approximate: hidden, LI and IF" in said
    assert "of the network that was read back" in said
    code, said = ran(trained.path, "--format", "csv", "--out", tmp_path / "csv", "--reset", "hard")
    assert code == 2 and "are for --format nir" in said
