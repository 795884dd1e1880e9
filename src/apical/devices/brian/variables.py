"""State variables of a simulator, with their shapes and initial values."""

from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable

from apical._base import seeds
from apical.devices.brian import graded, plastic, relaying
from apical.devices.brian.build import COUNTING, Built
from apical.neurons.encoding import LogNormal


def state_shapes(built: Built) -> dict[str, tuple[int, ...]]:
    """Return what the next block depends on: ``<object>.<variable>`` -> shape."""
    shapes: dict[str, tuple[int, ...]] = {}
    for population in built.network.populations:
        group = built.objects[population.name]
        # sums are computed in every step
        anew = set().union(*graded.arriving(built.network, population).values())
        for name, equation in group.equations.items():
            fixed = equation.type == "subexpression" or {"constant", "linked", "shared"} & {
                *equation.flags
            }
            passed = name == relaying.SAID or (name == "heard" and population.relays is not None)
            if not fixed and not passed and name not in anew:
                shapes[f"{population.name}.{name}"] = (population.size,)
        if population.model.refractory:
            shapes[f"{population.name}.lastspike"] = (population.size,)
    for projection in built.network.projections:
        for name in ("w", *plastic.state(projection)):
            edges = built.network.edges(projection)
            shape = projection.shape if edges is None else (len(edges),)
            shapes[f"{projection.name}.{name}"] = shape
    return shapes


def initial_state(built: Built) -> dict[str, np.ndarray]:
    """Return the state before the first trial, drawn from streams named after each variable."""
    network = built.network
    state = {name: np.zeros(shape) for name, shape in state_shapes(built).items()}
    for population in network.populations:
        for variable, value in population.model.initial.items():
            name = f"{population.name}.{variable}"
            rng = seeds.stream(network.seed, "initial", name)
            if value == "uniform":
                state[name] = rng.random(population.size)
            elif value == "exponential":
                state[name] = rng.exponential(size=population.size)
            elif isinstance(value, LogNormal):
                state[name] = value.draw(rng, population.size)
            else:
                state[name] = np.full(population.size, float(value))
        if population.model.refractory:
            state[f"{population.name}.lastspike"] = np.full(population.size, -1e4)
    for projection in network.projections:
        weights = state[f"{projection.name}.w"] = network.initial_state(projection)
        for name, values in plastic.first(projection, weights).items():
            state[f"{projection.name}.{name}"] = values
    return state


def fixed(built: Built) -> dict[str, np.ndarray]:
    """Return the variables that never change: ``<object>.<variable>`` -> values, of any shape."""
    network, found = built.network, dict[str, np.ndarray]()
    for projection in network.projections:
        signs, masked = network.polarity(projection), projection.name in built.masked
        if plastic.of_sender(projection) and signs is not None:
            name = plastic.POLARITY.format(projection.name)
            found[f"{projection.pre.name}.{name}"] = signs
        exists = network.existing(projection) if masked else None
        if plastic.of_synapse(projection, masked=masked) and exists is not None:
            found[f"{projection.name}.{plastic.EXISTS}"] = exists
    return found


def started(built: Built) -> dict[str, np.ndarray]:
    """Return where neurons start that are brought back to it, if it differs between them."""
    first, found = initial_state(built), dict[str, np.ndarray]()
    for population, start in built.starts.items():
        for name, variable in start.drawn.items():
            found[f"{population}.{name}"] = first[f"{population}.{variable}"]
    return found


def settable(built: Built) -> dict[str, np.ndarray]:
    """Return what models leave to be set and is no state: ``<object>.<variable>`` -> zeros."""
    found = dict[str, np.ndarray]()
    for population in built.network.populations:
        group = built.objects[population.name]
        for name, equation in group.equations.items():
            held = {"constant", "shared"} & {*equation.flags} and "linked" not in equation.flags
            if equation.type == "parameter" and held and name != COUNTING:
                found[f"{population.name}.{name}"] = np.zeros(group.variables[name].size)
    return found


def beginning(built: Built) -> dict[str, Any]:
    """Return all that the first block begins with: ``<object>.<variable>`` -> values."""
    first = built.constants | fixed(built) | started(built)
    return settable(built) | first | initial_state(built)


def variable(built: Built, name: str) -> ArrayVariable:
    """Return the Brian2 variable ``<object>.<variable>``."""
    owner, _, own_name = name.partition(".")
    return built.objects[owner].variables[own_name]


def shift_spike_times(state: dict[str, np.ndarray], seconds: float) -> None:
    """Move the times of last spikes [s], so that they are relative to the next block's start."""
    for name in state:
        if name.endswith(".lastspike"):
            state[name] = state[name] + seconds


def recorded_spikes(built: Built) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return times [ms] and neurons of the recorded spikes, by population."""
    return {
        name: (np.asarray(monitor.t_) * 1e3, np.array(monitor.i[:]))
        for name, monitor in built.spikes.items()
    }
