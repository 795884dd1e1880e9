"""Weight initialisation: distributions and masks from which initial weights are drawn."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np

from apical._base.checking import check_fields
from apical._base.parameters import Array, Count, NonNegative, Vector
from apical.errors import WiringError
from apical.projections.edges import Edges


@dataclass(frozen=True)
class WeightSource(ABC):
    """Base of weight initialisers: the source of the initial weights of a projection.

    See Also
    --------
    Given : Weights from an array.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> import apical as ap
    >>> @dataclass(frozen=True)
    ... class Signs(WeightSource):
    ...     size: float = 1.0
    ...
    ...     def draw(self, n_pre, n_post, rng):
    ...         return self.size * rng.choice([-1.0, 1.0], (n_pre, n_post))
    >>> np.unique(Signs(0.5).draw(20, 30, ap.stream(0, "weights"))).tolist()
    [-0.5, 0.5]
    """

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        """Return W, shape (n_pre, n_post), W[i, j] from presynaptic i to postsynaptic j."""

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        """Return the weights of some synapses, shape (n_synapses,), in their order.

        By default those of a matrix that is drawn whole. A source of independent weights draws one
        for each synapse instead, and counts synapses where it would count neurons.
        """
        return edges.of(self.draw(*edges.shape, rng))

    def draw_shared(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        """Return the weights that synapses share, shape (n_weights,).

        By default those of the first synapse of each: they have the distribution that they would
        have without sharing.
        """
        return self.draw_for(replace(edges, shares=None), rng)[edges.first]


@dataclass(frozen=True)
class Normal(WeightSource):
    r"""Independent Gaussian weights of mean 0.

    .. math:: W_{ij} \sim \mathcal{N}(0, \sigma^2)

    Parameters
    ----------
    std
        Standard deviation [dimensionless].

    See Also
    --------
    FanIn : A standard deviation that follows the number of inputs.
    Uniform : Between two limits.

    Examples
    --------
    >>> import apical as ap
    >>> w = ap.Normal(0.2).draw(100, 400, ap.stream(0, "weights"))
    >>> w.shape, round(float(w.std()), 2)
    ((100, 400), 0.2)
    >>> ap.Normal(-1)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Normal: std must be one finite number [dimensionless]
        >= 0, got -1...
    """

    std: NonNegative = 1.0

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0.0, self.std, (n_pre, n_post))

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0.0, self.std, len(edges))


@dataclass(frozen=True)
class Uniform(WeightSource):
    r"""Independent uniform weights from ``[-limit, limit)``.

    .. math:: W_{ij} \sim \mathcal{U}[-l, l)

    Parameters
    ----------
    limit
        Largest absolute weight [dimensionless].
    positive
        Whether they are drawn from ``[0, limit)`` instead.

    See Also
    --------
    Normal : Gaussian weights.

    Examples
    --------
    >>> import apical as ap
    >>> w = ap.Uniform(0.3, positive=True).draw(100, 400, ap.stream(0, "weights"))
    >>> bool(w.min() >= 0), bool(w.max() < 0.3), round(float(w.mean()), 2)
    (True, True, 0.15)
    """

    limit: NonNegative = 1.0
    positive: bool = False

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(0 if self.positive else -self.limit, self.limit, (n_pre, n_post))

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(0 if self.positive else -self.limit, self.limit, len(edges))


@dataclass(frozen=True)
class FanIn(WeightSource):
    r"""Fan-in initialisation: independent weights scaled by ``1/sqrt(n_pre)`` (LeCun, He).

    .. math:: W_{ij} \sim \mathcal{U}[-s/\sqrt{n_\text{pre}},\; s/\sqrt{n_\text{pre}})

    Parameters
    ----------
    scale
        Factor on ``1/sqrt(n_pre)`` [dimensionless].
    uniform
        True: from ``[-limit, limit)`` with that limit; False: normal with that standard
        deviation. ``FanIn(2**0.5, uniform=False)`` is He et al. 2015, arXiv:1502.01852, eq. 10.

    See Also
    --------
    FanOut : Scaled by the number of postsynaptic neurons.
    Glorot : Scaled by both numbers.

    Examples
    --------
    >>> import apical as ap
    >>> w = ap.FanIn().draw(100, 400, ap.stream(0, "weights"))  # up to 1/sqrt(100)
    >>> round(float(abs(w).max()), 3)
    0.1
    >>> he = ap.FanIn(2**0.5, uniform=False).draw(100, 400, ap.stream(0, "weights"))
    >>> round(float(he.std()), 2), round((2 / 100) ** 0.5, 2)
    (0.14, 0.14)
    """

    scale: NonNegative = 1.0
    uniform: bool = True

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return _scaled(self.scale / n_pre**0.5, self.uniform, (n_pre, n_post), rng)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        size = self.scale / edges.in_degrees[edges.post] ** 0.5
        return size * _scaled(1.0, self.uniform, (len(edges),), rng)


@dataclass(frozen=True)
class FanOut(WeightSource):
    r"""Fan-out initialisation: independent weights scaled by ``1/sqrt(n_post)``.

    .. math:: W_{ij} \sim \mathcal{U}[-s/\sqrt{n_\text{post}},\; s/\sqrt{n_\text{post}})

    The feedback of Nokland 2016 (arXiv:1609.01596, section 4): uniform, ``1/sqrt(n_hidden)``.

    Parameters
    ----------
    scale
        Factor on ``1/sqrt(n_post)`` [dimensionless].
    uniform
        As in `FanIn`.

    See Also
    --------
    FanIn : Scaled by the number of presynaptic neurons.

    References
    ----------
    Nokland 2016, arXiv:1609.01596, section 4.

    Examples
    --------
    >>> import apical as ap
    >>> w = ap.FanOut().draw(10, 400, ap.stream(0, "weights"))  # up to 1/sqrt(400)
    >>> round(float(abs(w).max()), 3)
    0.05
    """

    scale: NonNegative = 1.0
    uniform: bool = True

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return _scaled(self.scale / n_post**0.5, self.uniform, (n_pre, n_post), rng)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        size = self.scale / edges.out_degrees[edges.pre] ** 0.5
        return size * _scaled(1.0, self.uniform, (len(edges),), rng)


@dataclass(frozen=True)
class Glorot(WeightSource):
    r"""Glorot (Xavier) initialisation: uniform up to ``sqrt(6/(n_pre + n_post))`` (2010, eq. 16).

    .. math:: W_{ij} \sim \mathcal{U}[-l, l), \qquad l = \sqrt{6/(n_\text{pre} + n_\text{post})}

    See Also
    --------
    FanIn : Scaled by the number of presynaptic neurons alone.

    References
    ----------
    Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward neural
    networks, AISTATS, eq. 16.

    Examples
    --------
    >>> import apical as ap
    >>> w = ap.Glorot().draw(100, 500, ap.stream(0, "weights"))  # up to sqrt(6/600)
    >>> round(float(abs(w).max()), 3)
    0.1
    """

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return _scaled((6 / (n_pre + n_post)) ** 0.5, True, (n_pre, n_post), rng)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        degrees = edges.in_degrees[edges.post] + edges.out_degrees[edges.pre]
        return (6 / degrees) ** 0.5 * _scaled(1.0, True, (len(edges),), rng)


@dataclass(frozen=True)
class FewInputs(WeightSource):
    """Sparse initialisation: nonzero weights for a few presynaptic neurons of each target.

    The input of a neuron then does not grow with the presynaptic population. With ``Normal(1.0)``
    and 15 inputs it is the sparse initialization of Martens 2010, Deep learning via Hessian-free
    optimization, ICML, section 5. The other synapses exist with weight 0, and may learn.

    Parameters
    ----------
    source
        Where the nonzero weights come from.
    inputs
        In-degree: nonzero synapses onto each neuron, drawn at random; all, where there are fewer.

    See Also
    --------
    Masked : Weights of some neurons only.
    apical.hypotheses.missing_synapses : Synapses that do not exist, and cannot learn.

    Examples
    --------
    >>> import apical as ap
    >>> w = ap.FewInputs(ap.Normal(1.0), 15).draw(100, 4, ap.stream(0, "weights"))
    >>> (w != 0).sum(axis=0).tolist()
    [15, 15, 15, 15]
    """

    source: WeightSource
    inputs: Count

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        weights = self.source.draw(n_pre, n_post, rng)  # first, so that these are as they were
        rank = rng.random((n_pre, n_post)).argsort(axis=0).argsort(axis=0)
        return weights * (rank < self.inputs)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        weights = self.source.draw_for(edges, rng)
        order = np.lexsort((rng.random(len(edges)), edges.post))  # at random onto each neuron
        first = np.concatenate([[0], np.cumsum(edges.in_degrees)[:-1]])
        rank = np.empty(len(edges), np.int64)
        rank[order] = np.arange(len(edges)) - first[edges.post[order]]
        return weights * (rank < self.inputs)


def _scaled(
    size: float, uniform: bool, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    return rng.uniform(-size, size, shape) if uniform else rng.normal(0.0, size, shape)


@dataclass(frozen=True, eq=False)
class Masked(WeightSource):
    """Masked weights: those of another source, and 0 for neurons that are masked out.

    Parameters
    ----------
    source
        Where the weights come from.
    pre, post
        Masks of the connected neurons, shape (n_pre,) and (n_post,), of bool; None for all.

    See Also
    --------
    FewInputs : Inputs drawn at random.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import Given
    >>> from apical.projections.weights import Masked
    >>> source = Given(np.ones((2, 3)))
    >>> masked = Masked(source, post=np.array([True, False, True]))
    >>> masked.draw(2, 3, np.random.default_rng(0)).tolist()
    [[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]
    """

    source: WeightSource
    pre: Vector | None = None
    post: Vector | None = None

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        rows, columns = self._sides(n_pre, n_post)
        return self.source.draw(n_pre, n_post, rng) * np.outer(rows, columns)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        rows, columns = self._sides(*edges.shape)
        return self.source.draw_for(edges, rng) * (rows[edges.pre] & columns[edges.post])

    def _sides(self, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which neurons are connected on each side."""
        rows = np.ones(n_pre, bool) if self.pre is None else np.asarray(self.pre, bool)
        columns = np.ones(n_post, bool) if self.post is None else np.asarray(self.post, bool)
        if rows.shape != (n_pre,) or columns.shape != (n_post,):
            raise WiringError(
                f"Masked weights need masks of {n_pre} presynaptic and {n_post} postsynaptic "
                f"neurons, got shapes {rows.shape} and {columns.shape}."
            )
        return rows, columns


@dataclass(frozen=True)
class Zero(WeightSource):
    """All weights 0.

    See Also
    --------
    Given : Weights from an array.

    Examples
    --------
    >>> import apical as ap
    >>> ap.Zero().draw(2, 3, ap.stream(0, "weights")).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return np.zeros((n_pre, n_post))

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(len(edges))


@dataclass(frozen=True)
class Constant(WeightSource):
    r"""The same weight for all synapses.

    .. math:: W_{ij} = w

    Parameters
    ----------
    weight
        That weight [dimensionless].

    See Also
    --------
    Mean : One that depends on the number of inputs.
    Zero : All weights 0.

    Examples
    --------
    >>> import apical as ap
    >>> ap.Constant(0.5).draw(2, 3, ap.stream(0, "weights")).tolist()
    [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    """

    weight: float = 1.0

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return np.full((n_pre, n_post), self.weight)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        return np.full(len(edges), self.weight)


@dataclass(frozen=True)
class Mean(WeightSource):
    r"""The same weight for all inputs of a neuron, which sum to 1: it hears their mean.

    .. math:: W_{ij} = 1/n_j

    where n is the number of inputs of a neuron.

    See Also
    --------
    apical.connectivity.Pooling : Inputs from a window.

    Examples
    --------
    >>> import apical as ap
    >>> ap.Mean().draw(4, 2, ap.stream(0, "weights"))[:, 0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return np.full((n_pre, n_post), 1 / n_pre)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        return 1 / edges.in_degrees[edges.post]


@dataclass(frozen=True)
class OnOff(WeightSource):
    r"""ON/OFF initialisation: pairs of neurons that respond to opposite things, by weights above 0.

    Between pairs, with :math:`b \sim \mathcal{N}(0, 4/n_\text{pre})` for every two pairs and
    :math:`[b]_+ = \max(b, 0)`,

    .. math::

        W_\text{ON ON} = W_\text{OFF OFF} = [b]_+, \qquad W_\text{ON OFF} = W_\text{OFF ON} = [-b]_+

    so that a pair of linear neurons passes on the difference of its activities as one neuron with
    the weight b would. A neuron without a partner is ON. In a first layer (`signed`), whose inputs
    are no pairs, the two of a pair have opposite weights,
    :math:`\pm w,\; w \sim \mathcal{N}(0, 1/n_\text{pre})`.

    Parameters
    ----------
    signed
        Whether weights have either sign, and only postsynaptic neurons are in pairs.
    apart
        Distance of the two neurons of a pair, among presynaptic and among postsynaptic neurons: 1
        for neighbours 2i and 2i + 1; the number of neurons of a map for maps 2i and 2i + 1.

    See Also
    --------
    apical.connectivity.ByComponent : Between the units of vectorised networks.
    apical.feedback.error_vector : The wiring that needs weights of 0 or above.

    References
    ----------
    Clark, Abbott & Chung 2021, arXiv:2106.04089, and init_methods.py of its code
    (github.com/davidclark1/VectorizedNets at commit 0a5856d).

    Examples
    --------
    >>> import apical as ap
    >>> w = ap.OnOff().draw(4, 2, ap.stream(0, "weights"))
    >>> bool((w >= 0).all()), bool((w[0::2, 0] == w[1::2, 1]).all())
    (True, True)
    >>> first = ap.OnOff(signed=True).draw(4, 2, ap.stream(0, "weights"))
    >>> bool((first[:, 0] == -first[:, 1]).all())
    True
    """

    signed: bool = False
    apart: tuple[Count, Count] = (1, 1)

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        i, j = np.indices((n_pre, n_post)).reshape(2, -1)
        edges = Edges((n_pre, n_post), i, j)
        return self.draw_for(edges, rng).reshape(n_pre, n_post)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        pre, sent = (edges.pre, 1) if self.signed else _in_pairs(edges.pre, self.apart[0])
        post, heard = _in_pairs(edges.post, self.apart[1])
        pairs = pre.astype(np.int64) * edges.shape[1] + post
        found, which = np.unique(pairs, return_inverse=True)
        weights = rng.standard_normal(len(found))[which] * sent * heard
        size = edges.in_degrees[edges.post] ** -0.5
        return size * weights if self.signed else 2 * size * np.maximum(weights, 0)


def _in_pairs(neurons: np.ndarray, apart: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first neuron of each neuron's pair, and 1 for this one, -1 for the other."""
    is_off = neurons // apart % 2
    return neurons - is_off * apart, 1 - 2 * is_off


@dataclass(frozen=True)
class Identity(WeightSource):
    """One-to-one connectivity: neuron i projects to neuron i alone.

    Parameters
    ----------
    weight
        Weight of each of these synapses [dimensionless].

    See Also
    --------
    Given : Weights from an array.

    Examples
    --------
    >>> import apical as ap
    >>> ap.Identity(0.5).draw(2, 3, ap.stream(0, "weights")).tolist()
    [[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]
    """

    weight: float = 1.0

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        return self.weight * np.eye(n_pre, n_post)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        return self.weight * (edges.pre == edges.post)


@dataclass(frozen=True)
class ZeroSum(WeightSource):
    r"""Zero-mean weights onto each neuron: shifted by a constant, so that they sum to 0.

    .. math:: W_{ij} = V_{ij} - \frac{1}{n_\text{pre}} \sum_k V_{kj}

    Equal activity of all error neurons then cancels (Neftci et al. 2017,
    doi:10.3389/fnins.2017.00324, published simulation code).

    Parameters
    ----------
    source
        Where the weights come from before the shift.

    See Also
    --------
    Opposed : Two halves of opposite sign.

    References
    ----------
    Neftci et al. 2017, doi:10.3389/fnins.2017.00324.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.projections.weights import ZeroSum
    >>> w = ZeroSum(ap.Normal(1.0)).draw(10, 3, ap.stream(0, "weights"))
    >>> abs(w.sum(axis=0)).round(12).tolist()
    [0.0, 0.0, 0.0]
    """

    source: WeightSource = field(default_factory=Normal)

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        weights = self.source.draw(n_pre, n_post, rng)
        return weights - weights.mean(axis=0)

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        weights = self.source.draw_for(edges, rng)
        sums = np.bincount(edges.post, weights, edges.shape[1])
        return weights - (sums / np.maximum(edges.in_degrees, 1))[edges.post]


@dataclass(frozen=True, eq=False)
class Given(WeightSource):
    """Weights given as an array, shape (n_pre, n_post) [dimensionless].

    Raises
    ------
    WiringError
        If the array does not have the shape of the projection.

    See Also
    --------
    Identity : One-to-one.
    Zero : All weights 0.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> x, h = ap.Stimulus("stimulus", 2, ap.encoding.Regular()), ap.LIF("hidden", 3)
    >>> net = ap.Network()
    >>> _ = net.add(x), net.add(h)
    >>> projection = net.connect(x, h, weights=ap.Given(np.arange(6).reshape(2, 3)))
    >>> net.initial_weights(projection)[1].tolist()  # from neuron 1 to each of three
    [3.0, 4.0, 5.0]
    >>> turned = ap.Given(np.ones((3, 2)))
    >>> turned.draw(2, 3, ap.stream(0, "weights"))  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Given weights must have shape (2, 3), got (3, 2); rows are
        presynaptic neurons...
    """

    weights: Annotated[np.ndarray, Array((2,), finite=True)]

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        weights = np.array(self.weights, dtype=np.float64)
        if weights.shape != (n_pre, n_post):
            raise WiringError(
                f"Given weights must have shape {(n_pre, n_post)}, got {weights.shape}; "
                "rows are presynaptic neurons."
            )
        return weights

    def draw_shared(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        shared = super().draw_shared(edges, rng)
        given = self.weights[edges.pre, edges.post]
        if not np.array_equal(given, edges.each(shared)):
            raise WiringError(
                "Given weights must be the same in all windows that share them, got others; give "
                "the same ones, or leave shared out."
            )
        return shared


@dataclass(frozen=True)
class Opposed(WeightSource):
    r"""Push-pull feedback weights: ``-W`` from positive error neurons, ``+W`` from negative ones.

    .. math:: W = \begin{pmatrix} -V \\ V \end{pmatrix}

    The two halves of the presynaptic population encode opposite signs of one error, so the
    feedback points in the direction in which the activity should change.

    Parameters
    ----------
    source
        Where W, shape (n_pre / 2, n_post), comes from.

    See Also
    --------
    apical.Error : The pairs of neurons that represent an error.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> weights = ap.Opposed(ap.Given(np.array([[0.5, -1.0]])))
    >>> weights.draw(2, 2, ap.stream(0, "weights")).tolist()  # positive error neuron, negative one
    [[-0.5, 1.0], [0.5, -1.0]]
    >>> weights.draw(3, 2, ap.stream(0, "weights"))  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Opposed weights need a positive and a negative half of the
        presynaptic neurons, got 3 neurons; their number must be even...
    """

    source: WeightSource = field(default_factory=Normal)

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> np.ndarray:
        if n_pre % 2:
            raise WiringError(
                f"Opposed weights need a positive and a negative half of the presynaptic neurons, "
                f"got {n_pre} neurons; their number must be even."
            )
        weights = self.source.draw(n_pre // 2, n_post, rng)
        return np.concatenate([-weights, weights])

    def draw_for(self, edges: Edges, rng: np.random.Generator) -> np.ndarray:
        if not _draws_few(self.source):
            return super().draw_for(edges, rng)
        half = edges.shape[0] // 2
        too_little = edges.pre >= half
        # the two neurons of a class count as one: its synapse is there if either of them has it
        keys = (edges.pre - half * too_little).astype(np.int64) * edges.shape[1] + edges.post
        pairs, place = np.unique(keys, return_inverse=True)
        pre, post = (part.astype(np.int32) for part in np.divmod(pairs, edges.shape[1]))
        weights = self.source.draw_for(Edges((half, edges.shape[1]), pre, post), rng)[place]
        return weights * np.where(too_little, *self._factors[::-1])

    @property
    def _factors(self) -> tuple[float, float]:
        """Factors on W of the positive and the negative half."""
        return -1.0, 1.0


def _draws_few(source: WeightSource | None) -> bool:
    """Say whether a source chooses among the synapses that exist."""
    while source is not None and not isinstance(source, FewInputs):
        source = getattr(source, "source", None)
    return source is not None
