"""Stimulus encoding (rate codes, Poisson trains, latency code) and decoding of decisions."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, final

import numpy as np

from apical._base.checking import check_fields, checked
from apical._base.parameters import (
    Constants,
    Duration,
    FrequencyAboveZero,
    Matrix,
    NonNegative,
    ShareBelowOne,
)
from apical._base.registry import Registry
from apical.language.fragments import when
from apical.language.model_text import check_names


@dataclass(frozen=True)
class LogNormal:
    r"""Log-normal distribution with mean 1, drawn for each neuron.

    .. math:: x = e^{s z - s^2/2}, \qquad s^2 = \ln(1 + \text{cv}^2), \; z \sim \mathcal{N}(0, 1)

    Parameters
    ----------
    cv
        Coefficient of variation: standard deviation over mean [dimensionless].

    Examples
    --------
    >>> import apical as ap
    >>> from apical.neurons.encoding import LogNormal
    >>> drawn = LogNormal(0.5).draw(ap.stream(0, "thresholds"), 100_000)
    >>> round(float(drawn.mean()), 2), round(float(drawn.std() / drawn.mean()), 2)
    (1.0, 0.5)
    """

    cv: NonNegative

    def __post_init__(self) -> None:
        check_fields(self)

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return `n` numbers, shape (n,)."""
        variance = np.log1p(self.cv * self.cv)
        return np.exp(np.sqrt(variance) * rng.standard_normal(n) - variance / 2)


Draw = Literal["uniform", "exponential"] | LogNormal
"""Distributions of initial values: uniform on [0, 1), exponential or log-normal with mean 1."""


AWAKE = "1 + int(learning(t) > 0)*(int(rand() >= unreliable)/(1 - unreliable) - 1)"
"""Dropout mask, drawn for each neuron at the start of a trial: 0 where the neuron is dropped, 1 in
trials with learning off."""


@dataclass(frozen=True)
class SpikeModel:
    """Model of an input neuron: how it turns its rate into spikes, in Brian2's grammar.

    Fields are those of `apical.NeuronModel`.

    See Also
    --------
    Encoder : What has one.

    Examples
    --------
    >>> from apical.neurons.encoding import Poisson
    >>> model = Poisson(100.0).spikes
    >>> model.threshold
    'phase >= interval'
    >>> print(model.reset)
    phase -= interval
    interval = -log(1 - rand())
    """

    equations: str
    threshold: str
    reset: str
    at_trial: str
    initial: Mapping[str, float | Draw] = field(default_factory=dict)
    parameters: Annotated[Mapping[str, tuple[float, str]], Constants()] = field(
        default_factory=dict
    )
    refractory: str = ""
    at_reset: str = ""
    lasting: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        check_names(self)


_INTERVAL = "interval = -log(1 - rand())"
"""Draws the next interspike interval in rescaled time: exponential, with mean 1."""


@dataclass(frozen=True)
class Encoder(ABC):
    """Encoder: how values in [0, 1] become spikes, or graded activity.

    A frozen dataclass: its fields are its parameters, checked by their annotations.

    See Also
    --------
    apical.Stimulus : The population that has one.
    Regular : An encoder.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from apical import Stimulus
    >>> from apical.neurons.encoding import Encoder, Regular
    >>> @dataclass(frozen=True)
    ... class Inverted(Encoder):
    ...     rate: float = 100.0
    ...
    ...     @property
    ...     def spikes(self):
    ...         return Regular(self.rate).spikes
    ...
    ...     def drive(self, values):
    ...         return self.rate * (1 - values)
    >>> Inverted(50.0).drive(np.array([[0.0, 1.0]])).tolist()  # [Hz]
    [[50.0, 0.0]]
    >>> Stimulus("stimulus", 2, Inverted()).is_spiking
    True
    """

    takes_events: ClassVar[bool] = False
    """Whether it takes events of a data set instead of values."""
    tabulated: ClassVar[bool] = False
    """Whether the spikes of a frame follow from the state in which each neuron begins it.

    Its equations, threshold and reset then read constants and the neuron's own variables, draw
    nothing and ask for no time, and devices may work out all spikes at once.
    """

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def largest(self) -> float:
        """Largest value that it can show; infinite for any."""
        return np.inf

    @property
    @abstractmethod
    def spikes(self) -> SpikeModel:
        """Equations of one input neuron."""

    @abstractmethod
    def drive(self, values: np.ndarray) -> np.ndarray:
        """Return ``stimulus(t, i)`` [Hz] for values in [0, 1], shape (n_trials, n)."""


@final
@dataclass(frozen=True)
class Regular(Encoder):
    r"""Regular spike trains (noise-free rate code): neurons integrate their rate, at random phase.

    .. math:: \frac{d\phi}{dt} = r\,u, \qquad \text{a spike at } \phi = 1

    The spike count of a trial is within one spike of rate x time, without Poisson noise and
    without a random number at every step.

    Parameters
    ----------
    rate
        Firing rate for the value 1 [Hz]; at 100 Hz, a trial of 100 ms has up to 10 spikes.
    total
        Sum to which the values of a trial are scaled [dimensionless], so that every stimulus
        evokes the same number of spikes (divisive normalisation, Carandini & Heeger 2012,
        doi:10.1038/nrn3136); 0 leaves them as they are.
    unreliable
        Dropout probability in training trials [dimensionless], as in `Graded`.
    free_running
        Whether phases continue from trial to trial, so that repetitions of a stimulus have
        different spike times; False: where the network resets its state, every trial begins at the
        phases drawn for the neurons, and its spikes do not depend on the trials before.

    See Also
    --------
    Poisson : With the noise of a Poisson process.

    Examples
    --------
    >>> from apical.neurons.encoding import Regular
    >>> Regular(200.0).spikes.threshold
    'phase >= 1'
    >>> Regular(200.0).drive(np.array([[0.0, 0.5, 1.0]])).tolist()
    [[0.0, 100.0, 200.0]]
    """

    tabulated: ClassVar[bool] = True

    rate: FrequencyAboveZero = 100.0
    total: NonNegative = 0.0
    unreliable: ShareBelowOne = 0.0
    free_running: bool = True

    @property
    def largest(self) -> float:
        return np.inf if self.total else 1.0

    @property
    def spikes(self) -> SpikeModel:
        return SpikeModel(
            equations="dphase/dt = rate : 1\nrate : Hz",
            threshold="phase >= 1",
            reset="phase -= 1",
            at_trial=f"rate = stimulus(t, i){when(self.unreliable, f'*({AWAKE})')}",
            initial={"phase": "uniform"},
            lasting=("phase",) if self.free_running else (),
            parameters={"unreliable": (self.unreliable, "1")} if self.unreliable else {},
        )

    def drive(self, values: np.ndarray) -> np.ndarray:
        return _rates(values, self.rate, self.total)


@final
@dataclass(frozen=True)
class Poisson(Encoder):
    r"""Poisson spike trains (rate code), by the time-rescaling theorem.

    .. math:: P(n \text{ spikes in } T) = \frac{(r u T)^n}{n!}\, e^{-r u T}

    One random number per spike, not per step: a neuron integrates its rate up to an exponentially
    distributed interval (Brown et al. 2002, doi:10.1162/08997660252741149). A neuron spikes at most
    once per step; a second spike of the same step is emitted at the next.

    Parameters
    ----------
    rate
        Firing rate for the value 1 [Hz]; 100 Hz as in `Regular`.
    total
        As in `Regular`.
    free_running
        Whether intervals continue from trial to trial; False: where the network resets its state,
        they are redrawn, so that spikes depend only on the stimulus and the trial's own random
        numbers.

    See Also
    --------
    Regular : Without noise.
    Escape : Exponential rate function.

    References
    ----------
    Brown et al. 2002, doi:10.1162/08997660252741149.

    Examples
    --------
    >>> from apical.neurons.encoding import Poisson
    >>> print(Poisson(200.0).spikes.reset)
    phase -= interval
    interval = -log(1 - rand())
    """

    rate: FrequencyAboveZero = 100.0
    total: NonNegative = 0.0
    free_running: bool = True

    @property
    def largest(self) -> float:
        return np.inf if self.total else 1.0

    @property
    def spikes(self) -> SpikeModel:
        return SpikeModel(
            equations="dphase/dt = rate : 1\nrate : Hz\ninterval : 1",
            threshold="phase >= interval",
            reset=f"phase -= interval\n{_INTERVAL}",
            at_trial="rate = stimulus(t, i)",
            at_reset="" if self.free_running else _INTERVAL,
            initial={"phase": 0.0, "interval": "exponential"},
            lasting=("phase", "interval") if self.free_running else (),
        )

    def drive(self, values: np.ndarray) -> np.ndarray:
        return _rates(values, self.rate, self.total)


@final
@dataclass(frozen=True)
class Escape(Encoder):
    r"""Escape noise: an exponential firing intensity with a refractory period.

    .. math:: r(u) = r_0\, e^{\beta (u - \vartheta)}

    A value of 0 evokes no spikes. The exponential escape rate is that of Gerstner & Kistler 2002
    (doi:10.1017/CBO9780511815706, section 5.3), with a refractory period in addition.

    Parameters
    ----------
    rate
        Escape rate at the threshold [Hz].
    gain
        Steepness [1 / unit of the value].
    threshold
        Value whose escape rate is `rate` [unit of the value].
    refractory
        Refractory period [ms], a multiple of the time step.
    free_running
        As in `Poisson`, the refractory period included.

    See Also
    --------
    Poisson : Rates proportional to values.

    References
    ----------
    Gerstner & Kistler 2002, doi:10.1017/CBO9780511815706, section 5.3.

    Examples
    --------
    >>> from apical.neurons.encoding import Escape
    >>> Escape(rate=100.0, threshold=0.5).drive(np.array([[0.0, 0.5]])).tolist()
    [[0.0, 100.0]]
    """

    rate: FrequencyAboveZero = 100.0
    gain: float = 10.0
    threshold: float = 0.63
    refractory: Duration = 4.0
    free_running: bool = True

    @property
    def spikes(self) -> SpikeModel:
        return SpikeModel(
            equations="dphase/dt = rate : 1 (unless refractory)\nrate : Hz\ninterval : 1",
            threshold="phase >= interval",
            reset=f"phase = 0\n{_INTERVAL}",
            at_trial="rate = stimulus(t, i)",
            refractory="refractory_time",
            at_reset="" if self.free_running else _INTERVAL,
            initial={"phase": 0.0, "interval": "exponential"},
            lasting=("phase", "interval", "lastspike") if self.free_running else (),
            parameters={"refractory_time": (self.refractory, "ms")},
        )

    def drive(self, values: np.ndarray) -> np.ndarray:
        values = np.asarray(values, dtype=np.float64)
        return np.where(values > 0, self.rate * np.exp(self.gain * (values - self.threshold)), 0)


@final
@dataclass(frozen=True)
class Latency(Encoder):
    r"""Latency code (time to first spike): one spike per trial, the earlier the larger the value.

    .. math:: t = (1 - u)\, T

    The linear map is the simplest first-spike code (Thorpe, Delorme & Van Rullen 2001,
    doi:10.1016/S0893-6080(01)00083-1); a value of 0 evokes no spike. Latencies are relative to
    stimulus onset.

    Parameters
    ----------
    window
        Longest latency [ms], ``T``.

    See Also
    --------
    Regular : Values as rates.

    References
    ----------
    Thorpe, Delorme & Van Rullen 2001, doi:10.1016/S0893-6080(01)00083-1.

    Examples
    --------
    >>> from apical.neurons.encoding import Latency
    >>> Latency(window=20.0).spikes.parameters["window"]
    (20.0, 'ms')
    """

    tabulated: ClassVar[bool] = True

    window: Duration = 50.0

    @property
    def largest(self) -> float:
        return 1.0

    @property
    def spikes(self) -> SpikeModel:
        return SpikeModel(
            equations="dphase/dt = 1/window : 1\nwait : 1",
            threshold="phase > wait",
            reset="wait = never",
            at_trial="phase = 0\nwait = 1 - stimulus(t, i)/Hz + never*int(stimulus(t, i) <= 0*Hz)",
            initial={"wait": _NEVER},
            parameters={"window": (self.window, "ms"), "never": (_NEVER, "1")},
        )

    def drive(self, values: np.ndarray) -> np.ndarray:
        return np.clip(np.asarray(values, dtype=np.float64), 0, 1)


_NEVER = 1e9


@final
@dataclass(frozen=True)
class Replayed(Encoder):
    """Given spike trains: a spike at the onset of each frame whose value is above 1/2.

    .. math:: S_k = [u_k > 1/2]

    With frames of one time step (`Stimulus(frames=)`) any spike train is replayed exactly, the same
    in every trial that shows it: frozen noise (`apical.data.tasks.spike_pattern`).

    See Also
    --------
    apical.data.tasks.spike_pattern : Frozen noise.

    Examples
    --------
    >>> from apical.neurons.encoding import Replayed
    >>> Replayed().spikes.at_trial
    'due = stimulus(t, i)/Hz'
    """

    tabulated: ClassVar[bool] = True

    @property
    def spikes(self) -> SpikeModel:
        return SpikeModel(
            equations="due : 1",
            threshold="due > 0.5",
            reset="due = 0",
            at_trial="due = stimulus(t, i)/Hz",
        )

    def drive(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(values, dtype=np.float64)


@final
@dataclass(frozen=True)
class Events(Encoder):
    r"""Events of a data set: input neuron c spikes in the time step of each event of channel c.

    .. math:: S_c(k) = [\exists\, t^f_c: \; k\,dt \le t^f_c < (k + 1)\,dt]

    Events are looked up in a table as long as there are events in a block; no frames are made.
    Several events of a channel in one time step are one spike, and a warning says how many were
    lost. It takes the samples of `apical.Dataset.from_events` and no others; devices ``runtime``
    and ``cpp_standalone`` run it.

    See Also
    --------
    apical.Dataset.from_events : Data sets of events.
    Replayed : Spike trains given as frames of one time step.

    Examples
    --------
    >>> import apical as ap
    >>> trains = [([0.2, 7.0, 7.5], [0, 1, 2]), ([3.0], [2])]
    >>> data = ap.Dataset.from_events(trains, [0, 1], n_channels=3, duration=10)
    >>> net = ap.Network(trial=10, output="y")
    >>> x, y = net.add(ap.Stimulus("x", 3, ap.encoding.Events())), net.add(ap.LIF("y", 2))
    >>> _ = net.connect(x, y, weights=ap.Normal(0.1))
    >>> block = ap.Block.of_labels(*data.train.block([0, 1]))
    >>> with ap.simulate(net, "runtime", record=["x"]) as simulator:
    ...     times, channels = simulator.run(block).spikes["x"]
    >>> times.round(6).tolist(), channels.tolist()  # steps of 1 ms, trials of 10 ms
    ([0.0, 7.0, 7.0, 13.0], [0, 1, 2, 2])
    """

    takes_events: ClassVar[bool] = True
    tabulated: ClassVar[bool] = True

    @property
    def spikes(self) -> SpikeModel:
        return SpikeModel(equations="", threshold="stimulus(t, i) > 0*Hz", reset="", at_trial="")

    def drive(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(values, dtype=np.float64)


@final
@dataclass(frozen=True)
class Graded(Encoder):
    r"""Graded activity that follows the value, without spikes: for rate networks.

    .. math:: \tau \frac{dx}{dt} = u - x

    Parameters
    ----------
    tau
        Time constant of the activity, on devices that simulate time [ms]; that of `apical.Rate`.
    unreliable
        Dropout probability in training trials [dimensionless]; the activity of the other neurons is
        scaled by ``1/(1 - unreliable)`` (inverted dropout). With learning off no neuron is dropped
        (Srivastava et al. 2014, section 10).

    See Also
    --------
    apical.Rate : Neurons that receive graded activity.

    Examples
    --------
    >>> from apical.neurons.encoding import Graded
    >>> print(Graded().spikes.equations)
    dx/dt = (shown - x)/tau : 1
    shown : 1
    """

    tau: Duration = 5.0
    unreliable: ShareBelowOne = 0.0

    @property
    def spikes(self) -> SpikeModel:
        parameters = {"tau": (self.tau, "ms")}
        if self.unreliable:
            parameters["unreliable"] = (self.unreliable, "1")
        return SpikeModel(
            equations="dx/dt = (shown - x)/tau : 1\nshown : 1",
            threshold="",
            reset="",
            at_trial=f"shown = stimulus(t, i)/Hz{when(self.unreliable, f'*({AWAKE})')}",
            parameters=parameters,
        )

    def drive(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(values)


ENCODERS: Registry[type[Encoder]] = Registry(
    "encoder",
    {
        "regular": Regular,
        "poisson": Poisson,
        "escape": Escape,
        "latency": Latency,
        "replayed": Replayed,
        "events": Events,
        "graded": Graded,
    },
    fits=lambda value: isinstance(value, type) and issubclass(value, Encoder),
)
"""Registry of encoder classes, by name."""


def _rates(values: np.ndarray, rate: float, total: float) -> np.ndarray:
    """Return firing rates [Hz]; the values of a trial are scaled to sum `total` unless it is 0."""
    if not total:
        return np.multiply(values, rate, dtype=np.float64)
    sums = values.sum(axis=1, keepdims=True, dtype=np.float64)
    factors = np.divide(rate * total, sums, out=np.zeros_like(sums), where=sums > 0)
    return np.multiply(values, factors, dtype=np.float64)


@checked()
def decisions(counts: Matrix) -> np.ndarray:
    """Return the decided class (most spikes; ties go to the first), shape (n_trials,).

    Parameters
    ----------
    counts
        Spike counts of each class in each trial, shape (n_trials, n_classes).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.neurons.encoding import decisions
    >>> decisions(np.array([[2, 7, 1], [4, 0, 4]])).tolist()
    [1, 0]
    """
    return np.asarray(counts).argmax(axis=1)
