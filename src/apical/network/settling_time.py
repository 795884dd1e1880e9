"""How much of a change of the stimulus is still on its way when a trial of rates ends.

Every population follows what drives it as a low-pass. A step that passes L of them with the same
time constant tau has, after the time T tau, the part ``exp(-T) * sum_{k<L} T**k / k!`` of its way
still to go. It is also the order of the difference that it makes to what is learned then.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from scipy.linalg import expm

from apical.errors import ParameterError
from apical.network.description import Network
from apical.network.order import feedback_order, forward_order
from apical.neurons.base import Population

LARGEST, NEGLIGIBLE = 1e-2, 1e-6
"""Part of a change that may be missing at the end of a trial; part that is not worth a word."""


def slowest_chain(network: Network) -> list[float]:
    """Return the time constants [ms] that a stimulus passes on its slowest way through a network.

    Empty where a population spikes: its signals never come to rest.

    Raises
    ------
    WiringError
        If populations drive or teach each other in a circle.
    """
    if network.is_spiking:
        return []
    chains: dict[str, list[float]] = {}
    for population in forward_order(network):
        before = [
            chains[p.pre.name]
            for p in network.projections
            if p.post is population and "drive" in p.carries
        ]
        chains[population.name] = max(before, key=sum, default=[]) + _time_constant(population)
    feedback_order(network)  # relays need no time, but must not run in a circle
    return max(chains.values(), key=sum, default=[])


def _time_constant(population: Population) -> list[float]:
    tau = population.time_constant
    return [] if tau is None else [tau]


def unsettled(chain: list[float], time: float) -> float:
    """Return the part of a step that is still missing behind a chain of low-passes, 0 to 1.

    Parameters
    ----------
    chain
        Time constants [ms].
    time
        Time since the step [ms].
    """
    rates = 1 / np.array(chain)
    flow = np.diag(rates[:-1], 1) - np.diag(rates)
    return float(expm(flow * time)[0].sum())


def unsettled_in_steps(chain: list[float], dt: float) -> Iterator[float]:
    """Yield the part of a step that is still missing after 1, 2, ... time steps of `dt` [ms].

    Each low-pass takes the value that was before it at the start of the step (exponential Euler).
    """
    kept = np.exp(-dt / np.array(chain))
    step = np.diag(kept) + np.diag(1 - kept[:-1], 1)
    left = np.eye(len(chain))[0]
    while True:
        left = left @ step
        yield float(left.sum())


def check_settles(network: Network, dt: float) -> None:
    """Raise if the trials of a network of rates are too short to settle in time steps of `dt` [ms].

    Raises
    ------
    ParameterError
        If more than `LARGEST` of a change of the stimulus is missing when a trial ends; the
        message says how long one must last.
    """
    chain = slowest_chain(network)
    if not chain:
        return
    # teaching signals are those of the start of the last step
    steps = max(1, round(network.trial / dt) - 1)
    left = next(islice(unsettled_in_steps(chain, dt), steps - 1, None))
    if left <= LARGEST:
        return
    enough = next(k for k, part in enumerate(unsettled_in_steps(chain, dt), 1) if part <= LARGEST)
    raise ParameterError(
        f"A trial of {network.trial:g} ms is too short for this network of rates to settle: "
        f"{left:.2g} of a change of the stimulus is still on its way when it ends, through "
        f"low-passes of {said(chain)} in a row. Let it last at least {(enough + 1) * dt:g} ms, or "
        "use device='array', where there is no time.",
        object="Network",
        parameter="trial",
    )


def said(chain: list[float]) -> str:
    """Return the time constants of a chain in words: ``"3 x 5 ms, 10 ms"``."""
    counts = {tau: chain.count(tau) for tau in chain}
    return ", ".join(f"{n} x {tau:g} ms" if n > 1 else f"{tau:g} ms" for tau, n in counts.items())
