"""Memory that a network needs, from its description alone: before anything is allocated."""

from collections.abc import Iterable

from apical._base.memory import check_memory
from apical.network.description import Network
from apical.network.stimuli import n_values
from apical.projections.projection import Projection, ReadBackwards

PER_NEURON = 16
"""Values that a simulator keeps of each neuron: state, inputs, signals, counts."""


def weights_bytes(projection: Projection, itemsize: int) -> int:
    """Return the memory of a projection's weights, and of what its synapses keep besides [bytes].

    Parameters
    ----------
    projection
        The projection.
    itemsize
        Size of a number [bytes].

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.size import weights_bytes
    >>> h, y = ap.Rate("hidden", 100), ap.Rate("output", 10)
    >>> weights_bytes(ap.Projection(h, y), 4)
    4000
    >>> adam = ap.rules.three_factor(dynamics=ap.optimizers.adam(1e-3))  # two numbers a weight more
    >>> weights_bytes(ap.Projection(h, y, rule=adam), 4)
    12000
    """
    kept = 0 if isinstance(projection.weights, ReadBackwards) else 1
    rule = projection.rule
    if rule is not None:
        kept += len(rule.state)
    if rule is not None and rule.dynamics is not None:
        kept += len(set(rule.dynamics.state) - rule.dynamics.shared)
    return kept * n_stored(projection) * itemsize


def n_stored(projection: Projection) -> int:
    """Return the number of weights of a projection at least, from its description alone.

    All pairs of neurons, except where a connectivity says how many synapses it makes
    (`apical.connectivity.Connectivity.expected`).

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.size import n_stored
    >>> h, y = ap.Rate("hidden", 100), ap.Rate("output", 10)
    >>> n_stored(ap.Projection(h, y))
    1000
    >>> n_stored(ap.Projection(h, y, connectivity=ap.connectivity.FixedInDegree(5)))
    50
    """
    return round(projection.connectivity.expected(projection.pre, projection.post))


def network_bytes(network: Network, itemsize: int) -> int:
    """Return the memory of a network at least: all weights, and the state of all neurons [bytes].

    While weights are drawn, those of the largest projection take double precision besides.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.size import network_bytes
    >>> net = ap.Network()
    >>> x = net.add(ap.Stimulus("stimulus", 100, ap.encoding.Graded()))
    >>> _ = net.connect(x, net.add(ap.Rate("output", 10)))
    >>> network_bytes(net, 4)  # 4*1000 of weights, 8*1000 while drawn, 16*4 for each of 110 neurons
    19040
    """
    drawn = max((8 * n_stored(p) for p in network.projections), default=0)
    weights = sum(weights_bytes(p, itemsize) for p in network.projections)
    neurons = sum(population.size for population in network.populations)
    return weights + drawn + PER_NEURON * itemsize * neurons


def check_network_fits(network: Network, itemsize: int = 8) -> None:
    """Raise if a network does not fit into free memory.

    Parameters
    ----------
    network
        The network.
    itemsize
        Size of a number [bytes]: 4 in single precision, 8 in double precision.

    Raises
    ------
    ParameterError
        If it does not; the message names its largest projection and what to lower.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.size import check_network_fits
    >>> net = ap.Network()
    >>> h = net.add(ap.Rate("hidden", 10_000_000))
    >>> _ = net.connect(h, h)
    >>> check_network_fits(net)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: The weights of 1 projections, the largest being
        'hidden_to_hidden' of 10,000,000 x 10,000,000, and the state of their neurons would take 1.6
        PB of memory, and ... are free; lower the number of neurons of 'hidden' or 'hidden'
        (--hidden), or take a machine with more memory...
    """
    largest = max(network.projections, key=n_stored, default=None)
    if largest is None:
        return
    n, (pre, post) = len(network.projections), largest.shape
    check_memory(
        network_bytes(network, itemsize),
        f"The weights of {n} projections, the largest being {largest.name!r} of {pre:,} x {post:,},"
        " and the state of their neurons",
        f"the number of neurons of {largest.pre.name!r} or {largest.post.name!r} (--hidden)",
        object=f"projection {largest.name!r}",
    )


def check_trials_fit(
    network: Network,
    trials: int,
    steps: int,
    itemsize: int,
    recorded: Iterable[str],
    traces: Iterable[tuple[str, str]],
) -> None:
    """Raise if what is kept of the trials of a block does not fit into free memory.

    Parameters
    ----------
    network
        The network.
    trials
        Number of trials.
    steps
        Time steps of a trial; 1 in the steady state.
    itemsize
        Size of a number [bytes].
    recorded
        Populations whose counts or activities are kept.
    traces
        Population and signal of everything that is kept at every time step.

    Raises
    ------
    ParameterError
        If it does not.
    """
    sizes = {population.name: population.size for population in network.populations}
    counts = sum(sizes[name] for name in recorded)
    traced = sum(sizes[name] for name, _ in traces)
    values = n_values(network)
    check_memory(
        trials * itemsize * (values + counts + steps * traced),
        f"The stimuli, counts and signals of a block of {trials:,} trials",
        "the number of trials (block, capacity), the recorded populations or signals, or the "
        "number of neurons",
        object="Block",
    )
