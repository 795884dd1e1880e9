"""Leaky integrate-and-fire neurons with current-based synapses and an apical dendrite."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Literal, Self, final

from apical._base.checking import described
from apical._base.parameters import (
    Constant,
    ConstantOrZero,
    Duration,
    Frequency,
    NonNegative,
    Time,
)
from apical.errors import ParameterError
from apical.language.fragments import lines, when
from apical.neurons.base import INFINITE, OPEN, NeuronModel, Population
from apical.neurons.encoding import LogNormal
from apical.neurons.facts import Assumption, Integrator
from apical.neurons.traces import (
    Parameters,
    forget,
    forget_parameters,
    trace,
    trace_parameters,
)

LEAK = 0.5
"""Effect of the leak on the firing rate, as an equivalent current [units of the threshold]: at
high rates ``1/(tau_m * log(I/(I - 1)))`` is ``(I - 1/2)/tau_m`` up to terms of order 1/I (firing
rate of a LIF neuron: Gerstner et al. 2014, doi:10.1017/CBO9781107447615, section 1.3)."""


@dataclass(frozen=True)
class IntegrateAndFire(Population):
    """Base of integrate-and-fire neurons: membrane, synaptic current, spike trace and dendrite.

    Abstract: a model adds its spike threshold and its reset. Fields are described at `LIF`.

    See Also
    --------
    LIF : With a fixed threshold.
    apical.ALIF : With an adaptive threshold.
    """

    tau_m: Duration = 20.0
    tau_s: Time = 5.0
    leak: bool = True
    bias: float = 0.0
    noise_rate: Frequency = 0.0
    noise_kick: float = 0.0
    refractory: Time = 0.0
    reset: Literal["subtract", "rest"] = "subtract"
    v_start: float = 0.0
    tau_x: Constant = INFINITE
    x_floor: NonNegative = 0.0
    tau_teach: ConstantOrZero = INFINITE
    gain: str = "int(x > 0)"
    stray_rate: Frequency = 0.0
    stray_kick: float = 1.0
    tau_m_cv: NonNegative = 0.0
    threshold_cv: NonNegative = 0.0
    gated: bool = field(default=False, kw_only=True)

    @property
    def inputs(self) -> Mapping[str, str]:
        known = {"drive": "I" if self.tau_s else "v", "teach": "teach"}
        return {**known, "silence": "silence"} if self.gated else known

    @property
    def signals(self) -> tuple[str, ...]:
        current = ("I",) if self.tau_s else ()
        return ("x", "gain", "teach", "delta", "v", *current)

    @property
    def slope(self) -> str:
        return self.gain

    @property
    def fires_alone(self) -> bool:
        return bool(self.bias or self.noise_rate)

    @property
    def has_apical_dendrite(self) -> bool:
        return True

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        if not self.stray_rate:
            return ()
        reason = (
            f"each dendrite receives {2 * self.stray_rate:g} private noise events a second, "
            f"of size {self.stray_kick:g} and random sign"
        )
        return (Assumption("feedback", "local", reason),)

    def hearing_noise(self, std: float, kick: float, trial: float) -> Self:
        if self.stray_rate and self.stray_kick != kick:
            raise ParameterError(
                f"{described(self)}: its stray events already have the size {self.stray_kick!r}, "
                f"so kick must be that, got {kick!r}.",
                object=described(self),
                parameter="kick",
            )
        ratio = std / kick
        rate = ratio * ratio / (2 * trial * 1e-3)
        return replace(self, stray_rate=self.stray_rate + rate, stray_kick=kick)

    def varied(self, membrane: float, threshold: float) -> Self:
        return replace(
            self,
            tau_m_cv=_together(self.tau_m_cv, membrane),
            threshold_cv=_together(self.threshold_cv, threshold),
        )

    def silenceable(self) -> Self:
        return replace(self, gated=True)

    def without_pause(self, tau_x: float, x_floor: float) -> Self:
        found = self
        if found.tau_x == INFINITE:
            found = replace(found, tau_x=tau_x, x_floor=x_floor)
        if found.tau_teach == INFINITE:
            found = replace(found, tau_teach=0.0)
        return found if found.leak else replace(found, leak=True, bias=found.bias + LEAK)

    def remembering(self, tau_x: float) -> Self:
        return replace(self, tau_x=tau_x) if self.tau_x < tau_x else self

    @property
    def _equations(self) -> str:
        """Equations of membrane, current, trace and dendrite, with a fragment for each option."""
        current = when(self.tau_s, "I + ")
        noise = when(self.noise_rate, " + noise")
        leak = when(self.leak, " - v")
        tau_m = self._stretched_tau_m
        unless_refractory = when(self.refractory, " (unless refractory)")
        return lines(
            f"dv/dt = ({current}bias{noise}{leak})/{tau_m} : 1{unless_refractory}",
            when(self.tau_s, "dI/dt = -I/tau_s : 1"),
            trace("x", self.tau_x),
            trace("teach", self.tau_teach),
            f"gain = {when(self.gated, f'{OPEN}*({self.gain})', self.gain)} : 1",
            "delta = gain*teach : 1",
            when(self.noise_rate, "noise : 1"),
            *(f"{name} : 1" for name in self._spread),
        )

    @property
    def _reset(self) -> str:
        """Effect of a spike on the membrane potential and the spike trace."""
        after = {"subtract": f"v -= {self._height}", "rest": "v = 0"}
        return lines(after[self.reset], "x += 1")

    @property
    def _open(self) -> str:
        """Condition of a spike besides the threshold: that the neuron is not silenced."""
        return when(self.gated, " and silence <= 0")

    @property
    def _summed(self) -> tuple[str, ...]:
        """Inputs that are summed at every moment, beside those of spikes."""
        return ("silence",) if self.gated else ()

    @property
    def _refractory(self) -> str:
        """Refractory period, as an expression."""
        return when(self.refractory, "refractory_time")

    @property
    def _at_step(self) -> str:
        """Statements of a time step: cut-off of small traces, background noise, stray events."""
        # the effect of a noise spike on the membrane is spread over the time step
        noise = f"noise = noise_kick*poisson(noise_rate*dt)*{self._stretched_tau_m}/dt"
        return lines(
            forget(self.x_floor),
            when(self.gated, f"v = v*{OPEN}"),
            when(self.tau_teach == 0, "teach = 0"),
            when(self.noise_rate, noise),
            when(self.stray_rate, "teach += stray_kick*poisson(stray_rate*dt)"),
            when(self.stray_rate, "teach -= stray_kick*poisson(stray_rate*dt)"),
        )

    @property
    def _initial(self) -> dict[str, float | LogNormal]:
        """Initial membrane potential, and factors that vary between neurons."""
        return {"v": self.v_start, **self._spread}

    @property
    def _parameters(self) -> Parameters:
        """Value and unit of the constants."""
        found: Parameters = {"tau_m": (self.tau_m, "ms"), "bias": (self.bias, "1")}
        if self.tau_s:
            found["tau_s"] = (self.tau_s, "ms")
        if self.refractory:
            found["refractory_time"] = (self.refractory, "ms")
        if self.noise_rate:
            found |= {"noise_rate": (self.noise_rate, "Hz"), "noise_kick": (self.noise_kick, "1")}
        if self.stray_rate:
            found |= {"stray_rate": (self.stray_rate, "Hz"), "stray_kick": (self.stray_kick, "1")}
        found |= trace_parameters("x", self.tau_x)
        found |= forget_parameters(self.x_floor)
        return found | trace_parameters("teach", self.tau_teach)

    @property
    def _spread(self) -> dict[str, LogNormal]:
        """Heterogeneity: factors on the time constant and the threshold of each neuron."""
        found = {"stretch": LogNormal(self.tau_m_cv), "height": LogNormal(self.threshold_cv)}
        return {name: factor for name, factor in found.items() if factor.cv}

    @property
    def _stretched_tau_m(self) -> str:
        """Membrane time constant, as an expression."""
        return when(self.tau_m_cv, "(stretch*tau_m)", "tau_m")

    @property
    def _height(self) -> str:
        """Distance from rest to threshold, as an expression."""
        return when(self.threshold_cv, "height", "1")


@final
@dataclass(frozen=True)
class LIF(IntegrateAndFire):
    r"""Leaky integrate-and-fire (LIF) neurons, current-based synapses, an apical dendrite.

    .. math::

        \tau_m \frac{dv}{dt} &= I + b - v \\
        \tau_s \frac{dI}{dt} &= -I + \tau_s \sum_j w_j S_j(t)

    A spike at ``v > 1`` subtracts 1 from the membrane potential, which is in units of the distance
    from rest to threshold; presynaptic spikes add their weight to the current ``I``. The apical
    dendrite ``teach`` integrates the feedback that arrives; it does not drive the soma. Signals:
    ``x`` spike trace, ``gain`` postsynaptic factor, ``teach``, ``delta = gain*teach``, ``v``,
    ``I``.

    Options that are 0, False or infinite are off, so that the default is the plain model above.

    Parameters
    ----------
    tau_m, tau_s
        Time constants of the membrane and of the synaptic current [ms]. 20 ms is that of Bellec
        et al. 2020, 5 ms that of Zenke & Ganguli 2018. With ``tau_s=0`` there is no synaptic
        current, and a presynaptic spike changes the membrane potential at once, by its weight.
    leak
        False: a perfect integrator, ``tau_m dv/dt = I + bias``.
    bias
        Constant current [dimensionless, in units of the threshold].
    noise_rate, noise_kick
        Background noise: rate of an independent Poisson train to each neuron [Hz], and the effect
        of one of its spikes on the membrane potential [dimensionless], spread over the time step.
    refractory
        Refractory period [ms]; the membrane potential is constant in it.
    reset
        ``"subtract"`` subtracts the threshold from the membrane potential, so that no input is lost
        and firing rates are linear in the drive; ``"rest"`` sets it to 0.
    v_start
        Membrane potential at the start of a run, and of each trial where the network resets its
        state [dimensionless].
    tau_x
        Time constant of the spike trace ``x`` [ms]; infinite counts the spikes of a trial, as
        rules need that act at the end of a trial.
    x_floor
        Cut-off of the spike trace [dimensionless]: below it ``x`` becomes 0.
    tau_teach
        Time constant of the dendrite ``teach`` [ms]; infinite sums over a trial, 0 holds the
        feedback for one time step.
    gain
        Surrogate gradient (pseudo-derivative): an expression for the postsynaptic factor of
        learning [dimensionless]; it may read ``v``, ``I``, ``x``. The default is the derivative of
        a rectifier: 1 for neurons that have spiked, 0 for others.
    stray_rate, stray_kick
        Dendritic noise: rate of each of two independent Poisson trains to the dendrite [Hz], and
        the size of their events [dimensionless], which the first adds to ``teach`` and the second
        subtracts.
    tau_m_cv, threshold_cv
        Heterogeneity: coefficients of variation of `tau_m` and of the threshold between neurons
        [dimensionless], by log-normal factors of mean 1, drawn once.
    gated
        Whether there is an input ``silence``, from a graded population: while it is above 0 a
        neuron rests at 0 and does not spike (`apical.network.lesions.silenced`).

    See Also
    --------
    apical.ALIF : With an adaptive threshold.
    apical.ConductanceLIF : With conductance-based synapses.
    apical.superspike.slope : A surrogate gradient for `gain`.

    References
    ----------
    Gerstner, Kistler, Naud & Paninski 2014, Neuronal Dynamics, section 1.3. Bellec et al. 2020,
    doi:10.1038/s41467-020-17236-y. Zenke & Ganguli 2018, doi:10.1162/neco_a_01086.

    Examples
    --------
    >>> from apical import LIF
    >>> hidden = LIF("hidden", 100, bias=0.5, refractory=2.0)
    >>> print(hidden.model.equations)
    dv/dt = (I + bias - v)/tau_m : 1 (unless refractory)
    dI/dt = -I/tau_s : 1
    x : 1
    teach : 1
    gain = int(x > 0) : 1
    delta = gain*teach : 1
    >>> hidden.model.threshold, hidden.model.reset
    ('v > 1', 'v -= 1\nx += 1')
    """

    @property
    def model(self) -> NeuronModel:
        return NeuronModel(
            equations=self._equations,
            threshold=f"v > {self._height}{self._open}",
            reset=self._reset,
            refractory=self._refractory,
            at_step=self._at_step,
            initial=self._initial,
            parameters=self._parameters,
            summed=self._summed,
        )

    @property
    def integrator(self) -> Integrator:
        besides = {
            f"a refractory period of {self.refractory:g} ms": self.refractory,
            f"background noise of {self.noise_rate:g} Hz": self.noise_rate,
            "membrane time constants that vary between neurons": self.tau_m_cv,
            "thresholds that vary between neurons": self.threshold_cv,
            "an input that silences it": self.gated,
        }
        return Integrator(
            self.tau_m,
            self.tau_s,
            self.leak,
            self.bias,
            self.reset == "rest",
            self.v_start,
            tuple(what for what, is_on in besides.items() if is_on),
        )


def _together(one: float, other: float) -> float:
    """Return the coefficient of variation of a product of two independent factors."""
    return sqrt((1 + one * one) * (1 + other * other) - 1) if one and other else one or other
