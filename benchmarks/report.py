"""How the benchmark shows what it measured: tables in the terminal, and one figure."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import brian2
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import apical
from apical.plotting import PALETTE, STYLE

console = Console()
if console.width < 110:  # files and narrow terminals: wrap lines rather than cut numbers
    console = Console(width=110)


def machine() -> dict[str, Any]:
    """Return what the times depend on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].partition(":")[2].strip() if models else cpu
    compiler = os.environ.get("CXX", "g++")
    version = "none"
    if shutil.which(compiler):
        done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
        version = done.stdout.partition("\n")[0]
    return {
        "processor": cpu,
        "instructions": instructions(),
        "processors": os.cpu_count(),
        "load_at_start": [round(x, 2) for x in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "compiler": version,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "brian2": brian2.__version__,
        "apical": apical.__version__,
    }


def instructions() -> str:
    """Return the widest vector instructions of the processor that compilers here may use."""
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text().split()) if info.exists() else set()
    known = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
    return next((name for flag, name in known.items() if flag in flags), platform.machine())


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return the median, the extremes, and all values."""
    return {
        "median": float(np.median(values)),
        "min": min(values),
        "max": max(values),
        "all": list(values),
    }


def spread(stats: Mapping[str, Any], digits: int = 3) -> str:
    """Return a median and its range as text."""
    median, low, high = (f"{stats[key]:.{digits}f}" for key in ("median", "min", "max"))
    return f"{median} ({low}-{high})"


def comparison_table(hidden: int, rows: Mapping[str, Mapping[str, Any]], base: str) -> None:
    """Print the times of all contestants, and their ratios to one of them."""
    title = f"784-{hidden}-10, learning: median (min-max); ratio: time / {base}"
    table = Table(title=title)
    table.add_column("")
    for column in (
        "ms a trial",
        "trials/s",
        "ratio",
        "spikes h, o",
        "compile s",
    ):
        table.add_column(column, justify="right", no_wrap=True)
    for name, row in rows.items():
        spikes = row["spikes_per_trial"]
        table.add_row(
            name,
            spread(row["ms_per_trial"]),
            f"{1e3 / row['ms_per_trial']['median']:.0f}",
            spread(row["ratio"], 2),
            f"{spikes['hidden']:.0f}, {spikes['output']:.1f}" if spikes else "",
            f"{row['compile_seconds']:.1f}" if row["compile_seconds"] else "",
        )
    console.print(table)


def agreement_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print how far apical and the loop are apart after the same trials from the same start."""
    table = Table(title="apical and the loop from the same start: weights onto the hidden neurons")
    for column in ("hidden", "form", "trials", "largest difference", "largest change by learning"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            *(str(row[key]) for key in ("hidden", "form", "trials")),
            *(f"{row[key]:.1e}" for key in ("difference", "change")),
        )
    console.print(table)


def profile_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print where the time of a trial goes."""
    parts = list(rows[0]["us_per_trial"])
    table = Table(title="where a trial's time goes in apical [us]")
    table.add_column("")
    for row in rows:
        table.add_column(f"{row['form']}, {row['hidden']}", justify="right")
    for part in parts:
        table.add_row(part, *(f"{row['us_per_trial'][part]:.1f}" for row in rows))
    table.add_section()
    wall = (f"{row['whole_us']:.1f}" for row in rows)
    table.add_row("wall time, without profiling", *wall)
    console.print(table)
    table = Table(title="the ten dearest code objects [us a trial]")
    for row in rows:
        table.add_column(f"{row['form']}, {row['hidden']}")
    columns = [
        [f"{us:6.1f} {name}" for name, us in list(row["code_objects_us"].items())[:10]]
        for row in rows
    ]
    for line in zip(*columns, strict=True):
        table.add_row(*line)
    console.print(table)


def compile_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what had to be compiled."""
    table = Table(title="what a second network compiles")
    table.add_column("change")
    table.add_column("programs compiled", justify="right")
    table.add_column("s until its first trial", justify="right")
    for row in rows:
        table.add_row(row["change"], str(row["compiled"]), f"{row['seconds']:.2f}")
    console.print(table)


def target_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print which targets are met."""
    table = Table(title="targets")
    for column in ("target", "measured", ""):
        table.add_column(column)
    for row in rows:
        verdict = "[green]met[/]" if row["met"] else "[red]missed[/]"
        table.add_row(row["target"], spread(row["measured"], 2), verdict)
    console.print(table)


def cost_figure(costs: Mapping[str, Sequence[Mapping[str, Any]]], file: Path) -> None:
    """Draw the time of a trial against the size of the network and the spikes of the input."""
    panels = {
        "hidden": ("hidden", "hidden neurons", "1,000 input spikes a trial"),
        "input": ("input_spikes", "input spikes per trial", ""),
    }
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for ax, letter, (panel, (key, label, title)) in zip(
            axes, "ab", panels.items(), strict=True
        ):
            rows = costs[panel]
            names = list(dict.fromkeys(row["name"] for row in rows))
            for name, colour, marker in zip(names, PALETTE, "osD^vPX", strict=False):
                own = [row for row in rows if row["name"] == name]
                x, stats = [row[key] for row in own], [row["ms_per_trial"] for row in own]
                middle = np.array([s["median"] for s in stats])
                ends = [middle - [s["min"] for s in stats], [s["max"] for s in stats] - middle]
                ax.errorbar(x, middle, ends, color=colour, marker=marker, capsize=2, label=name)
            ax.set(xscale="log", yscale="log", xlabel=label)
            ticks = sorted({row[key] for row in rows})
            ax.set_xticks(ticks, [f"{round(t):,}" for t in ticks])
            ax.minorticks_off()
            ax.set_title(f"{letter}   {title or '784-' + str(rows[0]['hidden']) + '-10'}")
        axes[0].set_ylabel("time per trial [ms]")
        axes[0].set_yticks(
            ticks := [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10], [f"{t:g}" for t in ticks]
        )
        axes[0].legend(fontsize=8)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=200)
