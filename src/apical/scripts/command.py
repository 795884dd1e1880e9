"""The command of a study: a script that compares networks, and can check its claim in seconds."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from apical.scripts import gallery, studies


def study(
    exhibit: gallery.Exhibit, *, files: str, on: str = ""
) -> Callable[[Callable[..., str | None]], click.Command]:
    """Return what makes a command of the function that runs a study at full size.

    Its help is the first line of the script's docstring. To the options of the function come
    ``--quick``, which checks the claim instead of running it, and ``--out``, the folder `out` that
    the function is given: it is made before, and is called like the script by default. At the end
    the command says where the results are. What the function returns is what to call them there,
    for instance ``"Figure"``; None stands for ``"Figure and table"``.

    Parameters
    ----------
    exhibit
        The claim.
    files
        What the function writes into the folder, for the help.
    on
        On which data the quick check is made, for the help.
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
