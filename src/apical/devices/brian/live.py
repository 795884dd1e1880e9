"""Live Brian2 objects in this process, on every device.

A compiled program reads its variables from files and writes them to files. Here they are kept in
memory in between, so that Brian2 objects can be read and changed as if they ran in this process:
changes act from the next block on. Changes that a compiled program cannot take over are refused.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import brian2 as b2
import numpy as np
from brian2.core.variables import ArrayVariable, Subexpression, VariableView
from brian2.devices.device import RuntimeDevice, runtime_device

from apical.devices.brian.workplace import Workplace, active
from apical.errors import DeviceError

Held = np.ndarray | Callable[[], np.ndarray]
"""Values, or a function that computes them lazily."""


class Holding:
    """A device of compiled programs that holds values in memory. Comes before one of Brian2's."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[ArrayVariable, Held] = {}

    def get_value(self, var: ArrayVariable, access_data: bool = True) -> np.ndarray:
        """Return the values of an array, themselves and not a copy where they are held."""
        held = self.held.get(var)
        if held is None:
            return super().get_value(var, access_data)  # type: ignore[misc]
        return held() if callable(held) else held


class Reader(RuntimeDevice):
    """The runtime device under which variables are read or changed in this process.

    Random numbers are those of the caller.
    """

    def __init__(self) -> None:
        super().__init__()
        for name in ("rand_buffer", "randn_buffer", "rand_buffer_index", "randn_buffer_index"):
            setattr(self, name, getattr(runtime_device, name))

    def get_value(self, var: ArrayVariable, access_data: bool = True) -> np.ndarray:
        """Return the values of an array, wherever they are."""
        at_home = var in self.arrays
        return (
            super().get_value(var, access_data)
            if at_home
            else (var.device.get_value(var, access_data))
        )


@dataclass
class Home:
    """Shared context of the objects of one simulator.

    Parameters
    ----------
    place
        Where the simulator works.
    inputs
        The variables with which a block begins.
    built
        Says whether a program was made, which nothing can be added to.
    """

    place: Workplace
    inputs: set[ArrayVariable]
    built: Callable[[], bool]

    def __post_init__(self) -> None:
        self.reader = Reader()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Context in which variables are read and set in this process."""
        with active(self.reader), self.place.remembering():
            yield

    def check(self, variable: Any, name: str, group: str) -> None:
        """Raise if setting a variable would have no effect."""
        if variable.read_only or variable in self.inputs:
            return  # of what is read-only Brian2 says so itself
        raise DeviceError(
            f"{group}.{name} is computed in every time step, so setting it would have no effect; "
            f"set the variables that it is computed from.",
            object=group,
            parameter=name,
        )


class LiveView(VariableView):
    """A variable of a simulator's object, read and set in this process on every device."""

    def __init__(self, home: Home, view: VariableView, group: Any) -> None:
        super().__init__(view.name, view.variable, group, view.dim)
        self._home = home

    def get_item(self, item: Any, level: int = 0, namespace: Any = None) -> Any:
        """Return values, as Brian2 does in process."""
        with self._home.reading():
            return super().get_item(item, level + 1, namespace)

    def set_item(self, item: Any, value: Any, level: int = 0, namespace: Any = None) -> None:
        """Set values, as Brian2 does in process."""
        self._home.check(self.variable, self.name, self.group_name)
        with self._home.reading():
            super().set_item(item, value, level + 1, namespace)


class _Live:
    """Mixin of the groups and synapses of a simulator."""

    add_to_magic_network = False  # run() in a user's script is for the user's objects
    _home: Home | None = None
    name: str
    equations: Any
    variables: Any

    def state(self, name: str, use_units: bool = True, level: int = 0) -> Any:
        """Return a variable of the group."""
        view = super().state(name, use_units, level)  # type: ignore[misc]
        if self._home is None or not isinstance(view, VariableView):
            return view
        return LiveView(self._home, view, self)

    def __setattr__(self, key: str, value: Any, level: int = 0) -> None:
        variable = None if self._home is None else self.variables.get(key.removesuffix("_"))
        if self._home is None or not isinstance(variable, ArrayVariable | Subexpression):
            super().__setattr__(key, value, *([level + 1] if level else []))
            return
        self._home.check(variable, key, self.name)
        with self._home.reading():
            super().__setattr__(key, value, level + 1)  # type: ignore[call-arg]

    def run_regularly(self, *args: Any, **options: Any) -> Any:
        """Let the group do something regularly, as in Brian2, before the first run."""
        if self._home is None:
            return super().run_regularly(*args, **options)  # type: ignore[misc]
        if self._home.built():
            raise too_late(self.name, "a new operation")
        with self._home.place():
            return super().run_regularly(*args, **options)  # type: ignore[misc]


class NeuronGroup(_Live, b2.NeuronGroup):
    """Neurons of a simulator."""


class Synapses(_Live, b2.Synapses):
    """Synapses of a simulator."""


def settle(objects: Mapping[str, Any], home: Home) -> None:
    """Give groups and synapses the home that they were made for."""
    for item in objects.values():
        object.__setattr__(item, "_home", home)


def too_late(owner: str, what: str) -> DeviceError:
    """Return the error for a change that a compiled program cannot take over."""
    return DeviceError(
        f"{owner!r} was given {what} after its program was compiled, which would change nothing; "
        "change it between simulate() and the first run, or use device='runtime'.",
        object=owner,
    )


def description(network: b2.Network) -> dict[tuple[str, str], Any]:
    """Return all inputs of code generation besides variables: (object, what) -> anything."""
    found: dict[tuple[str, str], Any] = {}
    for item in network.sorted_objects:
        found |= {
            (item.name, what): _kept(getattr(item, name))
            for what, name in {
                "another 'active'": "active",
                "another slot": "when",
                "another order": "order",
                "other equations": "equations",
                "other statements": "code",
                "another reset": "event_codes",
                "other events": "events",
            }.items()
            if hasattr(type(item), name) or name in vars(item)
        }
        found |= {
            (item.name, f"another {key!r} in its namespace"): _kept(value)
            for key, value in (item.namespace or {}).items()
        }
        found[item.name, "a place in the network"] = True
    return found | time_steps(network)


def time_steps(network: b2.Network) -> dict[tuple[str, str], Any]:
    """Return the time steps of clocks, and equations of groups: what no device takes over."""
    objects = network.sorted_objects
    clocks = {item.clock.name: item.clock.dt_ for item in objects}
    equations = {item.name: item.equations for item in objects if isinstance(item, _Live)}
    return {(name, "another time step"): dt for name, dt in clocks.items()} | {
        (name, "other equations"): text for name, text in equations.items()
    }


def changes(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield (object, what) for everything that has changed."""
    missing = object()
    for key in dict.fromkeys([*before, *after]):
        one, other = before.get(key, missing), after.get(key, missing)
        if one is not other and not _same(one, other):
            yield key


def _kept(value: Any) -> Any:
    """Return a copy that later changes of a value do not affect."""
    return value.copy() if isinstance(value, dict | np.ndarray) else value


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(np.all(one == other))
