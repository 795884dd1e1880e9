"""Conductance-based integrate-and-fire neurons with homeostatic (adaptive) thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Self, final

from apical._base.parameters import Constant, Duration, NonNegative, Number, Share, Time
from apical.language.fragments import lines, when
from apical.neurons.base import INFINITE, OPEN, NeuronModel, Population
from apical.neurons.facts import Assumption
from apical.neurons.traces import Parameters, trace, trace_parameters


@final
@dataclass(frozen=True)
class ConductanceLIF(Population):
    r"""Conductance-based leaky integrate-and-fire neurons with homeostatic thresholds.

    .. math::

        \tau_m \frac{dv}{dt} &= -v + g_e\,(E_e - v) + g_i\,(E_i - v) \\
        \tau_e \frac{dg_e}{dt} &= -g_e, \qquad \tau_i \frac{dg_i}{dt} = -g_i

    Presynaptic spikes add their weights to the conductances ``excited`` and ``inhibited``, which
    decay exponentially; the neuron spikes at ``v > 1 + theta``. Conductances are in units of the
    leak conductance, membrane potentials in units of the distance from rest to the initial
    threshold. In training trials every spike raises ``theta``, which is not reset.

    Defaults are those of the excitatory neurons of Diehl & Cook 2015 (rest -65 mV, initial
    threshold -52 mV, reversal potentials 0 and -100 mV), without homeostasis. In each time step
    conductances decay exactly, and the membrane equation is solved exactly for their mean
    (first-order Magnus expansion; Blanes et al. 2009, doi:10.1016/j.physrep.2008.11.001, section
    3.5.1): the integration error falls with the square of the step.

    Parameters
    ----------
    tau_m
        Membrane time constant at rest [ms].
    tau_excite, tau_inhibit
        Time constants of the conductances [ms].
    e_excite, e_inhibit
        Reversal potentials [dimensionless, in units of the threshold].
    v_reset
        Reset potential, also the membrane potential at the start of a trial where the network
        resets its state [dimensionless].
    refractory
        Refractory period [ms].
    rise
        Increase of the threshold with each spike [dimensionless, in units of the initial
        threshold].
    fades
        Fraction of that adaptation that is lost with every training trial [dimensionless].
    tau_x
        Time constant of the spike trace ``x`` [ms]; infinite counts the spikes of a trial.
    gated
        As in `apical.LIF`; a silenced neuron stays at `v_reset`.

    See Also
    --------
    apical.LIF : With current-based synapses.
    apical.rules.stdp : The rule that these neurons were published with.

    References
    ----------
    Diehl & Cook 2015, doi:10.3389/fncom.2015.00099, section 2.1 and 2.4.

    Examples
    --------
    >>> from apical import ConductanceLIF
    >>> excitatory = ConductanceLIF("excitatory", 400, rise=0.05/13, tau_x=20.0)
    >>> print(excitatory.model.equations.splitlines()[1])
    dexcited/dt = -excited/tau_excite : 1
    >>> excitatory.inputs
    {'drive': 'excited', 'inhibit': 'inhibited'}
    >>> excitatory.model.threshold
    'v > 1 + theta'
    """

    tau_m: Duration = 100.0
    tau_excite: Duration = 1.0
    tau_inhibit: Duration = 2.0
    e_excite: float = 5.0
    e_inhibit: float = -35 / 13
    v_reset: Annotated[float, Number(below=1)] = 0.0
    refractory: Time = 5.0
    rise: NonNegative = 0.0
    fades: Share = 0.0
    tau_x: Constant = INFINITE
    gated: bool = field(default=False, kw_only=True)

    @property
    def inputs(self) -> Mapping[str, str]:
        known = {"drive": "excited", "inhibit": "inhibited"}
        return {**known, "silence": "silence"} if self.gated else known

    def silenceable(self) -> Self:
        return replace(self, gated=True)

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x", "v", "theta", "excited", "inhibited")

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        if not self.rise:
            return ()
        reason = "its thresholds adapt only in training trials, marked by a global signal"
        return (Assumption("phases", "broadcast", reason),)

    @property
    def model(self) -> NeuronModel:
        unless_refractory = when(self.refractory, " (unless refractory)")
        # conductances act with their mean over the step in which they decay
        excitation = "excited*exprel(-dt/tau_excite)*(e_excite - v)"
        inhibition = "inhibited*exprel(-dt/tau_inhibit)*(e_inhibit - v)"
        return NeuronModel(
            equations=lines(
                f"dv/dt = (-v + {excitation} + {inhibition})/tau_m : 1{unless_refractory}",
                "dexcited/dt = -excited/tau_excite : 1",
                "dinhibited/dt = -inhibited/tau_inhibit : 1",
                trace("x", self.tau_x),
                "theta : 1",
            ),
            threshold=f"v > 1 + theta{when(self.gated, ' and silence <= 0')}",
            reset="v = v_reset\nx += 1\ntheta += rise*int(learning(t) > 0)",
            refractory=when(self.refractory, "refractory_time"),
            at_step=when(self.gated, f"v = v_reset + (v - v_reset)*{OPEN}"),
            summed=("silence",) if self.gated else (),
            at_trial="theta = theta*(1 - fades*int(learning(t) > 0))",
            initial={"v": self.v_reset},
            lasting=("theta",),
            parameters=self._parameters,
            method="exponential_euler",
        )

    @property
    def _parameters(self) -> Parameters:
        found: Parameters = {
            "tau_m": (self.tau_m, "ms"),
            "tau_excite": (self.tau_excite, "ms"),
            "tau_inhibit": (self.tau_inhibit, "ms"),
            "e_excite": (self.e_excite, "1"),
            "e_inhibit": (self.e_inhibit, "1"),
            "v_reset": (self.v_reset, "1"),
            "rise": (self.rise, "1"),
            "fades": (self.fades, "1"),
        }
        if self.refractory:
            found["refractory_time"] = (self.refractory, "ms")
        return found | trace_parameters("x", self.tau_x)
