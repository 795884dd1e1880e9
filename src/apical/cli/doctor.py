"""`apical doctor`: diagnose which devices are available on a machine."""

import json
import platform
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical._base.extras import EXTRAS, lacking
from apical.cli.kinds import show_kinds
from apical.devices.device import FOR_SPIKES
from apical.devices.diagnosis import Diagnosis, Examination, examine
from apical.devices.surroundings import installed


@click.command("doctor")
@click.option("--quick", is_flag=True, help="Only inspect the installation; run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print it in machine-readable form.")
@click.option(
    "--list",
    "lists",
    is_flag=True,
    help="Only list what is known of every kind: populations, wirings, devices, measures, ...",
)
def doctor_command(quick: bool, as_json: bool, lists: bool) -> int:
    """Diagnose which devices are available here, why others are not, and how to install them.

    Extras (optional dependencies) are listed with what each brings, and whether it is installed.

    Devices that seem available are tested: a minimal network is trained, or a minimal program is
    compiled and run. Neither a graphics card nor an internet connection is needed. The exit code is
    0 if the default device, cpp_standalone, is available, and 1 if not.

    \b
    Examples:
      apical doctor
      apical doctor --quick
      apical doctor --json > devices.json
      apical doctor --list
    """
    if lists:
        show_kinds()
        return 0
    with Console(stderr=True).status("looking") as status:
        found = examine(quick=quick, doing=lambda what: status.update(escape(what)))
    if as_json:
        click.echo(json.dumps(_as_dict(found), indent=2))
    else:
        _show(found)
    return int(not all(d.usable for d in found.devices if d.device == FOR_SPIKES))


def _show(found: Examination) -> None:
    console = Console(highlight=False)
    versions = [f"{name} {version or '-'}" for name, version in found.packages.items()]
    console.print(f"Python {platform.python_version()}, {', '.join(versions)}", markup=False)
    cards = [
        f"{c.name}, compute capability {c.capability or 'unknown'}, "
        f"{c.memory or '?'} MiB, driver {c.driver}"
        for c in found.gpus
    ]
    console.print(f"GPU: {'; '.join(cards) or f'none ({found.gpus_problem})'}", markup=False)
    table = Table(title="Devices", title_justify="left")
    table.add_column("device", style="bold", no_wrap=True)
    table.add_column("usable", no_wrap=True)
    table.add_column("what was found, or what is missing", overflow="fold")
    for d in found.devices:
        table.add_section()
        texts = [lack.what for lack in d.lacks] or [", ".join(d.found)]
        texts += [f"but {d.all_the_same}"] if d.all_the_same else []
        table.add_row(escape(_name(d)), _state(d), escape("\n".join(texts)))
    console.print(table)
    remedies: dict[str, list[str]] = {}  # what several devices lack is said once
    for d in found.devices:
        for remedy in dict.fromkeys(lack.remedy for lack in d.lacks if lack.remedy):
            remedies.setdefault(remedy, []).append(_name(d))
    if remedies:
        console.print("Commands that install what is missing, where there are any:")
    for remedy, names in remedies.items():  # below the table, where a command can be copied
        console.print(f"  {', '.join(names)}:\n    {remedy}", markup=False, soft_wrap=True)
    _show_extras(console)


def _show_extras(console: Console) -> None:
    table = Table(title="Extras: pip install 'apical[NAME]'", title_justify="left")
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("installed", no_wrap=True)
    table.add_column("what it brings", overflow="fold")
    for name, extra in EXTRAS.items():
        state = "[yellow]no[/]" if lacking(name) else "[green]yes[/]"
        packages = ", ".join(extra.packages)
        table.add_row(name, state, escape(f"{extra.brings} ({packages})"))
    others = ", ".join(name for name, extra in EXTRAS.items() if not extra.in_all)
    table.add_row("all", "", f"all of the above but {others}")
    console.print(table)


def _name(d: Diagnosis) -> str:
    return f"{d.device} {d.form}".strip()


def _state(d: Diagnosis) -> str:
    if not d.usable:
        return "[red]no[/]"
    return "[green]yes, tried[/]" if d.tried else "[yellow]seems so[/]"


def _as_dict(found: Examination) -> dict[str, Any]:
    kit = found.toolkit
    return {
        "python": platform.python_version(),
        "packages": dict(found.packages),
        "extras": {
            name: {"brings": extra.brings, "packages": {p: installed(p) for p in extra.packages}}
            for name, extra in EXTRAS.items()
        },
        "gpus": [vars(card) for card in found.gpus],
        "gpus_problem": found.gpus_problem,
        "cuda": None
        if kit is None
        else {
            "nvcc": str(kit.nvcc),
            "version": kit.version,
            "problem": kit.problem,
            "curand_header": kit.header and str(kit.header),
            "curand_library": kit.library and str(kit.library),
        },
        "devices": [
            {
                "device": d.device,
                "form": d.form,
                "usable": d.usable,
                "tried": d.tried,
                "found": list(d.found),
                "reason": d.reason,
                "lacks": [vars(x) for x in d.lacks],
                "all_the_same": d.all_the_same,
            }
            for d in found.devices
        ],
    }
