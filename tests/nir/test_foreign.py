"""Spikes of exported networks in Norse and snnTorch; skipped where these are not installed.

Tolerance: none but the time that a spike takes from one population to the next, one time step here
and none there. So the output, two populations behind the input, is two steps later here.
"""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest

import apical as ap
from apical import nir as exchange
from apical.records.recording import record

nir = pytest.importorskip("nir")
torch = pytest.importorskip("torch")


def spikes(path: Path, dt: float) -> dict[str, np.ndarray]:
    """Write a network; return its spikes, shape (n_trials, n_steps, n)."""
    data, net = ap.datasets.load("digits"), ap.Network(seed=1)
    x = ap.Stimulus("stimulus", 64, ap.encoding.Regular(100.0, 30.0))
    h, y = ap.LIF("hidden", 20, reset="rest"), ap.LIF("output", 10, reset="rest")
    ap.chain(net, x, h, y, weights=[ap.Normal(0.7), ap.Normal(2.0)])
    exchange.write(net, path, dt=dt, constants="euler")
    with ap.simulate(net, "runtime", dt=dt, record=["stimulus", "output"]) as simulator:
        records = record(simulator, data.test, np.arange(3))
    found = {}
    for name, of in records.spikes.items():
        found[name] = np.zeros((3, round(100 / dt), len(records.units[name])), np.float32)
        found[name][of.trial, np.rint(of.time / dt).astype(int), of.unit] = 1
    return found


def replayed(model: torch.nn.Module, stimulus: np.ndarray) -> np.ndarray:
    state, found = None, []
    with torch.no_grad():
        for step in torch.from_numpy(stimulus).unbind(1):
            out = model(step) if state is None else model(step, state)
            state = out[1]
            found.append(out[0].numpy())
    return np.stack(found, axis=1)


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_norse(dt: float, tmp_path: Path) -> None:
    norse = pytest.importorskip("norse.torch")
    ours = spikes(tmp_path / "it.nir", dt)
    model = norse.from_nir(nir.read(tmp_path / "it.nir"), dt=dt * 1e-3)
    found = replayed(model, ours["stimulus"])
    np.testing.assert_array_equal(found[:, :-2], ours["output"][:, 2:])
    assert ours["output"].sum() > 50


def test_snntorch(tmp_path: Path) -> None:
    pytest.importorskip("snntorch")
    from snntorch.import_nir import import_from_nir

    ours = spikes(tmp_path / "it.nir", 0.1)  # the only time step that it knows
    with contextlib.redirect_stdout(io.StringIO()):
        model = import_from_nir(nir.read(tmp_path / "it.nir"))
    found = replayed(model, ours["stimulus"])
    np.testing.assert_array_equal(found[:, :-2], ours["output"][:, 2:])
    assert ours["output"].sum() > 50
