"""Populations: neuron models as equations in Brian2's grammar, what they take and what they offer.

Membranes are dimensionless, in units of the distance from rest to threshold.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, final

from apical._base.checking import check_fields, fitting
from apical._base.parameters import Constants, Count, Time, powers
from apical._base.registry import Registry
from apical.errors import ParameterError
from apical.neurons.encoding import Draw

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
