"""Options of `apical run` that belong to a machine, not to the run: programs, array libraries."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from apical.devices import DEVICES
from apical.runs.experiment import Experiment
from apical.runs.run import build

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = ("no_run", "capability", "prebuilt", "library")
"""Names of the options; they are no part of a run."""

BUILDERS = [device.name for device in DEVICES.values() if device.takes("programs")]
"""Devices whose programs can be built for another machine."""

# fmt: off
_OPTIONS = [
    click.option("--library", metavar="NAME",
                 help="Whose arrays device array works with: numpy, torch, or torch:cuda for an "
                 "NVIDIA GPU; numpy by default."),
    click.option("--no-run", is_flag=True,
                 help="Only compile what the run needs; with --device cuda_standalone into the "
                 "folder --out, for another machine."),
    click.option("--capability", metavar="X.Y",
                 help="Compute capability to compile for, for instance 9.0, on device "
                 "cuda_standalone; by default that of the first graphics card here."),
    click.option("--prebuilt", type=click.Path(path_type=Path), metavar="DIR",
                 help="Compile nothing: the programs are in DIR, from --no-run."),
]
# fmt: on


def program_options(command: F) -> F:
    """Give a command the options that say what to run on, more closely than its device does."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def taken(given: dict[str, Any], device: str | None, out: Path | None) -> dict[str, Any]:
    """Take the options out of `given`; return those of `apical.simulate` that they stand for."""
    no_run, capability, prebuilt, library = (given.pop(name) for name in OPTIONS)
    if no_run and prebuilt:
        raise click.UsageError("--no-run compiles and --prebuilt does not; choose one of them.")
    if capability and prebuilt:
        raise click.UsageError("--prebuilt compiles nothing; leave out --capability.")
    given_ones = {"capability": capability, "library": library}
    found: dict[str, Any] = {name: value for name, value in given_ones.items() if value}
    if prebuilt:
        found |= {"programs": prebuilt.resolve(), "prebuilt": True}
    if no_run and device in BUILDERS and out is not None:
        found["programs"] = out.resolve()
    return found


def only_compiled(experiment: Experiment, building: dict[str, Any]) -> int:
    """Compile what a run needs, and say where it is and how to run it."""
    programs = build(experiment, building)
    click.echo("Compiled, not run:")
    for program in programs:
        click.echo(f"  {program}")
    if experiment.device in BUILDERS:
        click.echo(
            "Run it where the graphics card is, with the same MODEL and options:\n"
            f"  apical run ... --device {experiment.device} --prebuilt {programs[0].parent}"
        )
    return 0
