"""All benchmarks that need no other program, in a quarter of an hour: ``make bench``.

    python benchmarks/suites.py            # --only cli: one of them

Runs the suites one after the other with few repeats, and writes the ratios that they measure, with
facts about the machine, as ``results/machines/MACHINE.json``: a file for each processor,
instruction set and number of processors. Ratios to something measured in the same run say more than
times, which change with the machine. They are compared with what is there already: those that are
more than a tenth larger are named, and the command then ends with exit code 1. Tables in the
documentation come from the full benchmarks, not from here.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from report import console, machine
from rich.table import Table

HERE = Path(__file__).parent
KEPT = HERE / "results" / "machines"
WORSE = 1.1
"""A ratio that has grown by more than this is a regression."""

Ratios = dict[str, float]


def _of_cli(found: Mapping[str, Any]) -> Ratios:
    rows = found["commands"]
    return {row["name"]: row["ratio"]["median"] for row in rows[1:]}


def _of_spiking(found: Mapping[str, Any]) -> Ratios:
    """Return the times of apical as multiples of those of the C++ loop of the same form."""
    ratios: Ratios = {}
    for case in found["side_by_side"]:
        rows = case["contestants"]
        for form in ("trial form", "online form"):
            names = [f"{who}, {form}" for who in ("apical", "C++ loop")]
            if all(name in rows for name in names):
                own, loop = (rows[name]["ms_per_trial"]["median"] for name in names)
                ratios[f"784-{case['hidden']}-10, {form}, over the C++ loop"] = own / loop
    return ratios


def _of_rate(found: Mapping[str, Any]) -> Ratios:
    """Return the times of learning as multiples of those of its matrix products alone."""
    ratios: Ratios = {}
    for case in found["compared"]:
        rows = case["contestants"]
        where = f"{case['net']}, batch {case['batch']}, threads {case['threads']}"
        for wiring in ("BP", "FA", "DFA"):
            own, floor = (
                rows[f"apical {wiring}, {what}"]["ms_per_batch"]["median"]
                for what in ("rmsprop", "floor")
            )
            ratios[f"{where}: {wiring} over its floor"] = own / floor
    return ratios


@dataclass(frozen=True)
class Suite:
    """A benchmark, how it is called, and the ratios in what it writes."""

    name: str
    arguments: tuple[str, ...]
    ratios: Callable[[Mapping[str, Any]], Ratios]


SUITES = {
    suite.name: suite
    for suite in (
        Suite("cli", ("--repeats", "5"), _of_cli),
        Suite("spiking", ("--trials", "1000", "--repeats", "3", "--hidden", "200"), _of_spiking),
        Suite("rate", ("--trials", "1280", "--repeats", "3"), _of_rate),
    )
}
"""Suites by name."""


def key(facts: Mapping[str, Any]) -> str:
    """Return the name of a machine: processor, instruction set and number of processors."""
    said = f"{facts['processor']} {facts['instructions']} x{facts['processors']}"
    return re.sub(r"[^a-z0-9]+", "-", said.lower()).strip("-")


def regressions(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what has become slower, in words.

    Parameters
    ----------
    before, now
        Suite -> ratio -> value; only what is in both is compared.
    """
    return [
        f"{suite}: {name}: {before[suite][name]:.3g} before, {value:.3g} now"
        for suite, ratios in now.items()
        for name, value in ratios.items()
        if value > WORSE * before.get(suite, {}).get(name, float("inf"))
    ]


def run(suite: Suite) -> Ratios:
    """Run a suite, and return its ratios."""
    with tempfile.TemporaryDirectory(prefix="apical-bench-") as folder:
        command = [sys.executable, str(HERE / f"{suite.name}.py"), *suite.arguments]
        subprocess.run([*command, "--out", folder], check=True)
        found = Path(folder) / "results" / f"{suite.name}.json"
        return suite.ratios(json.loads(found.read_text()))


def table(before: Mapping[str, Any], now: Mapping[str, Any]) -> Table:
    """Return all ratios, beside those of before."""
    made = Table(title="Ratios, smaller is better")
    for column in ("suite", "what", "before", "now"):
        made.add_column(column, justify="right" if column in ("before", "now") else "left")
    for suite, ratios in now.items():
        for name, value in ratios.items():
            old = before.get(suite, {}).get(name)
            made.add_row(suite, name, "" if old is None else f"{old:.3g}", f"{value:.3g}")
    return made


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", multiple=True, type=click.Choice([*SUITES]), help="Suite; all by default.")
@click.option(
    "--kept", type=click.Path(path_type=Path), default=KEPT, help="Folder of what was measured."
)
def main(only: tuple[str, ...], kept: Path) -> None:
    """Run benchmarks, and compare with the last time on this machine."""
    facts, began = machine(), time.monotonic()
    file = kept / f"{key(facts)}.json"
    stored = json.loads(file.read_text()) if file.exists() else {"suites": {}}
    now = {name: run(SUITES[name]) for name in only or SUITES}
    console.print(table(stored["suites"], now))
    found = regressions(stored["suites"], now)
    kept.mkdir(parents=True, exist_ok=True)
    whole = {"machine": facts, "suites": {**stored["suites"], **now}}
    file.write_text(json.dumps(whole, indent=1) + "\n")
    console.print(f"{(time.monotonic() - began) / 60:.1f} minutes. Written: {file}", soft_wrap=True)
    for line in found:
        console.print(f"[bold red]Slower by more than 10 %[/] {line}", soft_wrap=True)
    if stored["suites"] and not found:
        console.print("Nothing is slower than the last time by more than 10 %.")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
