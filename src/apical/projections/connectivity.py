"""Connectivity: which synapses of a projection exist.

A synapse that does not exist has no weight and never gets one, by learning, decay, noise or
loading. To add a kind, derive a class from `Connectivity` whose `pairs` returns the two neurons of
each synapse, and name it in `CONNECTIVITIES`, or as an entry point of group
``apical.connectivities``.

Random kinds draw from the stream ``"connectivity"`` of the projection, under the seed of its
network. Initial weights are then drawn for the synapses that exist, in their order (`Edges`), and
sources that scale weights by a number of neurons (`apical.FanIn`, `FanOut`, `Glorot`) take the
number of synapses of each neuron instead. `missing` of a projection removes a share of these
afterwards.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Annotated, Any, final

import numpy as np

from apical._base.checking import check_fields, checked, described, shown
from apical._base.extras import quietly
from apical._base.parameters import (
    Count,
    CountOrZero,
    Kind,
    Marker,
    Positive,
    Share,
    ShareAboveZero,
    unit_of,
)
from apical._base.registry import Registry
from apical.errors import ParameterError, WiringError
from apical.language.expressions import names, parse
from apical.language.rank_one import compiled
from apical.neurons.base import Neurons, Population
from apical.projections.edges import Edges, in_order

Pairs = tuple[np.ndarray, np.ndarray]
"""Presynaptic and postsynaptic neurons of each synapse, shape (n_synapses,), in any order."""

AT_A_TIME = 2**20
"""Number of pairs of neurons looked at at a time."""


@dataclass(frozen=True)
class Connectivity(ABC):
    """Base of connectivities: which synapses of a projection exist.

    Parameters
    ----------
    autapses
        Whether a neuron may have a synapse onto itself, in a projection from a population to
        itself.

    See Also
    --------
    AllToAll : All of them, the default.
    apical.Projection : Its parameter `connectivity`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> import apical as ap
    >>> @dataclass(frozen=True)
    ... class Neighbours(ap.connectivity.Connectivity):
    ...     reach: int = 1
    ...
    ...     def pairs(self, pre, post, rng):
    ...         i, j = np.indices((pre.size, post.size))
    ...         return np.nonzero(abs(i - j) <= self.reach)
    >>> h, near = ap.LIF("hidden", 4), Neighbours(autapses=False)
    >>> ap.connectivity.edges_of(near, h, h, ap.stream(0, "any")).post.tolist()
    [1, 0, 2, 1, 3, 2]
    """

    autapses: bool = field(default=True, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def is_full(self) -> bool:
        """Whether all synapses exist, whatever the populations are."""
        return False

    @property
    def about(self) -> str:
        """What it is, in a few words, for tables and the scorecard."""
        return repr(self)

    @classmethod
    def example(cls) -> "tuple[Connectivity, tuple[int, ...]]":
        """Return an example for contracts, and the shape of a population that it joins to.

        The presynaptic population has shape (2, 3).
        """
        return cls(), (2, 3)

    def check(self, pre: Population, post: Population) -> None:  # noqa: B027 - most join any two
        """Raise if two populations cannot be joined so.

        Raises
        ------
        WiringError
            If their sizes, shapes or positions do not fit.
        """

    def expected(self, pre: Population, post: Population) -> float:
        """Return the expected number of synapses, from which memory is estimated beforehand."""
        return pre.size * post.size

    @property
    def components(self) -> int:
        """Number of parts of both populations that are joined alike, by the same weights.

        1 for most; `ByComponent` joins vectorised units. Where there are several, synapses are
        those of the first part, and the same for every other one, part after part.
        """
        return 1

    def windows_of(self, pre: Population, post: Population) -> np.ndarray | None:
        """Return the inputs that all maps of a position share, for devices that store by window.

        Shape (n_windows, n_inputs): presynaptic neurons, -1 for none. Postsynaptic neuron
        ``m * n_windows + k`` then hears those of window k, or some of them. None where
        connectivity is of another form. Where there are several `components`, windows are those of
        one of them.
        """
        return None

    @abstractmethod
    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        """Return the presynaptic and the postsynaptic neuron of each synapse.

        Parameters
        ----------
        pre, post
            The populations.
        rng
            Random numbers of the projection.
        """


@checked()
def edges_of(
    connectivity: Connectivity, pre: Population, post: Population, rng: np.random.Generator
) -> Edges:
    """Return the synapses of two populations, in order.

    Parameters
    ----------
    connectivity
        Which of them exist.
    pre, post
        The populations; autapses are possible where they are the same one.
    rng
        Random numbers.

    Raises
    ------
    WiringError
        If none exists, or one is not of the populations, or exists twice.

    Examples
    --------
    >>> import apical as ap
    >>> x, h = ap.LIF("e", 3), ap.LIF("i", 3)
    >>> edges = ap.connectivity.edges_of(ap.connectivity.OneToOne(), x, h, ap.stream(0, "any"))
    >>> edges.pre.tolist(), edges.post.tolist()
    ([0, 1, 2], [0, 1, 2])
    """
    connectivity.check(pre, post)
    i, j = connectivity.pairs(pre, post, rng)
    if not connectivity.autapses and pre is post:
        other = i != j
        i, j = i[other], j[other]
    where = f"{connectivity.about} from {pre.name!r} to {post.name!r}"
    if not len(i):
        raise WiringError(f"{where} makes no synapse; let there be one or more.")
    found = in_order((pre.size, post.size), i, j)
    inside = found.pre[0] >= 0 and found.pre[-1] < pre.size
    inside = inside and found.post.min() >= 0 and found.post.max() < post.size
    again = (np.diff(found.pre) == 0) & (np.diff(found.post) == 0)
    if not inside or again.any():
        what = "joins two neurons twice" if inside else "names neurons that do not exist"
        raise WiringError(f"{where} {what}; give each pair once, of {pre.size} x {post.size}.")
    return found


@final
@dataclass(frozen=True)
class AllToAll(Connectivity):
    """Every neuron of one population reaches every neuron of the other.

    See Also
    --------
    OneToOne : Neuron i reaches neuron i alone.

    Examples
    --------
    >>> import apical as ap
    >>> ap.connectivity.AllToAll().is_full, ap.connectivity.AllToAll(autapses=False).is_full
    (True, False)
    """

    @property
    def is_full(self) -> bool:
        return self.autapses

    @property
    def about(self) -> str:
        return "all to all" if self.autapses else "all to all without autapses"

    def windows_of(self, pre: Population, post: Population) -> np.ndarray | None:
        if pre.size > 1 or post.shape is None or len(post.shape) < 2:
            return None
        return np.zeros((post.shape[-2] * post.shape[-1], 1), int)  # a bias: the same everywhere

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        i = np.repeat(np.arange(pre.size, dtype=np.int32), post.size)
        return i, np.tile(np.arange(post.size, dtype=np.int32), pre.size)


@final
@dataclass(frozen=True)
class OneToOne(Connectivity):
    """Neuron i reaches neuron i alone.

    Raises
    ------
    WiringError
        If the populations are not of the same size.

    See Also
    --------
    apical.Identity : Weights of that form, all of them the same, of a full projection.

    Examples
    --------
    >>> import apical as ap
    >>> x, h = ap.LIF("e", 3), ap.LIF("i", 4)
    >>> ap.Projection(x, h, connectivity=ap.connectivity.OneToOne())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Projection 'e_to_i': OneToOne needs as many neurons on ...
    """

    @property
    def about(self) -> str:
        return "one to one"

    def check(self, pre: Population, post: Population) -> None:
        if pre.size != post.size:
            raise WiringError(
                f"OneToOne needs as many neurons on both sides, but {pre.name!r} has {pre.size} "
                f"and {post.name!r} has {post.size}."
            )

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        return np.arange(pre.size), np.arange(pre.size)

    def expected(self, pre: Population, post: Population) -> float:
        return pre.size


@final
@dataclass(frozen=True)
class OneToBlock(Connectivity):
    r"""Each neuron reaches a block of its own: every postsynaptic neuron hears one neuron.

    Of n postsynaptic neurons, neuron j hears neuron :math:`\lfloor j\,n_\text{pre}/n \rfloor`:
    blocks follow each other, and are of one size where n is a multiple of :math:`n_\text{pre}`.

    Raises
    ------
    WiringError
        If there are fewer postsynaptic than presynaptic neurons.

    See Also
    --------
    OneToOne : Blocks of one neuron.
    ByComponent : Vectorised units, whose components are such blocks.
    apical.feedback.error_vector : A wiring that is made of it.

    Examples
    --------
    >>> import apical as ap
    >>> error, h = ap.RateError("error", 2), ap.Rate("hidden", 5)
    >>> blocks = ap.connectivity.OneToBlock()
    >>> edges = ap.connectivity.edges_of(blocks, error, h, ap.stream(0, "any"))
    >>> edges.pre.tolist(), edges.post.tolist()
    ([0, 0, 0, 1, 1], [0, 1, 2, 3, 4])
    """

    @classmethod
    def example(cls) -> tuple[Connectivity, tuple[int, ...]]:
        return cls(), (3, 4)

    @property
    def about(self) -> str:
        return "one to a block"

    def check(self, pre: Population, post: Population) -> None:
        if post.size < pre.size:
            raise WiringError(
                f"OneToBlock needs a neuron of {post.name!r} for each of the {pre.size} of "
                f"{pre.name!r}, but there are {post.size}; let there be as many, or more."
            )

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        j = np.arange(post.size, dtype=np.int64)
        return j * pre.size // post.size, j

    def expected(self, pre: Population, post: Population) -> float:
        return post.size


@final
@dataclass(frozen=True)
class ByComponent(Connectivity):
    r"""Vectorised units: component k of a unit hears component k of others, by the same weights.

    .. math:: \text{drive}^k_i = \sum_j w_{ji}\,x^k_j \qquad k = 1 \ldots K

    A population of n units of K components has :math:`K n` neurons: those of the first component,
    then those of the second, and so on. With a shape, ``(K * maps, rows, columns)``, each component
    has a K-th of its first axis. Two units have one weight, which is changed by the sum of the
    updates of its K synapses. For device ``array``.

    Parameters
    ----------
    number
        Number of components K, of both populations.
    of
        Connectivity of the units; all to all by default.

    Raises
    ------
    WiringError
        If a population cannot be divided into as many components, or `of` cannot join the units.

    See Also
    --------
    apical.Rate : Its parameter `components`: units with a common gate.
    apical.feedback.error_vector : Teaches component k by the error of class k.
    OneToBlock : From one neuron to all neurons of a component.

    References
    ----------
    Clark, Abbott & Chung 2021, arXiv:2106.04089.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> h, k = net.add(ap.Rate("first", 6)), net.add(ap.Rate("second", 4))  # 3 and 2 units
    >>> p = net.connect(h, k, connectivity=ap.connectivity.ByComponent(2))
    >>> edges = net.edges(p)
    >>> len(edges), edges.n_weights
    (12, 6)
    >>> w = net.initial_weights(p)
    >>> bool((w[:3, :2] == w[3:, 2:]).all()), bool(w[:3, 2:].any() or w[3:, :2].any())
    (True, False)
    >>> ap.Projection(h, ap.Rate("third", 5), connectivity=ap.connectivity.ByComponent(2))
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Projection 'first_to_third': ByComponent(2) needs a ...
    """

    number: Count
    of: Annotated[Connectivity, Kind(Connectivity, "connectivity.ReceptiveFields(3)")] = field(
        default_factory=AllToAll
    )

    @classmethod
    def example(cls) -> tuple[Connectivity, tuple[int, ...]]:
        return cls(2), (4,)

    @property
    def is_full(self) -> bool:
        return self.number == 1 and self.of.is_full

    @property
    def components(self) -> int:
        return self.number * self.of.components

    @property
    def about(self) -> str:
        return f"{self.of.about}, alike for each of {self.number} components"

    def _units(self, pre: Population, post: Population) -> tuple[Population, Population]:
        """Return both populations as their units: those of one component."""
        sent = _units(pre, self.number)
        return sent, sent if post is pre else _units(post, self.number)

    def check(self, pre: Population, post: Population) -> None:
        self.of.check(*self._units(pre, post))

    def windows_of(self, pre: Population, post: Population) -> np.ndarray | None:
        return self.of.windows_of(*self._units(pre, post))

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        sent, heard = self._units(pre, post)
        units = edges_of(self.of, sent, heard, rng)
        part = np.arange(self.number, dtype=np.int32)[:, np.newaxis]
        i, j = units.pre + part * sent.size, units.post + part * heard.size
        return i.ravel(), j.ravel()

    def expected(self, pre: Population, post: Population) -> float:
        return self.of.expected(*self._units(pre, post))  # weights, which memory goes with


def _units(population: Population, components: int) -> Population:
    """Return the units of a population of so many components, as a population."""
    shape, size = population.shape, population.size
    if (size if shape is None else shape[0]) % components:
        what = f"{size} neurons" if shape is None else f"shape {shape}"
        raise WiringError(
            f"ByComponent({components}) needs a multiple of {components} neurons on both sides, in "
            f"the first axis where there is a shape, but {population.name!r} has {what}."
        )
    kept = None if shape is None else (shape[0] // components, *shape[1:])
    return Neurons(population.name, size // components, shape=kept)


@dataclass(frozen=True, repr=False)
class _MaskMarker(Marker):
    """Marks a mask: a matrix of bools, or of 0 and 1, of NumPy or of `scipy.sparse`."""

    def plain(self, value: Any) -> Any:
        """Return the mask, as bools or a sparse array of them; ValueError if it is none."""
        sparse = quietly("scipy.sparse")

        if sparse.issparse(value):
            found = sparse.coo_array(value)
            found.sum_duplicates()
            self._check(found.data)
            found.eliminate_zeros()
            return sparse.coo_array((np.ones(found.nnz, bool), (found.row, found.col)), found.shape)
        if value is None or isinstance(value, str | bytes) or unit_of(value) != "1":
            raise ValueError
        array = np.asarray(value)
        if array.ndim != 2:
            raise ValueError
        self._check(array)
        return array.astype(bool)

    def _check(self, values: np.ndarray) -> None:
        if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
            raise ValueError

    @property
    def text(self) -> str:
        """The requirement, in words."""
        return "a matrix of bools, or of 0 and 1 (such as weights != 0), dense or of scipy.sparse"


@final
@dataclass(frozen=True, eq=False, repr=False)
class Mask(Connectivity):
    """The synapses of a mask.

    Parameters
    ----------
    mask
        Which synapses exist, shape (n_pre, n_post): an array of bools or of 0 and 1, or a sparse
        matrix of `scipy.sparse`, which takes memory for these synapses only.

    Raises
    ------
    ParameterError
        If there is no synapse in it, or it has other numbers (NaN among them).
    WiringError
        If it does not have the shape of the projection.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x, h = net.add(ap.Stimulus("stimulus", 2)), net.add(ap.LIF("hidden", 3))
    >>> mask = np.array([[1, 0, 1], [0, 1, 0]])
    >>> projection = net.connect(x, h, connectivity=ap.connectivity.Mask(mask))
    >>> net.initial_weights(projection) != 0
    array([[ True, False,  True],
           [False,  True, False]])
    >>> ap.Projection(h, h, connectivity=ap.connectivity.Mask(mask))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Projection 'hidden_to_hidden': Mask of shape (2, 3) ...
    """

    mask: Annotated[Any, _MaskMarker()]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.mask.sum():
            raise ParameterError(
                f"Mask: mask must have one synapse or more, got none in shape {self.mask.shape}.",
                object="Mask",
                parameter="mask",
            )

    @classmethod
    def example(cls) -> tuple[Connectivity, tuple[int, ...]]:
        return cls(np.indices((6, 4)).sum(axis=0) % 2 == 0), (4,)

    def __repr__(self) -> str:
        pre, post = self.mask.shape
        return f"Mask({pre} x {post}, {int(self.mask.sum()):,} synapses)"

    def check(self, pre: Population, post: Population) -> None:
        if self.mask.shape != (pre.size, post.size):
            raise WiringError(
                f"Mask of shape {self.mask.shape} does not fit {pre.size} neurons of {pre.name!r} "
                f"(rows) and {post.size} of {post.name!r} (columns)."
            )

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        i, j = self.mask.nonzero()
        return i, j

    def expected(self, pre: Population, post: Population) -> float:
        return float(self.mask.sum())


@final
@dataclass(frozen=True)
class Probability(Connectivity):
    """Each synapse exists with the same probability, independently of all others.

    Parameters
    ----------
    p
        That probability.

    See Also
    --------
    FixedInDegree : As many synapses onto each neuron.
    apical.hypotheses.missing_synapses : Remove a share of the synapses of a network.

    Examples
    --------
    >>> import apical as ap
    >>> e, i = ap.LIF("e", 100), ap.LIF("i", 200)
    >>> tenth = ap.connectivity.Probability(0.1)
    >>> edges = ap.connectivity.edges_of(tenth, e, i, ap.stream(0, "connectivity"))
    >>> round(edges.density, 2)
    0.1
    """

    p: ShareAboveZero

    @classmethod
    def example(cls) -> tuple[Connectivity, tuple[int, ...]]:
        return cls(0.4), (4,)

    @property
    def about(self) -> str:
        return f"random, each synapse with probability {self.p:g}"

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        # distances from one synapse to the next are geometric: time goes with the synapses
        n, found, last = pre.size * post.size, list[np.ndarray](), -1
        while last < n - 1:
            steps = rng.geometric(self.p, min(AT_A_TIME, 16 + int(1.1 * (n - last) * self.p)))
            at = last + np.cumsum(steps)
            found.append(at[at < n])
            last = int(at[-1])
        at = np.concatenate(found)
        return (at // post.size).astype(np.int32), (at % post.size).astype(np.int32)

    def expected(self, pre: Population, post: Population) -> float:
        return self.p * pre.size * post.size


@final
@dataclass(frozen=True)
class FixedInDegree(Connectivity):
    """As many synapses onto each postsynaptic neuron, from neurons drawn without repetition.

    Parameters
    ----------
    k
        In-degree: the number of synapses onto each neuron.

    Raises
    ------
    WiringError
        If there are fewer presynaptic neurons.

    Examples
    --------
    >>> import apical as ap
    >>> e, i = ap.LIF("e", 100), ap.LIF("i", 5)
    >>> ten = ap.connectivity.FixedInDegree(10)
    >>> ap.connectivity.edges_of(ten, e, i, ap.stream(0, "connectivity")).in_degrees.tolist()
    [10, 10, 10, 10, 10]
    """

    k: Count

    @classmethod
    def example(cls) -> tuple[Connectivity, tuple[int, ...]]:
        return cls(3), (4,)

    @property
    def about(self) -> str:
        return f"random, {self.k:,} synapses onto each neuron"

    def check(self, pre: Population, post: Population) -> None:
        there = pre.size - (pre is post and not self.autapses)
        if self.k > there:
            raise WiringError(
                f"FixedInDegree(k={self.k}) needs as many neurons, but {post.name!r} can hear "
                f"{there} of {pre.name!r}; lower k."
            )

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        others = pre is post and not self.autapses
        chosen = np.empty((post.size, self.k), np.int32)
        for row in chosen:
            row[:] = rng.choice(pre.size - others, self.k, replace=False, shuffle=False)
        if others:  # count on behind the neuron itself
            chosen += chosen >= np.arange(post.size)[:, np.newaxis]
        return chosen.ravel(), np.repeat(np.arange(post.size, dtype=np.int32), self.k)

    def expected(self, pre: Population, post: Population) -> float:
        return self.k * post.size


@checked()
def gaussian(sigma: Positive, peak: Share = 1.0) -> str:
    r"""Return the kernel :math:`p\,\exp(-d^2/(2\sigma^2))`.

    Parameters
    ----------
    sigma
        Standard deviation [in units of the positions].
    peak
        Probability at distance 0.

    Examples
    --------
    >>> import apical as ap
    >>> ap.connectivity.gaussian(0.1)
    '1.0*exp(-d**2/(2*0.1**2))'
    """
    return f"{peak!r}*exp(-d**2/(2*{sigma!r}**2))"


@checked()
def exponential(length: Positive, peak: Share = 1.0) -> str:
    r"""Return the kernel :math:`p\,\exp(-d/\lambda)`.

    Parameters
    ----------
    length
        Space constant [in units of the positions].
    peak
        Probability at distance 0.

    Examples
    --------
    >>> import apical as ap
    >>> ap.connectivity.exponential(0.2, peak=0.5)
    '0.5*exp(-d/0.2)'
    """
    return f"{peak!r}*exp(-d/{length!r})"


@checked()
def step(radius: Positive, peak: Share = 1.0) -> str:
    """Return the kernel that is `peak` up to a distance, and 0 beyond.

    Parameters
    ----------
    radius
        That distance [in units of the positions].
    peak
        Probability up to there.

    Examples
    --------
    >>> import apical as ap
    >>> ap.connectivity.step(0.25)
    '1.0*int(d <= 0.25)'
    """
    return f"{peak!r}*int(d <= {radius!r})"


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "clip": np.clip,
    "exp": np.exp,
    "floor": np.floor,
    "int": np.trunc,
    "log": np.log,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "not": np.logical_not,
}


@final
@dataclass(frozen=True)
class Distance(Connectivity):
    r"""Each synapse exists with a probability that depends on the distance of its two neurons.

    .. math:: P_{ij} = k(d_{ij}), \qquad d_{ij} = \lVert r_i - r_j \rVert

    Positions r are those of the populations: given, or the grid of their shape in the unit square.

    Parameters
    ----------
    kernel
        An expression of the distance ``d`` in Brian2's grammar, with values from 0 to 1:
        `gaussian`, `exponential` and `step` return some.
    torus
        Whether opposite edges are joined, so that no neuron lies at one (periodic boundaries).
    period
        Size of the torus along each axis [in units of the positions].

    Raises
    ------
    ParameterError
        If the kernel reads anything else, or has other values.
    WiringError
        If a population has neither shape nor positions, or one has other dimensions.

    Examples
    --------
    >>> import apical as ap
    >>> v1 = ap.LIF("v1", 100, shape=(10, 10))
    >>> near = ap.connectivity.Distance(ap.connectivity.step(0.11), torus=True, autapses=False)
    >>> edges = ap.connectivity.edges_of(near, v1, v1, ap.stream(0, "connectivity"))
    >>> edges.post[edges.pre == 0].tolist()  # right, below, and across the edges
    [1, 9, 10, 90]
    >>> ap.Projection(v1, ap.LIF("v2", 9), connectivity=near)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Projection 'v1_to_v2': Distance needs positions, but ...
    """

    kernel: str
    torus: bool = False
    period: Positive = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if names(self.kernel) != {"d"}:
            raise ParameterError(
                f"Distance: kernel must be an expression of the distance d alone, got "
                f"{shown(self.kernel)}; such as 'exp(-d/0.1)'.",
                object="Distance",
                parameter="kernel",
            )

    @classmethod
    def example(cls) -> tuple[Connectivity, tuple[int, ...]]:
        return cls(step(0.4), torus=True), (2, 2)

    @property
    def about(self) -> str:
        where = " on a torus" if self.torus else ""
        return f"by distance d with probability {self.kernel}{where}"

    def check(self, pre: Population, post: Population) -> None:
        found = {}
        for population in (pre, post):
            places = population.coordinates
            if places is None:
                raise WiringError(
                    f"Distance needs positions, but {population.name!r} has none; give it a shape, "
                    "such as shape=(28, 28), or positions."
                )
            found[population.name] = places.shape[1]
        if len({*found.values()}) > 1:
            what = ", ".join(f"{name!r} has {n}" for name, n in found.items())
            raise WiringError(f"Distance needs the same number of coordinates, but {what}.")

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        here, there = pre.coordinates, post.coordinates
        assert here is not None and there is not None
        kernel, found = compiled(parse(self.kernel), _FUNCTIONS), list[Pairs]()
        for rows in _rows(pre.size, post.size):
            apart = np.abs(here[rows, np.newaxis] - there)
            if self.torus:
                apart %= self.period
                apart = np.minimum(apart, self.period - apart)
            p = np.broadcast_to(kernel({"d": np.linalg.norm(apart, axis=2)}), apart.shape[:2])
            if not ((p >= 0) & (p <= 1)).all():  # NaN among them
                wrong = float(p[~((p >= 0) & (p <= 1))][0])
                raise ParameterError(
                    f"Distance: kernel must have values from 0 to 1, but {shown(self.kernel)} is "
                    f"{wrong:g} somewhere between {pre.name!r} and {post.name!r}.",
                    object="Distance",
                    parameter="kernel",
                )
            i, j = np.nonzero(rng.random(p.shape) < p)
            found.append((i + rows.start, j))
        return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])

    def expected(self, pre: Population, post: Population) -> float:
        return 0  # known once they are drawn; nothing is allocated for others


def _rows(n_pre: int, n_post: int) -> Iterator[slice]:
    """Yield slices of presynaptic neurons with so many pairs that they fit into memory."""
    n = max(1, AT_A_TIME // n_post)
    for start in range(0, n_pre, n):
        yield slice(start, min(start + n, n_pre))


@final
@dataclass(frozen=True)
class ReceptiveFields(Connectivity):
    r"""Local receptive fields: each neuron hears a window of the population before.

    A neuron at row r and column c, of any map, hears all maps of the rows from
    :math:`r\,s - q` to :math:`r\,s - q + h - 1`, and of as many columns, for a window of height h,
    stride s and padding q. Every synapse has a weight of its own (locally connected), unless the
    projection is `shared`: then it is a convolution.

    Parameters
    ----------
    size
        Height and width of the window; one number for both.
    stride
        Distance of neighbouring windows along both axes.
    padding
        Rows and columns by which windows reach beyond the edges, where nothing is.

    Raises
    ------
    WiringError
        If a population has no shape, or that of the postsynaptic one is not that of the windows.

    See Also
    --------
    Pooling : Windows of one map each.
    apical.hypotheses.shared_weights : The same weights in all windows.
    Distance : By distance, at random.

    Examples
    --------
    >>> import apical as ap
    >>> x = ap.Stimulus("stimulus", 784, ap.encoding.Graded(), shape=(28, 28))
    >>> fields = ap.connectivity.ReceptiveFields(5, stride=2)
    >>> fields.windows(x.shape)  # rows and columns
    (12, 12)
    >>> h = ap.Rate("hidden", 8 * 12 * 12, shape=(8, 12, 12))
    >>> edges = ap.connectivity.edges_of(fields, x, h, ap.stream(0, "connectivity"))
    >>> len(edges), set(edges.in_degrees.tolist())
    (28800, {25})
    >>> ap.Projection(x, ap.Rate("other", 100, shape=(10, 10)), connectivity=fields)
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Projection 'stimulus_to_other': ReceptiveFields(5 x 5, ...
    """

    size: Count | tuple[Count, Count]
    stride: Count = 1
    padding: CountOrZero = 0

    @classmethod
    def example(cls) -> tuple[Connectivity, tuple[int, ...]]:
        return cls(2), (2, 1, 2)

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width of a window."""
        return self.size if isinstance(self.size, tuple) else (self.size, self.size)

    @property
    def about(self) -> str:
        height, width = self.extent
        edge = f", padding {self.padding}" if self.padding else ""
        return f"receptive fields of {height} x {width}, stride {self.stride}{edge}"

    def windows(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the number of windows along rows and columns.

        Parameters
        ----------
        shape
            That of the presynaptic population.
        """
        rows, columns = (
            (n + 2 * self.padding - m) // self.stride + 1
            for n, m in zip(shape[-2:], self.extent, strict=True)
        )
        return rows, columns

    def check(self, pre: Population, post: Population) -> None:
        called = f"ReceptiveFields({self.extent[0]} x {self.extent[1]}, stride {self.stride})"
        _check_on_grids(called, pre, post)
        assert pre.shape is not None and post.shape is not None
        wanted = self.windows(pre.shape)
        if min(wanted) < 1 or self.padding >= min(self.extent):
            raise WiringError(
                f"{called} with padding {self.padding} leaves empty receptive fields over "
                f"{pre.shape} of {pre.name!r}; let the window fit, and reach further than padding."
            )
        if post.shape[-2:] != wanted:
            raise WiringError(
                f"{called} over {pre.shape} of {pre.name!r} needs {wanted} rows and columns of "
                f"{post.name!r}, got {post.shape}; give it shape=(maps, {wanted[0]}, {wanted[1]})."
            )

    def field(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the presynaptic neurons of each window, shape (n_windows, n_inputs).

        Windows are in the order of rows and columns, inputs in that of maps, rows and columns;
        -1 stands for what lies beyond the edges.

        Parameters
        ----------
        shape
            That of the presynaptic population.
        """
        rows, columns = shape[-2:]
        maps = shape[0] if len(shape) == 3 else 1
        axes = [
            np.arange(n)[:, np.newaxis] * self.stride - self.padding + np.arange(extent)
            for n, extent in zip(self.windows(shape), self.extent, strict=True)
        ]
        r, c = axes[0][:, np.newaxis, :, np.newaxis], axes[1][np.newaxis, :, np.newaxis, :]
        inside = (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
        one = np.where(inside, r * columns + c, -1).reshape(inside[..., 0, 0].size, 1, -1)
        every = np.arange(maps)[:, np.newaxis] * rows * columns
        return np.where(one < 0, -1, one + every).reshape(len(one), -1)

    def windows_of(self, pre: Population, post: Population) -> np.ndarray | None:
        return None if pre.shape is None else self.field(pre.shape)

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        assert pre.shape is not None and post.shape is not None
        field = self.field(pre.shape)
        maps = post.size // len(field)
        window, place = np.nonzero(field >= 0)
        i = np.tile(field[window, place], maps)
        j = np.arange(maps)[:, np.newaxis] * len(field) + window
        return i, j.ravel()

    def expected(self, pre: Population, post: Population) -> float:
        assert pre.shape is not None
        height, width = self.extent
        return post.size * height * width * (pre.shape[0] if len(pre.shape) == 3 else 1)


@final
@dataclass(frozen=True)
class Pooling(Connectivity):
    r"""Pooling: each neuron hears a window of one map, the same one as its own.

    With weights `apical.Mean`, fixed, and linear neurons it is average pooling: of a map x, windows
    of height h, width w and stride s,

    .. math:: y_{mrc} = \frac{1}{hw} \sum_{i=0}^{h-1} \sum_{j=0}^{w-1} x_{m,\,rs+i,\,cs+j}

    Parameters
    ----------
    size
        Height and width of the window; one number for both.
    stride
        Distance of neighbouring windows along both axes; None for windows that do not overlap, side
        by side, which are then square.

    Raises
    ------
    WiringError
        If a population has no shape, or that of the postsynaptic one is not that of the windows, in
        as many maps.

    See Also
    --------
    ReceptiveFields : Windows of all maps.
    apical.Mean : Weights that average.

    Examples
    --------
    >>> import apical as ap
    >>> h = ap.Rate("hidden", 4 * 6 * 6, shape=(4, 6, 6))
    >>> pool = ap.Rate("pool", 4 * 3 * 3, "linear", shape=(4, 3, 3))
    >>> halved = ap.connectivity.Pooling(2)
    >>> edges = ap.connectivity.edges_of(halved, h, pool, ap.stream(0, "connectivity"))
    >>> edges.pre[edges.post == 0].tolist()  # the upper left corner of the first map
    [0, 1, 6, 7]
    >>> ap.Projection(h, ap.Rate("wrong", 9, shape=(3, 3)), connectivity=halved)
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: Projection 'hidden_to_wrong': Pooling(2 x 2, stride 2) ...
    """

    size: Count | tuple[Count, Count]
    stride: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        height, width = self._fields.extent
        if self.stride is None and height != width:
            raise ParameterError(
                f"Pooling: stride must be given for windows that are not square, got size="
                f"{self.size!r} and none; give one, such as stride={min(height, width)}.",
                object="Pooling",
                parameter="stride",
            )

    @classmethod
    def example(cls) -> tuple[Connectivity, tuple[int, ...]]:
        return cls(2, 1), (1, 2)

    @property
    def _fields(self) -> ReceptiveFields:
        height = self.size[0] if isinstance(self.size, tuple) else self.size
        return ReceptiveFields(self.size, height if self.stride is None else self.stride)

    @property
    def about(self) -> str:
        (height, width), stride = self._fields.extent, self._fields.stride
        return f"pooling of {height} x {width}, stride {stride}"

    def windows(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the number of windows along rows and columns.

        Parameters
        ----------
        shape
            That of the presynaptic population.
        """
        return self._fields.windows(shape)

    def check(self, pre: Population, post: Population) -> None:
        (height, width), stride = self._fields.extent, self._fields.stride
        called = f"Pooling({height} x {width}, stride {stride})"
        _check_on_grids(called, pre, post)
        assert pre.shape is not None
        wanted = (*pre.shape[:-2], *self.windows(pre.shape))
        if min(wanted) < 1:
            raise WiringError(
                f"{called} is larger than {pre.shape} of {pre.name!r}; let the window fit."
            )
        if post.shape != wanted:
            raise WiringError(
                f"{called} over {pre.shape} of {pre.name!r} needs shape {wanted} of "
                f"{post.name!r}, got {post.shape}; give it that, and {prod(wanted)} neurons."
            )

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        assert pre.shape is not None
        rows, columns = pre.shape[-2:]
        field = self._fields.field((rows, columns))
        m = np.arange(pre.size // (rows * columns))[:, np.newaxis, np.newaxis]
        i = field + m * rows * columns
        j = np.arange(len(field))[:, np.newaxis] + m * len(field)
        return i.ravel(), np.broadcast_to(j, i.shape).ravel()

    def expected(self, pre: Population, post: Population) -> float:
        height, width = self._fields.extent
        return post.size * height * width


def _check_on_grids(called: str, *populations: Population) -> None:
    for population in populations:
        if population.shape is None or len(population.shape) < 2:
            raise WiringError(
                f"{called} needs rows and columns, but {described(population)} has shape "
                f"{population.shape}; give it one, such as shape=(28, 28)."
            )


@final
@dataclass(frozen=True)
class Transposed(Connectivity):
    """The synapses of another connectivity, the other way: for feedback to where it came from.

    A neuron hears those neurons that it reaches by the other one. A random one is drawn anew.

    Parameters
    ----------
    of
        The other connectivity, from the postsynaptic population to the presynaptic one.

    Raises
    ------
    WiringError
        If the other one cannot join the two that way.

    See Also
    --------
    apical.feedback.layerwise : Its parameter `connectivity`.

    Examples
    --------
    >>> import apical as ap
    >>> x, h = ap.Rate("x", 16, shape=(4, 4)), ap.Rate("h", 8, shape=(2, 2, 2))
    >>> fields = ap.connectivity.ReceptiveFields(2, stride=2)
    >>> back = ap.Projection(h, x, connectivity=ap.connectivity.Transposed(fields))
    >>> back.connectivity.about
    'receptive fields of 2 x 2, stride 2, transposed'
    >>> edges = ap.connectivity.edges_of(back.connectivity, h, x, ap.stream(0, "connectivity"))
    >>> edges.post[edges.pre == 0].tolist()  # to the pixels of its window
    [0, 1, 4, 5]
    """

    of: Annotated[Connectivity, Kind(Connectivity, "connectivity.ReceptiveFields(3)")]

    @classmethod
    def example(cls) -> tuple[Connectivity, tuple[int, ...]]:
        return cls(ReceptiveFields(2, padding=1)), (1, 2)

    @property
    def is_full(self) -> bool:
        return self.of.is_full

    @property
    def about(self) -> str:
        return f"{self.of.about}, transposed"

    def check(self, pre: Population, post: Population) -> None:
        self.of.check(post, pre)

    def pairs(self, pre: Population, post: Population, rng: np.random.Generator) -> Pairs:
        j, i = self.of.pairs(post, pre, rng)
        return i, j

    def expected(self, pre: Population, post: Population) -> float:
        return self.of.expected(post, pre)


CONNECTIVITIES: Registry[type[Connectivity]] = Registry(
    "connectivity",
    {
        "all_to_all": AllToAll,
        "one_to_one": OneToOne,
        "one_to_block": OneToBlock,
        "by_component": ByComponent,
        "mask": Mask,
        "probability": Probability,
        "fixed_in_degree": FixedInDegree,
        "distance": Distance,
        "receptive_fields": ReceptiveFields,
        "pooling": Pooling,
        "transposed": Transposed,
    },
    plural="connectivities",
    fits=lambda value: isinstance(value, type) and issubclass(value, Connectivity),
)
"""Registry of connectivities, by name."""
