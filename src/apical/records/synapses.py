"""Synapses as arrays: those of each projection of a network, with their weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from apical._base.checking import check_fields, require
from apical._base.names import check_name
from apical._base.parameters import Array, Count, Line, Time
from apical.projections.edges import Edges

Exists = Annotated[np.ndarray, Array((2,), kinds="b")]
"""Which synapses exist, shape (n_pre, n_post)."""
Values = Annotated[np.ndarray, Array((1, 2))]
"""Values of synapses: a matrix, or one for each synapse."""


@dataclass(frozen=True)
class Synapses:
    """Synapses of one projection.

    Parameters
    ----------
    pre, post
        Names of the populations that they join.
    kinds
        Neuron models of the two.
    weights
        Weights now [dimensionless], shape (n_pre, n_post); with `joined`, shape (n_synapses,).
    initial
        Weights before learning, of the same shape; None where they never change.
    exists
        Which synapses exist, shape (n_pre, n_post); None for all. Others have weight 0.
    role
        ``"forward"``, ``"lateral"``, ``"feedback"``, ``"error"`` (to error neurons) or ``"bias"``.
    delay
        Transmission delay [ms].
    carries
        Which signal of `pre` reaches which input of `post`.
    rule
        Name of the learning rule; empty for none.
    joined
        The synapses of a sparse projection (one with a connectivity), instead of `exists`: memory
        is then proportional to their number.

    See Also
    --------
    apical.export.export : Writes them.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.records.synapses import Synapses
    >>> joined = Synapses("stimulus", "hidden", ("Stimulus", "LIF"), np.ones((4, 3)), delay=2.0)
    >>> len(joined)
    12

    A sparse projection has a value for each synapse that exists:

    >>> from apical.projections.edges import Edges
    >>> pairs = Edges((4, 3), np.array([0, 2]), np.array([1, 0]))
    >>> kinds, weights = ("Stimulus", "LIF"), np.array([0.1, 0.2])
    >>> sparse = Synapses("stimulus", "hidden", kinds, weights, joined=pairs)
    >>> sparse.shape, len(sparse), sparse.each(sparse.weights).tolist()
    ((4, 3), 2, [0.2, 0.1])
    """

    pre: Line
    post: Line
    kinds: tuple[str, str]
    weights: Values
    initial: Values | None = None
    exists: Exists | None = None
    role: Line = ""
    delay: Time = 0.0
    carries: Mapping[str, str] | None = None
    rule: Line = ""
    joined: Edges | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        check_name(self.pre, "word", "Synapses", "a population")
        check_name(self.post, "word", "Synapses", "a population")
        wanted = "of shape (n_pre, n_post)"
        if self.joined is not None:
            _check_pairs(self.joined)
            wanted = f"one for each of {len(self.joined)} synapses"
        fits = self.weights.ndim == 2 if self.joined is None else self.weights.shape == (len(self),)
        require(fits, "Synapses", "weights", wanted, f"shape {self.weights.shape}")
        for name in ("initial", "exists"):
            values = getattr(self, name)
            require(
                values is None or values.shape == self.weights.shape,
                "Synapses",
                name,
                f"of the shape of the weights, {self.weights.shape}",
                f"shape {None if values is None else values.shape}",
            )

    def __len__(self) -> int:
        if self.joined is not None:
            return len(self.joined)
        return int(self.weights.size if self.exists is None else self.exists.sum())

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of presynaptic and postsynaptic neurons."""
        if self.joined is not None:
            return self.joined.shape
        n_pre, n_post = self.weights.shape
        return n_pre, n_post

    @property
    def before(self) -> np.ndarray:
        """Weights before learning, of the shape of `weights`."""
        return self.weights if self.initial is None else self.initial

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the presynaptic and the postsynaptic neuron of each synapse that exists.

        Both have shape (n_synapses,); synapses are ordered by postsynaptic neuron, and within one
        by presynaptic neuron.
        """
        if self.joined is not None:
            backwards = self.joined.transposed()[0]
            return backwards.post, backwards.pre
        exists = np.ones(self.weights.shape, bool) if self.exists is None else self.exists
        post, pre = np.nonzero(exists.T)
        return pre, post

    def each(self, values: np.ndarray) -> np.ndarray:
        """Return values of synapses, such as `weights` or `before`, in the order of `edges`.

        Parameters
        ----------
        values
            An array of the shape of `weights`.
        """
        if self.joined is not None:
            return np.asarray(values[self.joined.transposed()[1]])
        return np.asarray(values[self.edges()])


def _check_pairs(joined: Edges) -> None:
    """Raise unless synapses join neurons that there are, in order, each pair once."""
    (n_pre, n_post), pre, post = joined.shape, joined.pre, joined.post
    kinds = {pre.dtype.kind, post.dtype.kind}
    held = pre.shape == post.shape and pre.ndim == 1 and kinds <= {"i", "u"}
    if held and len(pre):
        inside = min(pre.min(), post.min()) >= 0 and pre.max() < n_pre and post.max() < n_post
        held = inside and bool((np.diff(pre.astype(np.int64) * n_post + post) > 0).all())
    wanted = "pairs of neurons that there are, each once, by presynaptic, then postsynaptic neuron"
    require(held, "Synapses", "joined", wanted, "others")


@dataclass(frozen=True)
class Wire:
    """What a file says of a projection besides its arrays: fields of `Synapses`."""

    pre: Line
    post: Line
    kinds: tuple[str, str]
    role: Line = ""
    delay: Time = 0.0
    carries: Mapping[str, str] | None = None
    rule: Line = ""
    shape: tuple[Count, Count] | None = None


_ARRAYS = ("weights", "initial", "exists")


def to_arrays(synapses: Mapping[str, Synapses]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what a file says of projections, and their arrays, by ``<array>:<projection>``."""
    told, arrays = {}, {}
    for name, one in synapses.items():
        told[name] = {
            "pre": one.pre,
            "post": one.post,
            "kinds": list(one.kinds),
            "role": one.role,
            "delay": one.delay,
            "carries": dict(one.carries or {}),
            "rule": one.rule,
        }
        for key in _ARRAYS:
            values = getattr(one, key)
            if values is not None:
                arrays[f"{key}:{name}"] = values
        if one.joined is not None:
            told[name]["shape"] = list(one.joined.shape)
            arrays |= {f"pre:{name}": one.joined.pre, f"post:{name}": one.joined.post}
    return told, arrays


def from_arrays(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Synapses]:
    """Return what `to_arrays` was made of."""
    found = {}
    for name, one in told.items():
        shape, joined = one.get("shape"), None
        if shape is not None:
            joined = Edges((shape[0], shape[1]), arrays[f"pre:{name}"], arrays[f"post:{name}"])
        found[name] = Synapses(
            **{key: value for key, value in one.items() if key not in ("kinds", "shape")},
            kinds=tuple(one["kinds"]),
            weights=arrays[f"weights:{name}"],
            initial=arrays.get(f"initial:{name}"),
            exists=arrays.get(f"exists:{name}"),
            joined=joined,
        )
    return found
