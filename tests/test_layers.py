"""The house: imports go down only, names stay where they belong, and every part is small."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import apical

ROOT = Path(apical.__file__).parent
LONGEST_FUNCTION = 45

# A module may import what is on lower floors. A name stands for a package's modules too, unless
# they have floors of their own; modules of one package on one floor may import each other.
FLOORS: dict[str, float] = {
    "errors": 0.1,
    "folders": 0,
    "times": 0.2,
    "parameters": 0.3,
    "checking": 0.4,
    "extras": 0.5,
    "compilers": 0,
    "memory": 0,
    "places": 0,
    "seeds": 0,
    "rounding": 0,
    "converting": 0.5,
    "samples": 0.6,
    "datasets": 1,
    "gaze": 1,
    "encoding": 1,
    "expressions": 0.5,
    "terms": 1,
    "activations": 1,
    "dynamics": 1,
    "tasks": 1.1,
    "unrolled": 1,
    "traces": 1,
    "idx": 0.5,
    "progress": 1,
    "studies": 1,
    "records": 1,
    "sources": 0.6,
    "populations": 2,
    "rules": 2,
    "superspike": 2.1,
    "restraints": 2,
    "rates": 2.5,
    "relays": 2.5,
    "rewards": 2.5,
    "adaptive": 2.5,
    "error_neurons": 2.5,
    "conductances": 2.5,
    "weights": 2.5,
    "projections": 3,
    "drawing": 3.5,
    "graph": 3.5,
    "feedback": 4,
    "interventions": 4,
    "phases": 4,
    "plateaus": 4.1,
    "network": 5,
    "order": 5.5,
    "settling_time": 5.7,
    "hypotheses": 6,
    "models": 6,
    "plausibility": 6,
    "devices.simulator": 7.0,
    "devices.timing": 7.0,
    "devices.arrays": 7.0,
    "devices.arrays.library": 7.05,
    "devices.arrays.programs": 7.1,
    "devices.arrays.chance": 7.1,
    "devices.arrays.loops": 7.11,
    "devices.arrays.numpy_library": 7.12,
    "devices.arrays.torch_library": 7.12,
    "devices.arrays.libraries": 7.13,
    "devices.arrays.stepping": 7.15,
    "devices.arrays.learning": 7.2,
    "devices.arrays.normalising": 7.15,
    "devices.arrays.crossing": 7.15,
    "devices.arrays.settling": 7.2,
    "devices.arrays.holding": 7.25,
    "devices.arrays.shortage": 7.2,
    "devices.arrays.supplying": 7.1,
    "devices.arrays.engine": 7.3,
    "devices.brian": 7.0,
    "devices.brian.workplace": 7.05,
    "devices.brian.live": 7.1,
    "devices.brian.adoption": 7.1,
    "devices.brian.monitors": 7.15,
    "devices.brian.propagators": 7.25,
    "devices.brian.starting": 7.1,
    "devices.brian.refractory": 7.26,
    "devices.brian.chance": 7.35,
    "devices.brian.compiling": 7.1,
    "devices.brian.tables": 7.1,
    "devices.brian.reading": 7.1,
    "devices.brian.base": 7.45,
    "devices.brian.delaying": 7.2,
    "devices.brian.dense": 7.2,
    "devices.brian.graded": 7.2,
    "devices.brian.integration": 7.2,
    "devices.brian.plastic": 7.2,
    "devices.brian.relaying": 7.2,
    "devices.brian.normalising": 7.2,
    "devices.brian.build": 7.3,
    "devices.brian.variables": 7.4,
    "devices.brian.runtime": 7.5,
    "devices.brian.standalone": 7.5,
    "devices.brian.cpp": 7.55,
    "devices.brian.cuda_compiling": 7.15,
    "devices.brian.cuda_device": 7.25,
    "devices.brian.cuda_failures": 7.4,
    "devices.brian.cuda": 7.55,
    "devices.brian.genn_compiling": 7.15,
    "devices.brian.genn_device": 7.35,
    "devices.brian.genn": 7.55,
    "devices.genn_limits": 7.0,
    "devices": 7.6,
    "devices.surroundings": 7.0,
    "devices.lacks": 7.05,
    "devices.diagnosis": 7.1,
    "devices.trying": 7.7,
    "alignment": 7.8,
    "margins": 1,
    "losses": 7.7,
    "landscapes": 7.8,
    "evolution": 7.8,
    "disturbances": 7.0,
    "perturbation": 7.8,
    "pretraining": 7.95,
    "presenting": 7.9,
    "training": 8,
    "unsupervised": 8,
    "metrics": 8,
    "measures": 8.0,
    "measures.statistic": 8.1,
    "measures.kernels": 8.1,
    "measures.spike_statistics": 8.11,
    "measures.spike_distance": 8.1,
    "measures.representation": 8.11,
    "measures.saturation": 8.12,
    "measures.tuning": 8.12,
    "measures.recordings": 8.12,
    "measures.agreement": 8.13,
    "measures.updates": 8.1,
    "measures.learning": 8.2,
    "measures.cost": 8.2,
    "runs": 8.5,
    "configuration": 8.6,
    "recording": 8.7,
    "measuring": 8.8,
    "trained": 9,
    "plotting": 9,
    "export": 9,
    "analysis": 9,
    "bench_worker": 9.1,
    "bench_drawing": 9.93,
    "bench": 9.92,
    "figures": 9.2,
    "gallery": 9,
    "experiments": 9.4,
    "comparison": 9.6,
    "run_learning": 9.62,
    "sweeps": 9.55,
    "run_analysis": 9.65,
    "report": 9.7,
    "": 9.9,  # the package itself, which gathers the names for users
    "cli_model": 9.8,
    "cli_results": 9.8,
    "cli_check": 9.85,
    "cli_stopping": 9.7,
    "cli_programs": 9.8,
    "cli_bench": 9.95,
    "cli_doctor": 9.7,
    "cli_hypotheses": 9.7,
    "cli_compare": 9.85,
    "cli_gallery": 9.85,
    "cli_study": 9.85,
    "cli_sweep": 9.8,
    "cli": 10,
}
OWN_FLOOR_EACH = ("devices",)
"""Packages whose modules must each be in the table."""

KEPT_IN = {
    "brian2": ("devices.brian",),
    "brian2cuda": ("devices.brian",),
    "brian2genn": ("devices.brian",),
    "matplotlib": ("plotting",),
    "click": (
        "cli",
        "cli_compare",
        "cli_gallery",
        "cli_hypotheses",
        "cli_model",
        "cli_results",
        "cli_study",
        "cli_sweep",
    ),
    "torch": ("devices.arrays.torch_library",),
}
"""Libraries, and the only modules that may import them."""


def module_name(path: Path) -> str:
    """Return the name of a module below the package; "" for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for path in sorted(ROOT.rglob("*.py"))
    if path.relative_to(ROOT).parts[0] != "models"  # scripts that a wheel brings along
}
every_module = pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "apical")


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text())


def package(name: str) -> str:
    return name.partition(".")[0]


def floor(name: str) -> float:
    """Return the floor of a module, or fail: every module has one."""
    known = name
    while known not in FLOORS and "." in known and package(known) not in OWN_FLOOR_EACH:
        known = known.rpartition(".")[0]
    if known not in FLOORS:
        pytest.fail(
            f"Module apical.{name} has no floor; add it to FLOORS in {Path(__file__).name}, "
            "above everything it imports."
        )
    return FLOORS[known]


def imported(name: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the full name of everything a module imports, wherever it does."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = inner.removeprefix("apical.") in MODULES
                yield node.lineno, inner if is_module else str(node.module)


def own_imports(name: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every module of this package that a module imports."""
    for line, full in imported(name):
        if full == "apical" or full.startswith("apical."):
            yield line, full.removeprefix("apical").removeprefix(".")


@every_module
def test_imports_go_down_only(name: str) -> None:
    for line, other in own_imports(name):
        beside = floor(other) == floor(name) and package(other) == package(name) != "devices"
        assert floor(other) < floor(name) or beside, (
            f"{MODULES[name]}:{line}: apical.{name} (floor {floor(name)}) imports apical.{other} "
            f"(floor {floor(other)}); imports go down only."
        )


def test_imports_never_go_in_a_circle() -> None:
    graph = {name: {other for _, other in own_imports(name)} for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"Modules import each other in a circle: {' <- '.join(error.args[1])}.")


def test_a_module_without_a_floor_is_refused() -> None:
    for stranger in ("helpers", "devices.brian.helpers"):
        with pytest.raises(pytest.fail.Exception, match=f"apical.{stranger} has no floor"):
            floor(stranger)
    assert floor("metrics.angles") == floor("metrics")


@every_module
@pytest.mark.parametrize("library", KEPT_IN)
def test_libraries_stay_where_they_belong(name: str, library: str) -> None:
    if any(name == home or name.startswith((f"{home}.", f"{home}_")) for home in KEPT_IN[library]):
        return
    lines = [line for line, full in imported(name) if package(full) == library]
    assert not lines, (
        f"{MODULES[name]}:{lines}: only {', '.join(KEPT_IN[library])} may import {library}."
    )


@every_module
def test_no_relative_or_star_imports(name: str) -> None:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ImportFrom):
            where = f"{MODULES[name]}:{node.lineno}"
            assert node.level == 0, f"{where}: write the import in full, from apical."
            assert all(alias.name != "*" for alias in node.names), f"{where}: name what you import."


@every_module
def test_functions_are_short(name: str) -> None:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            doc = (ast.get_docstring(node, clean=False) or "").splitlines()
            length = node.end_lineno - node.lineno + 1 - len(doc)
            assert length <= LONGEST_FUNCTION, (
                f"{MODULES[name]}:{node.lineno}: {node.name} has {length} lines besides its "
                f"docstring; {LONGEST_FUNCTION} are enough: split it."
            )


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node


@cache
def classes() -> dict[str, ast.ClassDef]:
    found = (node for name in MODULES for node in ast.walk(tree(name)))
    return {node.name: node for node in found if isinstance(node, ast.ClassDef)}


def is_documented(owner: ast.ClassDef, method: str) -> bool:
    """Say whether a class, or one it inherits from, documents a method."""
    if any(n.name == method and ast.get_docstring(n) for n in public(owner.body)):
        return True
    bases = (classes().get(ast.unparse(base)) for base in owner.bases)
    return any(is_documented(base, method) for base in bases if base is not None)


@every_module
def test_everything_public_is_documented(name: str) -> None:
    assert ast.get_docstring(tree(name)), f"{MODULES[name]} has no docstring."
    for node in public(tree(name).body):
        where = f"{MODULES[name]}:{node.lineno}: {node.name}"
        assert ast.get_docstring(node), f"{where} has no docstring."
        if isinstance(node, ast.ClassDef):
            for method in public(node.body):
                assert is_documented(node, method.name), f"{where}.{method.name} has no docstring."
