"""Batch normalisation of the drives of rate populations."""

from dataclasses import dataclass

from apical._base.checking import check_fields
from apical._base.parameters import Positive, ShareAboveZero


@dataclass(frozen=True)
class BatchNorm:
    r"""Batch normalisation: drives with mean 0 and variance 1 over trials that learn together.

    .. math::

        \hat z = \frac{I - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad x = f(\gamma \hat z + \beta)

    The signal ``normal`` is the normalised drive, and the response is to ``scale*normal + shift``,
    where `scale` and `shift` are what synapses from a `Bias` bring (1 and 0 without). With
    learning off, mean and variance are running ones, which are part of the state; every batch moves
    them alike, so that a short last one of an epoch makes them noisy. No neuron knows trials that
    are yet to come: `check` refuses it, and only device ``array`` runs it.

    Parameters
    ----------
    share
        Share of the running mean and variance that each batch replaces [dimensionless]; 0.1 as in
        PyTorch.
    eps
        Added to the variance [dimensionless], so that it divides by no 0; 1e-5 as in PyTorch.

    See Also
    --------
    apical.rules.norm_scale, apical.rules.norm_shift : Learn scale and shift.

    References
    ----------
    Ioffe & Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2; moving averages: section 3.1.

    Examples
    --------
    >>> from apical import BatchNorm, Rate
    >>> Rate("hidden", 10, "relu", norm=BatchNorm()).signals
    ('x', 'gain', 'delta', 'teach', 'drive', 'normal', 'slope')
    """

    share: ShareAboveZero = 0.1
    eps: Positive = 1e-5

    def __post_init__(self) -> None:
        check_fields(self)
