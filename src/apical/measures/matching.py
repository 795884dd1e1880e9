"""Equal data of networks and recordings: windows, trials of each class and neurons of equal number.

Estimates of irregularity, variability and dimensionality depend on how long a trial is, how many
there are and of how many neurons: those of unequal data differ although the neurons do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from apical._base.checking import check_fields, checked, require, shown
from apical._base.parameters import Array, Duration, Kinds, Matrix, Seed, Time, Vector
from apical._base.rounding import exceeds
from apical._base.seeds import stream
from apical.errors import DataError
from apical.measures.representation import responses
from apical.recordings import Recording
from apical.records.arrays import Records, Spikes

Picked = Annotated[np.ndarray, Array((1,), kinds="biu")]
"""Which trials or neurons to keep: bools, or indices."""
Observed = Annotated[np.ndarray, Array((2,), kinds="b")]
"""Whether each neuron was observed in each trial."""


@dataclass(frozen=True)
class Activity:
    """Activity of a group of neurons in trials with windows of equal length.

    Parameters
    ----------
    responses
        Spike count of each neuron in the window, or its activity at the end of the trial where it
        does not spike, shape (n_trials, n).
    duration
        Length of the window [ms].
    labels
        Class of the network of each trial as text, shape (n_trials,); None if unknown.
    spikes
        Spikes from the start of the window [ms]; None where neurons do not spike.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.matching import Activity
    >>> activity = Activity(np.ones((4, 3)), 100.0, np.array(["a", "b", "a", "b"]))
    >>> activity.some(np.array([0, 2])).labels.tolist()
    ['a', 'a']
    """

    responses: Matrix
    duration: Duration
    labels: Kinds | None = None
    spikes: Spikes | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        n = len(self.responses)
        require(
            self.labels is None or len(self.labels) == n,
            "Activity",
            "labels",
            f"one for each of {n} trials",
            f"{0 if self.labels is None else len(self.labels)}",
        )

    def __len__(self) -> int:
        return len(self.responses)

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return int(self.responses.shape[1])

    def some(self, trials: Picked, neurons: Picked | None = None) -> "Activity":
        """Return these trials, and neurons, in this order; each at most once."""
        where = np.arange(len(self))[trials]
        which = np.arange(self.neurons)[slice(None) if neurons is None else neurons]
        labels = None if self.labels is None else self.labels[where]
        spikes = None if self.spikes is None else _chosen(self, where, which)
        return Activity(self.responses[np.ix_(where, which)], self.duration, labels, spikes)


def _chosen(activity: Activity, trials: np.ndarray, neurons: np.ndarray) -> Spikes:
    """Return the spikes of some trials and neurons, renumbered."""
    assert activity.spikes is not None
    new = [np.full(n, -1) for n in (len(activity), activity.neurons)]
    for numbers, kept in zip(new, (trials, neurons), strict=True):
        numbers[kept] = np.arange(len(kept))
    trial, unit = new[0][activity.spikes.trial], new[1][activity.spikes.unit]
    kept = np.flatnonzero((trial >= 0) & (unit >= 0))
    kept = kept[np.argsort(trial[kept], kind="stable")]
    return Spikes(trial[kept], activity.spikes.time[kept], unit[kept])


def _within(spikes: Spikes, start: float, stop: float) -> Spikes:
    """Return the spikes from start, and before stop, within rounding."""
    time, size = spikes.time, max(stop, 0.0)
    inside = ~exceeds(start, time, size) & exceeds(stop, time, size)
    return Spikes(spikes.trial[inside], np.maximum(time[inside] - start, 0), spikes.unit[inside])


def _counted(spikes: Spikes, trials: int, neurons: int) -> np.ndarray:
    flat = spikes.trial.astype(np.int64) * neurons + spikes.unit
    counts = np.bincount(flat, minlength=trials * neurons)
    return counts.reshape(trials, neurons).astype(float)


@checked()
def of_network(
    records: Records, population: str, start: Time = 0.0, stop: Duration | None = None
) -> Activity:
    """Return the activity of a population in a window of its trials.

    Parameters
    ----------
    records
        Recorded activity.
    population
        The population. Of one that does not spike, the activity at the end of the trial.
    start, stop
        The window from the onset of the trial [ms]; all of the trial by default. It does not
        matter to populations that do not spike.

    Raises
    ------
    DataError
        If trials end before the window does; as in `responses`.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.matching import of_network
    >>> from apical.records.arrays import Records, Spikes, Units
    >>> spikes = Spikes(np.array([0, 0, 1]), np.array([5.0, 60.0, 20.0]), np.array([0, 1, 1]))
    >>> numbers = np.array([0, 1])
    >>> records = Records(100.0, 1.0, {"hidden": Units("LIF", np.ones(2))}, numbers,
    ...     np.zeros((2, 1)), numbers, numbers, {"hidden": spikes})
    >>> of_network(records, "hidden", stop=50.0).responses.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    stop = records.duration if stop is None else stop
    labels = records.labels.astype(str)
    if population not in records.spikes:
        return Activity(responses(records, population), stop - start, labels)
    _check_window(start, stop, records.duration, f"Trials of the network ({records.duration:g} ms)")
    spikes = _within(records.spikes[population], start, stop)
    counts = _counted(spikes, len(records), len(records.units[population]))
    return Activity(counts, stop - start, labels, spikes)


@checked()
def of_recording(
    recording: Recording, area: str, start: Time = 0.0, stop: Duration | None = None
) -> Activity:
    """Return the activity of a recorded population in a window of the trials that hold it.

    Neurons and trials are those of `observed_throughout`: nothing that was not observed counts as
    silence.

    Parameters
    ----------
    recording
        A recording.
    area
        One of its populations.
    start, stop
        The window from the onset of the trial [ms]; by default up to the end of the shortest trial.
        Trials that end before are left out.

    Raises
    ------
    DataError
        If there are no trials, all end before the window does, or no neuron was observed in one.
    """
    part = recording.part(area)
    if not len(part):
        raise DataError(f"{recording.path} has no trials; give their table, or other conditions.")
    stop = float(part.durations.min()) if stop is None else stop
    longest = float(part.durations.max())
    _check_window(start, stop, longest, f"Trials of {recording.path} (up to {longest:g} ms)")
    spikes = _within(part.spikes, start, stop)
    counts = _counted(spikes, len(part), len(part.populations))
    whole = Activity(counts, stop - start, part.classes, spikes)
    trials, neurons = observed_throughout(part.seen & long_enough(part.durations, stop)[:, None])
    if not trials.any():
        raise DataError(
            f"No neuron of {area or 'the recording'} in {recording.path} was observed in a trial "
            "that holds the window; choose other units, trials, or a shorter window."
        )
    return whole.some(trials, neurons)


@checked()
def observed_throughout(seen: Observed) -> tuple[np.ndarray, np.ndarray]:
    """Return trials and neurons such that every one of these neurons was observed in all of them.

    What was not observed is no silence, and measures of several neurons need them at the same time.
    Of all such blocks it is a large one: the trial or neuron that lacks the largest share is left
    out until nothing is missing, trials before neurons; where leaving out neurons alone, or trials
    alone, keeps more, that is done.

    Parameters
    ----------
    seen
        Whether each neuron was observed in each trial, shape (n_trials, n).

    Returns
    -------
    trials, neurons
        Which are kept, shapes (n_trials,) and (n,), of bool.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.matching import observed_throughout
    >>> seen = np.ones((4, 3), dtype=bool)
    >>> seen[0] = False  # a trial outside the session
    >>> seen[:3, 2] = False  # a neuron that was found later
    >>> [kept.tolist() for kept in observed_throughout(seen)]
    [[False, True, True, True], [True, True, False]]
    """
    trials, neurons = np.asarray(seen.any(axis=1)), np.asarray(seen.any(axis=0))
    blocks: list[tuple[np.ndarray, np.ndarray]] = [
        _pruned(seen),
        (trials, np.asarray(seen[trials].all(axis=0))),
        (np.asarray(seen[:, neurons].all(axis=1)), neurons),
    ]
    return max(blocks, key=lambda block: int(block[0].sum()) * int(block[1].sum()))


def _pruned(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out what lacks the largest share, one by one, until nothing is missing."""
    missing = ~seen
    trials, neurons = np.ones(len(seen), dtype=bool), np.ones(seen.shape[1], dtype=bool)
    of_trials, of_neurons = missing.sum(axis=1), missing.sum(axis=0)
    while of_trials[trials].any():
        worst_trial = np.where(trials, of_trials, -1) / neurons.sum()
        worst_neuron = np.where(neurons, of_neurons, -1) / trials.sum()
        if worst_trial.max() >= worst_neuron.max():
            at = int(worst_trial.argmax())
            trials[at] = False
            of_neurons = of_neurons - missing[at]
        else:
            at = int(worst_neuron.argmax())
            neurons[at] = False
            of_trials = of_trials - missing[:, at]
    return trials, neurons


@checked()
def long_enough(durations: Vector, stop: Duration) -> np.ndarray:
    """Say which trials hold the window, if rounding of their length is forgiven."""
    return np.asarray(durations > stop * (1 - 1e-6))


def _check_window(start: float, stop: float, longest: float, what: str) -> None:
    if not start < stop or not long_enough(np.array([longest]), stop).any():
        raise DataError(
            f"{what} do not hold the window from {start:g} to {stop:g} ms; give one that begins "
            "before it ends and ends with the trials."
        )


@checked()
def common_window(records: Records, recording: Recording) -> tuple[float, float]:
    """Return the longest window from the onset that all trials of both have [ms].

    Where no population of the network spikes, that of the recording: trials of steady states have
    no length that could be compared.
    """
    shortest = min([*([records.duration] if records.spikes else []), *recording.durations.tolist()])
    return 0.0, float(shortest)


@checked()
def matched(
    activities: Mapping[str, Activity], *, equal_neurons: bool = True, seed: Seed = 0
) -> dict[str, Activity]:
    """Return as many trials of each class, and neurons, of each of several groups of neurons.

    Of each class that all have, as many trials are drawn as the group has that has the fewest; and
    as many neurons as the smallest group. The same trials and neurons are drawn of two groups whose
    trials, labels and neurons are the same in number and order, such as a network before and after
    learning.

    Parameters
    ----------
    activities
        Groups by name, in windows of equal length. If one has no labels, labels of all are ignored.
    equal_neurons
        False to keep all neurons.
    seed
        Seed of the streams ``"matched trials"`` and ``"matched neurons"``.

    Returns
    -------
    dict
        The same groups, their trials in the order of classes.

    Raises
    ------
    DataError
        If windows differ, or if all have labels, but no class is in all.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.matching import Activity, matched
    >>> ours = Activity(np.ones((6, 5)), 100.0, np.array(["a", "b", "c"] * 2))
    >>> theirs = Activity(np.ones((3, 2)), 100.0, np.array(["a", "b", "b"]))
    >>> {name: (a.labels.tolist(), a.neurons) for name, a in
    ...     matched({"network": ours, "recording": theirs}).items()}
    {'network': (['a', 'b', 'b'], 2), 'recording': (['a', 'b', 'b'], 2)}
    """
    if not activities:
        raise DataError("There is nothing to match; give one group of neurons or more.")
    lengths = {activity.duration for activity in activities.values()}
    if max(lengths) > min(lengths) * (1 + 1e-6):
        raise DataError(
            f"Only windows of equal length are compared, got {', '.join(map(str, lengths))} ms; "
            "cut them by of_network and of_recording."
        )
    known = all(activity.labels is not None for activity in activities.values())
    kinds = {
        name: np.full(len(a), "") if a.labels is None or not known else a.labels
        for name, a in activities.items()
    }
    counts = {name: _counts(labels) for name, labels in kinds.items()}
    shared = sorted(set.intersection(*(set(c) for c in counts.values())))
    if known and not shared:
        parts = "; ".join(f"{name}: {_some(set(c))}" for name, c in counts.items())
        raise DataError(f"No class is in all that is compared ({parts}); map classes onto others.")
    fewest = {kind: min(c[kind] for c in counts.values()) for kind in shared}
    neurons = min(activity.neurons for activity in activities.values())
    found = {}
    for name, activity in activities.items():
        draw = stream(seed, "matched trials")
        trials = [
            np.sort(draw.permutation(np.flatnonzero(kinds[name] == kind))[: fewest[kind]])
            for kind in shared
        ]
        draw = stream(seed, "matched neurons")
        which = np.arange(activity.neurons)
        if equal_neurons:
            which = np.sort(draw.permutation(activity.neurons)[:neurons])
        part = activity.some(np.concatenate([np.zeros(0, int), *trials]), which)
        found[name] = part if known else unlabelled(part)
    return found


@checked()
def unlabelled(activity: Activity) -> Activity:
    """Return the same activity without classes of trials."""
    return Activity(activity.responses, activity.duration, None, activity.spikes)


def _counts(labels: np.ndarray) -> dict[str, int]:
    found, times = np.unique(labels, return_counts=True)
    return dict(zip(found.tolist(), times.tolist(), strict=True))


def _some(names: set[str]) -> str:
    first = sorted(map(str, names))
    return shown(", ".join([*first[:5], "..."] if len(first) > 5 else first))


@checked()
def shuffled(activity: Activity, *, seed: Seed = 0) -> Activity:
    """Return the activity with the trials of each neuron permuted, of each neuron by itself.

    Rates and intervals between spikes stay what they are; what neurons know of classes and what
    they share within them are gone. This is a control: what is left of a measure is chance.

    Parameters
    ----------
    activity
        Activity of neurons in trials.
    seed
        Seed of the stream ``"shuffled trials"``.
    """
    draw = stream(seed, "shuffled trials")
    trials, n = activity.responses.shape
    order = np.argsort(draw.random((trials, n)), axis=0)  # trial k shows what trial order[k] did
    responses = np.take_along_axis(activity.responses, order, axis=0)
    spikes = activity.spikes
    if spikes is not None:
        trial = np.argsort(order, axis=0)[spikes.trial, spikes.unit]
        by = np.lexsort((spikes.time, trial))
        spikes = Spikes(trial[by], spikes.time[by], spikes.unit[by])
    return Activity(responses, activity.duration, activity.labels, spikes)
