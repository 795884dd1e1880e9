"""The stages of ``benchmarks/gpu.py``, each a process that prints its result as JSON."""

import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click
import numpy as np

import apical as ap
from apical.devices import Simulator
from apical.errors import ApicalError, ending_in_one_line
from apical.network.description import Network
from apical.scripts import models
from apical.testing.references import rates as rate_reference
from apical.testing.references import spiking as spiking_reference
from apical.testing.references import trials

LIMIT = 1e-9
"""Largest difference of weights from NumPy's in double precision, relative to their change."""
LACKING = 3
"""Exit code where something is missing."""


def apart(one: Simulator, other: Simulator) -> float:
    """Return the largest difference of weights after the same trials, relative to their change."""
    start, block = one.state, trials(1.0)
    counts = [simulator.run(block).counts for simulator in (one, other)]
    output = one.network.output.name
    if one.network.is_spiking and not np.array_equal(*(found[output] for found in counts)):
        raise AssertionError("spike counts differ")
    far, change = 0.0, 0.0
    for projection in one.network.plastic:
        key = f"{projection.name}.w"
        before, first, second = start[key], one.state[key], other.state[key]
        change = max(change, float(np.abs(first - before).max()))
        far = max(far, float(np.abs(first - second).max()))
    if not change:
        raise AssertionError("nothing was learned")
    return far / change


def cases(device: str) -> Iterator[tuple[str, Network, dict[str, Any]]]:
    """Yield networks that a device runs, with their names and options."""
    made = {"rates": rate_reference, "spiking": spiking_reference}
    for kind, make in made.items():
        for wiring in ap.feedback.WIRINGS:
            try:
                network = make(ap.feedback.WIRINGS[wiring])
                for batch in (1, 4):
                    options = {"batch": batch, "dtype": "float64"}
                    ap.devices.check_simulation(network, device, **options)
                    yield f"{kind}, {wiring}, batch={batch}", network, options
            except ApicalError:  # what the device does not run; other tests say so
                continue


def agreement(device: str, library: str, *, small: bool) -> dict[str, Any]:
    """Compare networks with NumPy's, and return the largest difference of each."""
    found: dict[str, Any] = {}
    for name, network, options in cases(device):
        if small and len(found) >= 3:
            break
        try:
            with (
                ap.simulate(network, device, **options) as one,
                ap.simulate(network, device, **options, library=library) as other,
            ):
                found[name] = apart(one, other)
        except (ApicalError, AssertionError, RuntimeError) as error:
            found[name] = " ".join(str(error).split())
    good = [v for v in found.values() if isinstance(v, float) and v <= LIMIT]
    return {"agree": len(good), "of": len(found), "limit": LIMIT, "differences": found}


def timed(run: Callable[[], object]) -> list[float]:
    """Return the times of three runs after a first one [s]."""
    run()
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return times


def trial(library: str, *, small: bool) -> dict[str, Any]:
    """Time a spiking network, 784-500-10, that learns from random stimuli in large batches."""
    hidden, batch = (10, 8) if small else (500, 1024)
    rng = np.random.default_rng(0)
    values, labels = rng.random((2 * batch, 784), np.float32), np.arange(2 * batch) % 10
    values = np.where(values < 0.8, 0, values)  # images of digits are black by four fifths
    data = ap.Dataset.from_arrays("random", values, labels, values[:10], labels[:10])
    network = models.load("spiking_dfa").describe(data, 0, {"hidden": hidden})
    with ap.simulate(network, "lockstep", batch=batch, library=library) as simulator:
        block = ap.Block.of_labels(values, labels, 1.0)
        times = timed(lambda: simulator.run(block))
    each = [1e3 * seconds / len(labels) for seconds in times]
    return {"hidden": hidden, "batch": batch, "ms_per_trial": statistics.median(each), "all": each}


def replicas(library: str, *, small: bool) -> dict[str, Any]:
    """Time eight rate networks side by side, against one of them alone."""
    data = ap.datasets.load("digits")
    n, epochs = (2, 1) if small else (8, 5)

    def learn(replica: ap.Replica, given: ap.Replica | None) -> None:
        network = models.load("rate_dfa").describe(data, replica.number, {"hidden": 100})
        options = {"batch": 32, "library": library, "replica": given}
        with ap.simulate(network, "array", **options) as simulator:
            ap.train(simulator, data, epochs, progress=False)

    together = ap.Replicas(n)
    alone = timed(lambda: learn(together.seats[0], None))
    beside = timed(lambda: together.each(lambda replica: learn(replica, replica)))
    ratio = n * statistics.median(alone) / statistics.median(beside)
    return {"replicas": n, "throughput_ratio": ratio, "alone": alone, "together": beside}


def brian2cuda(library: str, *, small: bool) -> dict[str, Any]:
    """Build, run and compare a program that Brian2CUDA generates; on a card only."""
    missing = "Brian2CUDA" if importlib.util.find_spec("brian2cuda") is None else ""
    missing = missing or ("a card" if library == "torch" else "")
    if missing:
        click.echo(f"{missing} is not there", err=True)
        sys.exit(LACKING)
    network = spiking_reference()
    begun = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(),
        ap.simulate(network, "runtime") as one,
        ap.simulate(network, "cuda_standalone") as other,
    ):
        far = apart(one, other)
    return {"difference": far, "seconds": time.perf_counter() - begun}


RUNS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "lockstep": lambda library, small: agreement("lockstep", library, small=small),
    "rates": lambda library, small: agreement("array", library, small=small),
    "trial": trial,
    "replicas": replicas,
    "brian2cuda": brian2cuda,
}


@click.command()
@click.argument("stage", type=click.Choice([*RUNS]))
@click.option("--library", required=True)
@click.option("--small", is_flag=True)
def main(stage: str, library: str, small: bool) -> None:
    """Run one stage."""
    with ending_in_one_line():
        found = RUNS[stage](library, small=small)
        print(json.dumps(found))
    if "agree" in found and found["agree"] < found["of"]:
        wrong = [k for k, v in found["differences"].items() if not (v == 0 or _is_close(v))]
        click.echo(f"{len(wrong)} of {found['of']} differ from NumPy: {wrong[0]}", err=True)
        sys.exit(1)


def _is_close(value: object) -> bool:
    return isinstance(value, float) and value <= LIMIT


if __name__ == "__main__":
    main()
