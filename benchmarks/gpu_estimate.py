"""From which size on a spiking network may be faster on a GPU: an estimate, no measurement of one.

    cuda/bin/python benchmarks/gpu_estimate.py      # in the environment of apical[cuda]; no GPU

Counts what the program that is generated for device ``cuda_standalone`` does in a time step: how
many kernels are launched (and counters of spikes set to 0), read in its source; and how many bytes
they move, from the sizes of the arrays that each kernel reads and writes, and from how many
spikes there are, which a run on the CPU counts. Beside it the time of such a run (C++ standalone,
one core). What a GPU would take is then assumed to be the largest of three times for each kernel:
that of its launch, that of its bytes at the bandwidth of the card's memory, and that of its
threads, most of which have nothing to do where a rule waits for feedback. Nothing else is in it:
neither what the host does between launches, nor atomics that wait for each other, nor files.

Writes ``results/gpu_estimate.json``.
"""

import json
import re
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from apical import Block, Network, datasets, simulate
from apical.devices.brian import cuda_compiling
from apical.scripts import models

RESULTS = Path(__file__).with_name("results") / "gpu_estimate.json"
LAUNCH = (3e-6, 5e-6)
"""A launch that waits for the one before, from short to long [s]; assumed."""
BANDWIDTH = 2.5e12
"""Memory of a card for computing [bytes/s]: 2.0 (A100) to 3.4 (H100) by NVIDIA's data sheets."""
THREADS = 2.5e11
"""Threads that a card begins and ends [1/s]: 132 processors, 2048 threads in 1 us each; assumed."""
BYTES = {"float": 4, "double": 8, "int32_t": 4, "int64_t": 8, "char": 1, "bool": 1}
ATOMIC = 2
"""Times that an atomic addition moves a number: to be read and to be written."""


@dataclass(frozen=True)
class Kernel:
    """What one launch does.

    Parameters
    ----------
    name
        Of the code object.
    bytes
        Moved in one launch.
    threads
        Begun in one launch.
    memsets
        Counters that are set to 0 before it.
    """

    name: str
    bytes: float
    threads: float
    memsets: int

    def seconds(self, launch: float) -> float:
        """Return the time it takes with so long a launch [s]."""
        longest = max(launch, self.bytes / BANDWIDTH, self.threads / THREADS)
        return longest + self.memsets * launch


def program(network: Network, folder: Path) -> Path:
    """Return the folder of the program that is generated for a GPU, which nothing compiles."""
    simulator: Any = simulate(network, "cuda_standalone", capability="9.0", programs=folder)
    found: list[Path] = []

    def keep(project: Path) -> tuple[Path, bool]:
        found.append(project)
        return project, False

    simulator._make = keep
    simulator.build()
    return found[0]


def kernels(folder: Path, network: Network, spikes: Mapping[str, float]) -> list[Kernel]:
    """Return the launches of a time step; `spikes` of each population in one."""
    main = (folder / "main.cu").read_text()
    names = re.findall(r"network\.add\(&step_clock, _run_(\w+)_codeobject\)", main)
    texts = {
        name: (folder / "code_objects" / f"{name}_codeobject.cu").read_text() for name in names
    }
    return [_kernel(name, text, network, spikes) for name, text in texts.items()]


def _kernel(name: str, text: str, network: Network, spikes: Mapping[str, float]) -> Kernel:
    device, host = text.split("\nvoid _run_", 1)
    device = device[device.index("_run_kernel_") :]
    memsets = host.count("cudaMemset")
    sizes = {array: BYTES[kind] for kind, array in re.findall(r"(\w+)\* (_ptr_array_\w+)", device)}
    body = device.rpartition("/////")[2]
    # what is looked up at the number of a thread; single numbers that all threads share stay near
    touched = re.findall(
        r"(_brian_atomicAdd\(&)?(_ptr_array_\w+)\[(\w*(?:idx|target))\]( = )?", body
    )
    moves = {(array, bool(write)): (ATOMIC if atomic else 1) for atomic, array, _, write in touched}
    each = sum(times * sizes[array] for (array, _), times in moves.items())
    for projection in network.projections:
        if name.startswith(f"{projection.name}_"):
            n_pre, n_post = projection.shape
            if name.endswith("_delivery"):
                sent = spikes[projection.pre.name] * n_post
                return Kernel(name, each * sent, 16 * n_post, memsets)
            # learning: all weights onto who has just heard an error, at most
            taught = min(1.0, spikes["error"]) * n_pre * n_post
            return Kernel(name, 2 * 4 * taught, n_pre * n_post, memsets)
    population = next(p for p in network.populations if name.startswith(f"{p.name}_"))
    acting = spikes[population.name] if "resetter" in name else population.size
    return Kernel(name, each * acting, population.size, memsets)


def on_cpu(network: Network, trials: int) -> tuple[dict[str, float], float]:
    """Return spikes of each population in a time step, and seconds a trial, while it learns."""
    data = datasets.load("mnist")
    names = [population.name for population in network.populations]
    index = np.arange(trials) % len(data.train)
    block = Block(data.train.values[index], data.train.labels[index], np.ones(()))
    spikes = simulate(network, "cpp_standalone", record=names).run(block).spikes
    steps = trials * network.trial
    simulator, times = simulate(network, "cpp_standalone"), []
    for _ in range(4):  # the first also compiles
        started = time.perf_counter()
        simulator.run(block)
        times.append((time.perf_counter() - started) / trials)
    return {name: len(spikes[name][0]) / steps for name in names}, min(times[1:])


def estimate(hidden: int, update: str, trials: int) -> dict[str, Any]:
    """Return what is known and what is estimated of one size."""
    data = datasets.load("mnist")
    options = {"hidden": hidden, "update": update}
    network = models.load("spiking_dfa").describe(data, 0, options)
    spikes, cpu = on_cpu(network, trials)
    with tempfile.TemporaryDirectory() as folder:
        launched = kernels(program(network, Path(folder)), network, spikes)
    low, high = (
        network.trial * sum(kernel.seconds(launch) for kernel in launched) for launch in LAUNCH
    )
    weights = sum(p.shape[0] * p.shape[1] for p in network.plastic)
    at_the_end = 3 * 4 * weights / BANDWIDTH if update == "trial" else 0.0  # w twice, signals once
    return {
        "hidden": hidden,
        "update": update,
        "launches": len(launched),
        "memsets": sum(kernel.memsets for kernel in launched),
        "spikes_in_a_step": spikes,
        "bytes_in_a_step": sum(kernel.bytes for kernel in launched),
        "largest": {k.name: k.bytes for k in sorted(launched, key=lambda k: -k.bytes)[:3]},
        "cpu_ms_a_trial": 1e3 * cpu,
        "gpu_ms_a_trial": [1e3 * (low + at_the_end), 1e3 * (high + at_the_end)],
    }


@click.command()
@click.option("--hidden", default="200,500,1000,2000,5000,10000,20000", help="Numbers of neurons.")
@click.option(
    "--update",
    type=click.Choice(["trial", "online"]),
    multiple=True,
    default=["trial", "online"],
    help="Forms of models/spiking_dfa.py.",
)
@click.option("--trials", default=200, help="Trials that the CPU is shown, at most.")
def main(hidden: str, update: tuple[str, ...], trials: int) -> None:
    """Count, time and estimate; print a table."""
    cuda_compiling.check_toolkit = lambda capability: None  # type: ignore[assignment,return-value]
    table = Table("update", "hidden", "launches", "KB a step", "CPU [ms/trial]", "GPU [ms/trial]")
    rows = []
    for form in update:
        for size in map(int, hidden.split(",")):
            row = estimate(size, form, trials)
            rows.append(row)
            low, high = row["gpu_ms_a_trial"]
            table.add_row(
                form,
                f"{size:,}",
                f"{row['launches']} + {row['memsets']}",
                f"{row['bytes_in_a_step'] / 1e3:,.0f}",
                f"{row['cpu_ms_a_trial']:.3g}",
                f"{low:.2g} to {high:.2g}",
            )
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    Console().print(table)
    Console().print("GPU: an estimate from launches and bytes; nothing was run on a card.")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
