"""Misspelt commands and options: one line that says which one was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import IO, Any

import click

from apical._base.checking import shown


class UnknownName(click.UsageError):
    """A command or option that does not exist; shown as one line, without the usage."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"apical: {self.format_message()}", file=file, err=True)


class Group(click.Group):
    """Group of commands that says which one was probably meant."""

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument, or raise and say which there is."""
        name = args[0]
        is_option = name.startswith("-")
        if not is_option and not context.resilient_parsing and not self.get_command(context, name):
            path = context.command_path
            said = _meant(name, self.list_commands(context), f"'{path} --help' lists all")
            raise UnknownName(f"There is no command {shown(f'{path} {name}')}{said}", context)
        return super().resolve_command(context, args)


def unknown_option(error: click.NoSuchOption) -> UnknownName:
    """Return what to say of an option that does not exist.

    Parameters
    ----------
    error
        What click says of it.
    """
    context = error.ctx
    if context is None:
        return UnknownName(error.format_message())
    known = [
        name
        for option in context.command.get_params(context)
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--")
    ]
    path = context.command_path
    said = _meant(error.option_name, known, f"'{path} --help' lists all")
    return UnknownName(f"'{path}' has no option {shown(error.option_name)}{said}", context)


def _meant(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the end of a message: what was probably meant, or where everything is listed."""
    near = get_close_matches(name[:80], list(known), 1)
    return f". Did you mean {near[0]!r}?" if near else f"; {otherwise}."
