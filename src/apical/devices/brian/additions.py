"""Additions of a script to the Brian2 objects of a simulator, and changes in them."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import brian2 as b2

from apical.devices.brian import chance, live
from apical.devices.brian.adoption import family
from apical.devices.brian.build import Built
from apical.devices.simulator import Addition

MONITORS = (b2.StateMonitor, b2.SpikeMonitor, b2.EventMonitor, b2.PopulationRateMonitor)
"""Classes of which it is known that they only read. A class derived from one may do more."""

_TABLES = ("stimulus", "label", "learning", "learned")


@dataclass(frozen=True)
class Made:
    """What a simulator made by itself.

    Parameters
    ----------
    objects
        Identities of the objects.
    description
        All that their code depends on.
    """

    objects: frozenset[int]
    description: Mapping[tuple[str, str], Any]

    @classmethod
    def of(cls, built: Built) -> "Made":
        """Return what there is now."""
        objects = built.brian_network.sorted_objects
        return cls(frozenset(map(id, objects)), _described(built))

    def additions(self, built: Built) -> Iterator[Addition]:
        """Yield what has been added or changed since."""
        objects = built.brian_network.sorted_objects
        known = (chance.Seeding,)
        new = [o for o in objects if id(o) not in self.objects and type(o) not in known]
        within = {id(part) for item in new for part in family(item.contained_objects)}
        for item in new:
            if id(item) not in within:
                reads = type(item) in MONITORS
                yield Addition(item.name, type(item).__name__, _does(item), reads)
        now = {key: value for key, value in _described(built).items() if key in self.description}
        kinds = {item.name: type(item).__name__ for item in objects}
        for owner, what in live.changes(self.description, now):
            gone = (owner, what) not in now
            said = "was taken out" if gone else f"was given {what}"
            yield Addition(owner, kinds.get(owner, "object"), said)


def _described(built: Built) -> dict[tuple[str, str], Any]:
    tables = {f"another {name!r} in its namespace" for name in _TABLES}
    found = live.description(built.brian_network)
    return {key: value for key, value in found.items() if key[1] not in tables}


def _does(item: Any) -> str:
    """Say what an object does, as far as it says so itself."""
    if isinstance(item, b2.NetworkOperation):
        function = item.function
        try:
            place = f" ({inspect.getsourcefile(function)}:{inspect.getsourcelines(function)[1]})"
        except (OSError, TypeError):
            place = ""
        return f"runs the Python function {getattr(function, '__name__', function)!r}{place}"
    code = getattr(item, "code", None) or getattr(item, "abstract_code", None)
    if isinstance(code, str) and code.strip():
        return f"runs '{'; '.join(code.split(chr(10)))}'"
    parts = [part for part in family(item.contained_objects) if getattr(part, "abstract_code", "")]
    texts = [" ".join(str(part.abstract_code).split()) for part in parts]
    return f"runs {'; '.join(map(repr, texts))}" if texts else ""
