"""Rate populations: neurons of graded activity, and the bias."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import hypot
from typing import ClassVar, Literal, Self, final

from apical._base.checking import described, shown
from apical._base.parameters import (
    Count,
    Duration,
    Frequency,
    NonNegative,
    Share,
    ShareBelowOne,
)
from apical.errors import DeviceError, ParameterError
from apical.language.activations import ACTIVATIONS, SOFTMAX, VECTOR_RELU, Activation
from apical.language.expressions import substituted
from apical.language.fragments import lines, when
from apical.neurons.base import OPEN, NeuronModel, Population
from apical.neurons.batch_norm import BatchNorm
from apical.neurons.encoding import AWAKE
from apical.neurons.facts import Assumption, Role
from apical.plasticity.rules import ELIGIBILITY

NUDGED = "nudged"
"""Signal: activity in the nudged phase, in which feedback drives neurons too (`Rate.nudge`)."""

GATE = "gate"
"""Signal: whether the common gate of a unit's components is open, 1 or 0 (`Rate.components`)."""

FED_BACK = ("teach", "delta", NUDGED)
"""Signals that depend on feedback."""


@final
@dataclass(frozen=True)
class Rate(Population):
    r"""Rate neurons (leaky integrators with an activation function) with an apical dendrite.

    .. math:: \tau \frac{dx_j}{dt} = -x_j + f\Big(\sum_i w_{ij} x_i\Big)

    The drive of a neuron is the sum, ``f`` its activation function. The apical dendrite ``teach``
    sums the feedback that arrives and does not affect the activity. Device ``array`` computes the
    steady state.

    Parameters
    ----------
    activation
        Activation function: a name (``"linear"``, ``"logistic"``, ``"tanh"``, ``"relu"``,
        ``"leaky_relu"``, ``"gelu"``, ``"softplus"``, ``"softmax"``, ``"vector_relu"``) or an
        `Activation`. The default is odd, so that activities are centred. Softmax is for read-outs
        on device ``array``, and so is the rectifier of units of several `components`.
    gain
        Postsynaptic factor of learning: ``"slope"`` (derivative) of the activation function, or
        ``"one"`` for the read-out under cross-entropy, where the slopes of loss and read-out
        cancel.
    tau
        Time constant [ms]; at 5 ms, a fast synapse, the steady state is reached in some tens of ms.
    unreliable
        Dropout probability in training trials [dimensionless]; the activity of the other neurons is
        scaled by ``1/(1 - unreliable)`` (inverted dropout). With learning off no neuron is dropped
        (Srivastava et al. 2014, section 10).
    teach_noise
        Dendritic noise: standard deviation of what is added to the feedback of each neuron in a
        training trial [dimensionless, in units of ``teach``], drawn for each neuron and trial.
    explores
        Node perturbation: standard deviation of the noise that is added to the drive of each
        neuron in a training trial [dimensionless, in units of the drive]. The neuron then offers
        the signal ``eligibility``, the noise divided by its variance, which
        `apical.plasticity.rules.node_perturbation` reads (Williams 1992,
        doi:10.1007/BF00992696, section 6). For device ``array``, with a `Reward`.
    noise
        Spontaneous activity: standard deviation of the activity of each neuron, whatever its drive,
        in the trials of a noise phase [dimensionless]: normal with mean 0, drawn for each trial. 0
        for none; for device ``array`` only.
    norm
        Batch normalisation of the drives, on device ``array``; None for none. There are then inputs
        ``scale`` and ``shift`` for synapses from a `Bias`, and signals ``normal`` and ``slope`` for
        their rules (`apical.plasticity.rules.norm_scale`, ``norm_shift``).
    plateau
        Plateau potential: nonlinearity of the dendrite, an activation function as above, applied
        to the feedback in each of two phases of a trial: input ``before`` receives that of the
        first, ``teach`` that of the second, and the signal ``teach`` is the second plateau minus
        the first. None for a dendrite that sums (`apical.feedback.two_phase.two_phases`;
        Guerguiev, Lillicrap & Richards 2017, doi:10.7554/eLife.22901).
    nudge
        Fraction, 0 to 1, of its feedback that is added to the activity in the second phase
        [dimensionless]. The neuron then offers the signal ``nudged``, its activity in that phase:
        ``x + nudge*teach``. With 1, a read-out that receives its own error is clamped to its
        target.
    gated
        Whether there is an input ``silence``, from a `Bias`: while it is above 0, the activity of a
        neuron and its gain are 0 (`apical.network.lesions.silenced`).
    components
        Number of components K of each unit (vectorised units; Clark et al. 2021,
        arXiv:2106.04089), 1 for neurons on their own. The neurons are those of the first component
        of all units, then those of the second, and so on. With ``activation="vector_relu"``,
        components have a common gate, the signal ``gate``: their activity is ``G*drive``, their
        gain G, with G = 1 where :math:`\sum_k t_k\,\text{drive}_k \ge 0`, else 0, and a fixed
        random gating vector t of the unit (`apical.Network.gating`).

    See Also
    --------
    apical.Bias : Source of learned biases.
    apical.RateError : Teaches these neurons.
    apical.language.activations : The activation functions and their slopes.

    Examples
    --------
    >>> from apical import Rate
    >>> hidden = Rate("hidden", 100, "relu", unreliable=0.5)
    >>> print(hidden.model.equations)
    dy/dt = (drive*int(drive > 0) - y)/tau : 1
    awake : 1
    x = awake*y : 1
    gain = awake*(int(drive > 0)) : 1
    delta = gain*teach : 1
    >>> hidden.signals
    ('x', 'gain', 'delta', 'teach', 'drive')
    """

    activation: str | Activation = "tanh"
    gain: Literal["slope", "one"] = "slope"
    tau: Duration = 5.0
    unreliable: ShareBelowOne = 0.0
    teach_noise: NonNegative = 0.0
    explores: NonNegative = 0.0
    noise: NonNegative = 0.0
    norm: BatchNorm | None = None
    plateau: str | Activation | None = None
    nudge: Share = 0.0
    gated: bool = field(default=False, kw_only=True)
    components: Count = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.components > 1:
            self._check_components()
        known = [*ACTIVATIONS, SOFTMAX, VECTOR_RELU]
        if isinstance(self.activation, str) and self.activation not in known:
            raise ParameterError(
                f"{described(self)}: activation must be an Activation or one of "
                f"{', '.join(known)}, got {shown(self.activation)}.",
                object=described(self),
                parameter="activation",
            )
        if self.explores and self.unreliable:
            raise ParameterError(
                f"{described(self)} takes either exploration noise or dropout, not both, got "
                f"explores={self.explores!r} and unreliable={self.unreliable!r}; set one to 0.",
                object=described(self),
                parameter="explores",
            )
        if self.is_softmax and self.gain != "one":
            raise ParameterError(
                f"{described(self)}: softmax has no slope of a single neuron; give gain='one', "
                "which is right under cross-entropy.",
                object=described(self),
                parameter="gain",
            )
        if self.gated and (self.is_softmax or self.nudge):
            raise ParameterError(
                f"{described(self)} cannot be silenced: softmax divides what is left among the "
                "others, and feedback nudges neurons whatever drives them; use another activation, "
                "and nudge=0.",
                object=described(self),
                parameter="gated",
            )
        if isinstance(self.plateau, str) and self.plateau not in ACTIVATIONS:
            raise ParameterError(
                f"{described(self)} needs a plateau that is None, an Activation or one of "
                f"{', '.join(ACTIVATIONS)}, got {shown(self.plateau)}.",
                object=described(self),
                parameter="plateau",
            )

    def _check_components(self) -> None:
        first = self.size if self.shape is None else self.shape[0]
        needs = {
            f"a size, or a first axis of its shape, that is a multiple of {self.components}, got "
            f"{first}": first % self.components == 0,
            "all components of a unit alike; leave norm and unreliable out": not (
                self.norm or self.unreliable
            ),
        }
        for what, is_so in needs.items():
            if not is_so:
                raise ParameterError(
                    f"{described(self)} has units of components={self.components}, which need "
                    f"{what}.",
                    object=described(self),
                    parameter="components",
                )

    @property
    def is_spiking(self) -> bool:
        return False

    @property
    def slope(self) -> str:
        if self.gain == "one":
            return "1"
        return GATE if self.has_gates else self.curve.slope

    @property
    def gain_is_slope(self) -> bool:
        return self.gain == "slope"

    @property
    def has_apical_dendrite(self) -> bool:
        return True

    def summing(self) -> Self:
        return replace(self, plateau=None) if self.plateau else self

    def silenceable(self) -> Self | None:
        return None if self.is_softmax or self.nudge else replace(self, gated=True)

    def firing(self, noise: float) -> Self:
        return replace(self, noise=noise)

    def hearing_noise(self, std: float, kick: float, trial: float) -> Self:
        return replace(self, teach_noise=hypot(self.teach_noise, std))

    @property
    def is_softmax(self) -> bool:
        """Whether it is a softmax population: activities are divided by their sum."""
        return self.activation == SOFTMAX

    @property
    def inputs(self) -> Mapping[str, str]:
        moved = self.teach_noise or self.plateau
        known = {"drive": "drive", "teach": "arrives" if moved else "teach"}
        known |= {"before": "arrived"} if self.plateau else {}
        known |= {"silence": "silence"} if self.gated else {}
        return known | ({"scale": "scale", "shift": "shift"} if self.norm else {})

    @property
    def signals(self) -> tuple[str, ...]:
        has_gain = self.gain == "one" or bool(self.curve.slope)
        return (
            "x",
            *(("gain", "delta") if has_gain else ()),
            "teach",
            "drive",
            *(("normal",) if self.norm else ()),
            *(("slope",) if self.norm and has_gain else ()),
            *((ELIGIBILITY,) if self.explores else ()),
            *((NUDGED,) if self.nudge else ()),
            *((GATE,) if self.has_gates else ()),
        )

    @property
    def curve(self) -> Activation:
        """Activation function, as expressions."""
        if isinstance(self.activation, Activation):
            return self.activation
        if self.is_softmax:
            return Activation(SOFTMAX, "exp(drive)")  # up to the sum over the population
        if self.has_gates:
            return Activation(VECTOR_RELU, "drive", "1")  # where the gate is open
        return ACTIVATIONS[self.activation]

    @property
    def response(self) -> str:
        return f"{GATE}*drive" if self.has_gates else self.curve.response

    @property
    def has_gates(self) -> bool:
        return self.activation == VECTOR_RELU

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        if not self.has_gates:
            return ()
        n = self.components
        return (
            Assumption(
                "feedback",
                "idealised",
                f"a unit keeps {n} teaching signals apart, one at each of its components",
            ),
            Assumption(
                "global quantities",
                "idealised",
                f"the {n} components of a unit share a gate, which reads the drive of all of them",
            ),
        )

    @property
    def dendrite(self) -> str:
        """Dendritic signal ``teach``, from what ``arrives`` and ``arrived`` in the phase before."""
        if self.plateau is None:
            return "arrives"
        own = self.plateau if isinstance(self.plateau, Activation) else ACTIVATIONS[self.plateau]
        after, before = (
            substituted(own.response, {"drive": name}) for name in ("arrives", "arrived")
        )
        return f"({after}) - ({before})"

    @property
    def moved(self) -> str:
        """Activity in the nudged phase, as an expression."""
        return f"x + {self.nudge!r}*teach"

    def _refuse_brian(self) -> None:
        if self.is_softmax:
            raise DeviceError(
                f"Rate {self.name!r} has a softmax, which divides by the sum over the population; "
                "only device 'array' runs it. Use 'logistic' in Brian2.",
                object=f"Rate {self.name!r}",
            )
        if self.explores:
            raise DeviceError(
                f"Rate {self.name!r} explores (node perturbation): each trial is shown without and "
                "with noise, which only device 'array' does. Use that, or explores=0.",
                object=f"Rate {self.name!r}",
            )
        if self.norm:
            raise DeviceError(
                f"Rate {self.name!r} has batch normalisation, which takes mean and variance over "
                "a batch of trials; only device 'array' runs it. Use that, or norm=None.",
                object=f"Rate {self.name!r}",
            )
        if self.has_gates:
            raise DeviceError(
                f"Rate {self.name!r} has units of {self.components} components, whose common gate "
                "is no equation of one neuron; only device 'array' runs it. Use that, or 'relu'.",
                object=f"Rate {self.name!r}",
            )

    @property
    def model(self) -> NeuronModel:
        self._refuse_brian()
        return self.described

    @property
    def described(self) -> NeuronModel:
        summed = tuple(self.inputs.values())
        awake = when(self.unreliable, "awake*") + when(self.gated, f"{OPEN}*")
        stray = when(self.teach_noise, " + stray")
        has_gain = "gain" in self.signals
        return NeuronModel(
            equations=lines(
                f"dy/dt = ({self.response} - y)/tau : 1",
                when(self.has_gates, f"{GATE} : 1"),
                when(self.unreliable, "awake : 1"),
                f"x = {awake}y : 1",
                when(self.teach_noise, "stray : 1"),
                when("teach" not in summed, f"teach = {self.dendrite}{stray} : 1"),
                when(self.nudge, f"{NUDGED} = {self.moved} : 1"),
                when(has_gain, f"gain = {awake}({self._slope}) : 1"),
                when(has_gain, "delta = gain*teach : 1"),
            ),
            at_trial=lines(
                when(self.unreliable, f"awake = {AWAKE}"),
                when(self.teach_noise, "stray = teach_noise*randn()*int(learning(t) > 0)"),
            ),
            initial={"awake": 1.0} if self.unreliable else {},
            parameters={
                "tau": (self.tau, "ms"),
                **({"unreliable": (self.unreliable, "1")} if self.unreliable else {}),
                **({"teach_noise": (self.teach_noise, "1")} if self.teach_noise else {}),
            },
            method="exponential_euler",
            summed=summed,
        )

    @property
    def _slope(self) -> str:
        """Postsynaptic factor, as an expression of the activity ``y``; empty for none."""
        return substituted(self.slope, {"x": "y"}) if self.slope else ""


@final
@dataclass(frozen=True)
class Bias(Population):
    """Bias neuron: always active, so that its synapses are the biases of other neurons.

    .. math:: x = 1

    Parameters
    ----------
    rate
        Rate of its spikes [Hz], for populations that take spikes: regular, the first when a trial
        begins. With 0 it is graded.

    See Also
    --------
    apical.Rate : Neurons that receive biases.

    Examples
    --------
    >>> from apical import Bias
    >>> Bias("bias").model.equations
    'x = 1 : 1'
    >>> print(Bias("pacemaker", rate=200.0).model.equations)
    dv/dt = 1/interval : 1
    x : 1
    """

    role: ClassVar[Role] = "bias"

    size: Count = 1
    rate: Frequency = field(default=0.0, kw_only=True)

    @property
    def inputs(self) -> Mapping[str, str]:
        return {}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x",)

    @property
    def fires_alone(self) -> bool:
        return bool(self.rate)

    @property
    def model(self) -> NeuronModel:
        if not self.rate:
            return NeuronModel("x = 1 : 1")
        return NeuronModel(
            equations="dv/dt = 1/interval : 1\nx : 1",
            threshold="v > 1",
            reset="v -= 1\nx += 1",
            initial={"v": 1.0},
            parameters={"interval": (1e3 / self.rate, "ms")},
        )
