"""Objects of a network as one compiled program, which runs time step after time step by itself.

Trials do not meet before they end, so a trial is carried through many steps before the next one:
what it needs stays in the nearest cache. Objects that have no counterpart in C++ are run in Python
in their turn, for all trials; between them the program goes on.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apical._base import compilers
from apical.devices.brian.batched.kernels import HEAD, Kernel, Statements, Table
from apical.devices.brian.batched.program import Cells
from apical.devices.brian.batched.typed import Untranslatable


class Fused:
    """Compiles kernels, and runs them on the cells of a batch.

    Parameters
    ----------
    kernels
        What each object does, in their order, and its period in time steps; None for what is run
        in Python.
    clock, ticks
        Names of the time and of the number of the time step among the cells.
    """

    def __init__(
        self, kernels: Sequence[tuple[Kernel | None, int]], clock: str, ticks: str
    ) -> None:
        self._kernels, self._clock, self._ticks = kernels, clock, ticks
        self.events = {
            kernel.events: kernel.n
            for kernel, _ in kernels
            if isinstance(kernel, Statements) and kernel.events
        }
        """Number of neurons that may send each kind of event, by its name among the cells."""
        self._plan: _Plan | None = None
        self._time: tuple[np.ndarray, np.float64] = np.zeros(0), np.float64(0)

    def bound(self, cells: Cells, start: np.ndarray, dt: float) -> "Run | None":
        """Return a run of the program on the cells of a batch; None without a compiler.

        Parameters
        ----------
        cells
            The cells, in which all that changes has a fixed place.
        start
            Number of the first time step of each trial.
        dt
            Time step [s].
        """
        self._time = start, np.float64(dt)
        plan = self._plan
        arrays = plan.table.filled(cells) if plan else None
        if plan is None or arrays is None:
            plan = self._plan = self._planned(cells)
            arrays = plan.table.filled(cells)
        if plan.function is None or arrays is None:
            return None
        return Run(plan.function, arrays, cells.n, len(self._kernels), plan.done)

    def _planned(self, cells: Cells) -> "_Plan":
        """Return the program for cells of some types."""
        table = Table(cells)
        functions, turns, done = [HEAD], list[str](), set[int]()
        for place, (kernel, period) in enumerate(self._kernels):
            lines = None if kernel is None else _lines(kernel, table)
            if lines is None:
                continue
            done.add(place)
            functions.append(_function(f"object{place}", lines))
            due = "" if period == 1 else f" && step % {table.number(period)} == 0"
            turns.append(
                f"      if (from <= {place + 1} && {place + 1} < to{due}) object{place}(c, b);"
            )
        ticks, clock = table.cell(self._ticks), table.cell(self._clock)
        start = table.array(lambda cells: self._time[0])
        dt = table.array(lambda cells: self._time[1])
        begin = f"*{ticks} = {start}[b] + step; *{clock} = (double)*{ticks} * *{dt};"
        code = "\n".join([*functions, _RUN.format(begin=begin, turns="\n".join(turns))])
        library = compilers.loaded(code)
        table.cells = Cells({}, 0, ())  # they are another batch's soon
        return _Plan(library and library.run, table, frozenset(done))


@dataclass(frozen=True)
class _Plan:
    """A compiled program.

    Parameters
    ----------
    function
        The function; None without a compiler.
    table
        The arrays that it reads and writes.
    done
        Places of the objects that it runs.
    """

    function: Any
    table: Table
    done: frozenset[int]


def _lines(kernel: Kernel, table: Table) -> list[str] | None:
    try:
        return kernel.code(table)
    except Untranslatable:
        return None


def _function(name: str, lines: Sequence[str]) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"static void {name}(void *const *c, const std::int64_t b) {{\n{body}\n}}\n"


_RUN = """\
// Runs all trials from one place in a time step (the clock is place 0) up to, without it, another.
extern "C" void run(void *const *c, const std::int64_t *at) {{
  const std::int64_t n = at[0], places = at[1], step0 = at[2], place0 = at[3], step1 = at[4];
  for (std::int64_t b = 0; b < n; b++)
    for (std::int64_t step = step0; step <= step1; step++) {{
      const std::int64_t from = step == step0 ? place0 : 0, to = step == step1 ? at[5] : places;
      if (from <= 0 && 0 < to) {{ {begin} }}
{turns}
    }}
}}
"""


class Run:
    """A program on the cells of a batch, and how far it has come.

    Parameters
    ----------
    function
        The compiled function.
    arrays
        What it reads and writes.
    n
        Number of trials.
    n_objects
        Number of objects.
    done
        Places of the objects that it runs.
    """

    def __init__(
        self,
        function: Any,
        arrays: Sequence[np.ndarray],
        n: int,
        n_objects: int,
        done: frozenset[int],
    ) -> None:
        function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_void_p], None
        self._function, self._arrays, self.done = function, arrays, done
        addresses = (array.ctypes.data for array in arrays)
        self._addresses = (ctypes.c_void_p * len(arrays))(*addresses)
        self._at = np.array([n, n_objects + 2, 0, 0, 0, 0], np.int64)

    def until(self, step: int, place: int) -> None:
        """Run all objects before a place in a time step, whose own turn it is then."""
        self._at[4:] = step, place + 1
        self._function(self._addresses, self._at.ctypes.data)
        self._at[2:4] = step, place + 2
