"""The order of a description decides nothing: who decides, what is on the way, which bits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apical import (
    LIF,
    Bias,
    Block,
    ConductanceLIF,
    Error,
    FanIn,
    Given,
    Identity,
    Network,
    Normal,
    Rate,
    RateError,
    Stimulus,
    Uniform,
    Zero,
    check,
    feedback,
    hypotheses,
    rules,
    simulate,
)
from apical.errors import ParameterError, WiringError
from apical.neurons.base import Population
from apical.neurons.encoding import Graded, Regular
from apical.projections.projection import Projection

Edge = tuple[str, str, dict[str, Any]]
LEARNS = rules.three_factor(0.1)


class Plan:
    """Populations and projections to be described in any order.

    `later` are projections that nobody who teaches needs to know of, so they may also come last.
    """

    def __init__(
        self,
        populations: Sequence[Population],
        edges: Sequence[Edge],
        later: Sequence[Edge],
        error: Population | None,
        trial: float = 40.0,
        **options: Any,
    ) -> None:
        self.populations, self.edges, self.later = list(populations), list(edges), list(later)
        self.error, self.trial, self.options = error, trial, options

    def described(
        self, add: Sequence[int], join: Sequence[int], late: frozenset[int] = frozenset()
    ) -> Network:
        """Describe all, in the orders given; `late` of `later` come after teaching."""
        net = Network(seed=3, trial=self.trial, **self.options)
        known: dict[str, Population] = {}
        for k in add:
            known[self.populations[k].name] = net.add(self.populations[k])
        every = [*self.edges, *self.later]
        after = {len(self.edges) + k for k in late}
        for k in [k for k in join if k not in after]:
            _connect(net, known, every[k])
        if self.error is not None:
            net.teach(feedback.direct(known["error"], net.forward))  # type: ignore[arg-type]
        for k in [k for k in join if k in after]:
            _connect(net, known, every[k])
        return net

    @property
    def usual(self) -> Network:
        n = len(self.populations), len(self.edges) + len(self.later)
        return self.described(range(n[0]), range(n[1]))


def _connect(net: Network, known: Mapping[str, Population], edge: Edge) -> None:
    pre, post, options = edge
    net.connect(known[pre], known[post], **options)


def parallel() -> Plan:
    """Two hidden populations side by side, a connection that skips them, and biases."""
    x, bias = Stimulus("stimulus", 6, Graded()), Bias("bias")
    zeta, alpha = Rate("zeta", 5, unreliable=0.3), Rate("alpha", 4, unreliable=0.3)
    y, error = Rate("output", 3, "logistic", gain="one"), RateError("error", 3)
    fan = {"weights": FanIn(), "rule": LEARNS}
    to = ["zeta", "alpha", "output"]
    edges = [("stimulus", post, fan) for post in to]
    edges += [("zeta", "output", fan), ("alpha", "output", fan)]
    edges += [("bias", post, {"weights": Zero(), "rule": LEARNS}) for post in to]
    lateral = [("zeta", "alpha", {"weights": FanIn()})]
    return Plan([x, bias, zeta, alpha, y, error], edges, lateral, error, trial=200.0)


def recurrent() -> Plan:
    """Spikes: recurrent, lateral and returning projections, one that skips, synapses that fail."""
    x = Stimulus("stimulus", 6, Regular(300.0))
    h, g, y = LIF("hidden", 5, bias=0.8), LIF("beside", 4, bias=0.8), LIF("output", 3, bias=1.5)
    error = Error("error", 6)
    on = {"weights": Normal(0.7), "rule": LEARNS, "release": 0.8}
    edges = [("stimulus", "hidden", on), ("stimulus", "beside", on), ("hidden", "output", on)]
    edges += [("beside", "output", on), ("stimulus", "output", on)]
    fixed = {"weights": Normal(0.4), "release": 0.7}
    later = [(a, a, fixed) for a in ("hidden", "output")]
    later += [("hidden", "beside", fixed), ("beside", "hidden", fixed), ("output", "hidden", fixed)]
    return Plan([x, h, g, y, error], edges, later, error)


def competing() -> Plan:
    """Nobody teaches; excitatory neurons that learn, with interneurons that inhibit them."""
    x = Stimulus("stimulus", 5, Regular(400.0), tau_x=10.0)
    e = ConductanceLIF("learners", 3, rise=0.1, fades=0.1)
    i = ConductanceLIF("others", 3, tau_m=5.0, e_excite=3.0)
    stdp = {"weights": Uniform(0.6, positive=True), "rule": rules.stdp(0.1), "bounds": (0.0, 1.0)}
    edges = [
        ("stimulus", "learners", stdp),
        ("learners", "others", {"weights": Identity(8.0)}),
        (
            "others",
            "learners",
            {"weights": Given(0.3 * (1 - np.eye(3))), "carries": {"inhibit": "x"}},
        ),
    ]
    return Plan([x, e, i], edges, [], None)


PLANS: Mapping[str, tuple[Callable[[], Plan], str]] = {
    "parallel": (parallel, "array"),
    "recurrent": (recurrent, "runtime"),
    "competing": (competing, "runtime"),
}


def orders(plan: Plan) -> Any:
    n, m = len(plan.populations), len(plan.edges) + len(plan.later)
    if not plan.later:
        return st.tuples(st.permutations(range(n)), st.permutations(range(m)))
    late = st.frozensets(st.integers(0, len(plan.later) - 1))
    return st.tuples(st.permutations(range(n)), st.permutations(range(m)), late)


def trials(net: Network, n: int = 3) -> Block:
    rng = np.random.default_rng(0)
    values, labels = rng.random((n, net.stimulus.size)), rng.integers(0, net.output.size, n)
    return Block(values, labels if net.feedback else None, np.ones(()))


def seen(net: Network) -> tuple[Any, ...]:
    """Return what is said of a network: who decides, what is on the way, the scorecard."""
    card = [(f.subject, f.aspect, f.level, f.reason) for f in check(net).findings]
    ways = [[p.name for p in way] for way in (net.forward, net.lateral, net.plastic)]
    return net.output.name, ways, card


def ran(net: Network, device: str, **options: Any) -> dict[str, np.ndarray]:
    simulator = simulate(net, device, **options)
    result = simulator.run(trials(net))
    return {**simulator.state, **{f"counts of {k}": v for k, v in result.counts.items()}}


def same_bits(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_who_decides_and_what_is_said_follow_from_the_graph(name: str, data: st.DataObject) -> None:
    plan = PLANS[name][0]()
    assert seen(plan.described(*data.draw(orders(plan)))) == seen(plan.usual)


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
@pytest.mark.slow
def test_every_order_gives_the_same_bits(name: str, data: st.DataObject) -> None:
    make, device = PLANS[name]
    plan = make()
    other = plan.described(*data.draw(orders(plan)))
    options = {"batch": 2} if device == "array" else {}
    assert same_bits(ran(other, device, **options), ran(plan.usual, device, **options))


@pytest.mark.slow
def test_every_order_gives_the_same_program() -> None:
    plan = recurrent()
    n, m = len(plan.populations), len(plan.edges) + len(plan.later)
    turned = plan.described(range(n)[::-1], range(m)[::-1], frozenset({0, 3}))
    first, second = (simulate(net, capacity=5) for net in (plan.usual, turned))
    assert first.build().name == second.build().name  # type: ignore[attr-defined]
    block = trials(turned)
    counts = first.run(block).counts, second.run(block).counts
    assert same_bits(*counts) and same_bits(first.state, second.state)


def test_lateral_and_recurrent_projections_never_change_the_output() -> None:
    net = recurrent().usual
    assert net.output.name == "output"
    assert [p.name for p in net.forward] == [
        "stimulus_to_beside",
        "stimulus_to_hidden",
        "stimulus_to_output",
        "beside_to_output",
        "hidden_to_output",
    ]
    assert {p.name for p in net.lateral} == {
        "hidden_to_hidden",
        "output_to_output",
        "hidden_to_beside",
        "beside_to_hidden",
        "output_to_hidden",
    }
    assert {*net.driving} == {*net.forward, *net.lateral}
    assert net.rewired(feedback.direct).output is net.output


def test_a_way_that_returns_does_not_take_anybody_off_it() -> None:
    """The shortest way is no help: c is next to the stimulus, and still behind a and b."""
    net = Network()
    x, a, b, c, y = (net.add(p) for p in [Stimulus("x", 2), *(LIF(n, 2) for n in "abcy")])
    ways = [(x, a), (a, b), (b, c), (c, y), (x, c)]
    for pre, post in ways:
        net.connect(pre, post)
    before = [p.name for p in net.forward]
    net.connect(c, a)
    assert [p.name for p in net.forward] == before
    assert [p.name for p in net.lateral] == ["c_to_a"]


def test_who_judges_says_who_decides() -> None:
    net = Network()
    x, h, y = net.add(Stimulus("x", 2)), net.add(LIF("h", 2)), net.add(LIF("y", 2))
    forward = [net.connect(x, h), net.connect(h, y)]
    net.teach(feedback.direct(net.add(Error("error", 4)), forward))
    late = net.add(LIF("late", 2))
    net.connect(y, late)
    net.connect(late, late)
    assert (net.output, net.forward) == (y, forward)
    assert [p.name for p in net.lateral] == ["late_to_late", "y_to_late"][::-1]


def test_several_ends_are_named_and_asked_for() -> None:
    net = Network()
    x, a, b = net.add(Stimulus("x", 2)), net.add(LIF("a", 2)), net.add(LIF("b", 2))
    net.connect(x, b), net.connect(x, a)
    with pytest.raises(WiringError, match=r"decide, 'a', 'b': .* Network\(output='b'\)") as refused:
        _ = net.output
    assert refused.value.parameter == "output"
    for act in (lambda: net.forward, lambda: check(net), lambda: simulate(net, "runtime")):
        with pytest.raises(WiringError, match="several populations that may decide, 'a', 'b'"):
            act()
    net.output = "a"
    assert net.output is a and [p.name for p in net.forward] == ["x_to_a"]
    assert [p.name for p in net.lateral] == ["x_to_b"]


def test_a_name_is_held_to() -> None:
    def named(output: Any) -> Network:
        net = Network(output=output)
        x, h, y = net.add(Stimulus("x", 2)), net.add(LIF("h", 2)), net.add(LIF("y", 2))
        net.connect(x, h), net.connect(h, y)
        return net

    assert named("h").output.name == "h" and named(None).output.name == "y"
    assert named("h").altered().output.name == "h"
    assert replace(named("h"), output="y").named == "y"
    for wrong, why in (("z", "that is not there"), ("x", "that is of kind Stimulus")):
        with pytest.raises(WiringError, match=f"output='{wrong}', but {why}; .* are 'h', 'y'"):
            _ = named(wrong).output
    with pytest.raises(ParameterError, match="needs output, the name .* got 3"):
        named(3)
    net = named("h")
    net.connect(net.populations[2], net.add(Error("error", 4)), weights=Normal())
    with pytest.raises(WiringError, match="output='h', but error neurons judge 'y'; name that"):
        _ = net.output


def test_hypotheses_about_synapses_take_lateral_ones_too() -> None:
    net = recurrent().usual
    driving = {p.name for p in net.driving}
    changed = {
        "dale": lambda p: p.inhibitory == 0.2,
        "missing_synapses": lambda p: p.missing == 0.1,
    }
    for other, is_so in (
        (hypotheses.dale(net), changed["dale"]),
        (hypotheses.missing_synapses(net, share=0.1), changed["missing_synapses"]),
    ):
        assert {p.name for p in other.projections if is_so(p)} == driving


def test_backpropagation_along_a_way_that_skips() -> None:
    """Feedback to each hidden population from all it drives, and to no stimulus."""
    plan = parallel()
    net = plan.usual
    bp = net.rewired(feedback.transposed)
    assert [p.name for p in bp.feedback.projections] == [  # type: ignore[union-attr]
        "error_to_output",
        "feedback_alpha_to_zeta",
        "feedback_output_to_zeta",
        "feedback_output_to_alpha",
    ]
    assert all(isinstance(p, Projection) for p in bp.forward)
