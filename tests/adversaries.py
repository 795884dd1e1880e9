"""Models that cheat: each learns from something that no synapse, or no neuron, could know.

Some cheat in their description, some in how they are simulated (a simulator wrapped in another).
Those that cannot be written down at all are in test_adversaries.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import brian2 as b2
import networks
import numpy as np
import rate_networks

from apical import (
    LIF,
    Block,
    Given,
    Network,
    NeuronModel,
    Neurons,
    Normal,
    Opposed,
    Stimulus,
    feedback,
    simulate,
)
from apical.plasticity.rules import LearningRule
from apical.plausibility import Aspect
from apical.projections.projection import Projection


@dataclass(frozen=True)
class Adversary:
    """What cheats, and the line of the scorecard that must say so.

    Parameters
    ----------
    network
        Describes it.
    subject, aspect
        The line that must be "not local".
    make
        What makes its simulator, where the cheating is there.
    """

    network: Callable[[], Network]
    subject: str
    aspect: Aspect
    make: Callable[..., Any] = simulate


# In the description ------------------------------------------------------------------------------


def spiking(change: Callable[[np.ndarray], np.ndarray], opposed: bool = False) -> Network:
    """Return a spiking network whose feedback is made of the transposed forward weights."""
    forward = networks.small(hidden=(20,))
    back = change(forward.initial_weights(forward.projection("hidden_0_to_output")).T)

    def wiring(error: Any, chain: Any) -> feedback.FeedbackPathway:
        source = Opposed(Given(back)) if opposed else Given(np.concatenate([-back, back]))
        copied = Projection(error, chain[0].post, source, carries={"teach": "x"})
        return feedback.FeedbackPathway("copied", (copied,))

    return networks.small(hidden=(20,), wiring=wiring)


def noisy(back: np.ndarray) -> np.ndarray:
    return back + np.random.default_rng(0).normal(scale=0.3 * back.std(), size=back.shape)


def product_of_transposes() -> Network:
    """Return a DFA network whose feedback is what backpropagation would carry at the start."""
    chain = rate_networks.rates(sizes=(6, 20, 20, 3))
    second, last = (
        chain.initial_weights(chain.projection(name))
        for name in ("hidden_1_to_hidden_2", "hidden_2_to_output")
    )

    def wiring(error: Any, forward: Any) -> feedback.FeedbackPathway:
        usual = feedback.direct(error, forward)
        onto = forward[0].post
        copied = Projection(error, onto, Given((second @ last).T), carries={"teach": "x"})
        kept = [p for p in usual.projections if p.post is not onto]
        return feedback.FeedbackPathway("product", (copied, *kept))

    return rate_networks.rates(wiring, sizes=(6, 20, 20, 3))


def untied(**options: Any) -> tuple[Network, Any, Any]:
    """Return a network that learns without feedback, and its hidden and output populations."""
    net = Network()
    x, h = net.add(Stimulus("stimulus", 8)), net.add(LIF("hidden", 9))
    y = net.add(LIF("output", 7))
    net.connect(x, h, rule=LearningRule("hebb", "1e-3 * x_pre * x_post"))
    net.connect(h, y, **options)
    return net, h, y


def two_way() -> Network:
    """Return a network that drives its hidden neurons back along the synapses to the output."""
    weights = np.random.default_rng(0).normal(size=(9, 7))
    net, h, y = untied(weights=Given(weights))
    extra = net.add(LIF("extra", 7))
    net.connect(y, h, weights=Given(weights.T))
    net.connect(h, extra, weights=Normal())  # the end of the chain
    return net


def symmetric() -> Network:
    """Return a network with symmetric recurrent synapses, each of which works both ways."""
    net, h, _ = untied()
    half = np.random.default_rng(0).normal(size=(9, 9))
    net.projections.append(Projection(h, h, Given(half + half.T)))
    net.projections.reverse()  # the output stays the end of the chain
    net.projections.sort(key=lambda p: p.post.name != "hidden")
    return net


def told(code: str) -> Network:
    """Return a network whose output is of equations of its own."""
    net = Network()
    x = net.add(Stimulus("stimulus", 8))
    model = NeuronModel(
        "dv/dt = (I - v)/tau : 1\nI : 1\nx : 1",
        "v > 1",
        "v = 0\nx += 1",
        at_trial=code,
        parameters={"tau": (20.0, "ms")},
    )
    y = net.add(Neurons("output", 4, model, {"drive": "I"}, ("x",)))
    net.connect(x, y, rule=LearningRule("hebb", "1e-3 * x_pre * x_post"))
    return net


STATIC: Mapping[str, Adversary] = {
    "transposed weights, copied at the start": Adversary(
        lambda: spiking(lambda back: 3 * back, opposed=True),
        "error_to_hidden_0",
        "weight transport",
    ),
    "a noisy copy": Adversary(lambda: spiking(noisy), "error_to_hidden_0", "weight transport"),
    "the signs of the transposed weights": Adversary(
        lambda: spiking(np.sign), "error_to_hidden_0", "weight transport"
    ),
    "the product of all transposed weights": Adversary(
        product_of_transposes, "error_to_hidden_1", "weight transport"
    ),
    "backpropagation": Adversary(
        lambda: rate_networks.rates(feedback.transposed),
        "feedback_output_to_hidden_2",
        "weight transport",
    ),
    "feedback that follows forward weights": Adversary(
        lambda: rate_networks.rates(feedback.transposed), "feedback_output_to_hidden_2", "feedback"
    ),
    "one synapse for both directions": Adversary(two_way, "output_to_hidden", "one-way"),
    "symmetric recurrent synapses": Adversary(symmetric, "hidden_to_hidden", "one-way"),
    "the label in the output": Adversary(lambda: told("v = label(t, i)"), "output", "locality"),
    "the stimulus without synapses": Adversary(
        lambda: told("I = stimulus(t, i)/Hz"), "output", "locality"
    ),
}


# In the simulation -------------------------------------------------------------------------------


class Wrapped:
    """A simulator around another, that does what it likes before and after every block."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.network = inner, inner.network

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @property
    def state(self) -> Any:
        return self.inner.state

    @state.setter
    def state(self, state: Any) -> None:
        self.inner.state = state

    @classmethod
    def make(cls, *args: Any, **options: Any) -> Any:
        return cls(simulate(*args, **options))


class Synced(Wrapped):
    """Copies forward weights to the feedback after every block."""

    def run(self, block: Block) -> Any:
        result = self.inner.run(block)
        if block.learning.any():
            back = self.inner.weights("hidden_1_to_output").T
            self.inner.load({"error_to_hidden_1": back})
        return result


class Drifting(Wrapped):
    """Changes the feedback by no rule."""

    def run(self, block: Block) -> Any:
        result = self.inner.run(block)
        if block.learning.any():
            weights = self.inner.weights("error_to_hidden_1")
            drift = np.random.default_rng(0).normal(scale=0.1, size=weights.shape)
            self.inner.load({"error_to_hidden_1": weights + drift})
        return result


class Normalised(Wrapped):
    """Divides updates by the sum over the population."""

    def run(self, block: Block) -> Any:
        before = self.inner.weights("stimulus_to_hidden_1")
        result = self.inner.run(block)
        change = self.inner.weights("stimulus_to_hidden_1") - before
        if change.any():
            change /= np.abs(change).sum()
        self.inner.load({"stimulus_to_hidden_1": before + change})
        return result


class Outside(Wrapped):
    """Works out the error of the hidden population outside the network, by backpropagation."""

    def run(self, block: Block) -> Any:
        before = self.inner.weights("stimulus_to_hidden_1")
        back = self.inner.weights("hidden_1_to_output").T
        result = self.inner.run(block)
        if block.learning.any():
            error, h, x = (
                result.traces[f"{name}.x"][:, 0] for name in ("error", "hidden_1", "stimulus")
            )
            change = x.T @ ((error @ back) * (1 - h**2))
            self.inner.load({"stimulus_to_hidden_1": before + 0.1 * change})
        return result


class Restless(Wrapped):
    """Learns where learning is off, too."""

    def run(self, block: Block) -> Any:
        labels = np.zeros(len(block), int) if block.labels is None else block.labels
        return self.inner.run(replace(block, labels=labels, learning=np.ones(())))


class Prompted(Wrapped):
    """Excites the output neuron of the label."""

    def run(self, block: Block) -> Any:
        if block.labels is not None:
            membranes = self.inner.state["output.v"]
            membranes[block.labels[0]] += 5
            self.inner.state = {"output.v": membranes}
        return self.inner.run(block)


def backwards(*args: Any, **options: Any) -> Any:
    """Return a simulator in which spikes of the output act on the hidden neurons too."""
    simulator = simulate(*args, **options)
    output, hidden = simulator.brian["output"], simulator.brian["hidden_0"]
    back = b2.Synapses(output, hidden, on_pre="v_post += 0.3", clock=output.clock, name="back")
    back.connect()
    simulator.add(back)
    return simulator


def gossip(*args: Any, **options: Any) -> Any:
    """Return a simulator whose hidden neurons know how active their population is."""
    simulator = simulate(*args, **options)
    hidden = simulator.brian["hidden_0"]
    aside = b2.Synapses(hidden, hidden, on_pre="x_post += 0.1", clock=hidden.clock, name="aside")
    aside.connect()
    simulator.add(aside)
    return simulator


def one_hidden() -> Network:
    return rate_networks.rates(sizes=(6, 12, 3))


DYNAMIC: Mapping[str, Adversary] = {
    "feedback synced after every block": Adversary(
        one_hidden, "error_to_hidden_1", "weight transport", Synced.make
    ),
    "feedback that changes by no rule": Adversary(
        one_hidden, "error_to_hidden_1", "feedback", Drifting.make
    ),
    "an update divided by the sum over the population": Adversary(
        one_hidden, "stimulus_to_hidden_1", "global quantities", Normalised.make
    ),
    "an error computed outside the network": Adversary(
        one_hidden, "stimulus_to_hidden_1", "weight transport", Outside.make
    ),
    "learning where learning is off": Adversary(
        one_hidden, "stimulus_to_hidden_1", "phases", Restless.make
    ),
    "backpropagation, running": Adversary(
        lambda: rate_networks.rates(feedback.transposed),
        "feedback_output_to_hidden_2",
        "weight transport",
    ),
}
SLOW: Mapping[str, Adversary] = {
    "the label in the membrane of the output": Adversary(
        lambda: networks.small("feedback"), "output", "locality", Prompted.make
    ),
    "spikes that run backwards": Adversary(
        lambda: networks.small("feedback"), "hidden_0", "one-way", backwards
    ),
    "a sum over the population, known to each neuron": Adversary(
        lambda: networks.small("feedback"), "hidden_0", "global quantities", gossip
    ),
}
"""Those of spiking networks, simulated in process."""
