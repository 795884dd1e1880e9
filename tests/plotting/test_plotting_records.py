"""Figures of records, networks, runs with seeds, matrices: what is drawn, and what is refused."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from networks import small
from numpy.testing import assert_allclose, assert_array_equal
from rate_networks import rates as rate_network

from apical import LIF, Network, Stimulus, datasets, feedback, plotting
from apical.errors import ApicalError, DataError
from apical.feedback import WIRINGS
from apical.plotting.graphs import MOST_COLUMNS
from apical.records.arrays import Records, Spikes, Units
from apical.scripts import models

ROWS = [[0.1, 0.7, 0.8], [0.1, 0.9, 1.0], [0.2, 0.8, 0.9]]
NAN = float("nan")


def some_records(steps: int = 20) -> Records:
    """Return three trials of 20 ms: hidden spikes in trials 0 and 2, output never."""
    spikes = Spikes(
        np.array([0, 0, 0, 2]), np.array([2.0, 5.0, 9.0, 3.0]), np.array([3, 1, 3, 0], np.int32)
    )
    silent = Spikes(np.zeros(0, np.int32), np.zeros(0), np.zeros(0, np.int32))
    shape = (3, steps, 5)
    rng = np.random.default_rng(0)
    return Records(
        20.0,
        1.0,
        {name: Units("LIF", np.zeros(n, int)) for name, n in {"hidden": 5, "output": 2}.items()},
        samples=np.arange(3),
        values=np.zeros((3, 4)),
        labels=np.array([0, 1, 1]),
        decisions=np.array([0, 1, 0]),
        spikes={"hidden": spikes, "output": silent},
        signals={"hidden.v": rng.random(shape), "hidden.teach": rng.normal(size=shape)},
    )


def metrics(name: str = "a", seeds: int = 3, epochs: int = 2) -> pd.DataFrame:
    """Return what metrics.csv holds of runs, two blocks an epoch."""
    rows = [
        {
            "run": name,
            "seed": seed,
            "epoch": epoch,
            "block": block,
            "trial": 20 * epoch + block,
            "metric": metric,
            "value": epoch / 10 + seed / 100,
        }
        for seed in range(seeds)
        for epoch in range(epochs + 1)
        for block in range(2)
        for metric in (["test_accuracy", "loss"] if block else ["loss"])
    ]
    return pd.DataFrame(rows)


def rdm(n: int = 6) -> np.ndarray:
    points = np.random.default_rng(0).normal(size=(n, 3))
    return np.linalg.norm(points[:, None] - points, axis=2)


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def legend(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def arrows(ax: Axes) -> dict[str, list[FancyArrowPatch]]:
    """Return the arrows of a graph, by the name of their projection."""
    found: dict[str, list[FancyArrowPatch]] = {}
    for patch in ax.patches:
        if isinstance(patch, FancyArrowPatch):
            found.setdefault(str(patch.get_gid()), []).append(patch)
    return found


def boxes(ax: Axes) -> dict[str, FancyBboxPatch]:
    return {str(p.get_gid()): p for p in ax.patches if isinstance(p, FancyBboxPatch)}


def middle(box: FancyBboxPatch) -> tuple[float, float]:
    return box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2


def vertices(arrow: FancyArrowPatch) -> np.ndarray:
    return arrow._path_original.vertices


def draw_all() -> dict[str, Any]:
    """Return the Axes of every function, on small data."""
    records = some_records()
    return {
        "raster_of": plotting.raster_of(records, 0),
        "traces": plotting.traces(records, "hidden"),
        "graph": plotting.network_graph(small()),
        "learning_curves": plotting.learning_curves({"DFA": ROWS, "table": metrics()}),
        "angles": plotting.angles({"a_to_b": [[90.0, 60.0], [80.0, 50.0]]}, band="range"),
        "dissimilarity": plotting.dissimilarity(rdm(), [0, 1, 0, 1, 2, 2]),
        "similarity": plotting.similarity(np.eye(2), ["a", "b"]),
        "distributions": plotting.distributions({"a": [1.0, NAN, 2.0]}, "CV [1]"),
        "histogram": plotting.distributions({"a": [1.0, 2.0]}, "weight [1]", kind="histogram"),
        "recordings": plotting.recording_comparison({"rate [Hz]": [1.0]}, {"rate [Hz]": [2.0]}),
    }


# --------------------------------------------------------------------------------------- records


def test_raster_of_draws_the_spikes_of_one_trial() -> None:
    ax = plotting.raster_of(some_records(), 0)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["hidden\n(5)", "output\n(2)"]
    assert_array_equal(ax.lines[0].get_xdata(), [2.0, 5.0, 9.0])
    assert ax.get_title(loc="left") == "trial 0: decision 0 (label 0)"
    assert (ax.get_xlabel(), ax.get_xlim()) == ("time [ms]", (0, 20))


def test_raster_of_some_populations_has_the_title_that_is_asked_for() -> None:
    ax = plotting.raster_of(some_records(), 2, ["hidden"], title="mine")
    assert len(ax.get_yticks()) == 1
    assert_array_equal(ax.lines[0].get_xdata(), [3.0])
    assert ax.get_title(loc="left") == "mine"


def test_traces_of_neurons_are_those_that_were_recorded() -> None:
    records = some_records()
    membrane, dendrite = plotting.traces(records, "hidden", units=[1, 3], trial=0)
    for ax, signal in ((membrane, "hidden.v"), (dendrite, "hidden.teach")):
        drawn = [line for line in ax.lines if len(line.get_xdata()) == 20]
        for line, unit in zip(drawn, (1, 3), strict=True):
            assert_array_equal(line.get_xdata(), np.arange(20.0))
            assert_array_equal(line.get_ydata(), records.signals[signal][0, :, unit])
    assert membrane.get_ylabel() == "membrane v\n[threshold]"
    assert dendrite.get_ylabel() == "dendrite teach\n[dimensionless]"
    assert (membrane.get_xlabel(), dendrite.get_xlabel()) == ("", "time [ms]")
    assert membrane.get_title(loc="left") == "hidden, trial 0: decision 0 (label 0)"


def test_spikes_stand_above_all_traces_in_the_colour_of_their_neuron() -> None:
    records = some_records()
    membrane, _ = plotting.traces(records, "hidden", units=[1, 3], trial=0)
    marks = [line for line in membrane.lines if line.get_marker() == "|"]
    assert [list(line.get_xdata()) for line in marks] == [[5.0], [2.0, 9.0]]
    assert [line.get_color() for line in marks] == list(plotting.PALETTE[:2])
    assert texts(membrane) == ["neuron 1", "neuron 3"]
    top = records.signals["hidden.v"][0].max()
    assert all(min(line.get_ydata()) > top for line in marks)


def test_the_neurons_with_most_spikes_are_drawn() -> None:
    membrane, _ = plotting.traces(some_records(), "hidden", trial=0)
    assert texts(membrane) == ["neuron 0", "neuron 1", "neuron 3"]


def test_only_a_lif_membrane_has_a_threshold_of_1() -> None:
    records = some_records()
    (lif,) = plotting.traces(records, "hidden", ["v"])
    records.units["hidden"].__dict__["kind"] = "Error"
    (other,) = plotting.traces(records, "hidden", ["v"])

    def levels(ax: Axes) -> list[float]:
        return [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"]

    assert levels(lif) == [1] and levels(other) == []
    assert other.get_ylabel() == "membrane v\n[dimensionless]"


# ---------------------------------------------------------------------------------------- graphs


@pytest.mark.parametrize("wiring", WIRINGS)
def test_every_projection_but_those_of_biases_is_an_arrow(wiring: str) -> None:
    net = rate_network(WIRINGS[wiring])
    ax = plotting.network_graph(net)
    assert set(boxes(ax)) == {p.name for p in net.populations} - {"bias"}
    drawn = arrows(ax)
    assert set(drawn) == {p.name for p in net.projections if p.pre.name != "bias"}
    relays = {p.name for p in net.projections if set(p.carries) == {"drive", "teach"}}
    assert {name for name, both in drawn.items() if len(both) == 2} == relays
    assert bool(relays) == (wiring == "ifa_forward")
    assert ax.get_title(loc="left").startswith(f"{net.feedback.name} (")


def test_forward_and_feedback_run_apart() -> None:
    net = rate_network(feedback.direct)
    ax = plotting.network_graph(net)
    drawn = {name: patches[0] for name, patches in arrows(ax).items()}
    for name, arrow in drawn.items():
        points, is_feedback = vertices(arrow), name.startswith("error_")
        assert (points[:, 1].max() > 0.31) == is_feedback
        assert (points[0, 0] > points[-1, 0]) == is_feedback
    shades = {
        to_hex(drawn[name].get_edgecolor()) for name in ("error_to_output", "output_to_error")
    }
    assert len(shades) == 2


@pytest.mark.parametrize("wiring", WIRINGS)
def test_arrows_join_the_boxes_they_name(wiring: str) -> None:
    net = rate_network(WIRINGS[wiring])
    ax = plotting.network_graph(net)
    places, drawn = boxes(ax), arrows(ax)
    for projection in net.projections:
        for arrow in drawn.get(projection.name, []):
            for point, name in zip(
                (vertices(arrow)[0], vertices(arrow)[-1]),
                (projection.pre.name, projection.post.name),
                strict=True,
            ):
                x, y = middle(places[name])
                assert abs(point[0] - x) < 0.36 and abs(point[1] - y) < 0.34


def curve(arrow: FancyArrowPatch) -> np.ndarray:
    """Return points of a Bezier curve, shape (n, 2)."""
    t = np.linspace(0, 1, 200)[:, None]
    a, b, c, d = vertices(arrow)
    return a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t) + d * t**3


@pytest.mark.parametrize("wiring", [name for name in WIRINGS if name != "drtp"])  # two senders
def test_feedback_arrows_do_not_cross(wiring: str) -> None:
    ax = plotting.network_graph(rate_network(WIRINGS[wiring], (6, 5, 5, 5, 4, 3)))
    curved = [a for both in arrows(ax).values() for a in both if len(vertices(a)) == 4]
    assert len(curved) == 5
    heights = []
    across = np.linspace(0, 7, 701)
    for arrow in curved:
        points = curve(arrow)
        points = points[np.argsort(points[:, 0])]
        heights.append(np.interp(across, *points.T, left=NAN, right=NAN))
    for k, one in enumerate(heights):
        for other in heights[:k]:
            apart = (one - other)[~np.isnan(one - other)]
            assert (apart > 0).all() or (apart < 0).all()


def test_boxes_say_how_many_neurons_of_what_kind() -> None:
    ax = plotting.network_graph(rate_network(sizes=(784, 50, 10)))
    assert {"stimulus", "784", "Stimulus", "50", "Rate + bias", "RateError"} <= set(texts(ax))


def test_legend_names_only_what_is_drawn() -> None:
    described = {
        "dfa": "feedback: error, fixed synapses",
        "fa": "feedback: relayed, fixed synapses",
        "ifa": "feedback: relayed along forward synapses",
        "bp": "feedback: transposed forward weights",
    }
    for wiring, name in described.items():
        shown = legend(plotting.network_graph(rate_network(WIRINGS[wiring])))
        assert name in shown and "forward, learns" in shown
        others = set(described.values()) - {name, described["dfa"]}
        assert not others & set(shown)


def test_a_deep_network_is_shown_in_part_and_the_rest_is_counted() -> None:
    ax = plotting.network_graph(rate_network(sizes=(6, *[5] * 30, 3)))
    places = boxes(ax)
    assert len(places) == MOST_COLUMNS - 1
    assert {"stimulus", "hidden_1", "hidden_30", "output", "error"} <= set(places)
    assert "26\nmore" in texts(ax)
    assert len(places) + 26 == 33
    assert "error_to_hidden_15" not in arrows(ax)


def test_branches_loops_and_networks_without_feedback_are_drawn() -> None:
    net = Network()
    x = net.add(Stimulus("stimulus", 4))
    a, b, y = (net.add(LIF(name, 3)) for name in ("left", "right", "output"))
    for pre, post in ((x, a), (x, b), (a, y), (b, y), (x, y), (y, y), (y, a)):
        net.connect(pre, post)
    ax = plotting.network_graph(net)
    places = {name: middle(box) for name, box in boxes(ax).items()}
    assert places["left"][0] == places["right"][0] and places["left"][1] > places["right"][1]
    assert len(arrows(ax)) == 7
    assert legend(ax) == ["forward, fixed"]
    assert ax.get_title(loc="left") == ""
    alone = Network()
    alone.add(Stimulus("stimulus", 4))
    assert list(boxes(plotting.network_graph(alone))) == ["stimulus"]


def test_everything_in_a_graph_lies_on_the_canvas() -> None:
    data = datasets.load("digits")
    for net in (models.load("spiking_dfa").build(data, 0), rate_network(sizes=(6, *[5] * 9, 3))):
        ax = plotting.network_graph(net)
        ax.figure.savefig(os.devnull, format="png")
        canvas = ax.figure.bbox
        for artist in (*ax.texts, *ax.patches, ax.get_legend()):
            box = artist.get_window_extent()
            assert canvas.x0 <= box.x0 and box.x1 <= canvas.x1 + 1, artist
            assert canvas.y0 <= box.y0 and box.y1 <= canvas.y1 + 1, artist


# ---------------------------------------------------------------------------------- over training


def test_learning_curves_draw_runs_mean_and_band() -> None:
    ax = plotting.learning_curves({"DFA": ROWS}, band="range", chance=0.1)
    thick = next(line for line in ax.lines if line.get_label() == "DFA, mean of 3")
    assert_allclose(thick.get_xydata(), [[0, 40 / 3], [1, 80], [2, 90]])
    assert len(ax.lines) == 3 + 1 + 1
    band = ax.collections[0].get_paths()[0].vertices
    assert_allclose([band[:, 1].min(), band[:, 1].max()], [10, 100])
    assert ax.get_xlabel() == "epochs"
    assert ax.get_ylabel() == "test accuracy, learning off [%]"
    assert ax.get_legend().get_title().get_text() == "shaded: from lowest to highest"


def test_the_interval_is_that_of_the_mean() -> None:
    runs = np.random.default_rng(1).normal(0.5, 0.05, (40, 2)).clip(0, 1)
    ax = plotting.learning_curves({"a": runs})
    band = ax.collections[0].get_paths()[0].vertices
    at_0 = np.unique(band[band[:, 0] == 0][:, 1])
    expected = 100 * (runs[:, 0].mean() + np.array([-1.96, 1.96]) * runs[:, 0].std() / 40**0.5)
    assert_allclose([at_0.min(), at_0.max()], expected, atol=0.2)
    from scipy.stats import bootstrap

    known = bootstrap((100 * runs[:, 0],), np.mean, method="percentile").confidence_interval
    assert_allclose([at_0.min(), at_0.max()], known, atol=0.15)


def test_one_run_has_no_band() -> None:
    ax = plotting.learning_curves({"a": ROWS[:1]})
    assert not ax.collections and legend(ax) == ["a"]
    assert ax.get_legend().get_title().get_text() == ""


def test_tables_give_the_same_curves_as_arrays() -> None:
    table = metrics()
    from_table = plotting.learning_curves({"a": table})
    rows = [[epoch / 10 + seed / 100 for epoch in range(3)] for seed in range(3)]
    from_rows = plotting.learning_curves({"a": rows})
    for one, other in zip(from_table.lines, from_rows.lines, strict=True):
        assert_allclose(one.get_xydata(), other.get_xydata())
    shuffled = plotting.learning_curves({"a": pd.concat([table[30:], table[:30]])})
    assert_allclose(shuffled.lines[-1].get_xydata(), from_table.lines[-1].get_xydata())


def test_other_metrics_and_axes_of_a_table() -> None:
    ax = plotting.learning_curves({"a": metrics()}, metric="loss", x="trial")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("trials learned", "loss [dimensionless]")
    assert_allclose(ax.lines[-1].get_xdata(), [0, 1, 20, 21, 40, 41])


def test_angles_leave_out_what_is_not_defined_and_mark_90_degrees() -> None:
    ax = plotting.angles({"a_to_b": [[NAN, 70.0, 60.0], [80.0, 60.0, 40.0]]})
    mean = next(line for line in ax.lines if line.get_label() == "a to b, mean of 2")
    assert_allclose(mean.get_xydata(), [[1, 65], [2, 50]])
    assert any(np.all(np.equal(line.get_ydata(), 90)) for line in ax.lines)
    assert ax.get_ylabel() == "angle to backpropagation [degrees]"
    assert ax.get_ylim() == (0, 100)


@pytest.mark.parametrize(("largest", "top"), [(95.0, 100), (105.0, 120), (180.0, 180)])
def test_angles_above_90_degrees_are_in_sight(largest: float, top: float) -> None:
    assert plotting.angles({"a": [largest, 20.0]}, x=[0, 5]).get_ylim() == (0, top)


# -------------------------------------------------------------------------------------- matrices


def test_dissimilarity_puts_rows_in_the_order_of_classes() -> None:
    d, labels = rdm(), np.array([1, 0, 1, 0, 2, 0])
    ax = plotting.dissimilarity(d, labels, class_names=["a", "b", "c"], measure="distance")
    order = [1, 3, 5, 0, 2, 4]
    shown = ax.images[0].get_array()
    assert np.isnan(np.diag(shown.filled(NAN))).all()
    off = ~np.eye(6, dtype=bool)
    assert_allclose(shown.filled(NAN)[off], d[np.ix_(order, order)][off])
    assert_allclose(ax.get_xticks(), [1, 3.5, 5])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.figure.axes[1].get_ylabel() == "dissimilarity [distance]"
    edges = {line.get_ydata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1}
    assert edges >= {2.5, 4.5}


def test_dissimilarity_without_labels_keeps_the_order() -> None:
    d = rdm()
    d[2, 3] = d[3, 2] = NAN
    ax = plotting.dissimilarity(d, of="class")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("class [index]", "class [index]")
    assert_allclose(ax.images[0].get_array().filled(NAN)[0, 1:], d[0, 1:])
    assert not ax.lines


def test_similarity_writes_numbers_into_cells() -> None:
    ax = plotting.similarity([[1.0, 0.25, NAN]], ["a"], ["x", "y", "z"])
    assert texts(ax) == ["1.00", "0.25", "-"]
    assert ax.images[0].get_clim() == (0, 1)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["x", "y", "z"]
    assert ax.figure.axes[1].get_ylabel() == "linear CKA\n[dimensionless]"


def test_similarities_of_both_signs_have_colours_of_both() -> None:
    ax = plotting.similarity([[1.0, -0.5], [-0.5, 1.0]], ["a", "b"])
    assert ax.images[0].get_clim() == (-1, 1)
    assert plotting.similarity([[1.0, -1e-9], [0, 1]], ["a", "b"]).images[0].get_clim() == (0, 1)


# --------------------------------------------------------------------------------- distributions


def test_distributions_step_through_what_is_defined() -> None:
    ax = plotting.distributions({"a": [3.0, NAN, 1.0], "b": [[2.0], [2.0]]}, "CV [1]")
    assert_allclose(ax.lines[0].get_xydata()[:-1], [[ax.get_xlim()[0], 0], [1, 50], [3, 100]])
    assert legend(ax) == ["a (2, 1 undefined)", "b (2)"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("CV [1]", "neurons at or below this value [%]")


def test_histograms_share_their_bins_and_count_everything() -> None:
    values = {"a": np.linspace(-1, 1, 50), "b": [5.0]}
    ax = plotting.distributions(values, "weight [1]", kind="histogram", of="synapses")
    first, second = (patch.get_data() for patch in ax.patches)
    assert_array_equal(first.edges, second.edges)
    assert_allclose([first.values.sum(), second.values.sum()], 100)
    assert ax.get_ylabel() == "synapses in each bin [%]"


def test_recording_comparison_gives_the_distance_of_kolmogorov_and_smirnov() -> None:
    model = {"rate [Hz]": [1.0, 2.0, 3.0, 4.0], "CV [1]": [0.5, NAN]}
    recording = {"CV [1]": [0.5], "rate [Hz]": [3.5, 4.0, 5.0, 6.0]}
    rates, cvs = plotting.recording_comparison(model, recording, names=("net", "V1"))
    assert [ax.get_legend().get_title().get_text() for ax in (rates, cvs)] == [
        "KS distance 0.75",
        "KS distance 0.00",
    ]
    assert legend(rates) == ["net (4)", "V1 (4)"]
    assert [ax.get_xlabel() for ax in (rates, cvs)] == list(model)


# --------------------------------------------------------------------------- figures and files


def test_every_function_leaves_the_settings_and_pyplot_alone() -> None:
    before = dict(matplotlib.rcParams)
    drawn = draw_all()
    assert dict(matplotlib.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []
    assert all(isinstance(ax, Axes) for axes in drawn.values() for ax in np.ravel(axes))


def test_every_function_draws_into_axes_of_ones_own() -> None:
    axes = Figure(figsize=(14, 9), layout="constrained").subplots(3, 4).ravel()
    records = some_records()
    assert plotting.raster_of(records, 0, ax=axes[0]) is axes[0]
    assert list(plotting.traces(records, "hidden", ax=axes[1:3])) == list(axes[1:3])
    assert plotting.network_graph(small(), ax=axes[3]) is axes[3]
    assert plotting.learning_curves({"a": ROWS}, ax=axes[4]) is axes[4]
    assert plotting.angles({"a": [90.0]}, ax=axes[5]) is axes[5]
    assert plotting.dissimilarity(rdm(), ax=axes[6]) is axes[6]
    assert plotting.similarity([[1.0]], ["a"], ax=axes[7]) is axes[7]
    assert plotting.distributions({"a": [1.0]}, "x", ax=axes[8]) is axes[8]
    pair = {"a [1]": [1.0], "b [1]": [1.0]}
    drawn = plotting.recording_comparison(pair, pair, ax=axes[9:11])
    assert list(drawn) == list(axes[9:11])


@pytest.mark.parametrize("kind", list(draw_all()))
@pytest.mark.slow
def test_the_same_data_give_the_same_bytes(kind: str, tmp_path: Path) -> None:
    axes = draw_all()[kind]
    written = [plotting.save(axes, tmp_path / f"{i}.png") for i in range(2)]
    with matplotlib.rc_context({"font.size": 20, "savefig.bbox": "tight", "savefig.dpi": 50}):
        written.append(plotting.save(draw_all()[kind], tmp_path / "other settings.png"))
    assert len({path.read_bytes() for path in written}) == 1


# ---------------------------------------------------------------------------------------- errors


def traces(**options: Any) -> Callable[[], object]:
    return lambda: plotting.traces(some_records(), **{"population": "hidden", **options})


def graph_of_nothing() -> object:
    return plotting.network_graph(Network())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plotting.raster_of(some_records(), 3), "trial: needs one of the 3 .* got 3; "),
        (lambda: plotting.raster_of(some_records(), -1), "trial: needs .* from 0, got -1"),
        (
            lambda: plotting.raster_of(some_records(), "a"),
            "trial must be one whole number, got 'a'",
        ),
        (lambda: plotting.raster_of(some_records(), 0, ["error"]), "no spikes of 'error'"),
        (
            lambda: plotting.raster_of(some_records(), 0, []),
            "populations: needs one whose spikes were",
        ),
        (traces(population="error"), "no signal 'error.v'"),
        (traces(signals=["I"]), "no signal 'hidden.I'"),
        (traces(signals="v"), r"signals: needs a list of names, got 'v'; give for instance"),
        (traces(signals=[]), "signals: needs a list of names"),
        (traces(trial=7), "trial: needs one of the 3"),
        (traces(units=[5]), "units: needs whole numbers from 0 to 4, got 5 to 5; .* 5 neurons"),
        (traces(units=[]), r"units: needs 1 to 7 different neurons, got \[\]"),
        (traces(units=[1, 1]), r"units: needs 1 to 7 different neurons, got \[1, 1\]"),
        (traces(ax=[]), r"ax must be Axes of matplotlib.* got \[\]"),
        (
            lambda: plotting.traces(some_records(steps=1), "hidden", ["v"]),
            "signals: 'v': needs values at every time step, got the end of the trial only",
        ),
        (graph_of_nothing, "network: needs a population or more"),
        (lambda: plotting.learning_curves({}), "runs: needs one name or more"),
        (lambda: plotting.learning_curves({"a": [[0.1], [0.1, 0.2]]}), "different lengths"),
        (lambda: plotting.learning_curves({"a": [[10.0, 90.0]]}), "divide percentages by 100"),
        (lambda: plotting.learning_curves({"a": []}), r"runs\['a'\]: needs an array for each run"),
        (
            lambda: plotting.learning_curves({"a": ROWS}, band="sd"),
            "band must be one of '', 'range', 'interval'",
        ),
        (lambda: plotting.learning_curves({"a": ROWS}, chance=10), "chance: needs fractions"),
        (
            lambda: plotting.learning_curves({"a": metrics()}, metric="angle"),
            "needs values of 'angle', got those of loss, test_accuracy",
        ),
        (
            lambda: plotting.learning_curves({"a": metrics().drop(columns="epoch")}),
            r"runs\['a'\]: needs a column 'epoch', got columns run, seed",
        ),
        (
            lambda: plotting.learning_curves({"a": metrics()[:-2]}),
            "every run measured at the same of 'epoch', got some at fewer",
        ),
        (lambda: plotting.angles({}), "series: needs one curve or more"),
        (lambda: plotting.angles({"a": [NAN]}), r"by_projection\['a'\]: .* 1 NaN"),
        (lambda: plotting.angles({"a": [[NAN, 1.0], [1.0, NAN]]}), "0 points without NaN"),
        (lambda: plotting.angles({"a": [90.0]}, x=[0, 1]), "needs angles in rows of 2"),
        (lambda: plotting.angles({"a": [200.0]}), "from 0 to 180 degrees, got 200"),
        (lambda: plotting.angles({"a": ["b"]}), r"by_projection\['a'\]: needs angles"),
        (lambda: plotting.dissimilarity(rdm()[:3]), r"rdm: .* got shape \(3, 6\)"),
        (lambda: plotting.dissimilarity([[0, 1], [2, 0]]), "rdm: .* got one that is not"),
        (lambda: plotting.dissimilarity([[0, NAN], [NAN, 0]]), "rdm: needs a pair"),
        (lambda: plotting.dissimilarity(rdm(), [0, 1]), "labels: needs one for each of 6 rows"),
        (
            lambda: plotting.dissimilarity(rdm(), [0, 1, 2, 0, 1, 2], class_names=["a", "b"]),
            "labels: needs whole numbers from 0 to 1, got 0 to 2",
        ),
        (lambda: plotting.similarity(np.eye(2), ["a"]), r"shape \(1, 1\), got shape \(2, 2\)"),
        (lambda: plotting.similarity([[40.0]], ["a"]), "from -1 to 1 .* got 40 to 40"),
        (lambda: plotting.similarity([["a"]], ["a"]), "matrix: needs numbers"),
        (lambda: plotting.distributions({}, "x"), "values: needs a name or more"),
        (lambda: plotting.distributions({"a": [NAN]}, "x"), r"values\['a'\]: .* got 1 NaN"),
        (lambda: plotting.distributions({"a": []}, "x"), r"values\['a'\]: needs numbers"),
        (lambda: plotting.distributions({"a": [np.inf, 1]}, "x"), "1 infinite among 2"),
        (
            lambda: plotting.distributions({"a": [1.0]}, "x", kind="pie"),
            "kind must be .* got 'pie'",
        ),
        (
            lambda: plotting.recording_comparison({"a": [1.0]}, {"b": [1.0]}),
            r"recording: needs what model has \('a'\), got 'b'",
        ),
        (
            lambda: plotting.recording_comparison({"a": [1]}, {"a": [1]}, names=("x", "x")),
            "names: needs two names",
        ),
        (
            lambda: plotting.recording_comparison({"a": [1]}, {"a": [1]}, ax=[]),
            r"ax must be Axes of matplotlib.* got \[\]",
        ),
        (
            lambda: plotting.curves({"a": ([0], [1.0])}, "x", "y", band="sd"),
            "band must be one of '', 'range', 'interval'",
        ),
    ],
)
def test_errors_say_what_is_needed_and_what_came(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ApicalError, match=says) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_dissimilarities_share_one_scale_from_zero() -> None:
    rng, rdms = np.random.default_rng(0), {}
    for k, name in enumerate("abcde", start=1):
        d = k * rng.random((6, 6))
        rdms[name] = d + d.T
    axes = plotting.dissimilarities(rdms, list("012345"))
    top = max(np.max(d[~np.eye(6, dtype=bool)]) for d in rdms.values())
    assert {ax.images[0].get_clim() for ax in axes} == {(0.0, top)}
    assert len(axes[0].figure.axes) == 5 + 1, "five panels and one colour bar"
    assert [text.get_text() for text in axes[0].get_xticklabels()] == list("012345")
    with pytest.raises(DataError, match="6 rows"):
        plotting.dissimilarities({"a": rdms["a"], "b": rdms["a"][:5, :5]}, list("012345"))


def test_labels_of_colour_bars_are_broken_between_units() -> None:
    measure = "correlation of dissimilarities, rho_a [some unit]"
    ax = plotting.similarity(np.eye(2), ["a", "b"], measure=measure)
    lines = ax.figure.axes[1].get_ylabel().split("\n")
    assert len(lines) > 1 and any("[some unit]" in line for line in lines)
    assert " ".join(lines) == measure


def test_a_figure_has_the_same_bytes_whenever_it_is_saved() -> None:
    def drawn() -> Any:
        rdm = np.array([[0.0, 0.2, 1.0], [0.2, 0.0, 0.9], [1.0, 0.9, 0.0]])
        return plotting.dissimilarities({"a": rdm, "b": rdm}, list("012"))

    axes = drawn()
    for render in (lambda ax: plotting.as_png(ax, 60), plotting.as_svg):
        first = render(axes)
        axes[0].figure.draw_without_rendering()
        assert render(axes) == first == render(drawn())
