"""Loss landscapes: the loss on a plane through weight space, and learning trajectories on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apical._base.checking import check_fields, checked
from apical.devices.simulator import Block, Simulator, left_as_it_was
from apical.errors import ParameterError
from apical.measures.losses import loss

Weights = Mapping[str, np.ndarray]
"""W by name of projection, shape (n_pre, n_post)."""


@dataclass(frozen=True)
class Plane:
    """A plane in weight space.

    Parameters
    ----------
    centre
        The point (0, 0).
    first, second
        The steps from the centre to (1, 0) and to (0, 1), of the same projections. They may have
        any length, and need not be orthogonal.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.landscapes import Plane
    >>> zero, right = np.zeros((1, 2)), np.array([[1.0, 0.0]])
    >>> plane = Plane({"p": zero}, {"p": right}, {"p": right[:, ::-1]})
    >>> plane.at(2.0, 3.0)
    {'p': array([[2., 3.]])}
    >>> plane.coordinates([{"p": np.array([[5.0, -1.0]])}])
    array([[ 5., -1.]])
    >>> plane.explained([{"p": np.array([[5.0, -1.0]])}])
    1.0
    """

    centre: Weights
    first: Weights
    second: Weights

    def __post_init__(self) -> None:
        check_fields(self)

    def at(self, a: float, b: float) -> dict[str, np.ndarray]:
        """Return the weights at a point of the plane."""
        return {n: w + a * self.first[n] + b * self.second[n] for n, w in self.centre.items()}

    def coordinates(self, points: Sequence[Weights]) -> np.ndarray:
        """Project points orthogonally onto the plane, shape (n_points, 2)."""
        axes = np.stack([_flat(self.first), _flat(self.second)], axis=1)
        return np.linalg.lstsq(axes, self._away(points).T, rcond=None)[0].T

    def explained(self, points: Sequence[Weights]) -> float:
        """Return the explained variance: the part of squared distances that lies in the plane."""
        away = self._away(points)
        axes = np.linalg.qr(np.stack([_flat(self.first), _flat(self.second)], axis=1))[0]
        return float(((away @ axes) ** 2).sum() / (away**2).sum())

    def _away(self, points: Sequence[Weights]) -> np.ndarray:
        if not points or any(set(point) != set(self.centre) for point in points):
            raise ParameterError(
                f"A plane of {', '.join(self.centre)} needs points that have these weights, one or "
                "more; give for instance {p.name: simulator.weights(p) for p in network.plastic}.",
                object="landscapes.principal_plane",
                parameter="points",
            )
        centre = _flat(self.centre)
        return np.stack([_flat({n: point[n] for n in self.centre}) - centre for point in points])


@checked()
def random_plane(centre: Weights, rng: np.random.Generator) -> Plane:
    r"""Return a plane along two random directions with filter normalisation.

    Directions are Gaussian; the vector of weights that one neuron receives from a population is
    then scaled to the norm of its current weights. Weights from a single neuron, such as a
    `apical.Bias`, do not change.

    .. math:: d_j \leftarrow \frac{\lVert w_j \rVert}{\lVert d_j \rVert}\, d_j

    Parameters
    ----------
    centre
        Weights through which the plane goes.
    rng
        Random generator of the directions.

    See Also
    --------
    principal_plane : Along a learning trajectory.
    surface : The loss on a plane.

    References
    ----------
    Li, Xu, Taylor, Studer & Goldstein 2018, arXiv:1712.09913, section 4; that biases stay is
    from their code.

    Examples
    --------
    The direction that a neuron's weights take is as long as these weights:

    >>> import numpy as np
    >>> from apical.measures.landscapes import random_plane
    >>> w = np.array([[3.0, 0.0], [4.0, 2.0]])
    >>> plane = random_plane({"p": w}, np.random.default_rng(0))
    >>> np.linalg.norm(w, axis=0)
    array([5., 2.])
    >>> np.linalg.norm(plane.first["p"], axis=0)
    array([5., 2.])
    """
    first, second = ({n: _filters(w, rng) for n, w in centre.items()} for _ in range(2))
    return Plane(centre, first, second)


@checked()
def principal_plane(centre: Weights, points: Sequence[Weights]) -> Plane:
    """Return the plane through `centre` along the first two principal components of points.

    Differences from `centre` are not mean-centred, so that the plane goes through it. The axes have
    length 1 in weight space.

    Parameters
    ----------
    centre
        For instance the final weights.
    points
        Two or more others, for instance the weights along the learning trajectory.

    See Also
    --------
    random_plane : Along random directions.
    surface : The loss on a plane.

    References
    ----------
    Li, Xu, Taylor, Studer & Goldstein 2018, arXiv:1712.09913, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.landscapes import principal_plane
    >>> last = np.array([[0.0, 0.0, 0.0]])
    >>> path = [np.array([[4.0, 0.0, 0.0]]), np.array([[0.0, 2.0, 0.0]])]
    >>> plane = principal_plane({"p": last}, [{"p": w} for w in path])
    >>> np.abs(plane.coordinates([{"p": w} for w in path])).round(6)
    array([[4., 0.],
           [0., 2.]])
    >>> round(plane.explained([{"p": w} for w in path]), 6)
    1.0
    """
    if len(points) < 2:
        raise ParameterError(
            f"Two components need two points or more, got {len(points)}; give more.",
            object="landscapes.principal_plane",
            parameter="points",
        )
    away = Plane(centre, centre, centre)._away(points)
    axes = np.linalg.svd(away, full_matrices=False)[2][:2]
    return Plane(centre, _shaped(axes[0], centre), _shaped(axes[1], centre))


@checked()
def surface(
    simulator: Simulator, block: Block, plane: Plane, a: Sequence[float], b: Sequence[float]
) -> np.ndarray:
    """Return the loss on a grid on a plane, shape (n_b, n_a); see `apical.measures.losses.loss`.

    Parameters
    ----------
    simulator
        A rate network; its state is restored.
    block
        Trials with labels or targets over which the loss is averaged.
    plane
        Plane in the space of some weights of the network; all others are kept. Weights that violate
        a constraint (Dale's law, sparsity mask, quantisation) are projected onto it.
    a, b
        Coordinates along the two axes.

    See Also
    --------
    apical.plotting.landscape : Draws it.

    Examples
    --------
    Half the squared error of a linear neuron with weights (a, b), at the stimulus (1, 1) and the
    target 0, is (a + b)**2 / 2:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.landscapes import Plane, surface
    >>> net = ap.Network()
    >>> x = net.add(ap.Stimulus("x", 2, ap.encoding.Graded()))
    >>> y = net.add(ap.Rate("y", 1, "linear"))
    >>> w = net.connect(x, y, weights=ap.Zero(), rule=ap.rules.three_factor(0.1)).name
    >>> net.teach(ap.feedback.direct(net.add(ap.RateError("error", 1)), net.forward)).name
    'DFA'
    >>> right = np.array([[1.0], [0.0]])
    >>> plane = Plane({w: 0 * right}, {w: right}, {w: right[::-1]})
    >>> block = ap.Block.of_targets(np.ones((1, 2)), np.zeros((1, 1)))
    >>> with ap.simulate(net, "array") as simulator:
    ...     surface(simulator, block, plane, a=[0.0, 1.0, 2.0], b=[0.0, 1.0])
    array([[0. , 0.5, 2. ],
           [0.5, 2. , 4.5]])
    """
    found, net = np.empty((len(b), len(a))), simulator.network
    with left_as_it_was(simulator):
        for row, y in enumerate(b):
            for column, x in enumerate(a):
                moved = plane.at(x, y).items()
                simulator.load({n: net.held(net.projection(n), w) for n, w in moved})
                found[row, column] = loss(simulator, block)
    return found


def _filters(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random direction with the column norms of the weights (filter normalisation)."""
    if len(weights) == 1:
        return np.zeros_like(weights)
    drawn = rng.standard_normal(weights.shape)
    return np.asarray(drawn * np.linalg.norm(weights, axis=0) / np.linalg.norm(drawn, axis=0))


def _flat(weights: Weights) -> np.ndarray:
    return np.concatenate([np.ravel(w).astype(np.float64) for w in weights.values()])


def _shaped(flat: np.ndarray, like: Weights) -> dict[str, np.ndarray]:
    ends = np.cumsum([w.size for w in like.values()])[:-1]
    parts = zip(like.items(), np.split(flat, ends), strict=True)
    return {name: part.reshape(w.shape) for (name, w), part in parts}
