"""Mistakes in a neuron model of one's own name the population and the text they stand in."""

from typing import Any

import numpy as np
import pytest

from apical import LIF, Block, Network, NeuronModel, Neurons, Stimulus, encoding, simulate
from apical.errors import ParameterError
from apical.language.own_models import METHODS

LEAKY = "dv/dt = -v/(20*ms) : 1"


def made(equations: str = LEAKY, **given: Any) -> Neurons:
    takes = given.pop("takes", {"drive": "v"})
    model = NeuronModel(equations, **{"threshold": "v > 1", "reset": "v = 0", **given})
    return Neurons("mine", 3, model, takes=takes, offers=("v",))


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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"equations": "dv/dt = (bais - v)/tau : 1"}, "reads 'bais'.*Did you mean 'bias'"),
        ({"threshold": "v > theta"}, "reads 'theta' in 'v > theta'.*these have bias, tau, v"),
        ({"reset": "v = rest"}, "reads 'rest'"),
        ({"equations": "dv/dt = (expp(bias) - v)/tau : 1"}, "calls 'expp'.*Did you mean 'exp'"),
    ],
)
def test_a_name_that_nothing_defines_is_an_unknown_name(given: dict[str, Any], said: str) -> None:
    constants = {"tau": (20.0, "ms"), "bias": (0.5, "1")}
    equations = given.pop("equations", "dv/dt = (bias - v)/tau : 1")
    net = Network(trial=5.0)
    x = net.add(Stimulus("stimulus", 2, encoding.Regular()))
    net.connect(x, net.add(made(equations, parameters=constants, method="euler", **given)))
    with pytest.raises(ParameterError, match=said) as caught:
        simulate(net, "runtime")
    assert "plausible" not in caught.value.message and "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["learned", "learning"])
def test_names_that_synapses_have_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' cannot name a variable.*in synapses"):
        NeuronModel(f"dv/dt = ({name} - v)/(20*ms) : 1\n{name} : 1")


def test_methods_are_those_of_brian2() -> None:
    base = pytest.importorskip("brian2.stateupdaters.base")
    assert {*METHODS} <= {*base.StateUpdateMethod.stateupdaters}
    said = "^Neurons 'mine': method must be one of exact, .*, got 'eulr'"
    with pytest.raises(ParameterError, match=said):
        made(method="eulr")


def test_populations_are_connected_by_what_add_returned() -> None:
    net = Network()
    net.add(LIF("hidden", 3))
    with pytest.raises(ParameterError, match=r"pre must be a Population.*net\.add.*got 'hidden'"):
        net.connect("hidden", "hidden")  # type: ignore[arg-type]


def test_a_variable_that_is_called_like_a_weight_is_refused_by_name() -> None:
    net = Network(trial=5.0)
    x = net.add(Stimulus("stimulus", 2, encoding.Regular()))
    post = net.add(made("dv/dt = -(v + w)/(20*ms) : 1\ndw/dt = -w/(90*ms) : 1"))
    net.connect(x, post)
    with pytest.raises(ParameterError, match="^Neurons 'mine': its equations have a variable 'w'"):
        simulate(net, "runtime").run(Block(np.zeros((1, 2))))
