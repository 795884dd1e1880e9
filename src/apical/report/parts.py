"""Elements of a report: sections of text, tables and figures."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from apical import plotting


@dataclass(frozen=True)
class Picture:
    """A figure embedded in the page.

    Parameters
    ----------
    caption
        Its caption.
    png
        The file, as bytes.
    wide
        Whether it takes the whole width.
    alt
        What is seen in it, in words, for those who do not see it; its caption if nothing is given.

    Examples
    --------
    >>> from apical.report.parts import Picture
    >>> Picture("a figure", b"\\x89PNG").source[:22]
    'data:image/png;base64,'
    """

    caption: str
    png: bytes
    wide: bool = False
    alt: str = ""

    @property
    def source(self) -> str:
        """The data URL of the figure."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


def drawn(axes: Any, caption: str, alt: str = "", *, wide: bool = False) -> Picture:
    """Return a figure that `apical.plotting` drew as a picture of 110 dots per inch.

    Parameters
    ----------
    axes
        What a function of `apical.plotting` returned.
    caption, alt, wide
        As in `Picture`.

    Examples
    --------
    >>> from apical import plotting
    >>> from apical.report.parts import drawn
    >>> picture = drawn(plotting.curves({"a": ([0, 1], [0, 1])}, "x", "y"), "A line.")
    >>> picture.caption, picture.png[1:4]
    ('A line.', b'PNG')
    """
    return Picture(caption, plotting.as_png(axes, 110), wide, alt)


@dataclass(frozen=True)
class Table:
    """A table of text.

    Parameters
    ----------
    columns
        Headings.
    rows
        Cells, in the order of `columns`; numbers are right-aligned.
    caption
        Its caption.
    levels
        Style of the cell "level" of each row, for instance ``"local"``; empty for none.

    Examples
    --------
    >>> from apical.report.parts import Table
    >>> Table(["wiring", "error [%]"], [["bp", "1.6"], ["dfa", "1.7"]]).caption
    ''
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    levels: Sequence[str] = ()

    def is_of_numbers(self, column: int) -> bool:
        """Say whether a column holds numbers alone, which are right-aligned."""
        cells = [self.parts(row[column])[0] for row in self.rows]
        return any(cells) and all(not cell or _is_number(cell) for cell in cells)

    @staticmethod
    def parts(cell: str) -> tuple[str, str]:
        """Return a cell without the remark at its end, and that, such as "(3 undefined)"."""
        head, opening, rest = cell.partition(" (")
        remark = opening and rest.endswith(" undefined)")
        return (head, opening.strip() + rest) if remark else (cell, "")


def _is_number(cell: str) -> bool:
    """Say whether a cell is a number, with its spread or without."""
    if cell in ("-", "undefined"):
        return True
    parts = cell.replace(",", "").removesuffix(" %").split(" ± ")
    try:
        return len([float(part) for part in parts]) <= 2
    except ValueError:
        return False


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading.

    Parameters
    ----------
    title
        Heading, and entry of the table of contents.
    text
        Paragraphs.
    tables, pictures
        Shown in this order, tables first.
    code
        Text in a fixed-width face: commands, configurations; caption -> text.

    Examples
    --------
    >>> from apical.report.parts import Section
    >>> Section("Learning curves").anchor
    'learning-curves'
    """

    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    code: dict[str, str] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Name of the heading inside the page."""
        return "".join(c if c.isalnum() else "-" for c in self.title.lower())
