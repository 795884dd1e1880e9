"""Encoding scores: how well the units of a model predict recorded neurons, and the reverse.

Models are linear and judged by stimuli that they were not fitted to. Predictions for many
permutations of the stimuli cost one matrix product each, since those of ridge regression are linear
in the responses once a penalty is chosen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.parameters import Count, Kinds, Matrix, Measured, Vector
from apical._base.rounding import exceeds, is_flat, size_of
from apical.measures.resampling import Generator

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Penalties of ridge regression among which one is chosen, over the mean squared response."""
FOLDS = 10
"""Number of folds of stimuli; fewer stimuli are left out one by one."""
COMPONENTS = 25
"""Number of components of partial least squares regression, as in Brain-Score."""
AXES = 8
"""Principal components of the responses on which the penalty is chosen."""


@dataclass(frozen=True)
class _Fold:
    """A fold: held-out rows, the others, and what maps responses to predictions."""

    held: np.ndarray
    kept: np.ndarray
    leave_out: np.ndarray
    """Of each penalty: kept responses -> errors of kept rows when their group is left out."""
    predict: np.ndarray
    """Of each penalty: kept responses -> predictions for held-out rows."""


@dataclass(frozen=True)
class Ridge:
    """Cross-validated ridge regression of responses on features, for many responses.

    Predictions for the held-out rows of a fold: y = mean + K' (K + penalty)^-1 (Y - mean), with the
    kernels K of features of kept rows, and K' of held-out with kept rows, about the mean of the
    kept. The penalty is that of `PENALTIES` with the smallest squared error when each group of kept
    rows is left out of the fit (Hastie et al. 2009, doi:10.1007/978-0-387-84858-7, section 7.10).

    Parameters
    ----------
    features
        Responses of the predicting units, shape (n_rows, n_features).
    groups
        Stimulus of each row; rows of one are held out together, shape (n_rows,).
    folds
        Fold of each row, two or more; a group is in one fold, shape (n_rows,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.encoding_scores import Ridge, folds_of, scores
    >>> draw = np.random.default_rng(0)
    >>> x, stimuli = draw.normal(size=(40, 3)), np.arange(40)
    >>> y = x @ draw.normal(size=(3, 2))
    >>> ridge = Ridge(x, stimuli, folds_of(stimuli, draw))
    >>> scores(*ridge.held_out(y)).round(2).tolist()
    [1.0, 1.0]
    """

    features: Matrix
    groups: Kinds
    folds: Kinds

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("groups", "folds"):
            found = len(getattr(self, name))
            wanted = f"one for each of {len(self.features)} rows"
            require(found == len(self.features), "Ridge", name, wanted, str(found))
        _check_folds("Ridge", self.folds)

    @cached_property
    def _parts(self) -> Sequence[_Fold]:
        x = self.features / (size_of(self.features) or 1.0)
        return [self._fold(x, self.folds == fold) for fold in np.unique(self.folds)]

    def _fold(self, x: np.ndarray, held: np.ndarray) -> _Fold:
        out, kept = np.flatnonzero(held), np.flatnonzero(~held)
        about = x - x[kept].mean(axis=0)
        kernel = about[kept] @ about[kept].T
        values, axes = np.linalg.eigh(kernel)
        scale = float(np.trace(kernel)) / max(len(kept), 1) or 1.0
        centre = np.eye(len(kept)) - 1 / len(kept)
        across = about[out] @ about[kept].T
        predict, errors = [], []
        for penalty in PENALTIES:
            inverse = (axes / (np.maximum(values, 0) + penalty * scale)) @ axes.T @ centre
            predict.append(across @ inverse)
            errors.append(_left_out(kernel @ inverse, self.groups[kept]))
        return _Fold(out, kept, np.stack(errors), np.stack(predict))

    def held_out(
        self, responses: Matrix, axes: Matrix | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return predictions and responses, both less the mean of the kept rows of their fold.

        Parameters
        ----------
        responses
            Responses to predict, shape (n_rows, n_responses).
        axes
            What the penalty is chosen on; by default their `main_axes`, which are the same for all
            permutations of the rows.
        """
        axes = main_axes(responses) if axes is None else axes
        predicted, found = self.held_out_of_each(centred(responses)[None], axes)
        return predicted[0], found[0]

    def held_out_of_each(
        self, responses: np.ndarray, axes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what `held_out` does, of several sets of responses at once.

        Parameters
        ----------
        responses
            Responses to predict, shape (n_sets, n_rows, n_responses), `centred`.
        axes
            As in `held_out`.
        """
        fold, rows = self._fold_of_row, np.arange(len(self.features))
        best = self._best(responses @ axes)
        predicted = self._predict[best[:, fold], rows] @ responses
        held = (fold == np.arange(len(self._parts))[:, None]).astype(responses.dtype)
        rest = len(rows) - held.sum(axis=1)
        of_fold = held @ responses
        mean = (responses.sum(axis=1, keepdims=True) - of_fold) / rest[:, None]
        return predicted, responses - mean[:, fold]

    def _best(self, projected: np.ndarray) -> np.ndarray:
        """Return the penalty of each set and fold, from responses on axes, by number."""
        sets, rows, axes = projected.shape
        best = np.zeros((sets, len(self._parts)), int)
        columns = projected.swapaxes(0, 1).reshape(rows, sets * axes)
        for k, part in enumerate(self._parts):
            errors = part.leave_out @ columns[part.kept]
            squares = np.einsum("prc,prc->pc", errors, errors).reshape(-1, sets, axes)
            best[:, k] = np.argmin(squares.sum(axis=2), axis=0)
        return best

    @cached_property
    def _fold_of_row(self) -> np.ndarray:
        return np.unique(self.folds, return_inverse=True)[1].ravel()

    @cached_property
    def _predict(self) -> np.ndarray:
        """Of each penalty: responses -> predictions for all rows, each from the other folds."""
        n = len(self.features)
        found = np.zeros((len(PENALTIES), n, n))
        for part in self._parts:
            found[:, part.held[:, None], part.kept] = part.predict
        return found


def centred(responses: np.ndarray) -> np.ndarray:
    """Return responses less their means over rows; 0 where they are constant within rounding."""
    about = responses - responses.mean(axis=0)
    return np.where(is_flat(responses, 0), 0.0, about)


def _check_folds(what: str, folds: np.ndarray) -> None:
    """Raise unless there is something to fit to when a fold is held out."""
    n = len(np.unique(folds))
    require(n > 1, what, "folds", "two or more, each predicted from the others", f"{n}")


def _left_out(hat: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return what maps responses to their errors when their group is left out of the fit.

    (1 - H_gg)^-1 (Y - H Y)_g for the rows g of a group, H with the mean.
    """
    full = hat + 1 / len(hat)
    rest = np.eye(len(hat)) - full
    errors = np.zeros(rest.shape)
    number = np.unique(groups, return_inverse=True)[1].ravel()
    sizes = np.bincount(number)
    for size in np.unique(sizes):
        which = np.flatnonzero(sizes[number] == size)
        rows = which[np.argsort(number[which], kind="stable")].reshape(-1, size)
        own = rest[rows[:, :, None], rows[:, None]]
        # the shortest solution, where a group by itself fits what is left
        inverse = np.linalg.pinv(own, rcond=size * np.finfo(float).eps)
        errors[rows] = inverse @ rest[rows]
    return errors


def main_axes(responses: np.ndarray) -> np.ndarray:
    """Return the `AXES` first principal components of responses, shape (n, n_axes).

    Most of the variance lies there, and hundreds of neurons choose a penalty at the cost of few.
    """
    if responses.shape[1] <= AXES:
        return np.eye(responses.shape[1])
    about = responses - responses.mean(axis=0)
    return np.asarray(np.linalg.svd(about, full_matrices=False)[2][:AXES].T)


def folds_of(groups: np.ndarray, draw: Generator, most: Count = FOLDS) -> np.ndarray:
    """Return the fold of each row, of at most `FOLDS`, at random; groups stay together.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.encoding_scores import folds_of
    >>> sorted(set(folds_of(np.array(["a", "a", "b", "c"]), np.random.default_rng(0)).tolist()))
    [0, 1, 2]
    """
    kinds, index = np.unique(groups, return_inverse=True)
    fold = np.arange(len(kinds)) % most
    return np.asarray(draw.permutation(fold)[index])


@checked()
def partial_least_squares(
    features: Matrix, responses: Matrix, folds: Kinds, components: Count = COMPONENTS
) -> tuple[np.ndarray, np.ndarray]:
    """Return held-out predictions of partial least squares regression, as `Ridge.held_out`.

    Each component is the direction w of the features, and that of the responses, of the largest
    covariance, the first singular vectors of X' Y; with scores t = X w, what they explain of X and
    of Y is taken off, and the next follows. The same as `sklearn.cross_decomposition.PLSRegression`
    without scaling, once that has converged. With fewer kept rows or features than components,
    there are as many components as these allow (Yamins et al. 2014, doi:10.1073/pnas.1403112111,
    with 25; Schrimpf et al. 2018, doi:10.1101/407007).

    Parameters
    ----------
    features
        Responses of the predicting units, shape (n_rows, n_features).
    responses
        Responses to predict, shape (n_rows, n_responses).
    folds
        Fold of each row, two or more, shape (n_rows,).
    components
        Number of components.
    """
    _check_folds("partial_least_squares", folds)
    predicted, found = np.zeros(responses.shape), np.zeros(responses.shape)
    for fold in np.unique(folds):
        held, kept = folds == fold, folds != fold
        mean, middle_of = responses[kept].mean(axis=0), features[kept].mean(axis=0)
        y, back = _coordinates(responses[kept] - mean)
        x, axes = _coordinates(features[kept] - middle_of)
        found[held] = responses[held] - mean
        if x.shape[1] and y.shape[1]:
            slopes = _pls_slopes(x, y, min(components, x.shape[1]))
            predicted[held] = (features[held] - middle_of) @ axes @ slopes @ back.T
    return predicted, found


def _pls_slopes(x: np.ndarray, y: np.ndarray, components: int) -> np.ndarray:
    """Return the coefficients of partial least squares of centred data, shape (n_x, n_y)."""
    directions, loadings, slopes, size = [], [], [], float(np.linalg.norm(x.T @ y))
    for _ in range(components):
        left, strength, _ = np.linalg.svd(x.T @ y, full_matrices=False)
        if strength[0] <= 1e-12 * size:
            break
        score = x @ left[:, 0]
        square = float(score @ score)
        directions.append(left[:, 0])
        loadings.append(x.T @ score / square)
        slopes.append(y.T @ score / square)
        x = x - np.outer(score, loadings[-1])
        y = y - np.outer(score, slopes[-1])
    w, p, q = (np.array(part).T for part in (directions, loadings, slopes))
    return np.asarray(w @ np.linalg.solve(p.T @ w, q.T))


def _coordinates(about: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centred data in the coordinates of its principal components, and these."""
    _, strength, axes = np.linalg.svd(about, full_matrices=False)
    axes = axes[strength > 1e-10 * strength.max(initial=0)].T
    return about @ axes, axes


def scores(predicted: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Return the correlation of held-out predictions and responses of each neuron.

    r = sum(p y) / sqrt(sum(p^2) sum(y^2)), of predictions p and responses y less the mean of the
    rows that the fold was fitted to. With the means over all rows in their place, stimuli left out
    one by one would give r = -1 for a model that knows the mean only. NaN where either is constant.

    Parameters
    ----------
    predicted, responses
        From `Ridge.held_out` or `partial_least_squares`, shape (..., n_rows, n).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.encoding_scores import scores
    >>> scores(np.array([[1.0], [-1.0]]), np.array([[2.0], [-2.0]])).tolist()
    [1.0]
    """
    product = np.sum(predicted * responses, axis=-2)
    norm = np.sqrt(np.sum(predicted**2, axis=-2) * np.sum(responses**2, axis=-2))
    size = size_of(responses) * size_of(predicted) * responses.shape[-2]
    real = norm > 1e-12 * (size or 1.0)
    return np.clip(np.divide(product, norm, out=np.full(norm.shape, np.nan), where=real), -1, 1)


@checked()
def spearman_brown(r: np.ndarray) -> np.ndarray:
    """Return the reliability of a mean over all trials from the correlation r of two halves.

    2 r / (1 + r) (Spearman 1910, doi:10.1111/j.2044-8295.1910.tb00206.x; Brown 1910,
    doi:10.1111/j.2044-8295.1910.tb00207.x); 0 where r is below 0.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.encoding_scores import spearman_brown
    >>> spearman_brown(np.array([0.5, 1.0, -0.2])).round(3).tolist()
    [0.667, 1.0, 0.0]
    """
    positive = np.maximum(r, 0)
    return np.asarray(np.where(np.isnan(r), np.nan, 2 * positive / (1 + positive)))


@checked()
def reliabilities(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the split-half reliability of each neuron over stimuli, corrected for the halves.

    The correlation of two halves over stimuli, averaged over the divisions of the trials, then
    `spearman_brown`. NaN for neurons that are constant in a half.

    Parameters
    ----------
    one, other
        Mean responses of the halves, shape (n_divisions, n_stimuli, n) each.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.encoding_scores import reliabilities
    >>> half = np.array([[[1.0], [2.0], [4.0]]])
    >>> reliabilities(half, half).tolist()
    [1.0]
    """
    if not one.shape[1]:
        return np.full(one.shape[2], np.nan)
    about = []
    for half in (one, other):
        flat = is_flat(half, 1, size_of(half))[:, None]
        about.append(np.where(flat, 0, half - half.mean(axis=1, keepdims=True)))
    x, y = about
    norm = np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))
    r = np.divide(np.sum(x * y, axis=1), norm, out=np.full(norm.shape, np.nan), where=norm > 0)
    known = np.isfinite(r)
    total, number = np.where(known, r, 0).sum(axis=0), known.sum(axis=0)
    mean = np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)
    return spearman_brown(np.clip(mean, -1, 1))


@checked()
def middle(values: Vector) -> float:
    """Return the median of the defined values; NaN if there are none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


@checked()
def brain_score(score: Measured, ceiling: Measured) -> float:
    """Return the explained variance that Brain-Score reports: (score / ceiling)^2.

    With the median r of a linear map over neurons, and the median of their split-half
    `reliabilities` (Schrimpf et al. 2018, doi:10.1101/407007). A score below 0 keeps its sign here.
    It may exceed 1: what bounds r is the square root of the reliability. NaN for a ceiling of 0.

    Examples
    --------
    >>> from apical.measures.encoding_scores import brain_score
    >>> round(brain_score(0.4, 0.8), 3)
    0.25
    """
    if not exceeds(ceiling, 0, 1):
        return math.nan
    return float(np.copysign((score / ceiling) ** 2, score))
