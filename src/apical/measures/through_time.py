"""Angles between updates of spiking networks and gradients by backpropagation through time.

The gradients are surrogate gradients of the very network, from device ``lockstep`` with PyTorch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from apical._base.checking import checked
from apical._base.parameters import Count
from apical.data.samples import Samples
from apical.devices import Block, Simulator, simulate, transports
from apical.devices.surrogates import Surrogate
from apical.errors import DeviceError
from apical.measures.alignment import angle
from apical.measures.learning import compared
from apical.measures.updates import Moments, backpropagated, rule_of, update, update_signals
from apical.network.description import Network
from apical.network.held_weights import as_matrix
from apical.projections.projection import Projection, ReadBackwards
from apical.records.recording import record

FAST = Surrogate("fast_sigmoid")


@checked()
def angles_through_time(
    simulator: Simulator,
    block: Block,
    *,
    surrogate: Surrogate = FAST,
) -> dict[str, float]:
    r"""Return the angle between a batch's update and its gradient through time.

    .. math::

        \theta = \angle\left(\Delta W, -\frac{\partial L}{\partial W}\right)

    with the change :math:`\Delta W` that the network's own rule and feedback make after the trials
    of the block, shown at once at the present weights without an optimiser, and the loss L of
    `apical.devices.brian.batched.simulator.LockstepSimulator.gradients`, the cross-entropy of the
    output's spike counts. Both are computed in float64 in a copy of the network on device
    ``lockstep`` with PyTorch, which takes over the weights of the simulator; neurons begin as in a
    first trial.

    Parameters
    ----------
    simulator
        A spiking network with a feedback pathway, on any device.
    block
        Trials with labels.
    surrogate
        How gradients pass thresholds.

    Returns
    -------
    dict
        Name of each plastic projection -> angle [degrees]; NaN where one of the two is 0.

    Raises
    ------
    DeviceError
        If the network does not spike, or there is no gradient of it.
    DataError
        If PyTorch is missing, or trials have no labels.

    See Also
    --------
    course_of_angles : The same while a trial goes on.
    parts_of_angles : What of it is due to feedback, to time and to the surrogate.
    apical.measures.learning.update_angles : Without PyTorch, and without time.

    References
    ----------
    Neftci, Mostafa & Zenke 2019, doi:10.1109/MSP.2019.2931595.

    Examples
    --------
    It needs PyTorch, and spikes::

        with ap.simulate(net, "lockstep", batch=50) as simulator:
            angles = angles_through_time(simulator, ap.Block.of_labels(values, labels))

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.through_time import angles_through_time
    >>> from apical.testing.references import rates
    >>> block = ap.Block.of_labels(np.ones((2, 6)), [0, 1])
    >>> with ap.simulate(rates(), "array") as simulator:
    ...     angles_through_time(simulator, block)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DeviceError: Gradients through time are of spiking networks, but ...
    """
    with _twin(simulator, len(block), _as_options(surrogate)) as twin:
        gradients = twin.gradients(block, surrogate)
        before = _weights(twin)
        twin.run(_learned(block))
        after = _weights(twin)
    return {name: angle(after[name] - w, -gradients[name]) for name, w in before.items()}


@dataclass(frozen=True)
class Course:
    """Angles within a trial, had it ended after some of its time steps.

    Parameters
    ----------
    time
        When, after the trial began [ms], shape (n,).
    to_whole
        Projection -> angle between the update had the trial ended then and the gradient of the loss
        of the whole trial [degrees], shape (n,).
    to_same
        Projection -> angle between this update and the gradient of the loss had the trial ended
        then: of the cross-entropy of the spike counts so far [degrees], shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.through_time import Course
    >>> angles = {"stimulus_to_hidden": np.array([90.0, 60.0])}
    >>> Course(np.array([50.0, 100.0]), angles, angles).to_whole["stimulus_to_hidden"][-1]
    np.float64(60.0)
    """

    time: np.ndarray
    to_whole: Mapping[str, np.ndarray]
    to_same: Mapping[str, np.ndarray]


@checked()
def course_of_angles(
    simulator: Simulator,
    block: Block,
    *,
    points: Count = 10,
    surrogate: Surrogate = FAST,
) -> Course:
    """Return the angles between updates and gradients through time, as a trial goes on.

    Had a trial ended after t, a rule that acts at the end of trials would have made the update of
    the signals of this moment; one that acts at feedback or at spikes has changed the weights so
    far. Neither knows what follows. This update is compared with two gradients: of the loss of the
    whole trial, and of the loss had the trial ended then.

    Parameters
    ----------
    simulator, block, surrogate
        As in `angles_through_time`.
    points
        Number of moments, the last of which is the end of the trial.

    Raises
    ------
    DeviceError
        If the network does not spike, learns by backpropagation, or has no gradient.
    DataError
        If PyTorch is missing, or trials have no labels.

    See Also
    --------
    angles_through_time : At the end of the trial.

    Examples
    --------
    It needs PyTorch::

        course = course_of_angles(simulator, block, points=20)
        plt.plot(course.time, course.to_whole["stimulus_to_hidden"])

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.through_time import course_of_angles
    >>> from apical.testing.references import spiking
    >>> bp = spiking().rewired(ap.feedback.transposed)
    >>> block = ap.Block.of_labels(np.ones((2, 6)), [0, 1])
    >>> with ap.simulate(spiking(), "lockstep") as simulator:
    ...     simulator.network = bp
    ...     course_of_angles(simulator, block)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DeviceError: A network that learns by backpropagation has no update ...
    """
    if transports(simulator.network):
        raise DeviceError(
            "A network that learns by backpropagation has no update before its trials end; rewire "
            "it, for instance with feedback.direct.",
            object=f"Network {simulator.network.output.name!r}",
        )
    with _twin(simulator, len(block), {}) as twin:
        n = round(twin.network.trial / twin.dt)
        steps = np.unique(np.rint(np.linspace(0, n, points + 1)[1:]).astype(int))
        updates, gradients = twin.course(_learned(block), surrogate, steps.tolist())
        time = steps * twin.dt
    return Course(
        time,
        {name: _each(updates, [gradients[-1]] * len(time), name) for name in updates[0]},
        {name: _each(updates, gradients, name) for name in updates[0]},
    )


@checked()
def parts_of_angles(
    simulator: Simulator,
    samples: Samples,
    trials: Count = 50,
    *,
    surrogate: Surrogate = FAST,
) -> dict[str, dict[str, float]]:
    """Return what the angle to the gradient through time is due to: a chain of updates.

    All are of the same trials at the same weights, and each differs from the one before it in one
    respect: (1) the network's update; (2) its rule with the error that the true forward weights
    bring back at the moment at which the rule acts, local traces and no time (as e-prop and
    DECOLLE, with copied weights); (3) the gradient through time in which the neurons' own ``gain``
    stands for the derivative of spikes, resets included; (4) the gradient with `surrogate`.

    Parameters
    ----------
    simulator, surrogate
        As in `angles_through_time`.
    samples
        Samples, of which the first ones are shown.
    trials
        How many of them.

    Returns
    -------
    dict
        Name of each plastic projection below the output -> angles [degrees]: ``"feedback"`` between
        (1) and (2), ``"time"`` between (2) and (3), ``"surrogate"`` between (3) and (4), and
        ``"all"`` between (1) and (4). Angles do not add up.

    Raises
    ------
    WiringError
        If neurons that learn have no `gain` and `teach`.
    DeviceError
        If the network does not spike, or has no gradient.
    DataError
        If PyTorch is missing.

    References
    ----------
    Bellec et al. 2020, doi:10.1038/s41467-020-17236-y; Kaiser, Mostafa & Neftci 2020,
    doi:10.3389/fnins.2020.00424.

    Examples
    --------
    It needs PyTorch::

        found = parts_of_angles(simulator, data.test, 50)
        found["stimulus_to_hidden"]["feedback"]

    >>> import apical as ap
    >>> from apical.measures.through_time import parts_of_angles
    >>> from apical.testing.references import rates
    >>> data = ap.datasets.load("digits")
    >>> with ap.simulate(rates(), "array") as simulator:
    ...     parts_of_angles(simulator, data.test)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DeviceError: Gradients through time are of spiking networks, but ...
    """
    shown = np.arange(min(trials, len(samples)))
    recorded = {
        "record": tuple(p.name for p in simulator.network.populations if p.role != "bias"),
        "traces": update_signals(simulator.network),
    }
    with _twin(simulator, len(shown), recorded) as twin:
        records = record(twin, samples, shown, synapses=False)
        block = Block.of_samples(samples, shown)
        own = twin.gradients(block, Surrogate("gain", through_reset=True))
        other = twin.gradients(block, surrogate)
        network = twin.network
        weights = {p.name: twin.weights(p) for p in network.projections}
    found = {}
    for p in compared(network):
        teach = backpropagated(network, weights, Moments(records, rule_of(p)), p.post)
        here = update(p, weights[p.name], records)
        local = update(p, weights[p.name], records, teach)
        exact, last = (-as_matrix(network, p, g[p.name]) for g in (own, other))
        found[p.name] = {
            "feedback": angle(here, local),
            "time": angle(local, exact),
            "surrogate": angle(exact, last),
            "all": angle(here, last),
        }
    return found


def _as_options(surrogate: Surrogate) -> dict[str, Any]:
    """Return a surrogate as options of device ``lockstep``."""
    found = asdict(surrogate)
    return {"surrogate": found.pop("name"), **found}


def _learned(block: Block) -> Block:
    return replace(block, learning=np.ones(len(block)))


def _twin(simulator: Simulator, n: int, options: Mapping[str, Any]) -> Any:
    """Return a network without optimisers on PyTorch, with the weights of a simulator."""
    network = _plain(simulator.network)
    if not network.is_spiking:
        raise DeviceError(
            f"Gradients through time are of spiking networks, but {network.output.name!r} does not "
            "spike; use alignment.angles_to_backpropagation.",
            object=f"Population {network.output.name!r}",
        )
    if not transports(network):
        options = {k: v for k, v in options.items() if k in ("record", "traces")}
    how: dict[str, Any] = {"library": "torch", "dtype": "float64", "batch": n, "dt": simulator.dt}
    twin = simulate(network, "lockstep", **how, **options)
    own = [p for p in network.projections if not isinstance(p.weights, ReadBackwards)]
    if transports(network):  # feedback is not simulated
        own = list(network.plastic)
    twin.load({p.name: simulator.weights(p).astype(np.float64) for p in own})
    return twin


def _plain(network: Network) -> Network:
    """Return a network whose rules have no optimiser."""

    def plain(projection: Projection) -> Projection:
        rule = projection.rule
        if rule is None or rule.dynamics is None:
            return projection
        return replace(projection, rule=replace(rule, dynamics=None))

    return network.altered(projection=plain)


def _weights(twin: Any) -> dict[str, np.ndarray]:
    state = twin.state
    return {p.name: np.array(state[f"{p.name}.w"]) for p in twin.network.plastic}


def _each(
    updates: Sequence[Mapping[str, np.ndarray]],
    gradients: Sequence[Mapping[str, np.ndarray]],
    name: str,
) -> np.ndarray:
    pairs = zip(updates, gradients, strict=True)
    return np.array([angle(one[name], -other[name]) for one, other in pairs])
