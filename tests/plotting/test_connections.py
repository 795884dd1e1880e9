"""Drawn connectivity: counts by hand, of images and of matrices."""

from pathlib import Path

import numpy as np
import pytest

import apical as ap
from apical import plotting
from apical.errors import DataError
from apical.testing.references import partly_joined


def test_the_inputs_of_neurons_are_images_of_the_population_before() -> None:
    net = partly_joined(ap.connectivity.ReceptiveFields(2), (2, 1, 2))
    ax = plotting.connections(net, "stimulus_to_hidden", n=4)
    drawn = ax.images[0].get_array()
    assert drawn is not None
    assert np.nansum(drawn) == net.n_synapses("stimulus_to_hidden") == 16
    assert ax.get_title(loc="left").endswith("16 synapses")
    with pytest.raises(DataError, match="n: needs 1 or more"):
        plotting.connections(net, "stimulus_to_hidden", n=0)


def test_a_matrix_shows_the_share_of_pairs() -> None:
    net = ap.Network()
    x, y = net.add(ap.LIF("x", 250)), net.add(ap.LIF("y", 130))
    mask = np.zeros((250, 130), bool)
    mask[:, :65] = True
    half = net.connect(x, y, connectivity=ap.connectivity.Mask(mask))
    shares = plotting.connections(net, half).images[0].get_array()
    assert shares is not None and shares.shape == (100, 100)
    assert shares[:, :49].min() == 1 and shares[:, 51:].max() == 0


def test_full_projections_and_missing_synapses_are_drawn_too() -> None:
    net = ap.Network()
    x, y = net.add(ap.LIF("x", 20)), net.add(ap.LIF("y", 10))
    full, thin = net.connect(x, y), net.connect(y, x, missing=0.5)
    assert np.all(plotting.connections(net, full).images[0].get_array() == 1)
    shown = plotting.connections(net, thin).images[0].get_array()
    assert np.array_equal(shown, net.existing(thin))


def test_the_graph_says_which_synapses_exist() -> None:
    net = partly_joined(ap.connectivity.FixedInDegree(3), (4,))
    ax = plotting.network_graph(net)
    legend = ax.get_legend()
    assert legend is not None
    said = [text.get_text().replace("\n", " ") for text in legend.get_texts()]
    assert "stimulus to hidden: random, 3 synapses onto each neuron, 12 synapses" in said
    assert "2 x 3" in [text.get_text() for text in ax.texts]


@pytest.mark.filterwarnings("error::UserWarning")
def test_long_lines_of_the_legend_leave_room_for_the_graph(tmp_path: Path) -> None:
    net = partly_joined(ap.connectivity.FixedInDegree(3), (4,))
    ax = plotting.network_graph(net)
    plotting.save(ax, tmp_path / "graph.png")  # matplotlib warns where axes have no room left
    box, legend = ax.get_window_extent(), ax.get_legend()
    assert legend is not None and legend.get_window_extent().width < 1.1 * box.width


def test_a_stimulus_that_passes_below_others_stands_lowest() -> None:
    net = ap.Network()
    touch, vision = (net.add(ap.Stimulus(name, 4, ap.encoding.Graded())) for name in "tv")
    h, y = net.add(ap.Rate("h", 3)), net.add(ap.Rate("y", 2))
    for pre, post in ((touch, y), (vision, h), (h, y)):
        net.connect(pre, post)
    patches = {patch.get_gid(): patch for patch in plotting.network_graph(net).patches}
    low, high = (patches[name].get_window_extent().y0 for name in ("t", "v"))
    assert low < high
