"""Settling time, read from equations: what counts, what does not, and what is simulated."""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pytest
import rate_networks

from apical import (
    Block,
    Given,
    Network,
    NeuronModel,
    Neurons,
    Rate,
    RateError,
    Stimulus,
    feedback,
    rules,
    simulate,
)
from apical.errors import ParameterError
from apical.network.settling_time import (
    check_settles,
    slowest_chain,
    time_constants,
    unsettled_in_steps,
)
from apical.neurons.base import Population
from apical.neurons.encoding import Graded

TWO_FILTERS = NeuronModel(
    "dx/dt = (current - x)/tau : 1\ndcurrent/dt = (arriving - current)/tau_s : 1",
    parameters={"tau": (12.0, "ms"), "tau_s": (3.0, "ms")},
    method="exponential_euler",
    summed=("arriving",),
)


def own(equations: str, parameters: Any = None, **options: Any) -> Neurons:
    model = NeuronModel(
        equations,
        parameters={"tau": (20.0, "ms")} if parameters is None else parameters,
        method="euler",
        summed=("arriving",),
        **options,
    )
    return Neurons("own", 1, model, takes={"in": "arriving"})


def behind(population: Population, trial: float = 400.0) -> Network:
    """Return a stimulus, a population that it drives, and a read-out."""
    net = Network(trial=trial, output="output")
    shown, post = net.add(Stimulus("stimulus", 1, Graded(5.0))), net.add(population)
    output = net.add(Rate("output", 1, "linear", tau=5.0))
    (taken,) = (name for name, variable in post.inputs.items() if variable == "arriving")
    net.connect(shown, post, weights=Given(np.ones((1, 1))), carries={taken: "x"})
    net.connect(post, output, weights=Given(np.ones((1, 1))))
    return net


# ---- read ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("equations", "parameters", "chain"),
    [
        ("dx/dt = (arriving - x)/tau : 1", {"tau": (20.0, "ms")}, [20.0]),
        ("dx/dt = (tanh(arriving) - x)*rate : 1", {"rate": (20.0, "Hz")}, [50.0]),
        ("dx/dt = arriving/(4*ms) - leak : 1\nleak = x/(8*ms) : Hz", {}, [8.0]),
        ("dv/dt = (arriving - v)/(7*ms) : 1\nx = v*int(v > 0) : 1", {}, [7.0]),
        ("dx/dt = (arriving - x)/tau + 0.1*xi*tau**-0.5 : 1", {"tau": (20.0, "ms")}, [20.0]),
        ("dx/dt = (I - x)/(9*ms) : 1\ndI/dt = (arriving - I)/(9*ms) : 1", {}, [9.0, 9.0]),
        # the slower of two ways, whatever is read first
        ("dx/dt = (a + b - x)/ms : 1\nda/dt = (arriving - a)/(3*ms) : 1\n"
         "db/dt = (arriving - b)/(30*ms) : 1", {}, [30.0, 1.0]),
    ],
)  # fmt: skip
def test_filters_of_neurons_of_ones_own(
    equations: str, parameters: dict[str, tuple[float, str]], chain: list[float]
) -> None:
    assert slowest_chain(behind(own(equations, parameters))) == [5.0, *chain, 5.0]


@pytest.mark.parametrize(
    ("equations", "options"),
    [
        ("dx/dt = (arriving - x**3)/tau : 1", {}),
        ("dx/dt = (arriving - g*x)/tau : 1\ng : 1", {}),
        ("dx/dt = (arriving - x)/(stretch*tau) : 1\nstretch : 1", {}),
        ("dx/dt = arriving/tau : 1", {}),
        ("dx/dt = (arriving + x)/tau : 1", {}),
        ("dx/dt = (arriving - x)/tau : 1", {"at_step": "x = x*int(x > 0)"}),
        ("dx/dt = (arriving - w - x)/tau : 1\ndw/dt = (x - w)/(90*ms) : 1", {}),
        ("dx/dt = (arriving - w - x)/tau : 1\nw : 1", {"at_step": "w = 0.9*w + 0.1*x"}),
        # slow, but nothing that decides or learns depends on it
        ("x = arriving : 1\ndmean/dt = (x - mean)/(500*ms) : 1", {}),
    ],
)
def test_what_is_no_filter_does_not_count(equations: str, options: dict[str, Any]) -> None:
    assert slowest_chain(behind(own(equations, **options))) == [5.0, 5.0]


def test_a_time_constant_is_stated_where_the_equations_do_not_tell_it() -> None:
    @dataclass(frozen=True)
    class Stated(Population):
        neuron: NeuronModel = TWO_FILTERS

        model = property(lambda self: self.neuron)  # type: ignore[assignment]
        inputs = property(lambda self: {"drive": "arriving"})  # type: ignore[assignment]
        signals = property(lambda self: ("x",))  # type: ignore[assignment]
        time_constant = property(lambda self: 33.0)  # type: ignore[assignment]

    curved = own("dx/dt = (arriving - x**3)/tau : 1").neuron
    assert slowest_chain(behind(Stated("own", 1, curved))) == [5.0, 33.0, 5.0]
    assert slowest_chain(behind(Stated("own", 1))) == [5.0, 3.0, 12.0, 5.0]


def test_exact_values_of_time_constants() -> None:
    """A number that was given in ms comes back with the same bits."""
    for tau in (5.0, 0.1, 1 / 3, 17.3, 1e-3, 2.0**-40):
        model = NeuronModel("dx/dt = -x/tau : 1", parameters={"tau": (tau, "ms")})
        assert time_constants(model) == {"x": tau}
    still = NeuronModel("dx/dt = -x/tau : 1", parameters={"tau": (float("inf"), "ms")})
    assert time_constants(still) == {}


def test_a_dendrite_that_an_update_reads_counts() -> None:
    def taught(reads: str) -> list[float]:
        cell = own(
            "dx/dt = (arriving - x)/tau : 1\ndslow/dt = (heard - slow)/(40*ms) : 1\ngain = 1 : 1"
        ).neuron
        cell = NeuronModel(cell.equations, parameters=cell.parameters, summed=("arriving", "heard"))
        takes, offers = {"drive": "arriving", "teach": "heard"}, ("x", "slow", "heard")
        net = Network(trial=900.0)
        shown = net.add(Stimulus("stimulus", 2, Graded(5.0)))
        hidden = net.add(Neurons("hidden", 2, cell, takes=takes, offers=offers))
        output, error = net.add(Rate("output", 2)), net.add(RateError("error", 2, tau=6.0))
        rule = rules.LearningRule("own", f"eta*x_pre*{reads}_post", {"eta": 0.1})
        forward = [net.connect(shown, hidden, rule=rule), net.connect(hidden, output)]
        net.teach(feedback.direct(error, forward))
        return slowest_chain(net)

    assert taught("heard") == [5.0, 20.0, 5.0, 6.0]
    assert taught("slow") == [5.0, 20.0, 5.0, 6.0, 40.0]


def test_what_is_read_is_what_is_missing() -> None:
    """A step through a model of one's own has come as far as is said."""
    net = behind(Neurons("own", 1, TWO_FILTERS, takes={"drive": "arriving"}), trial=90.0)
    chain = slowest_chain(net)
    assert chain == [5.0, 3.0, 12.0, 5.0]
    result = simulate(net, "runtime", dtype="float64", dt=1.0).run(Block(np.ones((1, 1))))
    missing = next(islice(unsettled_in_steps(chain, 1.0), 89, None))
    assert 1 - result.counts["output"].item() == pytest.approx(missing, rel=1e-9)
    assert 1e-4 < missing < 1e-2


def test_a_trial_too_short_for_neurons_of_ones_own_is_refused() -> None:
    net = behind(own("dx/dt = (arriving - x)/tau : 1"), trial=100.0)
    with pytest.raises(ParameterError, match="filters of 2 x 5 ms, 20 ms in a row") as refused:
        check_settles(net, 1.0)
    found = re.search(r"Let it last (\d+) ms or longer\.", str(refused.value))
    assert found, "device 'array' cannot run it, and is not offered"
    check_settles(net.altered(trial=float(found[1])), 1.0)


def test_a_name_that_nothing_defines_is_left_to_brian() -> None:
    wrong = own("dx/dt = (arriving - x + typo)/tau : 1")
    assert slowest_chain(behind(wrong)) == []


def test_a_chain_passes_through_populations_of_a_loop_one_by_one() -> None:
    net = behind(own("dx/dt = (arriving - x)/tau : 1"))
    once = slowest_chain(net)
    net.connect(net.output, net.populations[1], carries={"in": "x"})
    assert slowest_chain(net) == once == [5.0, 20.0, 5.0]


@pytest.mark.parametrize("wiring", ["fa", "dfa", "ifa_forward", "two_phases"])
def test_a_deep_network_has_one_filter_for_each_population(wiring: str) -> None:
    net = rate_networks.rates(feedback.WIRINGS[wiring], (6, *[4] * 30, 3))
    assert slowest_chain(net) == [5.0] * 33
