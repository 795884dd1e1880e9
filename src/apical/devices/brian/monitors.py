"""A user's monitors over all blocks, with continuous time and the trial of every sample.

Brian2's time starts at 0 in every block, or part of one, and a compiled program discards earlier
recordings. Here the samples of each part are shifted in time and appended.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import brian2 as b2
import numpy as np
from brian2.core.variables import ArrayVariable, DynamicArrayVariable

from apical.devices.brian.adoption import arrays
from apical.devices.simulator import Block
from apical.errors import DeviceError

if TYPE_CHECKING:
    import pandas as pd

KINDS = (b2.StateMonitor, b2.EventMonitor, b2.PopulationRateMonitor)


class Record:
    """The record of one monitor."""

    def __init__(self, monitor: Any) -> None:
        self.monitor = monitor
        own = arrays(monitor)
        self.grows = [v for v in own if isinstance(v, DynamicArrayVariable)]
        self.counts = [v for v in own if v.name in ("N", "count")]

    def times(self) -> np.ndarray:
        """Return when samples were taken, from the first trial on [s]."""
        found = [v for v in self.grows if v.name == "t"]
        return np.array(found[0].get_value()) if found else np.zeros(0)


class InProcess(Record):
    """The record of a monitor that records in this process."""

    @contextmanager
    def part(self, start: float) -> Iterator[None]:
        """Move to its time what is recorded meanwhile; drop it if that ends with an exception.

        Parameters
        ----------
        start
            Time of trials shown before [s].
        """
        before = [np.array(v.get_value()) for v in self.counts]
        n = self._size()
        try:
            yield
        except BaseException:
            self._cut(n, before)
            raise
        for variable in self.grows:
            if variable.name == "t":
                variable.get_value()[n:] += start

    def forget(self) -> None:
        """Drop all."""
        self._cut(0, [np.zeros(1, v.dtype) for v in self.counts])

    def _size(self) -> int:
        return len(self.grows[0].get_value()) if self.grows else 0

    def _cut(self, n: int, counts: list[np.ndarray]) -> None:
        self.monitor.resize(n)
        for variable, values in zip(self.counts, counts, strict=True):
            variable.get_value()[...] = values


Read = Callable[[ArrayVariable], np.ndarray]
"""Reads what a program wrote of an array, flat."""


class Compiled(Record):
    """The record of a monitor that a compiled program fills in every part of a block.

    Parameters
    ----------
    monitor
        The monitor, which belongs to the device already.
    device
        Holds its values.
    ordered
        Whether a program writes the events of one time step by neuron.
    """

    def __init__(self, monitor: Any, device: Any, *, ordered: bool) -> None:
        super().__init__(monitor)
        self._device, self._ordered = device, ordered
        self._chunks: dict[ArrayVariable, list[np.ndarray]] = {}
        self.forget()

    def forget(self) -> None:
        """Drop all."""
        for variable in self.grows:
            shape = (0, variable.size[1]) if variable.ndim == 2 else (0,)
            self._chunks[variable] = [np.zeros(shape, variable.dtype)]
            self._device.held[variable] = partial(self._whole, variable)
        for variable in self.counts:
            self._device.held[variable] = np.zeros(variable.size, variable.dtype)

    def read(self, read: Read, times: Callable[[np.ndarray], np.ndarray]) -> dict[Any, np.ndarray]:
        """Return what a part of a block added, by variable, without taking it over yet.

        Parameters
        ----------
        read
            Reads an array.
        times
            Where times of the program [s] lie.
        """
        found: dict[Any, np.ndarray] = {variable: read(variable) for variable in self.counts}
        for variable in self.grows:
            values = read(variable)
            if variable.name == "t":
                values = times(values)
            width = self._chunks[variable][0].shape[1:]
            found[variable] = values.reshape(-1, *width) if 0 not in width else values[:0]
        named = {variable.name: found[variable] for variable in self.grows}
        if not self._ordered and "i" in named and "t" in named:
            order = np.lexsort((named["i"], named["t"]))
            found |= {variable: found[variable][order] for variable in self.grows}
        return found

    def take(self, found: dict[Any, np.ndarray], start: float) -> None:
        """Append the samples of a part of a block; `start` is in [s]."""
        for variable in self.counts:
            self._device.held[variable] = self._device.held[variable] + found[variable]
        for variable in self.grows:
            new = found[variable] + start if variable.name == "t" else found[variable]
            self._chunks[variable].append(new)

    def _whole(self, variable: ArrayVariable) -> np.ndarray:
        """Return all of a variable; parts are joined lazily."""
        chunks = self._chunks[variable]
        if len(chunks) > 1:
            chunks[:] = [np.concatenate(chunks)]
        (whole,) = chunks
        whole.flags.writeable = False
        variable.size = whole.shape if whole.ndim == 2 else len(whole)
        return whole


@dataclass
class Diary:
    """Log of presented trials: times, blocks and purposes.

    Parameters
    ----------
    trial
        Duration of a trial [ms].
    records
        Monitors, in the order in which they were added.
    trials, blocks
        Trials, and blocks, shown so far.
    """

    trial: float
    records: list[Any] = field(default_factory=list)
    trials: int = 0
    blocks: int = 0
    _parts: list[tuple[int, int, int, str]] = field(default_factory=list)

    @property
    def start(self) -> float:
        """Time of all trials shown so far [s]."""
        return self.trials * self.trial * 1e-3

    def shown(self, block: Block) -> None:
        """Note that a block, or a part of the present one, is over."""
        self._parts.append((self.trials, self.blocks, block.epoch, block.phase))
        self.trials += len(block)

    def of(self, monitor: Any) -> Any:
        """Return what is known of a monitor.

        Raises
        ------
        DeviceError
            If it was not added to the simulator.
        """
        for record in self.records:
            if record.monitor is monitor:
                return record
        name = getattr(monitor, "name", monitor)
        raise DeviceError(
            f"{name!r} is no monitor of this simulator; add it by simulator.add(monitor) first.",
            object=str(name),
        )

    def moments(self, monitor: Any) -> "pd.DataFrame":
        """Return a row for each sample of a monitor."""
        import pandas as pd  # slow to import, and runs need none of it

        times = self.of(monitor).times() * 1e3
        trials = np.floor(times / self.trial + 1e-6).astype(np.int64)
        starts = [first for first, *_ in self._parts]
        place = np.searchsorted(starts, trials, side="right") - 1
        parts = [self._parts[k][1:] for k in place]
        block, epoch, phase = zip(*parts, strict=True) if parts else ((), (), ())
        return pd.DataFrame(
            {
                "time": times,
                "trial": trials,
                "block": np.array(block, np.int64),
                "epoch": np.array(epoch, np.int64),
                "phase": list(phase),
            }
        )
