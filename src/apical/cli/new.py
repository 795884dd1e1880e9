"""`apical new`: write a model script from a template."""

import click

from apical.scripts.templates import USUAL, about, templates, write


def _listed() -> str:
    lines = (f"      {name:10} {about(path)}" for name, path in templates().items())
    return "\n".join(["\b", "    Templates:", *lines])


@click.command(
    "new",
    no_args_is_help=True,
    help=f"""Write a model script NAME.py, to begin with, in this folder.

    It runs at once, has options of its own, and comments say what to change. A file that is there
    is never overwritten.

    {_listed()}

    \b
    Examples:
      apical new mine
      apical new mine_in_time --template recurrent
    """,
)
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(tuple(templates())),
    default=USUAL,
    show_default=True,
    help="What to begin with.",
)
def new_command(name: str, template: str) -> None:
    """Write a model script from a template, and say what to do with it."""
    path = write(name, template)
    click.echo(
        f"Written: {path}, from the template {template!r}. Next:\n"
        f"  apical check {path}        which information its learning needs\n"
        f"  apical run {path}          train it on digits\n"
        f"  apical run {path} --help   its options; edit the file to change the network"
    )
