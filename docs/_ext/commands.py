"""The command line, from click: every command with its arguments, options and examples."""

import inspect
from collections.abc import Iterator

import click
from tables import escaped

from apical.cli import app
from apical.scripts import models

SHOWN = "spiking_dfa"
"""The model whose own options are shown as an example."""

LEAD = """# Command line

Run a model, look at what it did, compare, sweep, export: every command of `apical` with its
options, as `apical COMMAND --help` prints them. A command ends with exit code 0 if it did what it
was asked, and with 2 and one line on the error if not; [](errors.md) has all codes.

"""


def told(text: str | None) -> Iterator[str]:
    """Yield the paragraphs of a help text as Markdown; examples as blocks of commands."""
    for part in inspect.cleandoc(text or "").split("\n\n"):
        lines = part.splitlines()
        if lines[:1] != ["\b"]:
            yield escaped(" ".join(lines))
        elif any(line.strip().startswith("apical ") for line in lines):
            yield f"{lines[1]}\n\n" + fenced("\n".join(map(str.strip, lines[2:])), "bash")
        else:
            yield fenced("\n".join(lines[1:]), "text")


def fenced(text: str, language: str) -> str:
    """Return a block of code; what follows two blanks in a line of examples is a comment."""
    if language == "bash":
        text = "\n".join(
            line
            if "   " not in line
            else "  # ".join(part.strip() for part in line.split("   ", 1))
            for line in text.splitlines()
        )
    return f"```{language}\n{text}\n```"


def options(parameters: list[click.Parameter], context: click.Context) -> Iterator[str]:
    """Yield options as a definition list."""
    for parameter in parameters:
        record = parameter.get_help_record(context)
        if record and record[1]:
            yield f"`{record[0]}`\n: {escaped(record[1])}\n"


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield every command, those of groups too: its name, itself, and its context."""
    root = click.Context(app.commands, info_name="apical", **app.CONTEXT)
    waiting: list[tuple[str, click.Command, click.Context]] = [("apical", app.commands, root)]
    while waiting:
        name, command, context = waiting.pop(0)
        yield name, command, context
        if isinstance(command, click.Group):
            for short in command.list_commands(context):
                inner = command.get_command(context, short)
                assert inner is not None
                below = click.Context(inner, context, info_name=short)
                waiting.append((f"{name} {short}", inner, below))


def section(name: str, command: click.Command, context: click.Context) -> str:
    """Return what is said of a command."""
    usage = command.get_usage(context).removeprefix("Usage: ")
    parts = [f"## {name}", fenced(" ".join(usage.split()), "text"), *told(command.help)]
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        parts += ["Commands: " + ", ".join(f"`{name} {short}`" for short in names) + "."]
    parts += ["**Options**", "\n".join(options(command.get_params(context), context))]
    return "\n\n".join(parts)


def of_model() -> str:
    """Return what is said of the options that a model adds."""
    model = models.load(SHOWN)
    command = app.commands.get_command(click.Context(app.commands), "run")
    assert command is not None
    context = click.Context(command, info_name="apical run", **app.CONTEXT)
    context.meta["model"] = model
    names = {option.name for option in model.options}
    added = [one for one in command.get_params(context) if one.name in names]
    return (
        "## Options of a model\n\n`apical run MODEL` and `apical check MODEL` take the options of "
        "the model besides: each keyword argument of its function `build`, with its default. "
        f"`apical run {SHOWN} --help` lists those of `{SHOWN}` last:\n\n"
        + "\n".join(options(added, context))
        + f"\n```bash\napical run {SHOWN} --hidden 100 --epochs 1\n```\n"
    )


def pages() -> dict[str, str]:
    """Return the page of the command line."""
    sections = "\n\n".join(section(*each) for each in commands())
    return {"reference/generated/commands.md": f"{LEAD}{sections}\n\n{of_model()}"}
