"""What synapses make of the updates that their rule asks for, some rows of weights at a time."""

import ast
from collections.abc import Mapping
from typing import Any

from apical.devices.arrays.library import Library, Workspace
from apical.devices.arrays.programs import Program
from apical.dynamics import UpdateDynamics
from apical.expressions import names, parse
from apical.terms import compiled

Plan = list[tuple[str, Program, Mapping[str, Any]]]
"""Variable, program of its new value, and the numbers in that, in the order of the steps."""

W, LEARNING = ast.Name("w"), ast.Name("learning")


class Stepping:
    """Update dynamics, and the change of the weight at their end, as programs.

    Parameters
    ----------
    dynamics
        The equations of one synapse.
    library
        Whose arrays.
    room
        Arrays for what is worked out on the way.
    """

    def __init__(self, dynamics: UpdateDynamics, library: Library, room: Workspace) -> None:
        self._dynamics, self._room = dynamics, room
        self.shared = _shared(dynamics)
        """Variables that hang on no signal, so that all synapses agree on them."""
        known = {*dynamics.parameters, *self.shared, LEARNING.id}
        steps = [(name, parse(text)) for name, text in dynamics.steps]
        self._numbers = {
            name: compiled(node, library.operations) for name, node in steps if name in self.shared
        }
        self._steps = [(name, Program(node, library, known)) for name, node in steps]
        change = parse(dynamics.change)
        less = ast.BinOp(LEARNING, ast.Mult(), change)
        self._moves = Program(ast.BinOp(W, ast.Add(), change), library, known)
        self._moves_less = Program(ast.BinOp(W, ast.Add(), less), library, known)
        programs = [self._moves, self._moves_less, *(program for _, program in self._steps)]
        self._n_registers = max(program.n_registers for program in programs)

    def begun(self, state: Mapping[str, Any], factor: float) -> Plan:
        """Step the variables that all synapses share, and return what is left to do for rows.

        Parameters
        ----------
        state
            Variables of the dynamics, by name; the shared ones are changed.
        factor
            Factor on the change of the weights [dimensionless].
        """
        numbers = {**self._dynamics.parameters, LEARNING.id: factor}
        numbers |= {name: state[name] for name in self.shared}
        plan: Plan = []
        for name, program in self._steps:
            if name in self.shared:
                numbers[name] = self._numbers[name](numbers)
            else:
                plan.append((name, program, program.folded(numbers)))
        move = self._moves if factor == 1 else self._moves_less
        plan.append((W.id, move, move.folded(numbers)))
        for name in self.shared:
            state[name][...] = numbers[name]
        return plan

    def step(self, plan: Plan, values: Mapping[str, Any]) -> None:
        """Step the variables and the weights of some rows, in place.

        Parameters
        ----------
        plan
            What `begun` returned.
        values
            ``w``, ``update`` and the variables that are not shared, shapes (n_rows, n_post).
        """
        registers = self._room.registers(self._n_registers, values[W.id].shape)
        for name, program, numbers in plan:
            found = program(values, numbers, values[name], registers)
            if not program.writes:
                values[name][...] = found


def _shared(dynamics: UpdateDynamics) -> frozenset[str]:
    shared = set(dynamics.state)
    while True:
        known = shared | set(dynamics.parameters)
        own = {name for name, text in dynamics.steps if not names(text) <= known}
        if not own & shared:
            return frozenset(shared)
        shared -= own
