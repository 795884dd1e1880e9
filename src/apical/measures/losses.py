"""The training loss: squared error or cross-entropy of trials, with learning off."""

from dataclasses import replace

import numpy as np

from apical._base.checking import checked
from apical._base.extras import undisturbed
from apical._base.parameters import Matrix
from apical.devices.simulator import Block, Simulator, left_as_it_was
from apical.errors import DataError, WiringError
from apical.language.activations import ACTIVATIONS
from apical.network.description import Network

CROSS_ENTROPY = ("logistic", "softmax")
"""Output activations whose derivative cancels in the gradient of the cross-entropy loss."""


@checked()
def losses(simulator: Simulator, block: Block) -> np.ndarray:
    r"""Return the loss function of every trial of a block with learning off, shape (n_trials,).

    It is the loss function that gradient descent minimises under `apical.feedback.transposed` (BP):
    half the squared error or, where the read-out is logistic or a softmax with ``gain="one"``, the
    cross-entropy [nats]. The state of the simulator is restored.

    .. math::

        L = \tfrac12 \sum_k (t_k - y_k)^2, \quad L = -\sum_k t_k \ln y_k \;\text{(softmax)}, \quad
            L = -\sum_k t_k \ln y_k + (1 - t_k) \ln (1 - y_k) \;\text{(logistic)}

    Parameters
    ----------
    simulator
        A rate network on a device.
    block
        Trials with labels or targets.

    Raises
    ------
    WiringError
        If the read-out has no such loss.
    DataError
        If the block has neither labels nor targets.

    Examples
    --------
    Softmax over 4 classes without any drive: the cross-entropy of every trial is log(4).

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.losses import losses
    >>> from apical.scripts.layers import feedforward
    >>> rule = ap.rules.three_factor(0.1)
    >>> net = feedforward([2, 3, 4], "tanh", wiring="bp", weights=ap.Zero(), rule=rule)
    >>> with ap.simulate(net, "array") as simulator:
    ...     losses(simulator, ap.Block.of_labels(np.ones((3, 2)), [0, 1, 2])).round(4)
    array([1.3863, 1.3863, 1.3863])
    >>> round(float(np.log(4)), 4)
    1.3863
    """
    network = simulator.network
    _is_squared(network)  # refuses a read-out without a loss, before anything runs
    target = block.shown(network.output.size)
    if target is None:
        raise DataError("A loss needs a block with labels or targets, got neither; give one.")
    with left_as_it_was(simulator):
        silent = replace(block, labels=None, targets=None, learning=np.zeros(()), phase="evaluate")
        found = simulator.run(silent).counts[network.output.name]
    return losses_of(network, found, target)


@checked()
def losses_of(network: Network, outputs: Matrix, target: Matrix) -> np.ndarray:
    """Return the loss of every trial from the activity of the output, shape (n_trials,).

    Parameters
    ----------
    network
        A rate network.
    outputs, target
        Activity of the output with learning off, and its target, shape (n_trials, n_outputs).

    Raises
    ------
    WiringError
        If the read-out has no such loss.

    See Also
    --------
    losses : Presents the trials, too, and says what the loss is.

    Examples
    --------
    Half the squared error of a linear read-out:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.losses import losses_of
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward(
    ...     [2, 3, 2], "tanh", "linear", wiring="bp", loss="squared", weights=ap.Zero(),
    ...     rule=ap.rules.three_factor(0.1),
    ... )
    >>> losses_of(net, np.zeros((2, 2)), np.array([[1.0, 0.0], [3.0, 4.0]]))
    array([ 0.5, 12.5])
    """
    with undisturbed():  # here, since it is slow to import and `apical run` rarely needs it
        from scipy.special import xlogy

    output, y = network.output, np.asarray(outputs, np.float64)
    if _is_squared(network):
        return np.asarray(((target - y) ** 2).sum(axis=1) / 2)
    y = np.clip(y, np.finfo(outputs.dtype).tiny, 1 - np.finfo(outputs.dtype).epsneg)
    surprise = -xlogy(target, y)
    if not output.is_softmax:  # logistic
        surprise -= xlogy(1 - target, 1 - y)
    return np.asarray(surprise.sum(axis=1))


@checked()
def loss(simulator: Simulator, block: Block) -> float:
    """Return the mean loss over the trials of a block; see `losses`.

    Parameters
    ----------
    simulator, block
        As in `losses`.

    Examples
    --------
    One output, linear and 0; half the squared error of the targets 1 and 3 is 0.5 and 4.5:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.losses import loss
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward(
    ...     [2, 3, 1], "tanh", "linear", wiring="bp", loss="squared", weights=ap.Zero(),
    ...     rule=ap.rules.three_factor(0.1),
    ... )
    >>> with ap.simulate(net, "array") as simulator:
    ...     loss(simulator, ap.Block.of_targets(np.ones((2, 2)), np.array([[1.0], [3.0]])))
    2.5
    """
    return float(losses(simulator, block).mean())


def _is_squared(network: Network) -> bool:
    """Say whether the loss is the squared error; otherwise it is the cross-entropy."""
    output = network.output
    if output.curve is None:
        raise WiringError(
            f"A loss needs a read-out of rates, but {output.name!r} is {type(output).__name__}; "
            "measure the accuracy instead."
        )
    if output.gain_is_slope or output.curve == ACTIVATIONS["linear"]:
        return True
    if output.is_softmax or output.curve == ACTIVATIONS["logistic"]:
        return False
    raise WiringError(
        f"Output {output.name!r} has gain='one', whose loss is known for "
        f"{', '.join(CROSS_ENTROPY)} and linear only, got {output.curve.name!r}; use gain='slope'.",
        object=f"Output {output.name!r}",
    )
