"""What holds for the whole session: where compiled programs go, and that no window opens."""

import os
import time
from collections.abc import Iterator

import matplotlib
import pytest

from apical.errors import DeviceError

UNTIL = float(os.environ.get("APICAL_TESTS_UNTIL") or "inf")
"""When, in seconds since 1970, no further test begins: CI ends in time on any machine."""

TURN = int(os.environ.get("APICAL_TESTS_TURN") or 0)
"""Which part of the tests comes first where not all may be run: another one every day."""

SAYS = os.environ.pop("APICAL_SAYS", "")
"""What the Makefile has to say in the summary: what came of tests in another environment."""


@pytest.fixture(scope="session", autouse=True)
def _session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled programs for this session, unless APICAL_CACHE_DIR keeps them for longer."""
    matplotlib.use("Agg")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one level up is the same for all workers
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        if "APICAL_CACHE_DIR" not in os.environ:
            patch.setenv("APICAL_CACHE_DIR", str(folder / "apical-cache"))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin elsewhere every day: steps of the golden ratio come near every test within some days.

    Tests of one file stay together, since they share compiled programs.
    """
    if float("inf") == UNTIL or not items:
        return
    first = int(len(items) * (TURN * (5**0.5 - 1) / 2 % 1))
    file = items[first].path
    while first and items[first - 1].path == file:
        first -= 1
    items[:] = [*items[first:], *items[:first]]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Leave what would end too late for another day."""
    if time.time() > UNTIL:
        pytest.skip("left for another day: no time")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Skip, on a Brian2 that runs no program twice, the tests in which one is to run."""
    try:
        yield
    except DeviceError as error:
        if "needs Brian2 2.6 or newer" not in str(error):
            raise
        pytest.skip(str(error))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SAYS:
        terminalreporter.write_line(SAYS)
