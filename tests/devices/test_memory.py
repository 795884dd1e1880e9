"""Simulators leave no memory behind, on any device that needs no compiler."""

import gc
import importlib.util
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import networks
import numpy as np
import pytest
import rate_networks
from memory import one

from apical import simulate
from apical.devices import DEVICES
from apical.plausibility import matching

TESTS = Path(__file__).parents[1]
NEEDED = {"torch": "torch"}
FORMS = [
    (name, dict(form.options))
    for name, device in DEVICES.items()
    for form in device.forms
    if not device.compiles and not form.on_card and not form.asked_for
]


def named(form: tuple[str, dict[str, str]]) -> str:
    return ":".join((form[0], *form[1].values()))


@pytest.mark.parametrize(
    ("runs", "most"),
    [
        pytest.param(24, 3.0, marks=pytest.mark.slow),
        pytest.param(200, 1.0, marks=pytest.mark.thorough),
    ],
)
@pytest.mark.parametrize("form", FORMS, ids=named)
def test_memory_stays_flat(form: tuple[str, dict[str, str]], runs: int, most: float) -> None:
    device, options = form
    module = NEEDED.get(str(options.get("library")))
    if module and importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, TESTS / "memory.py", device, json.dumps(options), str(runs)],
        env={**os.environ, "PYTHONPATH": path, "MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    used = np.array(done.stdout.split(), dtype=float)
    first = runs // 10  # until then tables of modules fill
    early, late = np.median(used[first : 2 * first + 2]), np.median(used[-10:])
    assert late - early < most, used.tolist()


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_nothing_refers_to_a_simulator_that_is_gone(device: str) -> None:
    spiking = DEVICES[device].spikes
    network = networks.small() if spiking else rate_networks.rates()
    trials = networks.trials(2, learning=1.0) if spiking else rate_networks.trials(learning=1.0)
    simulator = simulate(network, device)
    simulator.run(trials)
    parts = [simulator, *(getattr(simulator, name, None) for name in ("_device", "_place"))]
    parts += list(simulator.brian.values()) if spiking else []
    seen = [weakref.ref(part) for part in parts if part is not None]
    del simulator, parts
    gc.collect()
    assert not [item() for item in seen if item() is not None]


def test_what_brian2_remembers_of_variables_goes_with_the_simulator() -> None:
    from apical.devices.brian import workplace

    kept = workplace._remembering()
    assert {f.__name__ for f in kept} == {"make_statements", "apply_stateupdater", "__call__"}
    before = [dict(function._cache) for function in kept]
    simulator = simulate(networks.small(), "runtime")
    with simulator._place():
        for function in kept:
            function._cache["what", "variables"] = "code"
    simulator.brian["hidden_0"].I = "0.5*rand()"
    assert [function._cache for function in kept] == before


def test_of_permutations_the_last_are_kept() -> None:
    for k in range(6):
        one("array", k, {})
    assert matching._places.cache_info().currsize <= 4
