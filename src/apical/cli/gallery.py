"""`apical gallery`: list and check the published results that are reproduced."""

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical.cli.model_options import jobs_option
from apical.errors import ClaimError
from apical.scripts import gallery
from apical.sweeps.parallel import checks_in_parallel


@click.command("gallery")
@click.argument("scripts", nargs=-1)
@click.option("--quick", is_flag=True, help="Check each claim in seconds, on small data.")
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the table into this Markdown file, between its lines "
    f"{gallery.MARKS[0]} and {gallery.MARKS[1]}.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="runs/gallery",
    show_default=True,
    help="Folder for the figures of the checks.",
)
@jobs_option("checks")
def gallery_command(
    scripts: tuple[str, ...], quick: bool, markdown: Path | None, out: Path, jobs: int
) -> int:
    """List the published results that the scripts of the gallery reproduce.

    With --quick each SCRIPT (all by default) also checks its claim on small data: exit code 2 if
    one does not hold. The results listed are at full size, by the commands in the script.

    \b
    Examples:
      apical gallery
      apical gallery --quick
      apical gallery Lillicrap_2016_linear --quick
    """
    console, names = Console(), list(scripts or gallery.scripts())
    if quick and min(jobs, len(names)) > 1:
        lines = checks_in_parallel(names, out, jobs)
    else:
        lines = []
        for name in names:
            with console.status(name):
                lines.append(gallery.entry(name, out if quick else None))
    if not lines:
        click.echo("No script here is part of the gallery.")
        return 0
    table = Table(title="Gallery", show_lines=True)
    for column in gallery.columns(quick=quick):
        table.add_column(column, overflow="fold", justify="right" if column == "s" else "left")
    for line in lines:
        table.add_row(*map(escape, gallery.cells(line)))
    console.print(table)
    if markdown is not None:
        gallery.write(markdown, gallery.markdown(lines))
    failed = [line.name for line in lines if line.finding and not line.finding.holds]
    if failed:
        raise ClaimError(
            f"The quick check does not reproduce the claim of {', '.join(failed)}; see the table, "
            "and run the script at full size."
        )
    return 0
