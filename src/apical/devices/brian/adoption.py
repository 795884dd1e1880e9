"""Adding a user's own Brian2 objects, made under any active device, to a simulator."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import brian2 as b2
import numpy as np
from brian2.core.variables import ArrayVariable, DynamicArrayVariable

from apical.errors import DeviceError


def family(items: Iterable[Any]) -> Iterator[Any]:
    """Yield Brian2 objects and all objects that they contain."""
    for item in items:
        yield item
        yield from family(item.contained_objects)


def arrays(*items: Any) -> list[ArrayVariable]:
    """Return the arrays owned by Brian2 objects, not those of other objects that they read."""
    known = {item.id for item in items}
    found = (v for item in items for v in getattr(item, "variables", {}).values())
    own = [v for v in found if isinstance(v, ArrayVariable) and _owner(v) in known]
    return list(dict.fromkeys(own))


def _owner(variable: ArrayVariable) -> Any:
    """Return the identity of the owner of an array; None if that is gone, as a former clock is."""
    try:
        return variable.owner.id
    except ReferenceError:
        return None


def adopt(items: Collection[Any], device: Any, network: b2.Network, *, compiled: bool) -> list[Any]:
    """Take Brian2 objects into a network; their arrays move to its device.

    Parameters
    ----------
    items
        The objects.
    device, network
        Those of the simulator, which has the former active.
    compiled
        Whether the device compiles programs.

    Returns
    -------
    list
        The objects and all that they contain.

    Raises
    ------
    DeviceError
        If they read objects of another simulator, have names that are taken, or run Python
        functions, which no compiled program can.
    """
    newcomers, residents = list(family(items)), list(network.sorted_objects)
    residents += {item.clock for item in residents}
    _check(newcomers, residents, compiled=compiled)
    at_home = {item.id for item in residents}
    clocks: dict[Any, b2.Clock] = {}
    for item in newcomers:
        if item.clock.id not in at_home and item.clock not in clocks:
            clocks[item.clock] = b2.Clock(dt=item.clock.dt, name=f"{item.name}_own_clock")
        if item.clock in clocks:
            _change_clock(item, clocks[item.clock])
        if hasattr(item, "variables"):
            item.variables.device = device
        object.__setattr__(item, "add_to_magic_network", False)
    for variable in arrays(*newcomers):
        if variable.device is not device:
            _move(variable, device, compiled=compiled)
    network.add(*items)
    return newcomers


def _check(newcomers: Collection[Any], residents: Collection[Any], *, compiled: bool) -> None:
    known = {item.id for item in [*newcomers, *residents, *(n.clock for n in newcomers)]}
    names = {item.name for item in residents}
    for item in newcomers:
        strangers = [
            variable.owner.name
            for variable in getattr(item, "variables", {}).values()
            if isinstance(variable, ArrayVariable) and variable.owner.id not in known
        ]
        if strangers:
            raise DeviceError(
                f"{item.name!r} cannot be added: make Brian2 objects after simulate() and before "
                f"the first run, of objects of the same simulator; it looks at {strangers[0]!r}, "
                "which is not one.",
                object=item.name,
            )
        if item.name in names:
            raise DeviceError(
                f"{item.name!r} cannot be added: the simulator has an object of that name; give "
                "it another name.",
                object=item.name,
            )
        if compiled and isinstance(item, b2.NetworkOperation):
            raise DeviceError(
                f"{item.name!r} cannot be added: it runs a function of Python's, which a compiled "
                "program cannot; use device='runtime'.",
                object=item.name,
            )


def _change_clock(item: Any, clock: b2.Clock) -> None:
    """Replace the user's clock of an object by a clock of the simulator."""
    before, item._clock = item.clock, clock
    own: Any = getattr(item, "variables", {})
    for name, variable in list(own.items()):
        if getattr(variable, "owner", None) is not None and variable.owner.id == before.id:
            own._variables[name] = clock.variables[variable.name]


def _move(variable: ArrayVariable, device: Any, *, compiled: bool) -> None:
    """Move an array to another device, with the values that it has."""
    empty = isinstance(variable, DynamicArrayVariable) and not np.prod(variable.size)
    try:
        values = np.zeros(variable.size) if empty else np.array(variable.get_value())
    except NotImplementedError:
        owner = variable.owner.name
        raise DeviceError(
            f"{owner!r} cannot be added: {variable.name!r} is made by a program that has not run; "
            "make the object with device 'runtime' active.",
            object=owner,
        ) from None
    variable.device = device
    device.add_array(variable)
    if not compiled:
        device.get_value(variable)[...] = values
        return
    dynamic = isinstance(variable, DynamicArrayVariable)
    if dynamic and values.size:
        device.resize(variable, values.size)
    if not empty:
        device.init_with_zeros(variable, variable.dtype)
    if values.any():
        device.fill_with_array(variable, values)
    if dynamic or not variable.read_only:
        device.held[variable] = values.astype(variable.dtype)
