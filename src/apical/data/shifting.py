"""Shifts of images by whole pixels, as the eye moves over them."""

import numpy as np


def shifted(
    values: np.ndarray, shape: tuple[int, int], reach: int, shifts: np.ndarray
) -> np.ndarray:
    """Return shifted images; pixels that enter the view are background, 0.

    Parameters
    ----------
    values
        Images, shape (n, n_inputs).
    shape
        Height and width of an image [pixels].
    reach
        Largest shift along each axis [pixels].
    shifts
        Shifts down and to the right [pixels], shape (n, 2).
    """
    n = len(values)
    wide = np.pad(values.reshape(n, *shape), ((0, 0), (reach, reach), (reach, reach)))
    down, right = (reach - np.asarray(shifts)).T[..., np.newaxis, np.newaxis]
    rows, columns = (np.arange(size) for size in shape)
    trials = np.arange(n)[:, np.newaxis, np.newaxis]
    return wide[trials, down + rows[:, np.newaxis], right + columns].reshape(n, -1)
