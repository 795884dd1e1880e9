"""Synapses as arrays: those of each projection of a network, with their weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from apical._base.checking import check_fields, require
from apical._base.names import check_name
from apical._base.parameters import Array, Line, Matrix, Time

Exists = Annotated[np.ndarray, Array((2,), kinds="b")]
"""Which synapses exist, shape (n_pre, n_post)."""


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
        Weights now [dimensionless], shape (n_pre, n_post).
    initial
        Weights before learning, of the same shape; None where they never change.
    exists
        Which synapses exist, of the same shape; None for all. Others have weight 0.
    role
        ``"forward"``, ``"lateral"``, ``"feedback"``, ``"error"`` (to error neurons) or ``"bias"``.
    delay
        Transmission delay [ms].
    carries
        Which signal of `pre` reaches which input of `post`.
    rule
        Name of the learning rule; empty for none.

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
    """

    pre: Line
    post: Line
    kinds: tuple[str, str]
    weights: Matrix
    initial: Matrix | None = None
    exists: Exists | None = None
    role: Line = ""
    delay: Time = 0.0
    carries: Mapping[str, str] | None = None
    rule: Line = ""

    def __post_init__(self) -> None:
        check_fields(self)
        check_name(self.pre, "word", "Synapses", "a population")
        check_name(self.post, "word", "Synapses", "a population")
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
        return int(self.weights.size if self.exists is None else self.exists.sum())

    @property
    def before(self) -> np.ndarray:
        """Weights before learning, shape (n_pre, n_post)."""
        return self.weights if self.initial is None else self.initial

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the presynaptic and the postsynaptic neuron of each synapse that exists.

        Both have shape (n_synapses,); synapses are ordered by postsynaptic neuron, and within one
        by presynaptic neuron.
        """
        exists = np.ones(self.weights.shape, bool) if self.exists is None else self.exists
        post, pre = np.nonzero(exists.T)
        return pre, post


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
    return told, arrays


def from_arrays(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Synapses]:
    """Return what `to_arrays` was made of."""
    return {
        name: Synapses(
            **{**one, "kinds": tuple(one["kinds"])},
            weights=arrays[f"weights:{name}"],
            initial=arrays.get(f"initial:{name}"),
            exists=arrays.get(f"exists:{name}"),
        )
        for name, one in told.items()
    }
