"""Machine-specific options of `apical run`: compiled programs and array libraries."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from apical._base.checking import shown
from apical.devices import DEVICES
from apical.runs.experiment import Experiment
from apical.runs.run import build

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = ("no_run", "capability", "prebuilt", "library", "place", "micro_batches", "patience")
"""Names of the options; they are no part of a run."""

BUILDERS = [device.name for device in DEVICES.values() if device.takes("programs")]
"""Devices whose programs can be built for another machine."""

# fmt: off
library_option = click.option(
    "--library", metavar="NAME",
    help="Array library of devices array, mpi and lockstep: numpy, torch, or torch:cuda for an "
    "NVIDIA GPU; numpy by default, and torch for backpropagation in spiking networks.")
"""Option --library of a command."""

_OPTIONS = [
    library_option,
    click.option("--no-run", is_flag=True,
                 help="Only compile the programs of the run; with --device cuda_standalone into "
                 "the folder --out, for another machine."),
    click.option("--capability", metavar="X.Y",
                 help="Compute capability to compile for, for instance 9.0, on device "
                 "cuda_standalone; by default that of the first graphics card here."),
    click.option("--place", metavar="POPULATION=RANK", multiple=True,
                 callback=lambda _, __, given: _placed(given),
                 help="Device mpi: rank of a population, for each population of neurons; by "
                 "default they are placed in order, by numbers of synapses."),
    click.option("--micro-batches", type=click.IntRange(1), metavar="N",
                 help="Device mpi: parts in which a batch passes the ranks, forward and backward "
                 "in turn (pipeline 1F1B), before they learn from all of it."),
    click.option("--patience", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
                 help="Device mpi: how long a rank waits for a message before the run ends; 25 s "
                 "by default."),
    click.option("--prebuilt", type=click.Path(path_type=Path), metavar="DIR",
                 help="Compile nothing: the programs are in DIR, from --no-run."),
]
# fmt: on


def program_options(command: F) -> F:
    """Add the machine-specific options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def taken(given: dict[str, Any], device: str | None, out: Path | None) -> dict[str, Any]:
    """Remove the options from `given`, and return the corresponding ones of `apical.simulate`."""
    no_run, capability, prebuilt, library, place, parts, patience = (given.pop(k) for k in OPTIONS)
    if no_run and prebuilt:
        raise click.UsageError("--no-run compiles and --prebuilt does not; choose one of them.")
    if capability and prebuilt:
        raise click.UsageError("--prebuilt compiles nothing; leave out --capability.")
    given_ones = {"capability": capability, "library": library}
    given_ones |= {"place": place, "micro_batches": parts, "patience": patience}
    found: dict[str, Any] = {name: value for name, value in given_ones.items() if value}
    if prebuilt:
        found |= {"programs": prebuilt.resolve(), "prebuilt": True}
    if no_run and device in BUILDERS and out is not None:
        found["programs"] = out.resolve()
    return found


def _placed(given: Sequence[str]) -> dict[str, int]:
    """Return ranks by the names of populations."""
    found = {}
    for text in given:
        name, _, rank = text.partition("=")
        if not name or not rank.isdecimal():
            raise click.BadParameter(
                f"must be a population and its rank, as in hidden_1=0, got {shown(text)}",
                param_hint="--place",
            )
        found[name] = int(rank)
    return found


def only_compiled(experiment: Experiment, building: dict[str, Any]) -> int:
    """Compile the programs of a run, and print where they are and how to run them."""
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
