"""The command that measures the devices of a machine: `apical bench`."""

import statistics
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical import datasets
from apical.bench import FIGURE, TABLE, Row, cases, chosen, measure_all, no_gpu, write
from apical.devices.diagnosis import examine
from apical.progress import BenchProgress


def _numbers(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(dict.fromkeys(int(part) for part in text.split(",")))
        if min(numbers) < 1:
            raise ValueError
    except ValueError:
        raise click.BadParameter(
            f"must be whole numbers from 1 on, joined by commas, got {text!r}"
        ) from None
    return numbers


@click.command("bench")
@click.option("--device", "devices", multiple=True,
              help="Device to measure, for instance cpp_standalone, array or array:torch:cuda; may "
              "be given again. All that can be used by default.")  # fmt: skip
@click.option("--hidden", default="200,2000", show_default=True, callback=_numbers,
              help="Numbers of hidden neurons, joined by commas.")  # fmt: skip
@click.option("--batch", default="1,100", show_default=True, callback=_numbers,
              help="Trials that learn together on device array, joined by commas.")  # fmt: skip
@click.option("--trials", type=click.IntRange(1), default=5000, show_default=True,
              help="The most trials of a timed block; each takes up to 0.7 s.")  # fmt: skip
@click.option("--dataset", default="digits", show_default=True, help="What the networks learn.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help=f"Folder for {TABLE} and {FIGURE}; runs/bench... by default.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress bar.")
def bench_command(
    devices: tuple[str, ...], hidden: tuple[int, ...], batch: tuple[int, ...], trials: int,
    dataset: str, out: Path | None, quiet: bool,
) -> int:  # fmt: skip
    """Measure how fast networks learn on the devices of this machine, and whether they agree.

    A spiking network and one of rates learn the same trials on every device: trials a second,
    peak memory, and how far weights are apart after the same trials. What cannot be used here is
    left out, and said. On two free processors it takes a minute or two, most of it compiling, which
    is done once. The exit code is 1 if a measurement failed.

    \b
    Examples:
      apical bench
      apical bench --device array --hidden 200,2000,20000 --batch 32,256
      apical bench --device cpp_standalone --device runtime:cython --hidden 500
    """
    examination = examine(quick=True)
    names, left_out = chosen(examination, devices)
    datasets.load(dataset)  # if it cannot be had, that is said once, and now
    these = cases(names, hidden, batch, trials, dataset)
    folder = out or _free()
    folder.mkdir(parents=True, exist_ok=True)  # where it cannot be made, that too is said now
    with BenchProgress(len(these), shown=not quiet) as bar:
        rows = measure_all(these, bar.update)
    write(folder, rows, left_out, examination)
    console = Console(highlight=False)
    console.print(_table(rows))
    for name, why in left_out.items():
        first = why.partition("; ")[0]
        console.print(f"Left out: {name}: {first}.", soft_wrap=True, markup=False)
    if left_out:
        console.print("'apical doctor' says more of what was left out.")
    console.print(no_gpu(examination, names), soft_wrap=True, markup=False)
    console.print(f"Table: {folder / TABLE}\nFigure: {folder / FIGURE}", soft_wrap=True)
    return int(any(row.problem for row in rows))


def _free() -> Path:
    folders = (Path("runs", f"bench-{k}" if k else "bench") for k in range(10**6))
    return next(folder for folder in folders if not folder.exists())


def _table(rows: list[Row]) -> Table:
    table = Table(title="Learning", title_justify="left")
    for column in ("network", "device"):
        table.add_column(column, no_wrap=True)
    for column in ("hidden", "batch", "trials/s", "memory", "compiling", "weights differ by"):
        table.add_column(column, justify="right", overflow="fold")
    for row in rows:
        case, found = row.case, row.measured
        start = (case.network, escape(case.name), f"{case.hidden:,}", f"{case.batch:,}")
        if found is None:
            table.add_row(*start, "[red]failed[/]", "", "", escape(row.problem))
            continue
        card = "" if found.card_mb is None else f", {found.card_mb:,.0f} MB on the card"
        differ = "" if row.difference is None else f"{row.difference:.1e} ({row.reference})"
        table.add_row(
            *start, f"{statistics.median(found.trials_per_second):,.0f}",
            f"{found.memory_mb:,.0f} MB{card}",
            f"{found.compile_seconds:.1f} s" if found.compile_seconds else "", escape(differ),
        )  # fmt: skip
    table.caption = (
        "trials/s: median of up to three blocks, learning included. weights differ by: the largest "
        "difference after the same trials, by the largest change (against which device)."
    )
    return table
