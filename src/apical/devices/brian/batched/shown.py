"""Stimuli, labels and learning factors of a batch of trials, which statements look up."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from apical._base import seeds
from apical.devices.brian import tables
from apical.devices.brian.batched.libraries import Array, BatchLibrary
from apical.devices.simulator import Block
from apical.network.description import Network


class Shown:
    """What statements look up in the trials of a batch, and the random numbers that they draw.

    Parameters
    ----------
    network
        The network.
    library
        Array library.
    dt
        Time step [ms].
    """

    def __init__(self, network: Network, library: BatchLibrary, dt: float) -> None:
        self._network, self._library, self._dt = network, library, dt
        self.steps = round(network.trial / dt)
        self._frames = {"stimulus": network.stimulus.frames, "label": network.target_frames}
        self._values: dict[str, Array] = {}
        self._due: list[np.ndarray] = []
        self.n, self.step, self.factor = 0, 0, 0.0

    def show(self, block: Block) -> None:
        """Let a batch of trials, all with one learning factor, be shown from its first step on."""
        self.n, self.step, self.factor = len(block), 0, float(block.learning[0])
        values = tables.empty(self._network, self.n)
        tables.fill(values, self._network, block, self._dt)
        events = self._network.stimulus.encoder.takes_events
        self._due = (
            _by_step(values.pop("stimulus"), self.steps, self._network.stimulus.size)
            if events
            else []
        )
        self._values = {
            name: self._library.array(
                array.reshape(self.n, self._frames[name], -1).astype(self._library.dtype)
            )
            for name, array in values.items()
            if name in self._frames
        }
        seed = seeds.simulator_seed(self._network.seed, block.index)
        self._rng = np.random.default_rng([seed, block.first])

    def functions(
        self, shape: Callable[[int], tuple[int, ...]]
    ) -> Mapping[str, Callable[..., Any]]:
        """Return what stands for functions of the time and of chance, by name.

        Parameters
        ----------
        shape
            Shape of random numbers, from the number of trials.
        """
        return {
            "stimulus": lambda t, i: self._at("stimulus", i),
            "label": lambda t, i: self._at("label", i),
            "learning": lambda t: self.factor,
            "learned": lambda t: self.factor,
            "rand": lambda: self._library.uniform(self._rng, shape(self.n)),
            "randn": lambda: self._library.normal(self._rng, shape(self.n)),
            "poisson": lambda mean: self._library.poisson(self._rng, mean, shape(self.n)),
        }

    @property
    def moment(self) -> Mapping[str, Any]:
        """The present state of the generator of random numbers."""
        return self._rng.bit_generator.state

    @contextmanager
    def again(self, moment: Mapping[str, Any]) -> Iterator[None]:
        """Context in which the numbers are drawn that were drawn from some moment on."""
        generator = self._rng.bit_generator
        now, generator.state = generator.state, moment
        try:
            yield
        finally:
            generator.state = now

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return random numbers from 0 to 1."""
        return self._library.uniform(self._rng, shape)

    def _at(self, name: str, i: Any) -> Array:
        """Return what is looked up now, for each trial and some columns."""
        if name == "stimulus" and self._due:
            return self._library.columns(self._events(), i)
        frame = self.step * self._frames[name] // self.steps
        return self._library.columns(self._values[name][:, frame], i)

    def _events(self) -> Array:
        found = np.zeros(self.n * self._network.stimulus.size, self._library.dtype)
        found[self._due[self.step]] = 1
        return self._library.array(found.reshape(self.n, -1))


def _by_step(table: np.ndarray, steps: int, n_channels: int) -> list[np.ndarray]:
    """Return the events of each step, as places in an array (trial, channel); from their table.

    The table holds the number of events, and of each its step in the block times the number of
    channels, plus its channel.
    """
    step, channel = np.divmod(table[1:], n_channels)
    trial, within = np.divmod(step, steps)
    order = np.argsort(within, kind="stable")
    place = (trial * n_channels + channel)[order]
    return np.split(place, np.searchsorted(within[order], np.arange(1, steps)))
