"""Audit of the whole network: phases, global signals, precision, delays."""

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
    "description": "all is connected, no time looks like seconds, and every rule can act",
}
"""Reasons given for aspects that do not apply."""

BITS = {"float32": 24, "float64": 53}
"""Binary digits of a weight, by dtype."""

BARTOL = 4.7
"""Information capacity of a hippocampal synapse [bits]."""


@dataclass(frozen=True)
class Training:
    """Hyperparameters of training that act on all synapses: batch size, learning-rate schedule.

    Parameters
    ----------
    batch
        Batch size: trials per weight update.
    final_rate
        Final factor on all learning rates [dimensionless].
    """

    batch: int
    final_rate: float


def phases(network: Network) -> Iterator[Finding]:
    """Yield the phases that learning needs, and the signals that separate them."""
    if network.reset:
        reason = "every neuron is reset between trials by a global signal"
        yield Finding(NETWORK, "phases", "broadcast", reason)
    if any(p.rule and p.rule.when == "trial" for p in network.plastic):
        reason = "synapses learn at a global signal that a trial ends"
        yield Finding(NETWORK, "phases", "broadcast", reason)
    yield from _noise_phases(network)
    for projection in network.plastic:
        if projection.rule and projection.rule.onset:
            reason = "learning starts some time after the onset of each trial (a phase)"
            yield Finding(projection.name, "phases", "broadcast", reason)
    for population in network.populations:
        if population.role == "reward":
            reason = "every training trial is shown twice, without noise and with it"
            yield Finding(population.name, "phases", "broadcast", reason)
        if population.plateau:
            reason = (
                "compares the plateau potentials of its dendrite in two phases of each training "
                "trial, before and while the read-out is nudged towards its target, distinguished "
                "by a global signal (a phase)"
            )
            yield Finding(population.name, "phases", "broadcast", reason)
        if population.wait:
            reason = (
                f"computes no error until {population.wait:g} ms after the onset of each trial, "
                "when a global signal announces the label (a phase)"
            )
            yield Finding(population.name, "phases", "broadcast", reason)
    for population in network.populations:
        yield from assumed(population, "phases")
    for projection in network.projections:
        moved = projection.pre.role == "error" and projection.is_forward
        if moved:
            reason = (
                f"the error drives the activity of {projection.post.name}, so that learning and "
                "decisions need separate phases"
            )
            yield Finding(projection.name, "phases", "broadcast", reason)


def _noise_phases(network: Network) -> Iterator[Finding]:
    for population in network.noisy:
        reason = (
            f"fires noise of its own, of both signs and standard deviation {population.noise:g}, "
            "while the stimulus and all other populations are silent"
        )
        if network.noise:
            reason += (
                f", in {network.noise.trials} trials after every {network.noise.every} of learning"
            )
        yield Finding(
            population.name, "phases", "broadcast", f"{reason}; by a global signal (a phase)"
        )


def global_quantities(network: Network, training: Training) -> Iterator[Finding]:
    """Yield global quantities, shared by all synapses or all neurons of a population."""
    for population in network.populations:
        if population.is_softmax:
            reason = "activity is divided by the sum over the population (softmax)"
            yield Finding(population.name, "global quantities", "broadcast", reason)
        if population.role == "reward":
            reason = (
                "one number, the improvement of a trial by its noise, is broadcast to all "
                "plastic synapses"
            )
            yield Finding(population.name, "global quantities", "broadcast", reason)
        if population.norm:
            reason = (
                "drives are centred and scaled by their mean and variance over a batch (batch "
                "normalisation): the response to a trial depends on trials yet to come"
            )
            yield Finding(population.name, "global quantities", "not local", reason)
        yield from assumed(population, "global quantities")
    yield from _spreads(network)
    for projection in network.plastic:
        if projection.total is not None:
            reason = (
                f"the weights onto each neuron of {projection.post.name} are scaled to sum to "
                f"{projection.total:g} when a trial begins (synaptic scaling): every synapse needs "
                "the sum over all synapses of its neuron"
            )
            yield Finding(projection.name, "global quantities", "broadcast", reason)
    stimulus = network.stimulus
    if getattr(stimulus.encoder, "total", 0):
        reason = "each stimulus is normalised by the sum of its values before it is shown"
        yield Finding(stimulus.name, "global quantities", "broadcast", reason)
    if training.final_rate != 1:
        reason = (
            "a learning-rate schedule, one factor on every learning rate, which falls from 1 to "
            f"{training.final_rate:g} during training"
        )
        yield Finding(NETWORK, "global quantities", "broadcast", reason)
    if training.batch > 1:
        reason = (
            f"batches of {training.batch} trials: each synapse sums its updates over a batch, and "
            "a global signal applies them"
        )
        yield Finding(NETWORK, "global quantities", "broadcast", reason)


def _spreads(network: Network) -> Iterator[Finding]:
    """Yield updates that read a statistic over all synapses of a projection."""
    for projection in network.plastic:
        dynamics = projection.rule.dynamics if projection.rule else None
        if dynamics and dynamics.spread:
            reason = (
                f"{dynamics.name} reads the standard deviation of {dynamics.spread} over all "
                f"{projection.pre.size * projection.post.size} synapses, which no mechanism could "
                "compute and broadcast"
            )
            yield Finding(projection.name, "global quantities", "not local", reason)


def precision(network: Network, dtype: str) -> Iterator[Finding]:
    """Yield the precision (quantisation) of weights.

    Hippocampal spines have some 26 distinguishable sizes, 4.7 bits (Bartol et al. 2015,
    doi:10.7554/eLife.10778).
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
    wide = f", {digits} binary digits" if digits else ""
    reason = f"{which} are {dtype}{wide}{known}"
    yield Finding(NETWORK, "precision", "idealised", reason)


def delays(network: Network) -> Iterator[Finding]:
    """Yield the transmission delays of signals."""
    late = [p for p in network.projections if p.delay]
    if len(late) < len(network.projections):
        which = "no projection has a delay" if not late else "the other projections have no delay"
        reason = f"{which}: signals arrive within the same time step"
        yield Finding(NETWORK, "delays", "idealised", reason)
    lost = "; those in transit when a trial ends are lost" if network.reset else ""
    for projection in late:
        reason = f"spikes of {projection.pre.name} arrive {projection.delay:g} ms later"
        yield Finding(projection.name, "delays", "local", reason + lost)
    for population in network.populations:
        yield from assumed(population, "delays")
    chain = slowest_chain(network)
    left = unsettled(chain, network.trial) if chain else 0.0
    if left > NEGLIGIBLE:
        reason = (
            f"{left:.2g} of the response to a stimulus is missing when a trial of "
            f"{network.trial:g} ms ends, short of the steady state ({said(chain)} in a row)"
        )
        refused = "; Brian2 devices refuse this, and device 'array' computes the steady state"
        yield Finding(NETWORK, "delays", "local", reason + refused * (left > LARGEST))
