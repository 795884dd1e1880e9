"""Registries: tables of all objects of a kind, by name.

A registry is a mapping from names to objects. What comes with the package is named where the
registry is made; other packages add theirs by entry points, in the group that goes with the kind:

    [project.entry-points."apical.measures"]
    burstiness = "my_package.measures:BURSTINESS"

Commands, error messages, lists and tests read the registry, so that a registered object is known
everywhere.
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from difflib import get_close_matches
from functools import cache
from importlib import metadata
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any, Generic, TypeVar

from apical._base.checking import shown
from apical.errors import ApicalWarning, ParameterError

T = TypeVar("T")

GROUP = "apical"
"""Prefix of all groups of entry points."""


def entry_points(group: str) -> EntryPoints:
    """Return the entry points of a group.

    Parameters
    ----------
    group
        For instance ``"apical.measures"``.
    """
    found: EntryPoints = _all_entry_points(tuple(sys.path)).select(group=group)
    return found


@cache
def _all_entry_points(path: tuple[str, ...]) -> Any:
    """Return what is installed where Python looks; read once, since every registry asks."""
    return metadata.entry_points()


class Registry(MutableMapping[str, T], Generic[T]):
    """Registry of the objects of one kind, by name: those of the package, then those of others.

    Parameters
    ----------
    kind
        Name of the kind in messages, for instance ``"device"``.
    built_in
        Name -> the object, or its location in the form of an entry point, for instance
        ``"apical.devices.genn:DEVICE"``, which is imported on first use.
    aliases
        Alternative name -> name. They are accepted, but not listed.
    fits
        Returns whether an object is of this kind. Other entry points are ignored, with a warning.
    plural
        Plural of the kind. Other packages register objects in the group of entry points
        ``apical.<plural>``, with underscores for blanks.
    hint
        Advice for unknown names, appended to the message.
    """

    def __init__(
        self,
        kind: str,
        built_in: Mapping[str, T | str] | None = None,
        *,
        aliases: Mapping[str, str] | None = None,
        fits: Callable[[object], bool] = lambda _: True,
        plural: str = "",
        hint: str = "",
    ) -> None:
        self.kind, self.aliases = kind, dict(aliases or {})
        self.plural = plural or f"{kind}s"
        self._fits, self._hint = fits, hint
        self._own: dict[str, T | EntryPoint] = {
            name: EntryPoint(name, value, self.group) if isinstance(value, str) else value
            for name, value in (built_in or {}).items()
        }
        self._registered: set[str] = set()
        self._others: dict[str, T] | None = None

    @property
    def group(self) -> str:
        """Group of entry points by which other packages register theirs."""
        return f"{GROUP}.{self.plural.replace(' ', '_')}"

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator, or a function to be called, that adds an object.

        Parameters
        ----------
        name
            What it is known by.

        Raises
        ------
        ParameterError
            If another object has that name.
        """
        if name in self._own or name in self.aliases:
            raise ParameterError(
                f"There is a {self.kind} {name!r} already; give another name.",
                object=f"{self.kind.capitalize()} {name!r}",
                parameter="name",
            )

        def registered(value: T) -> T:
            self._own[name] = value
            self._registered.add(name)
            return value

        return registered

    def __getitem__(self, name: str) -> T:
        name = self.aliases.get(name, name)
        if name not in self._own:
            others = self._loaded()
            if name in others:
                return others[name]
            if name not in self._own:  # where those that register themselves are by now
                raise self._unknown(name)
        found = self._own[name]
        if not isinstance(found, EntryPoint):
            return found
        value: T = found.load()
        self._own[name] = value
        return value

    def __setitem__(self, name: str, value: T) -> None:
        self._own[name] = value

    def __delitem__(self, name: str) -> None:
        del self._own[name]

    def __contains__(self, name: object) -> bool:
        known = name in self.aliases or name in self._own
        return known or name in self._loaded() or name in self._own

    def __iter__(self) -> Iterator[str]:
        others = self._loaded()  # first: some register themselves among our own
        yield from (*self._own, *others)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def get(self, name: str, default: T | None = None) -> T | None:  # type: ignore[override]
        """Return an object, or `default` where there is none of that name."""
        return self[name] if name in self else default  # noqa: SIM401 - __getitem__ says more

    def registered(self, name: str) -> T | None:
        """Return an object that was registered by `register`, or None; loads no other package."""
        return self[name] if name in self._registered and name in self._own else None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is found, other names behind those that are listed."""
        return (*self, *self.aliases)

    def _unknown(self, name: str) -> ParameterError:
        near = get_close_matches(str(name)[:80], self.names, 1)
        asked = f" Did you mean {near[0]!r}?" if near else ""
        hint = f" {self._hint}" if self._hint else ""
        return ParameterError(
            f"There is no {self.kind} {shown(name)}; known are {', '.join(self)}.{asked}{hint}",
            object=f"{self.kind.capitalize()} {shown(name)}",
            parameter=self.kind,
        )

    def _loaded(self) -> Mapping[str, T]:
        """Return what other packages registered, loaded once."""
        if self._others is None:
            self._others = {}  # before any is loaded: what they import may ask this registry
            for point in sorted(entry_points(group=self.group), key=lambda p: p.name):
                wrong = self._taken_in(point, self._others)
                if wrong:
                    warnings.warn(
                        f"The {self.kind} {point.name!r} of entry point {point.value!r} is left "
                        f"out: {wrong}.",
                        ApicalWarning,
                        stacklevel=3,
                    )
        return self._others

    def _taken_in(self, point: EntryPoint, others: dict[str, T]) -> str:
        """Load an entry point; return why that cannot be, or nothing."""
        own = point.name in self._own and point.name not in self._registered
        if own or point.name in self.aliases or point.name in others:
            return "that name is taken"
        try:
            found = point.load()
        except Exception as error:  # whatever a package of others raises when it is imported
            return f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(".")
        if point.name in self._own:  # it registered itself, now or when it was imported earlier
            return ""
        if not self._fits(found):
            return f"it is no {self.kind}, but {type(found).__name__}"
        others[point.name] = found
        return ""
