"""Expressions compiled into elementwise array operations that write into existing arrays."""

import ast
import copy
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

from apical.devices.arrays.library import Array, Call, Library, Workspace
from apical.language.expressions import names_in, place
from apical.language.rank_one import compiled, parts

Values = Mapping[str, Any]
"""Numbers by name, which may be arrays of one."""
Key = str | int
"""Location of a value: name of a variable, text of a constant subexpression, or a register."""

OUT = -1


class Program:
    """An expression evaluated one operation at a time, without allocating arrays.

    Constant subexpressions are evaluated once by `folded` (constant folding).

    Parameters
    ----------
    node
        Syntax tree, as `apical.language.expressions.parse` returns it.
    library
        Array library.
    numbers
        Names of scalars, the same for all elements.
    """

    def __init__(self, node: ast.expr, library: Library, numbers: Collection[str] = ()) -> None:
        self._library, self._numbers = library, frozenset(numbers)
        self._folded: dict[str, Callable[[Values], Any]] = {}
        self._free: list[int] = []
        self.steps: list[tuple[Any, Sequence[Key], Key]] = []
        """Operation, locations of its arguments, and location of its result."""
        self.n_registers = 0
        self.result = self._planned(node, OUT)
        """Location of the result."""
        self.writes = self.result == OUT
        """Whether the result is written; otherwise it is one of the values."""
        self.reads = names_in(node) - self._numbers
        """Names of the arrays that are read."""

    @property
    def texts(self) -> list[str]:
        """Texts of constant subexpressions, in the order of `folded`."""
        return list(self._folded)

    def folded(self, numbers: Values) -> dict[str, Array]:
        """Evaluate constant subexpressions: text -> value, from scalars by name."""
        return {text: self._library.number(of(numbers)) for text, of in self._folded.items()}

    def refold(self, folded: Mapping[str, Array], numbers: Values) -> None:
        """Update the constants of `folded` in place, for other scalars."""
        for text, of in self._folded.items():
            folded[text][...] = of(numbers)

    def bound(
        self,
        values: Mapping[str, Array],
        folded: Mapping[str, Array],
        out: Array | None,
        registers: Sequence[Array],
    ) -> tuple[Array, list[Call]]:
        """Return where the result will be, and the calls that bring it there.

        Parameters
        ----------
        values
            Arrays by name, of shapes that broadcast to that of `out`.
        folded
            What `folded` returned.
        out
            Where the result is written, if anything is; may be one of `values`. None for nothing.
        registers
            At least `n_registers` other arrays of the same shape.
        """
        cells: dict[Any, Any] = {**values, **folded, OUT: out}
        cells.update(enumerate(registers))
        calls: list[Call] = [
            partial(
                self._library.operations[what],
                *(cells[key] for key in reads),
                out=cells[target],
            )
            for what, reads, target in self.steps
        ]
        return cells[self.result], calls

    def _planned(self, node: ast.expr, target: int | None = None) -> Key:
        """Plan the evaluation of a node, and return the location of its value."""
        if names_in(node) <= self._numbers:
            text = ast.unparse(node)
            self._folded[text] = compiled(node, self._library.operations)
            return text
        if isinstance(node, ast.Name):
            return node.id
        match node:
            case ast.BinOp(base, ast.Pow(), ast.Constant(int(exponent))) if 2 <= exponent <= 4:
                return self._power(base, exponent, target)
        what, arguments = parts(node)
        reads = [self._planned(argument) for argument in arguments]
        self._release(*reads)
        return self._step(what, reads, target)

    def _power(self, base: ast.expr, exponent: int, target: int | None) -> Key:
        """Plan a small power as products, which are many times faster."""
        x = self._planned(base)
        power: Key = self._step(ast.Mult, [x, x], target if exponent == 2 else None)
        for number in range(3, exponent + 1):
            if number == exponent and target is not None:
                self._release(power)
                power = self._step(ast.Mult, [power, x], target)
            else:
                power = self._step(ast.Mult, [power, x], int(power))
        self._release(x)
        return power

    def _step(self, what: Any, reads: Sequence[Key], target: int | None) -> int:
        if target is None:
            if not self._free:
                self._free.append(self.n_registers)
                self.n_registers += 1
            target = self._free.pop()
        self.steps.append((what, reads, target))
        return target

    def _release(self, *keys: Key) -> None:
        """Free the registers among some locations."""
        self._free += {key for key in keys if isinstance(key, int)}


class Formula:
    """A program with its parameters, evaluated in a workspace.

    Parameters
    ----------
    node
        Syntax tree, as `apical.language.expressions.parse` returns it.
    library
        Whose arrays.
    room
        Arrays to work in.
    parameters
        Value of each free number.
    """

    def __init__(
        self,
        node: ast.expr,
        library: Library,
        room: Workspace,
        parameters: Mapping[str, float] | None = None,
    ) -> None:
        self._program = Program(node, library, parameters or ())
        self._numbers, self._room = self._program.folded(parameters or {}), room

    def bound(
        self, values: Mapping[str, Array], key: Hashable, shape: tuple[int, int]
    ) -> tuple[Array, list[Call]]:
        """Return where the result will be, and the calls that bring it there.

        Parameters
        ----------
        values
            Arrays by name, of shapes that broadcast to `shape`.
        key
            Of the array for the result, which holds it until the same key is written again.
        shape
            Of the result.
        """
        program = self._program
        out = self._room(key, shape) if program.writes else None
        registers = self._room.registers(program.n_registers, shape)
        return program.bound(values, self._numbers, out, registers)


class Factor:
    """The presynaptic or postsynaptic factor of a rank-one term of a rule.

    Parameters
    ----------
    node
        Syntax tree of signals of one neuron, with their suffix, and parameters.
    parameters
        Value of each free number of the rule.
    library
        Whose arrays.
    room
        Arrays to work in.
    """

    def __init__(
        self, node: ast.expr, parameters: Mapping[str, float], library: Library, room: Workspace
    ) -> None:
        read = names_in(node)
        own = {name: parameters[name] for name in sorted(read) if place(name) == "synapse"}
        self.signals = {name: name.rpartition("_")[0] for name in read - set(own)}
        """Signals by the names that they have in the rule."""
        self.formula = Formula(node, library, room, own)
        self.key = f"{ast.unparse(_without_suffix(node))} {own or ''}".strip()
        """Key that equal factors share."""


def _without_suffix(node: ast.expr) -> ast.expr:
    """Return an expression of one neuron's signals with the suffixes of their names removed."""
    tree = copy.deepcopy(node)
    for part in ast.walk(tree):
        if isinstance(part, ast.Name) and place(part.id) != "synapse":
            part.id = part.id.rpartition("_")[0]
    return tree
