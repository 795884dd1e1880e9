"""Audit a network: everything it learns from must be known where it is used."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from apical.error_neurons import RateError
from apical.errors import LocalityError, WiringError
from apical.network import Network
from apical.projections import Projection, TransposeOf
from apical.rates import Rate
from apical.relays import Relay
from apical.settling_time import LARGEST, NEGLIGIBLE, said, slowest_chain, unsettled

Level = Literal["local", "broadcast", "idealised", "not local"]


@dataclass(frozen=True)
class Finding:
    """One line of a scorecard.

    Parameters
    ----------
    subject
        Projection or population it is about.
    level
        ``"local"``: known at the synapse. ``"broadcast"``: needs a signal that reaches every
        synapse alike. ``"idealised"``: known where it is used, but no neuron is known to do it.
        ``"not local"``: needs what no synapse can know.
    reason
        Why, in words.
    """

    subject: str
    level: Level
    reason: str


@dataclass(frozen=True)
class Scorecard:
    """What `check` found."""

    findings: tuple[Finding, ...]

    @property
    def is_local(self) -> bool:
        """Whether nothing needs what a synapse cannot know."""
        return all(finding.level != "not local" for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(f"{f.level:10}  {f.subject}: {f.reason}" for f in self.findings)


def audit(network: Network) -> Scorecard:
    """Return the scorecard of a network, whatever it says.

    Raises
    ------
    WiringError
        If it has no forward projection, or learns without a feedback pathway that its rules read.
    """
    _ = network.stimulus, network.output
    findings = [_check_rule(projection) for projection in network.plastic]
    findings += _check_feedback(network)
    findings += _check_populations(network)
    findings += _check_dynamics(network)
    return Scorecard(tuple(findings))


def check(network: Network, *, transport: bool = False) -> Scorecard:
    """Audit a network and return its scorecard.

    Parameters
    ----------
    network
        What to audit.
    transport
        Whether feedback may be declared to be forward weights read backwards
        (`apical.feedback.transposed`), for a comparison with backpropagation.

    Raises
    ------
    LocalityError
        If the network uses what no synapse can know; the message names each finding.
    WiringError
        As in `audit`.
    """
    card = audit(network)
    declared = {p.name for p in network.projections if isinstance(p.weights, TransposeOf)}
    allowed = declared if transport else set()
    faults = [
        f"{f.subject}: {f.reason}"
        for f in card.findings
        if f.level == "not local" and f.subject not in allowed
    ]
    if faults:
        raise LocalityError("Not biologically plausible: " + "; ".join(faults) + ".")
    return card


_WHEN = {
    "trial": "when a trial ends",
    "feedback": "when feedback arrives",
    "spike": "at each presynaptic spike",
}


def _check_rule(projection: Projection) -> Finding:
    rule = projection.rule
    if rule is None:
        raise WiringError(f"Projection {projection.name!r} has no rule to check.")
    reads = ", ".join(sorted(rule.signals)) or "nothing"
    when = _WHEN[rule.when]
    kept = f"; {rule.dynamics.name} in the synapse" if rule.dynamics else ""
    return Finding(projection.name, "local", f"rule {rule.name!r} reads {reads}, {when}{kept}")


def _check_feedback(network: Network) -> list[Finding]:
    if network.feedback is None:
        readers = [p.name for p in network.plastic if p.rule and "teach_post" in p.rule.signals]
        if readers:
            raise WiringError(
                f"{', '.join(map(repr, readers))} learn from 'teach_post', but the network has no "
                "feedback pathway; attach one with network.teach(feedback.direct(error, "
                "network.forward))."
            )
        return []
    findings = []
    for projection in network.feedback.projections:
        copied = _transported(network, projection)
        if copied is not None:
            reason = f"its weights are those of {copied.name!r} read backwards (weight transport)"
            findings.append(Finding(projection.name, "not local", reason))
        else:
            findings.append(
                Finding(
                    projection.name, "local", "fixed synapses, not derived from forward weights"
                )
            )
    return findings


def _transported(network: Network, feedback: Projection) -> Projection | None:
    """Return the forward projection whose transpose the feedback weights are, if there is one."""
    if isinstance(feedback.weights, TransposeOf):
        return feedback.weights.projection
    weights = network.initial_weights(feedback)
    halves = (weights, *np.array_split(weights, 2)) if len(weights) > 1 else (weights,)
    for forward in network.forward:
        back = network.initial_weights(forward).T
        for half in halves:
            # any two single numbers are multiples of each other
            if half.shape == back.shape and half.size > 1 and _parallel(half, back):
                return forward
    return None


def _parallel(a: np.ndarray, b: np.ndarray) -> bool:
    """Say whether two matrices are multiples of each other."""
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return bool(norms and abs(np.sum(a * b)) > (1 - 1e-9) * norms and min(a.shape) > 0)


def _check_populations(network: Network) -> list[Finding]:
    findings = []
    for population in network.populations:
        if isinstance(population, RateError):
            reason = "each neuron signals an error of either sign"
            findings.append(Finding(population.name, "idealised", reason))
        if isinstance(population, Rate) and population.is_softmax:
            reason = "activity is divided by the sum over the population (softmax)"
            findings.append(Finding(population.name, "broadcast", reason))
        if isinstance(population, Relay):
            reason = (
                f"each neuron follows the dendrite of one neuron of {population.of.name!r}, and "
                "its partner of the other sign; a spike for each sign"
            )
            findings.append(Finding(population.name, "idealised", reason))
    for projection in network.feedback.relays if network.feedback else ():
        reason = "carries activity and, unchanged by it, a teaching signal along the same synapses"
        if projection.pre.is_spiking:
            reason += ", as two more kinds of events, one for each sign, that they tell from spikes"
        findings.append(Finding(projection.name, "idealised", reason))
    return findings


def _check_dynamics(network: Network) -> list[Finding]:
    findings = []
    if network.reset:
        findings.append(
            Finding("network", "broadcast", "every neuron is reset between trials by one signal")
        )
    if any(p.rule and p.rule.when == "trial" for p in network.plastic):
        findings.append(
            Finding("network", "broadcast", "synapses are told when a trial ends, to learn then")
        )
    chain = slowest_chain(network)
    left = unsettled(chain, network.trial) if chain else 0.0
    if left > NEGLIGIBLE:
        reason = (
            f"{left:.2g} of a change of the stimulus is still on its way when a trial of "
            f"{network.trial:g} ms ends ({said(chain)} in a row)"
        )
        refused = "; Brian2 devices refuse so much, and device 'array' knows no time"
        findings.append(Finding("network", "local", reason + refused * (left > LARGEST)))
    late = [p.name for p in network.plastic if p.rule and p.rule.onset]
    if late:
        reason = "learning waits for some time after the onset of each trial (a phase)"
        findings += [Finding(name, "broadcast", reason) for name in late]
    return findings
