"""Events of a block in a table as long as there are events, and how equations look them up.

An event is one number: its time step in the block times the number of channels, plus its channel.
The numbers are sorted, so that what is asked for next, the next channel or the next step, stands
behind what was found before.
"""

from collections.abc import Sequence
from typing import Any

import brian2 as b2
import numpy as np

from apical.data.datasets import EventRows
from apical.devices.simulator import Block
from apical.network.description import Network

NAME = "stimulus_events"
FILE = f"in.{NAME}"
"""File from which a compiled program reads the table of a block."""


def table(network: Network, block: Block, dt: float) -> np.ndarray:
    """Return the number of spikes of a block, and then each of them."""
    if not isinstance(block.values, EventRows):  # a noise phase
        return np.zeros(1, np.int64)
    due = block.values.due(dt, round(network.trial / dt))
    return np.concatenate([[len(due)], due])


class EventTable(b2.Function):
    """Function ``stimulus(t, i)`` of events: 1 Hz if channel i has one in the time step at t.

    Parameters
    ----------
    n_channels
        Number of channels.
    values
        As `table` returns them.
    """

    def __init__(self, n_channels: int, values: np.ndarray) -> None:
        self.n_channels, self.values = n_channels, values
        super().__init__(
            self._asked,
            arg_units=[b2.second, 1],
            arg_types=["float", "integer"],
            return_unit=b2.Hz,
            return_type="float",
        )
        add = self.implementations.add_dynamic_implementation
        add("numpy", self._in_python)
        add(
            "cython", lambda owner: _cython(owner.clock.dt_, n_channels), self._namespace, name=NAME
        )
        add(
            "cpp",
            lambda owner: _cpp(owner.clock.dt_, n_channels),
            name=NAME,
            namespace=lambda owner: None,
            compiler_kwds={"headers": ["<algorithm>", "<cmath>", "<fstream>", "<vector>"]},
        )

    def show(self, values: np.ndarray, objects: Sequence[Any]) -> None:
        """Let code that was made look up other events."""
        self.values = values
        for item in objects:
            for code in item._code_objects:
                namespace = getattr(code, "namespace", {})
                if f"{NAME}_values" in namespace:
                    namespace[f"{NAME}_values"] = values

    def _asked(self, t: Any, i: Any) -> Any:
        """Answer outside of a simulation."""
        return self._in_python(None)(np.asarray(t), i) * b2.Hz

    def _in_python(self, owner: Any) -> Any:
        dt = float(b2.defaultclock.dt) if owner is None else owner.clock.dt_

        def look_up(t: Any, i: Any) -> np.ndarray:
            step, n = int(np.floor(np.ravel(t)[0] / dt + 0.5)), self.n_channels
            begin, end = np.searchsorted(self.values[1:], [step * n, (step + 1) * n])
            due = np.zeros(n)
            due[self.values[1 + begin : 1 + end] - step * n] = 1
            return due[i]

        look_up._arg_units, look_up._return_unit = [b2.second, 1], b2.Hz  # type: ignore[attr-defined]
        return look_up

    def _namespace(self, owner: Any) -> dict[str, np.ndarray]:
        return {f"{NAME}_values": self.values}


def _cpp(dt: float, n_channels: int) -> str:
    """Return the look-up in C++; a program reads its file once, and goes on from what it found."""
    return f"""
        static inline double {NAME}(const double t, const int i)
        {{
            static std::vector<int64_t> due;
            static size_t at = 0;
            if (due.empty())
            {{
                std::ifstream file(brian::results_dir + "{FILE}", std::ios::binary);
                int64_t n = 0;
                file.read(reinterpret_cast<char*>(&n), sizeof n);
                due.resize(n + 1);
                file.read(reinterpret_cast<char*>(due.data()), n * sizeof n);
                due[n] = INT64_MAX;
            }}
            const int64_t asked = (int64_t)std::floor(t / {dt!r} + 0.5) * {n_channels} + i;
            if (at > 0 && due[at - 1] >= asked)
                at = std::lower_bound(due.begin(), due.begin() + at, asked) - due.begin();
            while (due[at] < asked)
                at++;
            return due[at] == asked ? 1.0 : 0.0;
        }}
        """


def _cython(dt: float, n_channels: int) -> str:
    """Return the look-up in Cython, by bisection."""
    return f"""
        cdef double {NAME}(const double t, const int i):
            global _namespace{NAME}_values
            cdef long long asked = <long long>(t / {dt!r} + 0.5) * {n_channels} + i
            cdef long long begin = 0
            cdef long long end = _namespace{NAME}_values[0]
            cdef long long middle
            while begin < end:
                middle = (begin + end) // 2
                if _namespace{NAME}_values[1 + middle] < asked:
                    begin = middle + 1
                else:
                    end = middle
            if begin < _namespace{NAME}_values[0] and _namespace{NAME}_values[1 + begin] == asked:
                return 1.0
            return 0.0
        """
