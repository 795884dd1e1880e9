"""Transmission delays (axonal delays) in Brian2.

Brian2 keeps delayed spikes in queues, which cannot be saved as state. Here every neuron stores, as
digits of a few numbers, in which of the last time steps it spiked, and a delayed spike is an event:
that there was a spike so many steps ago. So spikes in transit are ordinary state, and synapses need
no queue.
"""

from dataclasses import dataclass

from apical._base import times
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.projection import Projection

DIGITS = 20
"""Number of time steps stored in one number. Whole numbers of one digit more are exact in single
precision, which holds 24."""


@dataclass(frozen=True)
class Axons:
    """The axonal delay lines of a population.

    Parameters
    ----------
    steps
        Delays of its projections in time steps, in ascending order, without 0.
    """

    steps: tuple[int, ...] = ()

    @property
    def _words(self) -> list[str]:
        return [f"line_{k}" for k in range(max(self.steps) // DIGITS + 1)] if self.steps else []

    @property
    def equations(self) -> list[str]:
        """Equations of the numbers that keep the spikes."""
        return [f"{word} : 1" for word in self._words]

    @property
    def at_spike(self) -> list[str]:
        """Statements at a spike."""
        return [f"{word} += 1" for word in self._words[:1]]

    @property
    def at_reset(self) -> list[str]:
        """Statements that delete all spikes in transit."""
        return [f"{word} = 0" for word in self._words]

    @property
    def each_step(self) -> str:
        """Statements that let all spikes grow older by a time step; the eldest first."""
        full, lines = 2**DIGITS, list[str]()
        for k, word in reversed(list(enumerate(self._words))):
            carry = f" + floor(line_{k - 1}/{full // 2})" if k else ""
            lines.append(f"{word} = (2*{word}) % {full}{carry}")
        return "\n".join(lines)

    @property
    def events(self) -> dict[str, str]:
        """The event that spikes of some time ago arrive, for each of `steps`."""
        return {
            f"late_{n}": f"floor(line_{steps // DIGITS}/digit_{n}) % 2 > 0.5"
            for n, steps in enumerate(self.steps)
        }

    @property
    def parameters(self) -> dict[str, tuple[float, str]]:
        """The constants that `events` read, with their units."""
        return {
            f"digit_{n}": (float(2 ** (steps % DIGITS)), "1") for n, steps in enumerate(self.steps)
        }

    def event(self, steps: int) -> str:
        """Return the event at which spikes arrive after so many time steps."""
        return f"late_{self.steps.index(steps)}" if steps else "spike"


def axons(network: Network, population: Population, dt: float) -> Axons:
    """Return the axons of a population, with time steps of `dt` [ms]."""
    steps = {steps_of(p, dt) for p in network.projections if p.pre is population}
    return Axons(tuple(sorted(steps - {0})))


def steps_of(projection: Projection, dt: float) -> int:
    """Return the transmission delay of a projection in time steps of `dt` [ms].

    Raises
    ------
    ParameterError
        If its delay is not a multiple of the time step.
    """
    return times.steps(
        projection.delay, dt, f"the delay of projection {projection.name!r}", "delay"
    )
