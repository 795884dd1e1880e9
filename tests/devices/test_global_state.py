"""Whatever is called, and however it ends, the process is as whoever called it left it."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import brian2 as b2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import rate_networks
from networks import N_CLASSES, N_INPUTS, small, trials
from process_state import changed, snapshot

from apical import check, datasets, evaluate, export, plotting, report, simulate, train
from apical.cli import app as cli
from apical.devices.brian import build, compiling
from apical.devices.brian.base import BrianSimulator
from apical.devices.simulator import left_as_it_was
from apical.errors import ApicalError
from apical.records.recording import record
from apical.runs.open import open_run

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
DATA = datasets.blobs(12, 6, N_INPUTS, N_CLASSES, rng=np.random.default_rng(0))


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a process with a state of its own: a program of Brian2's under way, above all."""
    monkeypatch.chdir(tmp_path)
    numbers: Any = np.random
    before = random.getstate(), numbers.get_state(), b2.prefs["codegen.max_cache_dir_size"]
    random.seed(3)
    numbers.seed(4)
    numbers.randn()  # keeps a second number for the next call
    b2.set_device("cpp_standalone", build_on_run=False, directory=str(tmp_path / "own"))
    b2.defaultclock.dt = 0.05 * b2.ms
    b2.prefs["codegen.max_cache_dir_size"] = 12345
    own = b2.NeuronGroup(3, "v : 1", name="own")
    own.v = "rand()"
    figure = plt.figure()
    with matplotlib.rc_context({"lines.linewidth": 7.0}):
        yield
    plt.close(figure)
    random.setstate(before[0])
    numbers.set_state(before[1])
    b2.prefs["codegen.max_cache_dir_size"] = before[2]
    b2.device.reinit()
    b2.device.activate()
    b2.set_device("runtime")
    b2.defaultclock.dt = 0.1 * b2.ms


def network(device: str) -> Any:
    return rate_networks.rates() if device == "array" else small()


DEVICES = {
    "runtime": {"device": "runtime"},
    "cython": {"device": "runtime", "codegen": "cython"},
    "dense": {"device": "cpp_standalone"},
    "generic": {"device": "cpp_standalone", "dense": False},
}


def made(device: str, **options: Any) -> Any:
    return simulate(small(), **{**DEVICES[device], **options})


def monitored(simulator: Any) -> Any:
    return b2.StateMonitor(simulator.brian["hidden_0"], "v", record=True, name="probe")


def _stepped(simulator: Any) -> None:
    with simulator.stepping(2):
        simulator.run(trials(2))


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "state": lambda s, m: setattr(s, "state", s.state),
    "weights": lambda s, m: s.weights("stimulus_to_hidden_0"),
    "load": lambda s, m: s.load({"stimulus_to_hidden_0": np.zeros((N_INPUTS, 8))}),
    "brian": lambda s, m: setattr(s.brian["hidden_0"], "v", "0.5*i/N"),
    "add": lambda s, m: s.add(m),
    "build": lambda s, m: s.build(),
    "run": lambda s, m: s.run(trials(2)),
    "synapses": lambda s, m: s.synapses("stimulus_to_hidden_0"),
    "save": lambda s, m: s.load(s.save("state.npz")),
    "moments": lambda s, m: s.moments(m),
    "forget": lambda s, m: s.forget(m),
    "train": lambda s, m: train(s, DATA, 1, progress=False),
    "evaluate": lambda s, m: evaluate(s, DATA.test),
    "record": lambda s, m: record(s, DATA.test, np.arange(2)),
    "left_as_it_was": lambda s, m: left_as_it_was(s).__enter__(),
    "additions": lambda s, m: s.additions,
    "constants": lambda s, m: setattr(s, "constants", s.constants),
    "stepping": lambda s, m: _stepped(s),
    "close": lambda s, m: s.close(),  # last
}
FUNCTIONS = ("train", "evaluate", "record", "left_as_it_was")
DATA_OF_SIMULATORS = {
    "batch",
    "compile_seconds",
    "dt",
    "dtype",
    "codegen",
    "network",
    "options",
    "profile",
    "jobs",
    "profile_seconds",
}


@pytest.mark.parametrize("device", ["runtime", "dense", "generic"])
def test_what_a_simulator_does_leaves_the_process_as_it_was(device: str, process: None) -> None:
    before = snapshot()
    simulator = made(device, record=["hidden_0"])
    assert not changed(before, snapshot()), "simulate"
    monitor = monitored(simulator)  # which the user makes, and has
    before = snapshot()
    for name, call in CALLS.items():
        if hasattr(simulator, name) or name in FUNCTIONS:
            call(simulator, monitor)
            assert not changed(before, snapshot()), name


def test_cython_leaves_the_process_as_it_was(
    process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(b2.prefs, "codegen.runtime.cython.cache_dir", str(tmp_path))
    monkeypatch.setitem(b2.prefs, "codegen.cpp.extra_compile_args_gcc", ["-w", "-O0"])
    before = snapshot()
    made("cython").run(trials(1))
    assert not changed(before, snapshot())


def test_every_public_member_of_a_simulator_is_among_the_calls() -> None:
    for device in ("runtime", "dense"):
        members = {name for name in dir(made(device)) if not name.startswith("_")}
        assert members - DATA_OF_SIMULATORS <= set(CALLS)
    assert isinstance(made("runtime"), BrianSimulator)


def _run(device: str, options: dict[str, Any]) -> None:
    made(device, **options).run(trials(2))


@pytest.mark.parametrize("device", ["runtime", "dense"])
def test_a_call_that_fails_leaves_the_process_as_it_was(
    device: str, process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    kind, compiles = type(made(device)), device == "dense"
    places: dict[str, tuple[Any, str]] = {
        "description": (build.Builder, "_regularly"),
        "generation": (b2.Network, "before_run"),
        "compilation": (compiling, "_compile") if compiles else (b2.Network, "after_run"),
        "run": (kind, "_start") if compiles else (b2.Network, "_nextclocks"),
        "result": (kind, "_result"),
    }
    before = snapshot()
    for name, place in places.items():
        # compiled in no other test, until nothing stops it
        options: dict[str, Any] = {"record": ["hidden_0"], "capacity": 7}
        with monkeypatch.context() as patch:
            patch.setattr(*place, fail)
            with pytest.raises(KeyboardInterrupt):
                _run(device, options)
        assert not changed(before, snapshot()), name


def test_what_is_interrupted_in_the_middle_of_a_run_leaves_the_process_as_it_was(
    process: None,
) -> None:
    simulator = made("runtime")
    b2.set_device("runtime")
    steps = iter(range(30))
    bomb = b2.NetworkOperation(lambda: next(steps), clock=simulator.brian["hidden_0"].clock)
    monitor = monitored(simulator)
    simulator.add(bomb, monitor)
    b2.set_device("cpp_standalone", build_on_run=False)
    before = snapshot()
    with suppress(Exception):
        simulator.run(trials(2))
    assert not next(steps, None)
    assert not changed(before, snapshot())
    assert len(monitor.t) == 0, "nothing of a block that failed"


def records() -> Any:
    simulator = simulate(small(), "runtime", record=["hidden_0", "output"], traces=["v"])
    return record(simulator, DATA.test, np.arange(3))


def run(folder: Path, *arguments: str) -> None:
    """Call the command in this process."""
    argv, sys.argv = sys.argv, ["apical", *arguments]
    try:
        with suppress(SystemExit):
            cli.main()
    finally:
        sys.argv = argv


FIGURES: dict[str, Callable[[], Any]] = {
    "raster": lambda: plotting.raster_of(records(), trial=0),
    "traces": lambda: plotting.traces(records(), "hidden_0", trial=0),
    "graph": lambda: plotting.network_graph(small()),
    "curves": lambda: plotting.curves({"a": (np.arange(3), np.arange(3.0))}, "x", "y"),
    "png": lambda: plotting.as_png(plotting.network_graph(small()), 50),
    "save": lambda: plotting.save(plotting.network_graph(small()), "net.png"),
    "refused": lambda: plotting.save(plotting.network_graph(small()), "net.tiff"),
}


@pytest.mark.parametrize("what", FIGURES)
def test_figures_leave_the_process_as_it_was(what: str, process: None) -> None:
    before = snapshot()
    with suppress(ApicalError):
        FIGURES[what]()
    assert not changed(before, snapshot())


def test_commands_leave_the_process_as_it_was(process: None, tmp_path: Path) -> None:
    before = snapshot()
    tiny = ("--hidden", "4", "--train-trials", "128", "--test-trials", "16", "--epochs", "1")
    for arguments in (
        ("run", "rate_dfa", "--quiet", "--out", "a", *tiny),
        ("report", "a"),
        ("analyze", "a"),
        ("record", "a", "--trials", "4"),
        ("export", "a", "--format", "csv", "--out", "tables"),
        ("check", "spiking_dfa"),
        ("models",),
        ("run", "no_such_model"),
        ("no_such_command",),
    ):
        run(tmp_path, *arguments)
        assert not changed(before, snapshot()), arguments
    assert (tmp_path / "a" / "config.json").exists()
    report.write_report([open_run(tmp_path / "a")], tmp_path / "page.html")
    export.export(records(), "csv", tmp_path / "csv")
    datasets.load("digits")
    check(small())
    assert not changed(before, snapshot())


IMPORTS = """
import importlib, pkgutil, sys
{first}
sys.path.insert(0, {tests!r})
import numpy, logging, warnings
from process_state import changed, snapshot
before = snapshot()
import apical
names = [m.name for m in pkgutil.walk_packages(apical.__path__, "apical.")]
# The library first; the modules of the command after it, by the door that shields what they import.
for name in sorted(names, key=lambda name: name.startswith("apical.cli.")):
    if name.startswith("apical.cli."):
        apical.cli._loaded()
    if not name.endswith("__main__"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            assert not error.name.startswith("apical"), error
from apical import datasets
datasets.load("digits")
print(changed(before, snapshot()), len(names) > 100)
"""


@pytest.mark.parametrize("first", ["", "import brian2", "import matplotlib; matplotlib.use('svg')"])
def test_imports_leave_the_process_as_it_was(first: str) -> None:
    script = IMPORTS.format(first=first, tests=str(TESTS))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[] True", done.stdout + done.stderr
