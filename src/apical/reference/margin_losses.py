"""Margin losses of binary classifiers: the 0-1 loss and its surrogate loss functions.

With labels y of -1 and 1 and a score f, the margin y*f is positive for correct decisions. The 0-1
loss counts the others; a surrogate loss is a function of the margin that can be minimised.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.extras import undisturbed
from apical._base.parameters import Count, Matrix, Vector
from apical.errors import DataError, ParameterError

with undisturbed():
    from scipy import optimize
    from scipy.special import expit, xlogy

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class MarginLoss:
    """A surrogate loss function for the 0-1 loss.

    Parameters
    ----------
    name
        Its name.
    value
        Loss of each margin [dimensionless].
    slope
        Its derivative, or a subgradient.
    psi
        The psi-transform: over all functions, ``psi(excess 0-1 risk)`` is at most the excess risk
        under this loss; takes numbers from 0 to 1.
    is_convex
        Whether it is convex, with one minimum for a linear classifier.

    See Also
    --------
    SURROGATES : The surrogates, by name.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.reference.margin_losses import SURROGATES
    >>> hinge = SURROGATES["hinge"]
    >>> margins = np.array([-1.0, 0.0, 0.5, 2.0])
    >>> hinge.value(margins).tolist(), hinge.slope(margins[:3]).tolist()
    ([2.0, 1.0, 0.5, 0.0], [-1.0, -1.0, -1.0])
    >>> [loss.name for loss in SURROGATES.values() if not loss.is_convex]
    ['sigmoid']
    """

    name: str
    value: Function
    slope: Function
    psi: Function
    is_convex: bool = True

    def __post_init__(self) -> None:
        check_fields(self)


@checked()
def zero_one(margins: np.ndarray) -> np.ndarray:
    """Return the 0-1 loss of each margin; a margin of 0 counts as an error.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.reference.margin_losses import zero_one
    >>> zero_one(np.array([-2.0, 0.0, 0.1])).tolist()
    [1.0, 1.0, 0.0]
    """
    return (np.asarray(margins) <= 0).astype(float)


SURROGATES: Mapping[str, MarginLoss] = {
    loss.name: loss
    for loss in (
        MarginLoss("hinge", lambda m: np.maximum(0, 1 - m), lambda m: -1.0 * (m < 1), np.abs),
        MarginLoss(
            "logistic",
            lambda m: np.logaddexp(0, -m),
            lambda m: -expit(-m),
            lambda t: (xlogy(1 + t, 1 + t) + xlogy(1 - t, 1 - t)) / 2,
        ),
        MarginLoss("squared", lambda m: (1 - m) ** 2, lambda m: 2 * (m - 1), np.square),
        MarginLoss(
            "exponential",
            lambda m: np.exp(np.minimum(-m, 500.0)),
            lambda m: -np.exp(np.minimum(-m, 500.0)),
            lambda t: 1 - np.sqrt(1 - t * t),
        ),
        MarginLoss(
            "sigmoid",
            lambda m: 1 - np.tanh(m),
            lambda m: np.tanh(m) ** 2 - 1,
            np.abs,
            is_convex=False,
        ),
    )
}
"""Surrogates and their transforms (Bartlett, Jordan & McAuliffe 2006,
doi:10.1198/016214505000000907, section 2), by name. That of a convex loss is its value at 0 less
the least ``(1 + t)/2*value(m) + (1 - t)/2*value(-m)`` over all margins m."""


@checked()
def loss_curves(margins: Vector) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return margins and the 0-1 loss and each surrogate, scaled to 1 at a margin of 0, by name.

    See Also
    --------
    risk_bounds : What a small surrogate loss says of the 0-1 loss.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.reference.margin_losses import loss_curves
    >>> curves = loss_curves(np.array([-1.0, 0.0, 1.0]))
    >>> {name: curves[name][1].round(2).tolist() for name in ("0-1", "hinge", "squared")}
    {'0-1': [1.0, 1.0, 0.0], 'hinge': [2.0, 1.0, 0.0], 'squared': [4.0, 1.0, 0.0]}
    """
    zero, curves = np.zeros(1), {"0-1": (margins, zero_one(margins))}
    for name, loss in SURROGATES.items():
        curves[name] = margins, loss.value(margins) / loss.value(zero)
    return curves


@checked()
def risk_bounds(excess: Vector) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the least excess risk under each surrogate of functions with an excess 0-1 risk.

    The risk is scaled as in `loss_curves`: name -> (excess risk, excess 0-1 risk). The sigmoid is
    left out, since its psi-transform is that of the hinge.

    Parameters
    ----------
    excess
        Excess 0-1 risk, from 0 to 1, shape (n,).

    See Also
    --------
    loss_curves : The losses themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.reference.margin_losses import risk_bounds
    >>> bounds = risk_bounds(np.array([0.0, 0.5, 1.0]))
    >>> bounds["hinge"][0].tolist(), bounds["squared"][0].tolist()  # t and t**2
    ([0.0, 0.5, 1.0], [0.0, 0.25, 1.0])
    """
    inside = bool(((excess >= 0) & (excess <= 1)).all())
    require(inside, "margin_losses.risk_bounds", "excess", "from 0 to 1", f"{excess}")
    zero, chosen = np.zeros(1), [name for name in SURROGATES if name != "sigmoid"]
    scaled = {n: SURROGATES[n].psi(excess) / SURROGATES[n].value(zero) for n in chosen}
    return {name: (risk, excess) for name, risk in scaled.items()}


@checked()
def error_rate(w: Vector, x: Matrix, y: Vector) -> float:
    """Return the share of errors of a linear classifier.

    Parameters
    ----------
    w
        Its weights, the bias last, as `minimised` returns them, shape (n_inputs + 1,).
    x, y
        As in `minimised`.

    See Also
    --------
    minimised : A classifier that a surrogate loss chooses.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.reference.margin_losses import error_rate
    >>> x, y = np.array([[-1.0], [1.0], [2.0]]), np.array([-1, 1, -1])
    >>> error_rate(np.array([1.0, 0.0]), x, y) == 1 / 3  # the sign of x; the last is wrong
    True
    """
    signed = _signed(x, y)
    shape = (signed.shape[1],)
    where = "margin_losses.error_rate"
    require(w.shape == shape, where, "w", f"of shape {shape}", f"shape {w.shape}")
    return float(zero_one(signed @ w).mean())


@checked()
def minimised(loss: MarginLoss, x: Matrix, y: Vector, starts: Count = 20) -> np.ndarray:
    """Return the linear classifier of minimal mean loss, shape (n_inputs + 1,), the bias last.

    The hinge loss is a linear programme; the others are minimised by L-BFGS from 0, and non-convex
    losses also from random initial points, of which the best is returned.

    Parameters
    ----------
    loss
        A surrogate.
    x
        Inputs, shape (n, n_inputs).
    y
        Labels, -1 or 1, shape (n,).
    starts
        Number of random initial points, where the loss is not convex.

    Raises
    ------
    DataError, ParameterError
        If labels are not -1 and 1, or a minimum is not found, as where classes can be separated.

    See Also
    --------
    least_errors : What no line can be better than.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.reference.margin_losses import SURROGATES, error_rate, minimised
    >>> x = np.array([[-1.0], [-2.0], [1.0], [2.0], [-30.0]])
    >>> y = np.array([-1, -1, 1, 1, 1])  # the last is an outlier, on the wrong side
    >>> for name in ("squared", "sigmoid"):
    ...     print(name, error_rate(minimised(SURROGATES[name], x, y), x, y))
    squared 0.4
    sigmoid 0.2
    """
    signed = _signed(x, y)
    n, size = signed.shape
    if loss.name == "hinge":  # least sum of slacks s, where s >= 0 and s >= 1 - margin
        found = optimize.linprog(
            np.concatenate([np.zeros(size), np.ones(n)]),
            A_ub=np.hstack([-signed, -np.eye(n)]),
            b_ub=-np.ones(n),
            bounds=[(None, None)] * size + [(0, None)] * n,
        )
        return _found(loss, found, found.x[:size] if found.x is not None else None)

    def risk(w: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signed @ w
        return float(loss.value(margins).mean()), signed.T @ loss.slope(margins) / n

    rng = np.random.default_rng(0)
    points = [] if loss.is_convex else list(rng.normal(size=(starts, size)))
    runs = [
        optimize.minimize(risk, w, jac=True, method="L-BFGS-B", options={"maxiter": 5000})
        for w in (np.zeros(size), *points)
    ]
    best = min(runs, key=lambda run: float(run.fun))
    return _found(loss, best, best.x)


@checked()
def least_errors(x: Matrix, y: Vector) -> float:
    """Return the minimal 0-1 risk of all linear classifiers of points in a plane, exactly.

    The order of the points along a direction changes only at directions normal to the line through
    two of them; in between, the best threshold is found by counting.

    Parameters
    ----------
    x
        Points, shape (n, 2), no three of them on a line.
    y
        Labels, -1 or 1, shape (n,).

    See Also
    --------
    minimised : A classifier that a surrogate loss chooses.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.reference.margin_losses import least_errors
    >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> least_errors(corners, np.array([1, -1, -1, 1]))  # exclusive or: a line gets one wrong
    0.25
    """
    if x.ndim != 2 or x.shape[1] != 2:
        raise ParameterError(
            f"Least errors need points of shape (n, 2), got {x.shape}.",
            object="margin_losses.least_errors",
            parameter="x",
        )
    _signed(x, y)
    first, second = np.triu_indices(len(x), 1)
    apart = x[first] - x[second]
    turns = np.sort(np.mod(np.arctan2(apart[:, 1], apart[:, 0]) + np.pi / 2, np.pi))
    turns = np.concatenate([turns, turns[:1] + np.pi])
    middle = (turns[1:] + turns[:-1]) / 2
    order = np.argsort(np.stack([np.cos(middle), np.sin(middle)], axis=1) @ x.T, axis=1)
    # Threshold after k points, which are called -1 and the others 1, or the other way round.
    swept = np.concatenate([np.zeros((len(order), 1), int), np.cumsum(y[order], axis=1)], axis=1)
    wrong = (y < 0).sum() + swept
    return float(min(wrong.min(), (len(y) - wrong).min()) / len(y))


def _signed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return inputs and a 1 for the bias, times the label: their product with w is the margin."""
    if x.ndim != 2 or y.shape != (len(x),) or not np.isin(y, (-1, 1)).all():
        raise ParameterError(
            f"Margins need inputs of shape (n, n_inputs) and n labels of -1 or 1, got {x.shape} "
            f"and {y.shape} with {', '.join(map(str, np.unique(y)[:4]))}.",
            object="margins",
            parameter="x",
        )
    return np.asarray(y[:, np.newaxis] * np.hstack([x, np.ones((len(x), 1))]), np.float64)


def _found(loss: MarginLoss, run: optimize.OptimizeResult, w: np.ndarray | None) -> np.ndarray:
    if not run.success or w is None:
        raise DataError(
            f"The {loss.name} loss found no minimum ({run.message}); classes that a line separates "
            "have none.",
            object=f"The {loss.name}",
        )
    return np.asarray(w)
