"""Adaptive LIF neurons (ALIF): spike-triggered threshold adaptation."""

from dataclasses import dataclass
from typing import final

from apical._base.parameters import Duration, NonNegative, Share
from apical.language.fragments import lines
from apical.neurons.base import NeuronModel
from apical.neurons.lif import IntegrateAndFire

SLOPE = "0.3*clip(1 - abs(v - theta), 0, 1)"
"""Surrogate gradient (pseudo-derivative): a triangle around the threshold (Bellec et al.
2020, doi:10.1038/s41467-020-17236-y, Methods, eq. 5, with gamma_pd = 0.3)."""


@final
@dataclass(frozen=True)
class ALIF(IntegrateAndFire):
    r"""Adaptive leaky integrate-and-fire (ALIF) neurons: every spike raises the threshold.

    .. math::

        \tau_m \frac{dv}{dt} &= I + b - v \\
        \tau_a \frac{da}{dt} &= -a \\
        \theta &= 1 + \beta a

    A spike at ``v > theta`` subtracts 1 from the membrane potential and adds 1 to ``a``. `beta` is
    a signal, since a rule may need it, and `gain` may read `theta`.

    Parameters
    ----------
    tau_a
        Time constant of adaptation [ms]; the default is that of the evidence-accumulation task of
        Bellec et al. 2020: as long as the memory that the task needs.
    adaptation
        Increase of the threshold with each spike, ``beta`` [dimensionless, in units of the
        threshold].
    adapting
        Fraction of adapting neurons, which are the last ones; the others have ``beta = 0``.
    gain
        As in `apical.LIF`; the default is the surrogate gradient of Bellec et al. 2020, `SLOPE`.

    Others are those of `apical.LIF`.

    See Also
    --------
    apical.LIF : With a fixed threshold.
    apical.rules.e_prop : The rule that these neurons were published with.

    References
    ----------
    Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, Methods, eq. 7 to 9.

    Examples
    --------
    >>> from apical import ALIF
    >>> adaptive = ALIF("adaptive", 10, adapting=0.5)
    >>> print(adaptive.model.equations)
    dv/dt = (I + bias - v)/tau_m : 1
    dI/dt = -I/tau_s : 1
    x : 1
    teach : 1
    gain = 0.3*clip(1 - abs(v - theta), 0, 1) : 1
    delta = gain*teach : 1
    da/dt = -a/tau_a : 1
    beta = adaptation*int(i >= steady) : 1
    theta = 1 + beta*a : 1
    >>> adaptive.model.threshold, adaptive.model.parameters["steady"]
    ('v > theta', (5, 'integer'))
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
        return NeuronModel(
            equations=lines(
                self._equations,
                "da/dt = -a/tau_a : 1",
                "beta = adaptation*int(i >= steady) : 1",
                f"theta = {self._height} + beta*a : 1",
            ),
            threshold=f"v > theta{self._open}",
            reset=lines(self._reset, "a += 1"),
            refractory=self._refractory,
            at_step=self._at_step,
            initial=self._initial,
            parameters={
                **self._parameters,
                "tau_a": (self.tau_a, "ms"),
                "adaptation": (self.adaptation, "1"),
                "steady": (self.size - round(self.adapting * self.size), "integer"),
            },
            summed=self._summed,
        )
