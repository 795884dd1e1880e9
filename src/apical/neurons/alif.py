"""Adaptive neurons: leaky integrate-and-fire neurons whose threshold remembers their spikes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from apical._base.parameters import Duration, NonNegative, Share
from apical.neurons.base import LIF, NeuronModel

SLOPE = "0.3*clip(1 - abs(v - theta), 0, 1)"
"""Pseudo-derivative of a spike by the membrane: a triangle around the threshold (Bellec et al.
2020, doi:10.1038/s41467-020-17236-y, Methods, eq. 5, with gamma_pd = 0.3)."""


@dataclass(frozen=True)
class ALIF(LIF):
    """LIF neurons with an adaptive threshold.

    ``theta = 1 + beta*a``, ``tau_a da/dt = -a``; a spike at ``v > theta`` takes 1 off the membrane
    and adds 1 to ``a``. `beta` is a signal, since a rule may need it, and `gain` may read `theta`.

    Parameters
    ----------
    tau_a
        Time constant of adaptation [ms].
    adaptation
        What a spike adds to the threshold [dimensionless, in units of the threshold].
    adapting
        Share of the neurons that adapt, counted from the last; those before have ``beta = 0``.

    References
    ----------
    Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, Methods, eq. 7 to 9.
    """

    gain: str = SLOPE
    tau_a: Duration = 2000.0
    adaptation: NonNegative = 0.03
    adapting: Share = 1.0

    @property
    def signals(self) -> tuple[str, ...]:
        return (*super().signals, "a", "beta")

    @property
    def model(self) -> NeuronModel:
        plain = super().model
        _, height = self._scales
        added: Mapping[str, tuple[float, str]] = {
            "tau_a": (self.tau_a, "ms"),
            "adaptation": (self.adaptation, "1"),
            "steady": (self.size - round(self.adapting * self.size), "integer"),
        }
        return replace(
            plain,
            equations=f"""{plain.equations}
da/dt = -a/tau_a : 1
beta = adaptation*int(i >= steady) : 1
theta = {height} + beta*a : 1""",
            threshold="v > theta",
            reset=f"{plain.reset}\na += 1",
            parameters={**plain.parameters, **added},
        )
