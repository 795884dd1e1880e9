"""The objects of every kind that are known here: `apical doctor --list`."""

import inspect
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical._base.registry import Registry


def registries() -> tuple[Registry[Any], ...]:
    """Return the registry of every kind; importing them takes a while."""
    from apical.data.registry import SOURCES
    from apical.devices import DEVICES
    from apical.export import EXPORTERS
    from apical.feedback import WIRINGS
    from apical.hypotheses import HYPOTHESES
    from apical.neurons.base import POPULATIONS
    from apical.neurons.encoding import ENCODERS
    from apical.projections.connectivity import CONNECTIVITIES
    from apical.recordings.formats import FORMATS
    from apical.runs.measures import MEASURES
    from apical.training.schedules import SCHEDULES

    first = (POPULATIONS, ENCODERS, CONNECTIVITIES, WIRINGS, DEVICES, HYPOTHESES)
    return (*first, SCHEDULES, MEASURES, EXPORTERS, FORMATS, SOURCES)


def show_kinds() -> None:
    """Print what is known of every kind, and where other packages register theirs."""
    console = Console(highlight=False)
    for registry in registries():
        console.print(f"{registry.plural.capitalize()} (entry points: {registry.group})")
        table = Table()
        table.add_column("name", style="bold", no_wrap=True)
        table.add_column("what it is", overflow="fold")
        for name, about in _lines(registry):
            table.add_row(escape(name), escape(about))
        console.print(table)


def _lines(registry: Registry[Any]) -> Iterator[tuple[str, str]]:
    for name, value in registry.items():
        others = [other for other, meant in registry.aliases.items() if meant == name]
        doc = inspect.getdoc(value) or ""
        said = (getattr(value, kind, "") for kind in ("about", "where"))  # a property, of a class
        about = next((text for text in said if text and isinstance(text, str)), "")
        yield " or ".join([name, *others]), about or doc.partition("\n")[0]
