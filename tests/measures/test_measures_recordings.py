"""Recordings: files with known spikes, and networks that agree with them or do not."""

import datetime
import sys
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import neo
import numpy as np
import pynwb
import pytest
import quantities
from made_records import poisson, records, tuned

from apical.errors import DataError
from apical.measures import agreement
from apical.measures.agreement import Agreement, compare
from apical.recordings import Recording, Selection, load_recording
from apical.records.arrays import Records, Spikes, Units


def write_nwb(
    path: Path,
    trains: list[np.ndarray],
    trials: list[tuple[float, float]],
    columns: dict[str, list[Any]] | None = None,
    populations: list[str] | None = None,
) -> Path:
    """Write spike times [s] and trials [s] as an NWB file."""
    file = pynwb.NWBFile("a test", "id", datetime.datetime.now(datetime.UTC))
    for name in columns or {}:
        file.add_trial_column(name, "made up")
    for k, (start, stop) in enumerate(trials):
        extra = {name: values[k] for name, values in (columns or {}).items()}
        file.add_trial(start_time=start, stop_time=stop, **extra)
    if populations:
        file.add_unit_column("population", "made up")
    for k, train in enumerate(trains):
        file.add_unit(spike_times=train, **({"population": populations[k]} if populations else {}))
    with pynwb.NWBHDF5IO(str(path), "w") as io, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        io.write(file)
    return path


def write_nix(path: Path, segments: list[neo.Segment]) -> Path:
    """Write trials as a NIX file."""
    block = neo.Block()
    block.segments = segments
    with neo.NixIO(str(path), mode="ow") as io:
        io.write_block(block)
    return path


def train(times: list[float], stop: float, **about: Any) -> neo.SpikeTrain:
    return neo.SpikeTrain(times, units="s", t_stop=stop, **about)


LIKENESS = ("rsa", "rsa_rho_a", "cka", "cka_debiased")
TRIALS = [(0.0, 0.5), (1.0, 1.5), (2.0, 3.0)]
TRAINS = [np.array([0.1, 0.2, 0.7, 1.0, 2.5]), np.array([]), np.array([0.1, 1.4999, 1.5, 9.0])]


def as_recording(made: Records, name: str, labels: list[str] | None = None) -> Recording:
    """Return the spikes of a population as if they were recorded."""
    n = len(made.units[name])
    given = np.array([str(k) for k in made.labels] if labels is None else labels)
    durations = np.full(len(made), made.duration)
    areas = np.array([""] * n)
    return Recording(Path("made.nwb"), made.spikes[name], areas, durations, given, given)


def two_of_a_kind(
    seed: int, *, other: int | None = None, n_trials: int = 80, mean: float = 30.0
) -> Records:
    """Return trials of 40 neurons; those with one `other` have the same tuning."""
    labels, rates = tuned(n_trials, 40, 8, mean, seed if other is None else other)
    return records({"h": (poisson(rates, 400.0, seed), 40)}, labels, 400.0)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw few orders of classes and halves, where it does not matter how exact a chance is."""
    monkeypatch.setattr(agreement, "SHUFFLES", 3)
    monkeypatch.setattr(agreement, "SPLITS", 2)


def test_nwb_is_cut_into_trials(tmp_path: Path) -> None:
    columns = {"label": [3, 4, 3], "condition": ["a", "b", "c"]}
    path = write_nwb(tmp_path / "a.nwb", TRAINS, TRIALS, columns, ["V1", "V1", "V2"])
    found = load_recording(path)
    assert found.counts.tolist() == [[2, 0, 1], [1, 0, 1], [1, 0, 0]]
    np.testing.assert_allclose(found.spikes.time, [100, 100, 200, 0, 499.9, 500])
    assert found.spikes.trial.tolist() == [0, 0, 0, 1, 1, 2]
    np.testing.assert_allclose(found.durations, [500, 500, 1000])
    assert found.populations.tolist() == ["V1", "V1", "V2"]
    assert found.labels is not None and found.labels.tolist() == ["3", "4", "3"]
    other = load_recording(path, label="condition").labels
    assert other is not None and other.tolist() == ["a", "b", "c"]
    part = found.part("V2")
    assert part.counts.tolist() == [[1], [1], [0]]


def test_a_spike_at_the_onset_is_of_the_trial_that_begins(tmp_path: Path) -> None:
    """Trials end to end: 3 times 0.1 is more than 0.3, and yet it is the same moment."""
    onsets = [0.1 * k for k in range(5)]
    trials = list(pairwise(onsets))
    path = write_nwb(tmp_path / "a.nwb", [np.array([0.1, 0.2, 0.3])], trials)
    assert 0.1 * 3 > 0.3 and load_recording(path).counts.tolist() == [[0], [1], [1], [1]]
    assert load_recording(path).spikes.time.min() >= 0


def test_labels_are_not_needed(tmp_path: Path) -> None:
    found = load_recording(write_nwb(tmp_path / "a.nwb", TRAINS, TRIALS, {"mood": [1, 2, 3]}))
    assert found.labels is None and set(found.populations) == {""}
    lines = {line.measure: line for line in compare(two_of_a_kind(0), found)}
    assert np.isfinite(lines["rate_ks"].value) and np.isnan(lines["rsa"].value)
    assert lines["cka"].why == "the recording has no labels of trials"


def test_whole_numbers_are_one_class_however_they_are_stored(tmp_path: Path) -> None:
    columns = {"stimulus": [3.0, 4.0, 2.5]}
    found = load_recording(write_nwb(tmp_path / "a.nwb", TRAINS, TRIALS, columns))
    assert found.labels is not None and found.labels.tolist() == ["3", "4", "2.5"]


def test_segments_of_nix_are_trials(tmp_path: Path) -> None:
    segments = []
    for k, label in enumerate([5, 6]):
        segment = neo.Segment(label=label, correct=True)
        segment.spiketrains.append(train([0.1, 0.3], 0.5, name="h 0", population="h"))
        if k:
            segment.spiketrains.append(train([0.0, 0.4], 0.5, name="y 0", population="y"))
        segments.append(segment)
    found = load_recording(write_nix(tmp_path / "a.nix", segments))
    assert found.counts.tolist() == [[2, 0], [2, 2]]
    assert found.populations.tolist() == ["h", "y"]
    np.testing.assert_allclose(found.spikes.time, [100, 300, 0, 100, 300, 400])
    np.testing.assert_allclose(found.durations, 500)
    assert found.labels is not None and found.labels.tolist() == ["5", "6"]


def test_epochs_of_a_single_segment_are_trials(tmp_path: Path) -> None:
    segment = neo.Segment()
    segment.spiketrains.extend([train(list(times), 10.0) for times in TRAINS])
    segment.epochs.append(
        neo.Epoch(
            np.array([start for start, _ in TRIALS]) * quantities.s,
            durations=np.array([stop - start for start, stop in TRIALS]) * quantities.s,
            labels=np.array(["3", "4", "3"]),
            name="trials",
        )
    )
    found = load_recording(write_nix(tmp_path / "a.nix", [segment]))
    assert found.counts.tolist() == [[2, 0, 1], [1, 0, 1], [1, 0, 0]]
    assert found.labels is not None and found.labels.tolist() == ["3", "4", "3"]


@pytest.mark.parametrize("names", [["blocks"], ["blocks", "trials"]])
def test_epochs_called_trials_are_trials_or_else_the_first(
    names: list[str], tmp_path: Path
) -> None:
    segment = neo.Segment()
    segment.spiketrains.append(train([0.5, 1.5, 1.6], 4.0))
    for k, name in enumerate(names):
        times, long = np.array([k, 2.0]) * quantities.s, np.ones(2) * quantities.s
        segment.epochs.append(neo.Epoch(times, long, labels=np.array(["3", "4"]), name=name))
    found = load_recording(write_nix(tmp_path / "a.nix", [segment]))
    assert found.counts.tolist() == [[len(names)], [0]]


def test_three_classes_in_common_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "SPLITS", 2)
    monkeypatch.setattr(agreement, "SHUFFLES", 2)
    labels, rates = tuned(24, 12, 3, 30.0, 1)
    made = records({"h": (poisson(rates, 400.0, 1), 12)}, labels, 400.0)
    lines = by_measure(compare(made, as_recording(made, "h")))
    for name in ("rsa", "rsa_rho_a", "cka"):
        assert np.isfinite(lines[name].value) and lines[name].n == (3, 3)


@pytest.mark.usefixtures("few")
def test_what_this_package_exports_is_a_recording(tmp_path: Path) -> None:
    export = pytest.importorskip("apical.export").export
    made = two_of_a_kind(0, n_trials=4)
    both = replace(
        made,
        units={**made.units, "silent": Units("LIF", np.zeros(2, int))},
        spikes={**made.spikes, "silent": Spikes(*(np.zeros(0, int) for _ in range(3)))},
    )
    for form in ("nwb", "nix"):
        found = load_recording(export(both, form, tmp_path / f"a.{form}"))
        np.testing.assert_array_equal(found.part("h").counts, made.counts("h"))
        np.testing.assert_allclose(found.part("h").spikes.time, made.spikes["h"].time, atol=1e-6)
        np.testing.assert_allclose(found.durations, 400)
        assert found.part("silent").counts.tolist() == [[0, 0]] * 4
        assert (
            found.labels is not None and found.labels.tolist() == made.labels.astype(str).tolist()
        )
        lines = by_measure(compare(made, found.part("h")))
        assert lines["rate_ks"].value == lines["cv_ks"].value == 0


def test_bad_files_are_one_line(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.nwb"
    garbage.write_bytes(b"no HDF5 at all" * 100)
    (tmp_path / "garbage.nix").write_bytes(b"no HDF5 at all" * 100)
    (tmp_path / "a.mat").touch()
    whole = write_nwb(tmp_path / "whole.nwb", TRAINS, TRIALS).read_bytes()
    (tmp_path / "half.nwb").write_bytes(whole[: len(whole) // 2])
    write_nwb(tmp_path / "no_units.nwb", [], TRIALS)
    write_nwb(tmp_path / "no_trials.nwb", TRAINS, [])
    write_nwb(tmp_path / "backwards.nwb", TRAINS, [(1.0, 0.5)])
    write_nix(tmp_path / "empty.nix", [])
    write_nix(tmp_path / "hollow.nix", [neo.Segment(), neo.Segment()])
    for name, said in {
        "garbage.nwb": "cannot be read as NWB",
        "half.nwb": "cannot be read as NWB",
        "garbage.nix": "cannot be read as NIX",
        "missing.nwb": "is not there; check the path",
        "a.mat": r"must be a file of NWB \(.nwb\), of NIX \(.nix\)",
        "no_units.nwb": "has no units with spike times",
        "no_trials.nwb": "has no trials: no table with two rows or more. Tables in it: none",
        "backwards.nwb": "no row of table trials can be used: 1 row with a stop before the start",
        "empty.nix": "has no units with spike times",
        "hollow.nix": "has no units with spike times",
    }.items():
        with pytest.raises(DataError, match=f"Recording .*{name}.*{said}") as caught:
            load_recording(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(
        DataError,
        match="Table trials has no column 'odour'; it has start_time, stop_time, label: name",
    ):
        load_recording(write_nwb(tmp_path / "l.nwb", TRAINS, TRIALS, {"label": [1, 2, 3]}), "odour")


@pytest.mark.parametrize(("library", "name"), [("h5py", "a.nwb"), ("h5py", "a.nix")])
def test_missing_libraries_are_named(
    library: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DataError, match=rf"needs {library}.*apical\[{name[2:]}\]"):
        load_recording(tmp_path / name)


def by_measure(lines: list[Agreement]) -> dict[str, Agreement]:
    return {line.measure: line for line in lines}


def test_a_network_agrees_with_itself() -> None:
    made = two_of_a_kind(0)
    lines = by_measure(compare(made, as_recording(made, "h")))
    assert lines["rate_ks"].value == 0 and lines["rate_ks"].p == 1
    assert lines["cv_ks"].value == 0
    for name in LIKENESS:
        low, high = lines[name].ceiling
        assert lines[name].value == pytest.approx(high, abs=0.01)  # it holds their own noise
        assert low < high <= 1 and lines[name].p == 1 / 101  # none of 100 shuffles is as alike
        assert lines[name].chance < lines[name].value - 0.1


def test_a_perfect_model_is_within_the_noise_ceiling() -> None:
    """The same tuning with noise of its own, over many trials, as no model can do better."""
    model = two_of_a_kind(2, other=1, n_trials=800)
    lines = by_measure(compare(model, as_recording(two_of_a_kind(1, n_trials=48), "h")))
    for name in LIKENESS:
        low, high = lines[name].ceiling
        assert low - 0.01 < lines[name].value < high + 0.01, name
    assert lines["rate_ks"].p > 0.01


def test_another_code_is_no_better_than_chance() -> None:
    lines = by_measure(compare(two_of_a_kind(1), as_recording(two_of_a_kind(2), "h")))
    for name in LIKENESS:
        assert lines[name].p > 0.02, name
        assert lines[name].value < lines[name].ceiling[0] - 0.1
        assert lines[name].value < lines[name].chance + 0.2


@pytest.mark.usefixtures("few")
def test_a_faster_population_has_other_rates() -> None:
    faster = by_measure(compare(two_of_a_kind(1, mean=90.0), as_recording(two_of_a_kind(2), "h")))
    assert faster["rate_ks"].value > 0.8 and faster["rate_ks"].p < 1e-6


def test_the_ranks_of_chance_are_those_of_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shuffles that leave the classes in place give the value itself."""

    class Still:
        """A generator whose random orders of classes are the order that they have."""

        def __init__(self, seed: int) -> None:
            self.halves = generator(seed)

        def permutation(self, what: Any) -> np.ndarray:
            if isinstance(what, int):
                orders.append(what)
                return np.arange(what)
            halved.append(len(what))
            return self.halves.permutation(what)

    generator, orders, halved = np.random.default_rng, list[int](), list[int]()
    rng, labels = generator(0), np.arange(30) % 5
    made = [
        records({"h": (poisson(rng.exponential(30.0, (5, 9))[labels], 400.0, k), 9)}, labels, 400.0)
        for k in range(2)
    ]
    monkeypatch.setattr(np.random, "default_rng", Still)
    lines = by_measure(compare(made[0], as_recording(made[1], "h")))
    for name in LIKENESS:
        assert lines[name].chance == pytest.approx(lines[name].value) and lines[name].p == 1
    assert halved == 20 * 5 * [6] and orders == 100 * [5]


@pytest.mark.usefixtures("few")
def test_every_population_meets_every_area() -> None:
    made = two_of_a_kind(0)
    recording = as_recording(made, "h")
    recording = replace(recording, populations=np.repeat(["V1", "V2"], [30, 10]))
    graded = records({}, made.labels, signals={"x": made.rates("h")})
    both = replace(made, units={**made.units, **graded.units}, signals=graded.signals)
    lines = compare(both, recording)
    assert [(a.population, a.recorded) for a in lines[::6]] == [
        ("h", "V1"),
        ("h", "V2"),
        ("x", "V1"),
        ("x", "V2"),
    ]
    assert lines[0].n == (40, 30) and lines[2].n == (8, 8)
    rate = next(a for a in lines if a.population == "x" and a.measure == "rate_ks")
    assert np.isnan(rate.value) and rate.why == "the population does not spike"


def test_labels_that_do_not_overlap_are_one_line() -> None:
    made = two_of_a_kind(0)
    recording = as_recording(made, "h", [f"odour {k}" for k in made.labels])
    lines = by_measure(compare(made, recording))
    for name in LIKENESS:
        assert np.isnan(lines[name].value)
        assert lines[name].why.startswith("no recorded class (odour 0, odour 1, odour 2")
    assert np.isfinite(lines["rate_ks"].value)
    with pytest.raises(DataError, match=r"mapped to odour 0, .*, \.\.\., and the network has 0, 1"):
        compare(made, replace(recording, labels=np.arange(len(made)).astype(str)))


def test_few_classes_in_common_are_said() -> None:
    made = two_of_a_kind(0)
    recording = as_recording(made, "h", [str(k) if k < 2 else "other" for k in made.labels])
    lines = by_measure(compare(made, recording))
    assert "fewer than 3 classes are in both" in lines["rsa"].why and lines["rsa"].n == (2, 2)
    assert np.isnan(lines["cka"].value) and np.isfinite(lines["rate_ks"].value)


@pytest.mark.usefixtures("few")
def test_classes_recorded_once_cannot_be_halved() -> None:
    made = two_of_a_kind(0)
    once = made.labels.tolist()
    once[8:] = [k if k else 1 for k in once[8:]]
    lines = by_measure(compare(made, as_recording(made, "h", [str(k) for k in once])))
    for name in LIKENESS:
        assert lines[name].n == (7, 7) and np.isfinite(lines[name].value)


def test_silence_is_said() -> None:
    made = two_of_a_kind(0)
    silent = replace(made, spikes={"h": Spikes(*(np.zeros(0, int) for _ in range(3)))})
    for lines in (
        by_measure(compare(silent, as_recording(made, "h"))),
        by_measure(compare(made, as_recording(silent, "h"))),
    ):
        assert lines["rate_ks"].value > 0.9
        for name in ("cv_ks", *LIKENESS):
            assert np.isnan(lines[name].value) and lines[name].why, name
        assert lines["cv_ks"].why.endswith(
            ", no neuron has one: fewer than 10 intervals between spikes of one trial"
        )
        same = "the mean responses of one of the two do not differ between classes"
        assert lines["cka"].why == same
        assert lines["cka_debiased"].why == (
            f"{same}, or all by as much, or there are fewer than 4 classes"
        )


@pytest.mark.parametrize("name", ["a.nwb", "a.nix"])
def test_arrays_larger_than_memory_are_refused_before_they_are_read(
    tmp_path: Path, name: str
) -> None:
    """A small file may declare any size: what was never written has one value."""
    if name == "a.nwb":
        write_nwb(tmp_path / name, TRAINS, TRIALS)
        where, table = "units/spike_times", "trials"
    else:
        segment = neo.Segment()
        segment.spiketrains.append(train([0.5], 1.0))
        write_nix(tmp_path / name, [segment])
        with h5py.File(tmp_path / name) as file:
            (block,) = file["data"]
            (array,) = file[f"data/{block}/data_arrays"]
        where, table = f"data/{block}/data_arrays/{array}/data", "segments"
    with h5py.File(tmp_path / name, "a") as file:
        del file[where]
        file.create_dataset(where, (10**12,), "f8", chunks=(1000,))
        if f"{where}_index" in file:
            del file[f"{where}_index"]
            file[f"{where}_index"] = np.array([10**12, 10**12, 10**12])
    assert (tmp_path / name).stat().st_size < 1_000_000
    with pytest.raises(DataError, match="declares arrays of 8 TB .*, and .* of memory are free"):
        load_recording(tmp_path / name, selection=Selection(table=table))


@pytest.mark.usefixtures("few")
def test_neurons_that_were_not_always_observed_take_part_in_rates_alone() -> None:
    made = two_of_a_kind(0)
    seen = np.ones((len(made), 40), bool)
    seen[:40, :10] = False
    spikes = made.spikes["h"]
    kept = seen[spikes.trial, spikes.unit]
    hidden = Spikes(spikes.trial[kept], spikes.time[kept], spikes.unit[kept])
    whole = as_recording(made, "h")
    recording = replace(whole, spikes=hidden, observed=seen)
    lines = by_measure(compare(made, recording))
    assert lines["rate_ks"].n == (40, 40)
    # the rates of the second half of the trials, not half of them
    expected = whole.counts[40:, :10].sum(axis=0) / (40 * 0.4)
    np.testing.assert_allclose(recording.mean_rates[:10], expected)
    np.testing.assert_allclose(recording.mean_rates[10:], whole.mean_rates[10:])
    others = compare(made, whole.of_units(np.arange(40) >= 10))
    for name in LIKENESS:
        assert lines[name].value == by_measure(others)[name].value
    nobody = replace(recording, observed=np.arange(80)[:, None] % 40 != np.arange(40))
    assert np.isnan(by_measure(compare(made, nobody))["rsa"].value)


@pytest.mark.usefixtures("few")
def test_classes_are_those_that_were_mapped() -> None:
    """Recorded under other names, and mapped back: the same numbers."""
    made = two_of_a_kind(0)
    plain = by_measure(compare(made, as_recording(made, "h")))
    names = [f"film {7 - k}" for k in made.labels]
    mapped = replace(as_recording(made, "h", names), classes=made.labels.astype(str))
    found = by_measure(compare(made, mapped))
    for name in LIKENESS:
        assert found[name].value == plain[name].value and found[name].n == (8, 8)
    unsaid = by_measure(compare(made, replace(mapped, labels=mapped.classes, classes=None)))
    assert "are numbers, which need not mean the network's" in unsaid["rsa"].why
    assert unsaid["rate_ks"].value == plain["rate_ks"].value


@pytest.mark.usefixtures("few")
def test_classes_of_another_data_set_are_not_matched() -> None:
    made = two_of_a_kind(0)
    known = replace(made, about={"dataset": "mnist"})
    recording = replace(as_recording(made, "h"), dataset="fashion")
    lines = by_measure(compare(known, recording))
    assert "recorded classes are those of fashion, not mnist" in lines["cka"].why
    same = by_measure(compare(known, replace(recording, dataset="mnist")))
    assert np.isfinite(same["cka"].value)
