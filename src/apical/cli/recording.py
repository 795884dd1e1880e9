"""`apical recording`: what is in a recording; and the options by which some of it is chosen."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical._base.checking import shown
from apical._base.whole_files import write_whole
from apical.recordings import Selection, inspect, load_recording, read_classes
from apical.recordings.selection import HEADER
from apical.recordings.summary import ColumnSummary, Summary, TableSummary, UnitSummary

F = TypeVar("F", bound=Callable[..., Any])
_file = click.Path(path_type=Path)


class Seconds(click.ParamType):
    """A time in seconds, or in another unit that is named: 0.25, 250ms."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return a time [s]."""
        if isinstance(value, float | int):
            return float(value)
        found = re.fullmatch(r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(s|ms|us)?", str(value).strip())
        try:
            if found is None:
                raise ValueError
            number = float(found[1]) * {"s": 1.0, "ms": 1e-3, "us": 1e-6}[found[2] or "s"]
        except ValueError:
            self.fail(f"must be a time in seconds, or 250ms, got {shown(value)}", param, ctx)
        return number


_SELECTION: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--table", {"help": "Table whose rows are the trials; 'apical recording FILE' lists them."}),
    (
        "--stimulus-column",
        {
            "metavar": "COLUMN,...",
            "help": "Column of the table with the class of a trial; of several, their values "
            "together are the class.",
        },
    ),
    (
        "--map",
        {
            "type": _file,
            "metavar": "CLASSES.csv",
            "help": "Which recorded class is which of the network's: a file with the header "
            "recorded,network. Without it, classes that are numbers are not matched.",
        },
    ),
    (
        "--same-classes",
        {"is_flag": True, "help": "Equal numbers mean the same class in RUN and recording."},
    ),
    (
        "--area",
        {
            "multiple": True,
            "metavar": "AREA",
            "help": "Area or population to compare; may be repeated. All by default.",
        },
    ),
    (
        "--area-column",
        {
            "metavar": "COLUMN",
            "help": "Column of the units with their area, for instance beryl_location, "
            "electrodes.location or probe_name.",
        },
    ),
    (
        "--units",
        {
            "metavar": "CONDITION",
            "help": "Condition on units, of their columns, 'rate' [Hz], 'spikes' and 'area': "
            "\"quality == 'good' and rate > 0.1\".",
        },
    ),
    (
        "--rows",
        {"metavar": "CONDITION", "help": 'Condition on rows of the table: "contrast > 0".'},
    ),
    (
        "--window",
        {
            "nargs": 2,
            "type": Seconds(),
            "metavar": "START STOP",
            "help": "Start and stop of a trial from its event on, in seconds, or as 250ms; by "
            "default the whole row.",
        },
    ),
    (
        "--bin",
        {
            "type": Seconds(),
            "metavar": "WIDTH",
            "help": "Width of bins for time courses, in seconds, or as 10ms.",
        },
    ),
    (
        "--align",
        {
            "metavar": "COLUMN",
            "help": "Column of times that trials are aligned to; start_time by default.",
        },
    ),
)


def selection_options(function: F) -> F:
    """Decorator: add the options that choose what of a recording is compared."""
    for name, how in reversed(_SELECTION):
        function = click.option(name, **how)(function)
    return function


SELECTED = tuple(name.removeprefix("--").replace("-", "_") for name, _ in _SELECTION)
"""Parameters of `selection_options`."""


def selection_of(given: dict[str, Any]) -> Selection:
    """Take the values of `selection_options` out of the arguments of a command."""
    chosen = {name: given.pop(name) for name in SELECTED}
    file = chosen.pop("map")
    return Selection(
        table=chosen["table"],
        stimulus=chosen["stimulus_column"],
        classes=None if file is None else read_classes(file),
        same_classes=chosen["same_classes"],
        areas=tuple(chosen["area"]),
        area_column=chosen["area_column"],
        units=chosen["units"],
        rows=chosen["rows"],
        window=chosen["window"],
        bin=chosen["bin"],
        align=chosen["align"],
    )


@click.command("recording", no_args_is_help=True)
@click.argument("file", type=_file)
@click.option("--table", metavar="NAME", help="Show this table alone.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.option(
    "--classes",
    type=_file,
    metavar="CLASSES.csv",
    help="Write the classes of --table and --stimulus-column into a file for --map, to be filled.",
)
@click.option("--stimulus-column", metavar="COLUMN,...", help="With --classes: their column.")
def recording_command(
    file: Path,
    table: str | None,
    as_json: bool,
    classes: Path | None,
    stimulus_column: str | None,
) -> None:
    """Show what is in a recording, and what of it could be compared with a network.

    FILE is NWB, NIX, or of a format that Neo reads: interval tables with their columns, units with
    their areas, when they were observed, and the command that compares a run with it.

    \b
    Examples:
      apical recording session.nwb
      apical recording session.nwb --table trials
      apical recording session.nwb --table trials --classes classes.csv
    """
    if classes is not None:
        _write_classes(file, classes, table, stimulus_column)
        return
    with Console(stderr=True).status("reading"):
        found = inspect(file)
    if as_json:
        click.echo(json.dumps(_finite(found.as_dict()), indent=2))
        return
    names = [t.name for t in found.tables]
    if table is not None and table not in names:
        raise click.UsageError(f"{file} has no table {shown(table)}; it has {', '.join(names)}.")
    console = Console(highlight=False)
    for line in _head(found):
        console.print(line, soft_wrap=True)
    for one in found.tables:
        if table in (None, one.name):
            _print_table(console, one)
    if found.units is not None and table is None:
        for shown_table in _of_units(found.units):
            console.print(shown_table)
    for line in _tail(found):
        console.print(line, soft_wrap=True, markup=False)


def _finite(value: Any) -> Any:
    """Return plain data without numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_classes(file: Path, out: Path, table: str | None, column: str | None) -> None:
    window = (0.0, 1e-3)  # classes alone are asked for: rows without a stop have them too
    found = load_recording(file, selection=Selection(table=table, stimulus=column, window=window))
    if found.labels is None:
        raise click.UsageError(
            f"No column of table {found.table} is plainly the class of a trial; name it by "
            "--stimulus-column."
        )
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER)
    names = sorted(set(found.labels.tolist()), key=_by_number)
    rows.writerows((name, "") for name in names)
    if out.exists():
        raise click.UsageError(f"{out} is there already; name another file.")
    try:
        write_whole(out, text.getvalue().encode())
    except OSError as error:
        raise click.UsageError(f"{out} cannot be written: {error.strerror}.") from None
    Console(highlight=False).print(
        f"{len(names)} classes of {found.table}, {found.stimulus}: {out}\nWrite the network's "
        f"class behind each comma, take the lines of others out, and give the file as --map.",
        soft_wrap=True,
        markup=False,
    )


def _by_number(name: str) -> list[tuple[float, str]]:
    """Return what puts classes in order: numbers by their size, part by part."""
    parts = []
    for part in name.split(", "):
        try:
            parts.append((float(part), part))
        except ValueError:
            parts.append((math.inf, part))
    return parts


# ---- what is printed ----------------------------------------------------------------------------
def _head(found: Summary) -> Iterator[str]:
    units = found.units
    said = "no units with spike times"
    if units is not None:
        said = f"{units.units:,} units, {units.spikes:,} spikes"
        if units.start is not None and units.stop is not None:
            about = "" if units.is_exact else "about "
            said += f" from {about}{units.start:.6g} to {units.stop:.6g} s"
    yield f"[bold]{escape(Path(found.path).name)}[/]: {escape(found.form)}, {said}"
    if units is not None and units.silent:
        yield f"{units.silent:,} of {units.units:,} units have no spikes."
    for start, stop in found.invalid[:5]:
        yield f"Invalid from {start:g} to {stop:g} s."
    if len(found.invalid) > 5:
        yield f"Invalid: {len(found.invalid) - 5:,} more intervals."


def _print_table(console: Console, table: TableSummary) -> None:
    """Print an interval table: what its rows are, and a line for each of its columns."""
    rows = f"{table.rows:,} row{'' if table.rows == 1 else 's'}"
    title = [f"[bold]{escape(table.name)}[/]: {rows}"]
    if table.start is not None and table.stop is not None:
        title.append(f"from {table.start:.6g} to {table.stop:.6g} s")
    if table.durations is None:
        title.append("events without durations" if table.rows else "empty")
    else:
        low, middle, high = table.durations
        each = f"{middle:.4g} s" if high - low < 1e-3 else f"{low:.4g} to {high:.4g} s"
        title.append(f"each {each}")
    unusable = "; ".join(f"{n:,} rows {why}" for why, n in table.unusable.items())
    console.print(f"\n{', '.join(title)}.")
    if unusable:
        console.print(escape(f"Without a --window, not to be used: {unusable}."))
    if table.columns:
        console.print(_columns(table.columns, table.stimulus_columns))


def _columns(columns: tuple[ColumnSummary, ...], classes: tuple[str, ...] = ()) -> Table:
    shown_table = Table(box=SIMPLE_HEAD, width=80, pad_edge=False, padding=(0, 1, 0, 0))
    shown_table.add_column("column", overflow="fold", max_width=26)
    shown_table.add_column("kind")
    shown_table.add_column("distinct", justify="right")
    shown_table.add_column("values", overflow="fold", ratio=1)
    shown_table.add_column("class?")
    for column in columns:
        values = escape(", ".join(column.values))
        values = values if len(values) <= 120 else f"{values[:117]}..."
        if column.missing:
            values += f" ({column.missing:,} missing)"
        may = "likely" if column.name in classes[:1] else "may be"
        shown_table.add_row(
            escape(column.name),
            column.kind,
            f"{column.distinct:,}",
            values,
            may if column.name in classes else "",
        )
    return shown_table


def _of_units(units: UnitSummary) -> Iterator[Table]:
    """Yield the units: their columns, their areas, and when they were observed."""
    if units.columns:
        columns = _columns(units.columns)
        columns.columns.pop()
        columns.title, columns.title_justify = "[bold]Columns of units[/]", "left"
        yield columns
    if units.areas:
        areas = Table(box=SIMPLE_HEAD, width=80, pad_edge=False, padding=(0, 1, 0, 0))
        areas.title, areas.title_justify = "[bold]Areas[/]", "left"
        areas.add_column("area column", overflow="fold", max_width=30)
        areas.add_column("units of each area", overflow="fold", ratio=1)
        for name, counts in units.areas.items():
            many = list(counts.items())
            text = ", ".join(f"{area or '(none)'} {n}" for area, n in many[:20])
            areas.add_row(escape(name), escape(text) + (", ..." if len(many) > 20 else ""))
        yield areas
    if units.observed:
        seen = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        seen.title, seen.title_justify = "[bold]Observed[/]", "left"
        for name in ("units", "intervals", "from [s]", "to [s]", "in all [s]"):
            seen.add_column(escape(name), justify="right")
        for own in units.observed:
            seen.add_row(*(f"{own[key]:,.10g}" for key in _OBSERVED))
        yield seen


_OBSERVED = ("units", "intervals", "start", "stop", "seconds")


def _tail(found: Summary) -> Iterator[str]:
    if found.usable:
        yield f"A comparison could use: {', '.join(found.usable)}."
    for why in found.why:
        yield why if why.endswith(".") else f"{why}."
    if found.command:
        yield f"Next: {found.command}"
