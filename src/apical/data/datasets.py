"""Data sets: training and test samples with labels or targets, loaded by name or from a file.

Values stay as they are stored (a byte a pixel) and become stimuli in [0, 1] block by block.
"""

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from apical._base.bibliography import cite
from apical._base.checking import check_fields, checked, fitting, listed, shown
from apical._base.names import check_name
from apical._base.parameters import Count, CountOrZero, Positive, Seed
from apical._base.reading import UnreadableError, array_of, read_arrays, stored_arrays
from apical._base.seeds import stream
from apical._base.whole_files import write_whole
from apical.data import converting, event_files, event_readers, events
from apical.data.events import EventRows as EventRows
from apical.data.events import EventSamples as EventSamples
from apical.data.idx import read_idx
from apical.data.inputs import Inputs, names_of, side_by_side
from apical.data.registry import SOURCES, idx_files, single_file
from apical.data.registry import Source as Source
from apical.data.registry import available as available
from apical.data.registry import fetch as fetch
from apical.data.registry import made_of as made_of
from apical.data.registry import path as path
from apical.data.samples import NO_CLASS, Part
from apical.data.samples import Rows as Rows
from apical.data.samples import Samples as Samples
from apical.errors import DataError, ParameterError, brief

DIGITS_SCALE = 16.0
"""Pixels of ``digits`` are whole numbers from 0 to 16."""

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_TOLD = ("x_train", "t_train", "x_test", "t_test")
"""Arrays of a file with targets."""
_KNOWN = tuple(dict.fromkeys((*_ARRAYS, *_TOLD, "scale")))


Values = ArrayLike | Mapping[str, ArrayLike]
"""Values of samples, of several stimuli by their names."""

Scale = float | Mapping[str, float] | None
"""Stored value that stands for 1, of several stimuli by their names; None: to be inferred."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set with a class or a target for each sample: a training part and a test part.

    `shape` is that of one sample: (height, width) of images, (n_inputs,) otherwise. A network for
    the data set has `n_classes` outputs: one for each class, or for each of `n_targets` numbers;
    `n_targets` is 0 where samples have classes.

    See Also
    --------
    Dataset.from_arrays : One with classes, from arrays.
    Dataset.from_targets : One with targets: numbers to predict, several labels, time courses.
    load : A data set by name, or from a file.
    blobs : A synthetic one, for tests and first steps.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.datasets.load("digits")
    >>> data.train, data.test
    (Samples(1437 x 64 of uint8, scale=16), Samples(360 x 64 of uint8, scale=16))
    >>> data.n_inputs, data.shape, data.n_classes
    (64, (8, 8), 10)
    >>> values, labels = data.test.block(slice(0, 3))  # stimuli in [0, 1], and their classes
    >>> values.shape, labels.tolist(), float(values.max())
    ((3, 64), [7, 6, 3], 1.0)
    """

    name: str
    train: Samples
    test: Samples
    n_classes: Count
    shape: tuple[Count, ...]
    licence: str = "unknown"
    source: str = "arrays"
    n_targets: CountOrZero = 0

    def __repr__(self) -> str:
        counted = "n_targets" if self.n_targets else "n_classes"
        return (
            f"Dataset({self.name!r}, train={self.train!r}, test={self.test!r}, "
            f"{counted}={self.n_classes}, shape={self.shape})"
        )

    def __post_init__(self) -> None:
        check_fields(self)
        check_name(self.name, "path", "Dataset", "a data set")
        labels = bool(self.train.multilabel and self.test.multilabel)
        for part in ("train", "test"):
            samples = getattr(self, part)
            if samples.targets is not None and samples.multilabel != labels:
                object.__setattr__(self, part, replace(samples, multilabel=labels))

    @classmethod
    def from_arrays(
        cls,
        name: str,
        x_train: Values,
        y_train: ArrayLike,
        x_test: Values,
        y_test: ArrayLike,
        *,
        scale: Scale = None,
        licence: str = "unknown",
        source: str = "arrays",
        copy: bool = True,
    ) -> "Dataset":
        """Make a data set from four arrays, which are checked.

        Only the numbers matter: any dtype and memory order that holds the same numbers gives the
        same data set.

        Parameters
        ----------
        name
            What the data set is called.
        x_train, x_test
            Finite values from 0 on, shape (n, ...): arrays or lists of bool, integers or floats,
            or what NumPy makes such of. Samples are flattened, and divided by `scale`. For a
            network of several stimuli, a mapping of such arrays by the names of these.
        y_train, y_test
            Whole numbers from 0 to n_classes - 1 of any type, shape (n,) or (n, 1), or one-hot rows
            of shape (n, n_classes); every class has training samples.
        scale
            Stored value that stands for 1. If none is given it is inferred: 1 if no training value
            exceeds 1; 255 for whole numbers of which the largest of both parts is from 128 to 255,
            as in 8-bit images; otherwise the largest training value. Test values up to twice the
            scale are accepted unchanged. Each of several stimuli has its own, by its name, or all
            have the one that is given.
        licence, source
            Where it is from.
        copy
            Whether arrays that could be used as they are (uint8 and float32 in C order) are copied,
            so that nothing changes when they do; False for files in memory and what is large.

        Raises
        ------
        DataError
            If the arrays do not fit together, or hold invalid values.
        ParameterError
            If `scale` is no number above 0.

        Warns
        -----
        ScaleWarning
            If the scale was inferred and is not 1.

        Examples
        --------
        >>> import numpy as np
        >>> from apical import Dataset
        >>> x = np.array([[0, 255], [255, 51], [0, 204], [255, 0]], np.uint8)
        >>> data = Dataset.from_arrays("pairs", x, [0, 1, 0, 1], x[:2], [0, 1], scale=255)
        >>> data.train.block(slice(2))[0].tolist()
        [[0.0, 1.0], [1.0, 0.20000000298023224]]
        >>> one_hot = np.eye(2)[[0, 1, 0, 1]]
        >>> Dataset.from_arrays("pairs", x, one_hot, x[:2], [0, 1], scale=255).train.labels.tolist()
        [0, 1, 0, 1]
        >>> both = {"vision": x, "touch": [[0.0], [0.5], [1.0], [0.5]]}  # of two stimuli
        >>> scales, y = {"vision": 255, "touch": 1}, [0, 1, 0, 1]
        >>> Dataset.from_arrays("two", both, y, both, y, scale=scales).train.inputs
        (('touch', 1), ('vision', 2))
        >>> x, y = x > 9, [1, 2, 1, 2]
        >>> Dataset.from_arrays("pairs", x, y, x, y)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DataError: pairs: labels start at 1, so class 0 has no training
            sample; number the classes from 0: subtract 1 from the labels of both parts...
        """
        train, test, one, shape, inputs = _stored(name, x_train, x_test, scale, copy=copy)
        for_train, for_test = (
            Samples(x, _classes(y, len(x), f"{brief(name)}: {what}"), one, inputs=inputs)
            for what, x, y in (("y_train", train, y_train), ("y_test", test, y_test))
        )
        n_classes = _count_classes(name, for_train, for_test)
        return cls(name, for_train, for_test, n_classes, shape, licence, source)

    @classmethod
    def from_events(
        cls,
        x_train: events.Pairs,
        y_train: ArrayLike,
        x_test: events.Pairs | None = None,
        y_test: ArrayLike | None = None,
        *,
        n_channels: int | tuple[int, ...],
        duration: ArrayLike | None = None,
        test_duration: ArrayLike | None = None,
        name: str = "events",
        licence: str = "unknown",
        source: str = "events",
    ) -> "Dataset":
        """Make a data set of events, spike trains of input channels, which are checked.

        Memory is proportional to the number of events (8 bytes each). A network shows them through
        `apical.encoding.Events`: a spike of input neuron c in the time step of each event of
        channel c. Its trials must be as long as the longest sample (`duration`); after a shorter
        one the input is silent until the trial ends.

        Parameters
        ----------
        x_train, x_test
            Of each sample a pair: the times of its events [ms], sorted, from 0 at its onset, kept
            to the microsecond; and their channels, from 0. Without a test part the training part
            stands in for it, and the name says so by a suffix ``:train``.
        y_train, y_test
            Labels, as in `from_arrays`.
        n_channels
            Number of channels, or the shape that they have, as (2, 34, 34).
        duration, test_duration
            How long samples last [ms], longer than their last event: one number for all, or of each
            sample, shape (n,). By default to the end of the millisecond of its last event; test
            samples as training samples if that is one number.
        name, licence, source
            What the data set is called, and where it is from.

        Raises
        ------
        DataError
            If times are negative or not sorted, channels are not there, samples are shorter than
            their last event, pairs are ragged, or labels do not fit.

        See Also
        --------
        apical.encoding.Events : Shows events to a network.
        Dataset.from_arrays : A data set of values.

        Examples
        --------
        >>> from apical import Dataset
        >>> trains = [([0.2, 7.0], [0, 1]), ([3.0], [2])]
        >>> data = Dataset.from_events(trains, [0, 1], trains, [0, 1], n_channels=3, duration=10)
        >>> data.train, data.duration
        (EventSamples(2 x 3 channels, 3 events, up to 10 ms), 10.0)
        >>> Dataset.from_events(trains, [0, 1], n_channels=2).name  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DataError: events: x_train, sample 1: channel 2 is not among 0 ...
        """
        check_name(name, "path", "Dataset", "a data set")
        given = fitting(n_channels, Count | tuple[Count, ...], "Dataset.from_events", "n_channels")
        shape = given if isinstance(given, tuple) else (given,)
        lasts = 0 if duration is None else converting.numbers(duration, f"{name}: duration")
        one = np.ndim(lasts) == 0
        later = duration if test_duration is None and one else test_duration
        train = events.from_pairs(
            x_train, y_train, duration, math.prod(shape), f"{brief(name)}: x_train"
        )
        if (x_test is None) != (y_test is None):
            raise DataError(f"{brief(name)}: a test part needs both x_test and y_test.")
        if test_duration is not None and x_test is None:
            raise DataError(f"{brief(name)}: test_duration needs a test part; give x_test, y_test.")
        if x_test is None or y_test is None:
            test, name = train, f"{name}:train"
        else:
            test = events.from_pairs(
                x_test, y_test, later, math.prod(shape), f"{brief(name)}: x_test"
            )
        return cls.of_samples(name, train, test, shape, licence, source)

    @classmethod
    @checked()
    def of_samples(
        cls,
        name: str,
        train: Samples,
        test: Samples,
        shape: tuple[int, ...],
        licence: str = "unknown",
        source: str = "arrays",
    ) -> "Dataset":
        """Make a data set of samples that are there; every class must have training samples.

        Parameters
        ----------
        name, licence, source
            What the data set is called, and where it is from.
        train, test
            Its parts.
        shape
            Of one sample, or of the channels.

        Examples
        --------
        >>> import apical as ap
        >>> digits = ap.datasets.load("digits")
        >>> few = ap.datasets.stratified(digits.train, 50, ap.stream(0, "few labels"))
        >>> ap.Dataset.of_samples("few", few, digits.test, digits.shape).n_classes
        10
        """
        for part, samples in (("y_train", train), ("y_test", test)):
            _classes(samples.labels, len(samples), f"{brief(name)}: {part}")
        return cls(name, train, test, _count_classes(name, train, test), shape, licence, source)

    @classmethod
    def from_targets(
        cls,
        x_train: Values,
        t_train: ArrayLike,
        x_test: Values,
        t_test: ArrayLike,
        *,
        name: str = "targets",
        scale: Scale = None,
        licence: str = "unknown",
        source: str = "arrays",
        copy: bool = True,
    ) -> "Dataset":
        """Make a data set whose samples have targets in place of one class; arrays are checked.

        A target is what the output neurons are to be: numbers (regression), 0 or 1 for each of
        several labels (multi-label), or a time course of either.

        Parameters
        ----------
        x_train, x_test
            Finite values, shape (n, ...), as in `from_arrays`; values below 0 are for inputs
            without spikes (`apical.encoding.Graded`).
        t_train, t_test
            Finite numbers: shape (n,) for one target, (n, n_targets), or (n, n_frames, n_targets)
            for time courses of frames that share a trial evenly. For target spike trains
            (`apical.Error` with frames), the number of spikes in each frame.
        name
            What the data set is called.
        scale, licence, source, copy
            As in `from_arrays`. Targets are kept as they are.

        Raises
        ------
        DataError
            If the arrays do not fit together, or hold invalid values: NaN, infinite ones, more
            than single precision holds.
        ParameterError
            If `scale` is no number above 0.

        Warns
        -----
        ScaleWarning
            If the scale was inferred and is not 1.

        See Also
        --------
        apical.evaluate : Coefficient of determination, mean squared error, accuracy of labels.

        Examples
        --------
        >>> import numpy as np
        >>> from apical import Dataset
        >>> x = np.array([[0.0, 1.0], [0.5, 0.25], [1.0, 0.5], [0.25, 0.0]])
        >>> t = x @ [[2.0], [-1.0]]
        >>> data = Dataset.from_targets(x, t, x[:2], t[:2], name="linear")
        >>> data.n_targets, data.train.targets.tolist()
        (1, [[-1.0], [0.75], [1.5], [0.5]])
        >>> data.train
        Samples(4 x 2 of float32, scale=1, targets (1,))
        >>> Dataset.from_targets(x, t, x, t[:2])  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DataError: targets: t_test: needs targets of shape (4, n_targets),
            or (4, n_frames, n_targets) for time courses, one for each of 4 samples, got (2, 1)...
        """
        train, test, one, shape, inputs = _stored(
            name, x_train, x_test, scale, copy=copy, signed=True
        )
        told = tuple(
            converting.targets(given, len(values), f"{brief(name)}: {what}")
            for what, given, values in (("t_train", t_train, train), ("t_test", t_test, test))
        )
        if told[0].shape[1:] != told[1].shape[1:]:
            raise DataError(
                f"{brief(name)}: t_train holds targets of shape {told[0].shape[1:]}, t_test of "
                f"shape {told[1].shape[1:]}; store both alike."
            )
        for_train, for_test = (
            Samples(values, np.full(len(values), NO_CLASS, np.int64), one, targets, inputs)
            for values, targets in zip((train, test), told, strict=True)
        )
        n = told[0].shape[-1]
        return cls(name, for_train, for_test, n, shape, licence, source, n)

    @property
    def n_inputs(self) -> int:
        """Number of values of a sample, or of channels of events."""
        return math.prod(self.shape)

    @property
    def duration(self) -> float | None:
        """Duration of the longest sample of events [ms]; None for values, which have none.

        Examples
        --------
        >>> import apical as ap
        >>> ap.datasets.load("digits").duration is None
        True
        >>> trains = [([0.2, 7.0], [0, 1]), ([3.0], [1])]
        >>> ap.Dataset.from_events(trains, [0, 1], n_channels=2).duration
        8.0
        """
        longest = [samples.longest for samples in (self.train, self.test) if samples.are_events]
        return max(longest) if longest else None

    @checked()
    def until(self, duration: float) -> "Dataset":
        """Return the events before a time [ms] in every sample; later ones are left out.

        Parameters
        ----------
        duration
            From the onset of a sample [ms]; longer samples then last so long, others as before.

        Raises
        ------
        DataError
            If it is no time above 0, or the samples are no events.

        Examples
        --------
        >>> import apical as ap
        >>> trains = [([0.2, 7.0], [0, 1]), ([3.0], [1])]
        >>> data = ap.Dataset.from_events(trains, [0, 1], n_channels=2, duration=10)
        >>> data.until(5.0).train
        EventSamples(2 x 2 channels, 2 events, up to 5 ms)
        """
        train, test = self.train, self.test
        if not isinstance(train, EventSamples) or not isinstance(test, EventSamples):
            raise DataError(
                f"{brief(self.name)}: is no data set of events, so it has no times to cut at.",
                object=self.name,
            )
        return replace(self, train=train.until(duration), test=test.until(duration))

    @checked()
    def subset(self, train: int | None = None, test: int | None = None) -> "Dataset":
        """Return the first `train` training and the first `test` test samples (None: all).

        Examples
        --------
        >>> import apical as ap
        >>> ap.datasets.load("digits").subset(train=100).train
        Samples(100 x 64 of uint8, scale=16)
        """
        return replace(
            self,
            train=_first(self.train, train, f"{brief(self.name)}: train"),
            test=_first(self.test, test, f"{brief(self.name)}: test"),
        )

    @checked()
    def split(self, validation: int, rng: np.random.Generator) -> "Dataset":
        """Hold out a random validation set of training samples; it replaces the test part.

        The name gets the suffix ``:validation``, so that no report takes it for a test accuracy.

        Raises
        ------
        ParameterError
            If fewer than one sample, or all of them, would be held out.

        See Also
        --------
        Dataset.held_out : The last samples instead of random ones.

        Examples
        --------
        >>> import apical as ap
        >>> data = ap.datasets.load("digits")
        >>> tuned = data.split(300, ap.stream(0, "validation"))
        >>> tuned.name, len(tuned.train), len(tuned.test)  # of 1437 for training
        ('digits:validation', 1137, 300)
        """
        n = self._checked(validation)
        held = np.zeros(n, dtype=bool)
        held[rng.choice(n, validation, replace=False)] = True
        return self._judged_on(~held, held)

    @checked()
    def held_out(self, validation: int) -> "Dataset":
        """Hold out the last `validation` training samples as validation set; else as `split`.

        See Also
        --------
        Dataset.split : Random samples instead of the last ones.

        Examples
        --------
        >>> import apical as ap
        >>> data = ap.datasets.load("digits")
        >>> tuned = data.held_out(300)
        >>> tuned.test.labels.tolist() == data.train.labels[-300:].tolist()
        True
        >>> data.held_out(1437)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.ParameterError: digits: validation samples asked for: 1437; there
            are 1437 training samples; ask for 1 to 1436...
        """
        first = self._checked(validation) - validation
        return self._judged_on(slice(first), slice(first, None))

    def _checked(self, validation: int) -> int:
        """Return the number of training samples, some of which can be held out."""
        n = len(self.train)
        if not 1 <= validation < n:
            raise ParameterError(
                f"{brief(self.name)}: validation samples asked for: {validation}; there are {n} "
                "training "
                f"samples; ask for 1 to {n - 1}.",
                object=self.name,
                parameter="validation",
            )
        return n

    def _judged_on(self, learned: Part, held: Part) -> "Dataset":
        train, test = self.train.part(learned), self.train.part(held)
        return replace(self, name=f"{self.name}:validation", train=train, test=test)


def _stored(
    name: str,
    x_train: Values,
    x_test: Values,
    scale: Scale,
    *,
    copy: bool,
    signed: bool = False,
) -> tuple[NDArray[Any], NDArray[Any], float, tuple[int, ...], Inputs]:
    """Return the stored values of both parts, scale, shape of a sample, and names of stimuli."""
    check_name(name, "path", "Dataset", "a data set")
    copy = fitting(copy, bool, "Dataset", "copy")
    if isinstance(x_train, Mapping) or isinstance(x_test, Mapping):
        return _stored_by_name(brief(name), x_train, x_test, scale, signed=signed)
    if isinstance(scale, Mapping):
        raise ParameterError(
            f"{brief(name)}: scale is given by names of stimuli, but x_train is one array; give "
            "one number.",
            parameter="scale",
        )
    found = _stored_array(brief(name), x_train, x_test, scale, copy=copy, signed=signed)
    return *found, ()


def _stored_by_name(
    name: str, x_train: Values, x_test: Values, scale: Scale, *, signed: bool
) -> tuple[NDArray[Any], NDArray[Any], float, tuple[int, ...], Inputs]:
    """Return what `_stored` does of values that are given by names of stimuli."""
    train = x_train if isinstance(x_train, Mapping) else {}
    test = x_test if isinstance(x_test, Mapping) else {}
    names = names_of(train or test, f"{name}: x_train")
    scales = scale if isinstance(scale, Mapping) else dict.fromkeys(names, scale)
    for what, given in (("x_train", train), ("x_test", test), ("scale", scales)):
        if set(given) != set(names):
            raise DataError(
                f"{name}: {what} needs the stimuli {listed(names)}, got "
                f"{listed(sorted(map(str, given))) or 'no names'}; give each of them by its name.",
                object=name,
            )
    parts = [
        _stored_array(f"{name}, {k}", train[k], test[k], scales[k], copy=False, signed=signed)
        for k in names
    ]
    common = {one for _, _, one, _ in parts}
    if len(common) > 1:  # what one number cannot divide is divided here, as it would be later
        parts = [
            (*(np.divide(x, np.float32(one), dtype=np.float32) for x in both), 1.0, shape)
            for *both, one, shape in parts
        ]
    for_train, inputs = side_by_side(names, [x for x, *_ in parts], f"{name}: x_train")
    for_test, _ = side_by_side(names, [x for _, x, *_ in parts], f"{name}: x_test")
    return for_train, for_test, parts[0][2], for_train.shape[1:], inputs


def _stored_array(
    name: str,
    x_train: ArrayLike,
    x_test: ArrayLike,
    scale: float | None,
    *,
    copy: bool,
    signed: bool,
) -> tuple[NDArray[Any], NDArray[Any], float, tuple[int, ...]]:
    """Return the stored values of both parts, their scale, and the shape of a sample."""
    train, shape = converting.values(x_train, f"{name}: x_train", signed=signed)
    test, test_shape = converting.values(x_test, f"{name}: x_test", signed=signed)
    if shape != test_shape:
        raise DataError(
            f"{name}: x_train holds samples of shape {shape}, x_test samples of shape "
            f"{test_shape}; store both alike."
        )
    train, test = converting.alike((train, test))
    if copy:
        train, test = (
            stored.copy() if np.may_share_memory(stored, np.asarray(given)) else stored
            for stored, given in ((train, x_train), (test, x_test))
        )
    return train, test, converting.scale_of(scale, train, test, name), shape


def _first(samples: Samples, n: int | None, where: str) -> Samples:
    if n is None:
        return samples
    if not 1 <= n <= len(samples):
        raise ParameterError(
            f"{where} samples asked for: {n}; there are {len(samples)}; ask for 1 to that.",
            object=where,
            parameter="n",
        )
    return samples.part(slice(n))


def _classes(array: ArrayLike, n: int, where: str) -> NDArray[np.int64]:
    found = converting.labels(array, n, where)
    if found.min() < 0:
        raise DataError(
            f"{where}: labels must be 0 to n_classes - 1, got {found.min()} to {found.max()}."
        )
    return found


def _count_classes(name: str, train: Samples, test: Samples) -> int:
    present = np.unique(train.labels)
    n_classes = int(max(present[-1], test.labels.max())) + 1
    if len(present) == 1:
        raise DataError(
            f"{brief(name)}: all training labels are {present[0]}; needs two classes or more."
        )
    if len(present) != n_classes and len(present) == n_classes - present[0]:
        raise DataError(
            f"{brief(name)}: labels start at {present[0]}, so class 0 has no training sample; "
            "number the "
            f"classes from 0: subtract {present[0]} from the labels of both parts."
        )
    if len(present) != n_classes:
        gaps = np.flatnonzero(present != np.arange(len(present)))
        absent = int(gaps[0]) if gaps.size else len(present)
        raise DataError(
            f"{brief(name)}: labels run to {n_classes - 1} but class {absent} has no training "
            "sample; "
            "number the classes from 0 without gaps and give each of them training samples."
        )
    return n_classes


@checked()
def blobs(
    n_train: Count = 200,
    n_test: Count = 100,
    n_inputs: Count = 20,
    n_classes: Count = 4,
    *,
    rng: np.random.Generator,
) -> Dataset:
    """Make a linearly separable synthetic task: each class excites its own share of the inputs.

    Input i is near 0.8 for the class i modulo n_classes and near 0.2 for the others (uniform
    noise of 0.2 either way), so that a linear readout separates the classes.

    See Also
    --------
    bars : Images whose class is the row of a bar.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.datasets.blobs(40, 20, n_inputs=6, n_classes=3, rng=ap.stream(0, "data"))
    >>> data.train, data.n_classes
    (Samples(40 x 6 of float32, scale=1), 3)
    >>> values, labels = data.train.block(slice(None))
    >>> own = values[labels == 1][:, [1, 4]]  # inputs i with i % 3 == 1
    >>> bool(own.min() > 0.55), bool(own.max() < 1.05)
    (True, True)
    """
    if not 2 <= n_classes <= min(n_inputs, n_train):
        raise ParameterError(
            "blobs: needs 2 <= n_classes <= n_inputs and n_train, got "
            f"{n_classes=}, {n_inputs=}, {n_train=}.",
            object="datasets.blobs",
        )
    arrays: list[NDArray[Any]] = []
    for n in (n_train, n_test):
        labels = rng.permutation(np.arange(n) % n_classes)
        own = labels[:, None] == np.arange(n_inputs) % n_classes
        noise = rng.uniform(-0.2, 0.2, size=(n, n_inputs))
        arrays += [np.where(own, 0.8, 0.2) + noise, labels]
    return Dataset.from_arrays("blobs", *arrays, licence="public domain", source="synthetic")


@checked()
def bars(n: Count, side: Count = 4, *, rng: np.random.Generator) -> Samples:
    """Make noisy square images of one horizontal bar each; the class is its row.

    Pixels of the bar are between 0.9 and 1, the others between 0 and 0.1.

    Parameters
    ----------
    n
        Number of images; the classes take turns.
    side
        Pixels along each side, and number of classes.
    rng
        Random numbers of the noise.

    See Also
    --------
    blobs : A synthetic task without images.

    References
    ----------
    Foeldiak 1990, doi:10.1007/BF02331346, whose images show several bars each.

    Examples
    --------
    >>> import apical as ap
    >>> images = ap.datasets.bars(6, side=3, rng=ap.stream(0, "data"))
    >>> images.labels.tolist()
    [0, 1, 2, 0, 1, 2]
    >>> values, _ = images.block([1])  # a bar in row 1
    >>> values.reshape(3, 3).round().tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    labels = np.tile(np.arange(side), -(-n // side))[:n]
    image = np.zeros((n, side, side), np.float32)
    image[np.arange(n), labels] = 1
    noisy = np.clip(0.9 * image + 0.1 * rng.random(image.shape), 0, 1).astype(np.float32)
    return Samples(noisy.reshape(n, -1), labels.astype(np.int64))


@checked()
def stratified(samples: Samples, n: Count, rng: np.random.Generator) -> Samples:
    """Return `n` samples, equally many of every class, drawn at random; all if there are no more.

    Parameters
    ----------
    samples
        What to draw from.
    n
        How many; what the number of classes does not divide is left out.
    rng
        Draws them.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> data = ap.datasets.load("digits")
    >>> few = ap.datasets.stratified(data.train, 55, ap.stream(0, "few labels"))  # 5 is left out
    >>> np.bincount(few.labels).tolist()
    [5, 5, 5, 5, 5, 5, 5, 5, 5, 5]
    """
    needs_classes(samples, "datasets.stratified")
    if n >= len(samples):
        return samples
    classes = np.unique(samples.labels)
    of_each = (np.flatnonzero(samples.labels == c) for c in classes)
    return samples.part(
        np.concatenate([rng.permutation(those)[: n // len(classes)] for those in of_each])
    )


@checked()
def halves(data: Dataset) -> tuple[Dataset, Dataset]:
    """Return the samples of the first half of the classes and of as many others, numbered from 0.

    Parameters
    ----------
    data
        Samples of two classes or more; of an odd number, the one in the middle is left out.

    Examples
    --------
    >>> import apical as ap
    >>> known, new = ap.datasets.halves(ap.datasets.load("digits"))
    >>> known.n_classes, new.n_classes, sorted(set(new.test.labels.tolist()))
    (5, 5, [0, 1, 2, 3, 4])
    >>> len(known.test) + len(new.test)
    360
    """
    needs_classes(data.train, "datasets.halves")
    n = data.n_classes // 2

    def part(samples: Samples, first: int) -> Samples:
        chosen = samples.part((samples.labels >= first) & (samples.labels < first + n))
        return replace(chosen, labels=chosen.labels - first)

    known, new = (
        replace(data, train=part(data.train, k), test=part(data.test, k), n_classes=n)
        for k in (0, data.n_classes - n)
    )
    return known, new


@checked()
def needs_classes(samples: Samples, what: str) -> None:
    """Raise unless samples have classes.

    Parameters
    ----------
    samples
        Samples of a data set.
    what
        What needs their classes, for the message.

    Raises
    ------
    DataError
        If they have targets.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.data.datasets import needs_classes
    >>> x, t = np.eye(3), [0.1, 0.2, 0.3]
    >>> data = ap.Dataset.from_targets(x, t, x, t)
    >>> needs_classes(data.test, "A confusion matrix")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: A confusion matrix needs samples with classes, but these ...
    """
    if samples.targets is not None:
        raise DataError(
            f"{brief(what)} needs samples with classes, but these have targets "
            "(Dataset.from_targets); give a data set with labels.",
            object=brief(what),
        )


@checked()
def load(
    name: str | Path, data_dir: str | Path | None = None, scale: Positive | None = None
) -> Dataset:
    """Load a data set: ``digits``, ``mnist``, ``fashion_mnist``, ``kmnist``, or one's own files.

    Parameters
    ----------
    name
        Name, or path of an .npz file with x_train, y_train, x_test and y_test, and perhaps scale
        (see `Dataset.from_arrays` for what they may hold); t_train and t_test in place of y_train
        and y_test are targets (`Dataset.from_targets`); or with events (`save_events`); or a
        folder of events as they are published: ``shd_train.h5`` and ``shd_test.h5`` (or ``ssc_``),
        ``Train`` and ``Test`` of N-MNIST, or DVS128 Gesture with ``trials_to_train.txt``.
    data_dir
        Folder that must hold the IDX files, in a folder of the data set's name or directly.
        Without it the folder APICAL_DATA_DIR is tried, then the cache, then the network.
    scale
        Stored value that stands for 1; by default that of the data set where it is known: 16 for
        ``digits``, 255 for images, ``scale`` of an .npz file; else as in `Dataset.from_arrays`.

    Raises
    ------
    DataError
        If there is no such data set or file, or its arrays are damaged or do not fit together.

    See Also
    --------
    Dataset.from_arrays, Dataset.from_targets : A data set from arrays in memory.
    available : The data sets that are known by name.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.datasets.load("digits")
    >>> len(data.train), len(data.test), data.train.scale
    (1437, 360, 16.0)
    >>> ap.datasets.load("digit")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: unknown data set 'digit'; choose digits, mnist,
        ..., or the path of an .npz file...
    >>> ap.datasets.load("mine.npz")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: mine.npz: no such file; give the path of an existing .npz
        file...
    """
    source = SOURCES.get(str(name))
    if source is None:
        known = event_readers.format_of(Path(name).expanduser())
        if known is not None:
            return _load_published(Path(name).expanduser(), known, scale)
        return _load_npz(single_file(name) or Path(name), scale)
    if source.make is not None:
        events.no_scale(source.name, scale)
        try:
            base = load(source.made_of, data_dir)
        except DataError as error:
            raise DataError(
                f"{source.name} is made of {source.made_of}. {error.message}", object=source.name
            ) from None
        return fitting(source.make(base), Dataset, f"Data source {source.name!r}", "make")
    if source.load is not None:
        return fitting(source.load(scale), Dataset, f"Data source {source.name!r}", "load")
    files = idx_files(source.name, data_dir)
    arrays = [read_idx(file, n_dims) for file, n_dims in zip(files, (3, 1, 3, 1), strict=True)]
    return Dataset.from_arrays(
        source.name,
        *arrays,
        scale=255.0 if scale is None else scale,
        licence=source.licence,
        source=str(files[0].parent),
        copy=False,
    )


@checked()
def former_scale(name: str) -> float | None:
    """Return the scale of a data set in runs whose configuration says none; None for that of now.

    They divided bytes by 255, whatever these held.

    Examples
    --------
    >>> from apical import datasets
    >>> datasets.former_scale("digits") is None  # as now
    True
    """
    if not name.endswith(".npz") or not zipfile.is_zipfile(name):
        return None
    with stored_arrays(Path(name), names=("x_train",)) as (_, stored):
        return 255.0 if "x_train" in stored and stored["x_train"].dtype == np.uint8 else None


def _load_digits(scale: float | None) -> Dataset:
    arrays = read_arrays(_digits_file())
    return Dataset.from_arrays(
        DIGITS.name,
        arrays["x_train"],
        arrays["y_train"].astype(np.int64),
        arrays["x_test"],
        arrays["y_test"].astype(np.int64),
        scale=DIGITS_SCALE if scale is None else scale,
        licence=DIGITS.licence,
        source=DIGITS.url,
    )


def _digits_file() -> Path:
    """Return the file of the digits that scikit-learn distributes, split once and for all.

    The split is that of ``train_test_split(images, target, test_size=0.2, stratify=target,
    random_state=0)``, which `tests/data/test_datasets.py` compares it with: whoever uses digits
    needs no scikit-learn, and no version of it changes what results are compared on.
    """
    return Path(__file__).with_name("digits.npz")


DIGITS = Source(
    "digits",
    "see https://archive.ics.uci.edu/dataset/80",
    "https://archive.ics.uci.edu/dataset/80",
    n_train=1437,
    n_test=360,
    where="shipped with apical",
    load=_load_digits,
    file=_digits_file,
    source=cite("alpaydin1998"),
)
"""Handwritten digits, 8x8 pixels."""


def _load_published(path: Path, known: event_readers.Format, scale: float | None) -> Dataset:
    events.no_scale(str(path), scale)
    train, test, shape = event_readers.read(path, known)
    return Dataset.of_samples(str(path), train, test, shape, source=known.name)


def _load_npz(file: Path, scale: float | None) -> Dataset:
    if not zipfile.is_zipfile(file):
        raise DataError(
            f"{brief(file)}: not an .npz file (or cut short); write it with numpy.savez."
        )
    try:
        # of any kind: `converting` says which type was needed, and which it is
        known_names = (*_KNOWN, *event_files.NAMES)
        with stored_arrays(file, "biufcmMUSV", known_names) as (archive, stored):
            known = archive.namelist()
            arrays = {name: array_of(file, archive, found) for name, found in stored.items()}
    except UnreadableError as error:
        raise DataError(
            f"{brief(file)}: cannot be read ({error.why}); write plain arrays again with "
            "numpy.savez.",
            object=str(file),
        ) from None
    if event_files.holds_events(arrays):
        events.no_scale(str(file), scale)
        train, test, shape = event_files.parts_of(file, arrays)
        return Dataset.of_samples(str(file), train, test, shape, source=str(file))
    if {*_TOLD[1::2]} & {*arrays} and {*_ARRAYS[1::2]} & {*arrays}:
        raise DataError(
            f"{brief(file)}: holds both labels (y_train, y_test) and targets (t_train, t_test); "
            "leave one of them out."
        )
    needed = _TOLD if {*_TOLD[1::2]} & {*arrays} else _ARRAYS
    missing = [name for name in needed if name not in arrays]
    if missing:
        held = [name.removesuffix(".npy") for name in known]
        raise DataError(
            f"{brief(file)}: lacks {', '.join(missing)}, holds {_listed(held)}; needs "
            f"{', '.join(needed)}."
        )
    if scale is None and "scale" in arrays:
        scale = _scale(file, arrays["scale"])
    named, source = (arrays[name] for name in needed), str(file)
    if needed == _TOLD:
        return Dataset.from_targets(*named, name=source, scale=scale, source=source, copy=False)
    return Dataset.from_arrays(source, *named, scale=scale, source=source, copy=False)


@checked()
def save_events(data: Dataset, file: str | Path) -> Path:
    """Write a data set of events into an .npz file of plain arrays, which `load` reads.

    Arrays of each part, here ``train``: ``times_train`` [ms] and ``channels_train`` of all events,
    ``offsets_train``, where those of each sample begin and the last ones end; ``y_train``,
    ``durations_train`` [ms]; and ``shape``, of the channels.

    Parameters
    ----------
    data
        A data set of events.
    file
        Where to; an existing file is replaced.

    Raises
    ------
    DataError
        If it is a data set of values, which `numpy.savez` writes, or the file cannot be written.

    See Also
    --------
    load : Reads it; so does ``--dataset FILE`` of every command.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import apical as ap
    >>> trains = [([0.2, 7.0], [0, 1]), ([3.0], [2])]
    >>> data = ap.Dataset.from_events(trains, [0, 1], n_channels=3, duration=10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = ap.datasets.save_events(data, Path(folder) / "mine.npz")
    ...     again = ap.datasets.load(file)
    >>> again.train, again.train.pairs()[1]
    (EventSamples(2 x 3 channels, 3 events, up to 10 ms), (array([3.]), array([2], dtype=int32)))
    """
    train, test = data.train, data.test
    if not isinstance(train, EventSamples) or not isinstance(test, EventSamples):
        raise DataError(
            f"{brief(data.name)}: is no data set of events; write its arrays by numpy.savez.",
            object=data.name,
        )
    arrays: dict[str, Any] = event_files.arrays_of(train, test, data.shape)
    try:
        return write_whole(Path(file), lambda content: np.savez(content, **arrays))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it has no name"
        raise DataError(
            f"{brief(file)}: cannot be written ({why}); name a file in a folder that is there.",
            object=brief(file),
        ) from None


@checked()
def shuffled_times(data: Dataset, *, seed: Seed = 0) -> Dataset:
    """Return events whose times are dealt out anew: a control of what is in times of spikes.

    Within each sample the times of all events are given to its events in random order: every
    channel keeps its count and the sample its course, and which channel fired when is lost.

    Parameters
    ----------
    data
        A data set of events.
    seed
        Seed of the stream ``"shuffled times"``.

    Raises
    ------
    DataError
        If the samples are no events.

    See Also
    --------
    apical.measures.event_controls.event_controls : A table of controls.

    Examples
    --------
    >>> import apical as ap
    >>> trains = [([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 2]), ([3.0], [2])]
    >>> data = ap.Dataset.from_events(trains, [0, 1], n_channels=3, duration=10)
    >>> other = ap.datasets.shuffled_times(data, seed=1)
    >>> other.train.times.tolist() == data.train.times.tolist()
    True
    >>> bool((other.train.counts() == data.train.counts()).all()), other.name
    (True, 'events:train:shuffled')
    """
    train, test = data.train, data.test
    if not isinstance(train, EventSamples) or not isinstance(test, EventSamples):
        raise DataError(f"{brief(data.name)}: is no data set of events.", object=data.name)
    parts = (
        samples.shuffled(stream(seed, "shuffled times", part))
        for part, samples in (("train", train), ("test", test))
    )
    train, test = parts
    return replace(data, name=f"{data.name}:shuffled", train=train, test=test)


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(names) or "nothing"
    return text if len(text) <= 100 else f"{text[:97]}..."


def _scale(file: Path, stored: np.ndarray) -> float:
    """Return the scale in a file, one number above 0."""
    if stored.size != 1 or stored.dtype.kind not in "iuf" or not 0 < stored.item() < np.inf:
        raise DataError(
            f"{file}: scale must be one finite number above 0, got {shown(stored.tolist())}.",
            object=str(file),
        )
    return float(stored.item())
