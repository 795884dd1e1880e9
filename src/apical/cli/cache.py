"""`apical cache`: show what compiled programs take, and remove them."""

import re
import time
from datetime import timedelta
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from apical._base import cache
from apical._base.folders import cache_folder
from apical._base.scratch import clear_leftovers

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _age(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"must be a time such as 30d, 12h or 90m, got {text[:50]!r}")
    return float(found[1]) * _SECONDS[found[2].lower()]


@click.command("cache")
@click.option("--all", "everything", is_flag=True, help="Remove all compiled programs.")
@click.option(
    "--older-than",
    "age",
    metavar="AGE",
    callback=_age,
    help="Remove programs that were not used for this long: 30d, 12h, 90m.",
)
@click.option(
    "--limit",
    "most",
    metavar="SIZE",
    help="Set the size that all programs may have together, 5GB by default, or none; "
    f"{cache.LIMIT} overrides it.",
)
def cache_command(everything: bool, age: float | None, most: str | None) -> int:
    """Show the cache of compiled programs, and remove some or all of them.

    A network is compiled once for each structure, and its program is kept. When all programs
    together are larger than the limit, those that were not used for longest are removed. What is
    in use always stays, and so do downloaded data sets. What killed processes left behind is
    removed by every start, and here.

    \b
    Examples:
      apical cache
      apical cache --older-than 30d
      apical cache --limit 2GB
      apical cache --all
    """
    if everything and age is not None:
        raise click.UsageError("--all removes programs of any age; leave out --older-than.")
    if most is not None:
        cache.set_limit(most)
    left = [path for path in clear_leftovers() if not path.name.endswith(".lock")]
    asked = [e for e in cache.entries() if everything or (age is not None and _idle(e) > age)]
    gone = [entry for entry in asked if cache.drop(entry.path)]
    gone += cache.evict(cache.limit())
    _show()
    if gone:
        freed = sum(entry.size for entry in gone)
        click.echo(f"Removed {_many(len(gone), 'program')}, {_size(freed)}.")
    elif everything or age is not None:
        click.echo("Nothing to remove.")
    if len(asked) > len(gone):
        click.echo(f"{_many(len(asked) - len(gone), 'program')} in use, and kept.")
    if left:
        click.echo(f"Removed {_many(len(left), 'leftover')} of processes that were killed.")
    return 0


def _show() -> None:
    console: Any = Console(highlight=False)
    click.echo(f"Cache in {cache_folder()}")  # not the title, which would break a long path
    table = Table()
    for column in ("what", "entries", "size", "last used", "longest unused"):
        table.add_column(column, justify="left" if column == "what" else "right")
    names = {"programs": "compiled networks", "loops": "loops (device array)"}
    total = 0
    for kind in cache.KINDS:
        found = cache.entries(kind)
        taken = sum(entry.size for entry in found)
        total += taken
        ages = [_ago(_idle(found[k])) for k in (-1, 0)] if found else ["-", "-"]
        table.add_row(names[kind], str(len(found)), _size(taken), *ages)
    data = cache_folder() / "data"
    sets = len([*data.glob("*")])
    table.add_row("data sets (kept)", str(sets), _size(cache.size(data) if sets else 0), "-", "-")
    console.print(table)
    click.echo(f"Programs and loops take {_size(total)} of {_size(cache.limit())}.")


def _idle(entry: cache.Entry) -> float:
    return max(time.time() - entry.used, 0.0)


def _ago(seconds: float) -> str:
    about = timedelta(seconds=seconds)
    if about.days:
        return f"{_many(about.days, 'day')} ago"
    hours, minutes = about.seconds // 3600, about.seconds // 60
    if hours:
        return f"{_many(hours, 'hour')} ago"
    return f"{_many(minutes, 'minute')} ago" if minutes else "just now"


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _size(size: float) -> str:
    if size == float("inf"):
        return "any size (no limit)"
    units = ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        del units[0]
    return f"{size:.0f} {units[0]}" if size >= 100 else f"{size:.3g} {units[0]}"
