"""A run beside a recording on the terminal: `apical analyze --compare` and `apical report`."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical.cli.recording import SELECTED, selection_of, selection_options
from apical.recordings import Recording, load_recording

F = TypeVar("F", bound=Callable[..., Any])
MOST_TABLES = 4
"""Largest number of pairs of a population and an area that are printed."""
_HEADS = {
    "network": "network",
    "interval": "95 % interval",
    "recording": "record-\ning",
    "untrained": "un-\ntrained",
    "other seed": "other\nseed",
    "shuffled": "shuf-\nfled",
    "p": "p\n(Holm)",
}
_WIDEST = 17
"""Characters of the name of a measure; longer ones take two lines."""


def recording_options(function: F) -> F:
    """Decorator: add the options that choose a recording, and what of it and of a run is compared.

    The command gets them as it would from click; `taken` makes a recording of them.
    """
    function = click.option(
        "--population",
        "populations",
        multiple=True,
        metavar="NAME",
        help="Population of RUN to compare; may be repeated. By default all but the stimulus and "
        "those that are shown the labels.",
    )(function)
    function = selection_options(function)
    return click.option(
        "--compare",
        "recording",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Recording to compare with: NWB, NIX, or a format that Neo reads.",
    )(function)


def taken(file: Path | None, given: dict[str, Any]) -> tuple[Recording | None, dict[str, Any]]:
    """Return what was chosen of a recording, None without one, and options of the comparison.

    Parameters
    ----------
    file
        The file of the recording.
    given
        Values of `recording_options`, which are taken out of it.
    """
    populations = given.pop("populations")
    if file is None:
        chosen = [name for name in SELECTED if given[name] not in (None, False, ())]
        chosen += ["population"] if populations else []
        if chosen:
            raise click.UsageError(f"--{chosen[0].replace('_', '-')} needs --compare FILE.")
        return None, {}
    with Console(stderr=True).status("reading the recording"):
        recording = load_recording(file, selection=selection_of(given))
    return recording, {"populations": list(populations) or None, "progress": True}


def show(comparison: Any, name: str, folder: Path) -> None:
    """Print a comparison: a table for each of the first pairs, and what is to be known of it.

    Parameters
    ----------
    comparison
        From `apical.runs.beside_recording.compare_run`.
    name
        Name of the recording.
    folder
        Where tables and figures are.
    """
    from apical.runs.beside_recording import figures_of, pairs, undefined, verdict

    console = Console(highlight=False)
    start, stop = comparison.window
    of_pairs = pairs(comparison)
    for (population, area), rows in list(of_pairs.items())[:MOST_TABLES]:
        beside = f"{area} of {name}" if area else name
        about = f"{rows[0].trials:,} trials from {start:g} to {stop:g} ms"
        table = _table(rows)
        table.title = f"[bold]{escape(population)}[/] beside {escape(beside)}: {about}"
        console.print()
        console.print(table)
        console.print(verdict(rows), markup=False)
        for why, names in undefined(rows).items():
            console.print(f"Undefined: {', '.join(names)} ({why}).", markup=False)
    console.print()
    if len(of_pairs) > MOST_TABLES:
        more = [f"{one} and {other}" for one, other in list(of_pairs)[MOST_TABLES:]]
        console.print(f"Not shown: {', '.join(more)}.", markup=False)
    console.print(_ABOUT, markup=False)
    for note in comparison.notes:
        console.print(f"- {note}", markup=False)
    drawn = ", ".join(f"{figure}.png" for figure in figures_of(comparison))
    file = folder / "recording.csv"
    said = f"Every value with its interval, chance and noise ceiling: {file}"
    console.print(said, markup=False, soft_wrap=True)
    console.print(f"Figures, in the same folder: {drawn or 'none'}", markup=False)


_ABOUT = (
    "Untrained is the network before learning, shuffled has the trials of each neuron permuted. "
    "Above the gap p is of a difference between network and recording; below it, of a likeness "
    "beyond chance, and the column recording is one half of its trials beside the other. p is "
    "corrected for all tests; *: below 0.05."
)


def _table(rows: Sequence[Any]) -> Table:
    """Return the values of all systems: a line for each measure that the network has."""
    from apical.measures.compared import DESCRIPTIONS
    from apical.runs.beside_recording import title

    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row.measure, {})[row.system] = row
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, title_justify="left")
    table.add_column("measure", max_width=_WIDEST, min_width=_WIDEST, vertical="top")
    for head in _HEADS.values():
        table.add_column(head, justify="right", no_wrap=True)
    apart = {*(description.name for description in DESCRIPTIONS), "isi_distance"}
    shown = [measure for measure, of in found.items() if math.isfinite(of["network"].value)]
    for k, measure in enumerate(shown):
        unit = found[measure]["network"].unit
        of = "" if unit == "1" else f" [{unit}]"
        table.add_row(escape(f"{title(measure)}{of}"), *_cells(found[measure]).values())
        if measure in apart and shown[k + 1 : k + 2] and shown[k + 1] not in apart:
            table.add_section()
    return table


def _cells(rows: Mapping[str, Any]) -> dict[str, str]:
    network = rows["network"]
    interval = "-"
    if math.isfinite(network.low):
        interval = f"{_short(network.low)}, {_short(network.high)}"
    cells = {name: _short(row.value) for name, row in rows.items()}
    p = network.p_holm
    said = f"{p:.3f}" if p >= 0.001 else "<.001"
    cells |= {"interval": interval, "p": f"{said}{'*' if p < 0.05 else ''}"}
    if not math.isfinite(p):
        cells["p"] = "-"
    return {name: cells.get(name, "-") for name in _HEADS}


def _short(value: float) -> str:
    """Return a number in six characters, if it is of ordinary size."""
    if not math.isfinite(value):
        return "-"
    if abs(value) < 0.1:
        return f"{round(value, 3) + 0.0:.3f}"  # no -0.000
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}"
