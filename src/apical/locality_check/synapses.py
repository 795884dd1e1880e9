"""Dynamic check of locality: what learns, and what decides, is perturbed and its causes are traced.

`apical.plausibility.audit` analyses the description; here the network is run, as a script runs it:

- every neuron and synapse of a small network, and a stated sample of a large one, is perturbed, in
  time steps in which weights change and over a whole trial (`moments`, `whole`); every difference
  must have a cause that reached it (`causes`);
- labels and later trials are changed: nothing may differ before they can have come (`causality`);
- weights are watched over many blocks, and compared with those that `apical.simulate` learns
  (`watching`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from apical._base import seeds
from apical.devices import simulate
from apical.errors import ApicalError, DeviceError, LocalityError, ParameterError
from apical.locality_check.budget import Budget, Tally, budget_of
from apical.locality_check.causality import SEVERAL, Causality
from apical.locality_check.causes import Causes, Fault
from apical.locality_check.changes import State
from apical.locality_check.moments import Moments
from apical.locality_check.report import Tested, scorecard
from apical.locality_check.subject import SCRIPT, Make, Shown, Subject
from apical.locality_check.watching import Watching, added
from apical.locality_check.whole import Whole
from apical.network.description import Network
from apical.plausibility import Scorecard

LARGEST = 400_000
"""Number of synapses from which on a network of rates is not run in time steps too."""


@dataclass(frozen=True)
class How:
    """How much is tested.

    Parameters
    ----------
    make
        Factory of simulators, called as `apical.simulate` is.
    each
        Neurons of each population and synapses of each projection to perturb; None: by budget.
    thorough
        Whether the check may take ten times as long.

    Examples
    --------
    >>> from apical import simulate
    >>> from apical.locality_check.synapses import How
    >>> How(each=2).make is simulate
    True
    """

    make: Make = field(default=simulate)
    each: int | None = None
    thorough: bool = False


def disturb(
    network: Network,
    values: np.ndarray,
    labels: np.ndarray,
    *,
    make: Make = simulate,
    each: int | None = None,
    thorough: bool = False,
    devices: Sequence[str] | None = None,
) -> Scorecard:
    """Test the locality of learning by perturbations, and return a scorecard.

    Rate networks are run on device ``array`` and, where that can, on ``runtime`` too; spiking ones
    on ``runtime``.

    Parameters
    ----------
    network
        The network to test.
    values, labels
        A few training trials, shapes (n_trials, n_inputs) and (n_trials,), or targets
        (n_trials, n_targets) in place of labels.
    make
        Factory of simulators, called as `apical.simulate` is: what a script does after that is
        tested too.
    each
        Number of neurons of each population and synapses of each projection to perturb; by default
        all of a small network and a sample of a large one.
    thorough
        Whether to take up to ten times as long.
    devices
        Names of the devices to test it on, ``"array"`` and ``"runtime"``; by default all that run
        it.

    Returns
    -------
    Scorecard
        ``"not local"`` where a difference had no local cause, ``"local"`` where none was found;
        ``"doubtful"``, not tested, where no update was ever different from 0.

    Raises
    ------
    LocalityError, DeviceError
        If no device runs the network, or `make` returns no simulator, or one of another network.
    ParameterError
        If nothing learns, or code of the script raises.

    See Also
    --------
    apical.check : Reads the description, without running it.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.feedback import WIRINGS
    >>> from apical.locality_check import disturb
    >>> from apical.testing.references import rates
    >>> values, labels = np.random.default_rng(0).random((2, 6)), np.array([0, 1])
    >>> card = disturb(rates(WIRINGS["bp"]), values, labels, each=1, devices=["array"])
    >>> card.is_local, card.faults[0].subject
    (False, 'feedback_hidden_2_to_hidden_1')
    >>> card.faults[0].reason
    "its weights change when those of 'hidden_1_to_hidden_2' do (device array)"
    """
    if not network.plastic:
        raise ParameterError(
            "The network has no plastic projection, so there is no update to test; give one a "
            "rule, or check without --dynamic.",
            object="Network",
            parameter="rule",
        )
    network = network.in_order()
    shown = Shown(network, np.asarray(values), np.asarray(labels))
    how = How(make, each, thorough)
    found, refused = list[Tested](), dict[str, ApicalError]()
    made_here = make is simulate
    for device in devices or _devices(network, refused):
        try:
            found.append(_tested(network, device, shown, how))
        except ApicalError as error:
            # another device has shown, or may show, what there is; a script's own errors count
            refusals = (DeviceError, LocalityError, *((ParameterError,) if made_here else ()))
            if not isinstance(error, refusals) or error.object == SCRIPT:
                raise
            refused[device] = error
    if not found:
        raise next(iter(refused.values()))
    return scorecard(network, found, {device: e.message for device, e in refused.items()})


def _devices(network: Network, refused: dict[str, ApicalError]) -> Iterator[str]:
    """Yield the devices to test a network on."""
    if network.is_spiking:
        yield "runtime"
        return
    yield "array"
    n = sum(p.pre.size * p.post.size for p in network.projections)
    if n > LARGEST:
        refused["runtime"] = DeviceError(f"{n:,} synapses are too many")
    else:
        yield "runtime"


def _tested(network: Network, device: str, shown: Shown, how: How) -> Tested:
    """Test a network on a device."""
    subject, tally = Subject(network, device, how.make, shown), Tally(network, device)
    faults = list(added(subject.simulator))
    dt = getattr(subject.simulator, "dt", None)
    n_steps = round(network.trial / dt) if dt else 0
    again = bool(n_steps) and not network.is_spiking  # after device array
    budget = budget_of(network, n_steps, thorough=how.thorough, each=how.each, again=again)
    n_trials = max(SEVERAL, 3 * subject.batch)
    with subject.steps(n_trials):
        plain = Subject(network, device, subject.plainly, shown) if subject.is_scripted else None
        watching = Watching(subject, tally, budget)
        if plain is None:
            faults += watching.faults(None)
        else:
            with plain.steps(n_trials):
                faults += watching.faults(plain.simulator)
        causes = Causes(network)
        faults += Causality(subject, causes, tally, watching.reached).faults()
    faults += _perturbed(subject, tally, budget, watching.reached)
    return Tested(device, faults, tally)


def _perturbed(subject: Subject, tally: Tally, budget: Budget, state: State) -> Iterator[Fault]:
    """Perturb neurons and synapses."""
    network = subject.network
    rng, causes = seeds.stream(network.seed, "disturbances"), Causes(network)
    with subject.steps(max(SEVERAL, subject.batch), keyed=True) as steps:
        for fires in ("", *(p.name for p in network.noisy)):
            yield from Whole(subject, causes, tally, budget, state, rng, fires).faults()
        if steps is not None:
            yield from Moments(subject, causes, steps, tally, budget, state, rng).faults()
        elif network.is_spiking:
            tally.leave_out("single time steps, which what was returned does not offer")
