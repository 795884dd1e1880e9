"""How much processor time commands take at the prompt, as multiples of ``python -c pass``.

    python benchmarks/cli.py            # some minutes; --repeats 2: quicker

Each command is a process of its own, in turns with all others and with ``python -c pass``; its time
is that of the processor, of all processes that it started too, so that other work on the machine
matters less. A run is followed to the end of its first trial: what it takes before it learns
anything. Modules are compiled to byte code and programs to machine code before anything is timed.
Writes ``results/cli.json``.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from report import console, machine, spread, summary
from rich.table import Table

APICAL = "import sys; sys.argv[0] = 'apical'; from apical.cli import main; main()"
"""What the installed command does."""
FIRST_TRIAL = f"""
import os
from apical.training import loop
plain = loop.evaluate
def evaluate(*args, **options):
    plain(*args, **options)
    os._exit(0)
loop.evaluate = evaluate
{APICAL}
"""
"""The same until a network was shown its first trial, which is one to evaluate it."""
SHORT = ("--epochs", "1", "--train-trials", "64", "--test-trials", "1", "--quiet", "--no-figures")
RUN = ("run", "spiking_dfa", "--hidden", "100", "--epochs", "1", "--quiet", "--no-figures")


@dataclass(frozen=True)
class Command:
    """A command to time.

    Parameters
    ----------
    name
        What it is called in the table.
    arguments
        Those of ``python``; ``{out}`` is a new folder each time.
    most
        The multiple of ``python -c pass`` that it should take at most; None if none was set.
    environment
        Variables that are set for it.
    """

    name: str
    arguments: tuple[str, ...]
    most: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


COMPLETION = {"_APICAL_COMPLETE": "bash_complete", "COMP_WORDS": "apical ru", "COMP_CWORD": "1"}
BASE = Command("python -c pass", ("-c", "pass"))
COMMANDS = (
    Command("import apical", ("-c", "import apical"), 10),
    Command("apical --help", ("-c", APICAL, "--help"), 6),
    Command("completion of 'apical ru'", ("-c", APICAL), 6, COMPLETION),
    Command("apical run --help", ("-c", APICAL, "run", "--help")),
    Command(
        "apical run rate_dfa until the first trial",
        ("-c", FIRST_TRIAL, "run", "rate_dfa", *SHORT, "--out", "{out}"),
        40,
    ),
    Command(
        "apical run spiking_dfa until the first trial, compiled before",
        ("-c", FIRST_TRIAL, "run", "spiking_dfa", *SHORT, "--out", "{out}"),
        40,
    ),
    Command("import brian2", ("-c", "import brian2")),
    Command("apical analyze, 64-100-10, 200 trials", ("-c", APICAL, "analyze", "{run}")),
    Command(
        "apical report, the same",
        ("-c", APICAL, "report", "{run}", "--out", "{out}.html"),
    ),
)


def seconds(command: Command, environment: Mapping[str, str], folder: Path, run: Path) -> float:
    """Return the processor time of a command [s]."""
    out = Path(tempfile.mkdtemp(dir=folder)) / "out"
    arguments = [a.replace("{out}", str(out)).replace("{run}", str(run)) for a in command.arguments]
    with (out.parent / "said.txt").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**environment, **command.environment},
            cwd=out.parent,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{command.name} failed:\n{said.read()}")
    return used.ru_utime + used.ru_stime


def measured(repeats: int) -> list[dict[str, Any]]:
    """Return seconds and ratios of every command, measured in turns."""
    without = ("PYTHONDONTWRITEBYTECODE", "COLUMNS")
    environment = {k: v for k, v in os.environ.items() if k not in without}
    environment |= {"OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="apical-cli-") as name:
        folder = Path(name)
        environment |= {"APICAL_CACHE_DIR": str(folder / "cache")}
        run = folder / "run"
        for before in ((*RUN, "--out", str(run)), ("record", str(run))):
            seconds(Command(before[0], ("-c", APICAL, *before)), environment, folder, run)
        every = (BASE, *COMMANDS)
        for command in every:  # once before, for byte code and programs
            seconds(command, environment, folder, run)
        turns = [[seconds(c, environment, folder, run) for c in every] for _ in range(repeats)]
    rows = []
    for place, command in enumerate(every):
        own = [turn[place] for turn in turns]
        ratio = summary([turn[place] / turn[0] for turn in turns])
        row = {"name": command.name, "seconds": summary(own), "ratio": ratio, "most": command.most}
        rows.append(row)
    return rows


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--repeats", default=7, show_default=True, help="Turns.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(__file__).parent,
    help="Folder for results/.",
)
def main(repeats: int, out: Path) -> None:
    """Measure what commands take at the prompt."""
    results = {"machine": machine(), "repeats": repeats, "commands": measured(repeats)}
    table = Table(title="Processor time at the prompt: median (range)")
    for column in ("command", "CPU seconds", "times python -c pass", "at most"):
        table.add_column(column, justify="left" if column == "command" else "right")
    for row in results["commands"]:
        most = "" if row["most"] is None else f"{row['most']:g}"
        table.add_row(row["name"], spread(row["seconds"]), spread(row["ratio"], 1), most)
    console.print(table)
    file = out / "results" / "cli.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=1) + "\n")
    console.print(f"Written: {file}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
