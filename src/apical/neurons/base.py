"""Populations: neuron models as equations in Brian2's grammar, what they take and what they offer.

Membranes are dimensionless, in units of the distance from rest to threshold.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Self, final

from apical._base.checking import check_fields, described, fitting
from apical._base.parameters import Constants, Count, Time, powers
from apical._base.registry import Registry
from apical.errors import ParameterError, WiringError
from apical.language.activations import Activation
from apical.neurons.batch_norm import BatchNorm
from apical.neurons.encoding import Draw
from apical.neurons.facts import Assumption, Kept, Role

INFINITE = float("inf")

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

    See Also
    --------
    apical.Neurons : A population of such neurons.

    Examples
    --------
    >>> from apical import NeuronModel
    >>> izhikevich = NeuronModel(
    ...     '''dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms : 1
    ...     du/dt = a*(b*v - u)/ms : 1
    ...     I : 1''',
    ...     threshold="v > 30",
    ...     reset="v = -65; u += 8",
    ...     initial={"v": -65.0},
    ...     parameters={"a": (0.02, "1"), "b": (0.2, "1")},
    ...     method="euler",
    ... )
    >>> izhikevich.parameters["a"]
    (0.02, '1')
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

    @property
    def described(self) -> NeuronModel:
        """Its equations to be read, also those that no device of Brian2's runs.

        The graph of signals (`apical.network.signals`) is made of it.
        """
        return self.model

    @property
    def hears(self) -> Mapping[str, tuple["Population", str]]:
        """Signals of other populations that reach its variables without a synapse, by variable."""
        return {}

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


@final
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

    See Also
    --------
    apical.NeuronModel : What equations may say.
    apical.LIF : A model that is there.

    Examples
    --------
    >>> from apical import NeuronModel, Neurons
    >>> tau = {"tau": (20.0, "ms")}
    >>> leaky = NeuronModel("dv/dt = -v/tau : 1", "v > 1", "v = 0", parameters=tau)
    >>> Neurons("hidden", 10, leaky, takes={"drive": "v"}, offers=("v",)).is_spiking
    True
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


POPULATIONS: Registry[type[Population]] = Registry(
    "population",
    {
        "Stimulus": "apical.neurons.stimulus:Stimulus",
        "LIF": "apical.neurons.lif:LIF",
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
