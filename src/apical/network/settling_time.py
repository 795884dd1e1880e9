"""Settling time of rate networks: how far a trial ends from the steady state.

Every population low-pass filters its input. The response to a step through L filters of the same
time constant tau is, after the time T tau, ``exp(-T) * sum_{k<L} T**k / k!`` short of its steady
state. The weight updates then differ by the same order.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from apical.errors import ParameterError
from apical.network.description import Network
from apical.network.order import feedback_order, forward_order
from apical.neurons.base import Population

LARGEST, NEGLIGIBLE = 1e-2, 1e-6
"""Largest admissible distance from the steady state at the end of a trial; negligible distance."""


def slowest_chain(network: Network) -> list[float]:
    """Return the time constants [ms] of the slowest chain of low-pass filters through a network.

    Empty where a population spikes: its signals have no steady state.

    Raises
    ------
    WiringError
        If populations drive or teach each other in a cycle.
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
    """Return the remaining part of a step response after a chain of low-pass filters, 0 to 1.

    Parameters
    ----------
    chain
        Time constants [ms].
    time
        Time since the step [ms].
    """
    from scipy.linalg import expm  # imported here, since `import apical` needs none of it

    rates = 1 / np.array(chain)
    flow = np.diag(rates[:-1], 1) - np.diag(rates)
    return float(expm(flow * time)[0].sum())


def unsettled_in_steps(chain: list[float], dt: float) -> Iterator[float]:
    """Yield the remaining part of a step response after 1, 2, ... time steps of `dt` [ms].

    Each filter reads its input at the start of the step (exponential Euler).
    """
    kept = np.exp(-dt / np.array(chain))
    step = np.diag(kept) + np.diag(1 - kept[:-1], 1)
    left = np.eye(len(chain))[0]
    while True:
        left = left @ step
        yield float(left.sum())


def check_settles(network: Network, dt: float) -> None:
    """Raise if the trials of a rate network are too short to reach the steady state.

    Raises
    ------
    ParameterError
        If more than `LARGEST` of a step response is missing when a trial ends; the message says how
        long one must last. `dt` is the time step [ms].
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
        f"A trial of {network.trial:g} ms is too short for this rate network to reach its steady "
        f"state: {left:.2g} of the response to a stimulus is missing when it ends, behind "
        f"low-pass filters of {said(chain)} in a row. Let it last {(enough + 1) * dt:g} ms or "
        "longer, or use device='array', which computes the steady state.",
        object="Network",
        parameter="trial",
    )


def said(chain: list[float]) -> str:
    """Return the time constants of a chain in words: ``"3 x 5 ms, 10 ms"``."""
    counts = {tau: chain.count(tau) for tau in chain}
    return ", ".join(f"{n} x {tau:g} ms" if n > 1 else f"{tau:g} ms" for tau, n in counts.items())
