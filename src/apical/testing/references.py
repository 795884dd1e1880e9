"""Small reference networks, trials and records for contract suites."""

from math import prod
from typing import Any

import numpy as np

from apical.data.events import from_pairs
from apical.devices import Block, BlockResult, Simulator, simulate
from apical.feedback.wirings import WIRINGS, Wiring
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.encoding import Encoder, Graded, Regular
from apical.neurons.error import Error, RateError
from apical.neurons.lif import LIF
from apical.neurons.rate import Bias, Rate
from apical.neurons.stimulus import Stimulus
from apical.plasticity import rules
from apical.plasticity.rules import LearningRule
from apical.projections.connectivity import Connectivity
from apical.projections.weights import FanIn, Given, Normal, Zero
from apical.records.arrays import Records, Spikes, Units

N_INPUTS = 6
"""Input neurons of every reference network."""


def rates(wiring: Wiring | None = None, rule: LearningRule | None = None, seed: int = 0) -> Network:
    """Return a rate network, 6-5-4-3, that learns under a wiring; DFA by default.

    Parameters
    ----------
    wiring, rule, seed
        The wiring, DFA by default; the rule; the seed of the network.

    Examples
    --------
    >>> from apical.testing.references import rates
    >>> [(projection.name, projection.shape) for projection in rates().forward][:2]
    [('stimulus_to_hidden_1', (6, 5)), ('hidden_1_to_hidden_2', (5, 4))]
    """
    wiring, rule = wiring or WIRINGS["dfa"], rule or rules.three_factor(0.5)
    net = Network(seed=seed, trial=200.0)
    pre: Population = net.add(Stimulus("stimulus", N_INPUTS, Graded()))
    bias = net.add(Bias("bias"))
    chain = [Rate(f"hidden_{k}", n, "tanh", **wiring.hidden) for k, n in ((1, 5), (2, 4))]
    for post in (*chain, Rate("output", 3, "logistic", gain="one", **wiring.output)):
        net.add(post)
        net.connect(pre, post, weights=FanIn(), rule=rule)
        net.connect(bias, post, weights=Zero(), rule=rule)
        pre = post
    net.teach(wiring(net.add(RateError("error", 3)), net.forward))
    return net


def spiking(wiring: Wiring | None = None, seed: int = 0) -> Network:
    """Return a spiking network, 6-5-3, that learns under a wiring; DFA by default.

    Parameters
    ----------
    wiring, seed
        As in `rates`.

    Examples
    --------
    >>> from apical.testing.references import spiking
    >>> [(population.name, population.size) for population in spiking().populations]
    [('stimulus', 6), ('hidden', 5), ('output', 3), ('error', 6)]
    """
    wiring, rule = wiring or WIRINGS["dfa"], rules.three_factor(2e-2)
    net = Network(seed=seed, trial=50.0)
    x = net.add(Stimulus("stimulus", N_INPUTS, Regular(200.0, free_running=False)))
    h = net.add(LIF("hidden", 5, bias=1.2, **wiring.hidden))
    y = net.add(LIF("output", 3, bias=1.5, gain="1", **wiring.output))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=Normal(0.5), rule=rule)
    net.teach(wiring(net.add(Error("error", 6)), net.forward))
    return net


def partly_joined(
    connectivity: Connectivity, shape: tuple[int, ...], *, spiking: bool = False
) -> Network:
    """Return a network of one hidden population that hears some of the stimulus, under DFA.

    Parameters
    ----------
    connectivity
        That of the projection from the stimulus, whose 6 neurons have shape (2, 3).
    shape
        Shape of the hidden population.
    spiking
        Whether neurons spike.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.testing.references import partly_joined
    >>> net = partly_joined(ap.connectivity.OneToOne(), (2, 3))
    >>> net.n_synapses("stimulus_to_hidden")
    6
    """
    net = Network(trial=50.0 if spiking else 200.0)
    rule = rules.three_factor(2e-2 if spiking else 0.5)
    encoder = Regular(200.0, free_running=False) if spiking else Graded()
    x = net.add(Stimulus("stimulus", N_INPUTS, encoder, shape=(2, 3)))
    size = prod(shape)
    of_spikes = LIF("hidden", size, bias=1.2, shape=shape), LIF("output", 3, bias=1.5, gain="1")
    of_rates = Rate("hidden", size, "tanh", shape=shape), Rate("output", 3, "logistic", gain="one")
    h, y = (net.add(p) for p in (of_spikes if spiking else of_rates))
    net.connect(x, h, weights=Normal(0.5), rule=rule, connectivity=connectivity)
    net.connect(h, y, weights=Normal(0.5), rule=rule)
    error = net.add(Error("error", 6) if spiking else RateError("error", 3))
    net.teach(WIRINGS["dfa"](error, net.forward))
    return net


def driven(population: Population, encoder: Encoder | None = None) -> Network:
    """Return a stimulus that drives a population, the output, without plasticity.

    Parameters
    ----------
    population
        A population with an input.
    encoder
        Of its stimulus.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.testing.references import driven
    >>> net = driven(ap.LIF("h", 2))
    >>> net.output.name, net.plastic
    ('h', [])
    """
    spikes = Regular(200.0, free_running=False)
    encoder = encoder or (spikes if population.is_spiking else Graded())
    net = Network(seed=0, trial=50.0, output=population.name)
    x = net.add(Stimulus("stimulus", N_INPUTS, encoder))
    net.add(population)
    entry = "drive" if "drive" in population.inputs else next(iter(population.inputs), None)
    if entry is not None:
        shape = (N_INPUTS, population.size)
        weights = Given(np.linspace(0.1, 0.9, N_INPUTS * population.size).reshape(shape))
        net.connect(x, population, weights=weights, carries={entry: "x"})
    return net


def trials(learning: float = 0.0, n: int = 3) -> Block:
    """Return trials of the reference networks, with labels if learning is on.

    Parameters
    ----------
    learning
        Factor on every learning rate; 0 switches learning off.
    n
        Number of trials.

    Examples
    --------
    >>> from apical.testing.references import trials
    >>> trials(1.0).labels, trials().labels
    (array([0, 1, 2]), None)
    """
    values = np.random.default_rng(0).random((n, N_INPUTS))
    labels = np.arange(n) % 3 if learning else None
    return Block(values, labels, np.full(n, learning))


def of_events(n: int = 3) -> Block:
    """Return trials of the reference networks that show events, for `apical.encoding.Events`.

    Parameters
    ----------
    n
        Number of trials.

    Examples
    --------
    >>> from apical.testing.references import of_events
    >>> of_events().values.shape, of_events().values.are_events
    ((3, 6), True)
    """
    rng = np.random.default_rng(0)
    pairs = [(np.sort(rng.uniform(0, 50, 20)), rng.integers(0, N_INPUTS, 20)) for _ in range(n)]
    samples = from_pairs(pairs, np.arange(n) % 3, 50.0, N_INPUTS, "of_events")
    return Block(samples.rows(slice(None)))


def made(network: Network, device: str, **options: Any) -> Simulator:
    """Return a simulator in double precision.

    Parameters
    ----------
    network, device, **options
        As in `apical.simulate`.

    Examples
    --------
    >>> from apical.testing.references import made, rates
    >>> with made(rates(), "array") as simulator:
    ...     simulator.weights("hidden_2_to_output").dtype
    dtype('float64')
    """
    return simulate(network, device, dtype="float64", **options)


def learned(network: Network, device: str) -> tuple[dict[str, np.ndarray], BlockResult]:
    """Return the weight changes in trials on a device, and the result of the trials.

    Parameters
    ----------
    network, device
        As in `apical.simulate`.

    Examples
    --------
    >>> from apical.testing.references import learned, rates
    >>> changes, result = learned(rates(), "array")
    >>> changes["hidden_2_to_output"].shape, result.counts["output"].shape
    ((4, 3), (3, 3))
    """
    simulator = made(network, device)
    before = {p.name: simulator.weights(p) for p in network.plastic}
    result = simulator.run(trials(1.0))
    return {name: simulator.weights(name) - w for name, w in before.items()}, result


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference of two arrays, relative to the largest of the first.

    Parameters
    ----------
    one, other
        Arrays of one shape.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.testing.references import apart
    >>> apart(np.array([2.0, 4.0]), np.array([2.0, 3.0]))
    0.25
    """
    largest = float(np.abs(one).max(initial=0.0))
    return float(np.abs(one - other).max(initial=0.0)) / (largest or 1.0)


def records(time: float = 12.5, value: float = 0.25) -> Records:
    """Return records of two trials of a spiking and a graded population.

    Parameters
    ----------
    time
        Time of a spike [ms].
    value
        Value of a signal.

    Examples
    --------
    >>> from apical.testing.references import records
    >>> found = records()
    >>> len(found), found.duration, list(found.spikes), list(found.signals)
    (2, 50.0, ['hidden'], ['output.x'])
    """
    spikes = Spikes(np.array([0, 0, 1]), np.array([3.0, time, 7.0]), np.array([0, 1, 2], np.int32))
    signal = np.full((2, 1, 2), 0.5)
    signal[1, 0, 1] = value
    return Records(
        50.0,
        1.0,
        {"hidden": Units("LIF", np.zeros(3, int)), "output": Units("Rate", np.zeros(2, int))},
        samples=np.arange(2),
        values=np.full((2, N_INPUTS), 0.5, np.float32),
        labels=np.array([0, 1]),
        decisions=np.array([0, 0]),
        spikes={"hidden": spikes},
        signals={"output.x": signal},
        about={"model": "reference"},
    )
