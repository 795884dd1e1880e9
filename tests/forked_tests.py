"""Runs tests in forked processes of one that has imported what is slow to import, and sees which
lines of the sources each test runs.

Lines are seen by copies of modules in which every statement of a function says that it is run
(`marked`): unlike a trace function, this slows nothing but these statements.
"""

import ast
import builtins
import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HEAVY = [
    *("numpy", "pandas", "scipy.stats", "scipy.signal", "sympy", "matplotlib.pyplot", "brian2"),
    *("sklearn.decomposition", "sklearn.feature_selection", "sklearn.linear_model"),
    *("sklearn.manifold", "sklearn.model_selection", "elephant", "neo", "nixio", "pynwb", "h5py"),
    *("libsonata", "click", "hypothesis", "xdist"),
]
"""What tests and sources import from elsewhere; what is not installed is left out."""

QUIET = ["-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=no", "-n", "0"]
FAST = ["-m", "not slow and not thorough"]


@dataclass
class Seen:
    """What came of a run of tests.

    Parameters
    ----------
    code
        Exit code of pytest; None if the time was up.
    cpu
        Time of processors that all of it took [s].
    failed
        The first test, or file, that failed.
    passed
        The time of processors that each test took which passed [s].
    lines
        The marked lines that each test ran, as ``module:line``, those of its fixtures included.
    imported
        The marked lines that ran before the first test.
    said
        The end of what pytest said.
    """

    code: int | None = None
    cpu: float = 0.0
    failed: str = ""
    passed: dict[str, float] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    imported: list[str] = field(default_factory=list)
    said: str = ""


def prepare() -> None:
    """Import what is slow, and set what holds for all tests."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    os.environ["CI"] = "1"  # Hypothesis draws the same examples every time, and keeps none
    for name in HEAVY:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def run(tree: Path, arguments: Sequence[str], limit: float, *, write: bool = False) -> Seen:
    """Run pytest in a copy of the repository, and in a process group of its own.

    Parameters
    ----------
    tree
        The copy.
    arguments
        Of pytest.
    limit
        When to end it [s]: the time of processors that the process may take, so that a loaded
        machine ends nothing sooner; and if it only waits, ten times as long.
    write
        Whether to write bytecode, which is safe only where no source is about to change.
    """
    out = tree.parent / "seen.json"
    out.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        try:
            soft = int(limit) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (soft, soft))
            _in_child(tree, arguments, out, write=write)
        finally:
            os._exit(70)
    status = _ends(child, time.monotonic() + 10 * limit)
    with contextlib.suppress(ProcessLookupError):  # whatever the tests started
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    if status is None or os.waitstatus_to_exitcode(status) in (-signal.SIGXCPU, -signal.SIGKILL):
        return Seen()
    if out.exists():
        return Seen(**json.loads(out.read_text()))
    return Seen(code=70, said="the process of the tests ended")


def _ends(child: int, until: float) -> int | None:
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.05)
    return None


def _cpu() -> float:
    """Return the time of processors that this process and those it waited for took [s]."""
    return sum(os.times()[:4])


def _in_child(tree: Path, arguments: Sequence[str], out: Path, *, write: bool) -> None:
    os.setsid()
    os.chdir(tree)
    said = tree.parent / "said.txt"
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ |= {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ["APICAL_CACHE_DIR"] = str(tree.parent / "cache")
    sys.path[:0] = [str(tree / "src"), str(tree / "tests")]
    sys.dont_write_bytecode = not write
    watch, begun = _Watch(), _cpu()
    builtins.__ran__ = watch.ran.add  # type: ignore[attr-defined]
    call = [*QUIET, f"--basetemp={tree.parent / 'temporary'}", *arguments]
    watch.seen.code = int(pytest.main(call, plugins=[watch]))
    where = getattr(sys.modules.get("apical"), "__file__", None)
    if where and not where.startswith(str(tree)):
        raise SystemExit(f"apical is imported from {where}")
    watch.seen.cpu = round(_cpu() - begun, 3)
    sys.stdout.flush()
    watch.seen.said = said.read_text(errors="replace")[-1000:]
    out.write_text(json.dumps(vars(watch.seen)))
    os._exit(0)


class _Watch:
    """A plugin of pytest that notes what passes, what fails first, and which lines run."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.ran = set[str]()
        self._fixtures = dict[str, set[str]]()

    def pytest_collection_finish(self) -> None:
        self.seen.imported = sorted(self.ran)
        self.ran.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[Any]:
        before = set(self.ran)
        self.ran.clear()
        result = yield
        if fixturedef.scope != "function":
            self._fixtures.setdefault(fixturedef.argname, set()).update(self.ran)
        self.ran.update(before)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[Any]:
        self.ran.clear()
        begun = _cpu()
        failed = self.seen.failed
        result = yield
        if self.seen.failed == failed:
            self.seen.passed[item.nodeid] = round(_cpu() - begun, 3)
            shared = (self._fixtures.get(name, set()) for name in item.fixturenames)
            self.seen.lines[item.nodeid] = sorted(self.ran.union(*shared))
        return result

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.seen.failed = self.seen.failed or report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.seen.failed = self.seen.failed or report.nodeid


def marked(module: str, source: str) -> str:
    """Return the source of a module with every statement of a function saying that it is run."""
    tree = ast.parse(source)
    for function in _functions(tree):
        for node in ast.walk(function):
            for name in ("body", "orelse", "finalbody"):
                old = getattr(node, name, None)
                if isinstance(old, list) and old and not hasattr(node, f"_{name}"):
                    setattr(node, f"_{name}", True)
                    setattr(node, name, list(_marked(module, old)))
    first = ast.parse(
        "import builtins as _builtins\n"
        "if not hasattr(_builtins, '__ran__'): _builtins.__ran__ = len"
    ).body
    n = next((k for k, node in enumerate(tree.body) if not _comes_first(node)), len(tree.body))
    tree.body[n:n] = first
    return ast.unparse(ast.fix_missing_locations(tree))


def _functions(tree: ast.AST) -> list[ast.AST]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def _comes_first(node: ast.stmt) -> bool:
    return _is_docstring(node) or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _marked(module: str, statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for node in statements:
        if not _is_docstring(node):
            yield from ast.parse(f"__ran__({f'{module}:{node.lineno}'!r})").body
        yield node
