"""Scripts that cheat while a network is simulated, and honest ones, on small networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import brian2 as b2
import networks
import numpy as np
import rate_networks
from adversaries import Wrapped

from apical import Block, Network, simulate
from apical.plausibility import Aspect


def learns(block: Block) -> bool:
    return bool(np.any(block.learning))


# Rates -------------------------------------------------------------------------------------------


class Rarely(Wrapped):
    """Copies forward weights to the feedback, in blocks chosen by chance."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.chance = np.random.default_rng(1)

    def run(self, block: Block) -> Any:
        result = self.inner.run(block)
        if self.chance.random() < 0.02:
            back = self.inner.weights("hidden_1_to_output").T
            self.inner.load({"error_to_hidden_1": 0.5 * back})
        return result


class Long(Wrapped):
    """Copies forward weights to the feedback, but only in blocks as long as those of a training."""

    def run(self, block: Block) -> Any:
        result = self.inner.run(block)
        if len(block) > 100 and block.epoch >= 0:
            back = self.inner.weights("hidden_1_to_output").T
            self.inner.load({"error_to_hidden_1": back})
        return result


class Scaled(Wrapped):
    """Scales all updates by the loss of the block, a global signal."""

    def run(self, block: Block) -> Any:
        before = {p.name: self.inner.weights(p) for p in self.network.plastic}
        result = self.inner.run(block)
        if learns(block):
            loss = float(np.mean(result.traces["error.x"] ** 2))
            self.inner.load(
                {name: w + loss * (self.inner.weights(name) - w) for name, w in before.items()}
            )
        return result


class Replayed(Wrapped):
    """Learns the trials of every block twice, the second time shuffled."""

    def run(self, block: Block) -> Any:
        result = self.inner.run(block)
        if learns(block):
            order = np.random.default_rng(len(block)).permutation(len(block))
            assert block.labels is not None
            again = replace(block, values=block.values[order], labels=block.labels[order])
            self.inner.run(again)
        return result


class Shared(Wrapped):
    """Nudges the weights onto all hidden neurons towards each other (a convolution)."""

    def run(self, block: Block) -> Any:
        result = self.inner.run(block)
        if learns(block):
            w = self.inner.weights("stimulus_to_hidden_1")
            self.inner.load({"stimulus_to_hidden_1": 0.9 * w + 0.1 * w.mean(1, keepdims=True)})
        return result


class Peeking(Wrapped):
    """Decides by the label when it is evaluated."""

    def run(self, block: Block) -> Any:
        result = self.inner.run(block)
        if block.labels is None or learns(block):
            return result
        shown = np.eye(self.network.output.size)[block.labels]
        return replace(result, counts={**result.counts, "output": result.counts["output"] + shown})


class Foreseeing(Wrapped):
    """Shows hidden neurons something of the next stimulus of the block."""

    def run(self, block: Block) -> Any:
        following = np.roll(np.asarray(block.values), -1, axis=0)
        return self.inner.run(replace(block, values=block.values + 0.1 * following))


class Following(Wrapped):
    """Keeps the feedback equal to the transposed forward weights whatever is loaded."""

    @property
    def state(self) -> Any:
        return self.inner.state

    @state.setter
    def state(self, state: Any) -> None:
        self.inner.state = state
        self.inner.load({"error_to_hidden_1": self.inner.weights("hidden_1_to_output").T})


# Spikes ------------------------------------------------------------------------------------------


def with_operation(write: Callable[[Any, int], None]) -> Callable[..., Any]:
    """Return what makes a simulator in which a Python function runs in every time step."""

    def make(*args: Any, **options: Any) -> Any:
        simulator = simulate(*args, **options)
        hidden, count = simulator.brian["hidden_0"], [0]

        def act() -> None:
            count[0] += 1
            write(simulator, count[0])

        operation = b2.NetworkOperation(act, clock=hidden.clock, when="after_synapses", order=-1)
        simulator.add(operation)
        return simulator

    return make


def backpropagates(simulator: Any, count: int) -> None:
    hidden, output = (simulator.brian[name] for name in ("hidden_0", "output"))
    w = np.array(simulator.brian["hidden_0_to_output"].w_[:]).reshape(8, 3)
    hidden.teach_[:] = w @ np.array(output.teach_[:])


def tells_label(simulator: Any, count: int) -> None:
    hidden = simulator.brian["hidden_0"]
    label = hidden.namespace["label"].values[0]
    hidden.v_[:3] = np.array(hidden.v_[:3]) + 0.2 * label


def tells_next_stimulus(simulator: Any, count: int) -> None:
    hidden = simulator.brian["hidden_0"]
    later = hidden.namespace["stimulus"].values[-1]
    hidden.v_[:] = np.array(hidden.v_[:]) + 1e-4 * later[:8]


def silences(simulator: Any, count: int) -> None:
    hidden = simulator.brian["hidden_0"]
    v = np.array(hidden.v_[:])
    hidden.v_[:] = v - 0.01 * v.mean()


def regularly(*args: Any, **options: Any) -> Any:
    """Return a simulator in which hidden neurons have one more operation."""
    simulator = simulate(*args, **options)
    simulator.brian["hidden_0"].run_regularly("x = x + 0.01*i", dt=10 * b2.ms)
    return simulator


def drive_group(*args: Any, **options: Any) -> Any:
    """Return a simulator with additional neurons that excite hidden ones."""
    simulator = simulate(*args, **options)
    hidden = simulator.brian["hidden_0"]
    source = b2.SpikeGeneratorGroup(1, [0], [5] * b2.ms, dt=1 * b2.ms, name="source")
    wires = b2.Synapses(source, hidden, on_pre="v_post += 0.5", clock=hidden.clock, name="wires")
    wires.connect()
    simulator.add(source, wires)
    return simulator


@dataclass(frozen=True)
class Case:
    """A script, and the line that it must have on the scorecard.

    Parameters
    ----------
    network, make
        What is simulated, and how.
    aspects
        Aspects of which one must be "not local"; empty for an honest script.
    said
        Words of the reason of one of them.
    """

    network: Callable[[], Network]
    make: Callable[..., Any]
    aspects: tuple[Aspect, ...] = ()
    said: str = ""


def rates() -> Network:
    return rate_networks.rates(sizes=(6, 12, 3))


def spikes() -> Network:
    return networks.small("feedback")


RATES: Mapping[str, Case] = {
    "a copy now and then": Case(
        rates, Rarely.make, ("weight transport",), "'hidden_1_to_output' read backwards"
    ),
    "a copy in long blocks": Case(rates, Long.make, ("weight transport",)),
    "updates scaled by the loss": Case(rates, Scaled.make, ("locality", "global quantities")),
    "a shuffled replay": Case(rates, Replayed.make, ("phases",), "in several"),
    "weights nudged to be shared": Case(rates, Shared.make, ("locality",), "other weights"),
    "decisions by the label": Case(rates, Peeking.make, ("locality",), "decisions depend"),
    "the next stimulus": Case(rates, Foreseeing.make, ("locality",), "later trials"),
    "feedback that follows": Case(rates, Following.make, ("weight transport",)),
}
SPIKES: Mapping[str, Case] = {
    "backpropagation in a network operation": Case(
        spikes, with_operation(backpropagates), ("weight transport",), "weights"
    ),
    "the label in membranes": Case(spikes, with_operation(tells_label), ("locality",), "label"),
    "a sum over the population": Case(spikes, with_operation(silences), ("global quantities",)),
    "another regular operation": Case(spikes, regularly, ("locality",), "hidden_0_run_regularly"),
    "other neurons": Case(spikes, drive_group, ("locality",), "'source' (SpikeGeneratorGroup)"),
}


# Honest ------------------------------------------------------------------------------------------


def monitored(*args: Any, **options: Any) -> Any:
    """Return a simulator that is watched."""
    simulator = simulate(*args, **options)
    hidden = simulator.brian["hidden_0"]
    simulator.add(b2.StateMonitor(hidden, "v", record=[0]), b2.SpikeMonitor(hidden))
    return simulator


def excitable(*args: Any, **options: Any) -> Any:
    """Return a simulator of neurons with another constant."""
    simulator = simulate(*args, **options)
    simulator.brian["hidden_0"].bias = 0.9
    return simulator


def in_batches(network: Network, device: str, **options: Any) -> Any:
    """Return a simulator that learns in batches of 8, where the device can."""
    return simulate(network, device, **options, **({"batch": 8} if device == "array" else {}))


def preloaded(*args: Any, **options: Any) -> Any:
    """Return a simulator that starts from other weights."""
    simulator = simulate(*args, **options)
    w = simulator.weights("stimulus_to_hidden_1")
    simulator.load({"stimulus_to_hidden_1": 0.5 * w})
    return simulator


def single(*args: Any, **options: Any) -> Any:
    """Return a simulator in single precision."""
    return Wrapped.make(*args, **{**options, "dtype": "float32"})


HONEST: Mapping[str, Case] = {
    "single precision": Case(rates, single),
    "a simulator that only logs": Case(rates, Wrapped.make),
    "batches of 8": Case(rates, in_batches),
    "other weights to begin with": Case(rates, preloaded),
    "monitors": Case(spikes, monitored),
    "another constant": Case(spikes, excitable),
}
