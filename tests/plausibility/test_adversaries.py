"""Models that cheat are caught, each by the right line; models that do not are let through."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest
import rate_networks
from adversaries import DYNAMIC, SLOW, STATIC, Adversary

from apical import LIF, Network, Stimulus, check, datasets, feedback
from apical.errors import ApicalError, LocalityError, WiringError
from apical.locality_check.synapses import disturb
from apical.plasticity.optimizers import UpdateDynamics
from apical.plasticity.rules import LearningRule
from apical.plausibility import Aspect, audit
from apical.projections.projection import Projection
from apical.scripts import models

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize("adversary", STATIC.values(), ids=STATIC.keys())
def test_cheating_is_seen_in_the_description(adversary: Adversary) -> None:
    net = adversary.network()
    faults = {(f.subject, f.aspect): f for f in audit(net).faults}
    found = faults.get((adversary.subject, adversary.aspect))
    assert found, list(faults)
    assert found.place
    with pytest.raises(LocalityError, match=f"{adversary.subject}: "):
        check(net)


def disturbed(adversary: Adversary, each: int) -> set[tuple[str, Aspect]]:
    net = adversary.network()
    block = (networks if net.is_spiking else rate_networks).trials(3)
    assert block.labels is not None
    devices = ["runtime" if net.is_spiking else "array"]
    card = disturb(net, block.values, block.labels, make=adversary.make, each=each, devices=devices)
    return {(f.subject, f.aspect) for f in card.faults}


@pytest.mark.parametrize("adversary", DYNAMIC.values(), ids=DYNAMIC.keys())
def test_cheating_shows_when_something_is_disturbed(adversary: Adversary) -> None:
    assert (adversary.subject, adversary.aspect) in disturbed(adversary, 2)


@pytest.mark.slow
@pytest.mark.parametrize("adversary", SLOW.values(), ids=SLOW.keys())
def test_cheating_shows_between_spikes(adversary: Adversary) -> None:
    assert (adversary.subject, adversary.aspect) in disturbed(adversary, 1)


def projected(update: str) -> Projection:
    return Projection(Stimulus("x", 3), LIF("y", 2), rule=LearningRule("cheat", update))


REFUSED: dict[str, tuple[Callable[[], Any], type[ApicalError], str]] = {
    "a sum over the population": (
        lambda: LearningRule("cheat", "eta * sum(x_post)", {"eta": 1.0}),
        LocalityError,
        "calls 'sum'",
    ),
    "a total without a place": (
        lambda: LearningRule("cheat", "x_pre / total"),
        LocalityError,
        "reads 'total'",
    ),
    "the number of neurons": (
        lambda: LearningRule("cheat", "x_pre / N_post", {"N_post": 3.0}),
        LocalityError,
        "N_post",
    ),
    "weights of others as a parameter": (
        lambda: LearningRule("cheat", "x_pre * back", {"back": np.ones(3)}),  # type: ignore[dict-item]
        LocalityError,
        "an array would tell a synapse about other synapses",
    ),
    "another neuron by its number": (
        lambda: LearningRule("cheat", "x_post[0]"),
        LocalityError,
        "uses Subscript",
    ),
    "the label": (
        lambda: projected("x_pre * label_post"),
        WiringError,
        "reads 'label_post'",
    ),
    "the weights of the next synapse": (
        lambda: projected("x_pre * w_post"),
        WiringError,
        "reads 'w_post'",
    ),
    "the mean update of all synapses": (
        lambda: UpdateDynamics("cheat", {"m": 0.0}, (), "update - mean_update"),
        LocalityError,
        "uses 'mean_update'",
    ),
}


@pytest.mark.parametrize(("write", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_cheating_cannot_be_written_down(
    write: Callable[[], Any], error: type[ApicalError], message: str
) -> None:
    with pytest.raises(error, match=message):
        write()


# Those that do not cheat -------------------------------------------------------------------------


@pytest.mark.parametrize("wiring", ["fa", "dfa", "ifa"])
@pytest.mark.parametrize("output", ["logistic", "softmax"])
def test_what_is_local_is_let_through(wiring: str, output: str) -> None:
    block = rate_networks.trials(3)
    assert block.labels is not None
    net = rate_networks.rates(feedback.WIRINGS[wiring], output=output)
    card = disturb(net, block.values, block.labels, each=4, devices=["array"])
    assert card.is_local, str(card)
    about = {f.subject for f in card.about("locality")}
    assert about == {"network", *(p.name for p in net.plastic)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "when", ["trial", "spike", pytest.param("feedback", marks=pytest.mark.thorough)]
)
def test_what_is_local_is_let_through_between_spikes(when: Any) -> None:
    block = networks.trials(3)
    assert block.labels is not None
    card = disturb(networks.small(when), block.values, block.labels, each=1)
    assert card.is_local, str(card)


def described() -> list[tuple[str, dict[str, Any]]]:
    """Return every shipped model under every choice of its options."""
    found: list[tuple[str, dict[str, Any]]] = []
    for path in sorted(SHIPPED.glob("*.py")):
        if models.is_study(path):
            continue
        model = models.load(str(path))
        found.append((path.stem, {}))
        found += [(path.stem, {o.name: c}) for o in model.options for c in o.choices]
    return found


@pytest.mark.parametrize(("name", "options"), described(), ids=str)
def test_shipped_models_are_local_but_for_backpropagation(
    name: str, options: dict[str, Any]
) -> None:
    network = models.load(str(SHIPPED / f"{name}.py")).describe(datasets.load("digits"), 0, options)
    card = audit(network)
    if "bp" in options.values():
        assert {f.aspect for f in card.faults} == {"weight transport", "feedback"}
        assert all(f.subject.startswith("feedback_") for f in card.faults)
    else:
        assert card.is_local, str(card.faults)
    assert {f.place.partition(":")[0].rpartition("/")[2] for f in card.findings} == {f"{name}.py"}


def study(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"study_{name}", SHIPPED / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("wiring", ["bp", "fa", "dfa"])
def test_networks_of_studies_are_local_but_for_backpropagation(wiring: str) -> None:
    data = datasets.load("digits")
    nets: list[Network] = [
        study("Lillicrap_2016_linear").network(0, wiring),
        study("Meulemans_2021_autoencoder").network(64, 0, wiring, (40, 10, 40)),
        study("Nokland_2016_frozen").network(data, 0, wiring, 1e-4, (40, 40)),
    ]
    if wiring == "dfa":
        nets.append(study("Refinetti_2021_align").network(data, 0, 30, 3, 0.1))
    for net in nets:
        assert audit(net).is_local is (wiring != "bp")
        block = np.random.default_rng(0).random((3, net.stimulus.size))
        card = disturb(net, block, np.array([0, 1, 2]), each=2, devices=["array"])
        assert card.is_local is (wiring != "bp"), str(card)
