"""Stores the test accuracies of finished runs as a table that pages and texts take numbers from.

    python benchmarks/store.py my_wirings --title "Three wirings" --machine epyc \\
        --row DFA runs/dfa --row FA runs/fa

writes ``results/tables/my_wirings.csv``, a row for each ``--row`` with a column for each seed and
their mean, and ``my_wirings.toml``, which says with which commands, seeds and commit they were made
and on which machine (a key of ``results/machines.toml``). A directory of runs is what ``--out``
named: one run, or one for each seed. ``about``, ``published`` and ``remarks`` are written by hand.
"""

import csv
import json
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import click

HERE = Path(__file__).parent
Runs = Sequence[tuple[dict[str, Any], dict[str, Any]]]
"""Configuration and summary of each."""
TABLES = HERE / "results" / "tables"
SETTINGS = (
    *("train_trials", "test_trials", "validation", "block", "final_rate", "hypothesis"),
    *("device", "dtype", "dt", "batch"),
)
"""Entries of config.json that are options of `apical run`, besides those of the model."""


def runs_of(folder: Path) -> Runs:
    """Return configuration and summary of the runs in a directory, by seed."""
    found = [folder] if (folder / "summary.json").exists() else sorted(folder.glob("seed*"))
    runs = [
        tuple(json.loads((run / f"{part}.json").read_text()) for part in ("config", "summary"))
        for run in found
    ]
    if not runs:
        raise click.UsageError(f"{folder} holds no finished run: no summary.json.")
    return sorted(runs, key=lambda run: run[0]["seed"])


def command(configs: Sequence[Mapping[str, Any]]) -> str:
    """Return the command that makes such runs; they may differ in their seeds only."""
    first, *others = ({k: v for k, v in c.items() if k not in ("name", "seed")} for c in configs)
    differing = {key for other in others for key in first if other.get(key) != first[key]}
    if differing:
        raise click.UsageError(f"Runs of one row differ in {', '.join(sorted(differing))}.")
    model = Path(first["model"]).stem
    settings = {key: first[key] for key in SETTINGS if first[key] not in (None, 0, "")}
    options = {"dataset": first["dataset"], "epochs": first["epochs"]} | settings | first["options"]
    said = [f"--{key.replace('_', '-')} {_text(value)}" for key, value in options.items()]
    seeds = ",".join(str(config["seed"]) for config in configs)
    return f"apical run {model} {' '.join(said)} --seed {seeds}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def cells_of(label: str, runs: Runs, seeds: Sequence[int]) -> list[str]:
    """Return a row: label, data, epochs, the accuracy of each seed [%] and their mean."""
    shares = {config["seed"]: 100 * summary["test_accuracy"] for config, summary in runs}
    texts = [f"{shares[seed]:.2f}" if seed in shares else "" for seed in seeds]
    first, _ = runs[0]
    row = [label, first["dataset"], str(first["epochs"]), *texts]
    return [*row, f"{mean(shares.values()):.2f}"]


def toml(about: Mapping[str, Any]) -> str:
    """Return a flat mapping as TOML; JSON's strings and lists of strings are TOML's."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in about.items() if key != "units"]
    units = [
        f"{json.dumps(column)} = {json.dumps(unit)}" for column, unit in about["units"].items()
    ]
    return "\n".join([*lines, "[units]", *units]) + "\n"


def commit() -> str:
    """Return the commit of this repository, without changes that it does not hold."""
    git = ["git", "-C", str(HERE)]
    if subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "../src", "../models"]).returncode:
        raise click.UsageError("src or models differ from the last commit: commit, and run again.")
    said = [*git, "rev-parse", "--short", "HEAD"]
    return subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip()


@click.command()
@click.argument("name")
@click.option("--title", required=True)
@click.option("--row", "rows", multiple=True, nargs=2, required=True, metavar="LABEL RUNS")
@click.option("--machine", required=True, help="A key of results/machines.toml.")
@click.option("--commit", "made_at", help="Commit that made the runs.  [default: this one]")
@click.option("--out", type=click.Path(path_type=Path), default=TABLES, help="Where tables are.")
def main(
    name: str, title: str, rows: Sequence[tuple[str, str]], machine: str, made_at: str, out: Path
) -> None:
    """Store test accuracies of finished runs as table NAME."""
    machines = tomllib.loads((HERE / "results" / "machines.toml").read_text())
    if machine not in machines:
        raise click.UsageError(f"No machine {machine!r}; there are {', '.join(machines)}.")
    if (out / f"{name}.toml").exists():
        raise click.UsageError(
            f"Table '{name}' is stored; remove it first, or choose another name."
        )
    made = {label: runs_of(Path(folder)) for label, folder in rows}
    seeds = sorted({config["seed"] for runs in made.values() for config, _ in runs})
    columns = [f"seed {seed}" for seed in seeds]
    cells = [cells_of(label, runs, seeds) for label, runs in made.items()]
    about = {
        "title": title,
        "commands": [command([config for config, _ in runs]) for runs in made.values()],
        "seeds": ", ".join(map(str, seeds)),
        "commits": [made_at or commit()],
        "machine": machine,
        "units": dict.fromkeys([*columns, "mean"], "%"),
    }
    with (out / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["condition", "data", "epochs", *columns, "mean"], *cells])
    (out / f"{name}.toml").write_text(toml(about))
    click.echo(
        f"Stored: {out / name}.csv and .toml. Show it with ```{{results}} {name}``` on a page."
    )


if __name__ == "__main__":
    main()
