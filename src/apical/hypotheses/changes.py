"""Helpers of hypotheses: select feedback projections, and replace parts of a network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from apical._base.checking import described
from apical.errors import WiringError
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.edges import Edges
from apical.projections.projection import Projection
from apical.projections.weights import Masked, Opposed, WeightSource


def feedback_onto_hidden(network: Network, hypothesis: str) -> tuple[Projection, ...]:
    """Return the feedback projections onto hidden populations.

    The one-to-one projection of the error to the output defines the error, and is not subject to
    hypotheses about feedback.

    Raises
    ------
    WiringError
        If the network has no feedback pathway, or none onto hidden populations.
    """
    found = network.feedback.projections if network.feedback else ()
    onto = tuple(p for p in found if p.post is not network.output)
    if not onto:
        raise WiringError(
            f"Hypothesis {hypothesis!r} changes feedback onto hidden populations, of which the "
            "network has none; give it a hidden population and a pathway of apical.feedback.",
            object=f"Hypothesis {hypothesis!r}",
        )
    return onto


def with_projections(
    network: Network, chosen: Iterable[Projection], change: Callable[[Projection], Projection]
) -> Network:
    """Return the network with selected projections changed."""
    names = {p.name for p in chosen}
    return network.altered(projection=lambda p: change(p) if p.name in names else p)


def with_weights(
    network: Network,
    chosen: Iterable[Projection],
    weights: Callable[[WeightSource], WeightSource],
) -> Network:
    """Return the network with the weight sources of selected projections changed."""
    return with_projections(network, chosen, lambda p: replace(p, weights=weights(p.weights)))


def hidden_hearers(network: Network, hypothesis: str) -> tuple[Population, ...]:
    """Return the hidden populations that receive feedback, by separate synapses or relays.

    Raises
    ------
    WiringError
        If there are none.
    """
    onto = [p.post for p in feedback_onto_hidden(network, hypothesis)]
    relayed = [p.post for p in network.feedback.relays] if network.feedback else []
    return tuple(p for p in dict.fromkeys([*onto, *relayed]) if p is not network.output)


def on_wires(source: WeightSource, change: Callable[[WeightSource], WeightSource]) -> WeightSource:
    """Change a weight source so that both error neurons of a class keep the same connectivity.

    Parameters
    ----------
    source
        The weight source.
    change
        Function from the weight source of single connections to its replacement.
    """
    if isinstance(source, Opposed) or (isinstance(source, Masked) and source.pre is None):
        return replace(source, source=on_wires(source.source, change))
    return change(source)


def with_error(
    network: Network, hypothesis: str, change: Callable[[Population], Population | None]
) -> Network:
    """Return the network with changed error neurons, keeping the total feedback.

    If a spike represents a larger error, its outgoing weights are scaled up in proportion.

    Raises
    ------
    WiringError
        If error neurons of this kind do not support the change.
    """
    more: dict[str, float] = {}

    def judged(population: Population) -> Population:
        if population.role != "error":
            return population
        found = change(population)
        if found is None:
            raise unable(hypothesis, population, "error neurons such as Error or RateError")
        more[found.name] = found.stands_for / population.stands_for
        return found

    def weighed(projection: Projection) -> Projection:
        factor = more.get(projection.pre.name, 1.0)
        if factor == 1:
            return projection
        weights = on_wires(projection.weights, lambda source: Scaled(source, factor))
        return replace(projection, weights=weights)

    return network.altered(population=judged, projection=weighed)


def unable(hypothesis: str, population: Population, wanted: str) -> WiringError:
    """Return the error to raise if a population does not support a hypothesis."""
    return WiringError(
        f"Hypothesis {hypothesis!r} needs {wanted}, but {described(population)} does not "
        "support the change; add it to its equations, or to its class (neurons.base.Population).",
        object=f"Hypothesis {hypothesis!r}",
    )


@dataclass(frozen=True)
class Scaled(WeightSource):
    """Weights of another source, scaled by a factor.

    Parameters
    ----------
    source
        Where the weights come from.
    factor
        The factor [dimensionless].
    """

    source: WeightSource
    factor: float

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return self.factor * self.source.draw(n_pre, n_post, rng)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        return self.factor * self.source.draw_for(edges, rng)
