"""Synapses in every format: those that exist, with weights, initial weights and delays."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import h5py
import libsonata
import numpy as np
import pandas as pd
import pynwb
import pytest
from license_expression import get_spdx_licensing

import apical as ap
from apical.data.licences import NOT_STATED, spdx
from apical.data.registry import SOURCES
from apical.errors import ParameterError
from apical.export import about, export
from apical.records.arrays import Records
from apical.records.recording import record
from apical.records.synapses import Synapses


@cache
def records() -> Records:
    """Return records of a network with missing synapses, a delay and weights that learned."""
    data = ap.datasets.load("digits").subset(20, 5)
    net = ap.Network(seed=2, trial=50.0)
    x = net.add(ap.Stimulus("stimulus", 64, ap.encoding.Regular()))
    h, y = net.add(ap.LIF("hidden", 6)), net.add(ap.LIF("output", 10))
    rule = ap.rules.three_factor(1e-2)
    net.connect(x, h, weights=ap.Normal(0.3), rule=rule, missing=0.5)
    net.connect(h, y, weights=ap.Normal(0.3), delay=2.0)
    net.teach(ap.feedback.direct(net.add(ap.Error("error", 20)), net.forward))
    with ap.simulate(net, "runtime", record=["hidden", "output"]) as simulator:
        projection = net.projection("stimulus_to_hidden")
        learned = net.held(projection, simulator.weights(projection) + 0.25)
        simulator.load({"stimulus_to_hidden": learned})
        return record(simulator, data.test, np.arange(3))


def edges(one: Synapses) -> tuple[np.ndarray, np.ndarray]:
    exists = np.ones(one.weights.shape, bool) if one.exists is None else one.exists
    pairs = sorted(zip(*np.nonzero(exists), strict=True), key=lambda pair: pair[::-1])
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


def test_what_is_recorded() -> None:
    found = records().synapses
    forward = found["stimulus_to_hidden"]
    assert 0 < len(forward) < 64 * 6 and forward.initial is not None and forward.exists is not None
    np.testing.assert_allclose((forward.weights - forward.initial)[forward.exists], 0.25, atol=1e-6)
    assert not forward.weights[~forward.exists].any()
    assert found["hidden_to_output"].delay == 2.0 and found["hidden_to_output"].initial is None
    one_to_one = found["output_to_error"]  # fixed weights of 0 are no synapses
    assert len(one_to_one) == 20 and one_to_one.role == "error"
    assert {found[name].role for name in ("error_to_hidden", "error_to_output")} == {"feedback"}
    for name, one in found.items():
        np.testing.assert_array_equal(one.edges(), edges(one), err_msg=name)


def test_files_of_records_keep_them() -> None:
    arrays = records().to_arrays()
    back = Records.from_arrays(arrays)
    for name, values in back.to_arrays().items():
        np.testing.assert_array_equal(values, arrays[name])
    told = json.loads(str(arrays["records"]))
    del told["projections"]  # as versions before wrote it
    former = {k: v for k, v in arrays.items() if not k.startswith(("weights:", "exists:"))}
    assert not Records.from_arrays({**former, "records": np.array(json.dumps(told))}).synapses


def test_shapes_that_do_not_fit_are_refused() -> None:
    one = records().synapses["hidden_to_output"]
    with pytest.raises(ParameterError, match="exists must be of the shape of the weights"):
        replace(one, exists=np.ones((2, 2), bool))
    with pytest.raises(ParameterError, match="fit 6 units"):
        replace(records(), synapses={"a": replace(one, weights=np.ones((5, 10)))})


def test_sonata(tmp_path: Path) -> None:
    folder = export(records(), "sonata", tmp_path / "it")
    storage = libsonata.EdgeStorage(str(folder / "edges.h5"))
    assert storage.population_names == set(records().synapses)
    for name, one in records().synapses.items():
        population, (pre, post) = storage.open_population(name), edges(one)
        every = population.select_all()
        assert (population.source, population.target) == (one.pre, one.post)
        np.testing.assert_array_equal(population.source_nodes(every), pre)
        np.testing.assert_array_equal(population.target_nodes(every), post)
        assert (population.get_attribute("delay", every) == one.delay).all()
        weights = population.get_attribute("syn_weight", every)
        np.testing.assert_array_equal(weights, one.weights[pre, post])
        initial = population.get_attribute("initial_weight", every)
        np.testing.assert_array_equal(initial, one.before[pre, post])
        for unit in range(one.weights.shape[0]):
            found = population.target_nodes(population.efferent_edges([unit]))
            assert sorted(found) == sorted(post[pre == unit])
        for unit in range(one.weights.shape[1]):
            found = population.source_nodes(population.afferent_edges([unit]))
            assert sorted(found) == sorted(pre[post == unit])
    circuit = libsonata.CircuitConfig.from_file(str(folder / "circuit_config.json"))
    assert circuit.edge_populations == set(records().synapses)
    assert circuit.node_populations == {"stimulus", "hidden", "output", "error"}
    assert circuit.edge_population("hidden_to_output").size == 60


def test_bluepysnap(tmp_path: Path) -> None:
    snap = pytest.importorskip("bluepysnap")
    folder = export(records(), "sonata", tmp_path / "it")
    circuit = snap.Circuit(str(folder / "circuit_config.json"))
    found = circuit.edges["hidden_to_output"].afferent_edges([3], ["syn_weight", "delay"])
    weights = records().synapses["hidden_to_output"].weights[:, 3]
    assert found["syn_weight"].tolist() == weights.tolist() and (found["delay"] == 2.0).all()


def test_nwb(tmp_path: Path) -> None:
    path = export(records(), "nwb", tmp_path / "it.nwb")
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        table = io.read().processing["misc"]["projections"]
        assert list(table["projection"][:]) == list(records().synapses)
        for row, (name, one) in enumerate(records().synapses.items()):
            pre, post = edges(one)
            np.testing.assert_array_equal(table["pre_unit"][row], pre)
            np.testing.assert_array_equal(table["post_unit"][row], post)
            np.testing.assert_array_equal(table["weight"][row], one.weights[pre, post])
            np.testing.assert_array_equal(table["initial_weight"][row], one.before[pre, post])
            assert table["delay_ms"][row] == one.delay and table["role"][row] == one.role, name


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_tables(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apical.export.session.PORTION", 70)
    folder = export(records(), form, tmp_path / "it")
    read = pd.read_parquet if form == "parquet" else pd.read_csv
    table, trials = read(folder / f"synapses.{form}"), read(folder / f"trials.{form}")
    for name, one in records().synapses.items():
        rows, (pre, post) = table[table["projection"] == name], edges(one)
        assert rows["pre"].tolist() == pre.tolist() and rows["post"].tolist() == post.tolist()
        np.testing.assert_array_equal(rows["weight"], one.weights[pre, post].astype(float))
        np.testing.assert_array_equal(rows["initial_weight"], one.before[pre, post].astype(float))
        assert (rows["delay_ms"] == one.delay).all()
    assert trials["start_ms"].tolist() == [0.0, 50.0, 100.0]
    assert trials["stop_ms"].tolist() == [50.0, 100.0, 150.0]
    told = json.loads((folder / "about.json").read_text())
    assert told["time_axis"].startswith("Time 0 is the onset of the first trial.")
    assert told["projections"]["hidden_to_output"]["synapses"] == 60


def test_nix(tmp_path: Path) -> None:
    with h5py.File(export(records(), "nix", tmp_path / "it.nix")) as file:
        (block,) = file["data"].values()
        for name, one in records().synapses.items():
            pre, post = edges(one)
            found = {
                key.rpartition(".")[2]: array["data"][:]
                for key, array in block["data_arrays"].items()
                if key.startswith(f"synapses.{name}.")
            }
            np.testing.assert_array_equal(found["pre_unit"], pre)
            np.testing.assert_array_equal(found["weight"], one.weights[pre, post])
            assert ("initial_weight" in found) == (one.initial is not None)


def test_scorecards_are_told() -> None:
    judged, described = [{"level": "local"}], [{"level": "noted"}]
    config = {"scorecard": described}
    told = replace(records(), about={"config": config, "scorecard": judged})
    assert about.provenance(told, "csv")["scorecard"] == judged
    assert about.scorecard({"config": config}) == described and about.scorecard({}) == []


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc-by-nc-sa 3.0", "CC-BY-NC-SA-3.0"),
        ("CC0 1.0", "CC0-1.0"),
        ("Apache-2.0", "Apache-2.0"),
        ("BSD 3-Clause licence", "BSD-3-Clause"),
        ("", NOT_STATED),
        ("see https://example.org", NOT_STATED),
        ("CC BY 9.9 beta!", "LicenseRef-CC-BY-9.9-beta"),
    ],
)
def test_licences_by_their_identifiers(licence: str, expected: str) -> None:
    assert spdx(licence) == expected


def test_licences_of_data_sets_are_valid() -> None:
    names = [spdx(source.licence) for source in SOURCES.values()]
    known = get_spdx_licensing()
    for name in {*names, *map(spdx, ("MIT", "cc by-nd 2.0", "ODbL 1.0", "GPL 3.0"))}:
        if name != NOT_STATED and not name.startswith("LicenseRef-"):
            assert not known.validate(name).errors, name
    assert "CC-BY-SA-3.0" in names and "MIT" in names
