"""The `apical` command: what it prints, what it refuses, and how.

Most calls are made in this process with a faked simulator, which is what makes them fast.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from test_training import FakeSimulator

from apical.cli import app as cli
from apical.data.datasets import blobs
from apical.runs import experiment as configuration
from apical.runs.directory import RunDirectory

ROOT = Path(__file__).parents[2]
TINY = (
    "--hidden",
    4,
    "--train-trials",
    24,
    "--test-trials",
    8,
    "--epochs",
    2,
    "--block",
    10,
    "--quiet",
    "--no-figures",
)


@dataclass(frozen=True)
class Result:
    """How a call of the command ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Result]


@pytest.fixture
def apical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Return the command, called in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("APICAL_DATA_DIR", raising=False)
    monkeypatch.setattr(
        configuration, "simulate", lambda network, device, **_: FakeSimulator(network)
    )

    def call(*arguments: Any) -> Result:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["apical", *map(str, arguments)])
            # each call as in a process of its own
            patch.setattr(cli.run_command, "params", list(cli.run_command.params))
            patch.setattr(cli.run_command, "help", cli.run_command.help)
            with pytest.raises(SystemExit) as ended:
                cli.main()
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of data sets: ``npz(y_train=...)`` replaces one of four good arrays."""

    def write(**changes: Any) -> Path:
        data = blobs(24, 8, 6, 2, rng=np.random.default_rng(0))
        good = {
            "x_train": data.train.values,
            "y_train": data.train.labels,
            "x_test": data.test.values,
            "y_test": data.test.labels,
        }
        np.savez(tmp_path / "mine.npz", **{**good, **changes})
        return tmp_path / "mine.npz"

    return write


def refused(result: Result, *words: str) -> None:
    """Check that a call ended with one line that says what is wrong."""
    assert result.code == 2
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("apical: ")
    for word in words:
        assert word in lines[0]


def misused(result: Result, *words: str) -> None:
    """Check that a call ended with the usage of the command."""
    assert result.code == 2
    assert "Error: " in result.err and "Traceback" not in result.err
    for word in words:
        assert word in result.err


def test_help(apical: Call) -> None:
    result = apical("--help")
    assert result.code == 0 and not result.err
    for word in ("run", "models", "data", "--version"):
        assert word in result.out
    assert apical("-h").out == result.out


def test_version(apical: Call) -> None:
    versions = [importlib.metadata.version(name) for name in ("apical", "brian2")]
    python = ".".join(map(str, sys.version_info[:3]))
    said = apical("--version")
    assert said.code == 0
    assert said.out == f"apical {versions[0]}, Brian2 {versions[1]}, Python {python}\n"


def test_it_is_a_module_too() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "apical", "--version"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0
    assert said.stdout.startswith("apical ")


def test_help_of_run_lists_what_every_model_takes(apical: Call) -> None:
    result = apical("run", "--help")
    assert result.code == 0
    for option in (
        "--dataset",
        "--data-dir",
        "--train-trials",
        "--test-trials",
        "--validation",
        "--epochs",
        "--block",
        "--final-rate",
        "--seed",
        "--device",
        "--dtype",
        "--out",
        "--resume",
        "--quiet",
        "--figures",
    ):
        assert option in result.out
    assert "--hidden INTEGER" not in result.out


def test_help_of_a_model_lists_its_options(apical: Call) -> None:
    result = apical("run", "spiking_dfa", "--help")
    assert result.code == 0
    for word in ("--hidden", "--update [trial|online]", "--eta-hidden", "--epochs", "Nokland 2016"):
        assert word in result.out


def test_calls_in_one_process_do_not_change_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.run_command, "params", cli.run_command.params)  # put back afterwards
    monkeypatch.setattr(cli.run_command, "help", cli.run_command.help)
    runner = CliRunner()
    before = runner.invoke(cli.commands, ["run", "--help"])
    runner.invoke(cli.commands, ["run", "spiking_dfa", "--help"])
    assert runner.invoke(cli.commands, ["run", "--help"]).output == before.output


def test_run_without_arguments_shows_its_help(apical: Call) -> None:
    result = apical("run")
    assert "Usage: " in result.out + result.err
    assert "Traceback" not in result.err


def test_models_are_listed_with_what_they_are(apical: Call) -> None:
    result = apical("models")
    assert result.code == 0
    assert "spiking_dfa" in result.out and "direct feedback alignment" in result.out


def test_models_are_listed_beside_a_broken_script(apical: Call, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.py").write_text("def (")
    result = apical("models")
    assert result.code == 0
    assert "spiking_dfa" in result.out


def test_data_list(apical: Call) -> None:
    result = apical("data", "list")
    assert result.code == 0
    for word in ("digits", "mnist", "fashion_mnist", "kmnist", "1,437", "60,000", "CC BY"):
        assert word in result.out


def test_data_path_of_what_is_here(apical: Call, npz: Callable[..., Path]) -> None:
    assert Path(apical("data", "path", "digits").out.strip()).is_file()
    assert apical("data", "path", npz()).out.strip() == str(npz())


def test_data_path_of_what_is_not_here(
    apical: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "cache"))
    result = apical("data", "path", "mnist")
    refused(result, "apical data get mnist")
    assert not result.out


def test_data_get_of_what_is_here(apical: Call) -> None:
    assert apical("data", "get", "digits").out == apical("data", "path", "digits").out


@pytest.mark.parametrize("command", ["get", "path"])
def test_data_of_unknown_name(apical: Call, command: str) -> None:
    refused(apical("data", command, "nothing"), "'nothing'", "digits")


def test_run_says_where_results_are_and_how_to_go_on(apical: Call) -> None:
    result = apical("run", "spiking_dfa", *TINY, "--out", "there")
    assert (result.code, result.err) == (0, "")
    summary = json.loads(Path("there/summary.json").read_text())
    assert f"{summary['test_accuracy']:.2%}" in result.out
    assert "24 training, 8 test" in result.out
    assert "there" in result.out and "Next:" in result.out


def test_run_shows_progress_unless_quiet(apical: Call) -> None:
    loud = [argument for argument in TINY if argument != "--quiet"]
    assert "48/48" in apical("run", "spiking_dfa", *loud, "--out", "there").err


def test_default_directory_is_the_first_free_name(apical: Call) -> None:
    for name in ("", "-1", "-2"):
        result = apical("run", "spiking_dfa", *TINY, "--seed", 3)
        assert f"runs/spiking_dfa-digits-seed3{name}\n" in result.out
        assert Path(f"runs/spiking_dfa-digits-seed3{name}/summary.json").is_file()


def test_default_directory_is_named_after_the_data_file(
    apical: Call, npz: Callable[..., Path]
) -> None:
    apical("run", "spiking_dfa", *TINY, "--dataset", npz())
    assert Path("runs/spiking_dfa-mine-seed0/summary.json").is_file()


def test_several_seeds_are_several_runs_and_their_mean(apical: Call) -> None:
    result = apical("run", "spiking_dfa", *TINY, "--seed", "0,1,5", "--out", "there")
    assert result.code == 0
    accuracies = []
    for seed in (0, 1, 5):
        summary = json.loads(Path(f"there/seed{seed}/summary.json").read_text())
        assert summary["seed"] == seed
        accuracies.append(summary["test_accuracy"])
    row = next(line for line in result.out.splitlines() if "mean" in line)
    assert f"{np.mean(accuracies):.2%}" in row
    weights = [np.load(f"there/seed{seed}/weights.npz")["error_to_hidden"] for seed in (0, 1)]
    assert not np.array_equal(*weights)


def test_one_seed_has_no_mean(apical: Call) -> None:
    assert "mean" not in apical("run", "spiking_dfa", *TINY, "--out", "there").out


def test_options_reach_the_run(apical: Call) -> None:
    apical(
        "run",
        "spiking_dfa",
        *TINY,
        "--out",
        "there",
        "--eta-hidden",
        "1e-6",
        "--update",
        "online",
        "--device",
        "runtime",
        "--dtype",
        "float64",
        "--final-rate",
        "0.5",
        "--seed",
        "4",
        "--validation",
        "8",
    )
    config = json.loads(Path("there/config.json").read_text())
    expected = {
        "model": "spiking_dfa.py",
        "dataset": "digits",
        "train_trials": 24,
        "test_trials": 8,
        "validation": 8,
        "epochs": 2,
        "block": 10,
        "final_rate": 0.5,
        "seed": 4,
        "device": "runtime",
        "dtype": "float64",
    }
    assert {name: config[name] for name in expected} == expected
    options = {"hidden": 4, "update": "online", "wiring": "dfa", "faster": 1.0}
    options |= {"eta_hidden": 1e-6, "eta_output": None}
    assert config["options"] == options
    assert json.loads(Path("there/summary.json").read_text())["dataset"] == "digits:validation"


def test_options_may_come_before_the_model(apical: Call) -> None:
    assert apical("run", "--epochs", 0, "--out=there", "--quiet", "spiking_dfa", *TINY).code == 0


def test_resume_of_a_finished_run_says_its_result_again(apical: Call) -> None:
    first = apical("run", "spiking_dfa", *TINY, "--out", "there")
    again = apical("run", "--resume", "there", "--quiet")
    assert again == first


def test_resume_from_another_folder_finds_the_data(
    apical: Call, npz: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npz()
    apical("run", "spiking_dfa", *TINY, "--dataset", "mine.npz", "--out", "there")
    Path("there/summary.json").unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = apical("run", "--resume", tmp_path / "there", "--quiet", "--no-figures")
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize("extra", ["model", "option"])
def test_resume_takes_nothing_else(apical: Call, extra: str) -> None:
    apical("run", "spiking_dfa", *TINY, "--out", "there")
    more = ["spiking_dfa"] if extra == "model" else ["--block", 99]
    misused(apical("run", "--resume", "there", *more), "--resume")


def test_unknown_model(apical: Call) -> None:
    refused(apical("run", "nothing", *TINY[2:]), "'nothing'", "apical models")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x = 1", "must define build"),
        ("def build(:", "does not parse"),
        ("from apical import WiringError\nraise WiringError('not today')", "not today"),
        (
            "from apical import ApicalError\n"
            "def build(data, seed): raise ApicalError('does not fit')",
            "does not fit",
        ),
        ("from apical import Network\ndef build(data, seed): return Network()", ""),
        ("def build(data, seed): return None", "Network"),
    ],
    ids=["no-build", "syntax", "import", "refuses", "empty", "none"],
)
def test_model_script_that_is_no_good(apical: Call, text: str, word: str) -> None:
    text = text.replace("from apical import WiringError", "from apical.errors import WiringError")
    Path("bad.py").write_text(text)
    refused(apical("run", "bad.py", *TINY[2:], "--out", "there"), word)
    assert not Path("there").exists(), "nothing begins that cannot end"


@pytest.mark.parametrize("option", ["epochs: int = 3", "seeds: int = 1", "out: str = ''"])
def test_model_option_named_like_one_of_the_command(apical: Call, option: str) -> None:
    Path("mine.py").write_text(f"def build(data, seed, *, {option}): ...")
    refused(apical("run", "mine.py"), f"'{option.partition(':')[0]}'")


def test_unknown_data_set(apical: Call) -> None:
    refused(apical("run", "spiking_dfa", *TINY, "--dataset", "nothing"), "'nothing'", "digits")
    refused(apical("run", "spiking_dfa", *TINY, "--dataset", "no.npz"), "no.npz: no such file")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"x_train": np.full((24, 6), np.nan)}, "NaN"),
        ({"x_train": -np.ones((24, 6))}, "values start at -1"),
        ({"y_train": np.zeros(24, int)}, "two classes or more"),
        ({"y_train": np.zeros(23, int)}, "one label for each"),
        ({"x_test": np.zeros((8, 5))}, "store both alike"),
    ],
    ids=["nan", "negative", "one-class", "labels", "shapes"],
)
def test_data_that_are_no_good(
    apical: Call, npz: Callable[..., Path], changes: dict[str, Any], word: str
) -> None:
    file = npz(**changes)
    refused(apical("run", "spiking_dfa", *TINY, "--dataset", file, "--out", "there"), word)
    assert not Path("there").exists()


@pytest.mark.parametrize("kept", [0, 100, -1])
def test_data_file_that_is_cut_short(apical: Call, npz: Callable[..., Path], kept: int) -> None:
    file = npz()
    file.write_bytes(file.read_bytes()[:kept])
    refused(apical("run", "spiking_dfa", *TINY, "--dataset", file), "mine.npz")


def test_model_takes_its_shape_from_the_data(apical: Call, npz: Callable[..., Path]) -> None:
    apical("run", "spiking_dfa", *TINY, "--dataset", npz(), "--out", "there")
    with np.load("there/weights.npz") as weights:
        assert weights["stimulus_to_hidden"].shape == (6, 4)
        assert weights["hidden_to_output"].shape == (4, 2)


@pytest.mark.parametrize(
    "options",
    [
        ("--train-trials", 10**6),
        ("--test-trials", 10**6),
        ("--validation", 10**6),
        ("--dataset", "mnist", "--data-dir", "/nowhere"),
        ("--hidden", 0),
        ("--hidden", -5),
    ],
    ids=str,
)
def test_values_that_do_not_fit(apical: Call, options: tuple[Any, ...]) -> None:
    refused(apical("run", "spiking_dfa", *TINY, *options, "--out", "there"))
    assert not Path("there").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--epochs", -1),
        ("--epochs", "ten"),
        ("--block", 0),
        ("--train-trials", 0),
        ("--final-rate", 2),
        ("--seed", "one"),
        ("--seed", "0,,1"),
        ("--seed", ""),
        ("--device", "abacus"),
        ("--dtype", "int8"),
        ("--hidden", "many"),
        ("--update", "sometimes"),
        ("one", "too", "many"),
        ("--out",),
    ],
    ids=str,
)
def test_values_that_make_no_sense(apical: Call, options: tuple[Any, ...]) -> None:
    misused(apical("run", "spiking_dfa", *TINY, *options))
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("chekc", "There is no command 'apical chekc'. Did you mean 'check'?"),
        ("modles", "There is no command 'apical modles'. Did you mean 'models'?"),
        ("zzz", "There is no command 'apical zzz'; 'apical --help' lists all."),
        ("data lst", "There is no command 'apical data lst'. Did you mean 'list'?"),
        ("--vers", "'apical' has no option '--vers'. Did you mean '--version'?"),
        (
            "run rate_dfa --epoch 3",
            "'apical run' has no option '--epoch'. Did you mean '--epochs'?",
        ),
        (
            "run rate_dfa --wirng fa",
            "'apical run' has no option '--wirng'. Did you mean '--wiring'?",
        ),
        (
            "check rate_dfa --json3",
            "'apical check' has no option '--json3'. Did you mean '--json'?",
        ),
        (
            "run rate_dfa --zzz",
            "'apical run' has no option '--zzz'; 'apical run --help' lists all.",
        ),
        ("run rate_dfaa", "There is no model 'rate_dfaa'. Did you mean 'rate_dfa'?"),
        ("check spikng_dfa", "There is no model 'spikng_dfa'. Did you mean 'spiking_dfa'?"),
    ],
)
def test_misspelt_names_are_one_line_that_says_what_was_meant(
    apical: Call, command: str, said: str
) -> None:
    result = apical(*command.split())
    refused(result, said)
    assert not result.out


@pytest.mark.parametrize("command", [["data"], ["data", "get"]], ids=str)
def test_commands_that_lack_something(apical: Call, command: list[str]) -> None:
    result = apical(*command)
    assert "Usage: " in result.out + result.err
    assert "Traceback" not in result.err


def test_model_that_is_missing(apical: Call) -> None:
    misused(apical("run", "--epochs", 3), "Which MODEL")


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/apical"])
def test_directory_that_cannot_be_made(apical: Call, out: str) -> None:
    Path("file").write_text("")
    refused(apical("run", "spiking_dfa", *TINY, "--out", out), out)


def test_directory_that_holds_another_run(apical: Call) -> None:
    apical("run", "spiking_dfa", *TINY, "--out", "there")
    before = {entry.name: entry.read_bytes() for entry in Path("there").iterdir()}
    refused(apical("run", "spiking_dfa", *TINY, "--out", "there"), "apical run --resume there")
    assert {entry.name: entry.read_bytes() for entry in Path("there").iterdir()} == before


def test_directory_that_is_not_empty(apical: Call) -> None:
    Path("there").mkdir()
    Path("there/thesis.tex").write_text("precious")
    refused(apical("run", "spiking_dfa", *TINY, "--out", "there"), "not empty", "thesis.tex")
    assert Path("there/thesis.tex").read_text() == "precious"


def test_resume_without_a_run(apical: Call) -> None:
    Path("empty").mkdir()
    refused(apical("run", "--resume", "empty"), "holds no run")
    refused(apical("run", "--resume", "nothing"), "holds no run")


def test_resume_of_a_run_that_is_going_on(apical: Call) -> None:
    apical("run", "spiking_dfa", *TINY, "--out", "there")
    with RunDirectory.reopen(Path("there")):
        refused(apical("run", "--resume", "there"), "in use by a live run")


def test_resume_of_a_damaged_run(apical: Call) -> None:
    apical("run", "spiking_dfa", *TINY, "--out", "there")
    Path("there/summary.json").unlink()
    Path("there/checkpoint.npz").write_bytes(b"garbage")
    refused(apical("run", "--resume", "there", "--quiet"), "checkpoint.npz is not the file")
    Path("there/config.json").write_text("{")
    refused(apical("run", "--resume", "there", "--quiet"), "config.json is not the file")


@pytest.mark.slow
def test_figures_are_drawn_for_a_finished_run(apical: Call) -> None:
    arguments = [argument for argument in TINY if argument != "--no-figures"]
    drawn = apical("run", "spiking_dfa", *arguments, "--out", "there")
    assert (drawn.code, drawn.err) == (0, "")
    figures = {entry.name for entry in Path("there/figures").iterdir()}
    assert "learning_curve.png" in figures
    for name in figures:
        assert Path("there/figures", name).read_bytes().startswith(b"\x89PNG")


def test_installed_command_fails_with_one_line_and_code_2(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("apical")
    done = subprocess.run(
        [command, "run", "spiking_dfa", "--dataset", "nothing"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    refused(Result(done.returncode, done.stdout, done.stderr), "unknown data set 'nothing'")


@pytest.mark.slow
def test_model_run_as_a_script_equals_the_command(tmp_path: Path) -> None:
    model = ROOT / "models" / "spiking_dfa.py"
    command = Path(sys.executable).with_name("apical")
    arguments = list(map(str, ("--hidden", 20, *TINY[2:], "--out", "run")))
    for name, start in (("script", [sys.executable, model]), ("command", [command, "run", model])):
        (tmp_path / name).mkdir()
        done = subprocess.run(
            [*start, *arguments],
            cwd=tmp_path / name,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        assert (done.returncode, done.stderr) == (0, "")
    script, run = tmp_path / "script" / "run", tmp_path / "command" / "run"
    for name in ("metrics.csv", "config.json"):
        assert (script / name).read_bytes() == (run / name).read_bytes()
    with np.load(script / "weights.npz") as one, np.load(run / "weights.npz") as other:
        assert set(one.files) == set(other.files)
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])
