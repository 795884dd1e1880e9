"""Tasks that are made: working memory and time within a trial, and a function to be learned.

A sample is a sequence of frames: its values have the shape (n_frames, n_inputs), and a `Stimulus`
with as many frames shows them one after the other. A value of 1 is the highest rate of the task.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from apical._base.checking import checked
from apical._base.parameters import MOST, Count, CountOrZero, NonNegative, Number, Share
from apical.data.datasets import Dataset
from apical.errors import ParameterError

Classes = Annotated[int, Number(whole=True, least=2, most=MOST)]
Made = tuple[NDArray[np.float32], NDArray[np.int64]]


@checked()
def evidence_accumulation(
    n_train: Count = 2000,
    n_test: Count = 500,
    *,
    cues: Count = 7,
    delay: CountOrZero = 21,
    each: Count = 10,
    minority: Annotated[float, Number(least=0, below=0.5)] = 0.3,
    noise: NonNegative = 0.25,
    rng: np.random.Generator,
) -> Dataset:
    """Return the evidence-accumulation task: count cues on the left and right, then decide.

    A trial has `cues` cues of two frames, each on one of two sides and followed by one frame
    without, then `delay` frames, then three in which the decision is asked for. With frames of
    50 ms and the default values that is the task of Bellec et al. 2020
    (doi:10.1038/s41467-020-17236-y, Fig. 3; published code), after Morcos & Harvey 2016
    (doi:10.1038/nn.4403): cues of 100 ms every 150 ms, a delay of 1,050 ms, and a recall of
    150 ms. Four groups of inputs show cues on the left, cues on the right, the recall, and nothing
    but noise. The label is the side with more cues.

    Parameters
    ----------
    n_train, n_test
        Numbers of samples.
    cues
        Number of cues; odd, so that none is a draw.
    delay
        Frames between the last cue and the recall.
    each
        Inputs in each of the four groups.
    minority
        Probability that a cue is not on the side that was drawn for the trial [dimensionless].
    noise
        Value of the inputs of the fourth group [dimensionless].
    rng
        What draws the cues.

    See Also
    --------
    store_recall : A symbol to be remembered among others.

    Examples
    --------
    >>> import apical as ap
    >>> rng = ap.stream(0, "task")
    >>> data = ap.tasks.evidence_accumulation(4, 2, cues=3, delay=5, each=1, rng=rng)
    >>> data.shape  # frames (3 cues x 3 + delay 5 + recall 3), inputs (one in each of 4 groups)
    (17, 4)
    >>> values, labels = data.train.block(slice(4))
    >>> sides = values.reshape(4, 17, 4).sum(axis=1)[:, :2] / 2  # cues on the left and right
    >>> sides.tolist(), labels.tolist()
    ([[3.0, 0.0], [0.0, 3.0], [2.0, 1.0], [1.0, 2.0]], [0, 1, 0, 1])
    >>> ap.tasks.evidence_accumulation(cues=4, rng=rng)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: evidence_accumulation needs an odd number of cues, got
        cues=4...
    """
    if cues % 2 == 0:
        raise ParameterError(
            f"evidence_accumulation needs an odd number of cues, got {cues=}.",
            object="tasks.evidence_accumulation",
            parameter="cues",
        )

    def made(n: int) -> Made:
        drawn = rng.integers(0, 2, n)
        sides = np.where(rng.random((n, cues)) < minority, 1 - drawn[:, None], drawn[:, None])
        groups = np.zeros((n, 3 * cues + delay + RECALL, 4), np.float32)
        for k in range(cues):
            shown = (np.arange(n)[:, None], 3 * k + np.arange(2), sides[:, k, None])
            groups[shown] = 1
        groups[:, -RECALL:, 2] = 1
        groups[:, :, 3] = noise
        return np.repeat(groups, each, axis=2), (sides.sum(axis=1) > cues / 2).astype(np.int64)

    return _dataset("evidence_accumulation", made, n_train, n_test)


@checked()
def store_recall(
    n_train: Count = 2000,
    n_test: Count = 500,
    *,
    classes: Classes = 2,
    length: Classes = 6,
    each: Count = 10,
    noise: NonNegative = 0.25,
    rng: np.random.Generator,
) -> Dataset:
    """Return the store-recall task: remember one symbol among distractors until a recall cue.

    In each of `length` frames one of `classes` symbols is shown. In one of them, drawn from the
    first half, a group of inputs says "store"; in the frame after the last one another says
    "recall", and no symbol is shown. The label is the symbol that was stored (Bellec et al. 2018,
    arXiv:1803.09574, section on store-recall, with one store and one recall in each trial). The
    groups of inputs are the symbols, "store", "recall" and one with nothing but noise.

    Parameters
    ----------
    n_train, n_test
        Numbers of samples.
    classes
        Number of symbols.
    length
        Frames with symbols.
    each
        Inputs in each group.
    noise
        Value of the inputs of the last group [dimensionless].
    rng
        What draws symbols and times.

    See Also
    --------
    evidence_accumulation : Cues to be counted.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.tasks.store_recall(20, 9, length=4, each=1, rng=ap.stream(0, "task"))
    >>> data.shape  # frames (4 with symbols, 1 to recall), inputs (2 symbols, store, recall, noise)
    (5, 5)
    >>> values, labels = data.train.block([0])
    >>> frames = values.reshape(5, 5)
    >>> stored = int(frames[:, 2].argmax())  # the frame that says "store"
    >>> int(frames[stored, :2].argmax()) == int(labels[0])
    True
    """

    def made(n: int) -> Made:
        symbols = rng.integers(0, classes, (n, length))
        stored = rng.integers(0, max(1, length // 2), n)
        groups = np.zeros((n, length + 1, classes + 3), np.float32)
        trials = np.arange(n)
        groups[trials[:, None], np.arange(length), symbols] = 1
        groups[trials, stored, classes] = 1
        groups[:, -1, classes + 1] = 1
        groups[:, :, classes + 2] = noise
        return np.repeat(groups, each, axis=2), symbols[trials, stored].astype(np.int64)

    return _dataset("store_recall", made, n_train, n_test)


@checked()
def spike_pattern(
    n_inputs: Count,
    n_outputs: Count,
    frames: Count,
    *,
    rate: Share = 0.01,
    spikes: Count = 5,
    onset: CountOrZero = 0,
    apart: Count = 1,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a spike-pattern task: frozen input spike trains and the target output spike trains.

    Input trains are drawn once and shown in every trial (frozen noise). With frames of one time
    step that is the task of Zenke & Ganguli 2018 (doi:10.1162/neco_a_01086).

    Parameters
    ----------
    n_inputs, n_outputs, frames
        Numbers of inputs, of outputs, and of frames of a trial.
    rate
        Probability that an input spikes in a frame [dimensionless].
    spikes
        Spikes of each target train, at times drawn from those it may have.
    onset
        First frame in which a target may ask for a spike.
    apart
        Least distance of the spikes of a target train [frames].
    rng
        What draws the trains.

    Returns
    -------
    tuple
        Input, shape (frames, n_inputs), and target, shape (frames, n_outputs): 1 for a spike, else
        0. In a row they are a trial's values and targets (`apical.Block`), for a `Stimulus` with
        `apical.neurons.encoding.Replayed` and for `Error` neurons with as many frames.

    Raises
    ------
    ParameterError
        If so many spikes do not fit into a trial.

    Examples
    --------
    >>> import apical as ap
    >>> task, rng = ap.tasks.spike_pattern, ap.stream(0, "task")
    >>> shown, target = task(100, 2, 50, spikes=3, onset=10, apart=5, rng=rng)
    >>> shown.shape, target.shape, target.sum(axis=0).tolist()
    ((50, 100), (50, 2), [3.0, 3.0])
    >>> times = target[:, 0].nonzero()[0]
    >>> bool(times.min() >= 10), bool((times[1:] - times[:-1] >= 5).all())
    (True, True)
    >>> task(9, 2, 8, apart=3, rng=rng)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: spike_pattern cannot put 5 spikes, 3 frames apart, into
        the frames from 0 to 8 of 2 outputs; ask for fewer spikes or more frames...
    """
    free = frames - onset - (spikes - 1) * (apart - 1)
    if free < spikes:
        raise ParameterError(
            f"spike_pattern cannot put {spikes} spikes, {apart} frames apart, into the frames from "
            f"{onset} to {frames} of {n_outputs} outputs; ask for fewer spikes or more frames.",
            object="tasks.spike_pattern",
            parameter="spikes",
        )
    shown = (rng.random((frames, n_inputs)) < rate).astype(np.float32)
    target = np.zeros((frames, n_outputs), np.float32)
    for k in range(n_outputs):
        drawn = np.sort(rng.choice(free, spikes, replace=False))
        target[onset + drawn + (apart - 1) * np.arange(spikes), k] = 1
    return shown, target


@checked()
def friedman(
    n_train: Count = 2000,
    n_test: Count = 1000,
    n_inputs: Annotated[int, Number(whole=True, least=5, most=MOST)] = 10,
    *,
    noise: NonNegative = 0.1,
    rng: np.random.Generator,
) -> Dataset:
    r"""Return a regression task: a smooth function of five inputs, the others being irrelevant.

    .. math::

        y = \sin(\pi x_1 x_2) + 2 (x_3 - 1/2)^2 + x_4 + x_5/2 + \epsilon

    Inputs are uniform from 0 to 1. It is the first function of Friedman 1991
    (doi:10.1214/aos/1176347963), divided by 10.

    Parameters
    ----------
    n_train, n_test
        Numbers of samples.
    n_inputs
        Number of inputs, 5 or more.
    noise
        Standard deviation of the normal noise ``epsilon`` of training targets [dimensionless]; test
        targets have none, so that a perfect network has an R2 of 1.
    rng
        What draws inputs and noise.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> data = ap.tasks.friedman(100, 50, rng=ap.stream(0, "task"))
    >>> data.n_targets, data.train
    (1, Samples(100 x 10 of float32, scale=1, targets (1,)))
    >>> a, b, c, d, e = data.test.values[0, :5]
    >>> y = np.sin(np.pi * a * b) + 2 * (c - 0.5) ** 2 + d + e / 2
    >>> bool(np.isclose(y, data.test.targets[0, 0], atol=1e-6))
    True
    """
    x = [rng.random((n, n_inputs)) for n in (n_train, n_test)]
    y = [
        np.sin(np.pi * v[:, 0] * v[:, 1]) + 2 * (v[:, 2] - 0.5) ** 2 + v[:, 3] + v[:, 4] / 2
        for v in x
    ]
    y[0] = y[0] + noise * rng.standard_normal(n_train)
    return Dataset.from_targets(
        x[0], y[0], x[1], y[1], name="friedman", scale=1.0, licence="public domain", source="made"
    )


RECALL = 3
"""Frames in which the decision about accumulated evidence is asked for."""


def _dataset(name: str, made: Callable[[int], Made], n_train: int, n_test: int) -> Dataset:
    train, test = made(n_train), made(n_test)
    return Dataset.from_arrays(
        name, *train, *test, scale=1.0, licence="public domain", source="synthetic"
    )
