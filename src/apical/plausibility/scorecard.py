"""The audit of a network: findings on every aspect of biological plausibility."""

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches

from apical._base.checking import checked, described, shown
from apical.errors import LocalityError, ParameterError, WiringError
from apical.network.description import Network
from apical.network.signals import MATHS, WORLD
from apical.network.size import check_network_fits
from apical.neurons.base import Population
from apical.neurons.facts import Aspect
from apical.plausibility import extent, learning, neurons, pathways, target, whole
from apical.plausibility.description import description
from apical.plausibility.events import foreign, outside
from apical.plausibility.findings import ASPECTS, NETWORK, Finding, Scorecard, assumed
from apical.plausibility.flows import flows, of_classes
from apical.plausibility.maps import Pathways, Weights
from apical.plausibility.signs import Signs
from apical.plausibility.teaching import Teaching
from apical.plausibility.transport import transport
from apical.plausibility.whole import Training
from apical.projections.projection import ReadBackwards

_OF_ONE: tuple[Aspect, ...] = (
    "locality",
    "one-way",
    "weight transport",
    "feedback",
    "spike derivative",
    "Dale's law",
    "update locking",
    "memory",
    "precision",
    "cost",
    "description",
)
"""Aspects of which populations are asked here; of the others, where they are told."""


def audit(
    network: Network,
    *,
    batch: int | None = None,
    final_rate: float = 1.0,
    dtype: str = "float32",
) -> Scorecard:
    """Return the plausibility scorecard of a network, without raising on what is not local.

    A network whose output is missing or ambiguous is judged without it, and a line says so.

    Parameters
    ----------
    network
        The network to audit.
    batch
        Batch size: trials per weight update; None where it is not known, which a line says.
    final_rate
        Learning-rate schedule: final factor on all learning rates [dimensionless], 1 at the start.
    dtype
        Floating-point precision of the weights.

    Returns
    -------
    Scorecard
        All findings.

    Raises
    ------
    WiringError
        If the text of a neuron model cannot be read.

    See Also
    --------
    check : Raises where learning is not local.
    apical.plausibility.judge : Judges a network after its training.

    Examples
    --------
    >>> from apical.feedback import WIRINGS
    >>> from apical.plausibility import audit
    >>> from apical.testing.references import rates
    >>> card = audit(rates(WIRINGS["bp"]), batch=64)
    >>> card.is_local
    False
    >>> print(card.faults[0].reason)
    its weights are those of 'hidden_1_to_hidden_2' transposed (weight transport)
    """
    network = network.in_order()
    check_network_fits(network)
    weights = Weights(network)
    teaching = Teaching(network)
    signs = _signs_of(network)
    found = [
        *_rules(network, teaching),
        *outside(network),
        *_feedback(network, weights),
        *_taught(network, teaching),
        *_neurons(network, weights, teaching, signs),
        *whole.phases(network, teaching),
        *whole.global_quantities(network, Training(batch, final_rate), teaching, weights),
        *whole.batch_statistics(network),
        *whole.precision(network, dtype),
        *whole.delays(network),
        *_extent(network, weights, teaching),
        *description(network, weights),
    ]
    said = {finding.aspect for finding in found}
    found += [Finding(NETWORK, a, "local", whole.NOTHING[a]) for a in ASPECTS if a not in said]
    placed = [replace(f, place=network.place(f.subject)) for f in found]
    return Scorecard(tuple(sorted(placed, key=lambda f: ASPECTS.index(f.aspect))))


_WIDE: tuple[Aspect, ...] = ("global quantities", "batch statistics", "weight sharing")
"""Aspects of updates and responses that read what no synapse knows, where that is declared."""


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
        synapses (`apical.plasticity.optimizers.go_up_global`), batch normalisation
        (`apical.BatchNorm`), and weight sharing (`apical.hypotheses.shared_weights`).

    Returns
    -------
    Scorecard
        All findings, of which none is not local unless `transport` allows it.

    Raises
    ------
    LocalityError
        If learning uses information that no synapse has; the message names each finding.
    ParameterError
        If the equations of a population read a name, or call a function, that nothing defines.
    WiringError
        If it has no stimulus or no output, or learns without a feedback pathway that its rules
        read.

    See Also
    --------
    audit : The same without raising.
    apical.locality_check.disturb : Tests locality by perturbations.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.feedback import WIRINGS
    >>> from apical.testing.references import rates
    >>> ap.check(rates(WIRINGS["dfa"])).is_local
    True
    >>> ap.check(rates(WIRINGS["bp"]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.LocalityError: Not biologically plausible: ...
    >>> ap.check(rates(WIRINGS["bp"]), transport=True).is_local
    False
    """
    network = network.in_order()
    _ = network.stimuli, network.output
    _check_taught(network)
    _check_names(network)
    card = audit(network)
    read = {p.name for p in network.projections if isinstance(p.weights, ReadBackwards)}
    wide = {
        p.name for p in network.plastic if p.rule and p.rule.dynamics and p.rule.dynamics.spread
    }
    wide |= {p.name for p in network.populations if p.norm}
    wide |= {p.name for p in network.plastic if p.shares_weights}
    faults = [
        f
        for f in card.faults
        if not (transport and f.subject in (wide if f.aspect in _WIDE else read))
    ]
    if faults:
        said = "; ".join(f"{f.subject}: {f.reason}" for f in faults)
        parts: dict[str, object] = {p.name: p for p in network.populations}
        parts |= {p.name: p for p in network.projections}
        raise LocalityError(
            f"Not biologically plausible: {said}.",
            object=described(parts.get(faults[0].subject, network)),
        )
    return card


def _check_names(network: Network) -> None:
    """Raise if the text of a neuron model reads a name that nothing defines: a mistake, not news.

    A function that nobody knows is one if it is nearly called as another; else the scorecard says
    that it brings something in.
    """
    signals = network.graph.signals
    read = {edge.source: edge for edge in reversed(signals.edges)}
    for population in network.populations:
        own = [node.name for node in signals.nodes.values() if node.owner == population.name]
        lost = [
            node
            for node in signals.nodes.values()
            if node.owner == population.name and node.kind == "unknown"
        ]
        strange = {node.name for node in lost}
        known = sorted({*own, *population.described.parameters} - strange - {"spike"})
        for node in lost:
            near = get_close_matches(node.name, known, 1)
            asked = f" Did you mean {near[0]!r}?" if near else ""
            raise ParameterError(
                f"{described(population)} reads {node.name!r} in {shown(read[str(node)].via)}, "
                "which neither its equations nor its parameters define; these have "
                f"{', '.join(known) or 'none'}.{asked} Write a line for it, or a parameter.",
                object=described(population),
            )
    for name, node in signals.nodes.items():
        near = get_close_matches(name, _CALLS, 1, 0.8)
        if node.kind == "world" and not node.owner and name not in _OUTSIDE and near:
            edge = read[name]
            owner = f"Population {edge.target.partition('.')[0]!r}"
            raise ParameterError(
                f"{owner} calls {name!r} in {shown(edge.via)}, which is no function of its "
                f"grammar. Did you mean {near[0]!r}?",
                object=owner,
            )


_OUTSIDE = {*WORLD.values(), "time", "chance"}
"""What comes from outside a network."""
_CALLS = (*sorted(MATHS), *WORLD)
"""Functions that texts may call."""


def _check_taught(network: Network) -> None:
    """Raise if rules read feedback but no projection brings any."""
    heard = {p.post.name for p in network.projections if "teach" in p.carries}
    readers = [
        p.name
        for p in network.plastic
        if p.rule and "teach_post" in p.rule.signals and p.post.name not in heard
    ]
    if network.feedback is None and readers:
        raise WiringError(
            f"{', '.join(map(repr, readers))} learn from 'teach_post', but the network has no "
            "feedback pathway; attach one with network.teach(feedback.direct(error, "
            "network.forward))."
        )


def _signs_of(network: Network) -> neurons.SignsOfAll:
    """Return what gives the signs within a population, worked out once for each."""
    known: dict[str, Signs] = {}

    def signs(population: Population) -> Signs:
        if population.name not in known:
            known[population.name] = Signs(population)
        return known[population.name]

    return signs


def _rules(network: Network, teaching: Teaching) -> Iterator[Finding]:
    for projection in network.plastic:
        if projection.rule is not None:
            yield learning.locality(projection, projection.rule)
            yield learning.locking(teaching, projection, projection.rule)


def _feedback(network: Network, weights: Weights) -> Iterator[Finding]:
    routes = Pathways(network, weights)
    for projection in network.projections:
        yield from of_classes(projection)
        yield pathways.one_way(network, projection, weights, routes.teaching)
    yield from transport(routes)
    for projection in routes.teaching:
        yield pathways.fixed_or_plastic(network, projection)
    yield from foreign(network, weights)


def _taught(network: Network, teaching: Teaching) -> Iterator[Finding]:
    yield from target.sharing(network)
    yield from target.effect(network, teaching)
    yield from target.teacher(network, teaching)
    yield from target.error_size(network)
    yield from target.switch(network)


def _neurons(
    network: Network, weights: Weights, teaching: Teaching, signs: neurons.SignsOfAll
) -> Iterator[Finding]:
    for population in network.populations:
        yield from dict.fromkeys(flows(population, network.graph.signals))
        yield from neurons.derivative(teaching, population)
        yield from neurons.dale(network, population, weights, signs)
        yield from neurons.noise(population)
        yield from assumed(population, *_OF_ONE)
    yield from neurons.rates(network, signs)
    yield from neurons.signed_error(network, weights)


def _extent(network: Network, weights: Weights, teaching: Teaching) -> Iterator[Finding]:
    yield from extent.settling(network)
    yield from extent.memory(network, teaching)
    yield from extent.cost(network, teaching, weights)
    yield from extent.connectivity(network)
