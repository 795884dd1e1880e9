"""Mutation testing: changes single operators, numbers and conditions of the sources, and sees which
changes no test notices.

Mutants are drawn by a seed from the modules named in `TESTS`, each written into a copy of the tree,
where the tests of its module run until the first failure; a test that kills passes without the
mutant, which is tried. Strings that are equations, as those of
rules and activations, are mutated too; annotations, docstrings and messages of errors are not.

    python tests/mutation.py --sample 200 --seed 0 --out mutants.csv
"""

import argparse
import ast
import copy
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = Path("src/apical")
TESTS = {
    "plasticity/rules.py": ["tests/plasticity", "tests/feedback/test_wirings.py"],
    "feedback/pathways.py": ["tests/feedback"],
    "feedback/two_phase.py": ["tests/feedback/test_plateaus.py"],
    "neurons/encoding.py": ["tests/neurons", "tests/devices/test_spiking_dynamics.py"],
    "neurons/eye_movements.py": ["tests/neurons/test_gaze.py"],
    "neurons/reward.py": ["tests/neurons/test_rewards.py"],
    "neurons/relay.py": ["tests/neurons/test_relays.py"],
    "neurons/": ["tests/neurons", "tests/devices/test_spiking_dynamics.py", "tests/feedback"],
    "measures/agreement.py": ["tests/measures/test_measures_recordings.py"],
    "measures/cost.py": ["tests/measures/test_measures_cost.py"],
    "measures/kernels.py": ["tests/measures/test_measures_representation.py"],
    "measures/landscapes.py": ["tests/measures/test_landscapes.py"],
    "measures/learning.py": [
        "tests/measures/test_measures_learning.py",
        "tests/measures/test_rounding_of_learning.py",
    ],
    "measures/losses.py": ["tests/measures/test_landscapes.py", "tests/reference"],
    "measures/normality.py": ["tests/measures/test_normality.py"],
    "measures/recordings.py": ["tests/measures/test_measures_recordings.py"],
    "measures/representation.py": ["tests/measures/test_measures_representation.py"],
    "measures/saturation.py": [
        "tests/measures/test_saturation.py",
        "tests/measures/test_measures_learning.py",
    ],
    "measures/spike_statistics.py": ["tests/measures/test_measures_spike_statistics.py"],
    "measures/statistic.py": ["tests/measures/test_measures_spike_statistics.py"],
    "measures/tables.py": ["tests/measures/test_analysis.py"],
    "measures/updates.py": [
        "tests/measures/test_measures_cost.py",
        "tests/measures/test_measures_learning.py",
        "tests/measures/test_rounding_of_learning.py",
    ],
    "measures/tuning.py": ["tests/measures/test_measures_tuning.py"],
    "measures/": ["tests/measures"],
    "export/nix": ["tests/export/test_export_nix.py", "tests/export/test_export.py"],
    "export/nwb.py": ["tests/export/test_export_nwb.py", "tests/export/test_export.py"],
    "export/sonata.py": ["tests/export/test_export_sonata.py", "tests/export/test_export.py"],
    "export/tables.py": ["tests/export/test_export_tables.py", "tests/export/test_export.py"],
    "export/": ["tests/export"],
}
"""What a path begins with, and the tests that should notice; the first that fits counts."""

_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult},
    **{ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In},
}


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Parameters
    ----------
    module
        Its path below `SOURCE`.
    line
        Where.
    before, after
        What was there, and what is put there.
    source
        The whole module with the change.
    """

    module: str
    line: int
    before: str
    after: str
    source: str


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    whole = source.encode()
    for node, parent in _mutable(ast.parse(source), None):
        for new in _changed(node):
            first = starts[node.lineno - 1] + node.col_offset
            last = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            before, text = whole[first:last].decode(), ast.unparse(new)
            if isinstance(node, ast.expr) and not isinstance(parent, ast.Expr):
                text = f"({text})"
            changed = whole[:first] + text.encode() + whole[last:]
            yield Mutant(module, node.lineno, before, text, changed.decode())


def _mutable(node: ast.AST, parent: ast.AST | None) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    """Yield the nodes that may be changed: what is worked out, not what is said or annotated."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.expr | ast.Return):
        yield node, parent
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "ops", "op", "ctx"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _mutable(child, node)


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node may become."""
    new = copy.deepcopy(node)
    match new:
        case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in _OPERATORS:
            new.op = _OPERATORS[type(op)]()  # type: ignore[assignment]
            yield new
        case ast.Compare(ops=[op, *rest]) if type(op) in _OPERATORS:
            new.ops = [_OPERATORS[type(op)](), *rest]  # type: ignore[list-item]
            yield new
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.IfExp(body=body, orelse=otherwise):
            new.body, new.orelse = otherwise, body
            yield new
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(2 * value or 1.0)
        case ast.Constant(value=str(value)):
            yield from (ast.Constant(text) for text in _equations(value))
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))


def _equations(text: str) -> Iterator[str]:
    """Yield an equation with its first operator or number changed; nothing of other texts."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return
    sums = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp) and type(n.op) in _OPERATORS]
    if sums and any(isinstance(node, ast.Name) for node in ast.walk(tree)):
        sums[0].op = _OPERATORS[type(sums[0].op)]()  # type: ignore[assignment]
        yield ast.unparse(tree)


def noticing(module: str) -> list[str]:
    """Return the tests that should notice a change of a module."""
    return next(tests for start, tests in TESTS.items() if module.startswith(start))


def every_mutant() -> list[Mutant]:
    """Return all mutants of all modules that `TESTS` names, in order."""
    found = []
    for path in sorted((ROOT / SOURCE).rglob("*.py")):
        module = path.relative_to(ROOT / SOURCE).as_posix()
        if any(module.startswith(start) for start in TESTS):
            found += mutants(module, path.read_text())
    return found


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant, in how long [s], and which test killed it.

    A mutant whose tests take too long has the outcome ``timeout``, and is not counted as killed.
    """

    outcome: str
    seconds: float
    by: str


def _run(tree: Path, tests: Sequence[str], limit: float) -> Outcome:
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "OPENBLAS_NUM_THREADS": "1"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    call = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "no:randomly"]
    call += ["-m", "not slow and not thorough", "-n", "0", "--tb=no", *tests]
    begun = time.monotonic()
    try:
        done = subprocess.run(
            call, cwd=tree, env=environment, capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return Outcome("timeout", time.monotonic() - begun, "")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    outcome = "killed" if done.returncode else "survived"
    by = failed[0].partition(" ")[2].partition(" - ")[0] if failed else ""
    if done.returncode and not by:
        raise SystemExit(f"The tests could not be run: {done.stdout[-500:]}{done.stderr[-500:]}")
    return Outcome(outcome, time.monotonic() - begun, by)


def main() -> None:
    """Draw mutants, run their tests, and write a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=200, help="how many mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--skip", type=int, default=0, help="how many of these to leave out, first")
    parser.add_argument("--only", default="", help="modules whose path begins so")
    parser.add_argument("--limit", type=float, default=600.0, help="time for each [s]")
    parser.add_argument("--stop", type=float, default=float("inf"), help="begin none after [s]")
    parser.add_argument("--out", type=Path, default=Path("mutants.csv"))
    given = parser.parse_args()
    every = [m for m in every_mutant() if m.module.startswith(given.only)]
    drawn = random.Random(given.seed).sample(every, min(given.sample, len(every)))
    begun, rows = time.monotonic(), list[dict[str, object]]()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder) / "tree"
        kept = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, tree, ignore=kept, symlinks=True)
        sound = set[str]()
        for mutant in drawn[given.skip :]:
            if time.monotonic() - begun > given.stop:
                break
            file = tree / SOURCE / mutant.module
            before = file.read_text()
            file.write_text(mutant.source)
            outcome = _run(tree, noticing(mutant.module), given.limit)
            file.write_text(before)
            if outcome.outcome == "killed" and outcome.by not in sound:
                if _run(tree, [outcome.by], given.limit).outcome != "survived":
                    raise SystemExit(f"{outcome.by} fails without any mutant; repair it first.")
                sound.add(outcome.by)
            about = {k: v for k, v in asdict(mutant).items() if k != "source"}
            rows.append(about | asdict(outcome))
            print(*rows[-1].values(), sep=" | ", flush=True)
            _write(given.out, rows)
    counts = Counter(row["outcome"] for row in rows)
    said = ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
    print(f"{len(rows)} mutants, drawn from {len(every)} by seed {given.seed}: {said}")


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
