"""Sparse projections in records, exports and weights of runs: only the synapses that exist."""

import tracemalloc
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

import apical as ap
from apical.errors import DataError, ParameterError, RunError
from apical.export import export
from apical.network.held_weights import held_weights
from apical.projections.edges import Edges
from apical.records.arrays import Records, Units
from apical.records.recording import synapses_of, units
from apical.records.synapses import Synapses
from apical.runs.final_weights import FinalWeights, checked_weights

N, SYNAPSES = 20_000, 10_000
MOST = N * N  # bytes of the smallest dense array, of one byte for each pair of neurons


def network(*, wiring: str = "transposed", shared: bool = False) -> ap.Network:
    """Return a small network with receptive fields and a random sparse projection."""
    net, rule = ap.Network(seed=4), ap.rules.three_factor(0.1)
    x = net.add(ap.Stimulus("stimulus", 16, ap.encoding.Graded(), shape=(4, 4)))
    h, y = net.add(ap.Rate("hidden", 8, shape=(2, 2, 2))), net.add(ap.Rate("output", 3))
    fields = ap.connectivity.ReceptiveFields(3)
    net.connect(x, h, weights=ap.FanIn(), rule=rule, connectivity=fields, shared=shared)
    some = ap.connectivity.FixedInDegree(4)
    net.connect(h, y, weights=ap.FanIn(), rule=rule, connectivity=some)
    feedback = getattr(ap.feedback, wiring)
    net.teach(feedback(net.add(ap.RateError("error", 3)), net.forward))
    return net


@pytest.mark.parametrize("shared", [False, True])
def test_values_are_those_of_matrices(shared: bool) -> None:
    net = network(shared=shared)
    with ap.simulate(net, "array") as simulator:
        block = ap.Block.of_labels(np.eye(16)[:4], [0, 1, 2, 0], learning=1.0)
        simulator.run(block)
        found, held = synapses_of(simulator), held_weights(simulator)
        dense = {p.name: simulator.weights(p) for p in net.projections}
    sparse = {name for name, one in found.items() if one.joined is not None}
    assert {"stimulus_to_hidden", "hidden_to_output", "feedback_output_to_hidden"} <= sparse
    for name in sparse:
        one, p = found[name], net.projection(name)
        exists = net.existing(p)
        assert exists is not None
        post, pre = np.nonzero(exists.T)
        np.testing.assert_array_equal(one.edges(), (pre, post))
        np.testing.assert_array_equal(one.each(one.weights), dense[name][pre, post])
        initial = net.initial_weights(p)[pre, post].astype(dense[name].dtype)
        np.testing.assert_array_equal(one.each(one.before), initial)
        assert one.weights.ndim == held[name].ndim == 1
    final = checked_weights(net, held, Path("weights.npz"))
    former = checked_weights(net, dense, Path("weights.npz"))  # as earlier versions wrote them
    assert list(final) == list(dense)
    for name, matrix in dense.items():
        np.testing.assert_array_equal(final[name], matrix)
        np.testing.assert_array_equal(former.held[name], held[name])
        assert final[name].dtype == matrix.dtype


def test_signs_of_neurons_are_those_of_matrices() -> None:
    net = ap.hypotheses.dale(network(), inhibitory=0.5)
    with ap.simulate(net, "array") as simulator:
        w = simulator.weights("hidden_to_output")
        signs = units(simulator, net, "hidden").signs
    np.testing.assert_array_equal(signs, np.sign(w.sum(axis=1)))


def test_files_of_records_keep_pairs_of_neurons() -> None:
    with ap.simulate(network(), "array") as simulator:
        found = synapses_of(simulator)
    arrays = of(found, {"hidden": Units("Rate", np.zeros(8, int))}).to_arrays()
    assert arrays["weights:hidden_to_output"].shape == (12,)
    back = Records.from_arrays(arrays).synapses["hidden_to_output"]
    assert back.joined is not None and back.shape == (8, 3)
    np.testing.assert_array_equal(back.edges(), found["hidden_to_output"].edges())
    for wrong in (arrays["post:hidden_to_output"] + 3, arrays["post:hidden_to_output"][::-1]):
        with pytest.raises(DataError, match="joined must be pairs of neurons that there are"):
            Records.from_arrays({**arrays, "post:hidden_to_output": wrong})


def test_weights_that_do_not_fit_are_refused() -> None:
    net = network()
    with ap.simulate(net, "array") as simulator:
        held = held_weights(simulator)
    held["hidden_to_output"] = held["hidden_to_output"][1:]
    with pytest.raises(RunError, match=r"'hidden_to_output' must have shape \(12,\) or \(8, 3\)"):
        checked_weights(net, held, Path("weights.npz"))


def of(synapses: dict[str, Synapses], recorded: dict[str, Units]) -> Records:
    none = np.zeros(1, int)
    return Records(20.0, 1.0, recorded, none, np.zeros((1, 2)), none, none, synapses=synapses)


@cache
def large() -> tuple[ap.Network, np.ndarray]:
    """Return a network of 20,000 x 20,000 neurons with 10,000 synapses, one for each of half."""
    from scipy.sparse import coo_array

    pre = np.arange(SYNAPSES) * 2
    post = (pre * 7 + 3) % N
    mask = coo_array((np.ones(SYNAPSES, bool), (pre, post)), shape=(N, N))
    net = ap.Network(seed=1)
    x, y = ap.Stimulus("stimulus", N, ap.encoding.Graded()), ap.Rate("output", N)
    net.add(x), net.add(y)
    net.connect(x, y, weights=ap.Normal(1.0), connectivity=ap.connectivity.Mask(mask))
    return net, pre


SLOW = [pytest.param(form, marks=pytest.mark.slow) for form in ("nwb", "nix")]


@pytest.mark.parametrize("form", ["sonata", "parquet", *SLOW])
def test_exports_make_no_matrix(form: str, tmp_path: Path) -> None:
    net, pre = large()
    name = f"it.{form}" if form in ("nwb", "nix") else "it"
    with ap.simulate(net, "array") as simulator:
        tracemalloc.start()
        found = synapses_of(simulator)
        path = export(of(found, {}), form, tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MOST / 4, f"{peak / 1e6:.0f} MB"
    assert len(found["stimulus_to_output"]) == SYNAPSES
    if form == "parquet":
        assert sorted(pd.read_parquet(path / "synapses.parquet")["pre"]) == pre.tolist()
    if form == "sonata":
        with h5py.File(path / "edges.h5") as file:
            assert file["edges/stimulus_to_output/0/syn_weight"].shape == (SYNAPSES,)


def test_weights_of_runs_make_no_matrix(tmp_path: Path) -> None:
    net, _ = large()
    with ap.simulate(net, "array") as simulator:
        tracemalloc.start()
        file = tmp_path / "weights.npz"
        np.savez(file, **held_weights(simulator))
        with np.load(file) as read:
            final = checked_weights(net, dict(read), file)
        simulator.load(final.loadable(simulator))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MOST / 4, f"{peak / 1e6:.0f} MB"
    assert file.stat().st_size < 100 * SYNAPSES and isinstance(final, FinalWeights)
    assert len(final.held["stimulus_to_output"]) == SYNAPSES


def test_pairs_and_values_go_together() -> None:
    pairs = Edges((3, 2), np.array([0, 2]), np.array([1, 0]))
    with pytest.raises(ParameterError, match="weights must be one for each of 2 synapses"):
        Synapses("a", "b", ("LIF", "LIF"), np.ones((3, 2)), joined=pairs)
    with pytest.raises(ParameterError, match=r"weights must be of shape \(n_pre, n_post\)"):
        Synapses("a", "b", ("LIF", "LIF"), np.ones(2))
