"""Surrogate gradients: the derivative of a spike with respect to the distance from threshold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from typing import Any, Literal

from apical._base.checking import check_fields
from apical._base.parameters import Positive
from apical.errors import DeviceError

Array = Any
"""Array of PyTorch."""

Derivative = Literal["fast_sigmoid", "arctan", "triangle", "gain", "sigmoid"]

SLOPES: Mapping[str, Callable[[Any, float], Any]] = {
    "fast_sigmoid": lambda u, steepness: 1 / (1 + steepness * abs(u)) ** 2,
    "arctan": lambda u, steepness: steepness / (1 + (steepness * u) ** 2) / pi,
    "triangle": lambda u, steepness: (1 - steepness * abs(u)).clip(0),
}
"""Derivatives that stand for that of a step, of the distance from threshold and a steepness."""

GAIN, SMOOTH = "gain", "sigmoid"
"""The derivative is the neuron's own ``gain``; or spikes are themselves sigmoids."""


@dataclass(frozen=True)
class Surrogate:
    """How gradients pass a threshold.

    Parameters
    ----------
    name
        Derivative that stands for that of a spike with respect to u, the distance from threshold,
        with steepness s: ``"fast_sigmoid"``, ``1/(1 + s*abs(u))**2``; ``"arctan"``,
        ``s/(pi*(1 + (s*u)**2))``; ``"triangle"``, ``max(0, 1 - s*abs(u))``; ``"gain"``, the signal
        of that name, with which the neuron's own rule learns; ``"sigmoid"`` for graded spikes, to
        check gradients by.
    steepness
        Of the derivative, per unit of distance [dimensionless].
    through_reset
        Whether gradients pass through what a spike sets in its own neuron: reset, adaptation.

    References
    ----------
    Neftci, Mostafa & Zenke 2019, doi:10.1109/MSP.2019.2931595.

    Examples
    --------
    >>> from apical.devices.surrogates import Surrogate
    >>> Surrogate("arctan", steepness=3.0)
    Surrogate(name='arctan', steepness=3.0, through_reset=False)
    """

    name: Derivative = "fast_sigmoid"
    steepness: Positive = 25.0
    through_reset: bool = False

    def __post_init__(self) -> None:
        check_fields(self)

    def spikes(
        self, distance: Array, spiked: Array, allowed: Array, gain: Array | None, owner: str
    ) -> Array:
        """Return spikes as numbers through which gradients pass.

        Parameters
        ----------
        distance
            From threshold, above 0 where a neuron spikes.
        spiked
            Whether it does.
        allowed
            Whether it may spike: it is not refractory.
        gain
            The neuron's own, for ``"gain"``.
        owner
            Whose they are, for messages.

        Raises
        ------
        DeviceError
            If the neuron has no ``gain``.
        """
        if self.name == SMOOTH:
            return (self.steepness * distance).sigmoid() * allowed
        if self.name != GAIN:
            slope = SLOPES[self.name](distance.detach(), self.steepness)
        elif gain is not None:
            slope = gain.detach()
        else:
            raise DeviceError(
                f"{owner!r} offers no 'gain', which surrogate 'gain' reads; choose "
                f"{', '.join(map(repr, SLOPES))}.",
                object=owner,
            )
        # worth the step, with the derivative of slope * distance
        through = slope * allowed * (distance - distance.detach())
        return spiked.to(distance.dtype) + through
