"""Figures of a study, from the rows of its table."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from apical import plotting
from apical.scripts import tables

Names = Mapping[Any, str] | Callable[[Any], str]
"""Names of values: a mapping, or a function of a value."""


def draw(
    path: Path,
    rows: Sequence[tables.Row],
    x: str,
    y: str | Mapping[str, str],
    by: str,
    names: Names = str,
    *,
    label: str = "",
    over: str = "",
    titles: Names = str,
    limits: tuple[float, float] | None = None,
    width: float | None = None,
    panels: Mapping[Any, Mapping[str, Any]] | None = None,
    **options: Any,
) -> None:
    """Draw curves, thin for each seed and thick for their mean, and save them.

    Parameters
    ----------
    path
        The PNG file.
    rows
        The table.
    x
        The column of the horizontal axis.
    y
        The column of the vertical axis, or several with their labels, one panel each.
    by, names
        As in `tables.series`: the column that distinguishes the curves, and their names.
    label
        Label of the horizontal axis; by default the column.
    over, titles
        Column that distinguishes the panels, and their titles.
    limits
        Limits of the vertical axis of the first panel, or of all panels with `over`.
    width
        Width of each panel [inches]; by default that of a figure for a single panel, else 4.
    panels
        Options of single panels in addition, by column, or by value of `over` if there is one.
    **options
        Passed on to `apical.plotting.curves`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.scripts import figures
    >>> rows = [
    ...     {"wiring": w, "seed": seed, "epoch": epoch, "error": 10.0 - epoch}
    ...     for w in ("bp", "dfa") for seed in (0, 1) for epoch in (0, 1)
    ... ]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     figures.draw(Path(folder) / "errors.png", rows, "epoch", "error", "wiring")
    ...     [path.name for path in Path(folder).iterdir()]
    ['errors.png']
    """
    columns = {y: y.replace("_", " ")} if isinstance(y, str) else y
    values = list(dict.fromkeys(row[over] for row in rows)) if over else [None]
    n = len(values) * len(columns)
    axes: list[Any] = [None]  # a figure of its own
    if n > 1 or width is not None:
        axes = list(plotting.panels(n, width=width or 4.0))
    called = titles.__getitem__ if isinstance(titles, Mapping) else titles
    cells = [(value, *column) for value in values for column in columns.items()]
    drawn = []
    for ax, (value, column, ylabel) in zip(axes, cells, strict=True):
        chosen = {over: value} if over else {}
        found = tables.series(rows, x, column, by, names, **chosen)
        own = {**({"title": called(value)} if over else {}), **options}
        own |= (panels or {}).get(value if over else column, {})
        drawn.append(plotting.curves(found, label or x, ylabel, ax=ax, **own))
        if limits and (over or len(drawn) == 1):
            drawn[-1].set_ylim(limits)
    plotting.save(drawn, path)
