"""What a release needs: wheel and sdist that run, a citation, a changelog, valid workflows."""

import csv
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from apical.scripts import models

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RELEASED = re.compile(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


# ---- what is written ----------------------------------------------------------------------------
def test_the_changelog_has_dates_and_what_comes_next() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    found = RELEASED.findall(text)
    assert headings[0] == "Unreleased" and len(headings) == 1 + len(found)
    assert found[-1] == ("0.1.0", "2026-11-23")
    assert sorted(found, reverse=True) == found


def test_the_citation_is_that_of_the_last_release() -> None:
    text = (ROOT / "CITATION.cff").read_text()
    version, date = RELEASED.findall((ROOT / "CHANGELOG.md").read_text())[0]
    assert f"\nversion: {version}\ndate-released: {date}\n" in text


def test_no_file_says_where_the_repository_is_but_one() -> None:
    assert "version" not in PROJECT["project"] and PROJECT["project"]["dynamic"] == ["version"]
    urls = set(PROJECT["project"].get("urls", {}).values())
    for page in (ROOT / "CITATION.cff", *GITHUB.rglob("*.md"), *GITHUB.rglob("*.yml")):
        assert not [url for url in urls if url in page.read_text()], page


def test_it_is_measured_what_every_dependency_costs() -> None:
    table = ROOT / "benchmarks" / "results" / "tables" / "dependencies.csv"
    with table.open(newline="") as file:
        measured = {row["package"] for row in csv.DictReader(file) if row["version"]}
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = {re.split(r"[<>=]", line)[0] for line in PROJECT["project"]["dependencies"]}
    moved = {re.split(r"[<>=]", line)[0] for e in ("analysis", "graph") for line in extras[e]}
    assert wanted <= measured <= wanted | moved


# ---- files that GitHub reads --------------------------------------------------------------------
SCHEMAS = {
    "vendor.citation-file-format": ["CITATION.cff"],
    "vendor.dependabot": [".github/dependabot.yml"],
    "vendor.github-workflows": [".github/workflows/*.yml"],
    "custom.github-workflows-require-timeout": [".github/workflows/*.yml"],
    "vendor.github-issue-config": [".github/ISSUE_TEMPLATE/config.yml"],
    "vendor.github-issue-forms": [".github/ISSUE_TEMPLATE/[!c]*.yml"],
}
"""Schemas that check-jsonschema ships, and the files that they are of."""


def read(path: Path) -> Any:
    """Return what a file of YAML 1.2 holds."""
    return pytest.importorskip("ruamel.yaml").YAML(typ="safe").load(path.read_text())


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_fit_their_schemas(schema: str) -> None:
    pytest.importorskip("check_jsonschema")
    files = [str(path) for pattern in SCHEMAS[schema] for path in ROOT.glob(pattern)]
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stdout


def test_a_file_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema")
    damaged = (ROOT / "CITATION.cff").read_text().replace("cff-version: 1.2.0\n", "")
    (tmp_path / "CITATION.cff").write_text(damaged)
    options = ["--builtin-schema", "vendor.citation-file-format", str(tmp_path / "CITATION.cff")]
    command = [sys.executable, "-m", "check_jsonschema", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and "'cff-version' is a required property" in ended.stdout


@pytest.mark.parametrize("name", ["ci", "weekly", "release"])
def test_workflows_are_careful_and_run_what_there_is(name: str) -> None:
    workflow = read(GITHUB / "workflows" / f"{name}.yml")
    targets = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert workflow["permissions"] == {"contents": "read"} and workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert job["runs-on"] != "ubuntu-latest"
        for step in job["steps"]:
            assert re.fullmatch(r"[\w./-]+@v\d+(\.\d+\.\d+)?", step.get("uses", "a@v1"))
            for target in re.findall(r"\bmake ([\w-]+)", step.get("run", "")):
                assert target in targets
    jobs = workflow["jobs"]
    allowed = [job for job in jobs if "id-token" in jobs[job].get("permissions", {})]
    assert allowed == (["publish"] if name == "release" else [])


def test_every_python_is_tested_with_the_brian2_that_it_can_have() -> None:
    matrix = read(GITHUB / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    pairs = {row["python"]: row["brian2"].rpartition(".")[0] for row in matrix["include"]}
    assert pairs == {"3.11": "2.9", "3.12": "2.10", "3.13": "2.11"}
    classified = [
        line.rpartition(" ")[2]
        for line in PROJECT["project"]["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", line)
    ]
    assert classified == [*pairs]
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_hooks_run_what_the_environment_of_the_project_has() -> None:
    hooks = [
        hook for repo in read(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]
    ]
    assert {"ruff-check", "ruff-format", "mypy"} <= {hook["id"] for hook in hooks}
    programs = {hook["entry"].split()[0] for hook in hooks if "entry" in hook}
    assert programs == {".venv/bin/ruff", ".venv/bin/mypy"}


# ---- wheel and sdist ----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the sdist, and the wheel that is built from it."""
    pytest.importorskip("build")
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


@pytest.mark.slow
def test_wheel_and_sdist_hold_what_they_should(built: tuple[Path, Path]) -> None:
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    scripts = {path.name for path in (ROOT / "models").glob("*.py")}
    assert {f"apical/models/{name}" for name in scripts} <= {*names} and len(scripts) > 25
    for name in ("py.typed", "rules.pyi", "report/page.html", "data/digits.npz"):
        assert f"apical/{name}" in names
    assert len([name for name in names if "/templates/" in name]) > 10
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"apical"}
    assert not [name for name in names if "test" in name.split("/")[-1] or name.endswith(".pyc")]
    with tarfile.open(sdist) as content:
        held = {name.partition("/")[2] for name in content.getnames()}
    for name in ("pyproject.toml", "LICENSE", "CHANGELOG.md", "CITATION.cff", "models/rate_dfa.py"):
        assert name in held
    assert "tests/project/test_release.py" in held and ".github" not in held


USER = """\
import sys
import apical
from apical.rules import three_factor
from apical.scripts import models
assert "site-packages" in apical.__file__
assert not {"sklearn", "xarray", "networkx", "matplotlib"} & {*sys.modules}
print(apical.__version__, len(models.available()))
"""


@pytest.mark.slow
def test_the_wheel_runs_in_a_clean_environment(built: tuple[Path, Path], tmp_path: Path) -> None:
    venv.create(tmp_path / "clean", with_pip=True)
    folder = tmp_path / "clean" / "bin"
    hidden = ("PYTHONPATH", "APICAL_DATA_DIR", "APICAL_CACHE_DIR")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env |= {"APICAL_CACHE_DIR": str(tmp_path / "cache"), "COLUMNS": "120"}

    def said(*command: str, code: int = 0) -> str:
        ended = subprocess.run(
            [str(folder / command[0]), *command[1:]],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    pip = ("python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    said(*pip, "--no-compile", str(built[1]))
    version = built[1].name.split("-")[1]
    assert said("apical", "--version").startswith(f"apical {version}, Brian2 ")
    assert said("python", "-c", USER).split() == [version, str(len(models.available()))]
    short = ("--dataset", "digits", "--epochs", "1", "--quiet")
    said("apical", "run", "spiking_dfa", "--hidden", "20", *short, "--out", "spiking")
    said("apical", "run", "rate_dfa", *short, "--out", "rate")
    for run in ("spiking", "rate"):
        assert list((tmp_path / run / "figures").glob("*.png"))
        said("apical", "report", run)
        page = (tmp_path / run / "report.html").read_text()
        assert "need elephant, rsatoolbox, scikit-learn, xarray: pip install" in page
    refused = said("apical", "graph", "rate_dfa", "--out", "rate.graphml", code=2)
    assert "networkx, which is not installed: pip install 'apical[graph]'" in refused
    refused = said("apical", "analyze", "spiking", code=2)
    assert "which is not installed: pip install 'apical[analysis]'" in refused
    assert "apical graph --out FILE.graphml" in said("apical", "doctor", "--quick")
