r"""Spikes of an ear that hears a sound: the cochlea model that made SHD and SSC.

The model is that of the package `lauscher <https://pypi.org/project/lauscher>`_ (Cramer, Stradmann,
Schemmel & Zenke 2022, doi:10.1109/TNNLS.2020.3044364): a basilar membrane, hair cells with
transmitter pools, and bushy cells on each of which 40 auditory nerve fibres converge. Its sound is
normalised and windowed by lauscher, its membrane is computed by lauscher, and all parameters are
lauscher's. Two loops over time that lauscher runs in Python are compiled here by Numba.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apical._base.checking import check_fields
from apical._base.extras import library
from apical._base.parameters import Count, NonNegative, Positive
from apical.data.events import EVENT
from apical.errors import DataError

Hearing = Callable[[NDArray[np.float64], np.random.Generator], NDArray[Any]]
"""Given samples of a sound and a generator of random numbers, returns its events, of `EVENT`."""

_AT_ONCE = 50
"""Channels that are computed together."""


@dataclass(frozen=True)
class Cochlea:
    r"""The cochlea model of SHD.

    A sound is scaled to a root mean square of 0.3 and shaped by a Hann window of its own length, as
    lauscher does. The membrane's velocity in channel :math:`c` is
    :math:`v_c = \mathrm{Re}\, \mathcal{F}^{-1}[T_c \, \mathcal{F} s]`, with lauscher's transfer
    function :math:`T_c` (Sieroka, Dosch & Rupp 2006), which is tabulated once for all sounds: they
    are followed by silence up to `longest`. Hair cells (Meddis 1986, 1988) turn it into the
    probability :math:`p_c(t)` that a fibre fires in a time step.

    Of the 40 fibres of a bushy cell, which are alike, only the number that fires reaches it. It is
    drawn as a binomial number of those that are not refractory: the same law as one draw for each
    fibre, which lauscher makes, and other random numbers. The bushy cell is lauscher's leaky
    integrate-and-fire neuron. Steps of time are one sample of the sound, as lauscher's are of a
    sound of twice the sampling rate, which the sound is interpolated to.

    Parameters
    ----------
    channels
        Number of channels; 0 is that of the highest frequency, about 22 kHz, and the last that of
        the lowest, about 120 Hz. SHD has 700.
    longest
        Longest sound, with its silence [ms].
    silence
        That follows each sound and is heard, too [ms].

    See Also
    --------
    apical.data.spoken.spoken_digits : Digits that are spoken, and heard by it.

    References
    ----------
    Cramer, Stradmann, Schemmel & Zenke 2022, doi:10.1109/TNNLS.2020.3044364.

    Examples
    --------
    >>> from apical.data.cochlea import Cochlea
    >>> Cochlea(channels=70)
    Cochlea(channels=70, longest=1000.0, silence=20.0)
    """

    channels: Count = 700
    longest: Positive = 1000.0
    silence: NonNegative = 20.0

    def __post_init__(self) -> None:
        check_fields(self)

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Return the versions of the packages that compute it, by name."""
        library("lauscher", "speech")
        names = ("lauscher", "numba", "numpy", "scipy")
        return tuple((name, metadata.version(name)) for name in names)

    def hearing(self, rate: int) -> Hearing:
        """Return a function that gives the events of a sound.

        Parameters
        ----------
        rate
            Samples of the sound in a second [Hz].

        Raises
        ------
        DataError
            If lauscher is not installed; or from the function, if the sound is too long, or silent.
        """
        return _Ear(self, rate)

    def duration(self, n_samples: int, rate: int) -> float:
        """Return how long a sound of some samples is heard, in whole milliseconds."""
        return float(np.ceil(1e3 * n_samples / rate + self.silence))


class _Ear:
    """A cochlea with its transfer functions, for sounds of one sampling rate."""

    def __init__(self, cochlea: Cochlea, rate: int) -> None:
        parts = library("lauscher.transformations", "speech")
        self._wave = library("lauscher.audiowaves", "speech").MonoAudioWave
        self._shaped = parts.RmsNormalizer(0.3), parts.HanningWindow()
        self.cochlea, self.rate = cochlea, rate
        membrane = parts.BasilarMembrane(channels=cochlea.channels)
        self.size = _good_size(round(cochlea.longest * rate / 1e3) + 1)
        omega = 2 * np.pi * np.linspace(1, rate, self.size)  # as lauscher spaces them
        self.transfer = np.array(
            [membrane._v(omega[: (self.size - 1) // 2 + 1], place) for place in membrane.ch]
        )
        hair, bushy = parts.HairCell(), parts.BushyCell()
        self._hair = tuple(float(getattr(hair, name)) for name in "yglrxabhm")
        self._bushy = tuple(
            float(getattr(bushy, name)) for name in ("tau_mem", "tau_syn", "tau_refrac", "weight")
        )
        self._fibres = int(bushy.n_convergence)

    def __call__(self, sound: NDArray[np.float64], rng: np.random.Generator) -> NDArray[Any]:
        steps, channels = list[NDArray[Any]](), list[NDArray[Any]]()
        for first, velocity in self.velocities(self.shaped(sound)):
            fires, random = self.probabilities(velocity), rng.random(velocity.shape, np.float32)
            channel, step = np.nonzero(self.spikes(fires, random))
            steps.append(step)
            channels.append(channel + first)
        found = np.empty(sum(map(len, steps)), EVENT)
        found["time"] = np.rint(1e6 * np.concatenate(steps) / self.rate)
        found["channel"] = np.concatenate(channels)
        return found[np.lexsort((found["channel"], found["time"]))]

    def shaped(self, sound: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a sound as lauscher normalises and windows it."""
        lasts = self.cochlea.duration(len(sound), self.rate)
        if lasts > self.cochlea.longest:
            raise DataError(
                f"Cochlea: a sound of {lasts:g} ms with its silence is longer than longest, "
                f"{self.cochlea.longest:g} ms; make longest longer.",
                object="Cochlea",
                parameter="longest",
            )
        if not np.any(sound):
            raise DataError("Cochlea: a sound is silent; leave it out.", object="Cochlea")
        wave = self._wave(np.array(sound, np.float64), self.rate)
        for step in self._shaped:
            wave = wave.transform(step)
        return np.asarray(wave.samples)

    def velocities(self, shaped: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield velocities of the membrane, some channels at a time, and the first of these."""
        # Twice: the spectrum of the sound at twice its sampling rate, which has nothing beyond.
        spectrum = 2 * np.fft.rfft(shaped, self.size - 1)
        steps = int(len(shaped) + self.cochlea.silence * self.rate / 1e3)
        for first in range(0, len(self.transfer), _AT_ONCE):
            product = self.transfer[first : first + _AT_ONCE] * spectrum
            yield first, np.fft.ifft(product, self.size).real[:, :steps].copy()

    def probabilities(self, velocity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities of spikes of a fibre in each step, shape (channels, steps)."""
        found = np.empty_like(velocity)
        _compiled()[0](velocity, float(self.rate), *self._hair, found)
        return found

    def spikes(
        self, fires: NDArray[np.float64], random: NDArray[np.floating[Any]]
    ) -> NDArray[np.bool_]:
        """Return in which steps bushy cells fire, shape (channels, steps)."""
        found = np.zeros(fires.shape, np.bool_)
        _compiled()[1](fires, random, float(self.rate), self._fibres, *self._bushy, found)
        return found


def _good_size(least: int) -> int:
    """Return a size, not below another, that a Fourier transform is fast for."""
    while True:
        rest = least
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return least
        least += 1


@cache
def _compiled() -> tuple[Callable[..., None], Callable[..., None]]:
    """Return the loops over time as machine code that runs in several threads at once."""
    compile_it = library("numba", "speech").njit(nogil=True)
    return compile_it(_hair_cells), compile_it(_bushy_cells)


# Names of one letter are those of Meddis' and lauscher's parameters.
def _hair_cells(
    velocity: Any,
    rate: float,
    y: float,
    g: float,
    l: float,  # noqa: E741
    r: float,
    x: float,
    a: float,
    b: float,
    h: float,
    m: float,
    found: Any,
) -> None:
    """Write firing probabilities of fibres, by the transmitter pools of lauscher's `HairCell`."""
    gain, refill, lost = g / rate, y / rate, (l + r) / rate
    full, back, stored, rates = y * m / rate, r / rate, x / rate, h / rate
    at_rest = g * a / (a + b)
    cleft_at_rest = m * y * at_rest / (l * at_rest + y * (l + r))
    for c in range(velocity.shape[0]):
        cleft = cleft_at_rest
        free = cleft * (l + r) / at_rest
        store = cleft * r / x
        for j in range(velocity.shape[1]):
            shifted = velocity[c, j] + a
            permeability = gain * shifted / (shifted + b) if shifted > 0 else 0.0
            replenish = full - refill * free if free < m else 0.0
            eject = permeability * free
            away = lost * cleft
            reuptake = back * cleft
            reprocess = stored * store
            free = max(free + replenish - eject + reprocess, 0.0)
            cleft = max(cleft + eject - away, 0.0)
            store = max(store + reuptake - reprocess, 0.0)
            found[c, j] = cleft * rates


def _bushy_cells(
    fires: Any,
    random: Any,
    rate: float,
    fibres: int,
    tau_mem: float,
    tau_syn: float,
    tau_refrac: float,
    weight: float,
    found: Any,
) -> None:
    """Write where bushy cells fire, by the neuron of lauscher's `BushyCell`."""
    dt = 1 / rate
    keep_membrane, keep_synapse = np.exp(-dt / tau_mem), np.exp(-dt / tau_syn)
    refractory = tau_refrac * rate
    silent = int(np.ceil(refractory)) - 1  # steps after a spike in which a fibre has no other
    counts = np.zeros(fires.shape[1], np.int64)
    for c in range(fires.shape[0]):
        ready, current, membrane, waiting = fibres, 0.0, 0.0, 0.0
        for j in range(fires.shape[1]):
            if j > silent:
                ready += counts[j - silent - 1]
            p, u, n = fires[c, j], random[c, j], 0
            if p >= 1:
                n = ready
            elif u < ready * p:  # else surely none, since 1 - (1 - p)^ready <= ready p
                beyond, mass = 1.0 - u, np.exp(ready * np.log1p(-p))
                while beyond >= mass and n < ready:
                    beyond -= mass
                    mass *= (ready - n) / (n + 1) * p / (1 - p)
                    n += 1
            counts[j] = n
            ready -= n
            before, membrane = membrane, 0.0
            if waiting <= 0 and j > 0:
                if before < 1:
                    membrane = before * keep_membrane
                else:
                    waiting = refractory
                    found[c, j - 1] = True
            current = current * keep_synapse + n
            if waiting <= 0:
                membrane += current * weight * dt
            membrane = min(membrane, 1.0)
            waiting -= 1
