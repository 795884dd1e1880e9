"""The gallery: published results that studies and models reproduce, with a quick check of each.

A script of ``models/`` is part of it if it defines ``EXHIBIT``.
"""

import ast
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from apical._base.checking import shown
from apical.errors import ClaimError, DataError, ScriptError
from apical.scripts import models, studies

MARKS = "<!-- gallery -->", "<!-- /gallery -->"
"""Lines of a Markdown file that enclose the table."""


@dataclass(frozen=True)
class Finding:
    """Result of a quick check.

    Parameters
    ----------
    text
        The measurement, in a few words with numbers.
    holds
        Whether it supports the claim of the study.

    Examples
    --------
    >>> from apical.scripts.gallery import Finding
    >>> Finding("error 3.1 % under DFA, 2.9 % under BP", 3.1 < 2 * 2.9).holds
    True
    """

    text: str
    holds: bool


@dataclass(frozen=True)
class Exhibit:
    """A published result and its reproduction by a script.

    Parameters
    ----------
    claim
        The phenomenon, in one line.
    published
        The published result, with numbers if there are any.
    reached
        The result of the script at full size; its docstring names the command.
    quick
        Checks the phenomenon in seconds, on data that come with the package; writes figures and
        tables, if any, into the given folder, which exists.

    Examples
    --------
    >>> from apical.scripts import gallery
    >>> exhibit = gallery.load(gallery.scripts()["Maas_2013_dead_units"])
    >>> type(exhibit).__name__, bool(exhibit.claim), callable(exhibit.quick)
    ('Exhibit', True, True)
    """

    claim: str
    published: str
    reached: str
    quick: Callable[[Path], Finding]


def scripts() -> dict[str, Path]:
    """Return the scripts of the gallery: name -> path. They are parsed, not run.

    Examples
    --------
    >>> from apical.scripts import gallery
    >>> len(gallery.scripts()) > 20, gallery.scripts()["Maas_2013_dead_units"].name
    (True, 'Maas_2013_dead_units.py')
    """
    known = ((name, path) for name, (path, _) in models.available().items())
    return {name: path for name, path in known if _has_exhibit(path)}


def load(path: Path) -> Exhibit:
    """Return the exhibit of a script.

    Parameters
    ----------
    path
        The script.

    Raises
    ------
    ScriptError
        If its ``EXHIBIT`` is missing, or is not an `Exhibit`.

    Examples
    --------
    >>> from apical.scripts import gallery, models
    >>> gallery.load(models.find("rate_dfa"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ScriptError: Script ...rate_dfa.py needs EXHIBIT = ...
    """
    exhibit = getattr(models.imported(path.resolve()), "EXHIBIT", None)
    if not isinstance(exhibit, Exhibit):
        raise ScriptError(
            f"Script {path} needs EXHIBIT = gallery.Exhibit(...) to take part in the gallery, got "
            f"{type(exhibit).__name__}.",
            object=f"Script {path}",
        )
    return exhibit


def checked(exhibit: Exhibit, folder: Path) -> str:
    """Check the phenomenon of a script in seconds, and return the result.

    Parameters
    ----------
    exhibit
        That of the script.
    folder
        Output folder of figures and tables.

    Raises
    ------
    ClaimError
        If the phenomenon is not found.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.scripts import gallery
    >>> def quick(folder):
    ...     return gallery.Finding("error 3.1 %", True)
    >>> exhibit = gallery.Exhibit("It learns", "3.0 %", "3.1 %", quick)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gallery.checked(exhibit, Path(folder))
    'error 3.1 %'
    """
    finding = exhibit.quick(studies.folder(folder))
    if not finding.holds:
        raise ClaimError(
            f"{exhibit.claim!r} does not hold in the quick check, which found: {finding.text}. Run "
            "the script at full size to tell whether it holds there."
        )
    return finding.text


@dataclass(frozen=True)
class Entry:
    """One line of the gallery.

    Parameters
    ----------
    name, path
        The script.
    exhibit
        What it reproduces.
    finding
        Result of its quick check; None if it was not run.
    seconds
        Duration of the check [s], including the import of the script.

    Examples
    --------
    >>> from apical.scripts import gallery
    >>> line = gallery.entry("Maas_2013_dead_units")
    >>> line.path.name, line.finding
    ('Maas_2013_dead_units.py', None)
    """

    name: str
    path: Path
    exhibit: Exhibit
    finding: Finding | None = None
    seconds: float = 0.0


def entry(name: str, folder: Path | None = None) -> Entry:
    """Return the line of one script.

    Parameters
    ----------
    name
        One of `scripts`.
    folder
        Output folder of figures and tables of its quick check; None for no check.

    Raises
    ------
    ScriptError
        If the gallery has no such script.
    """
    known = scripts()
    if name not in known:
        raise ScriptError(
            f"The gallery has no script {shown(name)}; it has {', '.join(known) or 'none'}.",
            object=f"Script {shown(name)}",
        )
    began, path = time.perf_counter(), known[name]
    exhibit = load(path)
    finding = exhibit.quick(studies.folder(folder / name)) if folder is not None else None
    return Entry(name, path, exhibit, finding, time.perf_counter() - began)


def judged(line: Entry, finding: Finding | None, seconds: float) -> Entry:
    """Return the line of a script with the result of its quick check, made elsewhere.

    Parameters
    ----------
    line
        The script.
    finding, seconds
        The result, and what it took [s].

    Examples
    --------
    >>> from apical.scripts import gallery
    >>> line = gallery.entry("Maas_2013_dead_units")
    >>> gallery.judged(line, gallery.Finding("40 % dead", True), 1.5).finding.text
    '40 % dead'
    """
    return replace(line, finding=finding, seconds=seconds)


def cells(line: Entry) -> list[str]:
    """Return the cells of a script: name, claim, published, reached, and its quick check.

    Parameters
    ----------
    line
        The script.

    Examples
    --------
    >>> from apical.scripts import gallery
    >>> gallery.cells(gallery.entry("Maas_2013_dead_units"))[0]
    'Maas_2013_dead_units'
    """
    about = line.exhibit
    told = [line.name, about.claim, about.published, about.reached]
    if line.finding is None:
        return told
    found = line.finding.text if line.finding.holds else f"NOT FOUND: {line.finding.text}"
    return [*told, found, f"{line.seconds:.1f}"]


def columns(*, quick: bool) -> list[str]:
    """Return the names of these columns.

    Parameters
    ----------
    quick
        Whether the quick checks were run.

    Examples
    --------
    >>> from apical.scripts import gallery
    >>> gallery.columns(quick=False)
    ['script', 'claim', 'published', 'reached']
    """
    named = ["script", "claim", "published", "reached"]
    return [*named, "quick check, small data", "s"] if quick else named


def markdown(lines: Sequence[Entry]) -> str:
    """Return the table of one line or more as Markdown, with links for a page in docs/gallery.

    Parameters
    ----------
    lines
        The scripts.

    Examples
    --------
    >>> from apical.scripts import gallery
    >>> table = gallery.markdown([gallery.entry("Maas_2013_dead_units")])
    >>> table.splitlines()[0]
    '| script | claim | published | reached |'
    """
    heads = columns(quick=lines[0].finding is not None)
    rows = [_linked(cells(line)) for line in lines]
    return "\n".join(map(_row, [heads, ["---"] * len(heads), *rows])) + "\n"


def write(path: Path, table: str) -> None:
    """Write a table between the `MARKS` of a Markdown file, which is created if it is missing.

    Parameters
    ----------
    path
        The file.
    table
        The table.

    Raises
    ------
    DataError
        If the file exists but does not contain both marks, once each and in order.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.scripts import gallery
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = Path(folder) / "GALLERY.md"
    ...     gallery.write(page, "| a |\\n")
    ...     "| a |" in page.read_text().splitlines()
    True
    """
    text = path.read_text() if path.exists() else "\n".join(MARKS) + "\n"
    before, mark, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (mark and end) or MARKS[0] in rest or MARKS[1] in after:
        raise DataError(
            f"{path} needs the lines {MARKS[0]} and {MARKS[1]}, once each, to put the gallery "
            "between them; add them, or name a new file."
        )
    path.write_text(f"{before}{mark}\n{table}{end}{after}")


def _linked(told: Sequence[str]) -> list[str]:
    return [f"[{told[0]}](../../models/{told[0]}.py)", *told[1:]]


def _row(parts: Iterable[str]) -> str:
    return f"| {' | '.join(part.replace('|', '/') for part in parts)} |"


def _has_exhibit(path: Path) -> bool:
    try:
        body = ast.parse(path.read_text()).body
    except (SyntaxError, ValueError):
        return False  # 'apical models' says what is wrong
    targets = (t for node in body if isinstance(node, ast.Assign) for t in node.targets)
    return any(isinstance(t, ast.Name) and t.id == "EXHIBIT" for t in targets)
