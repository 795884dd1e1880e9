"""The graph of signals: its arrows are those of the texts, and nothing goes by names."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import every_kind
import networkx
import pytest
import rate_networks
from hypothesis import given
from hypothesis import strategies as st
from networks import small

from apical import (
    LIF,
    Network,
    NeuronModel,
    Neurons,
    Normal,
    Rate,
    Stimulus,
    datasets,
    feedback,
    plotting,
    rules,
)
from apical.cli import main
from apical.errors import ParameterError, WiringError
from apical.language.model_text import equations, reads, statements
from apical.network.signals import ACTIVITY, SignalGraph, moving_inputs
from apical.scripts import models


def edges(graph: SignalGraph, target: str) -> set[str]:
    return {edge.source for edge in graph.into(target)}


# ---- texts ---------------------------------------------------------------------------------------
NAMES = st.sampled_from(["v", "w_2", "I", "x", "tau", "theta"])


@given(st.lists(NAMES, min_size=1, max_size=5), st.sampled_from(["+", "*", "-", "/"]), NAMES)
def test_an_equation_reads_the_names_it_is_made_of(parts: list[str], sign: str, name: str) -> None:
    text = f" {sign} ".join(f"exp({part})" for part in parts)
    (found,) = equations(f"d{name}/dt = ({text})/ms : 1 (unless refractory)  # {parts}")
    assert (found.name, found.kind, found.flags) == (name, "differential", {"unless refractory"})
    assert found.reads.names == {*parts, "ms"} and found.reads.calls == {"exp"}
    (statement,) = statements(f"{name} {sign}= {text}")
    assert (statement.target, statement.adds) == (name, True)
    assert statement.reads.names == {*parts}


def test_lines_and_units_as_brian2_takes_them() -> None:
    found = equations(
        """
        # a comment
        dg/dt = -g/(5*ms) : siemens/(meter**2)
        x = (a
             + b) : volt/meter**2 (constant over dt)
        u : amp*(second) (linked, shared)
        z : 1
        """
    )
    assert [(e.name, e.kind) for e in found] == [
        ("g", "differential"),
        ("x", "expression"),
        ("u", "parameter"),
        ("z", "parameter"),
    ]
    assert [e.unit for e in found] == ["siemens/(meter**2)", "volt/meter**2", "amp*(second)", "1"]
    assert found[2].flags == {"linked", "shared"} and found[1].reads.names == {"a", "b"}
    assert [s.target for s in statements("v = 0*mV; x += 1\ny **= 2")] == ["v", "x", "y"]


@pytest.mark.parametrize("text", ["dv/dt : 1", "v", "v = : 1", "2*v : 1"])
def test_what_is_no_equation_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="not (an equation|one expression)"):
        [equation.reads for equation in equations(text)]


def test_what_is_shown_now_is_no_reading_of_the_time() -> None:
    assert reads("stimulus(t, i)").names == {"i"}
    assert reads("label(t - 5*ms, i)").names == {"t", "ms", "i"}


# ---- a network by hand ---------------------------------------------------------------------------
def test_arrows_of_a_small_network_by_hand() -> None:
    net = small()  # leaky membranes with synaptic currents; the error reaches hidden_0 directly
    graph = net.graph.signals
    assert edges(graph, "hidden_0.I") == {"hidden_0.I", "stimulus.spike", "stimulus_to_hidden_0.w"}
    assert edges(graph, "hidden_0.teach") >= {"error.spike", "error_to_hidden_0.w"}
    assert edges(graph, "stimulus_to_hidden_0.update") == {
        "stimulus.x",
        "hidden_0.gain",
        "hidden_0.teach",
        "learning",
    }
    assert edges(graph, "hidden_0_to_output.w") == {"hidden_0_to_output.update"}
    way = graph.way("target", "stimulus_to_hidden_0.update")
    assert way is not None and [edge.source for edge in way] == [
        "target",
        "error.shown",
        "error.v",
        "error.spike",
        "hidden_0.teach",
    ]
    assert graph.decision == "output.spike"
    assert "error.spike" not in graph.sources("output.spike", ACTIVITY)
    assert "error.spike" in graph.sources("output.spike")  # by what was learned
    assert graph.way("output.spike", "stimulus.spike") is None
    with pytest.raises(ParameterError, match="no node 'hidden.v'"):
        graph.into("hidden.v")


def test_read_weights_and_sums_are_arrows() -> None:
    graph = rate_networks.rates(feedback.transposed).graph.signals
    (arrow,) = [e for e in graph.into("feedback_output_to_hidden_2.w") if e.kind == "weights"]
    assert arrow.source == "hidden_2_to_output.w"
    scaled = small(total=2.0) if "total" in small.__annotations__ else None
    assert scaled is None or "whole" in {node.kind for node in scaled.graph.signals.nodes.values()}


def test_routes_tell_forward_feedback_and_teaching_apart() -> None:
    graph = small().graph.signals
    served = {(edge.source, edge.target): graph.route(edge) for edge in graph.edges}
    assert served["stimulus.spike", "hidden_0.I"] == "forward"
    assert served["error.spike", "hidden_0.teach"] == "feedback"
    assert served["output.spike", "error.v"] == "feedback"
    assert served["hidden_0.teach", "stimulus_to_hidden_0.update"] == "teaching"
    assert served["hidden_0.spike", "hidden_0.x"] == "local"


# ---- nothing goes by names -----------------------------------------------------------------------
def own(equation: str, takes: dict[str, str]) -> Neurons:
    model = NeuronModel(
        f"{equation}\nx : 1\nd : 1\ngain = 1 : 1",
        threshold="v > 1",
        reset="v = 0\nx += 1",
        parameters={"tau": (20.0, "ms")},
    )
    return Neurons("own", 3, model, takes=takes, offers=("x", "gain", "d"))


def test_an_input_moves_activity_if_the_text_says_so_whatever_it_is_called() -> None:
    apart = own("dv/dt = (I - v)/tau : 1\nI : 1", {"drive": "I", "teach": "d"})
    joined = own("dv/dt = (I + d - v)/tau : 1\nI : 1", {"drive": "I", "teach": "d"})
    renamed = own("dv/dt = (I - v)/tau : 1\nI : 1", {"teach": "I", "drive": "d"})
    assert moving_inputs(apart) == {"drive"}
    assert moving_inputs(joined) == {"drive", "teach"}
    assert moving_inputs(renamed) == {"teach"}
    assert moving_inputs(LIF("h", 2)) == moving_inputs(Rate("r", 2)) == {"drive"}
    assert moving_inputs(LIF("h", 2, tau_s=0.0)) == {"drive"}


def test_a_dendrite_that_moves_the_membrane_makes_feedback_lateral() -> None:
    def described(post: Neurons) -> list[str]:
        net = Network(output="output")
        shown, hidden = net.add(Stimulus("stimulus", 4)), net.add(post)
        output = net.add(LIF("output", 2))
        net.connect(shown, hidden, weights=Normal(1.0))
        net.connect(hidden, output, weights=Normal(1.0))
        net.connect(output, hidden, weights=Normal(1.0), carries={"teach": "x"}, name="back")
        return [p.name for p in net.lateral]

    apart = own("dv/dt = (I - v)/tau : 1\nI : 1", {"drive": "I", "teach": "d"})
    joined = own("dv/dt = (I + d - v)/tau : 1\nI : 1", {"drive": "I", "teach": "d"})
    assert described(apart) == [] and described(joined) == ["back"]


def test_a_text_that_cannot_be_read_names_the_population() -> None:
    wrong = replace(LIF("h", 2), gain="int(x >")
    with pytest.raises(WiringError, match="LIF 'h': .* is not one expression"):
        SignalGraph([wrong], [])


# ---- all kinds -----------------------------------------------------------------------------------
KINDS = [
    pytest.param(make, id=name)
    for name, make in [
        *((f"spiking {w} {p} {r}", lambda w=w, p=p, r=r: every_kind.spiking(w, p, "regular", r))
          for w, p, r in [("dfa", "LIF", "trial"), ("ifa_forward", "ALIF", "feedback"),
                          ("ifa_random", "LIF", "trial"), ("dfa", "Neurons", "feedback"),
                          ("fa", "LIF", "spikes"), ("dfa", "LIF", "superspike")]),
        *((f"rates {w}", lambda w=w: every_kind.rates(w, "tanh", "plain"))
          for w in every_kind.rate_wirings()),
    ]
]  # fmt: skip


@pytest.mark.parametrize("make", KINDS)
def test_the_graph_agrees_with_what_the_network_knows(make: Callable[[], Network]) -> None:
    net = make()
    graph = net.graph.signals
    decides = graph.sources(graph.decision or "", ACTIVITY)
    for p in net.forward:
        assert graph.way(f"{p.pre.name}.{'spike' if p.pre.is_spiking else 'x'}", graph.decision)
    for p in net.feedback.projections if net.feedback else ():
        arrows = [e for e in graph.edges if e.via == p.name and e.kind == "synapse"]
        assert arrows and not any(e.target in decides for e in arrows)
    for p in net.plastic:
        told = "target" in graph.sources(f"{p.name}.update")
        assert told and f"{p.name}.update" in graph.sources(f"{p.name}.w")
    assert all({e.source, e.target} <= {*graph.nodes} for e in graph.edges)


@pytest.mark.parametrize("name", ["spiking_dfa", "rate_dfa"])
def test_graphs_of_models_can_be_drawn_and_exported(name: str, tmp_path: Path) -> None:
    net = models.load(name).describe(datasets.load("digits"), 0, {})
    graph = net.graph.signals
    written = "\n".join(networkx.generate_graphml(graph.to_networkx()))
    again = networkx.read_graphml(io.BytesIO(written.encode()))
    assert set(again.nodes) == set(graph.nodes)
    assert again.number_of_edges() == len(graph.edges)
    assert plotting.save(plotting.signal_graph(net), tmp_path / "a.svg").read_bytes() == (
        plotting.save(plotting.signal_graph(net), tmp_path / "b.svg").read_bytes()
    )


def test_the_command_draws_and_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["apical", "graph", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    data = tmp_path / "made.json"
    assert run("rate_dfa", "--wiring", "fa", "--out", str(data)) == 0
    made = json.loads(data.read_text())
    assert {"kind", "via", "route"} <= {*made["edges"][0]}
    figure = tmp_path / "made.png"
    assert run("spiking_dfa", "--signals", "--out", str(figure)) == 0
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert re.search(r"\d+ nodes, \d+ arrows\.", capsys.readouterr().out)
    assert run("spiking_dfa", "--out", str(figure)) == 0
    assert "4 populations, 6 projections." in capsys.readouterr().out
    assert run("spiking_dfa", "--out", str(tmp_path / "made.pdf")) == 2
    assert "--out must end in .png" in capsys.readouterr().err
    assert run("spiking_dfa", "--out", str(tmp_path / "none" / "made.png")) == 2


def test_rules_that_act_at_a_spike_read_it() -> None:
    graph = every_kind.spiking("dfa", "LIF", "regular", "spikes").graph.signals
    (update,) = [u for u in graph.updates() if u.startswith("stimulus_to")]
    assert "stimulus.spike" in edges(graph, update)
    assert rules.three_factor_at_spikes(0.1).when == "spike"
