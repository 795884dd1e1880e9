"""Finished runs become a stored table, without a number typed in."""

import importlib.util
import shlex
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from apical.cli import app

ROOT = Path(__file__).parents[2]
RUN = "run Nokland_2016_mnist --dataset digits --hidden 12 --epochs 1 --no-figures --quiet"
RUN += " --train-trials 64 --test-trials 40"


@pytest.fixture(scope="module")
def store() -> ModuleType:
    spec = importlib.util.spec_from_file_location("store", ROOT / "benchmarks" / "store.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for wiring, seeds in (("dfa", "0,1"), ("fa", "1")):
        line = f"{RUN} --wiring {wiring} --seed {seeds} --out {folder / wiring}"
        done = CliRunner().invoke(app.commands, shlex.split(line))
        assert done.exit_code == 0, done.output
    return folder


def stored(store: ModuleType, out: Path, *arguments: object) -> Result:
    fixed = ["--title", "Two wirings", "--commit", "abc1234", "--out", out]
    return CliRunner().invoke(store.main, [*map(str, (*arguments, *fixed))])


def test_runs_become_a_table_with_their_commands(
    store: ModuleType, runs: Path, tmp_path: Path
) -> None:
    rows = ["--row", "DFA", runs / "dfa", "--row", "FA", runs / "fa", "--machine", "epyc"]
    done = stored(store, tmp_path, "wirings", *rows)
    assert done.exit_code == 0, done.output
    head, dfa, fa = (
        line.split(",") for line in (tmp_path / "wirings.csv").read_text().splitlines()
    )
    assert head == ["condition", "data", "epochs", "seed 0", "seed 1", "mean"]
    assert dfa[:3] == ["DFA", "digits", "1"] and fa[3] == "" and fa[4] == fa[5]
    assert float(dfa[5]) == pytest.approx((float(dfa[3]) + float(dfa[4])) / 2, abs=0.011)
    about = tomllib.loads((tmp_path / "wirings.toml").read_text())
    assert about["commits"] == ["abc1234"] and about["seeds"] == "0, 1"
    assert about["units"] == {"seed 0": "%", "seed 1": "%", "mean": "%"}
    for said, seeds in zip(about["commands"], ("0,1", "1"), strict=True):
        assert said.startswith("apical run Nokland_2016_mnist --dataset digits --epochs 1 ")
        assert "--train-trials 64" in said and "--hidden 12" in said and "--dropout false" in said
        assert said.endswith(f"--seed {seeds}")
    assert stored(store, tmp_path, "wirings", *rows).exit_code == 2, "nothing is overwritten"


def test_the_command_gives_the_same_runs(store: ModuleType, runs: Path, tmp_path: Path) -> None:
    found = store.runs_of(runs / "fa")
    line = store.command([config for config, _ in found])
    more = ["--out", str(tmp_path / "again"), "--quiet", "--no-figures"]
    done = CliRunner().invoke(app.commands, [*shlex.split(line)[1:], *more])
    assert done.exit_code == 0, done.output
    ((_, before),) = found
    ((_, after),) = store.runs_of(tmp_path / "again")
    assert after["test_accuracy"] == before["test_accuracy"]


def test_what_cannot_be_stored_is_refused(store: ModuleType, runs: Path, tmp_path: Path) -> None:
    row = ["--row", "DFA", runs / "dfa"]
    assert "No machine 'fly'" in stored(store, tmp_path, "a", *row, "--machine", "fly").output
    empty = ["--row", "DFA", tmp_path, "--machine", "epyc"]
    assert "holds no finished run" in stored(store, tmp_path, "a", *empty).output
    configs = [config for config, _ in store.runs_of(runs / "dfa")]
    with pytest.raises(Exception, match="differ in epochs"):
        store.command([configs[0], configs[1] | {"epochs": 2}])
    assert list(tmp_path.glob("*.csv")) == []
