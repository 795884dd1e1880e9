"""Connectivities: which synapses exist, by hand, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

import apical as ap
from apical import connectivity as c
from apical.errors import ParameterError, WiringError
from apical.network import size
from apical.plausibility import audit
from apical.projections.edges import Edges
from apical.projections.weights import Masked, ZeroSum
from apical.records.recording import synapses_of
from apical.testing.references import partly_joined


def edges(kind: c.Connectivity, pre: ap.LIF, post: ap.LIF, seed: int = 0) -> Edges:
    return c.edges_of(kind, pre, post, ap.stream(seed, "connectivity", "test"))


def grid(name: str, *shape: int) -> ap.LIF:
    return ap.LIF(name, int(np.prod(shape)), shape=shape)


# which synapses exist --------------------------------------------------------------------------


def test_masks_of_numpy_and_of_scipy_are_the_same_synapses() -> None:
    mask = np.random.default_rng(0).random((5, 7)) < 0.4
    e, i = ap.LIF("e", 5), ap.LIF("i", 7)
    for given in (mask, mask.astype(float), sparse.csr_array(mask), sparse.csc_matrix(mask * 1)):
        found = edges(c.Mask(given), e, i)
        assert np.array_equal(found.mask, mask)
        assert np.array_equal(np.nonzero(mask), (found.pre, found.post))
        assert np.array_equal(found.in_degrees, mask.sum(axis=0))
        assert np.array_equal(found.out_degrees, mask.sum(axis=1))


def test_synapses_come_in_one_order_and_turn_around() -> None:
    found = edges(c.Probability(0.3), ap.LIF("e", 20), ap.LIF("i", 30))
    back, order = found.transposed()
    assert np.array_equal(back.mask, found.mask.T)
    values = np.arange(len(found)) + 1.0
    assert np.array_equal(back.dense(values[order]), found.dense(values).T)
    assert np.array_equal(found.of(found.dense(values)), values)


def test_each_synapse_has_the_same_chance() -> None:
    e, i = ap.LIF("e", 300), ap.LIF("i", 200)
    for p in (0.01, 0.3, 0.9):
        found = edges(c.Probability(p), e, i)
        n, spread = 300 * 200 * p, (300 * 200 * p * (1 - p)) ** 0.5
        assert abs(len(found) - n) < 5 * spread
        assert found.in_degrees.var() == pytest.approx(300 * p * (1 - p), rel=0.4)
    assert len(edges(c.Probability(1.0), e, i)) == 300 * 200


def test_in_degrees_are_fixed_and_others_are_drawn_alike() -> None:
    e = ap.LIF("e", 40)
    found = edges(c.FixedInDegree(39, autapses=False), e, e)  # all others
    assert np.array_equal(found.mask, ~np.eye(40, dtype=bool))
    half = edges(c.FixedInDegree(20, autapses=False), e, e)
    assert set(half.in_degrees) == {20} and not np.diag(half.mask).any()
    assert abs(half.out_degrees - 20).max() < 16


def test_distances_on_a_grid_and_on_a_torus_by_hand() -> None:
    v1, v2 = grid("v1", 4, 4), grid("v2", 2, 2)
    flat = edges(c.Distance(c.step(0.26)), v1, v1)
    assert flat.post[flat.pre == 0].tolist() == [0, 1, 4]
    torus = edges(c.Distance(c.step(0.26), torus=True), v1, v1)
    assert torus.post[torus.pre == 0].tolist() == [0, 1, 3, 4, 12]
    above = edges(c.Distance(c.step(0.18)), v1, v2)  # each coarse neuron lies over four fine ones
    assert above.pre[above.post == 0].tolist() == [0, 1, 4, 5]
    placed = replace(v2, positions=np.array([[0.0, 0], [0, 3], [0, 6], [0, 9]]))
    line = edges(c.Distance("int(d > 2)*int(d < 4)", torus=True, period=12.0), placed, placed)
    assert line.mask.astype(int).tolist() == [
        [0, 1, 0, 1],
        [1, 0, 1, 0],
        [0, 1, 0, 1],
        [1, 0, 1, 0],
    ]


def test_kernels_are_probabilities() -> None:
    v1 = grid("v1", 30, 30)
    found = edges(c.Distance(c.exponential(0.2, peak=0.5), torus=True), v1, v1)
    places = v1.coordinates
    assert places is not None
    d = np.abs(places[:, np.newaxis] - places)
    d = np.linalg.norm(np.minimum(d, 1 - d), axis=2)
    expected = 0.5 * np.exp(-d / 0.2)
    assert abs(len(found) - expected.sum()) < 5 * (expected * (1 - expected)).sum() ** 0.5
    assert found.mask[d < 1e-9].mean() == pytest.approx(0.5, abs=0.1)
    assert c.gaussian(0.1, 0.5) == "0.5*exp(-d**2/(2*0.1**2))"


def test_receptive_fields_are_those_of_a_convolution() -> None:
    x, h = grid("x", 2, 5, 6), grid("h", 3, 3, 3)
    fields = c.ReceptiveFields((3, 2), stride=2, padding=1)
    assert fields.windows((2, 5, 6)) == (3, 4)
    h = grid("h", 3, 3, 4)
    mask = edges(fields, x, h).mask.reshape(2, 5, 6, 3, 3, 4)
    for row in range(3):
        for column in range(4):
            expected = np.zeros((5 + 2, 6 + 2), bool)
            expected[2 * row : 2 * row + 3, 2 * column : 2 * column + 2] = True
            for k in range(2):
                for m in range(3):
                    assert np.array_equal(mask[k, :, :, m, row, column], expected[1:-1, 1:-1])


# weights ---------------------------------------------------------------------------------------


def test_fan_in_counts_the_synapses_of_a_neuron() -> None:
    mask = np.zeros((400, 2), bool)
    mask[:, 0], mask[:100, 1] = True, True
    net = ap.Network()
    x, y = net.add(ap.LIF("x", 400)), net.add(ap.LIF("y", 2))
    for source, bounds in (
        (ap.FanIn(), (1 / 20, 1 / 10)),
        (ap.FanOut(), (1, 0.5**0.5)),
        (ap.Glorot(), ((6 / 401) ** 0.5, (6 / 102) ** 0.5)),
    ):
        w = net.initial_weights(ap.Projection(x, y, source, connectivity=c.Mask(mask)))
        assert not w[~mask].any()
        for column, bound in zip(w.T, bounds, strict=True):
            assert np.abs(column).max() == pytest.approx(bound, rel=0.05)


def test_one_law_of_drawing_for_every_source() -> None:
    found = edges(c.Probability(0.4), ap.LIF("x", 30), ap.LIF("y", 20))
    given = np.random.default_rng(1).normal(size=(30, 20))
    assert np.array_equal(ap.Given(given).draw_for(found, ap.stream(0, "w")), found.of(given))
    assert np.array_equal(
        ap.Normal(0.3).draw_for(found, ap.stream(0, "w")),
        ap.stream(0, "w").normal(0, 0.3, len(found)),
    )
    opposed = found.dense(ap.Opposed(ap.Normal()).draw_for(found, ap.stream(0, "w")))
    both = found.mask[:15] & found.mask[15:]
    assert np.array_equal(opposed[:15][both], -opposed[15:][both])
    sums = found.dense(ZeroSum(ap.Normal()).draw_for(found, ap.stream(0, "w"))).sum(axis=0)
    assert np.abs(sums).max() < 1e-12
    left = Masked(ap.Normal(), pre=np.arange(30) < 10)
    assert not found.dense(left.draw_for(found, ap.stream(0, "w")))[10:].any()


def test_missing_and_connectivity_compose() -> None:
    net = ap.Network()
    x, y = net.add(ap.LIF("x", 100)), net.add(ap.LIF("y", 50))
    whole = ap.Projection(x, y, ap.Normal(), connectivity=c.FixedInDegree(40))
    thinned = replace(whole, missing=0.5)
    some, all_ = net.edges(thinned), net.edges(whole)
    assert some is not None and all_ is not None
    assert not (some.mask & ~all_.mask).any()
    assert len(some) == pytest.approx(1000, abs=120)
    w, before = net.initial_weights(thinned), net.initial_weights(whole)
    assert np.array_equal(w[some.mask], before[some.mask])
    assert not w[~some.mask].any()


def test_bits_of_full_projections_are_as_they_were() -> None:
    net = ap.Network(seed=3)
    x, y = net.add(ap.LIF("x", 4)), net.add(ap.LIF("y", 3))
    p = ap.Projection(x, y, ap.FanIn())
    drawn = ap.stream(3, "weights", "x_to_y").uniform(-0.5, 0.5, (4, 3))
    assert np.array_equal(net.initial_weights(p), drawn)
    assert net.edges(p) is None and net.existing(p) is None


def test_a_synapse_that_is_missing_is_not_clipped_to_a_bound() -> None:
    net = ap.Network()
    x, y = net.add(ap.LIF("x", 40)), net.add(ap.LIF("y", 30))
    for options in ({"missing": 0.5}, {"connectivity": c.Probability(0.5)}):
        p = ap.Projection(x, y, ap.Normal(), bounds=(0.1, 1.0), **options)  # type: ignore[arg-type]
        exists, w = net.existing(p), net.initial_weights(p)
        assert exists is not None
        assert not w[~exists].any() and w[exists].min() == 0.1
        assert np.array_equal(net.held(p, w), w)


# what knows of them ----------------------------------------------------------------------------


def test_scorecard_tables_and_exports_count_the_synapses_that_exist() -> None:
    net = partly_joined(c.FixedInDegree(2), (4,))
    assert net.n_synapses("stimulus_to_hidden") == 8
    (line,) = audit(net).about("connectivity")
    assert line.subject == "stimulus_to_hidden"
    assert "8 of 24 synapses exist, 2 onto each neuron" in line.reason
    assert ">8</td>" in net._repr_html_()
    with ap.simulate(net, "array") as simulator:
        found = synapses_of(simulator)["stimulus_to_hidden"]
        i, j, w = simulator.synapses("stimulus_to_hidden")
    assert len(found) == 8
    assert np.array_equal(found.weights, w) and found.shape == (6, 4)
    assert found.joined is not None
    assert np.array_equal([found.joined.pre, found.joined.post], [i, j])
    assert size.n_stored(net.projection("stimulus_to_hidden")) == 8
    (full,) = audit(partly_joined(c.AllToAll(), (4,))).about("connectivity")
    assert full.subject != "stimulus_to_hidden" and "all neurons" in full.reason


def test_feedback_has_a_connectivity_of_its_own_and_transposes_follow() -> None:
    net = partly_joined(c.FixedInDegree(2), (4,))
    some = net.rewired(ap.feedback.direct, connectivity=c.Probability(0.5))
    back = some.projection("error_to_hidden")
    assert back.connectivity == c.Probability(0.5)
    assert 0 < some.n_synapses(back) < 12
    mine = net.altered(
        projection=lambda p: (
            replace(p, connectivity=c.Probability(0.5)) if p.name == "hidden_to_output" else p
        )
    ).rewired(ap.feedback.transposed)
    forward, feedback = (mine.edges(n) for n in ("hidden_to_output", "feedback_output_to_hidden"))
    assert forward is not None and feedback is not None
    assert np.array_equal(forward.mask.T, feedback.mask)


# what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: c.Mask(np.zeros((2, 3))), "one synapse or more, got none"),
        (lambda: c.Mask(np.full((2, 3), np.nan)), "bools, or of 0 and 1"),
        (lambda: c.Mask(np.full((2, 3), 0.5)), "bools, or of 0 and 1"),
        (lambda: c.Mask(np.ones(3)), "bools, or of 0 and 1"),
        (lambda: c.Mask(np.array([["a"]])), "bools, or of 0 and 1"),
        (lambda: c.Probability(0), "> 0 and <= 1, got 0"),
        (lambda: c.Probability(1.5), "> 0 and <= 1, got 1.5"),
        (lambda: c.FixedInDegree(0), ">= 1"),
        (lambda: c.FixedInDegree(2.5), "whole number"),  # type: ignore[arg-type]
        (lambda: c.Distance("exp(-x)"), "expression of the distance d alone"),
        (lambda: c.Distance("d*"), "not one expression"),
        (lambda: c.ReceptiveFields(0), ">= 1"),
        (lambda: c.ReceptiveFields(3, stride=0), ">= 1"),
    ],
)
def test_bad_values_are_refused_in_one_line(make: object, said: str) -> None:
    with pytest.raises(ParameterError, match=said) as caught:
        make()  # type: ignore[operator]
    assert "\n" not in caught.value.message


def test_what_does_not_fit_the_populations_is_refused_in_one_line() -> None:
    x, h = grid("x", 4, 4), ap.LIF("h", 9)
    for kind, said in (
        (c.Mask(np.ones((9, 16))), r"Mask of shape \(9, 16\) does not fit 16 neurons"),
        (c.OneToOne(), "as many neurons on both sides"),
        (c.FixedInDegree(17), "can hear 16 of 'x'; lower k"),
        (c.Distance("exp(-d)"), "'h' has none; give it a shape"),
        (c.ReceptiveFields(2), "has shape None; give it one"),
    ):
        with pytest.raises(WiringError, match=said) as caught:
            ap.Projection(x, h, connectivity=kind)
        assert "Projection 'x_to_h': " in caught.value.message
        assert "\n" not in caught.value.message
    with pytest.raises(WiringError, match="leaves empty receptive fields"):
        ap.Projection(x, grid("y", 1, 1), connectivity=c.ReceptiveFields(5))
    with pytest.raises(WiringError, match=r"give it shape=\(maps, 3, 3\)"):
        ap.Projection(x, grid("y", 4, 4), connectivity=c.ReceptiveFields(2))
    with pytest.raises(WiringError, match="makes no synapse"):
        ap.Network().edges(ap.Projection(x, h, connectivity=c.Probability(1e-12)))
    far = ap.Projection(x, x, connectivity=c.Distance("2.0*d"))
    with pytest.raises(ParameterError, match="values from 0 to 1, but '2.0\\*d' is"):
        ap.Network().edges(far)
    with pytest.raises(ParameterError, match="connectivity must be a Connectivity"):
        ap.Projection(x, h, connectivity=np.ones((16, 9)))  # type: ignore[arg-type]
    rule = ap.rules.three_factor(1e-4)
    with pytest.raises(WiringError, match="scaling is for plastic weights of all synapses"):
        ap.Projection(x, h, rule=rule, total=1.0, connectivity=c.Probability(0.5))


def test_shapes_and_positions_fit_their_population() -> None:
    assert grid("h", 2, 3).coordinates.shape == (6, 2)  # type: ignore[union-attr]
    assert ap.LIF("h", 3).coordinates is None
    with pytest.raises(ParameterError, match="whose product is the size, 12, got"):
        ap.LIF("h", 12, shape=(3, 5))
    with pytest.raises(ParameterError, match=r"of shape \(12, d\)"):
        ap.LIF("h", 12, positions=np.zeros((11, 2)))
    with pytest.raises(ParameterError, match="positions must be"):
        ap.LIF("h", 2, positions=np.array([[np.nan], [0.0]]))


def test_loading_gives_no_weight_to_what_does_not_exist() -> None:
    net = partly_joined(c.FixedInDegree(2), (4,))
    with ap.simulate(net, "array") as simulator:
        before = simulator.weights("stimulus_to_hidden")
        with pytest.raises(ParameterError, match="has no synapse from neuron"):
            simulator.load({"stimulus_to_hidden": np.ones((6, 4))})
        assert np.array_equal(simulator.weights("stimulus_to_hidden"), before)
        simulator.load({"stimulus_to_hidden": 2 * before})
        assert np.array_equal(simulator.weights("stimulus_to_hidden"), 2 * before)
        simulator.load({"stimulus_to_hidden": np.arange(8.0)})
        assert np.array_equal(simulator.synapses("stimulus_to_hidden")[2], np.arange(8))
