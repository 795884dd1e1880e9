"""`apical completion`: the script that lets a shell complete commands, options and names."""

import os
from pathlib import Path

import click
from click.shell_completion import ShellComplete, get_completion_class

from apical.cli.protocol import COMPLETE

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion_command(shell: str | None) -> None:
    """Print the script by which a SHELL completes apical: bash, zsh or fish.

    Without SHELL, it is that of the environment variable SHELL. Commands, options, models, data
    sets, devices, hypotheses, wirings, measures and run directories are completed.

    \b
    Examples, once for each shell; then begin a new one:
      apical completion bash >> ~/.bashrc
      apical completion zsh > ~/.zfunc/_apical     with  fpath+=~/.zfunc  before compinit
      apical completion fish > ~/.config/fish/completions/apical.fish
    """
    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise click.UsageError(f"Which shell? Name one of {', '.join(SHELLS)}.")
    kind = get_completion_class(name)
    assert kind is not None  # click knows all three
    # not that of the class, which runs bash to see its version
    click.echo(ShellComplete.source(kind(click.Command("apical"), {}, "apical", COMPLETE)))
