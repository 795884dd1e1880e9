"""What is true of the whole network: clocks, signals to all, numbers, time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apical.network.description import Network
from apical.network.settling_time import LARGEST, NEGLIGIBLE, said, slowest_chain, unsettled
from apical.neurons.facts import Aspect
from apical.plausibility.findings import NETWORK, Finding, assumed

NOTHING: Mapping[Aspect, str] = {
    "locality": "nothing learns",
    "one-way": "it has no synapses",
    "weight transport": "there is no feedback to transport weights to",
    "feedback": "there is no feedback pathway",
    "signed error": "there are no error neurons",
    "phases": "no reset, no signal at the end of a trial: all times are alike",
    "global quantities": "nothing reads a quantity of all neurons or all synapses",
    "spike derivative": "no rule reads the slope of a response",
    "Dale's law": "it has no synapses",
    "update locking": "nothing learns",
    "precision": "it has no weights",
    "delays": "it has no synapses",
    "description": "all is joined, no time looks like seconds, and every rule can act",
}
"""What is said of an aspect where there is nothing to judge."""

BITS = {"float32": 24, "float64": 53}
"""Binary digits of a weight."""

BARTOL = 4.7
"""Bits of a synapse in the hippocampus."""


@dataclass(frozen=True)
class Training:
    """What is done to all synapses alike.

    Parameters
    ----------
    batch
        Trials that learn together.
    final_rate
        Factor on all learning rates at the end of training [dimensionless].
    """

    batch: int
    final_rate: float


def phases(network: Network) -> Iterator[Finding]:
    """Yield what has to happen at different times, and who says when."""
    if network.reset:
        reason = "every neuron is reset between trials by one signal"
        yield Finding(NETWORK, "phases", "broadcast", reason)
    if any(p.rule and p.rule.when == "trial" for p in network.plastic):
        reason = "synapses are told when a trial ends, to learn then"
        yield Finding(NETWORK, "phases", "broadcast", reason)
    yield from _noise_phases(network)
    for projection in network.plastic:
        if projection.rule and projection.rule.onset:
            reason = "learning waits for some time after the onset of each trial (a phase)"
            yield Finding(projection.name, "phases", "broadcast", reason)
    for population in network.populations:
        if population.role == "reward":
            reason = "every trial of learning is shown twice, without noise and with it"
            yield Finding(population.name, "phases", "broadcast", reason)
        if population.plateau:
            reason = (
                "compares the plateaus of its dendrite in two phases of each trial of learning, "
                "before the read-out is moved towards its target and while it is; all are told "
                "which it is (a phase)"
            )
            yield Finding(population.name, "phases", "broadcast", reason)
        if population.wait:
            reason = (
                f"compares nothing until {population.wait:g} ms after the onset of each trial, "
                "when it is told that the label comes (a phase)"
            )
            yield Finding(population.name, "phases", "broadcast", reason)
    for population in network.populations:
        yield from assumed(population, "phases")
    for projection in network.projections:
        moved = projection.pre.role == "error" and projection.is_forward
        if moved:
            reason = (
                f"the error moves the activity of {projection.post.name}, so that learning and "
                "deciding need phases of their own"
            )
            yield Finding(projection.name, "phases", "broadcast", reason)


def _noise_phases(network: Network) -> Iterator[Finding]:
    for population in network.noisy:
        reason = (
            f"fires noise of its own, of either sign and standard deviation {population.noise:g}, "
            "while the stimulus is silent and the others wait for their turn"
        )
        if network.noise:
            reason += (
                f", in {network.noise.trials} trials after every {network.noise.every} of learning"
            )
        yield Finding(
            population.name, "phases", "broadcast", f"{reason}; all are told when (a phase)"
        )


def global_quantities(network: Network, training: Training) -> Iterator[Finding]:
    """Yield every quantity that all synapses or all neurons of a population share."""
    for population in network.populations:
        if population.is_softmax:
            reason = "activity is divided by the sum over the population (softmax)"
            yield Finding(population.name, "global quantities", "broadcast", reason)
        if population.role == "reward":
            reason = (
                "one number, by how much a trial went better with noise than without, reaches all "
                "that learn alike"
            )
            yield Finding(population.name, "global quantities", "broadcast", reason)
        if population.norm:
            reason = (
                "drives are centred and scaled by their mean and variance over a batch (batch "
                "normalisation): what a neuron does in a trial hangs on trials yet to come"
            )
            yield Finding(population.name, "global quantities", "not local", reason)
        yield from assumed(population, "global quantities")
    yield from _spreads(network)
    for projection in network.plastic:
        if projection.total is not None:
            reason = (
                f"the weights onto each neuron of {projection.post.name} are scaled to sum to "
                f"{projection.total:g} when a trial begins: every synapse is told the sum of all "
                "that end on its neuron"
            )
            yield Finding(projection.name, "global quantities", "broadcast", reason)
    stimulus = network.stimulus
    if getattr(stimulus.encoder, "total", 0):
        reason = "each stimulus is divided by the sum of its values, by whoever shows it"
        yield Finding(stimulus.name, "global quantities", "broadcast", reason)
    if training.final_rate != 1:
        reason = (
            f"one factor on every learning rate, which falls from 1 to {training.final_rate:g} "
            "during training"
        )
        yield Finding(NETWORK, "global quantities", "broadcast", reason)
    if training.batch > 1:
        reason = (
            f"{training.batch} trials learn together: each synapse adds up what it would learn, "
            "and all are told when to change"
        )
        yield Finding(NETWORK, "global quantities", "broadcast", reason)


def _spreads(network: Network) -> Iterator[Finding]:
    """Yield what updates read of all synapses of a projection."""
    for projection in network.plastic:
        dynamics = projection.rule.dynamics if projection.rule else None
        if dynamics and dynamics.spread:
            reason = (
                f"{dynamics.name} reads the standard deviation of {dynamics.spread} over all "
                f"{projection.pre.size * projection.post.size} synapses, which nobody could read "
                "and tell each of them"
            )
            yield Finding(projection.name, "global quantities", "not local", reason)


def precision(network: Network, dtype: str) -> Iterator[Finding]:
    """Yield how precise weights are.

    Spines of the hippocampus come in some 26 sizes that can be told apart, 4.7 bits (Bartol et
    al. 2015, doi:10.7554/eLife.10778).
    """
    known = (
        "; synapses are known to hold some 4.7 bits (Bartol et al. 2015, doi:10.7554/eLife.10778)"
    )
    coarse = [p for p in network.projections if p.levels and p.rule]
    for p in coarse:
        assert p.levels
        reason = (
            f"its weights hold {p.levels.bits} bits: multiples of {p.levels.step:g} from "
            f"{p.levels.bounds[0]:g} to {p.levels.bounds[1]:g}, after every update" + known
        )
        yield Finding(
            p.name, "precision", "local" if p.levels.bits <= BARTOL else "idealised", reason
        )
    if coarse and not [p for p in network.plastic if p not in coarse]:
        return
    digits = BITS.get(dtype)
    which = "weights of all other projections" if coarse else "weights"
    reason = f"{which} are {dtype}" + f", {digits} binary digits" * bool(digits) + known
    yield Finding(NETWORK, "precision", "idealised", reason)


def delays(network: Network) -> Iterator[Finding]:
    """Yield how long signals are on their way."""
    late = [p for p in network.projections if p.delay]
    if len(late) < len(network.projections):
        which = "no projection has a delay" if not late else "the other projections have no delay"
        reason = f"{which}: what is sent arrives within the same time step"
        yield Finding(NETWORK, "delays", "idealised", reason)
    for projection in late:
        reason = f"spikes of {projection.pre.name} arrive {projection.delay:g} ms later"
        lost = "; those under way when a trial ends are lost" * network.reset
        yield Finding(projection.name, "delays", "local", reason + lost)
    for population in network.populations:
        yield from assumed(population, "delays")
    chain = slowest_chain(network)
    left = unsettled(chain, network.trial) if chain else 0.0
    if left > NEGLIGIBLE:
        reason = (
            f"{left:.2g} of a change of the stimulus is still on its way when a trial of "
            f"{network.trial:g} ms ends ({said(chain)} in a row)"
        )
        refused = "; Brian2 devices refuse so much, and device 'array' knows no time"
        yield Finding(NETWORK, "delays", "local", reason + refused * (left > LARGEST))
