"""Mirror-image learning rules: whether feedback synapses change as forward ones do.

Two synapses between the same two neurons, in opposite directions, change alike if their rules are
the same function of the same signals. Then they stay transposes of each other if they began so, and
become so with weight decay (Kolen & Pollack 1994, doi:10.1109/ICNN.1994.374486).
"""

from collections.abc import Mapping

import numpy as np

from apical._base import seeds
from apical.errors import ApicalError
from apical.language.evaluation import evaluated
from apical.language.expressions import names, place
from apical.network.description import Network
from apical.neurons.base import Population
from apical.plausibility.maps import Weights
from apical.plausibility.structure import rule_of
from apical.projections.projection import Projection

_DRAWS = 200
_ALIKE = 0.999
"""Correlation of two updates from which they are the same function."""


def is_mirrored(network: Network, forward: Projection, back: Projection) -> bool:
    """Say whether two opposite projections change by the same function of the same signals.

    Both updates are evaluated for random values of all signals, with weights of 0.

    Parameters
    ----------
    network
        Their network.
    forward, back
        The two projections; `back` begins where `forward` ends, or at error neurons that `forward`
        teaches one-to-one.
    """
    assert forward.rule is not None and back.rule is not None
    rng = seeds.stream(0, "mirror-image rules")
    drawn: dict[str, np.ndarray] = {}

    def value(population: Population, signal: str) -> np.ndarray:
        name = _origin(network, population, signal)
        if name == "1":
            return np.ones(_DRAWS)
        if name not in drawn:
            drawn[name] = rng.normal(size=_DRAWS)
        return drawn[name]

    updates = []
    for projection in (forward, back):
        rule = projection.rule
        assert rule is not None
        values: dict[str, np.ndarray] = {}
        for name in names(rule.update) | {n for t in rule.traces.values() for n in names(t.source)}:
            end = {"pre": projection.pre, "post": projection.post}.get(place(name))
            if end is not None:
                values[name] = value(end, name.removesuffix(f"_{place(name)}"))
        try:
            traces = {n: _worked_out(t.source, values) for n, t in rule.traces.items()}
            known = values | traces | {n: np.full(_DRAWS, x) for n, x in rule.parameters.items()}
            updates.append(_worked_out(rule.update, known))
        except ApicalError:
            return False
    a, b = (update - update.mean() for update in updates)
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return bool(norms and abs(a @ b) > _ALIKE * norms)


def _worked_out(text: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    known = {name: values.get(name, np.zeros(_DRAWS)) for name in names(text)}
    return np.broadcast_to(evaluated(text, known, {}), (_DRAWS,)).astype(float)


def _origin(network: Network, population: Population, signal: str) -> str:
    """Return where a signal comes from: of a dendrite that hears one-to-one, from there."""
    if signal == "gain" and _is_one(population.slope):
        return "1"
    if signal == "delta" and _is_one(population.slope):
        return _origin(network, population, "teach")
    variable = population.inputs.get(signal)
    arriving = [
        (p, carried)
        for p in network.projections
        for target, carried in p.carries.items()
        if p.post is population and variable and p.post.inputs[target] == variable
    ]
    if len(arriving) == 1:
        ((projection, carried),) = arriving
        weights = Weights(network)(projection)
        if projection.pre.is_paired:
            weights = weights[: len(weights) // 2]
        if rule_of(weights).startswith("one-to-one") or weights.shape == (1, 1):
            return f"{projection.pre.name}.{carried}"
    return f"{population.name}.{signal}"


def _is_one(text: str | None) -> bool:
    try:
        return float(text or "nan") == 1
    except ValueError:
        return False
