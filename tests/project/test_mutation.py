"""Mutants: each is one change of what a module works out, and compiles."""

import ast
import builtins
import json
import subprocess
import sys
from pathlib import Path

import forked_tests
import pytest
from mutation import Mutant, every_mutant, files, is_assertion, lines_to_run, mutants, noticing
from mutation import statement as innermost

SOURCE = '''"""A module: 1 + 1."""

LIMIT = 3
RULE = "eta*x_pre*(1 - y)"


def clipped(x: "int | None", near: bool = False) -> float:
    """Return 2 + 2."""
    if x is None or not near and x >= LIMIT:
        raise ValueError(f"{x + 1} is above {LIMIT}: a - b")
    return -x / 2 if near else 0.5
'''


def changes() -> set[tuple[str, str]]:
    return {(m.before, m.after) for m in mutants("m.py", SOURCE)}


def test_operators_numbers_conditions_equations_and_returns_are_changed() -> None:
    found = changes()
    assert {("3", "(4)"), ("0.5", "(1.0)"), ("False", "(True)"), ("2", "(3)")} <= found
    assert ("x is None", "(x is not None)") in found and ("x >= LIMIT", "(x > LIMIT)") in found
    assert ("not near", "(near)") in found and ("-x", "(x)") in found
    assert ("-x / 2", "(-x * 2)") in found
    assert ('"eta*x_pre*(1 - y)"', "('eta * x_pre / (1 - y)')") in found
    assert ("-x / 2 if near else 0.5", "(0.5 if near else -x / 2)") in found
    assert ("return -x / 2 if near else 0.5", "return None") in found


def test_what_is_said_or_annotated_is_left() -> None:
    for mutant in mutants("m.py", SOURCE):
        assert mutant.source != SOURCE and mutant.before in SOURCE
        tree = ast.parse(mutant.source)
        assert ast.get_docstring(tree) == "A module: 1 + 1."
        assert "{x + 1} is above {LIMIT}: a - b" in mutant.source
        assert '"int | None"' in mutant.source


def test_every_module_has_mutants_and_tests() -> None:
    found = every_mutant()
    modules = {mutant.module for mutant in found}
    assert {"plasticity/rules.py", "neurons/encoding.py", "export/tables.py"} <= modules
    assert len(found) > 2000 and all(noticing(module) for module in modules)


def test_the_tests_of_a_module_come_first() -> None:
    assert files("neurons/relay.py") == ["tests/neurons/test_relays.py"]
    found = files("neurons/encoding.py")
    assert len(found) == len(set(found)) and "tests/neurons/test_defaults.py" in found
    assert files("export/tables.py")[0] == "tests/export/test_export_tables.py"


WHERE = """LIMIT = 3


class Box:
    size: int = LIMIT

    def twice(self, n=2):
        if n > LIMIT:
            return 0
        return n * self.size


def other():
    return 1
"""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (10, [{10}]),  # a statement: itself
        (8, [{8}]),  # a condition
        (7, [{8, 10}]),  # a default: the body of its function
        (5, [{5, 10}, {4, 5, 7, 8, 9, 10}]),  # a field: where it is named, and all of its class
        (1, [{1, 5, 8}, {1, 4, 5, 7, 8, 9, 10, 13, 14}]),  # a constant
    ],
)
def test_tests_should_run_what_is_changed_or_what_names_it(
    line: int, found: list[set[int]]
) -> None:
    lines = lines_to_run(Mutant("m.py", line, "", "", ""), {"m.py": WHERE})
    assert lines == [{f"m.py:{number}" for number in numbers} for numbers in found]


def test_the_innermost_statement_of_a_line() -> None:
    source = "try:\n    a = 1\nexcept OSError:\n    b = [\n        2]\n"
    around, found = innermost(source, 5)
    assert found.lineno == 4 and [node.lineno for node in around] == [1]
    assert innermost(source, 3)[1].lineno == 1


def test_marked_lines_say_that_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        '"""A module."""\nfrom __future__ import annotations\n\n'
        'def f(x):\n    """Half."""\n    if x:\n        return x / 2\n'
        "    for y in (1, 2):\n        def g():\n            return y\n        x += g()\n"
        "    return x\n"
    )
    ran: list[str] = []
    monkeypatch.setattr(builtins, "__ran__", ran.append, raising=False)
    names: dict[str, object] = {}
    text = forked_tests.marked("m.py", source)
    exec(compile(text, "m.py", "exec"), names)
    assert not ran and ast.get_docstring(ast.parse(text)) == "A module."
    half = names["f"]
    assert callable(half) and half.__doc__ == "Half."
    assert half(4) == 2 and ran == ["m.py:6", "m.py:7"]
    ran.clear()
    assert half(0) == 3
    assert ran == [f"m.py:{n}" for n in (6, 8, 9, 11, 10, 9, 11, 10, 12)]


def test_lengths_that_zip_checks_are_assertions() -> None:
    found = [m for m in every_mutant() if is_assertion(m)]
    assert found
    for mutant in found:
        changed = mutant.source.splitlines()[mutant.line - 1]
        assert "zip(" in mutant.source and "strict=(False)" in changed


def test_tests_run_in_forks_with_the_lines_that_they_run(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / "src" / "it.py").write_text(forked_tests.marked("it.py", "def f(x):\n    return x\n"))
    (tree / "test_it.py").write_text(
        "import pytest\nimport it\n\n"
        "@pytest.fixture(scope='module')\ndef one():\n    return it.f(1)\n\n"
        "def test_a(one):\n    assert one == 1\n\n"
        "def test_b(one):\n    assert one == 1\n\n"
        "def test_c():\n    assert False\n\n"
        "def test_d():\n    while True:\n        pass\n"
    )
    script = (
        "import json, sys; from pathlib import Path; import forked_tests\n"
        "tree = Path(sys.argv[1])\n"
        "call = ['--maxfail=9', '-k', 'not test_d', 'test_it.py']\n"
        "print(json.dumps(vars(forked_tests.run(tree, call, 60.0))))\n"
        "print(json.dumps(forked_tests.run(tree, ['test_it.py::test_d'], 1.0).code))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tree)],
        cwd=Path(forked_tests.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    seen, code = map(json.loads, done.stdout.splitlines())
    assert (seen["code"], seen["failed"], code) == (1, "test_it.py::test_c", None)
    assert list(seen["passed"]) == ["test_it.py::test_a", "test_it.py::test_b"]
    # what a shared fixture runs is run by all that use it
    assert seen["lines"] == {f"test_it.py::test_{k}": ["it.py:2"] for k in "ab"}
