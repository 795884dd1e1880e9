"""Populations: neuron models as equations in Brian2's grammar, what they take and what they offer.

Membranes are dimensionless, in units of the distance from rest to threshold.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from apical._base.checking import check_fields, described, fitting
from apical._base.parameters import (
    Constant,
    ConstantOrZero,
    Constants,
    Count,
    Duration,
    Frequency,
    NonNegative,
    Time,
    powers,
)
from apical._base.registry import Registry
from apical.errors import ParameterError, WiringError
from apical.neurons.encoding import Draw, Encoder, LogNormal, Regular
from apical.neurons.eye_movements import Gaze

INFINITE = float("inf")


@dataclass(frozen=True)
class NeuronModel:
    """Equations of one neuron, in Brian2's grammar.

    Parameters
    ----------
    equations
        Differential equations, variables and subexpressions, with units.
    threshold, reset, refractory
        As in Brian2; empty where the model has none. A refractory time may be a quantity.
    at_trial
        Statements run at the start of every trial; they may call ``stimulus(t, i)`` [Hz] and
        ``label(t, k)`` [dimensionless, 0 or 1].
    at_frame
        Statements run at the start of every frame of the stimulus, after those; they may call
        ``stimulus(t, i)``.
    at_reset
        Statements run before `at_trial` in a network that resets its state between trials, after
        every variable that changes was put back to where it started (`initial`).
    at_step
        Statements run at the start of every time step.
    initial
        Value of each variable that does not start at 0: a number, or a named draw for
        each neuron. A reset goes back to it, to the same draw.
    lasting
        Variables that a reset leaves as they are: they run on from trial to trial. Where there is
        refractoriness, ``"lastspike"`` may be among them.
    parameters
        Value and unit of each shared constant, for instance ``{"tau_m": (20.0, "ms")}``; units
        are ``"ms"``, ``"Hz"``, ``"1"`` and ``"integer"``. A quantity of Brian2 stands for both.
        They need no line in `equations`.
    method
        Brian2's name of the integration method. With ``"exact"`` linear equations follow their
        closed form, perfect integrators and equal time constants included (Rotter & Diesmann 1999,
        doi:10.1007/s004220050570, eq. 7).
    summed
        Variables that are, at every moment, the sum of what arrives: of each presynaptic signal
        times its weight. They need no line in `equations`.
    """

    equations: str
    threshold: str = ""
    reset: str = ""
    refractory: str = ""
    at_trial: str = ""
    at_frame: str = ""
    at_reset: str = ""
    at_step: str = ""
    initial: Mapping[str, float | Draw] = field(default_factory=dict)
    parameters: Annotated[Mapping[str, tuple[float, str]], Constants()] = field(
        default_factory=dict
    )
    method: str = "exact"
    summed: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if powers(self.refractory) is not None:  # a quantity, as Brian2 takes it
            time = fitting(self.refractory, Time, "NeuronModel", "refractory")
            object.__setattr__(self, "refractory", f"{time!r}*ms")
        check_fields(self)


@dataclass(frozen=True)
class Population(ABC):
    """`size` neurons of one model: what others ask of any population.

    A frozen dataclass: its fields are its parameters, checked by their annotations. A population of
    one's own derives from this class, or is a `Neurons` where no parameter is to have a name.
    """

    name: str
    size: Count

    def __post_init__(self) -> None:
        check_fields(self)
        # lower case: array arguments of compiled CUDA programs lose their capitals
        if not (self.name.isidentifier() and self.name == self.name.lower()):
            raise ParameterError(
                f"A population's name must be a lower-case identifier, got {self.name!r}; "
                "use for instance 'hidden_1'.",
                object=type(self).__name__,
                parameter="name",
            )

    @property
    @abstractmethod
    def model(self) -> NeuronModel:
        """Equations of one neuron."""

    @property
    @abstractmethod
    def inputs(self) -> Mapping[str, str]:
        """Variable that a projection adds to, for each input."""

    @property
    @abstractmethod
    def signals(self) -> tuple[str, ...]:
        """Variables that synapses may read."""

    @property
    def is_spiking(self) -> bool:
        """Whether it sends spikes; otherwise its signals are graded."""
        return bool(self.model.threshold)


@dataclass(frozen=True)
class Neurons(Population):
    """Neurons of a model of one's own.

    Parameters
    ----------
    neuron
        Equations of one neuron.
    takes
        Variable that the spikes of a projection add to, for each input, for instance
        ``{"drive": "I"}``.
    offers
        Signals: variables that synapses may read.
    """

    neuron: NeuronModel = field(default_factory=lambda: NeuronModel("v : 1"))
    takes: Mapping[str, str] = field(default_factory=dict)
    offers: tuple[str, ...] = ("x",)

    def __hash__(self) -> int:
        return hash((self.name, self.size))  # mappings have none

    @property
    def model(self) -> NeuronModel:
        return self.neuron

    @property
    def inputs(self) -> Mapping[str, str]:
        return self.takes

    @property
    def signals(self) -> tuple[str, ...]:
        return self.offers


@dataclass(frozen=True)
class Stimulus(Population):
    """Input neurons that spike as an encoder makes of the presented values.

    Parameters
    ----------
    encoder
        How values in [0, 1] become spikes.
    tau_x
        Time constant of the spike trace ``x`` [ms]; infinite counts the spikes of a trial.
    x_floor
        Trace under which spikes are forgotten [dimensionless]: ``x`` becomes 0.
    gaze
        How the eye moves from trial to trial while the network is trained; None: it is still.
    frames
        Number of frames, equally long, that a trial shows one after the other. The values of a
        trial are then those of its frames in a row, shape (frames * size,).
    """

    encoder: Encoder = field(default_factory=Regular)
    tau_x: Constant = INFINITE
    x_floor: NonNegative = 0.0
    gaze: Gaze | None = None
    frames: Count = 1

    @property
    def inputs(self) -> Mapping[str, str]:
        return {}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gaze and self.gaze.n_inputs != self.size:
            raise WiringError(
                f"Stimulus {self.name!r} has {self.size} neurons, but its gaze looks at images of "
                f"{self.gaze.n_inputs} pixels, {self.gaze.shape}; give Gaze(shape=data.shape).",
                object=described(self),
                parameter="gaze",
            )

    @property
    def n_values(self) -> int:
        """Number of values of a trial: those of all its frames."""
        return self.frames * self.size

    @property
    def model(self) -> NeuronModel:
        spikes = self.encoder.spikes
        once, often = (spikes.at_trial, "") if self.frames == 1 else ("", spikes.at_trial)
        if not spikes.threshold:  # the activity itself is what synapses see
            return NeuronModel(
                spikes.equations, at_trial=once, at_frame=often, parameters=spikes.parameters
            )
        trace, parameters = _trace("x", self.tau_x)
        return NeuronModel(
            equations=f"{spikes.equations}\n{trace}",
            threshold=spikes.threshold,
            reset=f"{spikes.reset}\nx += 1",
            refractory=spikes.refractory,
            at_trial=once,
            at_frame=often,
            at_reset=spikes.at_reset,
            at_step=_forget(self.x_floor),
            initial=dict(spikes.initial),
            parameters={**parameters, **_floor(self.x_floor), **spikes.parameters},
            lasting=spikes.lasting,
        )


@dataclass(frozen=True)
class LIF(Population):
    """Leaky integrate-and-fire neurons with current-based synapses and an apical dendrite.

    ``tau_m dv/dt = I + bias - v``, ``tau_s dI/dt = -I``; a spike at ``v > 1``. The dendrite
    ``teach`` collects the feedback that arrives; it does not move the membrane.

    Parameters
    ----------
    tau_m, tau_s
        Time constants of the membrane and of the synaptic current [ms]. With ``tau_s=0`` there is
        no current, and a spike moves the membrane at once, by its weight.
    leak
        False: a perfect integrator, ``tau_m dv/dt = I + bias``.
    bias
        Constant current [dimensionless, in units of the threshold].
    noise_rate, noise_kick
        Rate of a Poisson train of its own that each neuron receives [Hz], and what one of its
        spikes adds to the membrane [dimensionless], spread over the time step.
    refractory
        Time after a spike in which the membrane is held [ms].
    reset
        ``"subtract"`` takes the threshold off the membrane, ``"rest"`` puts it to 0.
    v_start
        Membrane at the start of a run, and of each trial where the network resets its state
        [dimensionless].
    tau_x
        Time constant of the spike trace ``x`` [ms]; infinite counts the spikes of a trial.
    x_floor
        Trace under which spikes are forgotten [dimensionless]: ``x`` becomes 0.
    tau_teach
        Time constant of the dendrite ``teach`` [ms]; infinite sums over a trial, 0 holds what
        arrives for one time step.
    gain
        Expression for the postsynaptic factor of learning, which stands for the slope of the
        neuron's response [dimensionless]; it may read ``v``, ``I``, ``x``.
    stray_rate, stray_kick
        Rate of each of two Poisson trains of its own that the dendrite hears beside its feedback
        [Hz], and what a spike of the first adds to ``teach``, and one of the second takes off it
        [dimensionless].
    tau_m_cv, threshold_cv
        Coefficients of variation of `tau_m` and of the threshold between neurons [dimensionless]:
        log-normal factors of mean 1, drawn once.
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

    @property
    def inputs(self) -> Mapping[str, str]:
        return {"drive": "I" if self.tau_s else "v", "teach": "teach"}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x", "gain", "teach", "delta", "v", *["I"] * bool(self.tau_s))

    @property
    def model(self) -> NeuronModel:
        tau, height = self._scales
        current = "I + bias" if self.tau_s else "bias"
        current += " + noise" if self.noise_rate else ""
        current += " - v" if self.leak else ""
        held = " (unless refractory)" if self.refractory else ""
        trace, trace_parameters = _trace("x", self.tau_x)
        dendrite, dendrite_parameters = _trace("teach", self.tau_teach)
        stray, stray_parameters = _stray(self.stray_rate, self.stray_kick)
        lines = [f"dv/dt = ({current})/{tau} : 1{held}"]
        lines += ["dI/dt = -I/tau_s : 1"] if self.tau_s else []
        lines += [trace, dendrite, f"gain = {self.gain} : 1", "delta = gain*teach : 1"]
        lines += ["noise : 1"] if self.noise_rate else []
        lines += [f"{name} : 1" for name in self._spread]
        each_step = [_forget(self.x_floor)] if self.x_floor else []
        each_step += [] if self.tau_teach else ["teach = 0"]
        if self.noise_rate:  # what a spike adds is spread over the time step
            each_step.append(f"noise = noise_kick*poisson(noise_rate*dt)*{tau}/dt")
        return NeuronModel(
            equations="\n".join(lines),
            threshold=f"v > {height}",
            reset=(f"v -= {height}" if self.reset == "subtract" else "v = 0") + "\nx += 1",
            refractory="refractory_time" if self.refractory else "",
            at_step="\n".join(each_step + stray),
            initial={"v": self.v_start, **self._spread},
            parameters={
                **self._parameters,
                **stray_parameters,
                **trace_parameters,
                **_floor(self.x_floor),
                **dendrite_parameters,
            },
        )

    @property
    def _parameters(self) -> dict[str, tuple[float, str]]:
        """Value and unit of the constants of the membrane."""
        found = {"tau_m": (self.tau_m, "ms"), "bias": (self.bias, "1")}
        if self.tau_s:
            found["tau_s"] = (self.tau_s, "ms")
        if self.refractory:
            found["refractory_time"] = (self.refractory, "ms")
        if self.noise_rate:
            found |= {"noise_rate": (self.noise_rate, "Hz"), "noise_kick": (self.noise_kick, "1")}
        return found

    @property
    def _spread(self) -> dict[str, LogNormal]:
        """Factors that differ between neurons: on the time constant and on the threshold."""
        found = {"stretch": LogNormal(self.tau_m_cv), "height": LogNormal(self.threshold_cv)}
        return {name: factor for name, factor in found.items() if factor.cv}

    @property
    def _scales(self) -> tuple[str, str]:
        """Time constant of the membrane and threshold, as expressions."""
        tau = "(stretch*tau_m)" if self.tau_m_cv else "tau_m"
        return tau, "height" if self.threshold_cv else "1"


def _trace(name: str, tau: float) -> tuple[str, dict[str, tuple[float, str]]]:
    """Return the equation of a trace, decaying or counting, and its parameter."""
    if tau in (0, INFINITE):
        return f"{name} : 1", {}
    return f"d{name}/dt = -{name}/tau_{name} : 1", {f"tau_{name}": (tau, "ms")}


def _forget(x_floor: float) -> str:
    return "x = x*int(x > x_floor)" if x_floor else ""


def _floor(x_floor: float) -> dict[str, tuple[float, str]]:
    return {"x_floor": (x_floor, "1")} if x_floor else {}


def _stray(rate: float, kick: float) -> tuple[list[str], dict[str, tuple[float, str]]]:
    """Return statements by which a dendrite hears stray events, and their parameters."""
    if not rate:
        return [], {}
    lines = [f"teach {sign} stray_kick*poisson(stray_rate*dt)" for sign in ("+=", "-=")]
    return lines, {"stray_rate": (rate, "Hz"), "stray_kick": (kick, "1")}


POPULATIONS: Registry[type[Population]] = Registry(
    "population",
    {
        "Stimulus": Stimulus,
        "LIF": LIF,
        "ALIF": "apical.neurons.alif:ALIF",
        "ConductanceLIF": "apical.neurons.conductance_lif:ConductanceLIF",
        "Neurons": Neurons,
        "Rate": "apical.neurons.rate:Rate",
        "Bias": "apical.neurons.rate:Bias",
        "Error": "apical.neurons.error:Error",
        "RateError": "apical.neurons.error:RateError",
        "RateTarget": "apical.neurons.error:RateTarget",
        "Relay": "apical.neurons.relay:Relay",
        "Reward": "apical.neurons.reward:Reward",
    },
    fits=lambda value: isinstance(value, type) and issubclass(value, Population),
)
"""Every class of populations, by name."""
