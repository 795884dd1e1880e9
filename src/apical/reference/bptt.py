"""Backpropagation through time (BPTT) in recurrent rate networks: forward and backward pass.

``h[t] = response(h[t-1] @ W + x[t])``. The gradient at a time depends on all later ones, through
the transposed weights (the backward pass): it is not local, and no device runs it.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import checked, require
from apical._base.parameters import Array, Count, NonNegative, Number, Share
from apical.errors import DataError, ParameterError

Floats = NDArray[np.float64]
Numbers = Annotated[ArrayLike, Array(finite=True)]
Start = Annotated[ArrayLike, Array((0, 1), finite=True)]
Line = Annotated[ArrayLike, Array((1,), finite=True)]
Activity = Annotated[Floats, Array((2,), finite=True)]
Finite = Annotated[float, Number()]
Response = Literal["linear", "tanh", "logistic"]

_RESPONSES: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "linear": (lambda drive: drive, np.ones_like),
    "tanh": (np.tanh, lambda h: 1 - h**2),
    "logistic": (lambda drive: 1 / (1 + np.exp(-drive)), lambda h: h * (1 - h)),
}
"""Activation functions, and their derivatives as functions of the activity."""


@checked()
def with_radius(weights: Numbers, radius: NonNegative) -> Floats:
    """Return weights scaled to a spectral radius: the largest absolute value of an eigenvalue.

    Parameters
    ----------
    weights
        W, shape (n, n) [dimensionless].
    radius
        The spectral radius [dimensionless].

    Raises
    ------
    DataError, ParameterError
        If the weights are not square, or all their eigenvalues are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import bptt
    >>> w = bptt.with_radius(np.array([[0.0, 2.0], [2.0, 0.0]]), 0.5)  # eigenvalues 2 and -2
    >>> w.round(12).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    given = _square(weights)
    largest = float(np.abs(np.linalg.eigvals(given)).max())
    if not largest > 0:
        raise DataError("Weights whose eigenvalues are all 0 cannot be scaled; draw others.")
    return given * (radius / largest)


@checked()
def states(
    weights: Numbers, inputs: Numbers, response: Response = "tanh", start: Start = 0.0
) -> Floats:
    """Return the activity at every time (forward pass), shape (n_steps + 1, n), the start first.

    .. math:: h_{t+1} = f(h_t W + x_t)

    Parameters
    ----------
    weights
        W, shape (n, n), ``W[i, j]`` from neuron i to neuron j [dimensionless].
    inputs
        External input to each neuron at each step, shape (n_steps, n).
    response
        Activation function.
    start
        Activity before the first step, shape (n,) or one number for all.

    See Also
    --------
    gradients : The backward pass.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import bptt
    >>> h = bptt.states([[0.5]], np.zeros((3, 1)), "linear", start=1.0)
    >>> h.ravel().tolist()  # 0.5**t
    [1.0, 0.5, 0.25, 0.125]
    >>> bptt.states([[0.5]], np.zeros((3, 2)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: 1 neurons need inputs (n_steps, 1), got shape (3, 2)...
    """
    w, x = _square(weights), np.asarray(inputs, np.float64)
    if x.ndim != 2 or x.shape[1] != len(w):
        raise ParameterError(
            f"{len(w)} neurons need inputs (n_steps, {len(w)}), got shape {x.shape}.",
            object="bptt.states",
            parameter="inputs",
        )
    _same(len(w), start, "bptt.states", "start")
    respond, _ = _RESPONSES[response]
    found = np.empty((len(x) + 1, len(w)))
    found[0] = start
    for t, given in enumerate(x):
        found[t + 1] = respond(found[t] @ w + given)
    return found


@checked()
def gradients(
    weights: Numbers, activity: Activity, last: Line, response: Response = "tanh"
) -> Floats:
    r"""Return the gradient of a loss of the last activity with respect to activity at all times.

    .. math::

        \frac{\partial L}{\partial h_{t-1}} =
        \Big(\frac{\partial L}{\partial h_t} \odot f'(h_t)\Big) W^\top

    Parameters
    ----------
    weights
        As in `states`.
    activity
        Returned by `states`, shape (n_steps + 1, n).
    last
        Gradient with respect to the last activity, shape (n,).
    response
        As in `states`.

    Returns
    -------
    numpy.ndarray
        Shape (n_steps + 1, n), the start first.

    See Also
    --------
    states : The forward pass.
    linear_norms : Their size in closed form.

    References
    ----------
    Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import bptt
    >>> h = bptt.states([[0.5]], np.zeros((3, 1)), "linear", start=1.0)
    >>> bptt.gradients([[0.5]], h, [1.0], "linear").ravel().tolist()  # vanish by 0.5 a step
    [0.125, 0.25, 0.5, 1.0]
    """
    w, (_, slope) = _square(weights), _RESPONSES[response]
    require(
        activity.shape[1] == len(w),
        "bptt.gradients",
        "activity",
        f"of {len(w)} neurons",
        f"shape {activity.shape}",
    )
    _same(len(w), last, "bptt.gradients", "last")
    found = np.empty_like(activity)
    found[-1] = last
    for t in range(len(activity) - 1, 0, -1):
        found[t - 1] = (found[t] * slope(activity[t])) @ w.T
    return found


@checked()
def linear_norms(weights: Numbers, last: Line, lags: Line) -> Floats:
    """Return the norm of the gradient of a linear network after k steps back, in closed form.

    ``|V L^k V^-1 last|``, where L holds the eigenvalues of W and V its eigenvectors: for large k it
    changes by the spectral radius at every step.

    Parameters
    ----------
    weights
        W, shape (n, n); it must have n independent eigenvectors.
    last
        Gradient with respect to the last activity, shape (n,).
    lags
        Numbers of steps, whole or not, shape (n_lags,).

    See Also
    --------
    gradients : Step by step, and with any response.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import bptt
    >>> bptt.linear_norms([[0.5, 0.0], [0.0, 2.0]], [1.0, 0.0], [0.0, 1.0, 3.0]).tolist()
    [1.0, 0.5, 0.125]
    >>> bptt.linear_norms([[0.5, 0.0], [0.0, 2.0]], [0.0, 1.0], [0.0, 1.0, 3.0]).tolist()
    [1.0, 2.0, 8.0]
    """
    values, vectors = np.linalg.eig(_square(weights))
    _same(len(values), last, "bptt.linear_norms", "last")
    parts = np.linalg.solve(vectors, np.asarray(last, complex))
    powers = values[np.newaxis] ** np.asarray(lags, complex)[:, np.newaxis]
    norms: Floats = np.linalg.norm((powers * parts) @ vectors.T, axis=1)
    return norms


@checked()
def clipped(
    gradient: Numbers, threshold: Annotated[float, Number(least=0, infinite=True)]
) -> Floats:
    """Gradient clipping: limit the norm of a gradient, keeping its direction.

    Parameters
    ----------
    gradient
        Any shape.
    threshold
        Largest norm.

    See Also
    --------
    apical.optimizers.clipped : Updates limited one by one, as a synapse can.

    References
    ----------
    Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, algorithm 1.

    Examples
    --------
    >>> from apical import bptt
    >>> bptt.clipped([3.0, 4.0], 1.0).round(12).tolist()  # of norm 5
    [0.6, 0.8]
    >>> bptt.clipped([3.0, 4.0], 10.0).tolist()
    [3.0, 4.0]
    """
    given = np.asarray(gradient, np.float64)
    norm = float(np.linalg.norm(given))
    return given * (threshold / norm) if norm > threshold else given


@checked()
def one_neuron(
    weight: Finite, bias: Finite, target: Share = 0.7, start: Finite = 0.0, steps: Count = 50
) -> tuple[float, Floats]:
    """Return the squared error of one logistic neuron that excites itself, and its gradient.

    Parameters
    ----------
    weight, bias
        Weight of the synapse onto itself, and input at every step [dimensionless].
    target
        Activity to be reached after the last step.
    start
        Drive of the neuron before the first step.
    steps
        Number of steps.

    Returns
    -------
    error
        Squared difference of the last activity and the target.
    gradient
        With respect to weight and bias, shape (2,).

    See Also
    --------
    clipped : What helps where the error has a cliff.

    References
    ----------
    Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, figure 6 (from a drive of 0.5).

    Examples
    --------
    >>> from apical import bptt
    >>> error, gradient = bptt.one_neuron(5.0, -2.5, steps=20)
    >>> step = 1e-6
    >>> more, _ = bptt.one_neuron(5.0, -2.5 + step, steps=20)
    >>> less, _ = bptt.one_neuron(5.0, -2.5 - step, steps=20)
    >>> bool(abs((more - less) / (2 * step) - gradient[1]) < 1e-6 * abs(gradient[1]))
    True
    """
    w, inputs = [[weight]], np.full((steps, 1), bias)
    activity = states(w, inputs, "logistic", 1 / (1 + np.exp(-start)))
    surplus = float(activity[-1, 0]) - target
    back = gradients(w, activity, [2 * surplus], "logistic")[1:, 0]
    drive = back * activity[1:, 0] * (1 - activity[1:, 0])
    return surplus**2, np.array([drive @ activity[:-1, 0], drive.sum()])


def _same(n: int, given: ArrayLike, object: str, parameter: str) -> None:
    shape = np.shape(given)
    require(shape in ((), (n,)), object, parameter, f"of shape ({n},)", f"shape {shape}")


def _square(weights: ArrayLike) -> Floats:
    given = np.asarray(weights, np.float64)
    if given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise ParameterError(
            f"Recurrent weights must have shape (n, n), got {given.shape}.",
            object="unrolled",
            parameter="weights",
        )
    return given
