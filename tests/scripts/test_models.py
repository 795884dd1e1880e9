"""Model scripts: finding and loading them, and reading options from the signature of `build`."""

import hashlib
import importlib.util
import os
import py_compile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apical.data.datasets import blobs
from apical.errors import ApicalWarning, ScriptError
from apical.scripts import models
from apical.scripts.models import Option

SHIPPED = Path(__file__).parents[2] / "models"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, to which the test has changed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def script(folder: Path, signature: str, head: str = "", name: str = "mine.py") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(
        f'"""Mine: a model.\n\nMore about it.\n"""\n{head}\ndef build({signature}): ...\n'
    )
    return path


def test_shipped_models_are_found_by_name_path_and_file_name(here: Path) -> None:
    assert "spiking_dfa" in models.available()
    paths = {
        models.load(name).path
        for name in ("spiking_dfa", "spiking_dfa.py", str(SHIPPED / "spiking_dfa.py"))
    }
    assert paths == {SHIPPED / "spiking_dfa.py"}


TRAINABLE = [path for path in sorted(SHIPPED.glob("*.py")) if not models.is_study(path)]
STUDIES = [path for path in sorted(SHIPPED.glob("*.py")) if models.is_study(path)]


@pytest.mark.parametrize("path", TRAINABLE, ids=lambda path: path.stem)
def test_every_shipped_model_builds_with_its_defaults(path: Path) -> None:
    model = models.load(str(path))
    assert model.doc
    data = replace(blobs(n_inputs=64, rng=np.random.default_rng(0)), shape=(8, 8))
    net = model.build(data, 5)
    # the network takes its shape from the data, so that data never fail to fit a model
    assert (net.seed, net.stimulus.size, net.output.size) == (5, data.n_inputs, data.n_classes)


def test_studies_are_listed_and_refused_with_the_command_that_runs_them(here: Path) -> None:
    study = script(here / "models", "data, seed", name="study.py")
    study.write_text('"""Compare."""\n\ndef main(): ...\n')
    assert models.available()["study"][1] == "Compare. (study: python models/study.py)"
    with pytest.raises(ScriptError, match="is a study.* run 'python models/study.py --help'"):
        models.load("study")


def test_a_model_may_have_a_main_too(here: Path) -> None:
    path = script(here, "data, seed", "def main(): ...")
    assert models.load(str(path)).name == "mine"


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_shipped_study_is_refused_as_a_model(path: Path) -> None:
    with pytest.raises(ScriptError, match="is a study"):
        models.load(str(path))


@pytest.mark.parametrize("where", ["models", "."])
def test_models_of_the_package_go_before_files_of_this_folder(here: Path, where: str) -> None:
    mine = script(here / where, "data, seed", "raise SystemExit('executed')", "spiking_dfa.py")
    assert models.available()["spiking_dfa"][0] == SHIPPED / "spiking_dfa.py"
    given = f"models/{mine.name}" if where == "models" else mine.name
    with pytest.warns(ApicalWarning, match=f"{given} in this folder is another file.*./{given}"):
        assert models.load("spiking_dfa").path == SHIPPED / "spiking_dfa.py"
    with pytest.raises(SystemExit, match="executed"):
        models.load(given)


def test_bytecode_beside_a_script_is_not_executed(here: Path) -> None:
    """Of bytecode nobody knows the checksum."""
    path = script(here, "data, seed", "x = 1")
    stat = path.stat()
    cached = Path(importlib.util.cache_from_source(str(path)))
    other = script(here / "other", "data, seed", "y = 1")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    py_compile.compile(str(other), str(cached))
    assert other.stat().st_size == stat.st_size
    assert "x" in models.load(str(path)).build.__globals__


def test_a_script_is_imported_only_if_it_has_the_given_checksum(here: Path) -> None:
    path = script(here, "data, seed", "raise SystemExit('executed')")
    with pytest.raises(ScriptError, match="is not imported: its SHA-256 is"):
        models.load(str(path), "0" * 64)


def test_a_broken_script_in_the_models_folder_hides_no_other(here: Path) -> None:
    script(here / "models", "data, seed")
    (here / "models" / "broken.py").write_text("def (")
    assert "mine" in models.available()
    assert models.load("mine").name == "mine"
    with pytest.raises(ScriptError, match="broken.py does not parse"):
        models.load("broken")


def test_options_come_from_keyword_only_arguments(here: Path) -> None:
    signature = (
        "data, seed, *, n: int = 3, eta: float | None = None, name: str = 'a', on: bool = False, "
        "form: Literal['x', 'y'] = 'x', rate: Optional[float] = 0.5"
    )
    path = script(here, signature, "from typing import Literal, Optional")
    assert models.load(str(path)).options == (
        Option("n", int, (), 3, ""),
        Option("eta", float, (), None, ""),
        Option("name", str, (), "a", ""),
        Option("on", bool, (), False, ""),
        Option("form", str, ("x", "y"), "x", ""),
        Option("rate", float, (), 0.5, ""),
    )


def test_help_of_options_comes_from_the_docstring_of_build(here: Path) -> None:
    (here / "mine.py").write_text(
        "def build(data, seed, *, n: int = 3, a: float = 1.0, b: float = 2.0):\n"
        '    """Build it.\n\n    Parameters\n    ----------\n    n\n        Number\n'
        '        of neurons.\n    a, b\n        Rates.\n    """\n'
    )
    helps = {option.name: option.help for option in models.load("mine.py").options}
    assert helps == {"n": "Number of neurons.", "a": "Rates.", "b": "Rates."}


def test_options_may_be_annotated_as_strings(here: Path) -> None:
    path = script(here, "data, seed, *, n: int = 3", "from __future__ import annotations")
    assert models.load(str(path)).options == (Option("n", int, (), 3, ""),)


@pytest.mark.parametrize("option", ["n=3", "n: int", "n: list = ()", "n: dict[str, int] = {}"])
def test_option_that_a_command_line_cannot_give(here: Path, option: str) -> None:
    path = script(here, f"data, seed, *, {option}")
    with pytest.raises(ScriptError, match="option 'n' of build needs a default and a type"):
        models.load(str(path))


def test_name_doc_and_check_sum(here: Path) -> None:
    path = script(here, "data, seed")
    model = models.load("mine.py")
    assert (model.name, model.path) == ("mine", path)
    assert model.doc == "Mine: a model.\n\nMore about it."
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_script_may_define_dataclasses(here: Path) -> None:
    head = (
        "from __future__ import annotations\nfrom dataclasses import dataclass, field\n"
        "@dataclass\nclass A:\n    x: list[int] = field(default_factory=list)\n"
    )
    assert models.load(str(script(here, "data, seed", head))).options == ()


def test_unknown_model_lists_the_known(here: Path) -> None:
    with pytest.raises(ScriptError, match="no model 'nothing'; 'apical models' lists the"):
        models.load("nothing")
    with pytest.raises(ScriptError, match=r"Did you mean 'spiking_dfa'\? 'apical models'"):
        models.load("spikng_dfa")


def test_a_build_with_other_arguments_is_one_line(here: Path) -> None:
    with pytest.raises(
        ScriptError, match=r"calling build\(data, seed\) fails: too many positional"
    ):
        models.load(str(script(here, "data")))


@pytest.mark.parametrize("name", ["spiking_dfa.txt", "missing/other.py", "."])
def test_path_of_no_script(here: Path, name: str) -> None:
    with pytest.raises(ScriptError, match="There is no model"):
        models.load(name)


def test_path_of_a_missing_script_is_not_taken_for_another_of_its_name(here: Path) -> None:
    with pytest.raises(ScriptError, match="There is no model"):
        models.load("my/changed/spiking_dfa.py")


def test_script_without_python_ending(here: Path) -> None:
    (here / "model.txt").write_text("def build(data, seed): ...")
    with pytest.raises(ScriptError, match="must end in '.py'"):
        models.load("model.txt")


@pytest.mark.parametrize("text", ["", "build = 3", "def built(data, seed): ..."])
def test_script_without_build(here: Path, text: str) -> None:
    (here / "model.py").write_text(text)
    with pytest.raises(ScriptError, match=r"model.py must define build\(data, seed"):
        models.load("model.py")


@pytest.mark.parametrize("content", [b"def build(", b"x = '\xff'", b"x = 1\0"], ids=repr)
def test_script_that_does_not_parse(here: Path, content: bytes) -> None:
    (here / "model.py").write_bytes(content)
    with pytest.raises(ScriptError, match="model.py does not parse"):
        models.load("model.py")
