"""The table of completions, made of the real commands: ``python -m apical.cli.tabulating``."""

import inspect
import json
from collections.abc import Mapping
from typing import Any

import click

from apical._base.registry import GROUP
from apical._base.whole_files import write_whole
from apical.cli.answering import TABLE
from apical.cli.app import commands
from apical.cli.kinds import registries

NAMES: Mapping[str, str] = {
    "dataset": "data",
    "device": "device",
    "devices": "device",
    "hypothesis": "hypotheses",
    "measure": "measures",
    "model": "model",
    "resume_from": "run",
    "run": "run",
    "runs": "run",
    "what": "run or model",
    "wirings": "wirings",
}
"""What the value of a parameter names, by the name of the parameter."""

OF: Mapping[tuple[str, str], str] = {
    ("get", "name"): "data",
    ("path", "name"): "data",
    ("export", "kind"): "exporter",
    ("analyze", "against"): "run",
}
"""The same, for a parameter of one command."""

CHOICES: Mapping[str, tuple[str, ...]] = {"library": ("numpy", "torch", "torch:cuda")}
"""Values of parameters that take any text, as far as they are known."""

SHORT = 60
"""Characters of an option's help that are shown beside a completion."""


def tabulated() -> dict[str, Any]:
    """Return the table: commands with their parameters, and names of registered objects."""
    return {
        "commands": _told("apical", commands, click.Context(commands)),
        "registries": {
            registry.plural.replace(" ", "_"): {
                "group": registry.group,
                "names": [n for n in registry.names if _is_own(registry[n])],
            }
            for registry in registries()
        },
    }


def written() -> bytes:
    """Return the table as it is stored."""
    return (json.dumps(tabulated(), indent=1) + "\n").encode()


def _is_own(value: Any) -> bool:
    """Say whether a registered object is of this package: those of others differ by machine."""
    made = getattr(value, "__module__", "") or type(value).__module__
    return str(made).partition(".")[0] == GROUP


def _told(name: str, command: click.Command, context: click.Context) -> dict[str, Any]:
    told: dict[str, Any] = {
        "help": _help(command),
        "parameters": [
            _parameter(name, parameter, whole=isinstance(command, click.Group))
            for parameter in command.params
            if not getattr(parameter, "hidden", False)
        ],
    }
    if isinstance(command, click.Group):
        below = {
            inner: command.get_command(context, inner) for inner in command.list_commands(context)
        }
        told["commands"] = {
            inner: _told(inner, found, click.Context(found, context, inner))
            for inner, found in below.items()
            if found is not None
        }
    return told


def _help(command: click.Command) -> str:
    """Return the help text: all of a group's, which is shown from here, and how others begin."""
    whole = inspect.cleandoc(command.help or "")
    return whole if isinstance(command, click.Group) else whole.partition("\n\n")[0]


def _parameter(command: str, parameter: click.Parameter, *, whole: bool) -> dict[str, Any]:
    name = str(parameter.name)
    told: dict[str, Any] = {"name": name}
    if isinstance(parameter, click.Option):
        told["options"] = [*parameter.opts, *parameter.secondary_opts]
        text = parameter.help or ""
        told["help"] = text if whole else _first_sentence(text)
        told["flag"], told["multiple"] = parameter.is_flag, parameter.multiple
    if parameter.nargs != 1:
        told["nargs"] = parameter.nargs
    kind = OF.get((command, name)) or NAMES.get(name, "")
    if not kind and isinstance(parameter.type, click.Path):
        kind = "folder" if not parameter.type.file_okay else "file"
    if kind:
        told["kind"] = kind
    elif isinstance(parameter.type, click.Choice):
        told["choices"] = [str(choice) for choice in parameter.type.choices]
    elif name in CHOICES:
        told["choices"] = [*CHOICES[name]]
    return {key: value for key, value in told.items() if value is not False}


def _first_sentence(text: str) -> str:
    """Return the first sentence of a help text, or as much of it as fits."""
    sentence = " ".join(text.split()).partition(". ")[0].rstrip(".")
    return sentence if len(sentence) <= SHORT else f"{sentence[: SHORT - 1].rstrip()}…"


if __name__ == "__main__":
    write_whole(TABLE, written())
    print(f"Written: {TABLE.name}")
