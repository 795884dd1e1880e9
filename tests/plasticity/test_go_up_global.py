"""GO-UP as written down: noise as large as the weights of a projection are, which none knows."""

import numpy as np
import pytest
from rate_networks import rates, trials

from apical import Block, Given, check, dynamics, feedback, rules, simulate
from apical._base import seeds
from apical.errors import LocalityError, ParameterError
from apical.locality_check.synapses import disturb
from apical.plasticity.optimizers import UpdateDynamics
from apical.plausibility import audit

ALPHA = 0.1
RULE = rules.three_factor(dynamics=dynamics.go_up_global(ALPHA))


def drawn(net, projection, places):  # type: ignore[no-untyped-def]
    """Return the numbers that synapses draw for the batches that begin at `places` of stream 0."""
    streams = [seeds.stream(net.seed, "update", projection.name, 0, place) for place in places]
    return [rng.standard_normal(projection.shape, np.float32) for rng in streams]


@pytest.mark.parametrize("wiring", [feedback.transposed, feedback.direct, feedback.indirect])
def test_updates_are_those_of_the_note(wiring) -> None:  # type: ignore[no-untyped-def]
    """Its own equation by hand, from gradients that the network tells without learning."""
    net = rates(wiring, rule=RULE)
    simulator = simulate(net, "array", batch=4, dtype="float64")
    block = trials(8, learning=np.full(8, 1.0))
    theta = {p.name: simulator.weights(p) for p in net.plastic}
    xi = {p.name: drawn(net, p, (0, 4)) for p in net.plastic}
    for k, part in enumerate(block.parts(4)):
        simulator.load(theta)
        g = {name: -update for name, update in simulator.updates(part).items()}
        for name, w in theta.items():
            left = w - g[name]
            theta[name] = (1 - ALPHA) * w + ALPHA * (left + left.std() * xi[name][k])
    simulator.load({p.name: net.initial_weights(p) for p in net.plastic})
    simulator.run(block)
    for p in net.plastic:
        np.testing.assert_allclose(simulator.weights(p), theta[p.name], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_without_a_gradient_weights_grow_as_predicted(library: str) -> None:
    """Nothing is taught where no input is active; each update widens by sqrt(1 + alpha**2)."""
    if library == "torch":
        pytest.importorskip("torch")
    net = rates(sizes=(300, 200, 4, 3), rule=RULE)
    simulator = simulate(net, "array", library=library)
    n, first = 50, net.forward[0]
    simulator.run(Block(np.zeros((n, 300)), np.zeros(n, int), np.ones(())))
    grown = simulator.weights(first).std() / net.initial_weights(first).std()
    assert grown == pytest.approx((1 + ALPHA**2) ** (n / 2), rel=0.01)


def test_rows_at_a_time_make_no_difference() -> None:
    """A projection of many strips and one of few agree with what all rows at once give."""
    net = rates(sizes=(700, 150, 4, 3), rule=RULE)
    simulator = simulate(net, "array", batch=4, dtype="float64")
    block = trials(4, sizes=(700, 3), learning=np.full(4, 0.5))
    first = net.forward[0]
    w, g = net.initial_weights(first), -simulator.updates(block)[first.name]
    simulator.run(block)
    rng = seeds.stream(net.seed, "update", first.name, 0)
    step = (simulator.weights(first) - w) / (0.5 * ALPHA) + g
    rows = 2**15 // 150
    xi = np.concatenate(
        [rng.standard_normal((min(rows, 700 - k), 150), np.float32) for k in range(0, 700, rows)]
    )
    np.testing.assert_allclose(step, (w - g).std() * xi, rtol=1e-6, atol=1e-9)


def test_learning_is_as_before_where_it_rests() -> None:
    net = rates(rule=RULE)
    simulator = simulate(net, "array")
    before = simulator.state
    simulator.run(trials(3))
    assert all(np.array_equal(before[name], now) for name, now in simulator.state.items())


def test_scorecard_names_a_global_quantity_and_only_arrays_run_it() -> None:
    net = rates(rule=RULE)
    said = [f for f in audit(net).about("global quantities") if f.level == "not local"]
    assert {f.subject for f in said} == {p.name for p in net.plastic}
    assert "standard deviation of w + update over all 30 synapses" in said[0].reason
    local = rates(rule=rules.three_factor(dynamics=dynamics.go_up(ALPHA, 0.1)))
    assert audit(local).is_local and not audit(net).is_local
    with pytest.raises(LocalityError, match="stimulus_to_hidden_1: go_up_global reads"):
        check(net)
    with pytest.raises(LocalityError, match="go_up_global reads the standard deviation"):
        simulate(net, "runtime")
    assert not check(net, transport=True).is_local


def test_other_faults_are_not_let_pass_with_it() -> None:
    """A copy of forward weights stays forbidden where updates are declared not to be local."""
    net = rates(rule=RULE)
    forward = net.initial_weights(net.forward[-1])
    copied = net.altered(
        projection=lambda p: (
            p
            if p.name != "error_to_hidden_2"
            else type(p)(p.pre, p.post, Given(forward.T), carries=p.carries)
        )
    )
    with pytest.raises(LocalityError, match="transposed"):
        check(copied, transport=True)


def test_what_is_wrong_with_a_spread_is_said() -> None:
    with pytest.raises(LocalityError, match="uses 'x_pre'"):
        UpdateDynamics("d", {}, (), "update", spread="x_pre")
    with pytest.raises(ParameterError, match="rename the latter"):
        UpdateDynamics("d", {"spread": 0.0}, (), "update", spread="w")
    with pytest.raises(LocalityError, match="uses 'spread'"):
        UpdateDynamics("d", {}, (), "update*spread")
    assert UpdateDynamics("d", {"spread": 0.0}, (("spread", "update"),), "spread").spread == ""


def test_disturbances_find_what_the_scorecard_says() -> None:
    """One synapse disturbed changes what all of its projection learn; not so in the local form."""
    values, labels = np.random.default_rng(0).random((3, 6)), np.arange(3)
    cards = [
        disturb(
            rates(rule=rules.three_factor(dynamics=made)),
            values,
            labels,
            each=1,
            devices=["array"],
        )
        for made in (dynamics.go_up_global(ALPHA), dynamics.go_up(ALPHA, 0.1))
    ]
    assert any("changed the update of" in f.reason for f in cards[0].faults)
    assert cards[1].is_local
