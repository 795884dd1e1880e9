"""Weight constraints after every update: Dale's law, sparsity masks, quantisation."""

from dataclasses import dataclass
from math import frexp
from typing import Annotated

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.parameters import CountOrZero, Matrix, Number, Positive, Share, Vector
from apical.errors import ParameterError

LEAST_BITS, MOST_BITS = 2, 24
"""Range of quantisation: the fewest bits with both signs, and as many as single precision has."""


@dataclass(frozen=True)
class Levels:
    """Quantisation of weights to ``2**bits`` levels (fixed point, two's complement).

    Levels are multiples of ``step = largest/2**(bits - 1)`` from ``-largest`` to
    ``largest - step``; 0 is one of them. A weight between two levels is rounded to either, the
    nearer one with the larger probability, so that its expected value does not change (stochastic
    rounding, Gupta et al. 2015, arXiv:1502.02551, section 3.1).

    Parameters
    ----------
    bits
        Bits per weight, from 2 to 24.
    largest
        Largest absolute weight [dimensionless], a power of 2, so that levels are exact in any
        precision.

    Raises
    ------
    ParameterError
        If there are no such levels.

    See Also
    --------
    apical.hypotheses.weights_of_bits : Quantise all weights that learn.
    apical.Projection : Its parameter `levels`.

    References
    ----------
    Gupta et al. 2015, arXiv:1502.02551, section 3.1.

    Examples
    --------
    >>> from apical.plasticity.constraints import Levels
    >>> levels = Levels(bits=4, largest=2.0)
    >>> levels.step, levels.bounds
    (0.25, (-2.0, 1.75))
    >>> Levels(bits=4, largest=3.0)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Levels need a power of 2 as the largest weight (such as
        0.5, 1 or 4), got largest=3.0...
    """

    bits: Annotated[int, Number(whole=True, least=LEAST_BITS, most=MOST_BITS)]
    largest: Positive = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        if frexp(self.largest)[0] != 0.5:
            raise ParameterError(
                "Levels need a power of 2 as the largest weight (such as 0.5, 1 or 4), got "
                f"largest={self.largest!r}.",
                object="Levels",
                parameter="largest",
            )

    @property
    def step(self) -> float:
        """Distance between neighbouring levels [dimensionless]."""
        return self.largest / 2 ** (self.bits - 1)

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest level [dimensionless]."""
        return -self.largest, self.largest - self.step

    def rounded(self, weights: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Return quantised weights (stochastic rounding).

        Parameters
        ----------
        weights
            Any weights [dimensionless].
        draws
            Random numbers, independent and uniform on [0, 1), of the same shape.
        """
        scaled = np.clip(weights, *self.bounds) / self.step
        whole = np.floor(scaled)
        return self.step * (whole + np.ceil(scaled - whole - draws))


@checked()
def polarity(n: CountOrZero, inhibitory: Share, rng: np.random.Generator) -> np.ndarray:
    """Return the sign of each neuron by Dale's law, 1 or -1, shape (n,).

    Parameters
    ----------
    n
        Number of neurons.
    inhibitory
        Fraction of inhibitory neurons, which are chosen at random.
    rng
        Random number generator.
    """
    return np.where(rng.permutation(n) < round(inhibitory * n), -1.0, 1.0)


@checked()
def balanced(weights: Matrix, signs: Vector) -> np.ndarray:
    """Return weights with the signs of their neurons, excitation and inhibition in balance.

    If there are neurons of both kinds, those of the smaller group have larger weights, so that
    excitation and inhibition cancel on average; all weights are then scaled to keep their mean
    square.

    Parameters
    ----------
    weights
        Shape (n_pre, n_post) [dimensionless].
    signs
        1 or -1 for each presynaptic neuron, shape (n_pre,).
    """
    require(
        len(signs) == len(weights),
        "restraints.balanced",
        "signs",
        f"of shape ({len(weights)},)",
        f"shape {signs.shape}",
    )
    return np.abs(weights) * balancing(signs)[:, np.newaxis]


@checked()
def balancing(signs: Vector) -> np.ndarray:
    """Return the factors on absolute weights by which `balanced` balances them, shape (n_pre,).

    Parameters
    ----------
    signs
        1 or -1 for each presynaptic neuron, shape (n_pre,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.plasticity.constraints import balancing
    >>> balancing(np.array([1.0, 1.0, 1.0, -1.0])).round(2).tolist()  # three excite, one inhibits
    [0.58, 0.58, 0.58, -1.73]
    """
    n_excite, n_inhibit = (int((signs == sign).sum()) for sign in (1, -1))
    size = np.ones(len(signs))
    if n_excite and n_inhibit:
        ratio = n_excite / n_inhibit
        scale = (len(signs) / (n_excite + n_inhibit * ratio**2)) ** 0.5
        size = np.where(signs < 0, ratio, 1.0) * scale
    return size * signs
