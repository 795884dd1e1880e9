"""Populations: neuron models as equations in Brian2's grammar, what they take and what they offer.

Membranes are dimensionless, in units of the distance from rest to threshold.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import sqrt
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

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
from apical.errors import ParameterError, WiringError
from apical.language.activations import Activation
from apical.neurons.batch_norm import BatchNorm
from apical.neurons.encoding import Draw, Encoder, LogNormal, Regular
from apical.neurons.eye_movements import Gaze
from apical.neurons.facts import Assumption, Kept, Role

INFINITE = float("inf")

S = TypeVar("S", bound="Stimulus | LIF")

LEAK = 0.5
"""What a leak takes off the current of a neuron that fires fast [units of the threshold]: its rate,
``1/(tau_m * log(I/(I - 1)))``, is ``(I - 1/2)/tau_m`` up to terms of order 1/I (rate of a LIF
neuron: Gerstner et al. 2014, doi:10.1017/CBO9781107447615, section 1.3)."""

_IN_TIME = re.compile(r"tau(_(?!.*cv$).*)?|refractory|wait|onset")
"""Names of parameters that are times."""


def times_among(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are times [ms], by what they are called."""
    return {name: value for name, value in parameters.items() if _IN_TIME.fullmatch(name)}


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
    """`size` neurons of one model.

    What others ask of a population is written here, once: facts, each with the neutral answer of
    neurons of which nothing else is known, and the same neurons but for one thing. A kind answers
    in its own file; nobody asks of which class it is.
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

    # ---- what it is there for --------------------------------------------------------------------
    role: ClassVar[Role] = "neurons"
    """What it is there for (`apical.neurons.facts.Role`). Everybody asks."""

    @property
    def is_told(self) -> bool:
        """Whether it is shown the label or the target. The scorecard and the graph ask."""
        return self.role in ("error", "target")

    @property
    def serves_learning(self) -> bool:
        """Whether it is there for learning alone. Measures of cost and of silent units ask."""
        return self.is_told or self.role == "relay"

    @property
    def relays(self) -> "Population | None":
        """The population whose dendrites it passes on. Orders, devices and the scorecard ask."""
        return None

    @property
    def is_paired(self) -> bool:
        """Whether neuron k of its second half says the opposite of neuron k of its first.

        Whoever weighs what it says asks: feedback pathways, records, angles.
        """
        return False

    @property
    def is_custom(self) -> bool:
        """Whether its equations were written for one network, so that slips are looked for.

        The scorecard and Brian2 devices ask.
        """
        return False

    @property
    def frames(self) -> int:
        """Number of frames in which a stimulus, or a target, is shown. Devices ask."""
        return 1

    # ---- its activity ----------------------------------------------------------------------------
    @property
    def curve(self) -> Activation | None:
        """What neurons of graded activity make of their drive; None where that is no such curve.

        Device ``array`` runs neurons by it; losses and measures of saturation ask.
        """
        return None

    @property
    def slope(self) -> str:
        """The text of ``gain``, which stands for the slope of the response; empty without one.

        The scorecard and device ``array`` ask.
        """
        if not {"gain", "delta"} & {*self.signals}:
            return ""
        found = re.search(r"^\s*gain\s*=\s*(.+?)\s*:", self.model.equations, re.M)
        return found[1] if found else ""

    @property
    def gain_is_slope(self) -> bool:
        """Whether ``gain`` is the very slope of `curve`. Losses and measures of saturation ask."""
        return False

    @property
    def is_softmax(self) -> bool:
        """Whether activities are divided by their sum. Device ``array``, losses and checks ask."""
        return False

    @property
    def settles(self) -> bool:
        """Whether its facts say what it does at rest. Device ``array`` asks."""
        if self.role == "neurons":
            return self.curve is not None
        if self.role == "error":
            return bool(self.comparison)
        return self.role != "relay"

    @property
    def fires_alone(self) -> bool:
        """Whether it is active though nothing drives it. The scorecard asks."""
        return False

    @property
    def time_constant(self) -> float | None:
        """Time constant of the low-pass through which graded activity follows [ms]; None: none.

        Whoever works out how long a trial must be asks.
        """
        return None

    @property
    def refractory(self) -> float:
        """Time for which a neuron rests after a spike [ms]. Measures of saturation ask."""
        return 0.0

    @property
    def tau_x(self) -> float:
        """Time constant of the spike trace ``x`` [ms]; infinite: it counts. Hypotheses ask."""
        return INFINITE

    @property
    def unreliable(self) -> float:
        """Probability that a neuron is silent in a trial of learning. Device ``array`` asks."""
        return 0.0

    @property
    def noise(self) -> float:
        """Standard deviation of what it fires of its own in a noise phase; 0: it never does.

        Projections whose rules act then ask, and device ``array``.
        """
        return 0.0

    @property
    def explores(self) -> float:
        """Standard deviation of the noise that it adds to its drive. Device ``array`` asks."""
        return 0.0

    @property
    def norm(self) -> BatchNorm | None:
        """How its drives are normalised over a batch. Device ``array`` and the scorecard ask."""
        return None

    # ---- its dendrites ---------------------------------------------------------------------------
    @property
    def has_apical_dendrite(self) -> bool:
        """Whether what arrives at ``teach`` stays in a dendrite, and moves no activity.

        The dynamic locality check asks.
        """
        return False

    @property
    def tau_teach(self) -> float | None:
        """Time constant of the spiking neuron's dendrite [ms], 0: one step; None: no such dendrite.

        A `Relay` asks, which passes on what came.
        """
        return None

    @property
    def plateau(self) -> str | Activation | None:
        """What the dendrite makes of the feedback of each of two phases; None: it sums.

        Feedback pathways and orders ask.
        """
        return None

    @property
    def dendrite(self) -> str:
        """What the dendrite makes of what ``arrives``, and ``arrived`` in the phase before.

        Device ``array`` asks where there is a `plateau`.
        """
        return "arrives"

    @property
    def nudge(self) -> float:
        """Share of the feedback that moves it in a second phase. Feedback pathways ask."""
        return 0.0

    @property
    def moved(self) -> str:
        """What it does then, as an expression. Device ``array`` asks."""
        return "x"

    @property
    def teach_noise(self) -> float:
        """Standard deviation of what each dendrite adds in a trial. Device ``array`` asks."""
        return 0.0

    # ---- the error that it holds -----------------------------------------------------------------
    @property
    def n_classes(self) -> int:
        """Number of classes that error neurons tell apart. Feedback pathways ask."""
        return self.size

    @property
    def comparison(self) -> str:
        """The error at rest, an expression of what it is ``shown`` and of its ``drive``.

        Device ``array`` asks; empty where it cannot be said.
        """
        return ""

    @property
    def stands_for(self) -> float:
        """What one of its spikes stands for. Hypotheses weigh spikes by it."""
        return 1.0

    @property
    def push_pull(self) -> float:
        """By how much a spike of an error neuron moves its partner of the other sign.

        `apical.Network.teach` asks, and joins the pairs; 0: they know nothing of each other.
        """
        return 0.0

    @property
    def overlooks(self) -> float:
        """Error that is not worth a word, as a share of the whole. Hypotheses ask."""
        return 0.0

    @property
    def levels(self) -> int | None:
        """How many values of an error it tells apart; None: any. Hypotheses ask."""
        return None

    @property
    def keeps(self) -> Kept | None:
        """What of the error its signal ``told`` is; None: it has none such.

        A `Reward`, hypotheses, device ``array`` and the scorecard ask.
        """
        return None

    @property
    def wait(self) -> float:
        """Time from the onset of a trial until the label comes [ms]. Hypotheses, scorecard ask."""
        return 0.0

    # ---- what the scorecard says of it -----------------------------------------------------------
    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """What the model takes for granted that no other fact tells: lines of the scorecard."""
        return ()

    @property
    def times(self) -> Mapping[str, Any]:
        """Its parameters that are times [ms], by name. The scorecard asks if seconds were meant."""
        return times_among({f.name: getattr(self, f.name) for f in fields(self)})

    # ---- the same neurons, but for one thing -----------------------------------------------------
    def relaying(self, population: "Population") -> Self:
        """Return the same relay of a population that took the place of the one it relays."""
        if self.relays is None:
            return self
        raise WiringError(
            f"{described(self)} relays {self.relays.name!r}, which is replaced by another; its "
            "class needs a method 'relaying' that returns the same relay of that.",
            object=described(self),
        )

    def at_once(self, wait: float) -> Self:
        """Return the same neurons for trials of one step; the dynamic locality check asks.

        Parameters
        ----------
        wait
            Longest time until a label comes [ms].
        """
        return self

    def summing(self) -> Self:
        """Return the same neurons with dendrites that sum; angles of updates ask."""
        return self

    def firing(self, noise: float) -> Self | None:
        """Return the same neurons firing `noise` in noise phases; None where they cannot."""
        return None

    def hearing_noise(self, std: float, kick: float, trial: float) -> Self | None:
        """Return the same neurons with noise in their dendrites; None where they have none.

        Parameters
        ----------
        std
            Standard deviation of what is added in a trial.
        kick
            Size of one stray event, where neurons spike.
        trial
            Duration of a trial [ms].
        """
        return None

    def varied(self, membrane: float, threshold: float) -> Self | None:
        """Return neurons no two of which are alike; None where they have no membrane.

        Parameters
        ----------
        membrane, threshold
            Coefficients of variation of the time constant and of the threshold, besides those that
            there are.
        """
        return None

    def without_pause(self, tau_x: float, x_floor: float) -> Self:
        """Return the same neurons for a network that runs on from trial to trial.

        Parameters
        ----------
        tau_x, x_floor
            Time constant of traces that counted [ms], and where they are cut off.
        """
        return self

    def remembering(self, tau_x: float) -> Self:
        """Return the same neurons with traces ``x`` of at least a time constant [ms]."""
        return self

    def forgetting(self, tau: float, tau_label: float, trial: float) -> Self:
        """Return the same error neurons for a network that runs on from trial to trial.

        Parameters
        ----------
        tau, tau_label
            Time constants with which they forget and through which the label comes [ms], where
            they never forgot.
        trial
            Duration of a trial [ms].
        """
        return self

    def waiting(self, wait: float, trial: float) -> Self | None:
        """Return the same error neurons whose label comes after a time [ms]; None: it cannot."""
        return None

    def overlooking(self, threshold: float, trial: float) -> Self | None:
        """Return the same error neurons that overlook a share of the whole; None: they cannot."""
        return None

    def telling(self, levels: int, trial: float) -> Self | None:
        """Return the same error neurons that tell so many values apart; None: they cannot."""
        return None

    def keeping(self, part: Kept) -> Self | None:
        """Return the same error neurons with a signal ``told`` of a part; None: they cannot."""
        return None


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
    def is_custom(self) -> bool:
        return True

    @property
    def times(self) -> Mapping[str, Any]:
        in_ms = self.model.parameters.items()
        return {**super().times, **{name: value for name, (value, unit) in in_ms if unit == "ms"}}

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

    role: ClassVar[Role] = "stimulus"

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

    # an encoder says these by constants of its model that are called so
    @property
    def time_constant(self) -> float | None:
        return self.encoder.spikes.parameters.get("tau", (None, "ms"))[0]

    @property
    def refractory(self) -> float:
        return self.encoder.spikes.parameters.get("refractory_time", (0.0, "ms"))[0]

    @property
    def unreliable(self) -> float:
        return self.encoder.spikes.parameters.get("unreliable", (0.0, "1"))[0]

    @property
    def times(self) -> Mapping[str, Any]:
        encoder = self.encoder
        own = {f.name: getattr(encoder, f.name) for f in fields(encoder)}
        return {**super().times, **times_among(own)}

    def at_once(self, wait: float) -> Self:
        return replace(self, frames=1)

    def without_pause(self, tau_x: float, x_floor: float) -> Self:
        return _decaying(self, tau_x, x_floor)

    def remembering(self, tau_x: float) -> Self:
        return replace(self, tau_x=tau_x) if self.tau_x < tau_x else self

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
            f"each dendrite hears {2 * self.stray_rate:g} stray events a second of its own, "
            f"of size {self.stray_kick:g} and either sign"
        )
        return (Assumption("feedback", "local", reason),)

    def hearing_noise(self, std: float, kick: float, trial: float) -> Self:
        if self.stray_rate and self.stray_kick != kick:
            raise ParameterError(
                f"{described(self)}: its stray events have the size {self.stray_kick!r} already, "
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

    def without_pause(self, tau_x: float, x_floor: float) -> Self:
        found = _decaying(self, tau_x, x_floor)
        if found.tau_teach == INFINITE:
            found = replace(found, tau_teach=0.0)
        return found if found.leak else replace(found, leak=True, bias=found.bias + LEAK)

    def remembering(self, tau_x: float) -> Self:
        return replace(self, tau_x=tau_x) if self.tau_x < tau_x else self

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


def _decaying(population: S, tau_x: float, x_floor: float) -> S:
    """Return the same neurons with a trace that decays, where it counted."""
    if population.tau_x != INFINITE:
        return population
    return replace(population, tau_x=tau_x, x_floor=x_floor)


def _together(one: float, other: float) -> float:
    """Return the coefficient of variation of a product of two independent factors."""
    return sqrt((1 + one * one) * (1 + other * other) - 1) if one and other else one or other


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
