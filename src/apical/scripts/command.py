"""Command-line interface of a study, with a quick check of its claim."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from apical.scripts import gallery, studies


def study(
    exhibit: gallery.Exhibit, *, files: str, on: str = ""
) -> Callable[[Callable[..., str | None]], click.Command]:
    """Return a decorator that makes a command of the function that runs a study at full size.

    Its help is the first line of the script's docstring. In addition to the options of the function
    there are ``--quick``, which checks the claim instead, and ``--out``, the output folder, which
    is created and passed to the function as `out`; its default is named after the script. At the
    end the command prints the folder. The function may return a name for the results, for instance
    ``"Figure"``; None means ``"Figure and table"``.

    Parameters
    ----------
    exhibit
        The claim.
    files
        Files that the function writes, for the help.
    on
        Data of the quick check, for the help.

    Examples
    --------
    What the scripts of the gallery do with it:

    >>> from apical.scripts import models
    >>> main = models.imported(models.find("Maas_2013_dead_units")).main
    >>> main.help
    'Dead units: large steps kill ReLU units, deep narrow stacks are born dead; leaky slopes help.'
    >>> [parameter.name for parameter in main.params][:2]
    ['out', 'quickly']
    """
    where = f", on {on}" if on else ""

    def made(full: Callable[..., str | None]) -> click.Command:
        script = full.__globals__

        @wraps(full)
        def main(quickly: bool, out: Path, **options: Any) -> None:
            if quickly:
                click.echo(gallery.checked(exhibit, out))
            else:
                results = full(out=studies.folder(out), **options) or "Figure and table"
                click.echo(f"{results}: {out}")

        quick = click.option(
            "--quick", "quickly", is_flag=True, help=f"Check the claim in seconds{where}."
        )
        folder = click.option(
            "--out",
            type=click.Path(path_type=Path),
            show_default=True,
            default=f"runs/{Path(script['__file__']).stem}",
            help=f"Folder for {files}.",
        )
        return click.command(help=(script["__doc__"] or "").partition("\n")[0])(folder(quick(main)))

    return made
