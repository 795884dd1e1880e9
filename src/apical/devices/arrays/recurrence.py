"""Fixed points of recurrent loops: populations that drive each other, or themselves."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apical.devices.arrays.library import Array, Call, Library
from apical.errors import DeviceError, RunError
from apical.network.description import Network
from apical.network.order import forward_groups, is_recurrent
from apical.neurons.base import Population

STEPS = (0.5, 0.125, 0.03125)
"""Steps of the iteration, in units of the time constant: the next where one does not converge."""
LONGEST = 500
"""Longest time that a loop may take to settle, in units of the time constant."""
PRECISION = 64
"""Largest change of settled activity, in units of rounding."""


@dataclass(frozen=True)
class Member:
    """A population of a loop in a batch.

    Parameters
    ----------
    population
        The population.
    x
        Array of its activity, shape (n_trials, n).
    y
        Array of its response to the activity of all.
    moved
        Room for the difference, of the same shape.
    """

    population: Population
    x: Array
    y: Array
    moved: Array


def check_loops(network: Network) -> list[list[Population]]:
    """Return the recurrent loops of a network, or raise if one has no steady state on arrays.

    Parameters
    ----------
    network
        The network.

    Raises
    ------
    DeviceError
        If a population of a loop has dropout, batch normalisation or noise of its own.
    """
    found = [group for group in forward_groups(network) if is_recurrent(network, group)]
    for population in (p for group in found for p in group):
        has = {
            "dropout": population.unreliable,
            "batch normalisation": population.norm,
            "node perturbation": population.explores,
            "spontaneous noise": population.noise,
        }
        what = [name for name, value in has.items() if value]
        if what:
            raise DeviceError(
                f"Population {population.name!r} is in a recurrent loop and has {what[0]}, which "
                "device 'array' does not compute together; take one of them out, or use "
                "device='runtime'.",
                object=f"Population {population.name!r}",
            )
    return found


def settled(members: Sequence[Member], respond: Sequence[Call], library: Library[Array]) -> Call:
    r"""Return the call that computes the fixed point of a loop, trial by trial.

    .. math:: x \leftarrow x + a\,(f(W x + b) - x)

    From x = 0, as every trial begins, until nothing changes but by rounding: Euler steps of the
    equation that neurons have in time, so that what is stable there is found. A trial that has
    settled is left alone, so that it does not depend on those beside it.

    Parameters
    ----------
    members
        The populations.
    respond
        Calls that compute their responses ``y`` from their activities ``x``.
    library
        Array library.

    Raises
    ------
    RunError
        By the call, if activity does not settle.
    """
    limit = PRECISION * float(np.finfo(library.back(members[0].x).dtype).eps)

    def call() -> None:
        for step in STEPS:
            left = _iterated(members, respond, library, step, limit)
            if not left:
                return
        names = ", ".join(repr(member.population.name) for member in members)
        raise RunError(
            f"The activity of the recurrent loop of {names} does not settle in {left} of the "
            "trials: it oscillates or grows. Weaken its synapses, or let it run in time "
            "(device='runtime').",
            object="Device 'array'",
        )

    return call


def _iterated(
    members: Sequence[Member],
    respond: Sequence[Call],
    library: Library[Array],
    step: float,
    limit: float,
) -> int:
    """Iterate with one step; return the number of trials that did not settle."""
    subtract, multiply, add = (library.operations[k] for k in (ast.Sub, ast.Mult, ast.Add))
    for member in members:
        member.x[...] = 0
    open_ones = np.ones(len(members[0].x), bool)
    for _ in range(round(LONGEST / step)):
        for each in respond:
            each()
        still = np.zeros_like(open_ones)
        for member in members:
            subtract(member.y, member.x, out=member.moved)
            moved = np.abs(library.back(member.moved)).max(axis=1)
            size = 1 + np.abs(library.back(member.x)).max(axis=1)
            still |= ~(moved <= limit * size)  # NaN has not settled
        open_ones &= still
        if not open_ones.any():
            return 0
        factor = library.array(np.where(open_ones, step, 0.0)[:, np.newaxis])
        for member in members:
            multiply(member.moved, factor, out=member.moved)
            add(member.x, member.moved, out=member.x)
        if not np.isfinite(moved[open_ones]).all():
            break
    return int(open_ones.sum())
