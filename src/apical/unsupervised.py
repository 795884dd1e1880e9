"""Learning without a teacher, and what its neurons turn out to stand for.

Labels are shown to nobody while the network learns. Afterwards every neuron is given the class that
it answers to most, on samples with known labels and learning off; a decision is the class whose
neurons fire most.
"""

from dataclasses import dataclass

import numpy as np

from apical.checking import check_fields, checked
from apical.datasets import Samples
from apical.devices.simulator import Block, Simulator
from apical.errors import ParameterError
from apical.parameters import Count, CountOrZero, Labels, Matrix
from apical.presenting import learned, presented, shown
from apical.progress import TrainingProgress

NOBODY = -1
"""Class of a neuron that never fired."""


@dataclass(frozen=True)
class Assignment:
    """The class that each neuron stands for.

    Parameters
    ----------
    classes
        Class of each neuron, shape (n,); -1 for those that never fired.
    n_classes
        Number of classes.
    """

    classes: Labels
    n_classes: Count

    def __post_init__(self) -> None:
        check_fields(self)

    def decisions(self, counts: np.ndarray) -> np.ndarray:
        """Return the class whose neurons fire most on average, shape (n_trials,).

        Parameters
        ----------
        counts
            Spikes of each neuron in each trial, shape (n_trials, n).
        """
        members = self.classes[:, np.newaxis] == np.arange(self.n_classes)
        sizes = members.sum(axis=0)
        rates = np.asarray(counts, np.float64) @ members / np.maximum(sizes, 1)
        return np.where(sizes > 0, rates, -1.0).argmax(axis=1)

    def accuracy(self, counts: np.ndarray, labels: np.ndarray) -> float:
        """Return the share of trials whose decision is their label."""
        return float(np.mean(self.decisions(counts) == np.asarray(labels)))


@checked()
def assigned(counts: Matrix, labels: Labels, n_classes: Count) -> Assignment:
    """Give each neuron the class that it answers to most.

    Parameters
    ----------
    counts
        Spikes of each neuron in each trial, shape (n_trials, n).
    labels
        Class of each trial, shape (n_trials,).
    n_classes
        Number of classes; one without a trial is given to nobody.

    Raises
    ------
    ParameterError
        If there is not one label for each trial.

    References
    ----------
    Diehl & Cook 2015, doi:10.3389/fncom.2015.00099, section 2.5.
    """
    counts, labels = np.asarray(counts, np.float64), np.asarray(labels)
    if counts.ndim != 2 or labels.shape != (len(counts),):
        raise ParameterError(
            "Neurons are assigned by counts of shape (n_trials, n) and labels of shape "
            f"(n_trials,), got {counts.shape} and {labels.shape}.",
            object="unsupervised.assigned",
            parameter="counts",
        )
    shown = labels[:, np.newaxis] == np.arange(n_classes)
    rates = shown.T.astype(np.float64) @ counts / np.maximum(shown.sum(axis=0), 1)[:, np.newaxis]
    classes = np.where(counts.any(axis=0), rates.argmax(axis=0), NOBODY)
    return Assignment(classes, n_classes)


@checked()
def responses(simulator: Simulator, samples: Samples, index: int = -1) -> np.ndarray:
    """Show samples with learning off, and leave the simulator as it was.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        What to show.
    index
        Selects the simulator's random numbers, as in `Block`.

    Returns
    -------
    ndarray
        Spikes of each output neuron in each trial, shape (n_samples, n).
    """
    output = simulator.network.output.name
    return np.concatenate([r.counts[output] for r in shown(simulator, samples, index)])


@checked()
def learn(
    simulator: Simulator, samples: Samples, epochs: CountOrZero = 1, *, block: Count = 5000,
    progress: bool = True,
) -> None:  # fmt: skip
    """Let a network learn from samples without their labels, in an order drawn from its seed.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        What to show.
    epochs
        How often each is shown.
    block
        Trials of one call of the simulator.
    progress
        Whether to show a progress bar, in a terminal or a notebook.
    """
    n, per_epoch = len(samples), -(-len(samples) // block)
    with TrainingProgress(epochs * n, shown=progress) as bar:
        for epoch in range(epochs):
            for k in range(per_epoch):
                part = slice(k * block, (k + 1) * block)
                values, _ = presented(simulator, samples, epochs, epoch, part)
                done = epoch * n + k * block
                index = epoch * per_epoch + k
                learned(simulator, Block(values, None, np.ones(()), index), done)
                bar.update(done + len(values), None)
