"""Worker of the benchmark, one network on one device: ``python -m apical.bench.worker CASE FILE``.

Each measurement has its own process, to isolate its peak memory and its failures.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np

from apical._base.memory import peak_memory_mb
from apical.data import datasets
from apical.devices import DEVICES, Block, Simulator, simulate
from apical.devices.surroundings import card_memory
from apical.errors import ending_in_one_line
from apical.scripts import models
from apical.training.presentation import stimuli

MODELS = {"spiking": "spiking_dfa", "rate": "rate_dfa"}
"""The networks, and their model scripts."""

SHARED = 10
"""Number of batches that every device learns from the same start, for comparison."""

REPEATS, SECONDS = 3, 0.7
"""Number of timed blocks, fewer where `SHARED` batches take longer, and target duration [s]."""


@dataclass(frozen=True)
class Case:
    """A benchmark case: a network, a device and their sizes.

    Parameters
    ----------
    network
        ``"spiking"`` or ``"rate"``.
    name, device, options
        The device as `apical bench` and as `apical.simulate` name it, and options of the latter.
    hidden, batch
        Number of hidden neurons, and batch size.
    trials
        Largest number of trials in a timed block.
    dataset, scale
        Data set, and its stored value that stands for 1; None for the known one.

    Examples
    --------
    >>> from apical.bench.worker import Case
    >>> Case("rate", "array:numpy", "array", 10, 64, 500, "digits").options
    {}
    """

    network: str
    name: str
    device: str
    hidden: int
    batch: int
    trials: int
    dataset: str
    scale: float | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """The result of a measurement.

    Parameters
    ----------
    trials_per_second
        Throughput with learning on, by wall time without compilation: one for each timed block.
    trials
        Trials of such a block.
    memory_mb
        Peak memory of the largest process, this one or the compiled program [MB].
    card_mb
        Peak memory on a graphics card [MB], None without one: of tensors, as counted by PyTorch; of
        a program, the increase of memory in use reported by the driver.
    compile_seconds
        Time spent compiling [s]; 0 if the program was in the cache.

    Examples
    --------
    >>> from apical.bench.worker import Measured
    >>> Measured((1000.0, 1200.0), 500, 220.0, None, 0.0).trials_per_second
    (1000.0, 1200.0)
    """

    trials_per_second: tuple[float, ...]
    trials: int
    memory_mb: float
    card_mb: float | None
    compile_seconds: float


def measure(case: Case, weights: Path) -> Measured:
    """Train a network on a device, and measure the speed.

    Parameters
    ----------
    case
        The case to measure.
    weights
        Where to write the learned weights before (``<projection>.before``) and after
        (``<projection>.after``) the first `SHARED` batches, as an ``.npz`` file.
    """
    data = datasets.load(case.dataset, scale=case.scale)
    model = models.load(MODELS[case.network])
    network = model.describe(data, 0, {"hidden": case.hidden})
    batch = {"batch": case.batch} if DEVICES[case.device].takes("batch") else {}
    options: dict[str, Any] = case.options | batch
    simulator = simulate(network, case.device, **options)
    learned = [p.name for p in network.projections if p.rule]

    def block(n: int) -> Block:
        index = np.arange(n) % len(data.train)
        values = stimuli(simulator, data.train, index)
        return Block.of_labels(values, data.train.labels[index], 1.0)

    kept = {f"{name}.before": simulator.weights(name) for name in learned}
    simulator.run(block(SHARED * case.batch))
    kept |= {f"{name}.after": simulator.weights(name) for name in learned}
    np.savez(weights, **kept)  # type: ignore[arg-type]
    for n in (case.batch, SHARED * case.batch):  # few trials say enough where they are slow
        seconds = _seconds(simulator, block(n))
        if seconds > SECONDS / 10:
            break
    most = max(case.trials // case.batch, 1)
    timed = block(min(max(int(SECONDS * n / seconds / case.batch), SHARED), most) * case.batch)
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < REPEATS * SECONDS:
        times.append(_seconds(simulator, timed))
    speeds = tuple(len(timed) / t for t in times)
    card = _card_mb(case, lambda: simulator.run(timed))
    return Measured(speeds, len(timed), peak_memory_mb(), card, simulator.compile_seconds)


def _seconds(simulator: Simulator, block: Block) -> float:
    started = time.perf_counter()
    simulator.run(block)
    return time.perf_counter() - started


def _card_mb(case: Case, run: Callable[[], object]) -> float | None:
    """Return the peak memory on a graphics card; a program is run once more to measure it."""
    if case.options.get("library", "").startswith("torch:cuda"):
        from apical.devices.arrays.torch_library import peak_of_card

        return peak_of_card() / 1e6
    on_card = all(form.on_card for form in DEVICES[case.device].forms)
    return _most_more(run) if on_card else None


def _most_more(run: Callable[[], object]) -> float | None:
    """Return the largest increase of memory in use on a graphics card during a run."""
    before, seen, over = card_memory(), list[float](), Event()

    def look() -> None:
        while not over.is_set():
            seen.append(card_memory() or 0.0)

    thread = Thread(target=look)
    thread.start()
    try:
        run()
    finally:
        over.set()
        thread.join()
    return None if before is None else max([*seen, before]) - before


def main() -> None:
    """Measure the case on the command line, and print the result; errors are one line."""
    with ending_in_one_line():
        measured = measure(Case(**json.loads(sys.argv[1])), Path(sys.argv[2]))
        print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
