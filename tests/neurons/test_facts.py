"""Populations are what they say of themselves: nobody asks of which class they are."""

import ast
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, ClassVar, Self

import networks
import numpy as np
import pytest
import rate_networks

import apical
from apical import LIF, Bias, Block, Error, Network, Stimulus, feedback, simulate
from apical.errors import WiringError
from apical.language.activations import Activation
from apical.neurons.base import POPULATIONS, NeuronModel, Population
from apical.neurons.encoding import Escape
from apical.neurons.facts import ROLES, Assumption, Role
from apical.plausibility import audit

# kinds of another package -------------------------------------------------------------------------


@dataclass(frozen=True)
class Foreign(Population):
    """Neurons of another package: they have the equations of `like`, and none of its classes."""

    like: Population | None = None

    @property
    def own(self) -> Any:
        """Where equations are looked up."""
        assert self.like is not None
        return self.like

    @property
    def model(self) -> NeuronModel:
        return self.own.model

    @property
    def inputs(self) -> Mapping[str, str]:
        return self.own.inputs

    @property
    def signals(self) -> tuple[str, ...]:
        return self.own.signals


class ForeignLIF(Foreign):
    @property
    def slope(self) -> str:
        return self.own.gain

    @property
    def has_apical_dendrite(self) -> bool:
        return True

    @property
    def tau_teach(self) -> float:
        return self.own.tau_teach

    @property
    def fires_alone(self) -> bool:
        return bool(self.own.bias)


class ForeignError(Foreign):
    role: ClassVar[Role] = "error"

    @property
    def is_paired(self) -> bool:
        return True

    @property
    def n_classes(self) -> int:
        return self.size // 2

    @property
    def push_pull(self) -> float:
        return 1.0


class ForeignRelay(Foreign):
    role: ClassVar[Role] = "relay"

    @property
    def is_paired(self) -> bool:
        return True

    @property
    def relays(self) -> Population:
        return self.own.of

    def relaying(self, population: Population) -> Self:
        return replace(self, like=replace(self.own, of=population))


class ForeignRate(Foreign):
    @property
    def is_spiking(self) -> bool:
        return False

    @property
    def curve(self) -> Activation:
        return self.own.curve

    @property
    def slope(self) -> str:
        return self.own.slope

    @property
    def gain_is_slope(self) -> bool:
        return self.own.gain == "slope"

    @property
    def has_apical_dendrite(self) -> bool:
        return True


class ForeignRateError(Foreign):
    role: ClassVar[Role] = "error"

    @property
    def comparison(self) -> str:
        return "shown - drive"


class ForeignTarget(Foreign):
    role: ClassVar[Role] = "target"


class ForeignBias(Foreign):
    role: ClassVar[Role] = "bias"


TWINS = {
    "LIF": ForeignLIF,
    "Error": ForeignError,
    "Relay": ForeignRelay,
    "Rate": ForeignRate,
    "RateError": ForeignRateError,
    "RateTarget": ForeignTarget,
    "Bias": ForeignBias,
}


def foreign(network: Network) -> Network:
    """Return the same network of populations that are of none of the package's classes."""

    def twin(population: Population) -> Population:
        kind = TWINS.get(type(population).__name__)
        return kind(population.name, population.size, like=population) if kind else population

    return network.altered(population=twin)


SPIKING = {
    "direct": feedback.direct,
    "relays": partial(feedback.indirect, relay="random"),
    "forward": feedback.indirect,
}
RATES = {
    "direct": feedback.direct,
    "layerwise": feedback.layerwise,
    "indirect": feedback.indirect,
    "target": feedback.target_projection,
}
ALL = [("spiking", name) for name in SPIKING] + [("rates", name) for name in RATES]


def both(kind: str, wiring: str) -> tuple[Network, Network]:
    """Return a network of the package's classes, and the same of foreign ones."""
    if kind == "spiking":
        network = networks.small(hidden=(8, 7), wiring=SPIKING[wiring])
    else:
        network = rate_networks.rates(RATES[wiring])
    return network, foreign(network)


@pytest.mark.parametrize(("kind", "wiring"), ALL)
def test_the_graph_asks_for_facts(kind: str, wiring: str) -> None:
    own, other = both(kind, wiring)
    assert {type(p).__module__ for p in other.populations if p.role != "stimulus"} == {__name__}
    assert other.output.name == own.output.name
    for part in ("populations", "projections", "forward", "lateral"):
        here, there = (getattr(n.graph, part) for n in (own, other))
        assert [p.name for p in here] == [p.name for p in there]


@pytest.mark.parametrize(("kind", "wiring"), ALL)
def test_the_scorecard_asks_for_facts(kind: str, wiring: str) -> None:
    here, there = (
        [replace(f, place="", alignment=()) for f in audit(network).findings]
        for network in both(kind, wiring)
    )
    # texts of classes of this package are not read, since they have been reviewed
    read = ("reads i, the number of the neuron", "itself (linked), not by a synapse")
    own = [f for f in there if not any(words in f.reason for words in read)]
    assert here == own


@pytest.mark.parametrize("wiring", SPIKING)
@pytest.mark.slow
def test_spiking_networks_learn_the_same_bits(wiring: str) -> None:
    _same(*(_learned(network, "runtime", networks.trials) for network in both("spiking", wiring)))


@pytest.mark.parametrize("wiring", RATES)
def test_rates_on_arrays_learn_the_same_bits(wiring: str) -> None:
    _same(*(_learned(network, "array", _rate_trials) for network in both("rates", wiring)))


@pytest.mark.slow
def test_rates_in_brian_learn_the_same_bits() -> None:
    _same(*(_learned(network, "runtime", _rate_trials) for network in both("rates", "direct")))


def _learned(network: Network, device: Any, trials: Any) -> dict[str, np.ndarray]:
    simulator = simulate(network, device=device)
    before = simulator.state
    simulator.run(trials(3, learning=1.0))
    for p in network.plastic:
        assert not np.array_equal(simulator.state[f"{p.name}.w"], before[f"{p.name}.w"])
    return {p.name: simulator.weights(p) for p in network.projections}


def _rate_trials(n: int, learning: float) -> Block:
    rng = np.random.default_rng(0)
    return Block(rng.random((n, 6)), rng.integers(0, 3, n), learning)


def _same(here: Mapping[str, np.ndarray], there: Mapping[str, np.ndarray]) -> None:
    assert here.keys() == there.keys()
    for name, weights in here.items():
        np.testing.assert_array_equal(weights, there[name], err_msg=name)


# what is asked of a kind that says little ---------------------------------------------------------


class Silent(Foreign):
    """Says nothing of itself but what it must."""


def test_who_says_nothing_is_neutral() -> None:
    silent = Silent("silent", 4, like=Bias("x"))
    assert silent.role == "neurons"
    assert not silent.settles
    assert silent.assumptions == ()
    assert silent.slope == ""
    assert silent.summing() is silent.at_once(1.0) is silent.remembering(5.0) is silent
    assert silent.varied(0.1, 0.1) is silent.waiting(1.0, 10.0) is None
    assert silent.relaying(silent) is silent.without_pause(5.0, 0.1) is silent
    assert silent.forgetting(20.0, 5.0, 100.0) is silent
    assert silent.firing(0.1) is silent.hearing_noise(0.1, 1.0, 100.0) is None
    assert silent.overlooking(0.1, 100.0) is silent.telling(3, 100.0) is None
    assert silent.keeping("size") is None


@pytest.mark.parametrize(
    ("value", "facts"),
    [
        (None, "relays curve time_constant norm tau_teach plateau levels keeps"),
        (False, "is_told serves_learning is_paired is_custom gain_is_slope is_softmax"),
        (False, "is_spiking fires_alone has_apical_dendrite"),
        (0.0, "refractory unreliable noise explores nudge teach_noise push_pull overlooks wait"),
        (1, "frames"),
        (1.0, "stands_for"),
        (4, "n_classes"),
        (inf, "tau_x"),
        ({}, "hears"),
        ("", "comparison"),
        ("x", "moved"),
        ("arrives", "dendrite"),
    ],
)
def test_facts_that_nobody_states_are_neutral(value: object, facts: str) -> None:
    silent = Silent("silent", 4, like=Bias("x"))
    for name in facts.split():
        found = getattr(silent, name)
        assert found == value and type(found) is type(value), name


def test_encoders_state_the_facts_of_their_stimulus() -> None:
    assert Stimulus("s", 3).refractory == 0.0
    assert Stimulus("s", 3, Escape(refractory=3.0)).refractory == 3.0


def test_a_label_that_is_filtered_is_an_assumption() -> None:
    assert Error("e", 4).assumptions == ()
    (delays,) = Error("e", 4, tau_label=5.0).assumptions
    assert (delays.aspect, delays.level) == ("delays", "local") and "5 ms" in delays.reason
    assert Error("e", 4, wait=30.0).at_once(2.0) == Error("e", 4, wait=2.0)
    assert Error("e", 4, frames=7).at_once(2.0) == Error("e", 4)


def test_only_populations_are_registered_by_other_packages() -> None:
    assert POPULATIONS._fits(LIF)
    for wrong in (int, 3, LIF("h", 1)):
        assert POPULATIONS._fits(wrong) is False


def test_a_relay_must_say_how_it_is_given_another_population() -> None:
    class Stubborn(ForeignRelay):
        relaying = Population.relaying

    network = networks.small(hidden=(8, 7), wiring=SPIKING["relays"])
    relay = next(p for p in network.populations if p.relays)
    network.populations[network.populations.index(relay)] = Stubborn("relay", 14, like=relay)
    with pytest.raises(WiringError, match="method 'relaying'"):
        foreign(network)


def test_only_error_neurons_begin_feedback() -> None:
    network = networks.small()
    with pytest.raises(WiringError, match="'output' has the role 'neurons'"):
        feedback.direct(network.output, network.forward)


def test_who_shows_stimuli_is_a_stimulus() -> None:
    class Shows(Foreign):
        role: ClassVar[Role] = "stimulus"

    network = Network()
    network.add(Shows("shows", 3, like=Stimulus("s", 3)))
    with pytest.raises(WiringError, match="whose encoder may be one of your own"):
        _ = network.stimulus


def test_what_a_kind_assumes_is_on_the_scorecard() -> None:
    class Frank(ForeignLIF):
        @property
        def assumptions(self) -> tuple[Assumption, ...]:
            return (Assumption("precision", "idealised", "it counts without end"),)

    network = networks.small().altered(
        population=lambda p: Frank(p.name, p.size, like=p) if p.name == "hidden_0" else p
    )
    said = [f for f in audit(network).findings if f.subject == "hidden_0"]
    assert ("precision", "it counts without end") in [(f.aspect, f.reason) for f in said]


def test_labels_are_for_those_who_are_told() -> None:
    model = NeuronModel("x : 1\nv : 1", threshold="v > 1", at_trial="v = label(t, i)")

    class Cheat(Foreign):
        @property
        def model(self) -> NeuronModel:
            return model

    network = networks.small()
    network.add(Cheat("cheat", 3, like=network.output))
    assert [f.subject for f in audit(network).faults] == ["cheat"]


# nobody asks for classes --------------------------------------------------------------------------

SOURCE = Path(apical.__file__).parent


def kinds(base: type[Population] = Population) -> Iterator[type[Population]]:
    """Yield `Population` and every kind that the package derives from it."""
    yield base
    for kind in base.__subclasses__():
        if kind.__module__.startswith("apical."):
            yield from kinds(kind)


def every_kind() -> set[type[Population]]:
    for path in (SOURCE / "neurons").glob("*.py"):
        importlib.import_module(f"apical.neurons.{path.stem}")
    return set(kinds())


def test_every_kind_has_a_known_role_and_documents_no_fact_again() -> None:
    found = every_kind()
    assert {kind.role for kind in found} == set(ROLES)
    shared = [name for name, fact in vars(Population).items() if isinstance(fact, property)]
    assert all(getattr(Population, name).__doc__ for name in shared if not name.startswith("_"))
    # a fact that is a field has a default, or the dataclass would take the fact itself for one
    for kind in found:
        assert not [f.name for f in fields(kind) if isinstance(f.default, property)]


def test_classes_of_populations_are_asked_for_in_their_own_folder() -> None:
    names = {kind.__name__ for kind in every_kind()}
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path.parent != SOURCE / "neurons":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            own = names | _other_names(tree, names)
            found += [f"{path.relative_to(SOURCE)}:{line}" for line in _asked_for(tree, own)]
    assert len(found) < 20, "Ask for a fact of apical.neurons.base.Population: " + ", ".join(found)


def _other_names(tree: ast.Module, names: set[str]) -> set[str]:
    """Return what classes are called where a module gives them, or several, a name of its own."""
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {a.asname for a in node.names if a.asname and a.name in names}
        elif isinstance(node, ast.Assign) and isinstance(
            node.value, ast.Name | ast.BinOp | ast.Tuple
        ):
            known = bool(_read(node.value) & names)
            found |= {t.id for t in node.targets if known and isinstance(t, ast.Name)}
    return found


def _asked_for(tree: ast.Module, names: set[str]) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("isinstance" | "issubclass"), args=[_, kind]):
                if _read(kind) & names:
                    yield node.lineno
            case ast.MatchClass(cls=kind) if _read(kind) & names:
                yield node.lineno


def _read(node: ast.AST) -> set[str]:
    """Return the names that an expression reads, attributes of modules among them."""
    plain = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return plain | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
