"""Mutants: each is one change of what a module works out, and compiles."""

import ast

from mutation import every_mutant, mutants, noticing

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
