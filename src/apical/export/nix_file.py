"""The objects of a NIX file, written through the low level of HDF5: some 0.1 ms each.

Format 1.2.1 of NIX in HDF5: an entity is a group with an id, a name, a type and two times; its
parts and references are links; metadata are sections of properties.
"""

import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from apical._base.extras import library

LIBVER = ("v108", "latest")
"""Versions of HDF5 that read the file: groups of the first are four times as small as earlier."""

Value = str | int | float | np.ndarray | list[str]


class Entity(NamedTuple):
    """An entity: its group, and the id by which others refer to it."""

    group: Any
    id: str


class NixFile:
    """Writes entities into an open HDF5 file that has the header of NIX.

    Parameters
    ----------
    file
        The file, opened with h5py.
    """

    def __init__(self, file: Any) -> None:
        self._h5, self._file = library("h5py", "nix"), file
        make, made = self._h5.h5p.create, self._h5.h5p
        self._now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self._scalar = self._h5.h5s.create(self._h5.h5s.SCALAR)
        self._texts: dict[int, Any] = {}
        # entities of one kind differ by name and id only, and a copy is made faster than a new one
        self._moulds = self._h5.File(
            f"moulds.{uuid.uuid4()}", "w", driver="core", backing_store=False, libver=LIBVER
        )
        self._kinds: dict[tuple[str, str, int], bytes] = {}
        self._axes: dict[str, Any] = {}
        self._ids = uuid.uuid4().int
        # readers go through a group in the order in which it was filled
        self._ordered = make(made.GROUP_CREATE)
        self._ordered.set_link_creation_order(made.CRT_ORDER_TRACKED | made.CRT_ORDER_INDEXED)

    def root(self, name: str) -> Any:
        """Return a group at the top of the file."""
        return self._file[name].id

    def group(self, parent: Any, name: str) -> Any:
        """Return a group below another, creating it if necessary."""
        key = name.encode()
        if key in parent:
            return self._h5.h5g.open(parent, key)
        return self._h5.h5g.create(parent, key, gcpl=self._ordered)

    def link(self, parent: Any, name: str, target: Any) -> None:
        """Let a group have another one as a part."""
        parent.links.create_hard(name.encode(), target, b".")

    def refer(self, container: Any, entity: Entity) -> None:
        """Let a container refer to an entity."""
        self.link(container, entity.id, entity.group)

    def entity(
        self,
        container: Any,
        name: str,
        kind: str,
        *,
        unit: str = "",
        definition: str = "",
        created: datetime | None = None,
    ) -> Entity:
        """Make an entity."""
        if definition or created:
            group = self._h5.h5g.create(container, name.encode())
            made = created.astimezone(UTC).strftime("%Y%m%dT%H%M%S") if created else self._now
            return Entity(group, self._describe(group, name, kind, unit, definition, made))
        mould = self._mould(len(name.encode()), kind, unit)
        raw, own = name.encode(), self._new_id()
        h5 = self._h5
        h5.h5o.copy(self._moulds.id, mould, container, raw)
        group = h5.h5g.open(container, raw)
        for key, text in ((b"entity_id", own.encode()), (b"name", raw)):
            h5.h5a.open(group, key).write(np.array(text), self._kind(len(text)))
        return Entity(group, own)

    def _mould(self, length: int, kind: str, unit: str) -> bytes:
        """Return the name of the template of entities with this length of name, kind and unit."""
        key = (kind, unit, length)
        if key not in self._kinds:
            self._kinds[key] = str(len(self._kinds)).encode()
            group = self._h5.h5g.create(self._moulds.id, self._kinds[key])
            self._describe(group, "".ljust(length, "."), kind, unit, "", self._now)
        return self._kinds[key]

    def section(self, parent: Any, name: str, kind: str, /, **properties: Value) -> Any:
        """Make a section of metadata below another one, or at the top, and return its group."""
        section = self.entity(parent, name, kind).group
        for key, value in properties.items():
            self.property(section, key, value)
        return section

    def property(
        self, section: Any, name: str, value: Value, *, unit: str = "", kind: str = ""
    ) -> None:
        """Add a property to a section; one without values is left out."""
        values = np.atleast_1d(np.asarray(value))
        if values.dtype.kind == "U":
            values = values.astype(self._h5.string_dtype())
        if not len(values):
            return
        group = self.group(section, "properties")
        made = self._h5.Group(group).create_dataset(name, data=values).id
        self._describe(made, name, kind, unit, "", self._now)

    def data(self, array: Entity, values: np.ndarray) -> None:
        """Set the values of a data array, shape (n,)."""
        values = np.ascontiguousarray(values)
        h5 = self._h5
        kind, space = h5.h5t.py_create(values.dtype), h5.h5s.create_simple(values.shape)
        made = h5.h5d.create(array.group, b"data", kind, space)
        if len(values):
            made.write(h5.h5s.ALL, h5.h5s.ALL, values)

    def time_axis(self, array: Entity, key: str, start: float, step: float) -> None:
        """Set the time axis of a data array [ms]; arrays with the same key share one."""
        if key in self._axes:
            return self.link(array.group, "dimensions", self._axes[key])
        self._axes[key] = self.group(array.group, "dimensions")
        axis = self._h5.Group(self.group(self._axes[key], "1"))
        axis.attrs.update(dimension_type="sample", label="time", unit="ms")
        axis.attrs.update(sampling_interval=float(step), offset=float(start))
        return None

    def _describe(
        self, made: Any, name: str, kind: str, unit: str, definition: str, created: str
    ) -> str:
        """Set the non-empty attributes of an entity on an object, and return its id."""
        own = self._new_id()
        for key, text in (
            ("entity_id", own),
            ("name", name),
            ("type", kind),
            ("unit", unit),
            ("definition", definition),
            ("created_at", created),
            ("updated_at", self._now),
        ):
            raw = text.encode()
            if raw:
                stored = self._kind(len(raw))
                attribute = self._h5.h5a.create(made, key.encode(), stored, self._scalar)
                attribute.write(np.array(raw), stored)
        return own

    def _new_id(self) -> str:
        self._ids = (self._ids + 1) % (1 << 128)
        return str(uuid.UUID(int=self._ids))

    def _kind(self, length: int) -> Any:
        """Return the HDF5 type of text of a length in bytes."""
        if length not in self._texts:
            self._texts[length] = self._h5.h5t.C_S1.copy()
            self._texts[length].set_size(length)
            self._texts[length].set_cset(self._h5.h5t.CSET_UTF8)
        return self._texts[length]
