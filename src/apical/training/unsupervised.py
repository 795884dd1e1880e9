"""Unsupervised learning, and the assignment of class labels to neurons after it.

Labels are withheld during learning. Afterwards every neuron is assigned the class to which it
responds most, on labelled samples and with learning off; a decision is the class whose neurons fire
most.
"""

from dataclasses import dataclass, replace

import numpy as np

from apical._base import seeds
from apical._base.checking import check_fields, checked
from apical._base.parameters import Count, CountOrZero, Labels, Matrix
from apical._base.progress import TrainingProgress
from apical._base.rounding import is_nothing, place_of_largest, size_of
from apical.data.datasets import Samples, needs_classes
from apical.devices.simulator import Simulator
from apical.errors import ParameterError
from apical.training.presentation import block_size, learned, presented, shown

NOBODY = -1
"""Class of a neuron that never fired."""


@dataclass(frozen=True)
class Assignment:
    r"""The class label assigned to each neuron.

    The decision is the class whose neurons A_c fire most on average:

    .. math:: c^* = \operatorname{argmax}_c \frac{1}{\lvert A_c \rvert} \sum_{j \in A_c} n_j

    Parameters
    ----------
    classes
        Class of each neuron, shape (n,); -1 for those that never fired.
    n_classes
        Number of classes.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.unsupervised import Assignment
    >>> assignment = Assignment(np.array([0, 0, 1, -1]), n_classes=2)

    The two neurons of class 0 fire 3 spikes on average, the one of class 1 fires 4:

    >>> assignment.decisions(np.array([[5, 1, 4, 9], [5, 4, 4, 9]]))
    array([1, 0])
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
            Spike count of each neuron in each trial, shape (n_trials, n).

        Examples
        --------
        >>> import numpy as np
        >>> from apical.training.unsupervised import Assignment
        >>> Assignment(np.array([1, 0]), n_classes=2).decisions(np.array([[3, 1], [0, 2]]))
        array([1, 0])
        """
        members = self.classes[:, np.newaxis] == np.arange(self.n_classes)
        sizes = members.sum(axis=0)
        rates = np.asarray(counts, np.float64) @ members / np.maximum(sizes, 1)
        rates /= size_of(rates) or 1
        return place_of_largest(np.where(sizes > 0, rates, -1.0), axis=1)

    def accuracy(self, counts: np.ndarray, labels: np.ndarray) -> float:
        """Return the accuracy: the fraction of trials whose decision is their label.

        Parameters
        ----------
        counts
            Spike count of each neuron in each trial, shape (n_trials, n).
        labels
            Class of each trial, shape (n_trials,).

        Examples
        --------
        >>> import numpy as np
        >>> from apical.training.unsupervised import Assignment
        >>> assignment = Assignment(np.array([1, 0]), n_classes=2)
        >>> assignment.accuracy(np.array([[3, 1], [0, 2]]), np.array([1, 1]))
        0.5
        """
        return float(np.mean(self.decisions(counts) == np.asarray(labels)))


@checked()
def assigned(counts: Matrix, labels: Labels, n_classes: Count) -> Assignment:
    """Assign to each neuron the class to which it responds most.

    Parameters
    ----------
    counts
        Spike count of each neuron in each trial, shape (n_trials, n).
    labels
        Class of each trial, shape (n_trials,).
    n_classes
        Number of classes; a class without trials is not assigned.

    Returns
    -------
    Assignment
        The class of each neuron.

    Raises
    ------
    ParameterError
        If there is not one label for each trial.

    References
    ----------
    Diehl & Cook 2015, doi:10.3389/fncom.2015.00099, section 2.5.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.unsupervised import assigned
    >>> counts = np.array([[5, 0, 0], [4, 1, 0], [0, 3, 0]])
    >>> assigned(counts, np.array([0, 0, 1]), n_classes=2).classes
    array([ 0,  1, -1])
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
    fired = ~is_nothing(counts, size_of(counts)).all(axis=0)
    classes = np.where(fired, place_of_largest(rates, axis=0), NOBODY)
    return Assignment(classes, n_classes)


@checked()
def responses(
    simulator: Simulator, samples: Samples, index: int = seeds.presentation("responses")
) -> np.ndarray:
    """Return the responses to samples with learning off; the state of the simulator is restored.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        Samples to present.
    index
        Stream of the simulator's random numbers, as in `Block`; another one for other samples.

    Returns
    -------
    ndarray
        Spike count of each output neuron in each trial, shape (n_samples, n).

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.unsupervised import responses
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> with ap.simulate(net, "array") as simulator:
    ...     responses(simulator, data.test).shape
    (50, 10)
    """
    output = simulator.network.output.name
    return np.concatenate([r.counts[output] for r in shown(simulator, samples, index)])


@checked()
def accuracy(simulator: Simulator, known: Samples, new: Samples, n_classes: Count) -> float:
    """Assign each output neuron a class by labelled samples; return the accuracy on others.

    Parameters
    ----------
    simulator
        A network on a device; its state is restored.
    known
        Samples whose labels assign classes to neurons.
    new
        Samples to classify.
    n_classes
        Number of classes.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.unsupervised import accuracy
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array") as simulator:
    ...     history = ap.train(simulator, data, epochs=3, progress=False)
    ...     found = accuracy(simulator, data.train, data.test, n_classes=10)
    >>> 0.3 < found <= 1
    True
    """
    needs_classes(known, "unsupervised.accuracy")
    found = assigned(responses(simulator, known, index=-1), known.labels, n_classes)
    return found.accuracy(responses(simulator, new, index=-(10**6)), new.labels)


@checked()
def learn(
    simulator: Simulator,
    samples: Samples,
    epochs: CountOrZero = 1,
    *,
    block: Count = 5000,
    progress: bool = True,
) -> None:
    """Train a network on samples without labels (unsupervised), in random order from its seed.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        Samples to present.
    epochs
        Number of passes through the samples.
    block
        Trials of one call of the simulator.
    progress
        Whether to show a progress bar, in a terminal or a notebook.

    See Also
    --------
    accuracy : Assigns classes afterwards, and tests them.

    Examples
    --------
    Oja's rule turns the weights into the direction of the stimuli, with length 1 (Oja 1982,
    doi:10.1007/BF00275687); the labels are not used:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.data.samples import Samples
    >>> from apical.training import unsupervised
    >>> oja = ap.LearningRule("oja", "eta * x_post * (x_pre - x_post * w)", {"eta": 0.1})
    >>> net = ap.Network(output="y")
    >>> x = net.add(ap.Stimulus("x", 2, ap.encoding.Graded()))
    >>> y = net.add(ap.Rate("y", 1, "linear"))
    >>> name = net.connect(x, y, weights=ap.FanIn(), rule=oja).name
    >>> values = 2 * np.random.default_rng(0).random((300, 1)) * [0.6, 0.8]
    >>> samples = Samples(values.astype("float32"), np.zeros(300, int))
    >>> with ap.simulate(net, "array") as simulator:
    ...     unsupervised.learn(simulator, samples, progress=False)
    ...     [round(abs(float(w)), 2) for w in simulator.weights(name).ravel()]
    [0.6, 0.8]
    """
    n, size = len(samples), block_size(simulator, block, len(samples))
    with TrainingProgress(epochs * n, shown=progress) as bar:
        for epoch in range(epochs):
            for start in range(0, n, size):
                part = slice(start, start + size)
                trials = replace(presented(simulator, samples, epochs, epoch, part), labels=None)
                learned(simulator, trials, epoch * n + start)
                bar.update(epoch * n + start + len(trials), None)
