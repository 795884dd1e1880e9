"""Figures: what is drawn, that axes carry units, and that a file is whole and repeatable."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.testing import assert_allclose, assert_array_equal

from apical import plotting
from apical.errors import ApicalError, DataError
from apical.projections.edges import Edges

SIZES = {"stimulus": 784, "hidden": 500, "output": 10}
SPIKES = {
    "stimulus": (np.array([1.0, 2.0, 50.0]), np.array([0, 783, 400])),
    "hidden": (np.array([10.0, 100.0]), np.array([499, 0])),
    "output": ([], []),
}
TRIALS = [0, 100, 200]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def line(ax: Axes, label: str) -> Any:
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return found


def draw_all() -> dict[str, Any]:
    """Return the Axes of every function, on small data."""
    return {
        "curve": plotting.learning_curve(TRIALS, [0.1, 0.8, 0.9], published={"a paper": 0.95}),
        "raster": plotting.raster(SPIKES, SIZES, 100.0),
        "pair": plotting.raster_pair(SPIKES, SPIKES, SIZES, 100.0, 7, 3, 7),
        "confusion": plotting.confusion_matrix([0, 1, 1], [0, 1, 0]),
        "fields": plotting.receptive_fields(rng().normal(size=(12, 9)), (3, 4)),
        "weights": plotting.receptive_fields(rng().normal(size=(12, 9)), (12,)),
        "rates": plotting.firing_rates({"hidden": [0.0, 1.0, 5.0]}),
        "curves": plotting.curves({"a": ([0, 1], [1.0, 2.0])}, "steps", "loss", log_y=True),
    }


def rendered_clear(ax: Axes) -> bool:
    """Whether the texts of Axes, once drawn, lie on the canvas and do not overlap."""
    ax.figure.savefig(os.devnull, format="png")
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # without the arrows
    canvas = ax.figure.bbox
    inside = all(canvas.x0 <= box.x0 and box.x1 <= canvas.x1 + 1 for box in boxes)
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    return inside and not any(a.overlaps(b) for a, b in pairs)


# ------------------------------------------------------------------------------- learning curves


def test_learning_curve_draws_percent_against_trials() -> None:
    ax = plotting.learning_curve(TRIALS, [0.1, 0.8, 0.9], train=[0.1, 0.85, 0.95])
    assert_allclose(line(ax, "test data").get_xydata(), [[0, 10], [100, 80], [200, 90]])
    assert_allclose(line(ax, "training data").get_ydata(), [10, 85, 95])
    assert line(ax, "training data").get_linestyle() == ":"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("trials learned", "accuracy, learning off [%]")
    assert texts(ax) == ["test data (90.0 %)", "training data (95.0 %)"]


def test_learning_curve_marks_chance_and_published_numbers() -> None:
    ax = plotting.learning_curve(
        TRIALS, [0.1, 0.8, 0.9], chance=0.1, published={"Bengio 2015": 0.98, "Lee 2016": 0.981}
    )
    for label, level in {"chance": 10, "Bengio 2015": 98, "Lee 2016": 98.1}.items():
        assert_allclose(line(ax, label).get_ydata(), level)
    assert line(ax, "Lee 2016").is_dashed()
    expected = [
        "chance (10.0 %)",
        "test data (90.0 %)",
        "Bengio 2015 (98.0 %)",
        "Lee 2016 (98.1 %)",
    ]
    assert texts(ax) == expected
    assert rendered_clear(ax)


def test_learning_curve_of_seeds_draws_each_thinly_and_their_mean() -> None:
    seeds = np.array([[0.1, 0.7, 0.8], [0.1, 0.9, 1.0]])
    ax = plotting.learning_curve(TRIALS, seeds, name="DFA")
    assert len(ax.lines) == 3
    mean = line(ax, "DFA, 2 seeds")
    assert_allclose(mean.get_ydata(), [10, 80, 90])
    thin = [other for other in ax.lines if other is not mean]
    assert all(other.get_linewidth() < mean.get_linewidth() for other in thin)
    assert {other.get_color() for other in thin} == {mean.get_color()}


def test_learning_curves_share_axes_in_colours_of_their_own_and_labels_keep_apart() -> None:
    ax = None
    for k, name in enumerate(["BP", "FA", "DFA", "IFA"]):
        ax = plotting.learning_curve(TRIALS, [0.1, 0.8, 0.9 + k / 1000], name=name, ax=ax)
    assert isinstance(ax, Axes)
    assert len({line(ax, name).get_color() for name in ("BP", "FA", "DFA", "IFA")}) == 4
    assert texts(ax) == ["BP (90.0 %)", "FA (90.1 %)", "DFA (90.2 %)", "IFA (90.3 %)"]
    assert rendered_clear(ax)


@pytest.mark.parametrize(
    ("last", "label", "tick"), [(9000, "trials learned", "4000"), (60_000, "[thousands]", "40")]
)
def test_many_trials_are_counted_in_thousands(last: int, label: str, tick: str) -> None:
    ax = plotting.learning_curve([0, last], [0.1, 0.9])
    ax.figure.savefig(os.devnull, format="png")
    assert ax.get_xlabel().endswith(label)
    assert tick in [text.get_text() for text in ax.get_xticklabels()]


def test_learning_curve_takes_a_single_point() -> None:
    ax = plotting.learning_curve([0], [0.0])
    low, high = ax.get_ylim()
    assert low < 0 < high


# --------------------------------------------------------------------------------------- rasters


def test_raster_stacks_bands_in_the_order_of_sizes() -> None:
    ax = plotting.raster(dict(reversed(SPIKES.items())), SIZES, 100.0, title="trial 3")
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == ["stimulus\n(784)", "hidden\n(500)", "output\n(10)"]
    assert list(ax.get_yticks()) == sorted(ax.get_yticks())
    assert (ax.get_xlabel(), ax.get_title(loc="left")) == ("time [ms]", "trial 3")
    assert ax.get_xlim() == (0, 100)
    stimulus, hidden, output = ax.lines
    assert_array_equal(stimulus.get_xdata(), SPIKES["stimulus"][0])
    assert max(stimulus.get_ydata()) < min(hidden.get_ydata())
    assert stimulus.get_markersize() < output.get_markersize()
    assert texts(ax) == ["no spikes"]


def test_raster_places_neurons_in_their_band_by_index() -> None:
    ax = plotting.raster({"a": ([0.0, 1.0, 2.0], [0, 1, 2])}, {"a": 3, "not recorded": 5}, 2.0)
    bottom, top = ax.get_ylim()
    assert_allclose(ax.lines[0].get_ydata(), bottom + (top - bottom) * np.array([1, 3, 5]) / 6)
    assert len(ax.get_yticks()) == 1


def test_raster_pair_says_what_was_decided() -> None:
    pair = plotting.raster_pair(SPIKES, SPIKES, SIZES, 100.0, 7, 3, 7)
    titles = [ax.get_title(loc="left") for ax in pair]
    assert titles == ["before learning: decision 3", "after learning: decision 7 (label 7)"]
    assert [ax.get_xlabel() for ax in pair] == ["time [ms]"] * 2
    assert pair[0].get_ylim() == pair[1].get_ylim()
    shown = [[tick.label1.get_visible() for tick in ax.yaxis.get_major_ticks()] for ax in pair]
    assert shown == [[True] * 3, [False] * 3]


# ---------------------------------------------------------------------------------------- images


def test_confusion_matrix_shades_shares_and_writes_counts() -> None:
    ax = plotting.confusion_matrix([0, 0, 0, 0, 1, 2], [0, 0, 0, 1, 1, 0])
    assert_allclose(ax.images[0].get_array(), [[75, 25, 0], [0, 100, 0], [100, 0, 0]])
    assert sorted(texts(ax)) == ["1", "1", "1", "3"]
    assert ax.get_title(loc="left") == "accuracy 66.7 % of 6 trials"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("decision [class]", "label [class]")
    assert ax.figure.axes[1].get_ylabel() == "share of the row [%]"


def test_confusion_matrix_names_classes_that_never_came_up() -> None:
    ax = plotting.confusion_matrix([0, 1], [0, 1], ["shirt", "coat", "bag"])
    assert ax.images[0].get_array().shape == (3, 3)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["shirt", "coat", "bag"]


def test_confusion_matrix_of_many_classes_has_no_numbers() -> None:
    assert texts(plotting.confusion_matrix(np.arange(13), np.arange(13))) == []
    assert len(texts(plotting.confusion_matrix(np.arange(12), np.arange(12)))) == 12


def test_receptive_fields_shows_the_largest_norms_first() -> None:
    weights = np.ones((6, 5)) * [0.1, -0.5, 0.3, 0.2, 0.4] + np.arange(6)[:, None] / 1000
    ax = plotting.receptive_fields(weights, (2, 3), n=4)
    canvas = ax.images[0].get_array()
    assert_allclose(canvas[:2, :3], weights[:, 1].reshape(2, 3))
    assert_allclose(canvas[:2, 4:7], weights[:, 4].reshape(2, 3))
    assert_allclose(canvas[3:5, 4:7], weights[:, 3].reshape(2, 3))
    assert canvas.mask[2].all() and canvas.mask[:, 3].all()
    low, high = ax.images[0].get_clim()
    assert low == -high
    assert ax.get_title(loc="left") == "4 of 5 neurons, of largest weight norm"
    assert ax.get_xlabel() == "fields of 2 x 3 [pixels]"
    assert ax.figure.axes[1].get_ylabel() == "weight [threshold]"
    assert len(ax.collections[0].get_paths()) == 4


def test_receptive_fields_can_be_drawn_at_random() -> None:
    weights = rng().normal(size=(4, 50))
    first, again, other = (
        plotting.receptive_fields(weights, (2, 2), 9, np.random.default_rng(seed)).images[0]
        for seed in (1, 1, 2)
    )
    assert np.ma.allequal(first.get_array(), again.get_array())
    assert not np.ma.allequal(first.get_array(), other.get_array())


@pytest.mark.parametrize("shape", [(12,), (2, 2, 3)])
def test_receptive_fields_of_what_is_no_image_shows_the_matrix(shape: tuple[int, ...]) -> None:
    weights = rng().normal(size=(12, 5))
    ax = plotting.receptive_fields(weights, shape, unit="mV")
    assert_array_equal(ax.images[0].get_array(), weights)
    assert ax.get_xlabel() == "postsynaptic neuron [index]"
    assert ax.get_ylabel() == "presynaptic neuron [index]"
    assert ax.figure.axes[1].get_ylabel() == "weight [mV]"


@pytest.mark.parametrize("shape", [(3, 4), (12,)])
@pytest.mark.parametrize("seed", [None, 1])
def test_receptive_fields_of_sparse_synapses_are_columns_of_the_matrix(
    shape: tuple[int, ...], seed: int | None
) -> None:
    exists = rng().random((12, 9)) < 0.3
    edges = Edges((12, 9), *np.nonzero(exists))
    weights = rng().normal(size=len(edges))
    chosen = (lambda: None) if seed is None else (lambda: np.random.default_rng(seed))
    ax = plotting.receptive_fields(weights, shape, 4, chosen(), edges=edges)
    whole = edges.dense(weights)
    first = np.argsort(-np.linalg.norm(whole, axis=0))
    first = first[:4] if seed is None else np.random.default_rng(seed).permutation(9)[:4]
    if len(shape) == 1:
        assert_array_equal(ax.images[0].get_array(), whole[:, first])
    else:
        dense = plotting.receptive_fields(whole, shape, 4, chosen())
        assert_array_equal(ax.images[0].get_array(), dense.images[0].get_array())
    assert ax.get_title(loc="left").startswith("4 of 9 neurons")


def test_receptive_fields_of_sparse_synapses_make_no_matrix_of_all_pairs() -> None:
    n = 10**6  # a matrix of all pairs takes 8 TB
    edges = Edges((784, n), np.arange(5000) % 784, np.arange(5000) * 7)
    ax = plotting.receptive_fields(np.arange(5000.0), (28, 28), edges=edges)
    assert ax.images[0].get_array().max() == 4999
    with pytest.raises(DataError, match="weights: .*5000 numbers.*got 4 numbers"):
        plotting.receptive_fields(np.ones(4), (28, 28), edges=edges)


def test_receptive_fields_of_shared_weights_show_each_synapse() -> None:
    edges = Edges((4, 2), np.array([0, 1, 2, 3]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    ax = plotting.receptive_fields(np.array([2.0, -1.0]), (4,), edges=edges)
    assert_array_equal(ax.images[0].get_array(), [[2, 0], [-1, 0], [0, 2], [0, -1]])


def test_receptive_fields_of_zeros_has_a_scale() -> None:
    assert plotting.receptive_fields(np.zeros((4, 3)), (2, 2)).images[0].get_clim() == (-1, 1)


# ----------------------------------------------------------------------------------------- rates


def test_firing_rates_steps_through_the_neurons_and_counts_the_silent() -> None:
    ax = plotting.firing_rates({"hidden": [0.0, 4.0, 0.0, 2.0], "output": [3.0]})
    hidden, output = ax.lines
    assert_allclose(hidden.get_xydata()[:-1], [[0, 50], [2, 75], [4, 100]])
    assert_allclose(output.get_xydata()[:-1], [[0, 0], [3, 100]])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["hidden (2 of 4 silent)", "output (0 of 1 silent)"]
    assert ax.get_xlabel() == "firing rate [Hz]"
    assert ax.get_ylabel() == "neurons at or below this rate [%]"


@pytest.mark.parametrize(
    ("rates", "log", "scale"),
    [
        ([1.0, 2.0, 3.0], None, "linear"),
        ([0.1, 1.0, 100.0], None, "log"),
        ([0.1, 1.0, 100.0], False, "linear"),
        ([1.0, 2.0, 3.0], True, "log"),
        ([0.0, 0.0], None, "linear"),
        ([0.0, 0.0], True, "log"),
    ],
)
def test_firing_rates_chooses_its_axis(rates: list[float], log: bool | None, scale: str) -> None:
    assert plotting.firing_rates({"a": rates}, log=log).get_xscale() == scale


# --------------------------------------------------------------------------- figures and files


def test_curves_draw_each_run_thinly_and_their_mean() -> None:
    runs = {"FA": ([0, 5, 9], [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]), "BP": ([0, 1], [0.5, 0.1])}
    ax = plotting.curves(runs, "steps", "loss", levels={"published": 0.3, "chance": 0.9})
    assert_allclose(line(ax, "FA, mean of 2").get_ydata(), [2, 2, 2])
    assert_allclose(line(ax, "BP").get_ydata(), [0.5, 0.1])
    assert len(ax.lines) == 2 + 1 + 1 + 2
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("steps", "loss")
    assert line(ax, "FA, mean of 2").get_color() != line(ax, "BP").get_color()


def test_whole_numbers_get_whole_ticks() -> None:
    ax = plotting.curves({"a": ([0, 1, 2], [1.0, 2.0, 3.0])}, "epochs", "loss")
    assert all(tick == round(tick) for tick in ax.get_xticks())


@pytest.mark.parametrize(("values", "shown"), [([1.0, 6.0], "4"), ([0.01, 6.0], "0.05")])
def test_logarithmic_axes_have_plain_numbers(values: list[float], shown: str) -> None:
    ax = plotting.curves({"a": ([0, 1], values)}, "epochs", "loss", log_y=True)
    ax.figure.draw_without_rendering()
    labels = [tick.get_text() for tick in ax.get_yticklabels(which="both")]
    assert shown in labels
    assert "0.04" not in labels


def test_panels_stand_in_a_row() -> None:
    assert plotting.panels(3).shape == (3,)
    (ax,) = plotting.panels(1)
    assert plotting.curves({"a": ([0], [1.0])}, "x", "y", ax=ax) is ax


def test_every_function_leaves_the_settings_and_pyplot_alone() -> None:
    before = dict(matplotlib.rcParams)
    drawn = draw_all()
    assert dict(matplotlib.rcParams) == before
    from matplotlib import pyplot as plt

    assert plt.get_fignums() == []
    assert all(isinstance(ax, Axes) for axes in drawn.values() for ax in np.ravel(axes))


def test_every_function_draws_into_axes_of_ones_own() -> None:
    axes = Figure(figsize=(12, 8), layout="constrained").subplots(2, 4).ravel()
    weights = rng().normal(size=(4, 3))
    assert plotting.learning_curve(TRIALS, [0.1, 0.2, 0.3], ax=axes[0]) is axes[0]
    assert plotting.raster(SPIKES, SIZES, 100, ax=axes[1]) is axes[1]
    pair = plotting.raster_pair(SPIKES, SPIKES, SIZES, 100, 1, 1, 1, ax=axes[2:4])
    assert list(pair) == list(axes[2:4])
    assert plotting.confusion_matrix([0, 1], [0, 1], ax=axes[4]) is axes[4]
    assert plotting.receptive_fields(weights, (2, 2), ax=axes[5]) is axes[5]
    assert plotting.firing_rates({"a": [1.0]}, ax=axes[6]) is axes[6]


def test_a_notebook_shows_the_figure() -> None:
    assert draw_all()["curve"].figure._repr_png_().startswith(b"\x89PNG")


def test_drawing_needs_no_display_and_no_pyplot() -> None:
    program = (
        "import sys; from apical import plotting; had = 'matplotlib.pyplot' in sys.modules\n"
        "plotting.firing_rates({'a': [1.0]}).figure._repr_png_()\n"
        "sys.exit(not had and 'matplotlib.pyplot' in sys.modules)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


@pytest.mark.parametrize("kind", list(draw_all()))
@pytest.mark.slow
def test_the_same_data_give_the_same_bytes(kind: str, tmp_path: Path) -> None:
    axes = draw_all()[kind]
    written = [plotting.save(axes, tmp_path / f"{i}.png") for i in range(2)]
    with matplotlib.rc_context({"font.size": 20, "savefig.bbox": "tight", "savefig.dpi": 50}):
        written.append(plotting.save(draw_all()[kind], tmp_path / "other settings.png"))
    contents = {path.read_bytes() for path in written}
    assert len(contents) == 1
    content = contents.pop()
    assert content.startswith(b"\x89PNG")
    assert b"tEXt" not in content and b"tIME" not in content


def test_save_writes_150_dots_per_inch(tmp_path: Path) -> None:
    ax = draw_all()["curve"]
    content = plotting.save(ax, tmp_path / "a.png").read_bytes()
    width, height = (int.from_bytes(content[k : k + 4], "big") for k in (16, 20))
    assert_allclose([width, height], 150 * ax.figure.get_size_inches(), atol=1)


def test_a_save_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        plotting.save(draw_all()["curve"], path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"before"
    monkeypatch.undo()
    plotting.save(draw_all()["curve"], path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() != b"before"


# ---------------------------------------------------------------------------------------- errors


def spikes_of_a(times: object, neurons: object) -> Callable[[], object]:
    return lambda: plotting.raster({"a": (times, neurons)}, {"a": 3}, 100.0)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plotting.learning_curve([0, 1], [0.5]), "accuracy: .* rows of 2, got shape"),
        (lambda: plotting.learning_curve([0, 1], [[0.1, 0.2], [0.1]]), "different lengths"),
        (lambda: plotting.learning_curve([0, 1], [10, 97.5]), "got 10 to 97.5; divide"),
        (lambda: plotting.learning_curve([0, 1], [0.1, np.nan]), "accuracy: needs fractions"),
        (lambda: plotting.learning_curve([1, 0], [0.1, 0.2]), "rising.*sort the tests"),
        (lambda: plotting.learning_curve([], []), "trials: needs one or more"),
        (lambda: plotting.learning_curve([-1, 0], [0.1, 0.2]), "trials: needs numbers from 0"),
        (lambda: plotting.learning_curve([0], [0.1], train=[0.1, 0.2]), "train: needs"),
        (lambda: plotting.learning_curve([0], [0.1], published={"x": 98}), r"published\['x'\]: "),
        (lambda: plotting.learning_curve([0], [0.1], chance=10), "chance: needs fractions"),
        (spikes_of_a([1.0], [0, 1]), r"spikes\['a'\]: .* got 1 times and 2 neurons"),
        (spikes_of_a([101.0], [0]), "times from 0 to 100 ms, got 101 to 101; select one trial"),
        (spikes_of_a([1.0], [3]), "whole numbers from 0 to 2, got 3 to 3"),
        (spikes_of_a([1.0], [0.5]), "whole numbers from 0 to 2, got fractions"),
        (spikes_of_a([[1.0]], [0]), r"got shape \(1, 1\)"),
        (lambda: plotting.raster({"b": ([], [])}, {"a": 3}, 100.0), r"spikes: .*\['a'\], got"),
        (lambda: plotting.raster({}, {"a": 3}, 100.0), "spikes: needs populations"),
        (lambda: plotting.raster({"a": ([], [])}, {"a": 0}, 100.0), "sizes: needs 1 neuron"),
        (lambda: plotting.raster({"a": ([], [])}, {"a": 3}, 0.0), "duration_ms: needs"),
        (
            lambda: plotting.raster_pair(SPIKES, {"hidden": ([], [])}, SIZES, 100, 1, 1, 1),
            r"after: .*got \['hidden'\]",
        ),
        (
            lambda: plotting.raster_pair(SPIKES, SPIKES, SIZES, 100, 1, 1, 1, ax=[]),
            r"ax must be Axes of matplotlib.* got \[\]",
        ),
        (lambda: plotting.confusion_matrix([0, 1], [0]), "decisions: .* got 1 for 2 labels"),
        (lambda: plotting.confusion_matrix([], []), "decisions: needs one for each"),
        (lambda: plotting.confusion_matrix([0, 2], [0, 1], ["a", "b"]), "labels: .* from 0 to 1"),
        (lambda: plotting.confusion_matrix([0, 1], [0, -1]), "decisions: .* got -1 to 0"),
        (lambda: plotting.confusion_matrix([[0, 1]], [0, 1]), r"labels: .* got shape \(1, 2\)"),
        (lambda: plotting.confusion_matrix(["a"], ["a"]), "labels: needs whole numbers"),
        (lambda: plotting.receptive_fields(np.ones(4), (2, 2)), r"weights: .* shape \(4,\)"),
        (lambda: plotting.receptive_fields(np.ones((4, 1)), (2, 3)), r"shape: .* got .*\(2, 3\)"),
        (lambda: plotting.receptive_fields(np.ones((4, 1)), (2, 2), n=0), "n=0"),
        (lambda: plotting.receptive_fields(np.ones((4, 0)), (2, 2)), "shape: needs"),
        (lambda: plotting.firing_rates({}), "rates: needs populations"),
        (lambda: plotting.firing_rates({"a": []}), "rates: .* leave out the empty"),
        (lambda: plotting.firing_rates({"a": [-1.0]}), r"rates\['a'\]: needs rates >= 0 Hz"),
        (lambda: plotting.curves({}, "x", "y"), "series: needs one curve or more"),
        (lambda: plotting.curves({"a": ([0, 1], [1.0])}, "x", "y"), r"series\['a'\]: .* rows of 2"),
        (lambda: plotting.curves({"a": ([0], [np.nan])}, "x", "y"), r"series\['a'\]: needs finite"),
        (lambda: plotting.panels(0), "n: needs 1 panel"),
        (lambda: plotting.save(draw_all()["curve"], "a.pdf"), r"path: needs a .png or .svg file"),
        (lambda: plotting.save(draw_all()["curve"], "no/such/folder/a.png"), "existing folder"),
        (lambda: plotting.save(list(draw_all().values())[:2], "a.png"), "got 2 figures"),
    ],
)
def test_errors_say_what_is_needed_and_what_came(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ApicalError, match=says) as raised:
        call()
    assert "\n" not in str(raised.value)
