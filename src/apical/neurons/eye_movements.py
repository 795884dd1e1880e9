"""Data augmentation by random shifts of images (fixational eye movements)."""

from dataclasses import dataclass

import numpy as np

from apical._base.checking import check_fields
from apical._base.parameters import Count, CountOrZero
from apical.data.shifting import shifted
from apical.errors import ParameterError


@dataclass(frozen=True)
class Gaze:
    """Data augmentation: random shifts of images in training trials (eye movements, gaze).

    Before each training trial the image is shifted by a whole number of rows and columns, drawn
    uniformly; pixels that enter the view are background, 0. With learning off images are not
    shifted. The network thus learns from more than the original samples: an accuracy reached with
    augmentation is only comparable with others reached with it.

    Parameters
    ----------
    shape
        Height and width of an image [pixels].
    reach
        Largest shift along each axis [pixels].

    Raises
    ------
    ParameterError
        If `shape` is not that of an image, or a shift could move the image out of view.

    See Also
    --------
    apical.train : Training with it.

    References
    ----------
    Rolfs 2009, doi:10.1016/j.visres.2009.08.010: fixational eye movements. Simard, Steinkraus &
    Platt 2003, doi:10.1109/ICDAR.2003.1227801: learning from shifted images.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.neurons.eye_movements import Gaze
    >>> gaze = Gaze((2, 3), reach=1)
    >>> image = np.array([[1, 2, 3, 4, 5, 6]])
    >>> gaze.seen(image, np.array([[1, 0]])).reshape(2, 3).tolist()  # down by one pixel
    [[0, 0, 0], [1, 2, 3]]
    >>> gaze.seen(image, np.array([[0, -1]])).reshape(2, 3).tolist()  # to the left
    [[2, 3, 0], [5, 6, 0]]
    >>> Gaze((64,))  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Gaze needs the (height, width) of an image, and a reach
        of 0 or more that is below both, got shape=(64,) and reach=1...
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
        """Draw shifts of `n` images down and to the right [pixels], shape (n, 2)."""
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
        rows, columns = self.shape
        return shifted(values, (rows, columns), self.reach, shifts)
