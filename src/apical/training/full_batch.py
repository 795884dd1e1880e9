"""Full-batch training: one update in each epoch, by the mean over all trials."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from apical._base.checking import checked
from apical._base.parameters import Count
from apical.devices.simulator import Block, Simulator


@checked()
def full_batch(simulator: Simulator, block: Block, epochs: Count) -> Iterator[int]:
    """Train on the same block in every epoch; yield the number of each epoch before its update.

    Parameters
    ----------
    simulator
        A network on a device, whose batch size is the number of trials for full-batch gradient
        descent.
    block
        Trials with labels or targets.
    epochs
        Number of epochs.

    Yields
    ------
    int
        Number of the epoch.

    Examples
    --------
    Record the loss on the way: gradient descent on all trials at once goes down.

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.losses import loss
    >>> from apical.training.full_batch import full_batch
    >>> data = ap.datasets.load("digits")
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> block = ap.Block.of_labels(*data.train.block(slice(100)))
    >>> with ap.simulate(net, "array", batch=100) as simulator:
    ...     found = [loss(simulator, block) for _ in full_batch(simulator, block, 10)]
    >>> len(found), bool((np.diff(found) < 0).all())
    (10, True)
    """
    return _epochs(simulator, block, epochs)


def _epochs(simulator: Simulator, block: Block, epochs: int) -> Iterator[int]:
    for epoch in range(epochs):
        yield epoch
        simulator.run(replace(block, learning=np.ones(()), index=epoch))
