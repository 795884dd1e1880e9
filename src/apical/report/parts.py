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

    Examples
    --------
    >>> from apical.report.parts import Picture
    >>> Picture("a figure", b"\\x89PNG").source[:22]
    'data:image/png;base64,'
    """

    caption: str
    png: bytes
    wide: bool = False

    @property
    def source(self) -> str:
        """The data URL of the figure."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


def drawn(axes: Any, caption: str, *, wide: bool = False) -> Picture:
    """Return a figure that `apical.plotting` drew as a picture of 110 dots per inch.

    Parameters
    ----------
    axes
        What a function of `apical.plotting` returned.
    caption, wide
        As in `Picture`.

    Examples
    --------
    >>> from apical import plotting
    >>> from apical.report.parts import drawn
    >>> picture = drawn(plotting.curves({"a": ([0, 1], [0, 1])}, "x", "y"), "A line.")
    >>> picture.caption, picture.png[1:4]
    ('A line.', b'PNG')
    """
    return Picture(caption, plotting.as_png(axes, 110), wide)


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
        Style of each row, for instance ``"local"``; empty for none.

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
