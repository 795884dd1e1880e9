"""Statements as functions of arrays with a row for each trial."""

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from brian2.core.functions import Function
from brian2.core.variables import ArrayVariable, AuxiliaryVariable, Constant
from brian2.parsing.rendering import NumpyNodeRenderer
from brian2.utils.stringtools import get_identifiers

from apical.devices.brian.batched.capture import Captured
from apical.devices.brian.batched.libraries import Array, BatchLibrary
from apical.errors import DeviceError

LOOKED_UP = ("stimulus", "label", "learning", "learned")
"""Functions of the time that look up what a trial shows."""

GRADED = "~"
"""Ends the name of the cell of spikes as numbers, through which gradients pass."""

Place = Callable[[ArrayVariable, str], Callable[[Array], Array]]
"""Returns how the cell of a variable is read by an index."""


class Cells(dict[str, Array]):
    """Value of every variable, ``<object>.<variable>`` -> array.

    Parameters
    ----------
    values
        The values; with a row for each trial where they differ between trials.
    n
        Number of trials of the batch.
    rows
        Names of those that have a row for each trial.
    fixed
        Names of arrays that stay where they are, so that new values are written into them.
    """

    def __init__(
        self,
        values: Mapping[str, Array],
        n: int,
        rows: Collection[str],
        fixed: Collection[str] = (),
    ) -> None:
        super().__init__(values)
        self.n, self.rows, self.fixed = n, frozenset(rows), frozenset(fixed)

    def __setitem__(self, name: str, value: Array) -> None:
        if name in self.fixed:
            self[name][...] = value
        else:
            super().__setitem__(name, value)

    def put(self, names: Sequence[str], values: Sequence[Array]) -> None:
        """Replace several values at once, each of which may be what another was."""
        if self.fixed:
            values = [np.array(value) for value in values]
        for name, value in zip(names, values, strict=True):
            self[name] = value

    def part(self, trials: slice) -> "Cells":
        """Return some of the trials."""
        found = {name: v[trials] if name in self.rows else v for name, v in self.items()}
        return Cells(found, len(range(*trials.indices(self.n))), self.rows)


def key(variable: ArrayVariable) -> str:
    """Return the name of a variable among cells."""
    return f"{variable.owner.name}.{variable.name}"


class Program:
    """Statements of one object as a function of cells.

    Parameters
    ----------
    captured
        The statements.
    library
        Array library.
    place
        Returns how the value of a variable is read by an index.
    looked_up
        What stands for functions that look up what a trial shows, and for those that draw random
        numbers, by name.
    given
        Names that are handed over at each call.
    result
        Name of a local value to return; "" for none.
    """

    def __init__(
        self,
        captured: Captured,
        library: BatchLibrary,
        place: Place,
        looked_up: Mapping[str, Callable[..., Any]],
        given: Collection[str] = (),
        result: str = "",
    ) -> None:
        self._library = library
        self.captured = captured
        """The statements."""
        self.result = result
        """Name of the local value that is returned; "" for none."""
        self.looked_up = frozenset(looked_up)
        """Names of functions that look up what a trial shows, or draw random numbers."""
        self.read: dict[str, ArrayVariable] = {}
        """Variables that are read or written, by the names that they have in the statements."""
        self.written: dict[str, ArrayVariable] = {}
        """Variables that are written."""
        # the last is what Brian2 writes for 'not', which is no name in the statements
        own = {"_where": library.where, "_hold": library.hold, "logical_not": library.opposite}
        self.space: dict[str, Any] = dict(own)
        """Constants and functions, by name."""
        self._draws = False
        self._find(looked_up, given)
        self._readers = {
            name: (key(variable), place(variable, captured.indices.get(name, "_idx")))
            for name, variable in self.read.items()
        }
        self._targets = [key(variable) for variable in self.written.values()]
        self._function = self._compiled(given)

    def __call__(
        self,
        cells: Cells,
        shape: tuple[int, ...],
        mask: Array | None = None,
        put: Callable[[Array, Array, Array, str], Array] | None = None,
        **given: Any,
    ) -> Any:
        """Run the statements on cells, and return the result.

        Parameters
        ----------
        cells
            Read, and replaced where written.
        shape
            Of what is written.
        mask
            Where anything is written; None for everywhere.
        put
            Puts new values in the place of old ones where a mask is true, for a variable.
        **given
            Values handed over.
        """
        loaded = [self.load(name, cells) for name in self.read]
        result, written = self._function(loaded, shape, mask, put or self._put, **given)
        cells.put(self._targets, written)
        return result

    def load(self, name: str, cells: Cells) -> Array:
        """Return the present value of a variable, as statements read it."""
        cell, reader = self._readers[name]
        return reader(cells[cell])

    def at(self, cells: Cells, shape: tuple[int, int], mask: np.ndarray) -> None:
        """Run the statements where a mask is true, on these elements alone.

        Parameters
        ----------
        cells
            Read, and replaced where written.
        shape
            Of what is written: numbers of trials and of neurons.
        mask
            Where anything is written.
        """
        if self._draws:
            self(cells, shape, mask)
            return
        chosen = np.flatnonzero(mask)
        trials, neurons = np.divmod(chosen, shape[1])
        loaded = [self.load(name, cells) for name in self.read]
        few = [_picked(x, trials, neurons) for x in loaded]
        _, written = self._function(few, chosen.shape, None, self._put)
        old = dict(zip(self._readers, loaded, strict=True))
        for target, name, new in zip(self._targets, self.written, written, strict=True):
            after = np.array(np.broadcast_to(old[name], shape), order="C")
            after.reshape(-1)[chosen] = new
            cells[target] = after

    def evaluator(self, text: str) -> Callable[[dict[str, Any]], Any]:
        """Return what computes an expression of values by name, and of constants and functions."""
        source = NumpyNodeRenderer(auto_vectorise=set()).render_expr(text)
        code = compile(source, f"<{self.captured.name}>", "eval")
        return lambda known: eval(code, self.space, known)

    def _put(self, mask: Array, new: Array, old: Array, name: str) -> Array:
        return self._library.where(mask, new, old)

    def _find(self, looked_up: Mapping[str, Callable[..., Any]], given: Collection[str]) -> None:
        """Sort all names into variables, constants, functions and local values."""
        captured = self.captured
        local = {s.var for s in captured.statements if s.op == ":="} | {*given}
        for statement in captured.statements:
            if statement.var not in local:
                self._use(statement.var)
                if statement.var in self.read:
                    self.written[statement.var] = self.read[statement.var]
            for name in sorted(get_identifiers(statement.expr) - local):
                self._use(name, looked_up)
            self._check_moments(statement.expr)
        for name in {captured.conditional.get(name) for name in self.written} - {None}:
            self._use(str(name))

    def _use(self, name: str, looked_up: Mapping[str, Callable[..., Any]] | None = None) -> None:
        variable = self.captured.variables.get(name)
        if isinstance(variable, ArrayVariable):
            self.read[name] = variable
        elif isinstance(variable, Constant):
            self.space[name] = variable.value
        elif isinstance(variable, Function) and looked_up is not None:
            if name in looked_up:
                self.space[name], self._draws = looked_up[name], True
            else:
                self.space[name] = self._library.function(name, variable, self.captured.owner)
        elif variable is not None and not isinstance(variable, AuxiliaryVariable | Function):
            raise DeviceError(
                f"{self.captured.owner.name!r} reads {name!r}, a {type(variable).__name__} of "
                "Brian2, which device 'lockstep' cannot; use device='runtime'.",
                object=f"{self.captured.owner.name!r}",
            )

    def _check_moments(self, text: str) -> None:
        """Raise if what a trial shows is looked up at another time than now."""
        for node in ast.walk(ast.parse(text, mode="eval")):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in LOOKED_UP:
                continue
            if ast.unparse(node.args[0]) != "t":
                raise DeviceError(
                    f"{self.captured.owner.name!r} reads {ast.unparse(node)}, at another time "
                    "than now, which device 'lockstep' cannot; use device='runtime'.",
                    object=f"{self.captured.owner.name!r}",
                )

    def _compiled(self, given: Collection[str]) -> Callable[..., Any]:
        """Return the statements as a Python function."""
        loads = "".join(f"{name}, " for name in self._readers)
        lines = [f"({loads}) = _loaded"] if self._readers else []
        lines += [self._line(statement) for statement in self.captured.statements]
        written = "".join(f"{name}, " for name in self.written)
        lines.append(f"return {self.result or 'None'}, ({written})")
        names = "".join(f", {name}" for name in given)
        source = f"def run(_loaded, _shape, _mask, _put{names}):\n" + "".join(
            f"    {line}\n" for line in lines
        )
        space = self.space
        exec(compile(source, f"<{self.captured.name}>", "exec"), space)
        function: Callable[..., Any] = space["run"]
        return function

    def _line(self, statement: Any) -> str:
        """Return one statement in Python."""
        text = NumpyNodeRenderer(auto_vectorise=set()).render_expr(statement.expr)
        if statement.op not in ("=", ":="):  # not in place, which would change what it was read of
            text = f"{statement.var} {statement.op[:-1]} ({text})"
        if statement.var not in self.written:
            return f"{statement.var} = {text}"
        name = statement.var
        dtype = np.dtype(self.written[name].dtype).name
        self.space[f"_{dtype}"] = np.dtype(dtype)
        shape = "()" if self.written[name].scalar else "_shape"
        held = f"_hold({text}, _{dtype}, {shape})"
        condition = self.captured.conditional.get(name)
        if condition is not None:
            held = f"_where({condition}, {held}, {name})"
        if not self.written[name].scalar:
            held = f"{held} if _mask is None else _put(_mask, {held}, {name}, {name!r})"
        return f"{name} = {held}"


def _picked(x: Any, trials: np.ndarray, neurons: np.ndarray) -> Any:
    """Return some elements of an array of all trials and neurons, or of one that fits these."""
    shape = getattr(x, "shape", ())
    if not shape:
        return x
    neurons = neurons if shape[-1] > 1 else np.zeros_like(neurons)
    if len(shape) == 1:
        return x[neurons]
    return x[trials if shape[0] > 1 else np.zeros_like(trials), neurons]
