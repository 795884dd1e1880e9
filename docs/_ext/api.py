"""Pages of the API: one for each public name, and one for each errand that lists its names."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from public_names import ERRANDS, ROOMS, Errand, Name, by_errand, public

import apical
from apical._base.registry import Registry
from apical.hypotheses import HYPOTHESES
from apical.testing.contracts import KINDS, contracts

SOURCE = Path(str(apical.__file__)).parent
FOLDER = "reference/generated"


def heading(text: str, mark: str = "=") -> str:
    """Return a heading of reStructuredText."""
    return f"{text}\n{mark * len(text)}\n\n"


def page_of(name: Name) -> str:
    """Return the file name of a page; of two that differ in capitals alone one is marked."""
    alike = Counter(other.path.lower() for other in public())
    mark = "-class" if name.is_class and alike[name.path.lower()] > 1 else ""
    return name.path + mark


def directive(name: Name) -> str:
    """Return the directive of autodoc that shows a name."""
    short = name.path.split(".")[1] in ROOMS and name.path.count(".") == 2
    front = "apical" if short else name.path.rpartition(".")[0]
    what = f"{front}::{name.path.removeprefix(front + '.')}"
    if name.is_class:
        ours = name.value.__base__.__module__.startswith("apical")
        bases = "   :show-inheritance:\n" if ours else ""
        return f".. autoclass:: {what}\n   :members:\n{bases}"
    if name.is_function:
        return f".. autofunction:: {what}\n"
    text = "\n".join(f"   {line}".rstrip() for line in name.text.splitlines())
    return f".. py:data:: {name.path}\n\n{text}\n"


def listed(registry: Registry) -> Iterator[str]:
    """Yield a table of what a registry holds: by which name, what it is."""
    yield ".. list-table::\n   :header-rows: 1\n\n   * - name\n     - what it is\n"
    for key, value in registry.items():
        said = getattr(value, "about", None) or (value.__doc__ or "").partition("\n")[0]
        yield f"   * - ``{key}``\n     - {said if isinstance(said, str) else key}\n"
    yield f"\nOther packages add theirs as entry points of group ``{registry.group}``.\n"


def shown(name: Name) -> str:
    """Return the page of a name."""
    text = heading(name.path.removeprefix("apical.")) + directive(name)
    if isinstance(name.value, Registry):
        text += "\n" + "".join(listed(name.value))
    file = Path(str(sys.modules[name.home].__file__)).relative_to(SOURCE)
    return f"{text}\n.. rubric:: Source\n\n``src/apical/{file}``\n"


def table(names: tuple[Name, ...]) -> str:
    """Return the table of an errand: what can be imported, then constants."""
    rows = [f"   {name.path}\n" for name in names if name.is_class or name.is_function]
    text = ".. autosummary::\n   :nosignatures:\n\n" + "".join(rows) + "\n"
    for name in names:
        if not (name.is_class or name.is_function):
            text += f":py:data:`{name.path}`\n   {name.line}\n\n"
    return text


def errand_page(errand: Errand, names: tuple[Name, ...]) -> str:
    """Return the page of an errand: its names with a line each, and the tree of their pages."""
    tree = "".join(f"   {page_of(name)}\n" for name in names)
    text = heading(errand.title) + f"{errand.about}\n\n" + table(names)
    text += MORE[errand.page]() if errand.page in MORE else ""
    return f"{text}.. toctree::\n   :hidden:\n\n{tree}"


def held() -> str:
    """Return the contracts of every kind: what an object must keep to."""
    text = ""
    for kind in KINDS:
        text += heading(f"What every {kind} must keep to", "-")
        text += "".join(f"{one.name}\n   {one.about}\n\n" for one in contracts(kind))
    return text


def claimed() -> str:
    """Return what every hypothesis says of itself."""
    text = heading("What each hypothesis changes", "-")
    for name, one in HYPOTHESES.items():
        neutral = ", ".join(f"{key}={value!r}" for key, value in one.neutral.items())
        lines = [f"Lines of the scorecard: {', '.join(one.aspects) or 'none'}."]
        lines += [f"Changes no bit with ``{neutral}``."] if neutral else []
        text += f":py:obj:`{name} <apical.hypotheses.{name}>`\n"
        text += f"   {one.about} {' '.join(lines)} {one.source}\n\n"
    return text


MORE = {"testing": held, "hypotheses": claimed}
"""What pages of errands have besides their names."""


def pages() -> dict[str, str]:
    """Return the pages of the API by their paths."""
    made = {}
    for errand in ERRANDS:
        names = by_errand()[errand.page]
        made[f"{FOLDER}/{errand.page}.rst"] = errand_page(errand, names)
        made |= {f"{FOLDER}/{page_of(name)}.rst": shown(name) for name in names}
    return made
