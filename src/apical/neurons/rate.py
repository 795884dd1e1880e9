"""Rate populations: neurons of graded activity, and the bias."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import hypot
from typing import ClassVar, Literal, Self, final

from apical._base.checking import described
from apical._base.parameters import (
    Count,
    Duration,
    NonNegative,
    Share,
    ShareBelowOne,
)
from apical.errors import DeviceError, ParameterError
from apical.language.activations import ACTIVATIONS, SOFTMAX, Activation
from apical.language.expressions import substituted
from apical.language.fragments import lines, when
from apical.neurons.base import NeuronModel, Population
from apical.neurons.batch_norm import BatchNorm
from apical.neurons.encoding import AWAKE
from apical.neurons.facts import Role
from apical.plasticity.rules import ELIGIBILITY

NUDGED = "nudged"
"""What neurons do while the feedback they heard drives them besides (`Rate`, `nudge`)."""

FED_BACK = ("teach", "delta", NUDGED)
"""Signals that feedback moves."""


@final
@dataclass(frozen=True)
class Rate(Population):
    r"""Rate neurons (leaky integrators with an activation function) with an apical dendrite.

    .. math:: \tau \frac{dx_j}{dt} = -x_j + f\Big(\sum_i w_{ij} x_i\Big)

    The drive of a neuron is the sum, ``f`` its activation. The dendrite ``teach`` sums the feedback
    that arrives and does not move the activity. Where there is no time (device ``array``) all is
    settled.

    Parameters
    ----------
    activation
        What a neuron makes of its drive: a name (``"linear"``, ``"logistic"``, ``"tanh"``,
        ``"relu"``, ``"leaky_relu"``, ``"gelu"``, ``"softplus"``, ``"softmax"``) or an
        `Activation`. The default is odd, so that activities have no mean of their own. Softmax is
        for read-outs on device ``array``.
    gain
        Postsynaptic factor of learning: ``"slope"`` of the activation, or ``"one"`` for the
        read-out under cross-entropy, where the slopes of loss and read-out cancel.
    tau
        Time constant [ms]; 5 ms, a fast synapse, settles in some tens of ms.
    unreliable
        Probability that a neuron is silent in a trial of learning [dimensionless]; those that
        are not are then stronger by ``1/(1 - unreliable)``. With learning off none is silent
        (dropout, Srivastava et al. 2014, section 10).
    teach_noise
        Standard deviation of what each dendrite adds to the feedback in a trial of learning
        [dimensionless, in units of ``teach``], drawn anew for each neuron and trial.
    explores
        Standard deviation of the noise that each neuron adds to its drive in a trial of learning
        [dimensionless, in units of the drive]. It then offers the signal ``eligibility``, that
        noise divided by its variance, which is what
        `apical.plasticity.rules.node_perturbation` reads (Williams 1992,
        doi:10.1007/BF00992696, section 6). For device ``array``, with a `Reward`.
    noise
        Standard deviation of the activity that each neuron fires of its own, whatever drives it,
        in the trials of a noise phase [dimensionless]: normal, of mean 0, drawn anew for each
        trial. 0 for neurons that never do; for device ``array`` only.
    norm
        How drives are normalised over the trials of a batch, on device ``array``; None for not at
        all. There are then inputs ``scale`` and ``shift`` for synapses from a `Bias`, and signals
        ``normal`` and ``slope`` for rules of these (`apical.plasticity.rules.norm_scale`,
        ``norm_shift``).
    plateau
        What the dendrite makes of the feedback that arrives, an activation as above, in each of two
        phases of a trial: input ``before`` takes what arrives in the first, ``teach`` what does in
        the second, and the signal ``teach`` is the second plateau less the first. None for a
        dendrite that sums (`apical.feedback.two_phase.two_phases`; Guerguiev, Lillicrap &
        Richards 2017, doi:10.7554/eLife.22901).
    nudge
        Share, 0 to 1, of the feedback it heard by which the neuron is moved in the second phase
        [dimensionless]. It then offers the signal ``nudged``, what it does in that phase: ``x +
        nudge*teach``. A read-out that hears its own error is held at its target by 1.

    See Also
    --------
    apical.Bias : Learned biases come from there.
    apical.RateError : Teaches these neurons.
    apical.language.activations : The activations and their slopes.

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

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.activation, str) and self.activation not in {*ACTIVATIONS, SOFTMAX}:
            raise ParameterError(
                f"{described(self)}: activation must be an Activation or one of "
                f"{', '.join([*ACTIVATIONS, SOFTMAX])}, got {self.activation!r}.",
                object=described(self),
                parameter="activation",
            )
        if self.explores and self.unreliable:
            raise ParameterError(
                f"{described(self)} needs neurons that explore or such as are unreliable, not "
                f"both, got explores={self.explores!r} and unreliable={self.unreliable!r}.",
                object=described(self),
                parameter="explores",
            )
        if self.is_softmax and self.gain != "one":
            raise ParameterError(
                f"{described(self)}: softmax has no slope of one neuron alone; give gain='one', "
                "which is right under cross-entropy.",
                object=described(self),
                parameter="gain",
            )
        if isinstance(self.plateau, str) and self.plateau not in ACTIVATIONS:
            raise ParameterError(
                f"{described(self)} needs a plateau that is None, an Activation or one of "
                f"{', '.join(ACTIVATIONS)}, got {self.plateau!r}.",
                object=described(self),
                parameter="plateau",
            )

    @property
    def is_spiking(self) -> bool:
        return False

    @property
    def slope(self) -> str:
        return "1" if self.gain == "one" else self.curve.slope

    @property
    def gain_is_slope(self) -> bool:
        return self.gain == "slope"

    @property
    def time_constant(self) -> float:
        return self.tau

    @property
    def has_apical_dendrite(self) -> bool:
        return True

    def summing(self) -> Self:
        return replace(self, plateau=None) if self.plateau else self

    def firing(self, noise: float) -> Self:
        return replace(self, noise=noise)

    def hearing_noise(self, std: float, kick: float, trial: float) -> Self:
        return replace(self, teach_noise=hypot(self.teach_noise, std))

    @property
    def is_softmax(self) -> bool:
        """Whether the activity is divided by the sum over the population."""
        return self.activation == SOFTMAX

    @property
    def inputs(self) -> Mapping[str, str]:
        moved = self.teach_noise or self.plateau
        known = {"drive": "drive", "teach": "arrives" if moved else "teach"}
        known |= {"before": "arrived"} if self.plateau else {}
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
        )

    @property
    def curve(self) -> Activation:
        """The activation as expressions."""
        if isinstance(self.activation, Activation):
            return self.activation
        if self.is_softmax:
            return Activation(SOFTMAX, "exp(drive)")  # up to the sum over the population
        return ACTIVATIONS[self.activation]

    @property
    def dendrite(self) -> str:
        """What the dendrite makes of what ``arrives``, and ``arrived`` in the phase before."""
        if self.plateau is None:
            return "arrives"
        own = self.plateau if isinstance(self.plateau, Activation) else ACTIVATIONS[self.plateau]
        after, before = (
            substituted(own.response, {"drive": name}) for name in ("arrives", "arrived")
        )
        return f"({after}) - ({before})"

    @property
    def moved(self) -> str:
        """What the neurons do while the feedback they heard drives them besides."""
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
                f"Rate {self.name!r} explores: each trial is shown without noise and with it, "
                "which only device 'array' does. Use that, or explores=0.",
                object=f"Rate {self.name!r}",
            )
        if self.norm:
            raise DeviceError(
                f"Rate {self.name!r} has batch normalisation, which takes mean and variance over "
                "trials that learn together; only device 'array' runs it. Use that, or norm=None.",
                object=f"Rate {self.name!r}",
            )

    @property
    def model(self) -> NeuronModel:
        self._refuse_brian()
        return self.described

    @property
    def described(self) -> NeuronModel:
        summed = tuple(self.inputs.values())
        awake = when(self.unreliable, "awake*")
        stray = when(self.teach_noise, " + stray")
        has_gain = "gain" in self.signals
        return NeuronModel(
            equations=lines(
                f"dy/dt = ({self.curve.response} - y)/tau : 1",
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
        """The postsynaptic factor as an expression of the activity ``y``; empty for none."""
        return substituted(self.slope, {"x": "y"}) if self.slope else ""


@final
@dataclass(frozen=True)
class Bias(Population):
    """One neuron that is always active, so that its synapses are the biases of others.

    .. math:: x = 1

    See Also
    --------
    apical.Rate : Hears the bias.

    Examples
    --------
    >>> from apical import Bias
    >>> Bias("bias").model.equations
    'x = 1 : 1'
    """

    role: ClassVar[Role] = "bias"

    size: Count = 1

    @property
    def inputs(self) -> Mapping[str, str]:
        return {}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x",)

    @property
    def model(self) -> NeuronModel:
        return NeuronModel("x = 1 : 1")
