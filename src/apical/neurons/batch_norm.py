"""Batch normalisation of the drives of rate populations."""

from dataclasses import dataclass

from apical._base.checking import check_fields
from apical._base.parameters import Positive, ShareAboveZero


@dataclass(frozen=True)
class BatchNorm:
    r"""Batch normalisation: drives with mean 0 and variance 1 over a batch of trials.

    .. math::

        \hat z = \frac{I - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad x = f(\gamma \hat z + \beta)

    The signal ``normal`` is the normalised drive, and the activation function is applied to
    ``scale*normal + shift``, where `scale` and `shift` are inputs from synapses of a `Bias` (1 and
    0 without). With learning off, running estimates of mean and variance are used, which are part
    of the state; every batch has the same weight in them, so that a short last batch of an epoch
    makes them noisy. No neuron knows trials that are yet to come: `check` refuses batch
    normalisation, and only device ``array`` runs it.

    Parameters
    ----------
    share
        Momentum of the running mean and variance: the fraction that each batch replaces
        [dimensionless]; 0.1 as in PyTorch.
    eps
        Added to the variance [dimensionless] to avoid division by 0; 1e-5 as in PyTorch.

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
