"""A data set is what its numbers are, whatever type, order in memory or container holds them."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pandas as pd
import pytest
import rate_networks
from hypothesis import given, settings
from hypothesis import strategies as st
from unbound import unbound

from apical import Block, Simulator, simulate
from apical.bench.benchmarks import cases
from apical.cli.app import main
from apical.data.datasets import Dataset, Samples, load
from apical.errors import DataError, ParameterError, RunError, ScaleWarning
from apical.neurons.encoding import Latency, Poisson
from apical.runs.experiment import Experiment, check_settings, fingerprint, read_experiment
from apical.runs.run import resume, run

RNG = np.random.default_rng(0)
BINARY = RNG.integers(0, 2, (12, 6))
BINARY[0] = 1
LABELS = np.arange(12) % 3
TYPES = (
    "bool",
    "int8",
    "uint8",
    "int16",
    ">u2",
    "uint32",
    "int64",
    "float16",
    ">f4",
    "float32",
    "float64",
    "longdouble",
)


def made(x: Any, test: Any = None, y: Any = LABELS, **options: Any) -> Dataset:
    """Return a data set without a word about its scale."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScaleWarning)
        test = x[:6] if test is None else test
        return Dataset.from_arrays("mine", x, y, test, y[: len(test)], **options)


def assert_same(one: Dataset, other: Dataset) -> None:
    assert fingerprint(one) == fingerprint(other)
    assert (one.train.scale, one.shape, one.n_classes) == (
        other.train.scale,
        other.shape,
        other.n_classes,
    )
    for part in ("train", "test"):
        ours, theirs = (getattr(data, part).block(slice(None))[0] for data in (one, other))
        assert ours.dtype == theirs.dtype == np.float32
        np.testing.assert_array_equal(ours, theirs)


def laid_out(array: np.ndarray, how: str) -> np.ndarray:
    """Return the same numbers in another order in memory."""
    match how:
        case "fortran":
            return np.asfortranarray(array)
        case "view":
            wide = np.zeros((2 * len(array), *array.shape[1:]), array.dtype)
            wide[::2] = array
            return wide[::2]
        case "reversed":
            return np.ascontiguousarray(array[::-1])[::-1]
        case "read-only":
            array = array.copy()
            array.flags.writeable = False
    return array


# The numbers count ----------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    largest=st.sampled_from([1, 16, 100, 127]),
    pair=st.lists(st.sampled_from(TYPES[1:]), min_size=2, max_size=2),
    how=st.sampled_from(["fortran", "view", "reversed", "read-only", "plain"]),
    seed=st.integers(0, 2**20),
)
def test_the_same_numbers_of_any_type_are_the_same_data(
    largest: int, pair: list[str], how: str, seed: int
) -> None:
    x = np.random.default_rng(seed).integers(0, largest + 1, (12, 2, 3))
    x[0, 0, 0] = largest
    train, test = (laid_out(x.astype(dtype), how) for dtype in pair)
    assert_same(made(x), made(train, test[:6]))


@pytest.mark.parametrize("largest", [128, 200, 255, 256, 4095, 2**20])
@pytest.mark.parametrize("dtype", [">u4", "int64", "float32", "float64"])
def test_large_numbers_are_the_same_data_too(largest: int, dtype: str) -> None:
    x = RNG.integers(0, largest + 1, (12, 6))
    x[0, 0] = largest
    assert_same(made(x), made(x.astype(dtype)))
    assert made(x).train.scale == (255 if largest <= 255 else largest)
    if largest < 2**8:
        assert_same(made(x), made(x.astype(np.uint8)))


@pytest.mark.parametrize("dtype", TYPES)
def test_zeros_and_ones_are_shown_as_zeros_and_ones(dtype: str) -> None:
    """Bytes of 0 and 1 were divided by 255, in silence."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = Dataset.from_arrays("mine", BINARY.astype(dtype), LABELS, BINARY[:6], LABELS[:6])
    np.testing.assert_array_equal(data.train.block(slice(None))[0], BINARY)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_a_scale_that_is_made_out_is_said_in_one_line_with_the_option(dtype: str) -> None:
    x = np.arange(72).reshape(12, 6) % 17
    match = r"^mine: values reach 16, and were divided by 16 .*guess; .* scale=16 \(--scale 16\).$"
    with pytest.warns(ScaleWarning, match=match) as told:
        data = Dataset.from_arrays("mine", x.astype(dtype), LABELS, x[:6].astype(dtype), LABELS[:6])
    assert len(told) == 1 and told[0].filename == __file__
    assert data.train.block(slice(None))[0].max() == 1


def test_a_scale_that_is_known_is_not_said(tmp_path: Path) -> None:
    file = tmp_path / "mine.npz"
    x = np.full((12, 6), 3, np.uint8)
    arrays = {"x_train": x, "y_train": LABELS, "x_test": x[:6], "y_test": LABELS[:6]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.savez(file, **arrays, scale=4)
        assert load(file).train.block(0)[0].max() == 0.75
        assert load(file, scale=12).train.block(0)[0].max() == 0.25
        assert load("digits").train.scale == 16
        assert load("digits", scale=32).test.block(slice(None))[0].max() == 0.5


def test_images_are_known_by_both_parts() -> None:
    """Dark training images, bright test images: bytes all the same."""
    dark = np.full((12, 6), 100, np.uint8)
    assert made(dark, np.full((6, 6), 250, np.uint8)).train.scale == 255
    assert made(dark).train.scale == 100


def test_test_values_above_the_training_values_are_neither_clipped_nor_refused() -> None:
    x = RNG.random((12, 6)) * 7
    test = x[:6].copy()
    test[0, 0] = 1.2 * x.max()
    data = made(x, test)
    assert data.train.scale == pytest.approx(x.max())
    assert data.test.block(slice(None))[0].max() == pytest.approx(1.2)
    with pytest.raises(DataError, match=r"above the scale .* scale= \(--scale\)"):
        made(x, 3 * x[:6])
    assert made(x, 3 * x[:6], scale=3 * x.max()).test.block(slice(None))[0].max() <= 1


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf, "16", True, None.__class__])
def test_a_scale_is_a_number_above_0(scale: Any) -> None:
    with pytest.raises(ParameterError, match="mine: scale must be .* got") as caught:
        made(BINARY, scale=scale)
    assert caught.value.parameter == "scale"
    with pytest.raises(ParameterError, match="Samples: scale must be"):
        Samples(BINARY.astype(np.uint8), LABELS, scale)


# Containers -----------------------------------------------------------------------------------


def test_what_holds_the_numbers_makes_no_difference(tmp_path: Path) -> None:
    mapped = np.lib.format.open_memmap(
        tmp_path / "x.npy", mode="w+", dtype=np.uint8, shape=BINARY.shape
    )
    mapped[:] = BINARY
    mapped.flush()
    kinds = (
        BINARY.tolist(),
        pd.DataFrame(BINARY),
        np.load(tmp_path / "x.npy", mmap_mode="r"),
        np.ma.masked_array(BINARY, mask=False),
    )
    for x in kinds:
        assert_same(made(BINARY), made(x, BINARY[:6]))
    assert_same(made(BINARY), made(BINARY, y=LABELS.tolist()))
    assert_same(made(BINARY), made(BINARY, y=pd.Series(LABELS).to_numpy()))


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (np.ma.masked_equal(BINARY, 0), r"x_train: \d+ values are masked; .*filled"),
        (BINARY.astype(object), "needs real numbers, got object; .*float"),
        ([[0, 1], [1]] * 6, "x_train: is no array of numbers: .*inhomogeneous"),
        (BINARY.astype("datetime64[s]"), "needs real numbers, got datetime64"),
        (BINARY.astype(str), "needs real numbers, got <U"),
        (BINARY - 0.5, "values start at -0.5; rates need >= 0, so shift them: subtract"),
        (BINARY.astype(np.int8) - 1, "values start at -1; .*subtract the smallest"),
    ],
)
def test_what_is_no_array_of_numbers_from_0_is_refused(x: Any, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        made(x, BINARY[:6])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [np.uint8(1), np.float32(0.5)])
def test_what_is_done_to_arrays_later_changes_nothing(size: Any) -> None:
    x, y = BINARY.astype(size.dtype) * size, LABELS.astype(np.int64)
    test = x[:6]
    data, before = made(x, test, y), x.copy()
    assert np.shares_memory(made(x, copy=False).train.values, x)
    x[:], y[:] = 0, 0
    np.testing.assert_array_equal(data.train.block(slice(None))[0], before)
    np.testing.assert_array_equal(data.test.block(slice(None))[0], before[:6])
    np.testing.assert_array_equal(data.train.labels, LABELS)


# Labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        *(LABELS.astype(t) for t in ("int8", "uint16", ">i4", "float32", "float64")),
        LABELS[:, np.newaxis],
        np.eye(3)[LABELS],
        np.eye(3, dtype=bool)[LABELS],
        np.eye(3, dtype=np.uint8)[LABELS],
    ],
)
def test_labels_of_any_type_and_one_hot_rows_are_classes(y: np.ndarray) -> None:
    data = made(BINARY, y=y)
    assert data.train.labels.dtype == np.int64
    np.testing.assert_array_equal(data.train.labels, LABELS)
    block = Block(BINARY, y)
    np.testing.assert_array_equal(block.labels, LABELS)


def test_labels_that_are_true_or_false_are_two_classes() -> None:
    data = made(BINARY, y=LABELS == 1)
    np.testing.assert_array_equal(data.train.labels, LABELS == 1)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.full((12, 3), 1 / 3), r"labels in rows must be 1 for one class .*argmax"),
        (np.ones((12, 2)), r"labels in rows must be 1 for one class"),
        (LABELS.astype(str), r"must be whole numbers from 0, got <U.*numpy.unique"),
        (LABELS.astype(object), "must be whole numbers from 0, got object"),
        (LABELS + 0.5, "must be whole numbers"),
        (LABELS + 1, "labels start at 1, so class 0 has no training sample; .*subtract 1"),
        (np.ma.masked_equal(LABELS, 1), "values are masked"),
        (LABELS[:, np.newaxis, np.newaxis], r"one label for each of 12 samples"),
    ],
)
def test_labels_that_are_no_classes_say_what_to_do(y: Any, match: str) -> None:
    with pytest.raises(DataError, match=f"mine: .*{match}") as caught:
        made(BINARY, y=y)
    assert "\n" not in str(caught.value)


# Blocks and samples of one's own --------------------------------------------------------------


@pytest.fixture(scope="module", params=["runtime", "array"])
def shown(request: pytest.FixtureRequest) -> tuple[Simulator, np.ndarray, dict[str, np.ndarray]]:
    """Return a simulator, values that it can be shown, and its state before it is."""
    spikes = request.param == "runtime"
    simulator = simulate(networks.small() if spikes else rate_networks.rates(), request.param)
    values = np.tile(BINARY, (1, 2))[:4] if spikes else BINARY[:4]
    return simulator, values, simulator.state


@pytest.mark.parametrize("dtype", TYPES)
def test_a_block_of_any_type_is_the_same_on_every_device(
    dtype: str, shown: tuple[Simulator, np.ndarray, dict[str, np.ndarray]]
) -> None:
    simulator, x, start = shown
    counts = []
    for block in (
        Block(x.astype(float), LABELS[:4], 1.0),
        Block(x.astype(dtype), LABELS[:4].astype(float), 1.0),
    ):
        simulator.state = start
        counts.append(simulator.run(block).counts["output"])
    np.testing.assert_array_equal(*counts)


def test_a_block_takes_lists() -> None:
    block = Block(BINARY[:2].tolist(), [0, 1], [1, 0])  # type: ignore[arg-type]
    assert block.values.shape == (2, 6) and block.learning.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ({"values": np.full((2, 6), np.nan)}, "values of a block: holds NaN"),
        ({"values": np.full((2, 6), np.inf)}, "values of a block: holds NaN or infinite"),
        ({"values": np.full((2, 6), "1")}, "values of a block: needs real numbers, got <U1"),
        ({"values": BINARY[:2].astype(object)}, "needs real numbers, got object"),
        ({"values": np.ma.masked_equal(BINARY[:2], 1)}, "values of a block: .* masked"),
        ({"labels": np.array([0.5, 1])}, "labels of a block: labels must be whole"),
        ({"labels": np.array(["a", "b"])}, "labels of a block: labels must be whole"),
        ({"learning": np.array([np.nan, 1])}, "learning of a block: holds NaN"),
        ({"labels": None, "targets": np.full((2, 3), np.nan)}, "targets of a block: holds NaN"),
    ],
)
def test_a_block_that_no_device_can_show_is_refused(parts: dict[str, Any], match: str) -> None:
    whole: dict[str, Any] = {"values": BINARY[:2], "labels": np.array([0, 1])}
    with pytest.raises(DataError, match=match):
        Block(**whole | parts)


@pytest.mark.parametrize("encoder", [Poisson(), Latency(), None])
@pytest.mark.parametrize("device", ["runtime", "cpp_standalone"])
def test_neurons_that_spike_are_shown_no_negative_values(encoder: Any, device: str) -> None:
    simulator = simulate(networks.small(encoder=encoder), device)
    with pytest.raises(DataError, match="'stimulus' spikes, so it takes values >= 0, .* -0.25"):
        simulator.run(Block(np.full((2, networks.N_INPUTS), -0.25)))


def test_rates_are_shown_any_number() -> None:
    simulator = simulate(rate_networks.rates(), "array")
    low, high = (simulator.run(Block(np.full((1, 6), x))).counts["output"] for x in (-2.0, 2.0))
    assert not np.allclose(low, high)


@pytest.mark.parametrize(
    ("values", "labels", "match"),
    [
        (np.full((3, 2), np.nan, np.float32), [0, 1, 2], "finite values >= 0, got nan"),
        (np.full((3, 2), -1, np.float32), [0, 1, 2], "finite values >= 0, got -1"),
        (np.zeros((3, 2), np.float32), [0, -1, 2], "labels 0 to n_classes - 1, got -1"),
        ([[0.0], [1.0], [0.5]], [0, 1, 2], r"of list .*from_arrays"),
        (np.ma.zeros((3, 2), np.float32), [0, 1, 2], "Samples need values"),
    ],
)
def test_samples_that_would_fail_later_are_refused(values: Any, labels: Any, match: str) -> None:
    with pytest.raises(DataError, match=match):
        Samples(values, np.array(labels, np.int64))


# The command line -----------------------------------------------------------------------------


def stored(tmp_path: Path, x: np.ndarray) -> str:
    file = tmp_path / "mine.npz"
    np.savez(file, x_train=x, y_train=LABELS, x_test=x[:6], y_test=LABELS[:6])
    return str(file)


def test_commands_say_a_guess_in_one_line_and_take_the_scale(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stored(tmp_path, 16 * BINARY)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    for more, guesses in ([], 1), (["--scale", "32"], 0):
        monkeypatch.setattr("sys.argv", ["apical", "check", "rate_dfa", "--dataset", file, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, 1)
        said = capfd.readouterr().err.splitlines()
        told = [line for line in said if "--scale" in line]
        assert len(told) == len(said) == guesses
        assert all(line.startswith("apical: ") and "(--scale 16)" in line for line in told)


def test_a_run_keeps_its_scale(tmp_path: Path) -> None:
    file, out = stored(tmp_path, 16 * BINARY), tmp_path / "run"
    asked = Experiment("rate_dfa", {"hidden": 5}, dataset=file, epochs=1, batch=4)
    with pytest.warns(ScaleWarning):
        run(asked, out, progress=False, draw=False)
    assert json.loads((out / "config.json").read_text())["scale"] == 16
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScaleWarning)
        found = read_experiment(out)
        check_settings(out, replace(found, scale=None))
        resume(out, progress=False, draw=False)
    with pytest.raises(RunError, match="other settings"):
        check_settings(out, replace(found, scale=32.0))


def test_a_run_that_began_when_bytes_were_divided_by_255_goes_on_with_that(tmp_path: Path) -> None:
    file, out = stored(tmp_path, BINARY.astype(np.uint8)), tmp_path / "run"
    asked = Experiment("rate_dfa", {"hidden": 5}, dataset=file, epochs=1, batch=4)
    run(asked, out, progress=False, draw=False)
    config = json.loads((unbound(out) / "config.json").read_text())
    assert config.pop("scale") == 1
    (out / "config.json").write_text(json.dumps(config))
    assert read_experiment(out).scale == 255
    (out / "config.json").write_text(json.dumps({**config, "scale": "16"}))
    with pytest.raises(RunError, match="scale must be one finite number .*, got '16'"):
        read_experiment(out)


def test_a_benchmark_takes_the_scale(tmp_path: Path) -> None:
    file = stored(tmp_path, 16 * BINARY)
    found, _ = cases(("array:numpy",), (5,), (1,), 10, file, 32.0)
    assert {case.scale for case in found} == {32.0}
