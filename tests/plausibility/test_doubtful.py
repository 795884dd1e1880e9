"""What a description probably does not mean is said, and nothing else."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import every_kind
import numpy as np
import pytest
from click.testing import CliRunner
from networks import small
from rate_networks import rates

from apical import (
    LIF,
    Error,
    LearningRule,
    Network,
    NeuronModel,
    Neurons,
    Stimulus,
    Zero,
    check,
    feedback,
    rules,
)
from apical.cli.app import commands
from apical.data.datasets import blobs
from apical.neurons.encoding import Graded
from apical.plasticity.traces import Trace
from apical.scripts import models

MODELS = Path(__file__).parents[2] / "models"


def doubts(net: Network) -> dict[str, str]:
    """Return what is doubted, by what it is about."""
    found = check(net).about("description")
    assert {f.level for f in found if "nothing learns" not in f.reason} <= {"doubtful", "local"}
    return {f.subject: f.reason for f in found if f.level == "doubtful"}


def with_neuron(**options: Any) -> Network:
    return small(neuron=options)


def with_rule(change: Callable[[LearningRule], LearningRule]) -> Network:
    net = small()
    return net.altered(
        projection=lambda p: (
            replace(p, rule=change(p.rule)) if p.rule and p.post.name == "output" else p
        )
    )


def extra(connect: Callable[[Network, LIF], Any]) -> Network:
    net = small()
    more = net.add(LIF("more", 2))
    connect(net, more)
    return net


def own(model: NeuronModel, signals: tuple[str, ...]) -> Network:
    net = Network(trial=40.0)
    x = net.add(Stimulus("x", 2))
    net.connect(x, net.add(Neurons("y", 2, model, {"drive": "v"}, signals)))
    return net


IN_SECONDS = {"tau": (0.02, "ms")}
LEAKY = NeuronModel("dv/dt = -v/tau : 1\nx : 1", "v > 1", "v = 0", parameters={"tau": (20.0, "ms")})


def untaught() -> Network:
    """A second hidden population that feedback does not reach."""
    net = Network(trial=40.0)
    x, y, error = net.add(Stimulus("x", 2)), net.add(LIF("y", 2)), net.add(Error("error", 4))
    h = net.add(LIF("h", 3))
    rule = rules.three_factor(0.1)
    first = net.connect(x, h, rule=rule)
    second = net.connect(h, y, rule=rule)
    net.teach(feedback.direct(error, [second]))
    assert first.rule is rule
    return net


CASES: Mapping[str, tuple[Callable[[], Network], dict[str, str]]] = {
    "unconnected": (lambda: extra(lambda net, more: None), {"more": "no projection joins it"}),
    "joined to itself": (
        lambda: extra(lambda net, more: net.connect(more, more)),
        {"more": "no projection joins"},
    ),
    "hears nothing": (
        lambda: extra(lambda net, more: net.connect(more, net.output)),
        {"more": "no projection drives it, so no stimulus reaches it"},
    ),
    "nobody hears": (
        lambda: extra(lambda net, more: net.connect(net.stimulus, more)),
        {"more": "no projection leaves it, and it is not the output: it has no effect"},
    ),
    "membrane in seconds": (
        lambda: with_neuron(tau_m=0.02),
        dict.fromkeys(
            ("hidden_0", "output"),
            "tau_m=0.02 is in milliseconds; if 0.02 seconds were meant, write tau_m=20",
        ),
    ),
    "refractory in seconds": (
        lambda: with_neuron(refractory=2.0).altered(
            population=lambda p: replace(p, refractory=0.002) if p.name == "output" else p
        ),
        {"output": "refractory=0.002 is in milliseconds; .* write refractory=2"},
    ),
    "encoder in seconds": (
        lambda: rates().altered(
            population=lambda p: (
                replace(p, encoder=Graded(tau=0.005)) if isinstance(p, Stimulus) else p
            )
        ),
        {"stimulus": "tau=0.005 is in milliseconds; .* write tau=5"},
    ),
    "trial in seconds": (
        lambda: small().altered(trial=0.35),
        {"network": "trial=0.35 .* write trial=350"},
    ),
    "trace in seconds": (
        lambda: with_rule(
            lambda rule: replace(
                rule, update=f"{rule.update} * kept", traces={"kept": Trace("x_pre", 0.02)}
            )
        ),
        {"hidden_0_to_output": "tau of kept=0.02 is in milliseconds"},
    ),
    "own neurons in seconds": (
        lambda: own(replace(LEAKY, reset="v = 0\nx += 1", parameters=IN_SECONDS), ("x",)),
        {"y": "tau=0.02 is in milliseconds; .* write tau=20"},
    ),
    "a signal that nobody writes": (
        lambda: own(LEAKY, ("x", "v")),
        {"y": "it offers 'x', but neither equations nor"},
    ),
    "a signal that is only compared": (
        lambda: own(replace(LEAKY, reset="v = int(x == 0)"), ("x",)),
        {"y": "it offers 'x', but"},
    ),
    "no learning rate": (
        lambda: with_rule(lambda rule: replace(rule, parameters={"eta": 0.0})),
        {"hidden_0_to_output": r"rule .* can never change a weight: eta is 0$"},
    ),
    "no gain": (
        lambda: small().altered(
            population=lambda p: replace(p, gain="0*x") if p.name == "hidden_0" else p
        ),
        {"stimulus_to_hidden_0": "can never change a weight: gain of hidden_0 is 0"},
    ),
    "feedback that does not reach": (
        untaught,
        {"x_to_h": "can never change a weight: no feedback arrives at h"},
    ),
    "feedback of nothing": (
        lambda: small(wiring=lambda e, forward: feedback.direct(e, forward, Zero())),
        {"stimulus_to_hidden_0": "can never change a weight: no feedback arrives at hidden_0"},
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_what_is_probably_not_meant_is_said(what: str) -> None:
    make, wanted = CASES[what]
    found = doubts(make())
    assert set(found) == set(wanted)
    for subject, words in wanted.items():
        assert re.search(words, found[subject]), found[subject]


def test_a_network_in_which_nothing_learns_is_told_so() -> None:
    (found,) = [f for f in check(own(LEAKY, ("x",))).about("description") if f.level == "noted"]
    assert found.subject == "network" and "give one, as in connect(..., rule=...)" in found.reason


def test_a_doubt_is_no_fault() -> None:
    card = check(with_neuron(tau_m=0.02))
    assert card.is_local and card.counts["doubtful"] == 2
    assert card.as_dict()["counts"]["doubtful"] == 2


SHIPPED = [path for path in sorted(MODELS.glob("*.py")) if not models.is_study(path)]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_nothing_is_doubted_of_shipped_models(path: Path) -> None:
    data = replace(blobs(n_inputs=64, rng=np.random.default_rng(0)), shape=(8, 8))
    assert not doubts(models.load(str(path)).build(data, 0))


def test_nothing_is_doubted_of_any_kind_of_network() -> None:
    nets = [every_kind.spiking(*case) for case in every_kind.covering(every_kind.SPIKING, 1)]
    nets += [every_kind.rates(*case) for case in every_kind.covering(every_kind.RATES, 1)]
    nets += [make() for make in every_kind.OPTIONS.values()]
    assert [doubts(net) for net in nets] == [{}] * len(nets)


SCRIPT = '''"""Seconds."""
from apical import LIF, Error, Network, Stimulus, feedback, rules


def build(data, seed):
    net = Network(seed=seed, trial=100.0)
    x, y = net.add(Stimulus("x", data.n_inputs)), net.add(LIF("y", data.n_classes, tau_m=0.02))
    net.connect(x, y, rule=rules.three_factor(0.1))
    net.teach(feedback.direct(net.add(Error("error", 2 * data.n_classes)), net.forward))
    return net
'''


def test_the_command_says_it_where_the_eye_ends(tmp_path: Path) -> None:
    script = tmp_path / "seconds.py"
    script.write_text(SCRIPT)
    found = CliRunner().invoke(commands, ["check", str(script)])
    assert found.exit_code == 0 and "1 doubtful" in found.output.replace("\n", " ")
    assert "description: y: tau_m=0.02 is in milliseconds" in found.output.splitlines()[-1]


def test_populations_that_only_hear_each_other_are_doubted() -> None:
    net = small()
    more = [net.add(LIF(name, 2)) for name in ("a", "b")]
    net.connect(*more), net.connect(*more[::-1])
    assert set(doubts(net)) == {"a", "b"}
    assert "no path joins it to the stimulus or the output" in doubts(net)["a"]
    net.connect(more[1], net.output)
    assert not doubts(net)


@pytest.mark.parametrize(
    ("slope", "options", "doubted"),
    [
        ("-x/tau", {}, True),
        ("-x / tau * (1 + v)", {}, True),
        ("-x/tau", {"initial": {"x": 1.0}}, False),
        ("-x/tau", {"reset": "v = 0; x += 1"}, False),
        ("(v - x)/tau", {}, False),
        ("(v**2 - x)/tau", {}, False),
    ],
)
def test_a_signal_that_only_decays_is_never_written(
    slope: str, options: dict[str, Any], doubted: bool
) -> None:
    """The line that is forgotten: what a spike does to the trace."""
    net = small()
    model = NeuronModel(
        f"dv/dt = -v/tau : 1\ndx/dt = {slope} : 1",
        **{"threshold": "v > 1", "reset": "v = 0", "parameters": {"tau": (9.0, "ms")}, **options},
    )
    own = net.add(Neurons("own", 2, model, takes={"drive": "v"}, offers=("x",)))
    net.connect(net.stimulus, own), net.connect(own, net.output)
    found = doubts(net)
    assert ("it offers 'x'" in found.get("own", "")) == doubted
