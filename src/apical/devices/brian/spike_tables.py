"""Spike trains of a stimulus as a table: worked out once a frame, and read off step by step.

Where nothing that happens within a frame changes the spikes of a population
(`Population.tabulated`), loops over time steps and over neurons may change places: each neuron runs
through all time steps of a frame when that begins, by the very statements that it would run in each
of them, so that its spikes are the same to the last bit. A neuron whose variables a first step
leaves as they are is left out of all others: most pixels of an image are black. Spikes that are
given with a block, as events, are read off their own table. C++ only; elsewhere, and where a script
added anything to a simulator, neurons run step by step.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import brian2 as b2
from brian2.core.variables import ArrayVariable, Variables
from brian2.groups.group import CodeRunner
from brian2.stateupdaters.base import StateUpdateMethod

from apical.devices.brian import event_tables
from apical.devices.brian.propagators import solved
from apical.neurons.base import Population

SPIKES = "_spikespace"
"""Brian2's name of the spikes of a time step."""


@dataclass(frozen=True)
class Given(StateUpdateMethod):
    """Statements of a step, given as they are.

    Parameters
    ----------
    code
        In Brian2's grammar.
    """

    code: str

    def __call__(
        self, equations: b2.Equations, variables: Any = None, method_options: Any = None
    ) -> str:
        """Return the statements of one step."""
        return self.code


@dataclass(frozen=True)
class Ahead:
    """How a population runs whose spikes are in a table.

    Parameters
    ----------
    makes
        Statements that make its spikes: of a step, of the threshold, and of the reset; None where
        spikes are given with a block.
    follows
        Statements of a step for its other variables.
    at_spike
        What else happens at a spike.
    steps
        Number of time steps of a frame.
    """

    makes: Mapping[str, str] | None
    follows: str
    at_spike: str
    steps: int


def ahead(
    population: Population, constants: frozenset[str], by_neuron: frozenset[str], steps: int
) -> Ahead | None:
    """Return how the spikes of a population are tabulated; None where they are not.

    Parameters
    ----------
    population
        The population.
    constants, by_neuron
        As of `solved`: names of its constants.
    steps
        Number of time steps of a frame.
    """
    found = population.tabulated
    if found is None:
        return None
    codes = []
    for equations in (found.equations, found.follows):
        moves = b2.Equations(equations).diff_eq_names
        method = solved(equations, constants, by_neuron) if moves else Given("")
        if method is None or population.model.method != "exact":
            return None
        codes.append(method.code)
    makes = {"step": codes[0], "threshold": f"_cond = {found.threshold}", "reset": found.reset}
    return Ahead(None if found.given else makes, codes[1], found.at_spike, steps)


class Table(CodeRunner):
    """Says which neurons of a group spike, as its threshold does, from a table of its spikes.

    Parameters
    ----------
    group
        The neurons.
    how
        What makes their spikes.
    """

    def __init__(self, group: b2.NeuronGroup, how: Ahead) -> None:
        super().__init__(
            group,
            "given_spikes" if how.makes is None else "spike_table",
            code=dict(how.makes or {"step": ""}),
            user_code=dict(how.makes or {"step": ""}),
            clock=group.clock,
            when="thresholds",
            order=group.order,
            name=f"{group.name}_table",
            check_units=False,
            template_kwds={
                "eventspace_variable": group.variables[SPIKES],
                "steps": how.steps,
                "file": event_tables.FILE,
            },
            needed_variables=[SPIKES],
        )
        self.variables = Variables(self)
        self.variables.add_auxiliary_variable("_cond", dtype=bool)


def own(variables: Mapping[str, Any], indices: Mapping[str, str]) -> list[ArrayVariable]:
    """Return the variables of neurons that a code object reads, each once, but for its spikes."""
    found = [
        variable
        for name, variable in variables.items()
        if indices[name] == "_idx" and isinstance(variable, ArrayVariable) and name != SPIKES
    ]
    return list(dict.fromkeys(found))


@contextmanager
def used(
    network: b2.Network, groups: Mapping[str, b2.NeuronGroup], tables: Mapping[str, Ahead]
) -> Iterator[None]:
    """Let groups run by tables while code is made; afterwards they are as they were.

    Parameters
    ----------
    network
        The Brian2 network that they are in.
    groups
        Groups, by name.
    tables
        How those run that have a table, by name.
    """
    with ExitStack() as stack:
        for name, how in tables.items():
            stack.enter_context(_by_table(network, groups[name], how))
        yield


@contextmanager
def _by_table(network: b2.Network, group: b2.NeuronGroup, how: Ahead) -> Iterator[None]:
    table, threshold, mover = Table(group, how), group.thresholder["spike"], group.state_updater
    before = threshold.active, mover.method_choice, group.event_codes["spike"]
    network.add(table)
    threshold.active, mover.method_choice = False, Given(how.follows)
    group.event_codes["spike"] = how.at_spike
    try:
        yield
    finally:
        threshold.active, mover.method_choice, group.event_codes["spike"] = before
        network.remove(table)
