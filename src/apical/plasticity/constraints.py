"""Weight constraints after every update: Dale's law, sparsity masks, quantisation."""

from dataclasses import dataclass
from math import frexp
from typing import Annotated

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.parameters import CountOrZero, Matrix, Number, Positive, Share, Vector
from apical.errors import ParameterError

LEAST_BITS, MOST_BITS = 2, 24
"""Fewest levels that have both signs; more than single precision holds make no difference."""


@dataclass(frozen=True)
class Levels:
    """Weights that come in ``2**bits`` sizes: numbers of fixed point in two's complement.

    Levels are multiples of ``step = largest/2**(bits - 1)`` from ``-largest`` to
    ``largest - step``; 0 is one of them. A weight between two levels becomes either, the nearer
    one with the larger probability, so that it stays the same on average (stochastic rounding,
    Gupta et al. 2015, arXiv:1502.02551, section 3.1).

    Parameters
    ----------
    bits
        Binary digits of a weight, from 2 to 24.
    largest
        Largest absolute weight [dimensionless], a power of 2, so that levels are exact numbers in
        any precision.

    Raises
    ------
    ParameterError
        If there are no such levels.
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
        """Distance of two levels [dimensionless]."""
        return self.largest / 2 ** (self.bits - 1)

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest level [dimensionless]."""
        return -self.largest, self.largest - self.step

    def rounded(self, weights: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Return weights on their levels.

        Parameters
        ----------
        weights
            Any weights [dimensionless].
        draws
            Numbers from [0, 1), independent and uniform, of the same shape.
        """
        scaled = np.clip(weights, *self.bounds) / self.step
        whole = np.floor(scaled)
        return self.step * (whole + np.ceil(scaled - whole - draws))


@checked()
def polarity(n: CountOrZero, inhibitory: Share, rng: np.random.Generator) -> np.ndarray:
    """Return the sign of each neuron's synapses, 1 or -1, shape (n,).

    Parameters
    ----------
    n
        Number of neurons.
    inhibitory
        Share of them that inhibit; who does is drawn.
    rng
        Draws it.
    """
    return np.where(rng.permutation(n) < round(inhibitory * n), -1.0, 1.0)


@checked()
def balanced(weights: Matrix, signs: Vector) -> np.ndarray:
    """Return absolute weights with the signs of neurons, excitation and inhibition in balance.

    Where neurons of both kinds are, weights of the fewer are larger, so that the two sum to 0 on
    average, and all are scaled alike, so that their mean square is what it was.

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
    n_excite, n_inhibit = (int((signs == sign).sum()) for sign in (1, -1))
    size = np.ones(len(signs))
    if n_excite and n_inhibit:
        ratio = n_excite / n_inhibit
        scale = (len(signs) / (n_excite + n_inhibit * ratio**2)) ** 0.5
        size = np.where(signs < 0, ratio, 1.0) * scale
    return np.abs(weights) * (size * signs)[:, np.newaxis]
