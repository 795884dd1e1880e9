"""Stimulus (input) neurons, whose spikes or activities encode the presented values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self, final

from apical._base.checking import described
from apical._base.parameters import Constant, Count, NonNegative
from apical.errors import WiringError
from apical.language.fragments import lines
from apical.neurons.base import INFINITE, NeuronModel, Population, times_among
from apical.neurons.encoding import Encoder, Regular
from apical.neurons.eye_movements import Gaze
from apical.neurons.facts import Role, Tabulated
from apical.neurons.traces import (
    forget,
    forget_parameters,
    trace,
    trace_parameters,
)

_COUNTED = "x += 1"
"""What a spike does to the spike trace."""


@final
@dataclass(frozen=True)
class Stimulus(Population):
    r"""Stimulus (input) neurons, whose spikes encode the presented values.

    .. math:: \frac{dx}{dt} = -\frac{x}{\tau_x} + \sum_f \delta(t - t^f)

    ``x`` is the spike trace, the presynaptic factor of learning; with an encoder without spikes it
    is the activity.

    Parameters
    ----------
    encoder
        Encoder of values in [0, 1]; by default regular spike trains, the least noisy rate code.
    tau_x
        Time constant of the spike trace ``x`` [ms]; infinite counts the spikes of a trial, as
        rules need that act at the end of a trial.
    x_floor
        Cut-off of the spike trace [dimensionless]: below it ``x`` becomes 0.
    gaze
        Data augmentation by random shifts of images in training trials; None: no shifts.
    frames
        Number of frames of equal length that a trial shows one after the other. The values of a
        trial are then those of all frames, concatenated, shape (frames * size,).

    See Also
    --------
    apical.encoding.Regular, apical.encoding.Poisson, apical.encoding.Latency : Encoders.

    Examples
    --------
    >>> from apical import Stimulus
    >>> stimulus = Stimulus("stimulus", 784, tau_x=20.0)
    >>> print(stimulus.model.equations)
    dphase/dt = rate : 1
    rate : Hz
    dx/dt = -x/tau_x : 1
    >>> stimulus.model.threshold, stimulus.model.reset
    ('phase >= 1', 'phase -= 1\nx += 1')
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
                f"Stimulus {self.name!r} has {self.size} neurons, but its gaze shifts images of "
                f"{self.gaze.n_inputs} pixels, {self.gaze.shape}; give Gaze(shape=data.shape).",
                object=described(self),
                parameter="gaze",
            )

        if self.encoder.takes_events and (self.gaze or self.frames > 1):
            what = "gaze" if self.gaze else "frames"
            raise WiringError(
                f"Stimulus {self.name!r} shows events, which have no {what}; leave {what} out.",
                object=described(self),
                parameter=what,
            )

    # an encoder states these by constants of its model with these names
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
        if self.tau_x != INFINITE:
            return self
        return replace(self, tau_x=tau_x, x_floor=x_floor)

    def remembering(self, tau_x: float) -> Self:
        return replace(self, tau_x=tau_x) if self.tau_x < tau_x else self

    @property
    def n_values(self) -> int:
        """Number of values of a trial, over all its frames."""
        return self.frames * self.size

    @property
    def tabulated(self) -> Tabulated | None:
        spikes = self.encoder.spikes
        if not self.encoder.tabulated or spikes.refractory:
            return None
        return Tabulated(
            *(spikes.equations, spikes.threshold, spikes.reset),
            follows=trace("x", self.tau_x),
            at_spike=_COUNTED,
            given=self.encoder.takes_events,
        )

    @property
    def model(self) -> NeuronModel:
        spikes = self.encoder.spikes
        once, often = (spikes.at_trial, "") if self.frames == 1 else ("", spikes.at_trial)
        if not spikes.threshold:  # synapses read the activity itself
            return NeuronModel(
                spikes.equations, at_trial=once, at_frame=often, parameters=spikes.parameters
            )
        return NeuronModel(
            equations=lines(spikes.equations, trace("x", self.tau_x)),
            threshold=spikes.threshold,
            reset=lines(spikes.reset, _COUNTED),
            refractory=spikes.refractory,
            at_trial=once,
            at_frame=often,
            at_reset=spikes.at_reset,
            at_step=forget(self.x_floor),
            initial=dict(spikes.initial),
            parameters={
                **trace_parameters("x", self.tau_x),
                **forget_parameters(self.x_floor),
                **spikes.parameters,
            },
            lasting=spikes.lasting,
        )
