"""What every Brian2 simulator shares: its network, its options, its weights."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import brian2 as b2
import numpy as np
from brian2.core.names import Nameable
from brian2.core.tracking import InstanceTrackerSet

from apical.devices.simulator import (
    Block,
    BlockResult,
    check_state,
    check_weights,
    of_projections,
)
from apical.network import Network
from apical.projections import Projection


class BrianSimulator(ABC):
    """A network that Brian2 runs, block after block."""

    network: Network
    compile_seconds: float = 0.0
    batch: int = 1
    _shapes: Mapping[str, tuple[int, ...]]

    @property
    @abstractmethod
    def brian(self) -> Mapping[str, Any]:
        """The live Brian2 objects, by the names of populations and projections."""

    @abstractmethod
    def add(self, *brian_objects: Any) -> None:
        """Add Brian2 objects of one's own, for instance a StateMonitor, before the first run."""

    @abstractmethod
    def _get(self, name: str) -> np.ndarray:
        """Return a copy of one variable of the state."""

    @abstractmethod
    def _set(self, name: str, values: np.ndarray) -> None:
        """Take over one variable of the state, of the right shape."""

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Every variable that the next block depends on, weights included, by name."""
        return {name: self._get(name) for name in self._shapes}

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        check_state(state, self._shapes)
        check_weights(self.network, state, lambda name: self._get(f"{name}.w"))
        for name, values in state.items():
            self._set(name, values)

    @abstractmethod
    def run(self, block: Block) -> BlockResult:
        """Present a block of trials, from the present state on."""

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W of a projection, shape (n_pre, n_post) [dimensionless]."""
        name = projection if isinstance(projection, str) else projection.name
        return self._get(f"{self.network.projection(name).name}.w")

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take over weights: projection name -> W, shape (n_pre, n_post)."""
        self.state = of_projections(self.network, weights)


class Names:
    """Names of Brian2 objects of one simulator, as if no other existed in this process.

    Brian2 numbers the names it makes up through all living objects. The same network would then
    give another program whenever another simulator is alive, and be compiled again.
    """

    def __init__(self) -> None:
        self._own = InstanceTrackerSet()
        self._all = InstanceTrackerSet()

    def __enter__(self) -> None:
        known = Nameable.__instancefollower__.instance_sets
        self._all, known[Nameable] = known[Nameable], self._own

    def __exit__(self, *exception: object) -> None:
        Nameable.__instancefollower__.instance_sets[Nameable] = self._all


@contextmanager
def preferences(wanted: Mapping[str, Any]) -> Iterator[None]:
    """Set preferences of Brian2, by name, and put back what they were."""
    before = {name: b2.prefs[name] for name in wanted}
    try:
        for name, value in wanted.items():
            b2.prefs[name] = value
        yield
    finally:
        for name, value in before.items():
            b2.prefs[name] = value


def precision(dtype: np.dtype) -> AbstractContextManager[None]:
    """Make Brian2 use a floating-point type while objects and code are made."""
    return preferences({"core.default_float_dtype": dtype.type})


def code_generation(target: str) -> AbstractContextManager[None]:
    """Make Brian2 generate code of one kind, ``"numpy"`` or ``"cython"``."""
    return preferences({"codegen.target": target})


def joined(results: Sequence[BlockResult], trial: float, parts: Sequence[Block]) -> BlockResult:
    """Return the results of consecutive parts of a block as one; `trial` is in [ms]."""
    starts = trial * np.cumsum([0, *(len(part) for part in parts)])
    return BlockResult(
        {
            name: np.concatenate([result.counts[name] for result in results])
            for name in results[0].counts
        },
        {
            name: (
                np.concatenate(
                    [r.spikes[name][0] + start for r, start in zip(results, starts, strict=False)]
                ),
                np.concatenate([r.spikes[name][1] for r in results]),
            )
            for name in results[0].spikes
        },
        {
            name: np.concatenate([result.traces[name] for result in results])
            for name in results[0].traces
        },
    )
