"""`apical sweep`: run a factorial design of hyperparameters and seeds."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from apical.cli import tables
from apical.cli.interruption import interruptible
from apical.runs.run import Stopped
from apical.sweeps.tables import MARKDOWN, Report


@click.command("sweep", no_args_is_help=True)
@click.argument("design", metavar="EXPERIMENT.TOML", type=click.Path(path_type=Path))
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Worker processes on this machine; one for each processor by default.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Dask scheduler to run on instead, for instance tls://host:8786; its workers "
    "need --nthreads 1 and the same files. Whoever reaches a tcp:// address can run code as you.",
)
@click.option(
    "--metric", help="Column of the results to report; the test accuracy, or R2, by default."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the sweep; runs/NAME-OF-THE-FILE by default. Runs that are finished "
    "there are not repeated.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def sweep_command(
    design: Path,
    workers: int | None,
    scheduler: str | None,
    metric: str | None,
    out: Path | None,
    quiet: bool,
) -> int:
    """Run every combination of factors with every seed in parallel, and compare the results.

    The same command resumes a sweep that was stopped, killed, or extended by levels or seeds.
    Failed runs are tried again. The exit code is 1 if some failed.

    \b
    Example of a file:
      seeds = 5
      baseline = { wiring = "bp" }
      [experiment]
      model = "Nokland_2016_mnist"
      epochs = 5
      [experiment.options]
      layers = 1
      [factors]
      wiring = ["bp", "fa", "dfa"]
      hidden = [50, 100]
    """
    from apical.sweeps import read_design, report, sweep

    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers are started on this machine; --scheduler has its own.")
    described = read_design(design)
    folder = out or Path("runs") / design.stem
    with interruptible() as stop:
        try:
            results = sweep(
                described,
                folder,
                workers=workers,
                scheduler=scheduler,
                progress=not quiet,
                stop=stop,
            )
        except Stopped:
            Console().print("Stopped after checkpoints. Resume with the same command.")
            return stop.code
    failed = results[results["status"] == "failed"]
    for row in failed.itertuples():
        click.echo(f"apical: {row.run} failed: {row.error}", err=True)
    if len(failed) < len(results):
        found = report(results, tuple(described.factors), described.baseline, metric)
        _show(found, folder, found.write(folder))
    return 1 if len(failed) else 0


def _show(found: Report, folder: Path, files: list[Path]) -> None:
    console: Any = Console(highlight=False)
    kept = [*found.factors, *(name for name in found.table.columns if name not in found.factors)]
    if "seeds" in kept:  # the value and its interval matter more
        kept.append(kept.pop(kept.index("seeds")))
    rows = found.table[kept].to_dict("records")
    tables.show(rows, "", file=str(folder / MARKDOWN), caption=found.caption, console=console)
    compiled = int((found.results.get("compile_seconds", 0) > 0).sum())
    console.print(f"{len(found.results)} runs, {compiled} programs compiled", soft_wrap=True)
    for file in [folder / "results.parquet", *files]:
        console.print(f"  {file}", soft_wrap=True)
