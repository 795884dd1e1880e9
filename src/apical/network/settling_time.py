"""Settling time of rate networks: how far a trial ends from the steady state.

Every population low-pass filters its input. The response to a step through L filters of the same
time constant tau is, after the time T tau, ``exp(-T) * sum_{k<L} T**k / k!`` short of its steady
state. The weight updates then differ by the same order.

Filters and their order are read from the signal graph and from the equations of every population,
those of `apical.Neurons` included; see `time_constants` for what is read.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from math import isfinite

import numpy as np

from apical.errors import ParameterError, WiringError
from apical.language.linear import coefficient
from apical.language.model_text import equations, statements
from apical.network.description import Network
from apical.network.order import feedback_order, forward_order
from apical.network.signals import SignalGraph
from apical.neurons.base import NeuronModel, Population

LARGEST, NEGLIGIBLE = 1e-2, 1e-6
"""Largest admissible distance from the steady state at the end of a trial; negligible distance."""

_SIZES = {"ms": Fraction(1, 1000)}
"""Sizes in SI of the units of parameters, but for those of size 1."""


def time_constants(model: NeuronModel) -> dict[str, float]:
    """Return the time constants [ms] of the variables of a model that low-pass filter their input.

    Read are linear differential equations whose leak is a constant, ``dv/dt = (I - v)/tau``: the
    coefficient of ``v``, subexpressions included, is a negative number made of parameters, numbers
    and units, and the time constant is minus its inverse. The input may be anything that does not
    read ``v``, noise included.

    Not read are equations that are not linear in their variable, leaks that depend on other
    variables (conductances, time constants that differ between neurons), variables that statements
    of a time step or a frame assign to, and filters that such statements are.

    Parameters
    ----------
    model
        Equations of one neuron.

    Examples
    --------
    >>> from apical import NeuronModel
    >>> tau = {"tau": (20.0, "ms")}
    >>> time_constants(NeuronModel("dv/dt = (I - v)/tau : 1\\nI : 1", parameters=tau))
    {'v': 20.0}
    >>> time_constants(NeuronModel("dv/dt = (I - v**3)/tau : 1\\nI : 1", parameters=tau))
    {}
    """
    lines = equations(model.equations)
    constants = {
        name: Fraction(value) * _SIZES.get(unit, 1)
        for name, (value, unit) in model.parameters.items()
        if isfinite(value)
    }
    inner = {line.name: line.text for line in lines if line.kind == "expression"}
    others = {*model.parameters, *model.summed, *(line.name for line in lines)}
    assigned = _assigned(model)
    found = {
        line.name: coefficient(line.text, line.name, constants, inner, others)
        for line in lines
        if line.kind == "differential" and line.name not in assigned
    }
    return {name: float(-1000 / leak) for name, leak in found.items() if leak and leak < 0}


def slowest_chain(network: Network) -> list[float]:
    """Return the time constants [ms] of the slowest chain of low-pass filters through a network.

    A chain leads through synapses and through the variables of neurons, as the signal graph has
    them, to the activity of a population or to what an update reads, a dendrite for instance.
    Where the equations of a population tell no time constant on the way to its activity,
    `apical.neurons.base.Population.time_constant` counts, if it states one. Variables that filter
    each other (a membrane and its adaptation) are not a chain, and do not count. A dendrite counts
    once, also where half of a population relays feedback to the other half.

    Empty where a population spikes: its signals have no steady state; and where an equation reads
    what is not defined.

    Raises
    ------
    WiringError
        If populations teach each other in a cycle, or error neurons are in a recurrent loop.

    See Also
    --------
    time_constants : Those of one model.
    unsettled : What is missing after some time.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.settling_time import slowest_chain
    >>> net = ap.Network()
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    >>> h, y = ap.Rate("hidden", 6, tau=5.0), ap.Rate("output", 3, tau=10.0)
    >>> _ = ap.chain(net, x, h, y, weights=ap.FanIn())
    >>> slowest_chain(net)  # [ms]; a graded stimulus is a filter of 5 ms itself
    [5.0, 5.0, 10.0]
    """
    signals = network.graph.signals
    if network.is_spiking or signals.undefined:
        return []
    order = forward_order(network)
    feedback_order(network)  # relays need no time, but must not run in a circle
    chains = _chains(signals, {p.name: p for p in order}, _backward(network, order))
    ends = [end for population in order for end in signals.activity(population.name)]
    for update in signals.updates():
        ends += sorted(signals.sources(update, ("rule",)) & chains.keys())
    return max((chains[end] for end in ends), key=sum, default=[])


def _backward(network: Network, order: Sequence[Population]) -> frozenset[str]:
    """Return the projections that close recurrent loops.

    How long a loop takes depends on its weights: chains pass through its populations once.
    """
    place = {population.name: k for k, population in enumerate(order)}
    return frozenset(
        p.name
        for p in network.projections
        if network.graph.signals.drives(p.name) and place[p.pre.name] >= place[p.post.name]
    )


def _chains(
    signals: SignalGraph, populations: Mapping[str, Population], backward: Container[str]
) -> dict[str, list[float]]:
    """Return the slowest chain that ends at each node of each population."""
    loops = {
        name: min(signals.sources(name, ("within",)) & signals.reached(name, ("within",)))
        for name, node in signals.nodes.items()
        if node.owner in populations
    }
    before: dict[str, dict[str, None]] = {loop: {} for loop in loops.values()}
    for name, loop in loops.items():
        read = _read(signals, name, loops, backward)
        before[loop] |= dict.fromkeys(loops[source] for source in read)
        before[loop].pop(loop, None)
    filters = _filters(signals, populations.values(), loops)
    found: dict[str, list[float]] = {}
    try:
        for loop in TopologicalSorter(before).static_order():
            reached = (found[source] for source in before[loop])
            found[loop] = max(reached, key=sum, default=[]) + filters.get(loop, [])
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise WiringError(f"Signals run in a cycle: {circle}; take one of them out.") from None
    return {name: found[loop] for name, loop in loops.items()}


def _read(
    signals: SignalGraph, name: str, known: Container[str], backward: Container[str]
) -> Iterator[str]:
    """Yield what a node reads, but for what closes a loop."""
    for edge in signals.into(name):
        apart = signals.nodes[edge.source].owner != signals.nodes[name].owner
        apart = apart and edge.via not in backward
        activity = edge.kind == "within" or (edge.kind == "synapse" and apart)
        if activity and edge.source in known:
            yield edge.source


def _filters(
    signals: SignalGraph, populations: Iterable[Population], loops: Mapping[str, str]
) -> dict[str, list[float]]:
    """Return the time constant of each loop of nodes that is one low-pass filter."""
    found: dict[str, list[float]] = {}
    for population in populations:
        model = population.described
        taus = {f"{population.name}.{name}": tau for name, tau in time_constants(model).items()}
        moved = Counter(loops[f"{population.name}.{name}"] for name in _moved_in_time(model))
        own = {loops[name]: [tau] for name, tau in taus.items() if moved[loops[name]] == 1}
        found |= own
        for end in signals.activity(population.name) if population.time_constant else ():
            if own.keys().isdisjoint(loops.get(n) for n in signals.sources(end, ("within",))):
                found[loops[end]] = [population.time_constant or 0.0]
    return found


def _moved_in_time(model: NeuronModel) -> set[str]:
    """Return the variables of a model that change within a trial by themselves."""
    lines = equations(model.equations)
    return {line.name for line in lines if line.kind == "differential"} | _assigned(model)


def _assigned(model: NeuronModel) -> set[str]:
    """Return the variables that statements assign to within a trial."""
    return {s.target for text in (model.at_step, model.at_frame) for s in statements(text)}


def unsettled(chain: list[float], time: float) -> float:
    r"""Return the remaining part of a step response after a chain of low-pass filters, 0 to 1.

    .. math:: e^{-T} \sum_{k<L} T^k/k!

    for L filters of one time constant, after the time T in units of it.

    Parameters
    ----------
    chain
        Time constants [ms].
    time
        Time since the step [ms].

    Examples
    --------
    >>> import math
    >>> from apical.network.settling_time import unsettled
    >>> round(unsettled([10.0], 20.0), 6), round(math.exp(-2), 6)
    (0.135335, 0.135335)
    >>> round(unsettled([10.0, 10.0], 20.0), 6), round(math.exp(-2) * (1 + 2), 6)
    (0.406006, 0.406006)
    """
    from scipy.linalg import expm  # imported here, since `import apical` needs none of it

    rates = 1 / np.array(chain)
    flow = np.diag(rates[:-1], 1) - np.diag(rates)
    return float(expm(flow * time)[0].sum())


def unsettled_in_steps(chain: list[float], dt: float) -> Iterator[float]:
    """Yield the remaining part of a step response after 1, 2, ... time steps of `dt` [ms].

    Each filter reads its input at the start of the step (exponential Euler).

    See Also
    --------
    unsettled : In continuous time.

    Examples
    --------
    >>> from itertools import islice
    >>> from apical.network.settling_time import unsettled_in_steps
    >>> [round(left, 4) for left in islice(unsettled_in_steps([10.0], dt=5.0), 3)]  # exp(-k/2)
    [0.6065, 0.3679, 0.2231]
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

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.settling_time import check_settles
    >>> net = ap.Network(trial=20.0)
    >>> x, y = ap.Stimulus("stimulus", 4, ap.encoding.Graded()), ap.Rate("output", 3, tau=10.0)
    >>> _ = ap.chain(net, x, y, weights=ap.FanIn())
    >>> check_settles(net, dt=1.0)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: A trial of 20 ms is too short for this rate network to
        reach its steady state: 0.29 of the response to a stimulus is missing when it ends, behind
        low-pass filters of 5 ms, 10 ms in a row. Let it last 55 ms or longer, or use
        device='array', which computes the steady state...
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
    computed = all(population.settles for population in network.populations)
    instead = ", or use device='array', which computes the steady state" if computed else ""
    raise ParameterError(
        f"A trial of {network.trial:g} ms is too short for this rate network to reach its steady "
        f"state: {left:.2g} of the response to a stimulus is missing when it ends, behind "
        f"low-pass filters of {said(chain)} in a row. Let it last {(enough + 1) * dt:g} ms or "
        f"longer{instead}.",
        object="Network",
        parameter="trial",
    )


def said(chain: list[float]) -> str:
    """Return the time constants of a chain in words: ``"3 x 5 ms, 10 ms"``.

    Examples
    --------
    >>> from apical.network.settling_time import said
    >>> said([5.0, 10.0, 5.0])
    '2 x 5 ms, 10 ms'
    """
    counts = {tau: chain.count(tau) for tau in chain}
    return ", ".join(f"{n} x {tau:g} ms" if n > 1 else f"{tau:g} ms" for tau, n in counts.items())
