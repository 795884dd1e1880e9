"""Tables of Markdown, and what docstrings and annotations say, for them."""

import inspect
import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from apical._base.parameters import MOST, Marker


def cell(text: str) -> str:
    """Return a text of a docstring as it goes into a cell of Markdown."""
    line = " ".join(text.split()).replace("``", "`").replace("|", "\\|")
    return escaped(line)


OPTION = r"(?<![\w-])(--[a-z][\w-]*(?: [\w.,-]+(?= --|$))?)(?![\w-])"
"""An option of the command line in prose, with its value if that ends the sentence."""


def escaped(text: str) -> str:
    """Return a text in which only code is marked: what stands in backticks, and --options."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _plain(part) for part in parts)


def _plain(text: str) -> str:
    parts = re.split(OPTION, text)  # every second part is an option
    signs = (re.sub(r"([*_<$[\]])", r"\\\1", part) for part in parts[::2])
    options = [*(f"`{option}`" for option in parts[1::2]), ""]
    return "".join(f"{part}{option}" for part, option in zip(signs, options, strict=True))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def parameters(text: str, section: str = "Parameters") -> dict[str, str]:
    """Return what a docstring says of each parameter, by name; several may share a text."""
    found = re.search(rf"{section}\n-+\n(.*?)(?=\n\n\S[^\n]*\n-+\n|\Z)", text, re.DOTALL)
    entries = re.findall(
        r"^(\S[^\n]*)\n((?:[ ]+[^\n]*\n?|\n)+)", (found or ["", ""])[1] + "\n", re.M
    )
    return {
        name.strip(): " ".join(said.split()) for names, said in entries for name in names.split(",")
    }


def kind_of(hint: Any) -> str:
    """Return what an annotation asks, in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        marks = [_short(mark.text) for mark in inner[1:] if isinstance(mark, Marker)]
        return marks[0] if marks else kind_of(inner[0])
    if origin in (Union, types.UnionType):
        return " or ".join("nothing" if i is type(None) else kind_of(i) for i in inner)
    if origin is Literal:
        return " or ".join(f"`{choice!r}`" for choice in inner)
    if origin in (Mapping, dict):
        return f"object: name → {kind_of(inner[1])}"
    if origin is not None and origin is not Field and inner and hasattr(origin, "__name__"):
        return f"list of {kind_of(inner[0])}"
    plain = {"bool": "true or false", "str": "text", "float": "number", "int": "whole number"}
    name = getattr(hint, "__name__", str(hint))
    return plain.get(name, "anything" if hint is Any else f"`{name}`")


def _short(requirement: str) -> str:
    """Return a requirement without what goes without saying: one, and below what an int holds."""
    text = requirement.removeprefix("one ").removeprefix("a ")
    return text.replace(f" and <= {MOST}", "").replace(" [dimensionless]", "")


def unit_of(hint: Any) -> str:
    """Return the unit that an annotation names: "ms", "Hz", "1" for a plain number; "" for none."""
    for inner in get_args(hint):
        found = getattr(inner, "unit", "") if isinstance(inner, Marker) else unit_of(inner)
        if found:
            return "" if getattr(inner, "whole", False) else str(found)
    return ""


@dataclass(frozen=True)
class Entry:
    """A field of a dataclass: its name, annotation, default and what the docstring says of it."""

    name: str
    hint: Any
    default: str
    text: str


def hints_of(value: Any) -> dict[str, Any]:
    """Return annotations by name; none where they name what only type checkers import."""
    try:
        return get_type_hints(inspect.unwrap(value), include_extras=True)
    except NameError:
        return {}


def entries(kind: type) -> Iterator[Entry]:
    """Yield the fields of a dataclass; what its bases say of theirs counts, too."""
    hints, said = hints_of(kind), dict[str, str]()
    for base in reversed(kind.__mro__):
        said |= parameters(inspect.cleandoc(base.__dict__.get("__doc__") or ""))
    for field in fields(kind):
        default = "" if field.default is MISSING else repr(field.default)
        if field.default_factory is not MISSING:
            default = repr(field.default_factory())
        yield Entry(field.name, hints.get(field.name, Any), default, said.get(field.name, ""))


def schema(kind: type, *owners: type, without: Iterable[str] = ()) -> str:
    """Return the table of a schema: its entries, their types, what they hold.

    Parameters
    ----------
    kind
        A dataclass.
    *owners
        Dataclasses whose fields are meant where it only refers to them.
    without
        Entries to leave out.
    """
    elsewhere = {entry.name: entry.text for owner in owners for entry in entries(owner)}
    rows = []
    for entry in entries(kind):
        refers = re.match(r"As in|So do|Their names", entry.text)
        text = elsewhere.get(entry.name, entry.text) if refers else entry.text
        default = f"`{entry.default}`" if entry.default else "must be there"
        if entry.name not in {*without}:
            rows.append([f"`{entry.name}`", cell(kind_of(entry.hint)), default, cell(text)])
    return table(["entry", "type", "if missing", "what it holds"], rows)
