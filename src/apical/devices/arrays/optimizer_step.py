"""The optimiser step on arrays: from updates to weight changes, some rows at a time."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from apical.devices.arrays.expression_program import Program
from apical.devices.arrays.library import Array, Call, Library, Workspace
from apical.language.expressions import parse
from apical.language.rank_one import compiled
from apical.plasticity.optimizers import SPREAD, UpdateDynamics

W, LEARNING = ast.Name("w"), ast.Name("learning")


@dataclass
class Plan:
    """The optimiser step of a synapse at a learning rate, as programs.

    Parameters
    ----------
    steps
        Variable, program of its new value, and the numbers in that, in order.
    factor
        Factor on the change of the weights [dimensionless].
    """

    steps: list[tuple[str, Program, dict[str, Array]]]
    factor: float


class Stepping:
    """An optimiser (momentum, RMSprop, Adam, clipping) and its weight change, as programs.

    Parameters
    ----------
    dynamics
        The equations of one synapse.
    library
        Array library.
    room
        Workspace for intermediate results.
    """

    def __init__(self, dynamics: UpdateDynamics, library: Library, room: Workspace) -> None:
        self._dynamics, self._room = dynamics, room
        self._copy = library.operations[ast.UAdd]
        self.shared = dynamics.shared
        """Variables that depend on no signal, and so are shared by all synapses."""
        self.spread = 0.0
        """Standard deviation over all synapses, if the optimiser reads it; set before `of_all`."""
        known = {*dynamics.parameters, *self.shared, LEARNING.id}
        known |= {SPREAD} if dynamics.spread else set()
        steps = [(name, parse(text)) for name, text in dynamics.steps]
        self._numbers = {
            name: compiled(node, library.operations) for name, node in steps if name in self.shared
        }
        self._steps = [(name, Program(node, library, known)) for name, node in steps]
        change = parse(dynamics.change)
        less = ast.BinOp(LEARNING, ast.Mult(), change)
        self._moves = Program(ast.BinOp(W, ast.Add(), change), library, known)
        self._moves_less = Program(ast.BinOp(W, ast.Add(), less), library, known)
        own = [(name, program) for name, program in self._steps if name not in self.shared]
        self._loops = {
            move: library.loop([*own, (W.id, move)]) for move in (self._moves, self._moves_less)
        }

    def begun(self, state: Mapping[str, Array], factor: float) -> Plan:
        """Return the optimiser step at a learning rate.

        Parameters
        ----------
        state
            Variables of the dynamics, by name.
        factor
            Factor on the change of the weights [dimensionless].
        """
        move = self._moves if factor == 1 else self._moves_less
        numbers = self._known(state, factor)
        programs = [*self._steps, (W.id, move)]
        return Plan([(name, p, p.folded(numbers)) for name, p in programs], factor)

    def retuned(self, plan: Plan, state: Mapping[str, Array], factor: float) -> bool:
        """Change the learning rate of a plan in place; False if that needs another plan.

        Calls bound to the plan follow, since its constants are updated in place.
        """
        if (plan.factor == 1) is not (factor == 1):
            return False
        plan.factor = factor
        numbers = self._known(state, factor)
        for _, program, folded in plan.steps:
            program.refold(folded, numbers)
        return True

    def _known(self, state: Mapping[str, Array], factor: float) -> dict[str, Any]:
        """Return the values that are the same for all synapses."""
        shared = {name: state[name] for name in self.shared}
        found: dict[str, Any] = {**self._dynamics.parameters, LEARNING.id: factor, **shared}
        return found | ({SPREAD: self.spread} if self._dynamics.spread else {})

    def of_all(self, plan: Plan, state: Mapping[str, Array]) -> list[Call]:
        """Return the calls that update shared variables, and the constants derived from them.

        Parameters
        ----------
        plan
            What `begun` returned.
        state
            As in `begun`; the shared variables are changed in place.
        """

        def step() -> None:
            numbers = self._known(state, plan.factor)
            for name, program, folded in plan.steps:
                if name in self.shared:
                    numbers[name] = self._numbers[name](numbers)
                else:
                    program.refold(folded, numbers)
            for name in self.shared:
                state[name][...] = numbers[name]

        return [step] if self.shared or self._dynamics.spread else []

    def of_rows(self, plan: Plan, values: Mapping[str, Array]) -> list[Call]:
        """Return the calls that update the optimiser state and weights of some rows, in place.

        Parameters
        ----------
        plan
            What `begun` returned.
        values
            ``w``, ``update`` and the variables that are not shared, shapes (n_rows, n_post).
        """
        own = [item for item in plan.steps if item[0] not in self.shared]
        loop = self._loops[own[-1][1]]
        in_one = loop and loop.bound(values, [folded for _, _, folded in own])
        if in_one:
            return [in_one]
        calls: list[Call] = []
        for name, program, folded in own:
            registers = self._room.registers(program.n_registers, values[W.id].shape)
            found, more = program.bound(values, folded, values[name], registers)
            calls += more
            if not program.writes:
                calls.append(partial(self._copy, found, out=values[name]))
        return calls
