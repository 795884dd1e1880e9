"""What a user's type checker sees of the package: `py.typed`, and types of all that is public."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import apical
from apical._moved import PUBLIC

SOURCES = Path(apical.__file__).parents[1]

SCRIPT = """\
import apical as ap
from apical.encoding import Regular

data = ap.datasets.load("digits")
net = ap.Network(seed=0, trial=100)
x = net.add(ap.Stimulus("stimulus", data.n_inputs, Regular(rate=100, total=30)))
h = net.add(ap.LIF("hidden", 200, leak=False, v_start=0.5))
y = net.add(ap.LIF("output", data.n_classes, leak=False, v_start=0.5, bias=1.2, gain="1"))
e = net.add(ap.Error("error", 2 * data.n_classes))
net.connect(x, h, weights=ap.Normal(0.2), rule=ap.rules.three_factor(1e-4))
net.connect(h, y, weights=ap.Zero(), rule=ap.rules.three_factor(6e-4))
net.teach(ap.feedback.direct(e, net.forward))
with ap.simulate(net, device="runtime") as simulator:
    steps = ap.train(simulator, data, epochs=5)
print(ap.check(net).is_local, steps[-1].metrics["test_accuracy"], ap.models.load("rate_dfa").name)
"""

MISTAKES = {
    "ap.Network(seed=0, trial=100)": "ap.Netwrok(seed=0, trial=100)",
    'ap.LIF("hidden", 200, leak=False, v_start=0.5)': 'ap.LIF("hidden", 200, leaky=False)',
    "ap.rules.three_factor(1e-4)": 'ap.rules.three_factor("1e-4")',
    "net.teach(ap.feedback.direct(e, net.forward))": "net.teach(ap.feedback.direct(e))",
    "ap.check(net).is_local": "ap.check(simulator).is_local",
}
"""Parts of the script, and the mistakes that are made in their place."""


def typed(script: str, folder: Path) -> str:
    """Return what mypy says of a user's script.

    The sources are silent, as those of an installed package are.
    """
    (folder / "script.py").write_text(script)
    (folder / "mypy.ini").write_text(
        f"[mypy]\nstrict = True\nmypy_path = {SOURCES}\n[mypy-apical.*]\nfollow_imports = silent\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "script.py"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    return ended.stdout


def errors(script: str, folder: Path) -> list[str]:
    """Return the errors that mypy finds in a user's script, as ``line: text``."""
    said = typed(script, folder)
    return re.findall(r"^script\.py:(\d+: error: .*)$", said, re.MULTILINE)


def test_the_package_says_that_it_is_typed() -> None:
    assert (SOURCES / "apical" / "py.typed").read_text() == ""


def test_short_names_of_modules_are_known_to_type_checkers() -> None:
    stubs = {path.stem: path.read_text() for path in (SOURCES / "apical").glob("[!_]*.pyi")}
    assert stubs == {name: f"from apical.{path} import *\n" for name, path in PUBLIC.items()}


@pytest.mark.slow
def test_strict_checking_passes_on_a_script_and_finds_five_mistakes(tmp_path: Path) -> None:
    assert len(SCRIPT.splitlines()) == 15
    assert errors(SCRIPT, tmp_path) == []
    lines = {}
    wrong = SCRIPT
    for right, mistake in MISTAKES.items():
        assert SCRIPT.count(right) == 1
        lines[SCRIPT[: SCRIPT.index(right)].count("\n") + 1] = mistake
        wrong = wrong.replace(right, mistake)
    found = errors(wrong, tmp_path)
    assert {int(error.partition(":")[0]) for error in found} == set(lines), found


@pytest.mark.slow
def test_every_public_name_has_a_type(tmp_path: Path) -> None:
    text = (SOURCES / "apical" / "__init__.pyi").read_text()
    names = re.findall(r"import (\w+) as \1$", text, re.MULTILINE)
    assert len(names) > 40 and {"Network", "models", "rules", "train"} <= {*names}
    lines = [f"reveal_type(ap.{name})" for name in names]
    said = typed("\n".join(["import apical as ap", *lines, ""]), tmp_path)
    types = re.findall(r"^script\.py:\d+: note: Revealed type is \"(.*)\"$", said, re.MULTILINE)
    assert len(types) == len(names), said
    assert "Any" not in types and ": error:" not in said
