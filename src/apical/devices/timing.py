"""Check that all times of a network are whole numbers of time steps."""

import re
from collections.abc import Iterator

from apical._base import times
from apical.errors import ParameterError
from apical.network.description import Network
from apical.network.stimuli import n_frames
from apical.neurons.base import Population

_WRITTEN = re.compile(r"\s*(\d+\.?\d*(?:e[-+]?\d+)?)\s*\*\s*(ms|second)\s*")
"""A time in the text of a model: ``"5*ms"``."""

LONGEST_DELAY = 10_000
"""Longest transmission delay in time steps: the spikes of each are stored for every neuron."""

LIVED = ("wait",)
"""Parameters of models, besides that of refractoriness, that are counted in time steps."""


def check_times(network: Network, dt: float) -> None:
    """Raise if a time of a network is not a whole number of time steps.

    These are the durations of a trial and of its frames, the time until spikes count, delays,
    onsets of rules, refractory periods and delays of labels. They are never rounded silently.

    Parameters
    ----------
    network
        A description.
    dt
        Time step [ms].

    Raises
    ------
    ParameterError
        At the first of them; the message names the two nearest multiples; at a delay of more
        than `LONGEST_DELAY` time steps.
    """
    for what, parameter, duration in _times(network):
        found = times.steps(duration, dt, what, parameter)
        if parameter == "delay" and found > LONGEST_DELAY:
            raise ParameterError(
                f"{what[0].upper()}{what[1:]} must be at most {LONGEST_DELAY:,} time steps, which "
                f"are {LONGEST_DELAY * dt:g} ms at dt={dt:g} ms, got {duration:g} ms.",
                object=what,
                parameter=parameter,
            )


def _times(network: Network) -> Iterator[tuple[str, str, float]]:
    """Yield the description of every duration, its parameter, and its value [ms]."""
    yield "a trial", "trial", network.trial
    for what, frames in (("stimulus", n_frames(network)), ("target", network.target_frames)):
        if frames > 1:
            yield f"a frame of the {what}", "frames", network.trial / frames
    yield "the time until spikes count", "settle", network.settle
    for population in network.populations:
        yield from _of_neurons(population)
    for projection in network.projections:
        yield f"the delay of projection {projection.name!r}", "delay", projection.delay
        if projection.rule is not None:
            what = f"the onset of rule {projection.rule.name!r} on projection {projection.name!r}"
            yield what, "onset", projection.rule.onset


def _of_neurons(population: Population) -> Iterator[tuple[str, str, float]]:
    model, owner = population.model, f"{type(population).__name__} {population.name!r}"
    held = model.parameters.get(model.refractory)
    if held is not None and held[1] == "ms":
        yield f"the refractory period of {owner}", "refractory", held[0]
    elif (written := _WRITTEN.fullmatch(model.refractory)) is not None:
        milliseconds = float(written[1]) * (1 if written[2] == "ms" else 1e3)
        yield f"the refractory period of {owner}", "refractory", milliseconds
    for name in LIVED:
        if name in model.parameters:
            yield f"the {name} of {owner}", name, model.parameters[name][0]
