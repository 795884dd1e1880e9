"""The figure of `apical bench`: training speed over network size and batch size."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apical import plotting
from apical.bench.benchmarks import Row
from apical.bench.worker import MODELS
from apical.devices import DEVICES

FIGURE = "bench.png"
_STYLES = (("o", "-"), ("s", "--"), ("^", ":"), ("D", "-."))
"""Markers and line styles of batch sizes, the smallest first."""


def draw(rows: Sequence[Row], folder: Path) -> bool:
    """Write ``bench.png`` into a folder: a colour for each device, a marker for each batch.

    Parameters
    ----------
    rows
        The measurements.
    folder
        An existing folder.

    Returns
    -------
    bool
        Whether there was anything to draw.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.bench.benchmarks import Row
    >>> from apical.bench.figure import draw
    >>> from apical.bench.worker import Case, Measured
    >>> case = Case("rate", "array:numpy", "array", 10, 64, 500, "digits")
    >>> row = Row(case, Measured((1000.0, 1200.0), 500, 220.0, None, 0.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     drawn = draw([row], Path(folder))
    ...     drawn, [path.name for path in Path(folder).iterdir()]
    (True, ['bench.png'])
    """
    found = [row for row in rows if row.measured]
    networks = [n for n in MODELS if any(row.case.network == n for row in found)]
    largest = max((row.case.hidden for row in found), default=0)
    last = [row for row in found if row.case.hidden == largest and row.case.network == "rate"]
    by_batch = len({row.case.batch for row in last}) > 1
    if not found:
        return False
    panels = plotting.panels(len(networks) + by_batch, width=4.6, height=4.6)
    for ax, network in zip(panels, networks, strict=False):
        of_it = [row for row in found if row.case.network == network]
        _lines(ax, f"{network} network", of_it, found, over_batch=False)
    if by_batch:
        title = f"rate network, {largest:,} hidden neurons"
        _lines(panels[-1], title, last, found, over_batch=True)
    plotting.save(panels, folder / FIGURE)
    return True


def _lines(
    ax: Any, title: str, rows: Sequence[Row], everything: Sequence[Row], *, over_batch: bool
) -> None:
    """Draw the speeds of some rows, with colours and markers shared by all rows."""
    devices = list(dict.fromkeys(row.case.name for row in everything))
    batches = sorted({row.case.batch for row in everything})
    lines: dict[tuple[str, int], dict[int, float]] = {}
    for row in rows:
        case, speeds = row.case, row.measured.trials_per_second if row.measured else ()
        line = lines.setdefault((case.name, 0 if over_batch else case.batch), {})
        line[case.batch if over_batch else case.hidden] = statistics.median(speeds)
    arrays = {row.case.name for row in rows if DEVICES[row.case.device].takes("batch")}
    for (device, batch), line in lines.items():
        name = f"{device}, batch {batch}" if batch and device in arrays else device
        plotting.curves(
            {name: (list(line), list(line.values()))},
            "trials in a batch" if over_batch else "hidden neurons",
            "trials a second",
            title=title,
            log_x=True,
            log_y=True,
            first_color=devices.index(device),
            ax=ax,
        )
        marker, style = _STYLES[batches.index(batch) % len(_STYLES) if batch else 0]
        ax.lines[-1].set(marker=marker, linestyle=style)
    sizes = sorted({x for line in lines.values() for x in line})
    ax.set_xticks(sizes, labels=[f"{size:,}" for size in sizes])
    ax.xaxis.set_minor_formatter(lambda x, _: "")
    ax.yaxis.set_major_formatter(lambda y, _: f"{y:,.10g}")
    ax.yaxis.set_minor_formatter(lambda y, _: f"{y:,.10g}" if f"{y:e}"[0] in "25" else "")
    ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)
