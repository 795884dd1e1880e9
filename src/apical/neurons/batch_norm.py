"""Batch normalisation of the drives of rate populations."""

from dataclasses import dataclass

from apical._base.checking import check_fields
from apical._base.parameters import Positive, ShareAboveZero


@dataclass(frozen=True)
class BatchNorm:
    """Drives with mean 0 and variance 1 over the trials that learn together.

    ``normal = (drive - mean)/sqrt(variance + eps)``, and the response is to ``scale*normal +
    shift``, where `scale` and `shift` are what synapses from a `Bias` bring (1 and 0 without). With
    learning off, mean and variance are running ones, which are part of the state; every batch moves
    them alike, so that a short last one of an epoch makes them noisy. No neuron knows trials that
    are yet to come: `check` refuses it, and only device ``array`` runs it.

    Parameters
    ----------
    share
        Share of the running mean and variance that each batch replaces [dimensionless].
    eps
        Added to the variance [dimensionless].

    References
    ----------
    Ioffe & Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2; moving averages: section 3.1.
    """

    share: ShareAboveZero = 0.1
    eps: Positive = 1e-5

    def __post_init__(self) -> None:
        check_fields(self)
