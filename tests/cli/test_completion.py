"""Completion in the shell: what is offered, by the protocol of each shell, and how little it needs.

Answers come from a table beside the code. It is compared with the real commands here, so that no
command or option can be added without it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from apical.cli import answering, app
from apical.cli.kinds import registries
from apical.cli.protocol import COMPLETE
from apical.cli.tabulating import TABLE, written
from apical.scripts import models
from apical.scripts.templates import templates

ROOT = Path(__file__).parents[2]
OF_COMPLETION = ("apical.cli.answering", "apical.cli.protocol")
ENTRY = "import sys; sys.argv[0] = 'apical'; from apical.cli import main; main()"
"""What the installed command does."""


def asked(shell: str, line: str, cwd: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Ask the command as a shell does: complete the last word of a line, which may be empty."""
    words = line.split(" ")
    given = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    if shell == "fish":
        given = {"COMP_WORDS": " ".join(words[:-1]), "COMP_CWORD": words[-1]}
    return subprocess.run(
        [sys.executable, *options, "-c", ENTRY],
        env={**os.environ, **given, COMPLETE: f"{shell}_complete"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


def offered(line: str) -> list[str]:
    """Return what is offered for the last word of a line, in this process."""
    *before, last = line.split(" ")
    completer = ShellComplete(answering.commands(), {}, "apical", COMPLETE)
    return [item.value for item in completer.get_completions(before[1:], last)]


def test_the_table_is_that_of_the_commands() -> None:
    assert TABLE.read_bytes() == written(), (
        "commands or registries changed: write the table anew, by "
        "'python -m apical.cli.tabulating', and commit it"
    )


def every(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every command."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from every(found, (*path, name))


PATHS = list(every(app.commands))
GROUPS = [path for path in PATHS if answering.is_overview([*path, "--help"])]


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize(
    "line", [[], ["-h"], *([*path, "--help"] for path in GROUPS)], ids=" ".join
)
def test_what_commands_there_are_is_what_the_real_commands_say(
    line: list[str],
    columns: int,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "argv", ["apical", *line])
    with pytest.raises(SystemExit) as real:
        app.main()
    wanted = capfd.readouterr()
    assert answering.overview(line) == real.value.code
    assert capfd.readouterr() == wanted
    assert "Usage: apical" in "".join(wanted)


def test_what_commands_there_are_needs_nothing_that_commands_import(tmp_path: Path) -> None:
    begin = ENTRY.replace("main()", "sys.argv[1:] = ['--help']")
    code = f"{begin}\ntry: main()\nfinally: print(sorted(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    *said, loaded = found.stdout.splitlines()
    assert "Commands:" in said and "'apical.cli.answering'" in loaded
    assert "'numpy'" not in loaded and "'rich'" not in loaded and "'apical.cli.app'" not in loaded


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_what_is_offered_is_what_the_real_command_has(path: tuple[str, ...]) -> None:
    real = ShellComplete(app.commands, {}, "apical", COMPLETE)
    light = ShellComplete(answering.commands(), {}, "apical", COMPLETE)
    for incomplete in ("", "-", "--"):
        wanted = {
            item.value
            for item in real.get_completions([*path], incomplete)
            if item.type == "plain" and (incomplete or len(path) < 2)
        }
        found = {item.value for item in light.get_completions([*path], incomplete)}
        assert wanted <= found
        if incomplete:
            assert wanted == found


def test_all_commands_are_there() -> None:
    assert len(PATHS) > 20
    assert set(offered("apical ")) == set(app.commands.list_commands(click.Context(app.commands)))


@pytest.mark.parametrize("registry", registries(), ids=lambda registry: registry.plural)
def test_names_of_registries_are_those_that_there_are(registry: Any) -> None:
    kind = registry.plural.replace(" ", "_")
    assert set(answering._registered(kind)) == set(registry.names)


def test_other_packages_are_asked_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda group: [SimpleNamespace(name="theirs")] if group == "apical.wirings" else [],
    )
    assert "theirs" in offered("apical run rate_dfa --wiring ")
    assert "theirs" not in offered("apical run rate_dfa --device ")


SCRIPTS = [p for p in sorted((ROOT / "models").glob("*.py")) if not models.is_study(p)]


@pytest.mark.parametrize("path", [*SCRIPTS, *templates().values()], ids=lambda path: path.stem)
@pytest.mark.parametrize("command", ["run", "check"])
def test_options_of_a_model_are_read_from_its_text(path: Path, command: str) -> None:
    loaded = models.load(str(path))
    found = set(offered(f"apical {command} {path} --"))
    assert {f"--{o.name.replace('_', '-')}" for o in loaded.options} <= found
    for option in loaded.options:
        values = offered(f"apical {command} {path} --{option.name.replace('_', '-')} ")
        wanted = option.choices or (("true", "false") if option.kind is bool else ())
        assert set(values) == set(wanted)


def test_models_are_those_that_can_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert set(offered("apical run ")) == {path.stem for path in SCRIPTS}
    build = "def build(data, seed, *, width: int = 3, how: typing.Literal['a', 'b'] = 'a'): ..."
    Path("mine.py").write_text(f"raise SystemExit\n\n{build}\n")
    Path("other.py").write_text("import os\n")
    Path("broken.py").write_text("\ndef build(\n")
    assert "mine.py" in offered("apical run ") and "other.py" not in offered("apical run ")
    assert offered("apical run mine.py --wi") == ["--width"]
    assert offered("apical run mine.py --how ") == ["a", "b"]
    assert "--epochs" in offered("apical run broken.py --")
    assert offered("apical check spik") == ["spiking_deep", "spiking_dfa", "spiking_local"]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("apical ru", ["run"]),
        ("apical data ", ["controls", "get", "list", "path"]),
        ("apical data get mni", ["mnist"]),
        ("apical run rate_dfa --dataset f", ["fashion_mnist"]),
        ("apical run --epochs 3 rate_dfa --wiring two", ["two_phases"]),
        ("apical run rate_dfa --device cp", ["cpp_standalone"]),
        ("apical run rate_dfa --library torch:", ["torch:cuda"]),
        ("apical run rate_dfa --measure units,co", ["units,cost"]),
        ("apical run rate_dfa --hypothesis kol", ["kolen_pollack"]),
        ("apical run rate_dfa --hypothesis dale+het", ["dale+heterogeneity"]),
        ("apical run rate_dfa --hypothesis sparse_feedback(wires=1)+sp", []),
        ("apical compare rate_dfa --wirings bp,dr", ["bp,drtp"]),
        ("apical export r --format n", ["nwb", "nix"]),
        ("apical new mine --template ra", ["rate"]),
        ("apical completion z", ["zsh"]),
        ("apical nothing ", []),
    ],
)
def test_values_are_completed(line: str, values: list[str]) -> None:
    found = offered(line)
    assert found == values if values else set(found) <= set(offered("apical ")) | {""}


def test_run_directories_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [item for item in offered("apical report ")] == [""]  # a folder, by the shell
    for name in ("runs/a", "runs/b/seed0", "runs/b/seed1", ".hidden/c", "one/two/three/four"):
        folder = Path(name)
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    runs = ["runs/a", "runs/b/seed0", "runs/b/seed1"]
    assert offered("apical report ") == runs
    assert offered("apical report runs/a runs/b/") == runs[1:]
    assert offered("apical run --resume runs/") == runs
    assert set(offered("apical cite ")) == {*runs, *(path.stem for path in SCRIPTS)}
    assert offered(f"apical export {tmp_path}/runs/b/seed1") == [f"{tmp_path}/runs/b/seed1"]


@pytest.mark.parametrize(
    ("shell", "wanted"),
    [
        ("bash", "plain,run\n"),
        ("zsh", "plain\nrun\nTrain the network of a MODEL script"),
        ("fish", "plain,run\tTrain the network of a MODEL script"),
    ],
)
def test_the_installed_command_answers_each_shell(shell: str, wanted: str, tmp_path: Path) -> None:
    answer = asked(shell, "apical ru", tmp_path)
    assert answer.returncode == 0 and not answer.stderr
    assert answer.stdout.startswith(wanted)
    models_ = asked(shell, "apical run spiking_d", tmp_path).stdout
    assert "spiking_deep" in models_ and "spiking_dfa" in models_


@pytest.mark.parametrize(
    "line",
    ["apical ", "apical run rate_dfa --wiring ", "apical report ", "apical run x --hypothesis "],
)
def test_little_is_imported_for_an_answer(line: str, tmp_path: Path) -> None:
    answer = asked("bash", line, tmp_path, "-X", "importtime")
    assert answer.returncode == 0
    imported = {row.rpartition("|")[2].strip() for row in answer.stderr.splitlines()}
    heavy = {"numpy", "scipy", "brian2", "rich", "pandas", "sklearn", "sympy"}
    assert not heavy & {name.partition(".")[0] for name in imported}
    ours = {name for name in imported if name.startswith("apical")}
    assert ours <= {"apical", "apical._moved", "apical.cli", *OF_COMPLETION}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = CliRunner().invoke(app.commands, ["completion", shell])
    assert printed.exit_code == 0
    assert COMPLETE in printed.output and f"{shell}_complete" in printed.output
    assert "apical" in printed.output and not re.search(r"(?<![\w$])/\w+/", printed.output)
    assert str(Path(sys.executable).parent) not in printed.output
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert CliRunner().invoke(app.commands, ["completion"]).output == printed.output


def test_a_shell_that_is_not_known_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    said = CliRunner().invoke(app.commands, ["completion"])
    assert said.exit_code == 2 and "Name one of bash, zsh, fish" in said.output
    assert CliRunner().invoke(app.commands, ["completion", "tcsh"]).exit_code == 2


def as_installed(folder: Path) -> dict[str, str]:
    """Return an environment in which `apical` is this package."""
    script = folder / "bin" / "apical"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\n{ENTRY}\n")
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes(tmp_path: Path) -> None:
    lines = (
        'eval "$(apical completion bash)"',
        "COMP_WORDS=(apical run rate_dfa --wiring d)",
        "COMP_CWORD=4",
        "_apical_completion apical",
        'echo "${COMPREPLY[@]}"',
        "complete -p apical",
    )
    ended = subprocess.run(
        ["bash", "--norc", "-c", "; ".join(lines)],
        env=as_installed(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    replied, how = ended.stdout.splitlines()
    assert replied == "dfa drtp"
    assert how == "complete -o nosort -F _apical_completion apical"


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_completes(tmp_path: Path) -> None:
    line = "apical completion fish | source; complete -C 'apical run rate_dfa --wiring dr'"
    ended = subprocess.run(
        ["fish", "--no-config", "-c", line],
        env=as_installed(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout.split() == ["drtp"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_takes_the_script(tmp_path: Path) -> None:
    line = 'autoload -Uz compinit; compinit -u; eval "$(apical completion zsh)"; '
    line += "which _apical_completion"
    ended = subprocess.run(
        ["zsh", "-f", "-c", line],
        env=as_installed(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0 and "zsh_complete" in ended.stdout
