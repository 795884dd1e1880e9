"""Mistakes in a neuron model of one's own name the population and the text they stand in."""

from typing import Any

import pytest

from apical import LIF, Network, NeuronModel, Neurons
from apical.errors import ParameterError
from apical.neurons.base import METHODS

LEAKY = "dv/dt = -v/(20*ms) : 1"


def made(equations: str = LEAKY, **given: Any) -> Neurons:
    takes = given.pop("takes", {"drive": "v"})
    model = NeuronModel(equations, **{"threshold": "v > 1", "reset": "v = 0", **given})
    return Neurons("mine", 3, model, takes=takes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"equations": "dv/dt = -v/(20*ms : 1"}, "equations cannot be read"),
        ({"equations": "v is a voltage"}, "equations cannot be read: 'v is a voltage'"),
        ({"equations": "dv/dt = -v +* 1 : 1"}, "equations cannot be read"),
        ({"threshold": "v >> "}, "threshold cannot be read: 'v >> '"),
        ({"refractory": "v > > 1"}, "refractory cannot be read"),
        ({"reset": "v = = 0"}, "reset cannot be read"),
        ({"reset": "v"}, "reset cannot be read: 'v' is not a statement"),
        ({"at_trial": "v = 0; u = 1"}, "at_trial sets 'u', which its equations do not have"),
        ({"at_step": "u += v"}, "at_step sets 'u'.*they have v"),
        ({"reset": "u = 0"}, "reset sets 'u'"),
        ({"takes": {"drive": "I"}}, "takes names 'I', which its equations do not have"),
    ],
)
def test_a_mistake_in_a_text_names_population_and_text(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=f"^Neurons 'mine': (its )?{said}") as caught:
        made(**given)
    assert caught.value.object == "Neurons 'mine'"
    assert str(caught.value).count(".py:") == 1


def test_values_that_statements_hold_for_later_ones_are_no_mistake() -> None:
    assert made(reset="before = v; v = 0.1*before").size == 3
    assert made(refractory="2*ms", at_step="lastspike = lastspike").size == 3


@pytest.mark.parametrize("name", ["w", "learning"])
def test_names_that_synapses_have_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' cannot name a variable.*in synapses"):
        NeuronModel(f"dv/dt = ({name} - v)/(20*ms) : 1\n{name} : 1")


def test_methods_are_those_of_brian2() -> None:
    base = pytest.importorskip("brian2.stateupdaters.base")
    assert {*METHODS} <= {*base.StateUpdateMethod.stateupdaters}
    with pytest.raises(ParameterError, match="method must be one of exact, .*, got 'eulr'"):
        NeuronModel(LEAKY, method="eulr")


def test_populations_are_connected_by_what_add_returned() -> None:
    net = Network()
    net.add(LIF("hidden", 3))
    with pytest.raises(ParameterError, match=r"pre must be a Population.*net\.add.*got 'hidden'"):
        net.connect("hidden", "hidden")  # type: ignore[arg-type]
