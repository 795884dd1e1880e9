"""Audit of the whole network: phases, global and batch quantities, precision, delays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.facts import Aspect
from apical.plausibility.findings import NETWORK, Finding, assumed
from apical.plausibility.maps import Weights
from apical.plausibility.teaching import Teaching
from apical.projections.projection import Projection, ReadBackwards

NOTHING: Mapping[Aspect, str] = {
    "locality": "nothing learns",
    "one-way": "it has no synapses",
    "weight transport": "there is no feedback to transport weights to",
    "weight sharing": "nothing learns",
    "feedback": "there is no feedback pathway",
    "feedback effect": "nothing carries the target",
    "teacher": "nothing learns",
    "signed error": "no population is declared to hold an error",
    "error size": "no population is declared to hold an error",
    "phases": "no reset, no signal at the end of a trial: all times are alike",
    "plasticity switch": "nothing learns",
    "global quantities": "nothing reads a quantity of all neurons or all synapses",
    "batch statistics": "nothing reads a mean or a variance over trials",
    "rates and spikes": "it has no neurons",
    "spike derivative": "no rule reads a state of a neuron beside its activity",
    "Dale's law": "it has no synapses",
    "update locking": "nothing learns",
    "settling time": "no population is known to settle",
    "precision": "it has no weights",
    "delays": "it has no synapses",
    "memory": "no update waits for a target",
    "connectivity": "every projection joins all neurons of its populations, "
    "except where synapses are missing at random",
    "cost": "it has no synapses",
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
        Batch size: trials per weight update; None where it is not stated.
    final_rate
        Final factor on all learning rates [dimensionless].
    """

    batch: int | None
    final_rate: float


def phases(network: Network, teaching: Teaching) -> Iterator[Finding]:
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
        if population.nudge:
            reason = (
                f"offers its activity in a second phase of each training trial, nudged by "
                f"{population.nudge:g} of its feedback (a phase)"
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
        if teaching.clamps(projection):
            by = "the error" if projection.pre.role == "error" else "what depends on the target"
            reason = (
                f"{by} drives the activity of {projection.post.name}, by way of "
                f"{projection.pre.name}, so that learning and decisions need separate phases"
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


def global_quantities(
    network: Network, training: Training, teaching: Teaching, weights: Weights
) -> Iterator[Finding]:
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
        yield from assumed(population, "global quantities")
    yield from _one_number(network, teaching, weights)
    yield from _spreads(network)
    for projection in network.plastic:
        if projection.total is not None:
            reason = (
                f"the weights onto each neuron of {projection.post.name} are scaled to sum to "
                f"{projection.total:g} when a trial begins (synaptic scaling): every synapse needs "
                "the sum over all synapses of its neuron"
            )
            yield Finding(projection.name, "global quantities", "broadcast", reason)
    for stimulus in network.populations:
        if stimulus.role == "stimulus" and _total(stimulus):
            reason = "each stimulus is normalised by the sum of its values before it is shown"
            yield Finding(stimulus.name, "global quantities", "broadcast", reason)
    if network.plastic:
        yield from _trained(training)


def _total(stimulus: Population) -> float:
    """Return what the values of each stimulus are made to sum to; 0 for nothing."""
    return float(getattr(getattr(stimulus, "encoder", None), "total", 0))


def _trained(training: Training) -> Iterator[Finding]:
    """Yield what training adds: a schedule of learning rates, batches."""
    if training.final_rate != 1:
        reason = (
            "a learning-rate schedule, one factor on every learning rate, which falls from 1 to "
            f"{training.final_rate:g} during training"
        )
        yield Finding(NETWORK, "global quantities", "broadcast", reason)
    if training.batch is None:
        reason = (
            "the batch size is not stated: above 1, each synapse sums its updates over the trials "
            "of a batch, and a global signal applies them; of a batch of 1 this line would be "
            "silent (audit(network, batch=1))"
        )
        yield Finding(NETWORK, "global quantities", "broadcast", reason)
    elif training.batch > 1:
        reason = (
            f"batches of {training.batch} trials: each synapse sums its updates over a batch, and "
            "a global signal applies them"
        )
        yield Finding(NETWORK, "global quantities", "broadcast", reason)


def _one_number(network: Network, teaching: Teaching, weights: Weights) -> Iterator[Finding]:
    """Yield projections by which learning tells one number to all neurons of a population."""
    for projection in network.projections:
        pre, post = projection.pre, projection.post
        if pre.role in ("bias", "reward") or post.size == 1 or not teaching.teaches(projection):
            continue
        if pre.size == 1:
            reason = f"one number, that of {pre.name}, is told to all {post.size} neurons of "
            yield Finding(projection.name, "global quantities", "broadcast", reason + post.name)
        elif projection.rule is None and not isinstance(projection.weights, ReadBackwards):
            rank = _of_rank_1(weights(projection))
            if rank is not None:
                reason = (
                    f"all {post.size} neurons of {post.name} hear one number, the same sum over "
                    f"{pre.name}{rank}"
                )
                yield Finding(projection.name, "global quantities", "broadcast", reason)


def _of_rank_1(drawn: np.ndarray) -> str | None:
    """Describe weights by which all neurons hear multiples of one sum; None for any others."""
    size = float(np.abs(drawn).max(initial=0.0))
    if not size:
        return None
    k = np.unravel_index(int(np.abs(drawn).argmax()), drawn.shape)
    if np.abs(drawn - np.outer(drawn[:, k[1]], drawn[k[0]]) / drawn[k]).max() > 1e-9 * size:
        return None
    same = np.ptp(drawn, axis=1).max() <= 1e-9 * size
    return "" if same else ", each times a factor of its own (weights of rank 1)"


def batch_statistics(network: Network) -> Iterator[Finding]:
    """Yield what is normalised over a batch of trials."""
    for population in network.populations:
        if population.norm:
            reason = (
                "drives are centred and scaled by their mean and variance over a batch (batch "
                "normalisation): the response to a trial depends on trials yet to come"
            )
            yield Finding(population.name, "batch statistics", "not local", reason)
        yield from assumed(population, "batch statistics")


def _spreads(network: Network) -> Iterator[Finding]:
    """Yield updates that read a statistic over all synapses of a projection."""
    for projection in network.plastic:
        dynamics = projection.rule.dynamics if projection.rule else None
        if dynamics and dynamics.spread:
            reason = (
                f"{dynamics.name} reads the standard deviation of {dynamics.spread} over all "
                f"{network.n_synapses(projection)} synapses, which no mechanism could "
                "compute and broadcast"
            )
            yield Finding(projection.name, "global quantities", "not local", reason)


def precision(network: Network, dtype: str) -> Iterator[Finding]:
    """Yield the precision of weights, and of what else a synapse keeps.

    Hippocampal spines have some 26 distinguishable sizes, 4.7 bits (Bartol et al. 2015,
    doi:10.7554/eLife.10778).
    """
    known = (
        "; synapses are known to hold some 4.7 bits (Bartol et al. 2015, doi:10.7554/eLife.10778)"
    )
    digits = BITS.get(dtype)
    wide = f"{dtype}, {digits} binary digits" if digits else dtype
    coarse = [p for p in network.projections if p.levels and p.rule]
    for p in coarse:
        assert p.levels
        reason = (
            f"its weights hold {p.levels.bits} bits: multiples of {p.levels.step:g} from "
            f"{p.levels.bounds[0]:g} to {p.levels.bounds[1]:g}, after every update"
        )
        kept = _kept(p)
        few = p.levels.bits <= BARTOL and not kept
        reason += f"; but the synapse also keeps {kept} ({wide})" if kept else ""
        yield Finding(p.name, "precision", "local" if few else "idealised", reason + known)
    fine = [p for p in network.plastic if p not in coarse]
    if coarse and not fine:
        return
    which = "weights of all other projections" if coarse else "weights"
    kept = ", ".join(dict.fromkeys(filter(None, map(_kept, fine))))
    also = f", and so is what synapses keep besides: {kept}" if kept else ""
    yield Finding(NETWORK, "precision", "idealised", f"{which} are {wide}{also}{known}")


def _kept(projection: Projection) -> str:
    """List what a synapse keeps besides its weight: traces, state of its rule and optimiser."""
    rule = projection.rule
    if rule is None:
        return ""
    found = [f"trace {name}" for name in rule.traces]
    found += [f"{name} of rule {rule.name}" for name in rule.state]
    if rule.dynamics:
        found += [f"{name} of {rule.dynamics.name}" for name in rule.dynamics.state]
    found += ["noise of its own"] if projection.explores else []
    return ", ".join(found)


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
