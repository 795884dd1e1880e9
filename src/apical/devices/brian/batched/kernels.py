"""Objects of a network as C++ functions that act on one trial in one time step.

They read and write the arrays of the cells in place, with the bits that the statements of NumPy
give (`typed`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import ref

import numpy as np
from brian2.core.variables import ArrayVariable

from apical.devices.brian.batched.program import Cells, Program, key
from apical.devices.brian.batched.synapses import Delivery
from apical.devices.brian.batched.typed import (
    Translator,
    Untranslatable,
    Value,
    c_type,
    met,
    weigh,
)

HEAD = """\
#include <cmath>
#include <cstdint>
#include <cstring>

template <class T> static inline T clipped(T x, T low, T high) {
  if (x != x) return x;
  x = x > low ? x : low;
  return x < high ? x : high;
}

// Calls a function for every neuron with an event; eight neurons are looked at at a time.
template <class F> static inline void each_event(const bool *events, std::int64_t n, F f) {
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, events + i, 8);
    if (eight)
      for (std::int64_t j = i; j < i + 8; j++)
        if (events[j]) f(j);
  }
  for (; i < n; i++)
    if (events[i]) f(i);
}
"""


class Table:
    """Arrays that compiled functions read and write, as they find them by number.

    Parameters
    ----------
    cells
        The cells of one batch; what changes in them are arrays that stay where they are.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self._sources: list[Callable[[Cells], Any]] = []
        self._forms: list[tuple[np.dtype, bool]] = []
        self._places: dict[str | int, int] = {}

    def cell(self, name: str) -> str:
        """Return the address of a cell in C++, at the present trial where it has rows."""
        array = self.cells[name]
        place = self._placed(name, lambda cells: cells[name])
        start = f" + b * {self.number(int(array[0].size))}" if name in self.cells.rows else ""
        return f"(({c_type(array.dtype)} *)c[{place}]{start})"

    def array(self, source: Callable[[Cells], Any]) -> str:
        """Return the address in C++ of what is found anew for each batch."""
        place = self._add(source)
        return f"(({c_type(self._forms[place][0])} *)c[{place}])"

    def number(self, n: int) -> str:
        """Return a whole number in C++, which is no part of the program."""
        return f"*(std::int64_t *)c[{self._placed(n, lambda cells: np.int64(n))}]"

    def filled(self, cells: Cells) -> list[np.ndarray] | None:
        """Return the arrays for a batch; None where one has another form than in the program."""
        arrays = [np.ascontiguousarray(source(cells)) for source in self._sources]
        return arrays if [*map(_form, arrays)] == self._forms else None

    def _placed(self, name: str | int, source: Callable[[Cells], Any]) -> int:
        if name not in self._places:
            self._places[name] = self._add(source)
        return self._places[name]

    def _add(self, source: Callable[[Cells], Any]) -> int:
        self._sources.append(source)
        self._forms.append(_form(np.asarray(source(self.cells))))
        return len(self._sources) - 1


def _form(array: np.ndarray) -> tuple[np.dtype, bool]:
    """Return what a program takes for granted of an array."""
    return array.dtype, array.size > 1


class Kernel(Protocol):
    """What one object does, in C++."""

    def code(self, table: Table) -> list[str]:
        """Return the lines of a function of the trial ``b``.

        Raises
        ------
        Untranslatable
            If it stays with NumPy.
        """


@dataclass
class Statements:
    """Statements of a group of neurons.

    Parameters
    ----------
    program
        The statements.
    n
        Number of neurons.
    events
        Name of the events among the cells at which they are run, or which they find; "" for
        always.
    refractory
        Names of whether a neuron is refractory, of its last spike, and of the time, where the
        statements find events that make neurons refractory.
    """

    program: Program
    n: int
    events: str = ""
    refractory: tuple[str, str, str] | tuple[()] = ()

    def code(self, table: Table) -> list[str]:
        """Return the lines of a function of the trial ``b``."""
        writing = _Writing(self.program, table)
        head, body = writing.lines()
        n = table.number(self.n)
        head.append(f"const std::int64_t n = {n};")
        if not self.events:
            return [*head, "for (std::int64_t i = 0; i < n; i++) {", *body, "}"]
        events = table.cell(self.events)
        if not self.program.result:
            start = f"each_event({events}, n, [&](const std::int64_t i) {{"
            return [*head, start, *body, "});"]
        head.append(f"bool *__restrict events = {events};")
        body.append(f"const bool found = {writing.result().to(np.dtype(bool)).text};")
        body.append("events[i] = found;")
        if self.refractory:
            free, last, clock = map(table.cell, self.refractory)
            head += [f"bool *__restrict free = {free};", f"auto *__restrict last = {last};"]
            head.append(f"const double now = *{clock};")
            body.append("free[i] = found ? false : free[i];")
            body.append("last[i] = found ? now : last[i];")
        return [*head, "for (std::int64_t i = 0; i < n; i++) {", *body, "}"]


class _Writing:
    """Writes the statements of a program in C++.

    Parameters
    ----------
    program
        The program.
    table
        The arrays.
    """

    def __init__(self, program: Program, table: Table) -> None:
        self._program, self._table = program, table
        self._head: list[str] = []
        self._body: list[str] = []
        self._numbers: dict[str, Value] = {}
        cells, names = table.cells, [key(variable) for variable in program.read.values()]
        for variable in program.written.values():
            if names.count(key(variable)) > 1:  # an array by two names
                raise Untranslatable(key(variable))
        self._steady = _Steady(program)
        self._known = self._steady.values(cells)
        self._values = {
            name: self._loaded(name, variable)
            for name, variable in program.read.items()
            if key(variable) in cells.fixed
        }
        self._translate = Translator(self._values, self._number, program.looked_up)

    def lines(self) -> tuple[list[str], list[str]]:
        """Return what comes before the loop over neurons, and what is in it."""
        for statement in self._program.captured.statements:
            self._statement(statement)
        for name in self._program.written:
            self._body.append(f"a_{name}[i] = {self._values[name].text};")
        return self._head, self._body

    def result(self) -> Value:
        """Return the value of the local name that the program returns."""
        return self._translate(self._program.result)

    def _statement(self, statement: Any) -> None:
        name, op, text = statement.var, statement.op, statement.expr
        if op not in ("=", ":="):
            text = f"{name} {op[:-1]} ({text})"
        variable = self._program.written.get(name)
        if variable is None and self._translate.is_steady(text):
            self._steady.add(name, text, self._known)
            self._values.pop(name, None)
            self._numbers.clear()  # some may be of a value that the name had before
            return
        value = self._translate(text)
        if variable is not None:
            value = value.to(np.dtype(variable.dtype))
            condition = self._program.captured.conditional.get(name)
            if condition is not None:
                held, old = self._translate(condition).text, self._values[name].text
                value = Value(f"({held} ? {value.text} : {old})", value.kind)
        local = f"r{len(self._body)}"
        self._body.append(f"const {c_type(value.kind)} {local} = {value.text};")
        self._values[name] = Value(local, value.kind)

    def _loaded(self, name: str, variable: ArrayVariable) -> Value:
        """Return a variable that has a value in each trial."""
        index = self._program.captured.indices.get(name, "_idx")
        dtype = self._table.cells[key(variable)].dtype
        if key(variable) not in self._table.cells.rows:
            raise Untranslatable(key(variable))
        cell = self._table.cell(key(variable))
        if variable.scalar or index == "0":
            if name in self._program.written:
                raise Untranslatable(name)
            self._head.append(f"const auto a_{name} = *{cell};")
            return Value(f"a_{name}", dtype)
        if index == "_idx":
            self._head.append(f"auto *__restrict a_{name} = {cell};")
            return Value(f"a_{name}[i]", dtype)
        if name in self._program.written:
            raise Untranslatable(name)
        where = self._table.array(lambda cells: self._neurons(index))
        self._head.append(f"const auto *a_{name} = {cell};")
        self._head.append(f"const std::int64_t *i_{name} = {where};")
        return Value(f"a_{name}[i_{name}[i]]", dtype)

    def _neurons(self, index: str) -> np.ndarray:
        """Return the neurons that linked variables are of."""
        return np.asarray(self._program.captured.variables[index].get_value(), np.int64)

    def _number(self, text: str) -> Value:
        """Return an expression that does not change within a trial."""
        if text in self._numbers:
            return self._numbers[text]
        name, steady = f"k{len(self._head)}", self._steady
        steady.add(name, text, self._known)
        place = self._table.array(lambda cells: steady.values(cells)[name])
        kind = weigh(self._known[name])
        many = np.size(self._known[name]) > 1
        self._head.append(f"const auto *{name} = {place};")
        self._numbers[text] = Value(f"{name}[i]" if many else f"*{name}", kind)
        return self._numbers[text]


class _Steady:
    """What does not change within a trial, as NumPy computes it.

    Parameters
    ----------
    program
        Whose constants, functions and variables it is computed of.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._steps: list[tuple[str, Any]] = []
        self._latest: tuple[Callable[[], Cells | None], dict[str, Any]] = (lambda: None), {}

    def add(self, name: str, text: str, known: dict[str, Any]) -> None:
        """Compute an expression from now on, and now, of what is known."""
        self._steps.append((name, self._program.evaluator(text)))
        known[name] = self._steps[-1][1](known)

    def values(self, cells: Cells) -> dict[str, Any]:
        """Return the variables of a batch, and all that is computed of them."""
        latest, known = self._latest
        if latest() is not cells:
            # what changes is not known, though functions that do not look at it may be called
            known = {
                name: None if key(variable) in cells.fixed else self._program.load(name, cells)
                for name, variable in self._program.read.items()
            }
            self._latest = ref(cells), known
            for name, compute in self._steps:
                known[name] = compute(known)
        return known


@dataclass
class Arrivals:
    """What events of presynaptic neurons add to postsynaptic variables.

    Parameters
    ----------
    delivery
        The synapses, all of which transmit every event.
    """

    delivery: Delivery

    def code(self, table: Table) -> list[str]:
        """Return the lines of a function of the trial ``b``."""
        wires = self.delivery.wires
        layout, name = wires.layout, wires.cell("w")
        weights = table.cells[name]
        if name in table.cells.rows or wires.projection.release < 1:
            raise Untranslatable(name)
        arrived = table.array(lambda cells: np.empty(layout.neurons[1], weights.dtype))
        head = [
            f"const std::int64_t n = {table.number(layout.neurons[0])};",
            f"const std::int64_t m = {table.number(layout.neurons[1])};",
            f"const auto *__restrict w = {table.cell(name)};",
            f"auto *__restrict arrived = {arrived};",
            "bool any = false;",
        ]
        if layout.pre is None:
            row = ["const auto *row = w + i * m;", _EACH + "arrived[j] += row[j];"]
        else:
            first = np.asarray(layout.starts, int)
            head.append(f"const std::int64_t *first = {table.array(lambda cells: first)};")
            post = np.asarray(layout.post, int)
            head.append(f"const std::int64_t *post = {table.array(lambda cells: post)};")
            each = "for (std::int64_t k = first[i]; k < first[i + 1]; k++) "
            row = [each + "arrived[post[k]] += w[k];"]
        return [
            *head,
            f"each_event({table.cell(self.delivery.events)}, n, [&](const std::int64_t i) {{",
            f"if (!any) {_EACH} arrived[j] = 0;",
            "any = true;",
            *row,
            "});",
            "if (!any) return;",
            *(line for target in self.delivery.targets for line in self._added(target, table)),
        ]

    def _added(self, target: ArrayVariable, table: Table) -> list[str]:
        """Return the lines that add what arrived to a variable."""
        name, weights = key(target), table.cells[self.delivery.wires.cell("w")]
        kind = met(table.cells[name].dtype, weights.dtype)
        sign = "+" if self.delivery.sign > 0 else "-"
        new = Value("x[j]", target.dtype).to(kind).text
        new += f" {sign} {Value('arrived[j]', weights.dtype).to(kind).text}"
        new = Value(f"({new})", kind).to(np.dtype(target.dtype)).text
        held = getattr(target, "conditional_write", None)
        lines = ["{", f"auto *__restrict x = {table.cell(name)};"]
        if held is not None:
            lines.append(f"const bool *__restrict free = {table.cell(key(held))};")
            new = f"free[j] ? {new} : x[j]"
        return [*lines, f"{_EACH}x[j] = {new};", "}"]


_EACH = "for (std::int64_t j = 0; j < m; j++) "
