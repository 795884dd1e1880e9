"""Small movements of the eye: where an image falls, from one presentation to the next."""

from dataclasses import dataclass

import numpy as np

from apical._base.checking import check_fields
from apical._base.parameters import Count, CountOrZero
from apical.errors import ParameterError


@dataclass(frozen=True)
class Gaze:
    """An eye that does not look at the same place twice while it learns.

    Before each trial of learning the image is shifted by whole pixels, as many rows and as many
    columns as are drawn for it, all shifts alike; what comes into view is background, 0. With
    learning off the eye is still. So a network learns the samples and their shifts, which is more
    than the samples: an accuracy that was reached so is to be compared with others that were.

    Parameters
    ----------
    shape
        Height and width of an image [pixels].
    reach
        Largest shift along each axis [pixels].

    Raises
    ------
    ParameterError
        If there is no image of that shape, or the shift would leave nothing of it.

    References
    ----------
    Rolfs 2009, doi:10.1016/j.visres.2009.08.010: fixational eye movements. Simard, Steinkraus &
    Platt 2003, doi:10.1109/ICDAR.2003.1227801: learning from shifted images.
    """

    shape: tuple[Count, ...]
    reach: CountOrZero = 1

    def __post_init__(self) -> None:
        check_fields(self)
        shape = self.shape
        if len(shape) != 2 or self.reach >= min(shape):
            raise ParameterError(
                "Gaze needs the (height, width) of an image, and a reach of 0 or more that is "
                f"below both, got shape={shape} and reach={self.reach!r}.",
                object="Gaze",
                parameter="shape" if len(shape) != 2 else "reach",
            )

    @property
    def n_inputs(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    def shifts(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw how far `n` images are shifted down and to the right [pixels], shape (n, 2)."""
        return rng.integers(-self.reach, self.reach, (n, 2), endpoint=True)

    def seen(self, values: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """Return shifted images.

        Parameters
        ----------
        values
            Images, shape (n, n_inputs).
        shifts
            Shifts down and to the right [pixels], shape (n, 2).
        """
        n, reach = len(values), self.reach
        wide = np.pad(values.reshape(n, *self.shape), ((0, 0), (reach, reach), (reach, reach)))
        down, right = (reach - np.asarray(shifts)).T[..., np.newaxis, np.newaxis]
        rows, columns = (np.arange(size) for size in self.shape)
        trials = np.arange(n)[:, np.newaxis, np.newaxis]
        return wide[trials, down + rows[:, np.newaxis], right + columns].reshape(n, -1)
