"""Networks as data: they come back the same, and nothing else can be made of a file."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import every_kind
import numpy as np
import pytest
from scipy import sparse

from apical import LIF, Error, Network, Normal, Stimulus, feedback, rules, simulate
from apical.data.datasets import blobs
from apical.devices import Block
from apical.errors import RunError
from apical.feedback import WIRINGS
from apical.hypotheses import HYPOTHESES
from apical.neurons.base import POPULATIONS
from apical.neurons.encoding import ENCODERS
from apical.projections.connectivity import CONNECTIVITIES, Mask
from apical.projections.weights import WeightSource
from apical.runs.directory import ARRAYS, NETWORK, read_json
from apical.runs.experiment import Experiment
from apical.runs.open import open_run
from apical.runs.plain_data import known
from apical.runs.run import Stopped, resume, run
from apical.runs.stored_network import as_data, from_data
from apical.scripts import models
from apical.scripts.models import ModelAbout
from apical.testing import of_hypotheses, references

SHIPPED = sorted((Path(__file__).parents[2] / "models").glob("*.py"))
ABOUT = ModelAbout(Path("mine.py"), "0" * 64, "Mine.", {"hidden": 3})

Stored = tuple[dict[str, Any], dict[str, np.ndarray]]


def stored(network: Network) -> Stored:
    """Return a network as its files hold it."""
    content, arrays = as_data(network, ABOUT)
    assert not content["lacks"]
    return json.loads(json.dumps(content)), arrays


def back(files: Stored) -> Network:
    network = from_data(*files, Path(NETWORK)).network
    assert network is not None
    return network


def assert_same(network: Network) -> None:
    """Check that a network comes back equal: its text, its data, and the weights it draws."""
    files = stored(network)
    other = back(files)
    again = stored(other)
    assert again[0] == files[0]
    for name, array in files[1].items():
        np.testing.assert_array_equal(again[1][name], array)
        assert again[1][name].dtype == array.dtype
    for part in ("populations", "projections", "feedback", "places", "interventions", "noise"):
        assert repr(getattr(other, part)) == repr(getattr(network, part))
    assert [p.name for p in other.forward] == [p.name for p in network.forward]
    for mine, its in zip(network.projections, other.projections, strict=True):
        assert repr(mine.weights) == repr(its.weights) and mine.rule == its.rule
        drawn = network.initial_weights(mine), other.initial_weights(its)
        np.testing.assert_array_equal(*drawn)


def hypothetical() -> Iterator[tuple[str, Network]]:
    """Yield a network under every hypothesis that it allows."""
    for name, one in HYPOTHESES.items():
        for plain in (of_hypotheses.REFERENCES | of_hypotheses.FURTHER).values():
            try:
                yield name, one.apply(plain(), **one.example)
            except (ValueError, RuntimeError):
                continue


def networks() -> Iterator[tuple[str, Callable[[], Network]]]:
    """Yield networks in which every wiring, population, encoder, rule, model and hypothesis is."""
    data = replace(blobs(n_inputs=64, rng=np.random.default_rng(0)), shape=(8, 8))
    for path in SHIPPED:
        if not models.is_study(path):
            yield path.stem, lambda path=path: models.load(str(path)).build(data, 5)
    for case in every_kind.covering(every_kind.SPIKING, 1):
        yield " ".join(case), lambda case=case: every_kind.spiking(*case)
    for case in every_kind.covering(every_kind.RATES, 1):
        yield " ".join(case), lambda case=case: every_kind.rates(*case)
    for name, wiring in WIRINGS.items():
        if not wiring.spikes:
            yield name, lambda wiring=wiring: references.rates(wiring)
    yield from every_kind.OPTIONS.items()


NETWORKS = dict(networks())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_comes_back_the_same(name: str) -> None:
    assert_same(NETWORKS[name]())


def test_networks_under_hypotheses_come_back_the_same() -> None:
    seen = set()
    for name, network in hypothetical():
        assert_same(network)
        seen.add(name)
    assert seen == set(HYPOTHESES)


def learned(network: Network, device: str, batch: int) -> dict[str, np.ndarray]:
    n, rng = network.stimulus.size, np.random.default_rng(1)
    frames, classes = network.stimulus.frames, network.output.size
    values = rng.random((4, n * frames))
    block = Block(values, labels=np.arange(4) % classes, learning=np.ones(4))
    simulator = simulate(network, device, batch=batch)
    simulator.run(block)
    return {p.name: simulator.weights(p) for p in network.projections}


@pytest.mark.parametrize("case", every_kind.covering(every_kind.RATES, 1), ids=" ".join)
def test_rates_learn_the_same_bits(case: tuple[str, str, str]) -> None:
    network = every_kind.rates(*case)
    mine, its = (learned(each, "array", 2) for each in (network, back(stored(network))))
    for name, weights in mine.items():
        np.testing.assert_array_equal(its[name], weights)


@pytest.mark.slow
@pytest.mark.parametrize("case", every_kind.covering(every_kind.SPIKING, 1)[:4], ids=" ".join)
def test_spiking_networks_learn_the_same_bits(case: tuple[str, str, str, str]) -> None:
    network = every_kind.spiking(*case)
    mine, its = (learned(each, "runtime", 1) for each in (network, back(stored(network))))
    for name, weights in mine.items():
        np.testing.assert_array_equal(its[name], weights)


def test_what_comes_with_the_package_can_be_data() -> None:
    """A new class is covered if it is registered, or in one of the modules that networks are of."""
    for registry in (POPULATIONS, ENCODERS):
        for name, kind in registry.items():
            assert known()[kind.__name__] is kind, name
    for kind in known().values():
        assert kind.__module__.startswith("apical.")
        assert all(field.init for field in fields(kind))


@pytest.mark.parametrize("name", list(CONNECTIVITIES))
def test_connectivities_shapes_and_positions_are_read_back(name: str) -> None:
    network = references.partly_joined(*CONNECTIVITIES[name].example())
    same = back(stored(network))
    first, other = (net.projection("stimulus_to_hidden") for net in (network, same))
    assert repr(first.connectivity) == repr(other.connectivity)
    assert (first.pre.shape, first.post.shape) == (other.pre.shape, other.post.shape)
    assert np.array_equal(network.initial_weights(first), same.initial_weights(other))


def test_a_sparse_mask_stays_sparse() -> None:
    mask = sparse.csr_array(np.random.default_rng(0).random((6, 4)) < 0.4)
    network = references.partly_joined(Mask(mask), (4,))
    found = back(stored(network)).projection("stimulus_to_hidden").connectivity
    assert sparse.issparse(found.mask)  # type: ignore[attr-defined]
    assert (found.mask != mask).nnz == 0  # type: ignore[attr-defined]


def test_files_of_before_are_of_populations_without_shape_and_full_projections() -> None:
    content, arrays = stored(references.spiking())
    content = json.loads(json.dumps(content))
    for population in content["network"]["populations"]:
        del population["shape"], population["positions"]
    for projection in content["network"]["projections"]:
        del projection["connectivity"]
    network = back((content, arrays))
    assert all(p.connectivity.is_full for p in network.projections)
    del content["network"]["projections"][0]["delay"]
    with pytest.raises(RunError, match="has other fields: delay"):
        back((content, arrays))


# What is no network -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files() -> Stored:
    return stored(references.spiking())


@pytest.mark.parametrize(
    "kind", ["os.system", "builtins.eval", "Network", "Path", "Writer", "Population", ["LIF"], None]
)
def test_only_classes_of_networks_are_made(files: Stored, kind: Any) -> None:
    content = json.loads(json.dumps(files[0]))
    content["network"]["populations"][0] = {"class": kind, "name": "x", "size": 3}
    with pytest.raises(RunError, match=r"network.json is damaged: \w+: "):
        from_data(content, files[1], Path(NETWORK))


def leaves(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in JSON, and every key of it."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(pairs):
        yield data, key
        if isinstance(value, dict | list):
            yield from leaves(value)


OTHERS = (None, True, -1, 1e308, "", "eval", [], {}, {"class": "LIF"}, {"array": "no"}, [[]])


@pytest.mark.parametrize("seed", range(4))
def test_other_values_are_one_error_or_another_network(files: Stored, seed: int) -> None:
    rng, said = random.Random(seed), list[str]()
    for _ in range(60):
        content = json.loads(json.dumps(files[0]))
        where, key = rng.choice(list(leaves(content)))
        where[key] = rng.choice(OTHERS)
        try:
            from_data(content, files[1], Path(NETWORK))
        except RunError as error:
            said.append(error.message)
    assert len(said) > 20
    assert all("\n" not in message and len(message) < 400 for message in said)


def test_circles_end_in_one_error(files: Stored) -> None:
    content = json.loads(json.dumps(files[0]))
    first = content["network"]["projections"][0]
    first["weights"] = {"class": "TransposeOf", "projection": {"projection": first["name"]}}
    with pytest.raises(RunError, match="is damaged: RecursionError"):
        from_data(content, files[1], Path(NETWORK))


def test_newer_versions_and_other_equations_are_named(files: Stored) -> None:
    with pytest.raises(RunError, match="has version 2 of the format.*reads version 1"):
        from_data({**files[0], "version": 2}, files[1], Path(NETWORK))
    content = json.loads(json.dumps(files[0]))
    content["network"]["equations"]["hidden"]["threshold"] = "v > 2"
    with pytest.raises(RunError, match="equations of population 'hidden' are no longer those"):
        from_data(content, files[1], Path(NETWORK))


# What data cannot hold --------------------------------------------------------------------------


@dataclass(frozen=True)
class Mine(WeightSource):
    """Weights of a class of the user's own."""

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return np.ones((n_pre, n_post))


def test_what_data_cannot_hold_is_said() -> None:
    net = Network(trial=40.0)
    x, h = net.add(Stimulus("stimulus", 4)), net.add(LIF("hidden", 2))
    net.connect(x, h, weights=Mine(), rule=rules.three_factor(0.1))
    net.teach(feedback.direct(net.add(Error("error", 4)), net.forward))
    content, arrays = as_data(net, ABOUT)
    (lack,) = content["lacks"]
    assert lack.startswith("projection 'stimulus_to_hidden': Mine of ")
    assert content["network"] is None and not arrays
    read = from_data(json.loads(json.dumps(content)), {}, Path(NETWORK))
    assert read.network is None and read.lacks == (lack,) and read.model == ABOUT
    same = replace(net.projections[0], weights=Normal())
    net.projections[0] = same
    assert not as_data(net, ABOUT)[0]["lacks"]


OWN = """

from dataclasses import dataclass, replace
from apical.neurons.encoding import Graded
_described = build


@dataclass(frozen=True)
class Halved(Graded):
    def drive(self, values):
        return values / 2


def build(data, seed, *, hidden: int = 4):
    net = _described(data, seed, hidden=hidden)
    return net.altered(
        population=lambda p: replace(p, encoder=Halved()) if p.role == "stimulus" else p
    )
"""


def test_a_run_of_a_users_own_classes_needs_the_script(tmp_path: Path) -> None:
    script, data = tmp_path / "mine.py", blobs(12, 6, 6, 2, rng=np.random.default_rng(0))
    shipped = next(path for path in SHIPPED if path.stem == "rate_dfa")
    script.write_text(shipped.read_text() + OWN)
    train, test = data.train, data.test
    arrays = dict(x_train=train.values, y_train=train.labels, x_test=test.values)
    np.savez(tmp_path / "blobs.npz", **arrays, y_test=test.labels)
    e = Experiment(str(script), dataset=str(tmp_path / "blobs.npz"), epochs=1, block=3, batch=3)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(e, whole, progress=False, draw=False)
    with pytest.raises(Stopped):
        run(e, cut, progress=False, draw=False, stop=iter([False, True]).__next__)
    assert "Halved of apical_model_mine" in read_json(cut / NETWORK)["lacks"][0]
    assert not (cut / ARRAYS).exists()
    with pytest.raises(RunError, match="from data alone .*Halved of .*--trust .*mine.py"):
        resume(cut, progress=False, draw=False)
    moved = shutil.move(script, tmp_path / "elsewhere.py")
    resume(cut, trust=Path(moved), progress=False, draw=False)
    opened = open_run(cut, trust=Path(moved))
    for name, weights in np.load(whole / "weights.npz").items():
        np.testing.assert_array_equal(opened.weights[name], weights)
