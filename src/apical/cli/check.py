"""`apical check`: the plausibility scorecard of a model's learning."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical.cli.catalogue import show_catalogue
from apical.cli.model_options import ModelCommand, experiment_of, experiment_options
from apical.devices import Block, simulate
from apical.errors import LocalityError, ScriptError
from apical.locality_check.subject import Make, guarded
from apical.locality_check.synapses import disturb
from apical.plausibility import ASPECTS, Finding, Scorecard
from apical.runs.experiment import Prepared, prepare
from apical.scripts import models

COLOURS = {
    "local": "green",
    "noted": "blue",
    "broadcast": "yellow",
    "idealised": "cyan",
    "doubtful": "bold magenta",
    "not local": "bold red",
}


SHOWN = 6
"""Number of training samples shown in a dynamic check, over and over."""


@click.command("check", cls=ModelCommand, no_args_is_help=True)
@click.argument("model", required=False)
@click.option("--all", "every", is_flag=True, help="One table of every shipped model instead.")
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --all: also write the table to a CSV file.",
)
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --all: also write the table as a page of Markdown.",
)
@click.option(
    "--measure",
    type=click.Choice(["rates", "all"]),
    help="With --all: first train those networks on digits whose accuracy or cost nobody measured, "
    "rate networks or spiking ones too, and add them to models/measured.csv.",
)
@click.option(
    "--dynamic",
    is_flag=True,
    help="Also run it: perturb single neurons and synapses, labels and later trials, and test what "
    "differs. Takes up to a minute.",
)
@click.option(
    "--make",
    "script",
    metavar="FILE.py:NAME",
    help="With --dynamic: a function that makes the simulator, called as apical.simulate is, so "
    "that what a script does afterwards is tested too; by default the function 'make' of the "
    "MODEL script if there is one.",
)
@click.option("--thorough", is_flag=True, help="With --dynamic: take up to ten times as long.")
@click.option("--json", "as_json", is_flag=True, help="Print it in machine-readable form.")
@experiment_options(
    "hypothesis", "dataset", "data_dir", "scale", "seed", "batch", "final_rate", "dtype"
)
@click.pass_context
def check_command(
    context: click.Context,
    model: str | None,
    dynamic: bool,
    script: str | None,
    thorough: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Print the plausibility scorecard of a MODEL script: which information its learning needs.

    MODEL is a name that 'apical models' lists, or the path of a script. 'apical check MODEL --help'
    also lists the model's own options. The exit code is 0 if learning is local, that is, all
    information is available where it is used, and 1 if not.

    \b
    Levels:
      local      available at the synapse
      noted      a number or a fact that no criterion judges
      broadcast  needs a global signal, the same at every synapse
      idealised  local, but no neuron is known to do it
      doubtful   a description that is probably a mistake
      not local  needs information that no synapse has

    \b
    Examples:
      apical check spiking_dfa
      apical check rate_dfa --wiring bp --dynamic
      apical check rate_dfa --dynamic --make my_script.py:make
      apical check spiking_dfa --update online --json > scorecard.json
      apical check --all --csv catalogue.csv
    """
    of_all = {name: given.pop(name) for name in ("table", "markdown", "measure")}
    if given.pop("every"):
        if model is not None or dynamic or as_json:
            raise click.UsageError("--all takes no MODEL, --dynamic or --json; try --csv.")
        show_catalogue(COLOURS, **of_all)
        return 0
    if model is None:
        raise click.UsageError("Which MODEL? 'apical models' lists them; --all takes every one.")
    if any(of_all.values()):
        raise click.UsageError("--csv, --markdown and --measure are for --all.")
    loaded: models.Model = context.meta["model"]
    if not dynamic and (script or thorough):
        raise click.UsageError("--make and --thorough are for --dynamic; add that.")
    prepared = prepare(experiment_of(loaded, given))
    card, found = prepared.scorecard, None
    if dynamic:
        make = _made_by(script, loaded)
        block = Block.of_samples(prepared.data.train, slice(0, SHOWN))
        values = np.asarray(block.values)
        labels = np.asarray(block.targets if block.labels is None else block.labels)
        try:
            with Console(stderr=True).status("perturbing neurons and synapses"):
                found = disturb(prepared.network, values, labels, make=make, thorough=thorough)
        except LocalityError as error:
            if card.is_local:  # else no device runs it, and the scorecard says why
                raise
            click.echo(f"Not perturbed: {error.message}", err=True)
    if as_json:
        _print_json(prepared, card, found)
    else:
        _show(card, f"{loaded.name}: information that learning needs")
        if found:
            _show(found, f"{loaded.name}: what perturbations changed")
    return int(not (card.is_local and (found is None or found.is_local)))


def _print_json(prepared: Prepared, card: Scorecard, found: Scorecard | None) -> None:
    e = prepared.experiment
    about = {
        "model": prepared.model.name,
        "options": dict(e.options),
        "hypothesis": e.hypothesis,
        "dataset": prepared.data.name,
        "seed": e.seed,
    }
    tested = {"dynamic": found.as_dict()} if found else {}
    click.echo(json.dumps(about | card.as_dict() | tested, indent=2))


def _made_by(script: str | None, loaded: models.Model) -> Make:
    """Return what makes simulators: a function of a script, or `apical.simulate`."""
    if script is None:
        own = loaded.build.__globals__.get("make")
        is_its_own = getattr(own, "__module__", None) == loaded.build.__module__
        return own if callable(own) and is_its_own else simulate
    path, _, name = script.rpartition(":")
    if not path or not Path(path).is_file():
        whole = f"; write '{script}:make', or what the function is called"
        lacks = f", and there is no file {path!r}; correct the path" if path else whole
        raise ScriptError(
            f"--make needs FILE.py:NAME, a script and a function in it, got {script!r}{lacks}.",
            object="--make",
        )
    with guarded(f"The script {path}"):
        module = models.imported(Path(path).resolve())
    make: Make | None = getattr(module, name, None)
    if not callable(make):
        raise ScriptError(
            f"{path} has no function {name!r}; name one that is called as apical.simulate is, and "
            "returns a simulator.",
            object="--make",
        )
    return make


def _show(card: Scorecard, title: str) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("level", no_wrap=True)
    table.add_column("what", overflow="fold", min_width=18)
    table.add_column("why, and where it was described", overflow="fold")
    for aspect in ASPECTS:
        found = card.about(aspect)
        if found:
            table.add_section()
            criterion, source = found[0].criterion, found[0].source
            asked = f"[dim]{escape(criterion)}{f' ({escape(source)})' if source else ''}[/]"
            table.add_row("", f"[bold]{aspect}", asked)
        for alike in _alike(found):
            f = alike[0]
            places = ", ".join(dict.fromkeys(each.place for each in alike if each.place))
            table.add_row(
                f"[{COLOURS[f.level]}]{f.level}",
                escape(", ".join(each.subject for each in alike)),
                escape(f.reason) + (f" [dim]({escape(places)})[/]" if places else ""),
            )
    console = Console(highlight=False)
    console.print(table)
    verdict = "[green]local[/]" if card.is_local else "[bold red]not local[/]"
    console.print(f"{verdict}: {_verdict(card)}.", soft_wrap=True)
    for level, counted in card.levels.items():
        colour = COLOURS[level]
        aspects = ", ".join(counted["aspects"])
        said = f"  [{colour}]{counted['count']} {level}[/]: {counted['meaning']} ({aspects})"
        console.print(said, soft_wrap=True)
    for f in (*card.about_level("doubtful"), *card.faults):  # repeated at the end of the output
        console.print(f"  {f.aspect}: {f.subject}: {f.reason}", soft_wrap=True, markup=False)


def _alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return findings of one aspect in groups that say the same."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.level, finding.reason), []).append(finding)
    return list(groups.values())


def _verdict(card: Scorecard) -> str:
    """Say what the verdict rests on."""
    if card.is_local:
        return "no line needs information that no synapse has"
    one = len(card.faults) == 1
    return f"{len(card.faults)} {'line needs' if one else 'lines need'} what no synapse has"
