"""Populations: neuron models as equations in Brian2's grammar, with their inputs and signals.

Membrane potentials are dimensionless, in units of the distance from rest to threshold.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import prod
from typing import Annotated, Any, ClassVar, Self, final

import numpy as np

from apical._base.checking import check_fields, described, fitting, require, shown
from apical._base.names import check_name
from apical._base.parameters import Array, Constants, Count, Time, powers
from apical._base.registry import Registry
from apical.errors import WiringError
from apical.language.activations import Activation
from apical.language.model_text import check_names
from apical.language.own_models import check_model
from apical.neurons.batch_norm import BatchNorm
from apical.neurons.encoding import Draw
from apical.neurons.facts import Assumption, Integrator, Kept, Role, Tabulated

INFINITE = float("inf")

OPEN = "int(silence <= 0)"
"""Factor on the activity of neurons that can be silenced, by their input ``silence``."""

_IN_TIME = re.compile(r"tau(_(?!.*cv$).*)?|refractory|wait|onset")
"""Names of parameters that are times."""


def times_among(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are times [ms], recognised by their names."""
    return {name: value for name, value in parameters.items() if _IN_TIME.fullmatch(name)}


@dataclass(frozen=True)
class NeuronModel:
    """Equations of one neuron, in Brian2's grammar.

    Parameters
    ----------
    equations
        Differential equations, variables and subexpressions, with units.
    threshold, reset, refractory
        As in Brian2; empty where the model has none. A refractory period may be a quantity.
    at_trial
        Statements run at the start of every trial; they may call ``stimulus(t, i)`` [Hz] and
        ``label(t, k)`` [dimensionless, 0 or 1].
    at_frame
        Statements run at the start of every frame of the stimulus, after `at_trial`; they may call
        ``stimulus(t, i)``.
    at_reset
        Statements run before `at_trial` in a network that resets its state between trials, after
        every variable has returned to its initial value (`initial`).
    at_step
        Statements run at the start of every time step.
    initial
        Initial value of each variable that does not start at 0: a number, or a distribution from
        which a value is drawn for each neuron. A reset restores the same values.
    lasting
        Variables that are not reset, but continue from trial to trial. With a refractory period,
        ``"lastspike"`` may be among them.
    parameters
        Value and unit of each shared constant, for instance ``{"tau_m": (20.0, "ms")}``; units
        are ``"ms"``, ``"Hz"``, ``"1"`` and ``"integer"``. A Brian2 quantity has both in one.
        They need no line in `equations`.
    method
        Brian2's name of the integration method. ``"exact"`` is exact integration of linear
        equations, perfect integrators and equal time constants included (Rotter & Diesmann 1999,
        doi:10.1007/s004220050570, eq. 7).
    summed
        Variables that equal, at every moment, the summed synaptic input: the sum of presynaptic
        signals times weights. They need no line in `equations`.

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
        check_names(self)


@dataclass(frozen=True)
class Population(ABC):
    """A population: `size` neurons of one model.

    Other parts of the package use the properties and methods declared here: facts about the
    neurons, each with a neutral default, and copies of the population that differ in one respect.
    Each neuron model overrides them in its own file; no code elsewhere depends on the class.

    A frozen dataclass: its fields are its parameters, checked by their annotations. Derive custom
    populations from this class, or use `Neurons` if no named parameters are needed.

    Parameters
    ----------
    name
        Its name.
    size
        Number of neurons; by default that of `shape`. A class with fields of its own that have no
        default requires it: ``size: Count = field()``.
    shape
        Arrangement of the neurons: ``(rows, columns)``, ``(maps, rows, columns)`` of feature maps
        or colours, or ``(n,)``. Its product is `size`; neurons are counted along the last axis
        first, as NumPy's ``ravel`` does. None for no arrangement.
    positions
        Coordinates of each neuron, shape (size, d) [in units of your own]; None for those that
        follow from `shape`.

    See Also
    --------
    Neurons : A population whose equations are given as text, without a class.
    apical.connectivity : Connections by distance, and receptive fields.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from typing import final
    >>> from apical import NeuronModel
    >>> from apical.neurons import Population
    >>> @final
    ... @dataclass(frozen=True)
    ... class Quadratic(Population):
    ...     tau: float = 10.0  # [ms]
    ...
    ...     @property
    ...     def model(self):
    ...         tau = {"tau": (self.tau, "ms")}
    ...         return NeuronModel("dv/dt = v*v/tau : 1", "v > 5", "v = -5", parameters=tau)
    ...
    ...     inputs = {"drive": "v"}  # a projection adds to it
    ...     signals = ("v",)  # synapses may read it
    >>> neurons = Quadratic("hidden", 10, tau=20.0)
    >>> neurons.is_spiking, neurons.role
    (True, 'neurons')
    >>> Quadratic("hidden", shape=(3, 4)).size
    12
    >>> Quadratic("hidden", 0)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Quadratic 'hidden': size must be one whole number >= 1
        and <= 2147483647, got 0...
    """

    name: str
    size: Count = None  # type: ignore[assignment]  # until it is taken from the shape
    shape: tuple[Count, ...] | None = field(default=None, kw_only=True, repr=False)
    positions: Annotated[np.ndarray, Array((2,), finite=True)] | None = field(
        default=None, kw_only=True, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        check_fields(self)
        # lower case: array arguments of compiled CUDA programs lose their capitals
        check_name(self.name, "population", type(self).__name__, "a population")
        if self.size is None:
            wanted = "one whole number >= 1, unless a shape is given"
            require(self.shape is not None, described(self), "size", wanted, "neither")
            size = fitting(prod(self.shape or ()), Count, described(self), "size")
            object.__setattr__(self, "size", size)
        if self.shape is not None:
            fits = len(self.shape) <= 3 and prod(self.shape) == self.size
            wanted = f"of 1 to 3 numbers whose product is the size, {self.size}"
            require(fits, described(self), "shape", wanted, shown(self.shape))
        if self.positions is not None:
            fits = len(self.positions) == self.size and self.positions.shape[1] in (1, 2, 3)
            wanted = f"of shape ({self.size}, d), with 1, 2 or 3 coordinates d of each neuron"
            require(fits, described(self), "positions", wanted, f"shape {self.positions.shape}")

    @property
    def coordinates(self) -> np.ndarray | None:
        """Coordinates of each neuron, shape (size, d); None where it has no shape or positions.

        Those of a shape lie on a grid in the unit square, each neuron in the middle of its cell, so
        that populations of different shapes lie over each other; maps lie on top of each other.
        """
        if self.positions is not None or self.shape is None:
            return self.positions
        grid = self.shape[-2:]
        axes = np.meshgrid(*((np.arange(n) + 0.5) / n for n in grid), indexing="ij")
        points = np.stack([axis.ravel() for axis in axes], axis=1)
        return np.tile(points, (self.size // len(points), 1))

    @property
    @abstractmethod
    def model(self) -> NeuronModel:
        """Equations of one neuron."""

    @property
    @abstractmethod
    def inputs(self) -> Mapping[str, str]:
        """Inputs: name -> the variable that a projection adds to."""

    @property
    @abstractmethod
    def signals(self) -> tuple[str, ...]:
        """Signals: variables that synapses may read."""

    @property
    def is_spiking(self) -> bool:
        """Whether it spikes; otherwise its activity is graded."""
        return bool(self.model.threshold)

    @property
    def tabulated(self) -> Tabulated | None:
        """What makes its spikes, where those of a frame can be worked out at once; else None."""
        return None

    @property
    def described(self) -> NeuronModel:
        """Its equations, also where no Brian2 device can run them.

        The signal graph (`apical.network.signals`) is built from them.
        """
        return self.model

    @property
    def hears(self) -> Mapping[str, tuple["Population", str]]:
        """Non-synaptic inputs: variable -> the population and the signal that it reads.

        By default that of a relay: ``heard`` is ``delta`` of the population that it relays.
        """
        return {"heard": (self.relays, "delta")} if self.relays else {}

    # ---- its role --------------------------------------------------------------------------------
    role: ClassVar[Role] = "neurons"
    """Role in the network (`apical.neurons.facts.Role`). Used throughout the package."""

    @property
    def is_told(self) -> bool:
        """Whether it receives the label or the target. Used by the scorecard and the graph."""
        return self.role in ("error", "target")

    @property
    def serves_learning(self) -> bool:
        """Whether it serves learning only. Used by measures of cost and of silent units."""
        return self.is_told or self.role == "relay"

    @property
    def relays(self) -> "Population | None":
        """The population whose dendritic feedback it relays; None for all but relays.

        Used by topological orders, devices and the scorecard.
        """
        return None

    @property
    def is_paired(self) -> bool:
        """Whether its halves carry opposite signs: neuron k of the second is paired with k.

        Used by feedback pathways, records and measures of angles.
        """
        return False

    @property
    def is_custom(self) -> bool:
        """Whether its equations are user-written, and therefore checked for mistakes.

        Used by the scorecard and Brian2 devices.
        """
        return False

    @property
    def frames(self) -> int:
        """Number of frames of a stimulus or a target. Used by devices."""
        return 1

    # ---- its activity ----------------------------------------------------------------------------
    @property
    def curve(self) -> Activation | None:
        """Activation function of graded neurons; None if there is none.

        Used by device ``array``, losses and measures of saturation.
        """
        return None

    @property
    def response(self) -> str:
        """Steady-state activity, an expression of ``drive`` (and ``gate``, see `has_gates`).

        Used by device ``array``; empty where there is no `curve`.
        """
        return self.curve.response if self.curve else ""

    @property
    def components(self) -> int:
        """Number of components of each vectorised unit; 1: neurons on their own.

        Used by feedback pathways and the scorecard.
        """
        return 1

    @property
    def has_gates(self) -> bool:
        """Whether the components of a unit share a ``gate``.

        Used by device ``array`` and the dynamic locality check.
        """
        return False

    @property
    def slope(self) -> str:
        """Surrogate gradient (pseudo-derivative): the expression of ``gain``; empty without one.

        Used by the scorecard and device ``array``.
        """
        if not {"gain", "delta"} & {*self.signals}:
            return ""
        found = re.search(r"^\s*gain\s*=\s*(.+?)\s*:", self.model.equations, re.M)
        return found[1] if found else ""

    @property
    def gain_is_slope(self) -> bool:
        """Whether ``gain`` is the true derivative of `curve`. Used by losses and saturation."""
        return False

    @property
    def is_softmax(self) -> bool:
        """Whether it is a softmax population. Used by device ``array``, losses and checks."""
        return False

    @property
    def settles(self) -> bool:
        """Whether its steady state is known in closed form. Used by device ``array``."""
        if self.role == "neurons":
            return self.curve is not None
        if self.role == "error":
            return bool(self.comparison)
        return self.role != "relay"

    @property
    def fires_alone(self) -> bool:
        """Whether it is spontaneously active. Used by the scorecard."""
        return False

    @property
    def integrator(self) -> Integrator | None:
        """Its parameters, if it is an integrate-and-fire neuron that other simulators know.

        Used by `apical.nir`.
        """
        return None

    @property
    def time_constant(self) -> float | None:
        """Time constant of graded activity [ms], where the equations do not tell it.

        Linear ones do (`apical.network.settling_time.time_constants`). Used to estimate how long a
        trial must be.
        """
        return None

    @property
    def refractory(self) -> float:
        """Refractory period [ms]. Used by measures of saturation."""
        return 0.0

    @property
    def tau_x(self) -> float:
        """Time constant of the spike trace ``x`` [ms]; infinite: a count. Used by hypotheses."""
        return INFINITE

    @property
    def gated(self) -> bool:
        """Whether it has an input ``silence``: while that is above 0 a neuron is not active.

        Used by lesions (`silenceable`) and device ``array``.
        """
        return False

    @property
    def unreliable(self) -> float:
        """Dropout probability in training trials. Used by device ``array``."""
        return 0.0

    @property
    def noise(self) -> float:
        """Standard deviation of its spontaneous activity in a noise phase; 0: none.

        Used by projections whose rules act in that phase, and by device ``array``.
        """
        return 0.0

    @property
    def explores(self) -> float:
        """Standard deviation of node-perturbation noise on its drive. Used by device ``array``."""
        return 0.0

    @property
    def norm(self) -> BatchNorm | None:
        """Batch normalisation; None without. Used by device ``array`` and the scorecard."""
        return None

    # ---- its dendrites ---------------------------------------------------------------------------
    @property
    def has_apical_dendrite(self) -> bool:
        """Whether input ``teach`` ends in an apical dendrite that does not drive the soma.

        Used by the dynamic locality check.
        """
        return False

    @property
    def tau_teach(self) -> float | None:
        """Time constant of a spiking neuron's dendrite [ms], 0: one time step; None: no dendrite.

        Used by a `Relay`, which passes on what arrives there.
        """
        return None

    @property
    def plateau(self) -> str | Activation | None:
        """Nonlinearity of the plateau potential in each of two phases; None: the dendrite sums.

        Used by feedback pathways and topological orders.
        """
        return None

    @property
    def dendrite(self) -> str:
        """Dendritic signal ``teach``, from what ``arrives`` and ``arrived`` in the phase before.

        Used by device ``array`` where there is a `plateau`.
        """
        return "arrives"

    @property
    def nudge(self) -> float:
        """Fraction of the feedback that nudges it in a second phase. Used by pathways."""
        return 0.0

    @property
    def moved(self) -> str:
        """Activity in that nudged phase, as an expression. Used by device ``array``."""
        return "x"

    @property
    def teach_noise(self) -> float:
        """Standard deviation of dendritic noise in a trial. Used by device ``array``."""
        return 0.0

    # ---- the error that it represents ------------------------------------------------------------
    @property
    def n_classes(self) -> int:
        """Number of classes that error neurons distinguish. Used by feedback pathways."""
        return self.size

    @property
    def target_rate(self) -> float:
        """Activity of the output that a target of 1 asks for: a rate [Hz] if that spikes.

        Used to read targets from activity.
        """
        return 1.0

    @property
    def comparison(self) -> str:
        """Error in the steady state, an expression of ``shown`` (the target) and ``drive``.

        Used by device ``array``; empty where there is no closed form.
        """
        return ""

    @property
    def stands_for(self) -> float:
        """Error that one of its spikes represents. Used by hypotheses as a weight."""
        return 1.0

    @property
    def push_pull(self) -> float:
        """Effect of an error neuron's spike on its partner of opposite sign (push-pull).

        Used by `apical.Network.teach`, which connects the pairs; 0: they do not interact.
        """
        return 0.0

    @property
    def overlooks(self) -> float:
        """Dead zone of the error, as a fraction of the largest error. Used by hypotheses."""
        return 0.0

    @property
    def levels(self) -> int | None:
        """Number of quantisation levels of the error; None: continuous. Used by hypotheses."""
        return None

    @property
    def keeps(self) -> Kept | None:
        """Part of the error offered as the signal ``told``; None: there is no such signal.

        Used by a `Reward`, hypotheses, device ``array`` and the scorecard.
        """
        return None

    @property
    def wait(self) -> float:
        """Delay of the label after trial onset [ms]. Used by hypotheses and the scorecard."""
        return 0.0

    # ---- for the scorecard -----------------------------------------------------------------------
    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """Assumptions of the model that no other property states: lines of the scorecard."""
        return ()

    @property
    def times(self) -> Mapping[str, Any]:
        """Its parameters that are times [ms], by name. The scorecard asks whether ms was meant."""
        return times_among({f.name: getattr(self, f.name) for f in fields(self)})

    # ---- copies that differ in one respect -------------------------------------------------------
    def relaying(self, population: "Population") -> Self:
        """Return the same relay for a population that replaces the one it relays."""
        if self.relays is None:
            return self
        raise WiringError(
            f"{described(self)} relays {self.relays.name!r}, which is replaced by another; its "
            "class needs a method 'relaying' that returns the same relay for the new population.",
            object=described(self),
        )

    def at_once(self, wait: float) -> Self:
        """Return the same neurons for trials of one time step (dynamic locality check).

        Parameters
        ----------
        wait
            Longest delay of a label [ms].
        """
        return self

    def summing(self) -> Self:
        """Return the same neurons with dendrites that sum (angles of updates)."""
        return self

    def silenceable(self) -> Self | None:
        """Return the same neurons with an input ``silence`` (`gated`); None: they cannot."""
        return None

    def firing(self, noise: float) -> Self | None:
        """Return the same neurons with spontaneous activity in noise phases; None: they cannot."""
        return None

    def hearing_noise(self, std: float, kick: float, trial: float) -> Self | None:
        """Return the same neurons with dendritic noise; None where they have no dendrites.

        Parameters
        ----------
        std
            Standard deviation of the noise summed over a trial.
        kick
            Size of one noise event, where neurons spike.
        trial
            Duration of a trial [ms].
        """
        return None

    def varied(self, membrane: float, threshold: float) -> Self | None:
        """Return heterogeneous neurons; None where they have no membrane.

        Parameters
        ----------
        membrane, threshold
            Coefficients of variation of the time constant and of the threshold, in addition to any
            that the neurons already have.
        """
        return None

    def without_pause(self, tau_x: float, x_floor: float) -> Self:
        """Return the same neurons for a network without resets between trials.

        Parameters
        ----------
        tau_x, x_floor
            Time constant [ms] and cut-off of traces that did not decay before.
        """
        return self

    def remembering(self, tau_x: float) -> Self:
        """Return the same neurons with spike traces ``x`` of at least this time constant [ms]."""
        return self

    def forgetting(self, tau: float, tau_label: float, trial: float) -> Self:
        """Return the same error neurons for a network without resets between trials.

        Parameters
        ----------
        tau, tau_label
            Time constants of their leak and of the low-pass filters of the label [ms], given to
            neurons without a leak.
        trial
            Duration of a trial [ms].
        """
        return self

    def waiting(self, wait: float, trial: float) -> Self | None:
        """Return the same error neurons with a delayed label [ms]; None: they cannot."""
        return None

    def overlooking(self, threshold: float, trial: float) -> Self | None:
        """Return the same error neurons with a dead zone; None: they cannot."""
        return None

    def telling(self, levels: int, trial: float) -> Self | None:
        """Return the same error neurons with a quantised error; None: they cannot."""
        return None

    def keeping(self, part: Kept) -> Self | None:
        """Return the same error neurons with a part of the error as ``told``; None: they cannot."""
        return None


@final
@dataclass(frozen=True)
class Neurons(Population):
    """Custom neurons: a population with a neuron model of your own.

    Parameters
    ----------
    neuron
        Equations of one neuron.
    takes
        Inputs: name -> the variable that the spikes of a projection add to, for instance
        ``{"drive": "I"}``.
    offers
        Signals: variables that synapses may read.

    See Also
    --------
    apical.NeuronModel : The equations.
    apical.LIF : A built-in model.

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

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, given in (("an input", self.takes), ("a signal", self.offers)):
            for name in given:
                check_name(name, "key", described(self), what)
        check_model(self.neuron, described(self), self.takes.values())

    def __hash__(self) -> int:
        return hash((self.name, self.size))  # mappings are not hashable

    @property
    def gated(self) -> bool:
        return self.takes.get("silence") == "silence" and "silence" in self.neuron.summed

    def silenceable(self) -> Self | None:
        own = self.neuron
        if self.gated or not own.threshold:
            return self if self.gated else None
        closed = replace(
            own,
            threshold=f"({own.threshold}) and silence <= 0",
            summed=(*own.summed, "silence"),
        )
        return replace(self, neuron=closed, takes={**self.takes, "silence": "silence"})

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
"""Registry of population classes, by name."""
