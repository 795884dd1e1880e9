r"""Saccadic images: events of a sensor that detects changes while the eye moves over an image.

The recipe of N-MNIST (Orchard, Jayawant, Cohen & Thakor 2015, doi:10.3389/fnins.2015.00437): three
saccades of 100 ms along the sides of an isosceles triangle, and a camera whose pixels report
changes of log intensity. Here the camera is a model, so that every set of images has events.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from apical._base import seeds
from apical._base.bibliography import cite
from apical._base.checking import check_fields, checked
from apical._base.folders import make_folder
from apical._base.parameters import Count, CountOrZero, NonNegative, Number, Positive
from apical._base.reading import read_arrays
from apical._base.whole_files import write_whole
from apical.data import event_files
from apical.data.datasets import Dataset, Samples
from apical.data.events import EVENT, EventSamples, from_stored
from apical.data.registry import SOURCES, Source, cached
from apical.data.shifting import shifted
from apical.errors import DataError, brief

Dark = Annotated[float, Number(above=0, most=1)]


@dataclass(frozen=True)
class Saccades:
    r"""Three saccades over an image, and a sensor of log-intensity changes.

    Gaze goes from the left corner of an isosceles triangle down to its tip, up to the right corner,
    and back, through shifts of whole pixels as those of `apical.neurons.eye_movements.Gaze`. In
    between intensity changes linearly with the path, and along each side the path is covered as by
    a saccade that starts and stops smoothly, :math:`s = (1 - \cos \pi t / T)/2`. A pixel compares
    its log intensity :math:`L = \ln(I + d)` with that at its last event:

    .. math:: |L(t) - L_\text{ref}| \ge \theta_i \;\Rightarrow\; \text{an event, ON or OFF, and }
        L_\text{ref} \leftarrow L_\text{ref} \pm \theta_i

    Times are those of the crossings, in closed form; no frames are rendered in time.

    Parameters
    ----------
    reach
        Height of the triangle, and half its base [pixels].
    duration
        Of each saccade, :math:`T` [ms].
    threshold
        Change of log intensity that is an event, :math:`\theta` [dimensionless].
    dark
        Intensity that is added to pixels in [0, 1], :math:`d` [dimensionless].
    mismatch
        Standard deviation of the logarithm of thresholds between pixels [dimensionless].
    seed
        Of thresholds, and of the levels at which pixels begin, uniform within one threshold.

    See Also
    --------
    saccadic : Events of a data set of images.

    References
    ----------
    Orchard, Jayawant, Cohen & Thakor 2015, doi:10.3389/fnins.2015.00437. Log-intensity events:
    Lichtsteiner, Posch & Delbruck 2008, doi:10.1109/JSSC.2007.914337.

    Examples
    --------
    >>> from apical.data.saccades import Saccades
    >>> Saccades(reach=1).path()  # shifts down and to the right, and the time of each [ms]
    (array([[ 0, -1],
           [ 1,  0],
           [ 0,  1],
           [ 0,  0],
           [ 0, -1]]), array([  0., 100., 200., 250., 300.]))
    """

    reach: Count = 2
    duration: Positive = 100.0
    threshold: Positive = 0.5
    dark: Dark = 0.1
    mismatch: NonNegative = 0.1
    seed: CountOrZero = 0

    def __post_init__(self) -> None:
        check_fields(self)

    def path(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the shifts down and to the right [pixels], and the time of each [ms]."""
        r = self.reach
        corners = [(0, -r), (r, 0), (0, r), (0, -r)]
        shifts, times = [corners[0]], [0.0]
        for k, (begin, end) in enumerate(pairwise(corners)):
            n = max(abs(end[0] - begin[0]), abs(end[1] - begin[1]))
            for j in range(1, n + 1):
                shifts.append(
                    (
                        begin[0] + j * (end[0] - begin[0]) // n,
                        begin[1] + j * (end[1] - begin[1]) // n,
                    )
                )
                times.append(self.duration * (k + float(np.arccos(1 - 2 * j / n)) / np.pi))
        return np.array(shifts), np.array(times)

    def events(self, samples: Samples, shape: tuple[int, ...], name: str) -> EventSamples:
        """Return the events of images, a channel for each polarity and pixel; OFF comes first.

        Parameters
        ----------
        samples
            Images.
        shape
            Height and width of an image.
        name
            What they are, for random numbers and messages: ``"train"`` or ``"test"``.
        """
        n_pixels = shape[0] * shape[1]
        drawn = seeds.stream(self.seed, "sensor").standard_normal(n_pixels)
        thresholds = self.threshold * np.exp(self.mismatch * drawn)
        found = list[NDArray[Any]]()
        for k, start in enumerate(range(0, len(samples), _AT_ONCE)):
            images, _ = samples.block(slice(start, start + _AT_ONCE))
            levels = seeds.stream(self.seed, "levels", name, k).random(images.shape)
            found += self._of_images(images, shape, thresholds, levels)
        return from_stored(found, samples.labels, 3 * self.duration, 2 * n_pixels, name)

    def _of_images(
        self,
        images: NDArray[Any],
        shape: tuple[int, ...],
        thresholds: NDArray[np.float64],
        levels: NDArray[np.float64],
    ) -> list[NDArray[Any]]:
        shifts, times = self.path()
        rows, columns = shape
        frames = [
            shifted(images, (rows, columns), self.reach, np.tile(shift, (len(images), 1))).ravel()
            for shift in shifts
        ]
        seen = [np.clip(frame.astype(np.float64), 0, None) for frame in frames]
        start = np.log(seen[0] + self.dark)
        limits = np.tile(thresholds, len(images))
        reference = start + (levels.ravel() - 0.5) * limits
        kept = []  # (image, time, channel) of all crossings
        for k, (before, after) in enumerate(pairwise(seen)):
            at = np.flatnonzero(before != after)  # nothing else can cross
            target = np.log(after[at] + self.dark)
            while len(at):
                change = target - reference[at]
                fires = np.abs(change) >= limits[at]
                at, target, sign = at[fires], target[fires], np.sign(change[fires])
                reference[at] += sign * limits[at]
                wanted = np.exp(reference[at]) - self.dark
                share = (wanted - before[at]) / (after[at] - before[at])
                image, pixel = np.divmod(at, rows * columns)
                when = self._when(times[k], times[k + 1], share)
                kept.append((image, when, (sign > 0) * rows * columns + pixel))
        return _by_image(kept, len(images), 3 * self.duration)

    def _when(self, begin: float, end: float, share: NDArray[Any]) -> NDArray[np.float64]:
        """Return when shares of the path between two shifts are covered [ms]."""
        side = np.floor(begin / self.duration + 1e-9)
        first, last = ((1 - np.cos(np.pi * (t / self.duration - side))) / 2 for t in (begin, end))
        way = first + np.clip(share, 0, 1) * (last - first)
        found: NDArray[np.float64] = np.arccos(np.clip(1 - 2 * way, -1, 1)) / np.pi
        return self.duration * (side + found)


_AT_ONCE = 256
"""Images that are looked at together; random numbers are drawn for so many."""


def _by_image(
    kept: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]], n: int, until: float
) -> list[NDArray[Any]]:
    """Return the events of each image, in the order of times, then of channels."""
    if not kept:
        return [np.empty(0, EVENT) for _ in range(n)]
    image, time, channel = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    found = np.empty(len(time), EVENT)
    found["time"] = np.minimum(np.rint(time * 1e3), round(until * 1e3) - 1)
    found["channel"] = channel
    order = np.lexsort((found["channel"], found["time"], image))
    ends = np.cumsum(np.bincount(image, minlength=n))
    return np.split(found[order], ends[:-1])


@checked()
def saccadic(data: Dataset, saccades: Saccades | None = None) -> Dataset:
    """Return the events that saccades over the images of a data set evoke.

    Parameters
    ----------
    data
        A data set of images of one colour, as ``digits`` or ``mnist``.
    saccades
        The path, and the sensor; `Saccades` with its defaults if none is given.

    Returns
    -------
    Dataset
        Events, with the same labels, named ``saccadic_`` and the name of the images, of shape
        (2, height, width): OFF, then ON.

    Raises
    ------
    DataError
        If the samples are no images, or too small for the path.

    See Also
    --------
    apical.datasets.load : ``saccadic_digits`` and ``saccadic_mnist``, by name.
    apical.measures.event_controls.event_controls : How much is in counts, and how much in times.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.data.saccades import Saccades, saccadic
    >>> digits = ap.datasets.load("digits").subset(50, 20)
    >>> data = saccadic(digits, Saccades(reach=1, duration=20.0))
    >>> data.name, data.shape, data.duration
    ('saccadic_digits', (2, 8, 8), 60.0)
    >>> bool((data.train.labels == digits.train.labels).all())
    True
    """
    return _named(data, *_parts(data, saccades or Saccades()))


def _parts(data: Dataset, chosen: Saccades) -> tuple[EventSamples, EventSamples]:
    """Return the events of the training and of the test images."""
    if len(data.shape) != 2 or data.train.are_events or chosen.reach >= min(data.shape):
        raise DataError(
            f"{brief(data.name)}: saccades need images (height, width) larger than their reach of "
            f"{chosen.reach} pixels, got samples of shape {data.shape}.",
            object=data.name,
        )
    train, test = (
        chosen.events(samples, data.shape, name)
        for name, samples in (("train", data.train), ("test", data.test))
    )
    return train, test


def _by_name(data: Dataset, saccades: Saccades, *, keep: bool) -> Dataset:
    """Return the data set of a name, from the cache if it was made of the same images before."""
    if not keep:
        return saccadic(data, saccades)
    digest = hashlib.sha256(repr((_VERSION, asdict(saccades))).encode())
    for array in (*data.train.arrays, *data.test.arrays):
        digest.update(np.ascontiguousarray(array).data)
    file = cached(f"saccadic_{data.name}") / f"{digest.hexdigest()[:16]}.npz"
    if file.is_file():
        train, test, _ = event_files.parts_of(file, read_arrays(file))
        return _named(data, train, test)
    train, test = _parts(data, saccades)
    make_folder(file.parent)
    arrays: dict[str, Any] = event_files.arrays_of(train, test, (2, *data.shape))
    write_whole(file, lambda content: np.savez(content, **arrays), shared=True)
    return _named(data, train, test)


def _named(data: Dataset, train: EventSamples, test: EventSamples) -> Dataset:
    shape = (2, *data.shape)
    return replace(data, name=f"saccadic_{data.name}", train=train, test=test, shape=shape)


_VERSION = 1
"""Of the recipe: what is in the cache was made by this one."""


def _source(of: str, saccades: Saccades, *, keep: bool) -> Source:
    base = SOURCES[of]
    return Source(
        f"saccadic_{of}",
        base.licence,
        base.url,
        n_train=base.n_train,
        n_test=base.n_test,
        n_classes=base.n_classes,
        where=f"made of {of}",
        made_of=of,
        make=partial(_by_name, saccades=saccades, keep=keep),
        source=cite("orchard2015"),
    )


SACCADIC_DIGITS = _source("digits", Saccades(reach=1, threshold=0.4), keep=False)
"""Saccades over handwritten digits of 8 x 8 pixels."""

SACCADIC_MNIST = _source("mnist", Saccades(threshold=0.8), keep=True)
"""Saccades over MNIST, made in a minute and kept in the cache."""
