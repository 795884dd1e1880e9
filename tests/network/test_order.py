"""Order of evaluation, feedback and relays follow from the graph of signals, not from names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rate_networks
from networks import small

from apical import (
    LIF,
    Network,
    NeuronModel,
    Neurons,
    Rate,
    RateError,
    Stimulus,
    feedback,
    plotting,
)
from apical.errors import WiringError
from apical.feedback.pathways import FeedbackPathway
from apical.network.order import check_circle, feedback_order, forward_order, relays_within
from apical.network.signals import SignalGraph
from apical.neurons.encoding import Graded
from apical.plotting.graphs import _arrows

CELL = NeuronModel(
    "dx/dt = (basal - x)/(5*ms) : 1\nsent = 2*apical : 1\nown = x : 1",
    method="euler",
    summed=("basal", "apical"),
)
"""A cell that calls nothing what the package calls it."""


def strange(name: str, cell: NeuronModel = CELL) -> Neurons:
    return Neurons(name, 3, cell, {"below": "basal", "above": "apical"}, ("x", "sent", "own"))


def unnamed(cell: NeuronModel = CELL) -> Network:
    """Return a chain of such cells with feedback from the last to the first."""
    net = Network(trial=400.0, output="output")
    shown, error = net.add(Stimulus("stimulus", 3, Graded())), net.add(RateError("error", 3))
    a, b, y = net.add(strange("a", cell)), net.add(strange("b", cell)), net.add(Rate("output", 3))
    net.connect(b, y)
    net.connect(a, b, carries={"below": "x"})
    net.connect(shown, a, carries={"below": "x"})
    net.connect(y, error)
    net.connect(b, a, carries={"above": "sent"}, name="back")
    net.connect(error, b, carries={"above": "x"}, name="error")
    return net


def test_orders_do_not_go_by_names() -> None:
    net = unnamed()
    assert [p.name for p in forward_order(net)] == ["stimulus", "a", "b", "output", "error"]
    assert [p.name for p in feedback_order(net)] == ["b", "a"]
    signals = net.graph.signals
    assert signals.relayed("back") == ("b",) and signals.relayed("error") == ()
    assert [edge.target for edge in signals.teaches("back")] == ["a.apical"]
    assert [edge.target for edge in signals.drives("a_to_b")] == ["b.basal"]


def test_a_dendrite_that_moves_the_activity_is_no_dendrite() -> None:
    whole = NeuronModel(
        CELL.equations.replace("basal", "basal + apical"), method="euler", summed=CELL.summed
    )
    net = unnamed(whole)
    assert net.graph.signals.teaches("back") == []
    with pytest.raises(WiringError, match="forward projections run in a cycle"):
        forward_order(net)


def test_a_relay_of_what_hears_nothing_is_refused() -> None:
    net = unnamed()
    net.projections = [p for p in net.projections if p.name != "error"]
    with pytest.raises(WiringError, match="'back' relays what 'b' hears, but 'b' hears nothing"):
        feedback_order(net)


def test_feedback_in_a_cycle_is_refused() -> None:
    net = unnamed()
    a, b = (p for p in net.populations if p.name in "ab")
    net.connect(a, b, carries={"above": "sent"}, name="on")
    with pytest.raises(WiringError, match="feedback pathway runs in a cycle"):
        feedback_order(net)
    net = unnamed()
    net.connect(b, b, carries={"above": "own"}, name="lateral")  # activity is no feedback
    assert [p.name for p in feedback_order(net)] == ["b", "a"]


def test_feedback_within_a_population_is_recognised_by_its_signal() -> None:
    net = unnamed()
    b = next(p for p in net.populations if p.name == "b")
    inside = net.connect(b, b, carries={"above": "sent"}, name="inside")
    assert relays_within(net, inside) and not relays_within(net, net.projection("back"))
    with pytest.raises(WiringError, match="'inside' forms a cycle"):
        feedback_order(net)
    forth = np.zeros((3, 3))
    forth[0, 1:] = 1.0
    check_circle(net, inside, forth)
    with pytest.raises(WiringError, match="'inside' forms a cycle"):
        check_circle(net, inside, forth + forth.T)


def test_the_diagram_does_not_go_by_names() -> None:
    looks = {arrow.name: arrow.look.name for arrow in _arrows(unnamed())}
    assert looks == {
        "stimulus_to_a": "forward, fixed",
        "a_to_b": "forward, fixed",
        "b_to_output": "forward, fixed",
        "output_to_error": "what is compared with the target",
        "error": "feedback: error, fixed synapses",
        "back": "feedback: relayed, fixed synapses",
    }
    assert plotting.network_graph(unnamed()).get_legend() is not None


# ---- all wirings ---------------------------------------------------------------------------------
def described(wiring: str) -> list[Network]:
    found = [rate_networks.rates(feedback.WIRINGS[wiring])]
    if feedback.WIRINGS[wiring].spikes:
        found.append(small(hidden=(8, 7), wiring=feedback.WIRINGS[wiring]))
    return found


@pytest.mark.parametrize("wiring", feedback.WIRINGS)
def test_the_graph_finds_the_pathway_that_was_described(wiring: str) -> None:
    for net in described(wiring):
        pathway: FeedbackPathway | None = net.feedback
        assert pathway is not None
        signals = net.graph.signals
        found = {p.name for p in net.projections if signals.teaches(p.name)}
        assert found == {p.name for p in (*pathway.projections, *pathway.relays)}
        relayed = {p.name: signals.relayed(p.name) for p in net.projections}
        assert {p.name for p in pathway.relays} <= {name for name in relayed if relayed[name]}
        for p in net.projections:
            if p.pre.relays is not None:
                assert relayed[p.name] == (p.pre.relays.name,)
            elif p.pre.role in ("error", "target"):
                assert relayed[p.name] == ()


@pytest.mark.parametrize("make", [small, rate_networks.rates])
def test_texts_are_read_once(make: Callable[..., Network], monkeypatch: pytest.MonkeyPatch) -> None:
    net = make()
    whole = net.graph.signals
    alone = SignalGraph(net.graph.populations, net.graph.projections, net.output.name)
    assert list(whole.nodes.items()) == list(alone.nodes.items())
    assert (whole.edges, whole.decision) == (alone.edges, alone.decision)
    kind, read = (LIF if make is small else Rate), list[str]()
    known: Any = kind.described

    def described(population: Any) -> NeuronModel:
        read.append(population.name)
        return known.fget(population)

    monkeypatch.setattr(kind, "described", property(described))
    again = net.altered()
    _ = again.output, again.forward, again.graph.signals, feedback_order(again)
    assert len(read) == len({*read}) >= 2


def test_nodes_come_in_the_order_of_the_text() -> None:
    text = "c = 1\nb = c\nlastspike = b*ms"
    model = NeuronModel("x = f + d : 1", summed=("f", "d", "a"), at_step=text)
    names = [n.name for n in SignalGraph([Neurons("n", 1, model, {"in": "a"})], []).nodes.values()]
    assert names == ["x", "f", "d", "a", "c", "b", "lastspike"]


def test_what_another_says_of_a_node_gives_way_to_its_owner() -> None:
    net = small(hidden=(8, 7), wiring=feedback.WIRINGS["ifa_random"])
    relays = [p for p in net.populations if p.relays]
    others = [p for p in net.populations if not p.relays]
    first, last = (SignalGraph(order, []) for order in ([*relays, *others], [*others, *relays]))
    assert first.nodes == last.nodes
    assert first.nodes[f"{relays[0].relays.name}.delta"].kind == "expression"  # type: ignore


# ---- noise ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("noise", ["xi", "xi_1", "xi_of_the_membrane"])
def test_noise_of_equations_comes_from_chance(noise: str) -> None:
    text = f"dv/dt = -v/tau + {noise}*tau**-0.5 : 1\nx = v : 1"
    model = NeuronModel(text, parameters={"tau": (20.0, "ms")}, method="euler")
    graph = SignalGraph([Neurons("own", 3, model)], [])
    assert {edge.source for edge in graph.into("own.v")} == {"chance", "own.v"}
    assert "chance" in graph.sources("own.x") and not graph.undefined
