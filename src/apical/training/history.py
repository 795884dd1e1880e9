"""History of training that `apical.fit` returns, with a table, a plot, and the simulator."""

from typing import Any

import numpy as np

from apical._base.late import above
from apical._base.metric_names import TESTED
from apical._base.text_tables import text_table
from apical.data.datasets import Dataset
from apical.devices import Simulator
from apical.training.loop import History, Plan


class Fit(History):
    """What `fit` returns: the history of training, and the simulator with the trained network.

    Parameters
    ----------
    simulator
        The network on its device, in its present state.
    data
        Training samples, and those it is evaluated on.
    plan
        Hyperparameters.

    See Also
    --------
    fit : Makes it.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=10)
    >>> history = ap.fit(net, data, epochs=2, progress=False)
    >>> history.table[["epoch", "trials"]].to_dict("list")
    {'epoch': [0, 1, 2], 'trials': [0, 200, 400]}
    >>> sorted(history.weights)
    ['bias_to_hidden', 'bias_to_output', 'hidden_to_output', 'stimulus_to_hidden']
    """

    def __init__(self, simulator: Simulator, data: Dataset, plan: Plan) -> None:
        super().__init__()
        self.simulator, self.data, self.plan = simulator, data, plan
        self.best: int | None = None
        self.stopped = ""

    @property
    def epochs(self) -> int:
        """Epochs that were completed."""
        return self[-1].position.epoch if self else 0

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """Weights of plastic projections at present, by name, shape (n_pre, n_post)."""
        return {p.name: self.simulator.weights(p) for p in self.simulator.network.plastic}

    def stop(self, reason: str) -> None:
        """End training after this epoch, or block; the first reason is kept.

        Parameters
        ----------
        reason
            Why, for `Fit.stopped`.
        """
        self.stopped = self.stopped or reason

    def plot(self, **options: Any) -> Any:
        """Draw the learning curve, as `apical.plotting.learning_curve`, and return its axes.

        Parameters
        ----------
        **options
            Passed on, for instance ``ax`` and ``chance``.

        Examples
        --------
        >>> import apical as ap
        >>> data = ap.datasets.load("digits").subset(200, 50)
        >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=10)
        >>> ax = ap.fit(net, data, epochs=2, progress=False).plot(chance=0.1)
        >>> ax.get_ylabel()
        'accuracy, learning off [%]'
        """
        found = self.table
        judged = next(name for name in TESTED if name in found)
        on, _, score = judged.partition("_")
        named = {"train": found.get(f"train_{score}"), "name": f"{on} data"}
        return above("plotting").learning_curve(
            found["trials"], found[judged], **{**named, **options}
        )

    def __repr__(self) -> str:
        ended = f", stopped: {self.stopped}" if self.stopped else ""
        best = "" if self.best is None else f", best epoch: {self.best}"
        first = f"Fit({self.epochs} of {self.plan.epochs} epochs of {self.data.name}{ended}{best})"
        kept = [k for k, name in enumerate(self._head()) if " of " not in name]
        rows = [[row[k] for k in kept] for row in self._rows()]
        head = [self._head()[k].replace("_", " ") for k in kept]
        return "\n".join(filter(None, (first, text_table(head, rows, indent="  "))))
