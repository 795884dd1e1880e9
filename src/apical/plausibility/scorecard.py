"""The audit of a network: findings on every aspect of biological plausibility."""

from collections.abc import Iterator
from dataclasses import replace

from apical._base.checking import checked
from apical.errors import LocalityError, WiringError
from apical.network.description import Network
from apical.neurons.facts import Aspect
from apical.plausibility import learning, neurons, pathways, whole
from apical.plausibility.description import description
from apical.plausibility.events import foreign
from apical.plausibility.findings import ASPECTS, NETWORK, Finding, Scorecard, assumed
from apical.plausibility.flows import flows
from apical.plausibility.maps import Pathways, Weights
from apical.plausibility.transport import transport
from apical.plausibility.whole import Training
from apical.projections.projection import ReadBackwards

_OF_ALL: tuple[Aspect, ...] = ("signed error", "phases", "global quantities", "delays")
"""Aspects of which populations are asked where those of the whole network are told."""
_OF_ONE = tuple(aspect for aspect in ASPECTS if aspect not in _OF_ALL)


def audit(
    network: Network, *, batch: int = 1, final_rate: float = 1.0, dtype: str = "float32"
) -> Scorecard:
    """Return the plausibility scorecard of a network, without raising on what is not local.

    Parameters
    ----------
    network
        The network to audit.
    batch
        Batch size: trials per weight update.
    final_rate
        Learning-rate schedule: final factor on all learning rates [dimensionless], 1 at the start.
    dtype
        Floating-point precision of the weights.

    Raises
    ------
    WiringError
        If it has no forward projection, or learns without a feedback pathway that its rules read.
    """
    network = network.in_order()
    _ = network.stimulus, network.output
    _check_taught(network)
    weights = Weights(network)
    found = [
        *_rules(network),
        *_feedback(network, weights),
        *_neurons(network, weights),
        *whole.phases(network),
        *whole.global_quantities(network, Training(batch, final_rate)),
        *whole.precision(network, dtype),
        *whole.delays(network),
        *description(network, weights),
    ]
    said = {finding.aspect for finding in found}
    found += [Finding(NETWORK, a, "local", whole.NOTHING[a]) for a in ASPECTS if a not in said]
    placed = [replace(f, place=network.place(f.subject)) for f in found]
    return Scorecard(tuple(sorted(placed, key=lambda f: ASPECTS.index(f.aspect))))


@checked()
def check(network: Network, *, transport: bool = False) -> Scorecard:
    """Audit the biological plausibility of a network; raise if its learning is not local.

    Parameters
    ----------
    network
        The network to audit.
    transport
        Whether to allow declared violations of locality, for comparisons: weight transport, of
        weights or of their signs (`apical.feedback.transposed`,
        `apical.hypotheses.sign_concordant`), updates that read a standard deviation over all
        synapses (`apical.plasticity.optimizers.go_up_global`), and batch normalisation
        (`apical.BatchNorm`).

    Raises
    ------
    LocalityError
        If learning uses information that no synapse has; the message names each finding.
    WiringError
        As in `audit`.
    """
    card = audit(network)
    read = {p.name for p in network.projections if isinstance(p.weights, ReadBackwards)}
    wide = {
        p.name for p in network.plastic if p.rule and p.rule.dynamics and p.rule.dynamics.spread
    }
    wide |= {p.name for p in network.populations if p.norm}
    faults = [
        f"{f.subject}: {f.reason}"
        for f in card.faults
        if not (transport and f.subject in (wide if f.aspect == "global quantities" else read))
    ]
    if faults:
        raise LocalityError("Not biologically plausible: " + "; ".join(faults) + ".")
    return card


def _check_taught(network: Network) -> None:
    """Raise if rules read feedback but the network has no feedback pathway."""
    readers = [p.name for p in network.plastic if p.rule and "teach_post" in p.rule.signals]
    if network.feedback is None and readers:
        raise WiringError(
            f"{', '.join(map(repr, readers))} learn from 'teach_post', but the network has no "
            "feedback pathway; attach one with network.teach(feedback.direct(error, "
            "network.forward))."
        )


def _rules(network: Network) -> Iterator[Finding]:
    for projection in network.plastic:
        if projection.rule is not None:
            yield learning.locality(projection, projection.rule)
            yield learning.locking(network, projection, projection.rule)


def _feedback(network: Network, weights: Weights) -> Iterator[Finding]:
    teaching = Pathways(network, weights).teaching
    for projection in network.projections:
        yield pathways.one_way(network, projection, weights, teaching)
    yield from transport(network, weights)
    for projection in teaching:
        yield pathways.fixed_or_plastic(network, projection)
    yield from foreign(network, weights)


def _neurons(network: Network, weights: Weights) -> Iterator[Finding]:
    for population in network.populations:
        yield from dict.fromkeys(flows(population, network.graph.signals))
        yield from neurons.derivative(network, population)
        yield from neurons.dale(network, population, weights)
        yield from neurons.noise(population)
        yield from assumed(population, *_OF_ONE)
    yield from neurons.signed_error(network, weights)
