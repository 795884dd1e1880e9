"""Error neurons (comparators of read-out and target), spiking and rate-based; target neurons."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp
from typing import Annotated, ClassVar, Self, final

from apical._base.checking import described
from apical._base.parameters import (
    Constant,
    Count,
    Duration,
    FrequencyAboveZero,
    NonNegative,
    Number,
    Positive,
    ShareBelowOne,
    Time,
)
from apical.errors import ParameterError
from apical.language.expressions import substituted
from apical.language.fragments import lines, when
from apical.neurons.base import INFINITE, NeuronModel, Population
from apical.neurons.facts import Assumption, Kept, Role

HALVES: Mapping[str, str] = {
    "size": "abs(x)",
    "surplus": "(x - abs(x))/2",
    "lack": "(x + abs(x))/2",
}
"""Halves of an error ``x`` as expressions; it is negative where the output is too active."""

TOLD: Mapping[str, str] = {**HALVES, "square": "x*x/2"}
"""Parts of an error ``x`` as expressions; the squares of all classes add up to the loss."""


MOST_LEVELS = 2**24
"""Largest number of quantisation levels: single precision resolves no more."""

_LABELLED = "int(waited > wait + 0.5*dt)"
"""Whether the label has arrived; half a step off, to be robust to rounding of the time."""


@final
@dataclass(frozen=True)
class Error(Population):
    r"""Spiking error neurons, one positive and one negative for each class (comparators).

    .. math::

        \frac{dv_k^\pm}{dt} =
        -\frac{v_k^\pm}{\tau} \pm \Big(\sum_f \delta(t - t_k^f) - r\,y_k\Big)

    The label ``y`` is 1 for the correct class and 0 for others, or the target of the trial, a
    number from 0 on; the rate ``r`` is `target`. A neuron
    spikes at ``v > theta``. Neuron k of the first half is excited by spikes of class k and
    inhibited by the label; neuron k of the second half the other way round (Neftci et al. 2017,
    doi:10.3389/fnins.2017.00324, Methods). Their spikes signal "class k fired too much" and "class
    k fired too little". `size` is twice the number of classes.

    Parameters
    ----------
    target
        Target firing rate of the correct class [Hz]: 100 Hz, the highest rate of `apical.Regular`
        inputs by default.
    theta
        Threshold [dimensionless]: the number of excess spikes per error spike.
    tau
        Membrane time constant (leak) [ms]; infinite: no leak.
    tau_label
        Time constant of each of two low-pass filters of the label [ms], which match the latency
        of the output that it is compared with; 0 for none.
    label_spikes
        True: the label arrives as a regular spike train at `target`, each spike as strong as one
        of the output; False: as a current of that strength.
    rectified
        True: membrane potentials do not fall below 0, and the two neurons of a class do not
        interact, as published. False: they push and pull each other (see `Network.teach`).
    threshold
        Dead zone, as a fraction of `whole` [dimensionless]: every error is reduced by this much,
        and smaller ones evoke no spike.
    levels
        Number of quantisation levels of the error of a trial: equally many of either sign, and
        0. A spike then represents ``2*whole/(levels - 1)`` instead of `theta`, and the difference
        of the two neurons is rounded, not truncated, unless they are `rectified`. None: `theta`
        sets the resolution.
    whole
        Largest error, as a number of excess spikes [dimensionless]; the unit of `threshold` and
        `levels`.
    wait
        Delay of the label after trial onset [ms]; until then the neurons are silent.
    frames
        1: the target is a class. More: it is a spike train for each class, given as
        ``Block.targets`` of shape (n_trials, frames * n_classes): the number of target spikes of
        each class in each frame of a trial, all at the onset of the frame; there are as many frames
        as the stimulus has. Each missing or excess spike evokes one error spike (Zenke & Ganguli
        2018, doi:10.1162/neco_a_01086, error of the van Rossum distance before it is filtered);
        a spike in the time step of its target evokes none.

    See Also
    --------
    apical.RateError : The same for rates.
    apical.feedback : Wirings that carry these errors to other neurons.

    References
    ----------
    Neftci et al. 2017, doi:10.3389/fnins.2017.00324, Methods.

    Examples
    --------
    >>> from apical import Error
    >>> error = Error("error", 20, tau=50.0)
    >>> print(error.model.equations)
    dv/dt = -target*shown + -v/tau : 1
    side = 1 - 2*int(i >= half) : 1
    x : 1
    shown : 1
    >>> error.model.threshold, error.n_classes
    ('v > theta', 10)
    """

    role: ClassVar[Role] = "error"

    target: FrequencyAboveZero = 100.0
    theta: Positive = 1.0
    tau: Constant = INFINITE
    tau_label: Time = 0.0
    label_spikes: bool = False
    rectified: bool = False
    threshold: ShareBelowOne = 0.0
    levels: Annotated[int, Number(whole=True, least=3, most=MOST_LEVELS)] | None = None
    whole: Positive = 1.0
    wait: Time = 0.0
    frames: Count = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels is not None and self.levels % 2 == 0:
            raise ParameterError(
                f"{described(self)} needs levels that are odd and at least 3, as many of either "
                f"sign and silence, or None; got levels={self.levels!r}.",
                object=described(self),
                parameter="levels",
            )
        if self.size % 2:
            raise ParameterError(
                f"{described(self)} has a positive and a negative neuron for each class, so its "
                f"size must be even, got size={self.size}.",
                object=described(self),
                parameter="size",
            )
        other = self.rectified or self.label_spikes or self.tau_label or self.wait
        if self.frames > 1 and other:
            raise ParameterError(
                f"{described(self)} compares spikes with trains of frames as they come: with more "
                "than 1 leave rectified, label_spikes, tau_label and wait out; got "
                f"frames={self.frames!r}.",
                object=described(self),
                parameter="frames",
            )

    @property
    def n_classes(self) -> int:
        """Number of classes, half the number of neurons."""
        return self.size // 2

    @property
    def target_rate(self) -> float:
        return self.target

    @property
    def inputs(self) -> Mapping[str, str]:
        return {"drive": "v"}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x", "v")

    @property
    def is_paired(self) -> bool:
        return True

    @property
    def push_pull(self) -> float:
        return 0.0 if self.rectified else self.stands_for

    @property
    def overlooks(self) -> float:
        return self.threshold

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        if not self.tau_label:
            return ()
        reason = (
            f"the label passes two low-pass filters of {self.tau_label:g} ms, to match "
            "the latency of the output"
        )
        return (Assumption("delays", "local", reason),)

    def at_once(self, wait: float) -> Self:
        return replace(self, wait=min(self.wait, wait), frames=1)

    def forgetting(self, tau: float, tau_label: float, trial: float) -> Self:
        if self.tau != INFINITE:
            return self
        return replace(self, tau=tau, tau_label=self.tau_label or tau_label)._rescaled(trial)

    def waiting(self, wait: float, trial: float) -> Self:
        return replace(self, wait=wait)._rescaled(trial)

    def overlooking(self, threshold: float, trial: float) -> Self:
        return replace(self, threshold=threshold, whole=self.whole_of(trial))

    def telling(self, levels: int, trial: float) -> Self:
        return replace(self, levels=levels, whole=self.whole_of(trial))

    def _rescaled(self, trial: float) -> Self:
        """Return the same neurons with their largest error updated, where they use it as a unit."""
        asks = self.levels or self.threshold
        return replace(self, whole=self.whole_of(trial)) if asks else self

    @property
    def stands_for(self) -> float:
        """Number of excess spikes that an error spike represents [dimensionless]."""
        return self.theta if self.levels is None else 2 * self.whole / (self.levels - 1)

    @property
    def fires_at(self) -> float:
        """Spike threshold, dead zone included [dimensionless]."""
        rounds = (self.levels is not None or self.frames > 1) and not self.rectified
        return self.threshold * self.whole + (0.5 if rounds else 1.0) * self.stands_for

    def whole_of(self, trial: float) -> float:
        """Return the largest error, at the end of a trial in which the correct class was silent.

        Parameters
        ----------
        trial
            Presentation time of one stimulus [ms].
        """
        shown = trial - self.wait
        held = shown if self.tau == INFINITE else self.tau * (1 - exp(-shown / self.tau))
        return self.target * held * 1e-3

    @property
    def model(self) -> NeuronModel:
        label = self._of_class if self.frames == 1 else _OF_TRAIN
        return NeuronModel(
            equations=lines(
                _MEMBRANE[label.drives, self.tau != INFINITE],
                "side = 1 - 2*int(i >= half) : 1",
                "x : 1",
                label.equations,
            ),
            threshold=when(self.fires_at != self.theta, "v > fires_at", "v > theta"),
            reset="v -= theta\nx += 1",
            at_trial=label.at_trial,
            at_frame=label.at_frame,
            at_step=lines(label.at_step, when(self.rectified, "v = v*int(v > 0)")),
            parameters=self._parameters,
        )

    @property
    def _parameters(self) -> dict[str, tuple[float, str]]:
        found: dict[str, tuple[float, str]] = {
            "half": (self.n_classes, "integer"),
            "target": (self.target, "Hz"),
            "theta": (self.stands_for, "1"),
        }
        if self.fires_at != self.theta:
            found["fires_at"] = (self.fires_at, "1")
        times = {"tau": self.tau, "tau_label": self.tau_label, "wait": self.wait}
        return found | {k: (v, "ms") for k, v in times.items() if v not in (0, INFINITE)}

    @property
    def _of_class(self) -> "_Label":
        """Input of a class label: a current, delayed or not, or a spike train."""
        told = when(self.tau_label, "given", "shown")
        return _Label(
            equations=lines(
                f"{told} : 1",
                when(self.tau_label, _LOW_PASSES),
                when(self.wait, "due : 1\nwaited : second"),
                when(self.label_spikes, "phase : 1"),
            ),
            at_trial=when(self.wait, f"due = {_CLASS}\nwaited = 0*second", f"{told} = {_CLASS}"),
            at_step=lines(
                when(self.wait, f"waited += dt\n{told} = due*{_LABELLED}\nv = v*{_LABELLED}"),
                when(self.label_spikes, _LABEL_TRAIN),
            ),
            drives=not self.label_spikes,
        )


_MEMBRANE = {
    (True, True): "dv/dt = -target*shown + -v/tau : 1",
    (True, False): "dv/dt = -target*shown : 1",
    (False, True): "dv/dt = -v/tau : 1",
    (False, False): "v : 1",
}
"""Membrane equation, by whether the label is a current and whether there is a leak."""

_CLASS = "side*label(t, i % half)"

_LOW_PASSES = """\
dshown/dt = (halfway - shown)/tau_label : 1
dhalfway/dt = (given - halfway)/tau_label : 1"""
"""Low-pass filters that delay the label as a synapse and a membrane delay the output."""

_LABEL_TRAIN = """\
phase += target*side*shown*dt
v -= side*int(phase >= 1)
phase -= int(phase >= 1)"""
"""The label as a regular spike train, as in `apical.encoding.Regular`."""


@dataclass(frozen=True)
class _Label:
    """Equations and statements of the label or target input of error neurons.

    The label ``shown`` has the sign of the half of the population that receives it.

    Parameters
    ----------
    equations, at_trial, at_frame, at_step
        As in `NeuronModel`.
    drives
        Whether the label is a current; otherwise it arrives as spikes, in the statements.
    """

    equations: str
    at_step: str
    drives: bool
    at_trial: str = ""
    at_frame: str = ""


_OF_TRAIN = _Label(
    equations="shown : 1\ndue : 1",
    at_frame=f"due = {_CLASS}",
    # a target spike acts a step later, as a spike of the output does
    at_step="v -= shown\nshown = due\ndue = 0",
    drives=False,
)


_SHOWN = "shown = label(t, i)"


@final
@dataclass(frozen=True)
class RateError(Population):
    r"""Rate error neurons: the signed error of a read-out, target minus output, for each class.

    .. math:: \tau \frac{dx_k}{dt} = y_k - d_k - x_k

    The target ``y`` is that of the trial, ``d`` the activity of the read-out. In the steady state
    ``x`` is the negative gradient of the squared error, or of the cross-entropy of a softmax or
    logistic read-out.

    Parameters
    ----------
    tau
        Time constant [ms]; that of `apical.Rate`.
    threshold
        Dead zone [units of the target]: the absolute error is reduced by this much, and smaller
        errors are 0.
    levels
        Number of quantisation levels, evenly spaced from -1 to 1, applied after the threshold;
        None: continuous. An odd number includes 0.
    keeps
        Part of the error that is offered as the signal ``told``; None: there is no such signal.
    frames
        1: one target a trial. More: a time course, given as ``Block.targets`` of shape (n_trials,
        frames, n_classes), each frame of which holds for an equal part of a trial. For Brian2;
        device ``array`` knows no time within a trial.

    See Also
    --------
    apical.rules.three_factor_in_time : Learns from errors throughout a trial.
    apical.Error : The same for spikes.
    apical.RateTarget : The target alone.

    Examples
    --------
    >>> from apical import RateError
    >>> print(RateError("error", 10).model.equations)
    dx/dt = (shown - drive - x)/tau : 1
    shown : 1
    >>> RateError("error", 10, threshold=0.1).activity
    'sign(y)*(abs(y) - threshold)*int(abs(y) > threshold)'
    """

    role: ClassVar[Role] = "error"

    tau: Duration = 5.0
    threshold: NonNegative = 0.0
    levels: Annotated[int, Number(whole=True, least=2, most=MOST_LEVELS)] | None = None
    keeps: Kept | None = None
    frames: Count = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keeps == "size" and self.levels == 2:
            raise ParameterError(
                f"{described(self)} keeps the size of its error, which is constant with 2 levels, "
                f"got keeps={self.keeps!r} with levels={self.levels!r}; give it 3 levels or more.",
                object=described(self),
                parameter="levels",
            )

    @property
    def n_classes(self) -> int:
        """Number of classes, or of target values."""
        return self.size

    @property
    def inputs(self) -> Mapping[str, str]:
        return {"drive": "drive"}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x", "told") if self.keeps else ("x",)

    @property
    def overlooks(self) -> float:
        return self.threshold

    @property
    def comparison(self) -> str:
        difference = "shown - drive"
        if not self.activity:
            return difference
        numbers = {name: repr(value) for name, value in self.numbers.items()}
        return substituted(self.activity, {"y": f"({difference})", **numbers})

    def at_once(self, wait: float) -> Self:
        return replace(self, frames=1)

    def overlooking(self, threshold: float, trial: float) -> Self:
        return replace(self, threshold=threshold)

    def telling(self, levels: int, trial: float) -> Self:
        return replace(self, levels=levels)

    def keeping(self, part: Kept) -> Self:
        return replace(self, keeps=part)

    @property
    def numbers(self) -> dict[str, float]:
        """Parameters that `activity` reads besides ``y``."""
        found = {"threshold": self.threshold} if self.threshold else {}
        return found | ({"levels": float(self.levels)} if self.levels else {})

    @property
    def activity(self) -> str:
        """Activity as an expression of the error ``y``; empty where they are equal."""
        text = "sign(y)*(abs(y) - threshold)*int(abs(y) > threshold)" if self.threshold else "y"
        if self.levels:
            text = f"floor((clip({text}, -1, 1) + 1)*(levels - 1)/2 + 0.5)*2/(levels - 1) - 1"
        return text if text != "y" else ""

    @property
    def model(self) -> NeuronModel:
        y = when(self.activity, "y", "x")
        return NeuronModel(
            equations=lines(
                f"d{y}/dt = (shown - drive - {y})/tau : 1",
                "shown : 1",
                when(self.activity, f"x = {self.activity} : 1"),
                f"told = {TOLD[self.keeps]} : 1" if self.keeps else "",
            ),
            at_trial=when(self.frames == 1, _SHOWN),
            at_frame=when(self.frames > 1, _SHOWN),
            parameters={
                "tau": (self.tau, "ms"),
                **{name: (value, "1") for name, value in self.numbers.items()},
            },
            method="exponential_euler",
            summed=("drive",),
        )


@final
@dataclass(frozen=True)
class RateTarget(Population):
    r"""Rate target neurons, one for each class: they represent the target and have no inputs.

    .. math:: \tau \frac{dx_k}{dt} = y_k - x_k

    The target ``y`` is that of the trial. Their activity is available as soon as the label is,
    before any population has responded (Frenkel, Lefebvre & Bol 2021,
    doi:10.3389/fnins.2021.629892).

    Parameters
    ----------
    tau
        Time constant [ms]; that of `apical.Rate`.

    See Also
    --------
    apical.RateError : Compares the target with an output.
    apical.feedback.target_projection : Direct random target projection, which needs this.

    References
    ----------
    Frenkel, Lefebvre & Bol 2021, doi:10.3389/fnins.2021.629892.

    Examples
    --------
    >>> from apical import RateTarget
    >>> print(RateTarget("target", 10).model.equations)
    dx/dt = (shown - x)/tau : 1
    shown : 1
    """

    role: ClassVar[Role] = "target"

    tau: Duration = 5.0

    @property
    def inputs(self) -> Mapping[str, str]:
        return {}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x",)

    @property
    def model(self) -> NeuronModel:
        return NeuronModel(
            equations="dx/dt = (shown - x)/tau : 1\nshown : 1",
            at_trial=_SHOWN,
            parameters={"tau": (self.tau, "ms")},
            method="exponential_euler",
        )
