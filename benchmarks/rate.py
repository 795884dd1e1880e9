"""How many images a second rate networks learn on arrays, side by side with PyTorch.

    python benchmarks/rate.py --rival-python PYTHON   # some ten minutes; --quick: some seconds

In one run, float32, MNIST (or images like it), tanh, logistic outputs, biases; 784-800-800-10 and
20 hidden populations of 240; batches of 64 and 256; the plain update and RMSprop; one thread and
two:

- apical on device ``array``: BP, FA and DFA, the whole wall time of ``Simulator.run``;
- PyTorch: eager backpropagation with the same optimiser, and DFA by hand under ``no_grad``
  (`rate_torch.py`), in any Python that has it;
- the floor: the matrix products of apical alone, through the same BLAS; biases left out.

Each library has a process of its own with the same number of threads and no other setting: what
the environment forces on OpenBLAS, OpenMP or MKL is taken out. All take turns (A B C A B C ...),
and ratios are formed within each turn. Then: where the time of DFA goes, and one epoch of MNIST
with its memory. Writes ``results/rate.json``.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import report
from contestants import load_images, synthetic_images
from report import console, spread, summary
from rich.table import Table
from worker import Worker

NETS = {"2x800": (784, 800, 800, 10), "20x240": (784, *[240] * 20, 10)}
UPDATES = ("plain", "rmsprop")
OURS = ("BP", "FA", "DFA")
RIVALS = ("BP", "DFA")
AIMS = {1: {"DFA": 2.5, "BP": 1.5}, 2: {"DFA": 1.7, "BP": 1.1}}
"""Threads -> wiring -> samples per second, over those of PyTorch's backpropagation."""
FLOOR_AIM = 1.2
"""Time of DFA with the plain update, over that of its matrix products."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    nets: Mapping[str, tuple[int, ...]]
    batches: tuple[int, ...]
    threads: tuple[int, ...]
    trials: int
    repeats: int
    epoch: int = 0
    epoch_repeats: int = 3


@dataclass(frozen=True)
class Setting:
    """What contestants are compared at."""

    net: str
    sizes: tuple[int, ...]
    batch: int
    threads: int

    def __str__(self) -> str:
        threads = "one thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.net}, batches of {self.batch}, {threads}"


def name_of(library: str, what: str, update: str) -> str:
    """Return the name of a contestant."""
    return f"{library} {what}, {update}"


def turns(
    setting: Setting, workers: Mapping[str, Worker], file: Path, size: Size
) -> dict[str, list[float]]:
    """Time all contestants in turn; name -> milliseconds for each batch."""
    contestants = [
        ("apical", what, update)
        for what in OURS
        for update in (*UPDATES, "floor", *["floor in strips"] * (what == "DFA"))
    ]
    if "PyTorch" in workers:
        contestants += [("PyTorch", what, update) for what in RIVALS for update in UPDATES]
    fixed = {"file": str(file), "sizes": setting.sizes, "batch": setting.batch}
    times: dict[str, list[float]] = {}
    for turn in range(-1, size.repeats):
        for library, what, update in contestants:
            name = name_of(library, what, update)
            trials = size.trials if turn >= 0 else min(size.trials, 10 * setting.batch)
            with console.status(f"{setting}: turn {turn + 1} of {size.repeats}: {name}"):
                request = {**fixed, "what": what, "update": update, "trials": trials}
                seconds = workers[library].ask(**request)["seconds"]
            if turn >= 0:  # the first is to make what is made once
                times.setdefault(name, []).append(1e3 * seconds * setting.batch / trials)
    return times


def compare(
    setting: Setting, workers: Mapping[str, Worker], file: Path, size: Size
) -> dict[str, Any]:
    """Time all contestants at one setting, and form ratios within each turn."""
    load = os.getloadavg()[0]
    times = turns(setting, workers, file, size)
    rows: dict[str, Any] = {}
    for name, values in times.items():
        library, what, update = [*name.replace(",", "").split(maxsplit=2)]
        rows[name] = row = {
            "ms_per_batch": summary(values),
            "samples_per_second": 1e3 * setting.batch / float(np.median(values)),
        }
        bases = {
            "speed_over_pytorch_bp": name_of("PyTorch", "BP", update),
            "speed_over_pytorch_dfa": name_of("PyTorch", "DFA", update),
        }
        for key, base in bases.items():
            if library == "apical" and base in times:
                row[key] = summary([b / t for b, t in zip(times[base], values, strict=True)])
        if library == "apical" and update in UPDATES:
            floor = times[name_of("apical", what, "floor")]
            row["time_over_floor"] = summary([t / f for t, f in zip(values, floor, strict=True)])
    found = {
        "net": setting.net,
        "sizes": setting.sizes,
        "batch": setting.batch,
        "threads": setting.threads,
        "load": round(load, 2),
        "contestants": rows,
    }
    comparison_table(setting, found)
    return found


def comparison_table(setting: Setting, found: Mapping[str, Any]) -> None:
    """Print the times of all contestants, and ratios."""
    table = Table(title=f"{setting}: median (min-max)")
    table.add_column("")
    columns = ("ms a batch", "samples/s", "x PyTorch BP", "x PyTorch DFA", "time / floor")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, row in found["contestants"].items():
        ratios = ("speed_over_pytorch_bp", "speed_over_pytorch_dfa", "time_over_floor")
        table.add_row(
            name,
            spread(row["ms_per_batch"], 2),
            f"{row['samples_per_second']:,.0f}",
            *(spread(row[key], 2) if key in row else "" for key in ratios),
        )
    console.print(table)


def parts(found: Mapping[str, Any]) -> dict[str, float]:
    """Say where the time of a batch goes under DFA with RMSprop [ms], by differences of medians."""
    ms = {
        update: found["contestants"][name_of("apical", "DFA", update)]["ms_per_batch"]["median"]
        for update in (*UPDATES, "floor", "floor in strips")
    }
    strips = ms["floor in strips"] - ms["floor"]
    return {
        "matrix products (the floor)": ms["floor"],
        "activities, slopes, biases, calls": ms["plain"] - ms["floor"],
        "products in strips, beside the weights": strips,
        "equations of RMSprop": ms["rmsprop"] - ms["plain"] - strips,
        "whole": ms["rmsprop"],
    }


def parts_table(compared: Sequence[Mapping[str, Any]]) -> None:
    """Print where the time of DFA with RMSprop goes."""
    table = Table(title="where a batch goes, DFA with RMSprop [ms]")
    table.add_column("")
    for row in compared:
        table.add_column(f"{row['net']}\n{row['batch']}, {row['threads']} thr.", justify="right")
    for part in compared[0]["dfa_rmsprop_parts_ms"]:
        table.add_row(part, *(f"{row['dfa_rmsprop_parts_ms'][part]:.2f}" for row in compared))
    console.print(table)


def targets(compared: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Hold the measured ratios against what was aimed at."""
    rows = []
    for found in compared:
        threads = found["threads"]
        where = f"{found['net']}, batch {found['batch']}, {threads} thread{'s' * (threads > 1)}"
        contestants = found["contestants"]
        for what, aim in AIMS.get(threads, {}).items():
            for update in UPDATES:
                ratio = contestants[name_of("apical", what, update)].get("speed_over_pytorch_bp")
                text = f"{where}: {what}, {update}: at least {aim} x PyTorch BP"
                if ratio:
                    met = ratio["median"] >= aim
                    rows.append({"target": text, "measured": ratio, "met": met})
        ratio = contestants[name_of("apical", "DFA", "plain")]["time_over_floor"]
        text = f"{where}: DFA, plain: at most {FLOOR_AIM} x its floor"
        rows.append({"target": text, "measured": ratio, "met": ratio["median"] <= FLOOR_AIM})
    report.target_table(rows)
    return rows


def one_epoch(size: Size, data_dir: Path | None, threads: int) -> dict[str, Any]:
    """Learn MNIST once by DFA with RMSprop, each time in a new process."""
    answers = []
    for turn in range(size.epoch_repeats):
        worker = Worker(sys.executable, "rate_apical.py", threads)
        with console.status(f"one epoch: turn {turn + 1} of {size.epoch_repeats}"):
            answers.append(
                worker.ask(
                    what="epoch",
                    sizes=NETS["2x800"],
                    batch=64,
                    trials=size.epoch,
                    data_dir=str(data_dir) if data_dir else None,
                )
            )
        worker.close()
    seconds = summary([answer["seconds"] for answer in answers])
    found = answers[0] | {"seconds": seconds, "threads": threads}
    table = Table(
        title=f"one epoch of MNIST, 2x800, DFA, RMSprop, batches of 64, {threads} thread(s)"
    )
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("time, s", spread(seconds, 2))
    table.add_row("images", f"{found['trials']:,}")
    table.add_row("test error after it, %", f"{100 * found['test_error']:.2f}")
    for what, megabytes in found["megabytes"].items():
        table.add_row(f"memory, MB: {what}", f"{megabytes:.1f}")
    console.print(table)
    return found


def start(threads: int, rival_python: str) -> tuple[dict[str, Worker], dict[str, Any]]:
    """Start the processes of all libraries that there are, and return what they say they are."""
    workers = {"apical": Worker(sys.executable, "rate_apical.py", threads)}
    said = {"apical": workers["apical"].ask()}
    rival = Worker(rival_python, "rate_torch.py", threads)
    try:
        said["PyTorch"] = rival.ask()
        workers["PyTorch"] = rival
    except RuntimeError as error:
        rival.close()
        console.print(f"[yellow]PyTorch is left out:[/] {str(error).splitlines()[-1]}")
    return workers, said


def check_errors(
    setting: Setting, workers: Mapping[str, Worker], file: Path, found: dict[str, Any]
) -> None:
    """Note the share of wrong decisions that each contestant has come to: all of them learn."""
    for name, row in found["contestants"].items():
        library, what, update = name.replace(",", "").split(maxsplit=2)
        if update in UPDATES:
            fixed = {"file": str(file), "sizes": setting.sizes, "batch": setting.batch}
            answer = workers[library].ask(**fixed, what=what, update=update, trials=0)
            row["training_error"] = answer["error"]


def measured(size: Size, file: Path, rival_python: str) -> tuple[list[Any], dict[str, Any]]:
    """Compare all contestants at all settings."""
    compared, libraries = [], {}
    for threads in size.threads:
        workers, libraries[str(threads)] = start(threads, rival_python)
        for library, said in libraries[str(threads)].items():
            console.print(f"[dim]{library}, {threads} thread(s):[/] {said}", highlight=False)
        for net, sizes in size.nets.items():
            for batch in size.batches:
                setting = Setting(net, sizes, batch, threads)
                found = compare(setting, workers, file, size)
                check_errors(setting, workers, file, found)
                compared.append(found | {"dfa_rmsprop_parts_ms": parts(found)})
        for worker in workers.values():
            worker.close()
    return compared, libraries


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--trials", default=6400, show_default=True, help="Images of one timed run.")
@click.option("--repeats", default=7, show_default=True, help="Turns.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of MNIST's IDX files.")
@click.option("--rival-python", default=sys.executable, help="Python that has PyTorch.")
@click.option("--quick", is_flag=True, help="Few images, small networks: does it work?")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(__file__).parent,
    help="Folder for results/.",
)
def main(
    trials: int, repeats: int, data_dir: Path | None, rival_python: str, quick: bool, out: Path
) -> None:
    """Time learning in rate networks on arrays, side by side with PyTorch."""
    size = Size(NETS, (64, 256), (1, 2), trials, repeats)
    data = load_images(data_dir) if not quick else synthetic_images(1200, np.random.default_rng(0))
    if quick:
        nets = {"2x50": (784, 50, 50, 10), "3x20": (784, 20, 20, 20, 10)}
        size = Size(nets, (64,), (1,), 640, 2)
    results: dict[str, Any] = {
        "machine": report.machine(),
        "settings": {
            "data": data.name,
            "trials": size.trials,
            "repeats": size.repeats,
            "quick": quick,
            "dtype": "float32",
        },
    }
    for key, value in {**results["machine"], **results["settings"]}.items():
        console.print(f"[dim]{key.replace('_', ' ')}:[/] {value}", highlight=False)
    with tempfile.TemporaryDirectory(prefix="apical-benchmark-") as folder:
        file = Path(folder) / "images.npz"
        values, labels = data.train.block(slice(0, size.trials))
        np.savez(file, values=values, labels=labels)
        compared, results["libraries"] = measured(size, file, rival_python)
    results["compared"] = compared
    parts_table(compared)
    results["targets"] = targets(compared)
    if data.name == "mnist" and Path("/proc/self/clear_refs").exists():
        results["epoch"] = [one_epoch(size, data_dir, threads) for threads in size.threads]
    file = out / "results" / "rate.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=1) + "\n")
    console.print(f"Written: {file}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
