"""Limits of device ``genn``: features of networks that Brian2GeNN does not support.

GeNN resets neurons before it delivers their spikes, keeps no state of delayed spikes that could be
saved between blocks, and has no events besides spikes. Supported features are compiled so that they
give the spikes of the other devices; others are refused here, before code is generated.
"""

import re
from collections.abc import Iterator

from apical.errors import DeviceError
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.projection import Projection


def check_genn(network: Network) -> None:
    """Raise if device ``genn`` cannot run a network.

    Raises
    ------
    DeviceError
        If a feature is not supported; the message names it and an alternative.
    """
    for problem in _refused(network):
        raise DeviceError(
            f"Device 'genn' cannot run this network: {problem}", object="Device 'genn'"
        )


def _refused(network: Network) -> Iterator[str]:
    for population in network.populations:
        yield from _of_population(population)
    for projection in network.projections:
        yield from _of_projection(projection)


def _of_population(population: Population) -> Iterator[str]:
    name, model = population.name, population.model
    if not population.is_spiking:
        yield (
            f"{name!r} is graded, and GeNN sums graded input a time step late; use device='array' "
            "for rate networks."
        )
    for variable in population.inputs.values():
        if re.search(rf"(?:^|;)\s*{variable}\s*=(?!=)", model.reset, re.MULTILINE):
            yield (
                f"a spike of {name!r} sets {variable!r}, to which synapses add in the same step, "
                "and GeNN resets before it delivers; use reset='subtract' or tau_s > 0 (LIF), or "
                "device='cpp_standalone'."
            )


def _of_projection(projection: Projection) -> Iterator[str]:
    name, rule, other = projection.name, projection.rule, "use device='cpp_standalone'."
    if len(projection.carries) > 1:
        yield (
            f"projection {name!r} carries {', '.join(projection.carries.values())}, and one "
            f"synapse of GeNN carries one signal; use feedback.indirect(..., relay='random'), or "
            f"{other}"
        )
    if projection.delay:
        yield (
            f"projection {name!r} has a delay, and GeNN gives no access to spikes in transit; "
            f"use delay=0, or {other}"
        )
    if projection.total is not None:
        yield (
            f"projection {name!r} normalises its weights, which takes sums over synapses; "
            f"leave total out, or {other}"
        )
    if rule is not None and (rule.when != "trial" or rule.traces):
        when = "keeps traces" if rule.traces else f"acts at {rule.when!r}"
        yield (
            f"rule {rule.name!r} on projection {name!r} {when}, and GeNN lets weights change at "
            f"the end of trials alone; use when='trial', or {other}"
        )
