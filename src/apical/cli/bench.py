"""`apical bench`: benchmark the devices of a machine."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical._base.checking import shown
from apical._base.progress import BenchProgress
from apical.bench.benchmarks import TABLE, Row, cases, chosen, measure_all, no_gpu, write
from apical.bench.figure import FIGURE, draw
from apical.bench.worker import MODELS, Case
from apical.cli.model_options import experiment_options
from apical.devices.diagnosis import examine


def _numbers(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(dict.fromkeys(int(part) for part in text.split(",")))
        if min(numbers) < 1:
            raise ValueError
    except ValueError:
        raise click.BadParameter(
            f"must be whole numbers from 1 on, joined by commas, got {shown(text)}"
        ) from None
    return numbers


@click.command("bench")
@click.option(
    "--device",
    "devices",
    multiple=True,
    help="Device to measure, for instance cpp_standalone, array or array:torch:cuda; may be "
    "repeated. By default all that are available.",
)
@click.option(
    "--hidden",
    default="200,2000,20000",
    show_default=True,
    callback=_numbers,
    help="Numbers of hidden neurons, joined by commas.",
)
@click.option(
    "--batch",
    default="1,32,256",
    show_default=True,
    callback=_numbers,
    help="Batch sizes on device array (trials per weight update), joined by commas.",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=5000,
    show_default=True,
    help="Largest number of trials in a timed block; each takes up to 0.7 s.",
)
@experiment_options("dataset", "scale")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder for {TABLE} and {FIGURE}; runs/bench... by default.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def bench_command(
    devices: tuple[str, ...],
    hidden: tuple[int, ...],
    batch: tuple[int, ...],
    trials: int,
    dataset: str,
    scale: float | None,
    out: Path | None,
    quiet: bool,
) -> int:
    """Benchmark training speed on the devices of this machine, and compare their results.

    A spiking and a rate network learn the same trials on every device: throughput (trials per
    second), peak memory, and the difference in weights after the same trials. Unavailable devices
    are skipped and named. On two idle processors it takes a few minutes; Ctrl-C ends it and keeps
    the measurements made. The exit code is 1 if a measurement failed.

    \b
    Examples:
      apical bench
      apical bench --hidden 200,2000 --batch 100
      apical bench --device array --dataset mnist --batch 32,256
      apical bench --device cpp_standalone --device runtime:cython --hidden 500
    """
    examination = examine(quick=True)
    names, left_out = chosen(examination, devices)
    these, refused = cases(names, hidden, batch, trials, dataset, scale)
    folder = out or _free()
    folder.mkdir(parents=True, exist_ok=True)  # where it cannot be made, that too is said now
    rows: list[Row] = []
    with BenchProgress(len(these), shown=not quiet) as bar:
        try:
            for row in measure_all(these, bar.update):
                rows.append(row)
        except KeyboardInterrupt:
            bar.describe("stopped")
    not_done = left_out | refused | _not_reached(these[len(rows) :])
    write(folder, rows, not_done, examination)
    is_drawn, console = draw(rows, folder), Console(highlight=False)
    for network in MODELS:
        if of_it := [row for row in rows if row.case.network == network]:
            console.print(_table(network, of_it))
    for line in _lines(len(rows), len(these), left_out, refused):
        console.print(line, soft_wrap=True, markup=False)
    console.print(no_gpu(examination, names), soft_wrap=True, markup=False)
    console.print(f"Table: {folder / TABLE}", soft_wrap=True, markup=False)
    if is_drawn:
        console.print(f"Figure: {folder / FIGURE}", soft_wrap=True, markup=False)
    return 130 if len(rows) < len(these) else int(any(row.problem for row in rows))


def _lines(
    n_done: int, n_wanted: int, left_out: Mapping[str, str], refused: Mapping[str, str]
) -> Iterator[str]:
    """Yield the remarks below the tables."""
    if n_done:
        yield EXPLAINED
    if n_done < n_wanted:
        yield f"Interrupted: {n_done} of {n_wanted} measurements were made."
    for name, why in {**left_out, **refused}.items():
        yield f"Left out: {name}: {why.partition('; ')[0].rstrip('.')}."
    if left_out:
        yield "'apical doctor' explains why devices were left out."


def _not_reached(these: list[Case]) -> dict[str, str]:
    """Return the measurements that were skipped after Ctrl-C."""
    counts = Counter(case.name for case in these)
    return {f"{name}, {n} measurements": "stopped" for name, n in counts.items()}


EXPLAINED = (
    "trials/s: median of up to three blocks, with learning on. differ: largest difference of\n"
    "weights from the first device that learned the same trials, relative to the largest change."
)


def _free() -> Path:
    folders = (Path("runs", f"bench-{k}" if k else "bench") for k in range(10**6))
    return next(folder for folder in folders if not folder.exists())


def _table(network: str, rows: list[Row]) -> Table:
    cards = any(row.measured and row.measured.card_mb is not None for row in rows)
    table = Table(title=TITLES[network], title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column("device", no_wrap=True)
    memory = ("host MB", "GPU MB") if cards else ("host MB",)
    for column in ("hidden", "batch", "trials/s", *memory, "compiling"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("differ", justify="right", overflow="fold")
    for row, after in zip_longest(rows, rows[1:]):
        case, found = row.case, row.measured
        cells = [escape(case.name), f"{case.hidden:,}", f"{case.batch:,}"]
        if found is None:
            cells += ["[red]failed[/]", *(["", "", ""] if cards else ["", ""]), escape(row.problem)]
        else:
            card = "" if found.card_mb is None else f"{found.card_mb:,.0f}"
            speed = statistics.median(found.trials_per_second)
            cells += [
                f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}",
                f"{found.memory_mb:,.0f}",
                *([card] if cards else []),
                f"{found.compile_seconds:.1f} s" if found.compile_seconds else "",
                "" if row.difference is None else f"{row.difference:.1e}",
            ]
        table.add_row(*cells, end_section=bool(after and after.case.hidden != case.hidden))
    return table


TITLES = {"spiking": "Training a spiking network", "rate": "Training a rate network"}
