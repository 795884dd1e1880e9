"""What holds for the whole session: where compiled programs go, and that no window opens."""

import os
from collections.abc import Iterator

import matplotlib
import pytest

from apical.errors import DeviceError

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
