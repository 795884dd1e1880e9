"""Drawn connectivity: counts by hand, of images and of matrices."""

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
    said = [text.get_text() for text in legend.get_texts()]
    assert "stimulus to hidden: random, 3 synapses onto each neuron, 12 synapses" in said
    assert "2 x 3" in [text.get_text() for text in ax.texts]
