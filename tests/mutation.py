"""Mutation testing: changes single operators, numbers and conditions of the sources, and sees which
changes no test notices.

Mutants are drawn by a seed from the modules named in `TESTS`. Each is written into a copy of the
tree, where its tests run until the first failure: of the files that `TESTS` names, the own file of
a module first, those tests that run the changed statement; where the change is outside of any
function, those that run a statement which names what is assigned, then any of its class or module,
and all others of a file that names it or its class. Which test runs what, and how long, is seen
once for each file, by marked copies (`forked_tests`). Fast tests are the first, and no more are run
than take `--budget`. At last the other tests of the own file run. So tests are left out, of which
some could kill: what survives here may be killed by the whole suite, and never the other way round.
At the end all tests that killed run without any mutant; if one fails, its mutants are tried again
without it.

Strings that are equations, as those of rules and activations, are mutated too; annotations,
docstrings and messages of errors are not. A changed ``strict=True`` of `zip` has the outcome
``assertion`` and is not run: it is a check, as are ``assert`` and what raises errors.

    python tests/mutation.py --sample 200 --seed 0 --out mutants.csv
"""

import argparse
import ast
import copy
import csv
import fnmatch
import hashlib
import json
import os
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import forked_tests

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
    "measures/kernels.py": [
        "tests/measures/test_measures_representation.py",
        "tests/_base/test_rounding.py",
    ],
    "measures/landscapes.py": ["tests/measures/test_landscapes.py"],
    "measures/learning.py": [
        "tests/measures/test_measures_learning.py",
        "tests/measures/test_rounding_of_learning.py",
        "tests/neurons/test_relays.py",
    ],
    "measures/losses.py": ["tests/measures/test_landscapes.py", "tests/reference"],
    "measures/normality.py": ["tests/measures/test_normality.py"],
    "recordings/loading.py": ["tests/measures/test_measures_recordings.py"],
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


def files(module: str) -> list[str]:
    """Return the files of tests that should notice a change of a module, its own first."""
    found = list[str]()
    for given in noticing(module):
        path = ROOT / given
        inside = sorted(path.glob("test_*.py")) if path.is_dir() else [path]
        found += [file.relative_to(ROOT).as_posix() for file in inside]
    stem = Path(module).stem.removesuffix("s")
    return sorted(dict.fromkeys(found), key=lambda file: stem not in Path(file).stem)


def noticing(module: str) -> list[str]:
    """Return the tests that should notice a change of a module."""
    return next(tests for start, tests in TESTS.items() if module.startswith(start))


def every_mutant() -> list[Mutant]:
    """Return all mutants of all modules that `TESTS` names, in order."""
    found = []
    for path in mutable():
        found += mutants(path.relative_to(ROOT / SOURCE).as_posix(), path.read_text())
    return found


def mutable() -> list[Path]:
    """Return the modules that `TESTS` names, in order."""
    every = ((p, p.relative_to(ROOT / SOURCE).as_posix()) for p in (ROOT / SOURCE).rglob("*.py"))
    return sorted(path for path, name in every if any(name.startswith(start) for start in TESTS))


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant, in how much time of processors [s], and which test killed it.

    A mutant whose tests take too long has the outcome ``timeout``, and is not counted as killed.
    """

    outcome: str
    seconds: float
    by: str


def statement(source: str, line: int) -> tuple[list[ast.stmt], ast.stmt]:
    """Return the innermost statement of a line, and those that it is in."""
    found: list[ast.stmt] = []
    nodes: list[ast.AST] = [ast.parse(source)]
    while nodes:
        node = nodes.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                if child.lineno <= line <= (child.end_lineno or 0):
                    found.append(child)
                    nodes = [child]
                    break
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                nodes.append(child)
    return found[:-1], found[-1]


def lines_to_run(mutant: Mutant, sources: Mapping[str, str]) -> list[set[str]]:
    """Return the marked lines of which a test should run one to notice a mutant, the best first."""
    around, innermost = statement(sources[mutant.module], mutant.line)
    if any(isinstance(node, ast.FunctionDef) for node in around):
        return [{f"{mutant.module}:{innermost.lineno}"}]
    if isinstance(innermost, ast.FunctionDef):  # a default
        return [{f"{mutant.module}:{node.lineno}" for node in innermost.body}]
    nearest = next((node for node in reversed(around) if isinstance(node, ast.ClassDef)), None)
    whole = ast.parse(sources[mutant.module]) if nearest is None else nearest
    inside = {f"{mutant.module}:{n.lineno}" for n in ast.walk(whole) if isinstance(n, ast.stmt)}
    words = "|".join(node.id for node in _targets(innermost) if isinstance(node, ast.Name))
    using = set[str]()
    for module, source in sources.items() if words else ():
        for number, text in enumerate(source.splitlines(), 1):
            if re.search(rf"\b({words})\b", text):
                using.add(f"{module}:{statement(source, number)[1].lineno}")
    return [using, inside]


def _targets(node: ast.stmt) -> list[ast.expr | None]:
    return getattr(node, "targets", [getattr(node, "target", None)])


class Notice:
    """Finds and runs the tests that should notice a mutant.

    Which lines a test runs is seen once for each file of tests, and kept in a file as long as the
    sources and the tests are the same.

    Parameters
    ----------
    folder
        Where to put two copies of the repository, one with marked lines.
    kept
        The file that keeps what was seen.
    limit
        Time for each mutant [s].
    budget
        Time that the tests chosen for one mutant may take without it [s].
    """

    def __init__(self, folder: Path, kept: Path, limit: float, budget: float) -> None:
        self.limit, self.budget, self._kept = limit, budget, kept
        self.tree, self._marked = folder / "plain" / "tree", folder / "marked" / "tree"
        for tree in (self.tree, self._marked):
            shutil.copytree(ROOT, tree, ignore=_of_no_use, symlinks=True)
        self.sources = dict[str, str]()
        for path in mutable():
            module = path.relative_to(ROOT / SOURCE).as_posix()
            self.sources[module] = path.read_text()
            marked = forked_tests.marked(module, self.sources[module])
            (self._marked / SOURCE / module).write_text(marked)
        texts = (path.read_bytes() for path in sorted((ROOT / SOURCE).rglob("*.py")))
        self._of_sources = hashlib.sha256(b"".join(texts)).hexdigest()
        self._seen = json.loads(kept.read_text()) if kept.exists() else {}
        self._sound, self._broken = set[str](), set[str]()
        forked_tests.prepare()
        forked_tests.run(self.tree, ["--collect-only", "tests/measures"], 300.0, write=True)

    def outcome(self, mutant: Mutant) -> Outcome:
        """Run the tests that should notice a mutant until one does."""
        spent, taken, done = 0.0, 0.0, set[str]()
        tests = files(mutant.module)
        for stage in [*tests, ""]:
            seen = self.seen(stage or tests[0])
            chosen = list[str]()
            rest = not stage or self._names(stage, mutant)
            for name in self._choose(mutant, seen, rest=rest):
                if name not in done and spent + seen.passed[name] <= self.budget:
                    chosen.append(name)
                    spent += seen.passed[name]
            done.update(chosen)
            while chosen:
                found = self._run(mutant, chosen, self.limit - taken)
                taken += found.cpu
                if found.code in (4, 5):  # names of tests may depend on what is changed
                    whole = [*forked_tests.FAST, *dict.fromkeys(n.split("::")[0] for n in chosen)]
                    found = self._run(mutant, whole, self.limit - taken)
                    taken += found.cpu
                if found.code is None:
                    return Outcome("timeout", self.limit, "")
                if not found.code:
                    break
                if found.failed not in self._broken:
                    return Outcome("killed", taken, found.failed or chosen[0])
                chosen = [name for name in chosen if name not in self._broken]
        return Outcome("survived", taken, "")

    def _run(self, mutant: Mutant, tests: Sequence[str], limit: float) -> forked_tests.Seen:
        file = self.tree / SOURCE / mutant.module
        before, times = file.read_text(), file.stat()
        file.write_text(mutant.source)
        changed = times.st_mtime_ns + 10**10  # bytecode of the sound module is not taken for this
        os.utime(file, ns=(changed, changed))
        try:
            return forked_tests.run(self.tree, tests, max(limit, 1.0))
        finally:
            file.write_text(before)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    def broken(self, tests: Iterable[str]) -> set[str]:
        """Return those of some tests that fail without any mutant, and leave them out from now on.

        A file of tests that failed as a whole could be imported when its tests were seen.
        """
        unknown = sorted({t for t in tests if "::" in t} - self._sound - self._broken)
        if unknown:
            found = forked_tests.run(self.tree, ["--maxfail=1000", *unknown], 600.0)
            self._sound |= set(found.passed)
            self._broken |= set(unknown) - set(found.passed)
        return self._broken & set(tests)

    def _choose(self, mutant: Mutant, seen: forked_tests.Seen, *, rest: bool) -> list[str]:
        """Return the tests of a file that run what is changed, fast ones first, and the others."""
        wanted = lines_to_run(mutant, self.sources)
        if any(lines & set(seen.imported) for lines in wanted[:1]):
            wanted.append({line for line in _all_lines(seen) if line.startswith(mutant.module)})
        chosen = dict[str, None]()
        for lines in wanted:
            fitting = [name for name, ran in seen.lines.items() if not lines.isdisjoint(ran)]
            chosen |= dict.fromkeys(sorted(fitting, key=seen.passed.__getitem__))
        others = sorted(seen.passed, key=seen.passed.__getitem__) if rest else []
        return [name for name in dict.fromkeys([*chosen, *others]) if name not in self._broken]

    def _names(self, file: str, mutant: Mutant) -> bool:
        """Return whether tests name what is changed outside of any function, or its class."""
        around, innermost = statement(self.sources[mutant.module], mutant.line)
        if any(isinstance(node, ast.FunctionDef) for node in [*around, innermost]):
            return False
        names = [node.name for node in around if isinstance(node, ast.ClassDef)]
        names += [node.id for node in _targets(innermost) if isinstance(node, ast.Name)]
        text = (self._marked / file).read_text()
        return any(re.search(rf"\b{name}\b", text) for name in names)

    def seen(self, file: str) -> forked_tests.Seen:
        """Return which lines each test of a file runs, and how long it takes."""
        key = hashlib.sha256((self._marked / file).read_bytes()).hexdigest() + self._of_sources
        if key not in self._seen:
            print(f"(what {file} runs)", flush=True)
            call = [*forked_tests.FAST, "--maxfail=1000", file]
            found = forked_tests.run(self._marked, call, 900.0, write=True)
            if found.code not in (0, 1, 5):
                raise SystemExit(f"{file} could not be run: {found.said}")
            if found.failed:
                print(f"(fails without any mutant: {found.failed})", flush=True)
            self._seen[key] = vars(found)
            self._kept.write_text(json.dumps(self._seen))
        return forked_tests.Seen(**self._seen[key])


def _of_no_use(folder: str, names: list[str]) -> set[str]:
    """Return what is not copied: what is made, not written."""
    patterns = (".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis")
    found = {name for pattern in patterns for name in fnmatch.filter(names, pattern)}
    return found | ({"runs"} if Path(folder) == ROOT else set())


def _all_lines(seen: forked_tests.Seen) -> set[str]:
    return {line for lines in seen.lines.values() for line in lines}


def is_assertion(mutant: Mutant) -> bool:
    """Return whether only the check of equal lengths by `zip` is changed, an assertion."""
    if (mutant.before, mutant.after) != ("True", "(False)"):
        return False
    text = (ROOT / SOURCE / mutant.module).read_text().splitlines()[mutant.line - 1]
    return "strict=True" in text and text.count("True") == 1


def drawn(sample: int, seed: int, only: str = "") -> list[Mutant]:
    """Return a sample of all mutants, in the order in which they were drawn."""
    every = [m for m in every_mutant() if m.module.startswith(only)]
    return random.Random(seed).sample(every, min(sample, len(every)))


def main() -> None:
    """Draw mutants, run their tests, and write a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=200, help="how many mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--skip", type=int, default=0, help="how many of these to leave out, first")
    parser.add_argument("--these", default="", help="only those of these places in the draw: 3,17")
    parser.add_argument("--only", default="", help="modules whose path begins so")
    parser.add_argument(
        "--limit", type=float, default=120.0, help="time of processors for each [s]"
    )
    parser.add_argument("--budget", type=float, default=60.0, help="time of tests for each [s]")
    parser.add_argument("--stop", type=float, default=float("inf"), help="begin none after [s]")
    parser.add_argument("--kept", type=Path, default=ROOT / ".mutants.json", help="what tests run")
    parser.add_argument("--out", type=Path, default=Path("mutants.csv"))
    given = parser.parse_args()
    begun, rows = time.monotonic(), dict[int, dict[str, object]]()
    these = {int(n) for n in given.these.split(",") if n}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        notice = Notice(Path(folder), given.kept.absolute(), given.limit, given.budget)
        sample = drawn(given.sample, given.seed, given.only)
        for place, mutant in enumerate(sample):
            if place < given.skip or (these and place not in these):
                continue
            if time.monotonic() - begun > given.stop:
                break
            assertion = Outcome("assertion", 0.0, "")
            outcome = assertion if is_assertion(mutant) else notice.outcome(mutant)
            about = {k: v for k, v in asdict(mutant).items() if k != "source"}
            rows[place] = {"place": place} | about | asdict(outcome)
            print(*rows[place].values(), sep=" | ", flush=True)
            _write(given.out, rows)
        while broken := notice.broken({str(row["by"]) for row in rows.values()}):
            print(f"(fail without any mutant: {', '.join(broken)})", flush=True)
            for place in [k for k, row in rows.items() if row["by"] in broken]:
                rows[place] |= asdict(notice.outcome(sample[place]))
                _write(given.out, rows)
    counts = Counter(row["outcome"] for row in rows.values())
    said = ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
    print(f"{len(rows)} mutants, drawn by seed {given.seed}: {said}")


def _write(path: Path, rows: Mapping[int, dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(next(iter(rows.values()))))
        writer.writeheader()
        writer.writerows(rows.values())


if __name__ == "__main__":
    main()
