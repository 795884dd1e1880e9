"""Time apical on the networks of `rate.py`, and the matrix products in it alone.

Answers the requests of `rate.py`.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info
from worker import serve

from apical import Block, Network, datasets, evaluate, rules, simulate
from apical.devices import Simulator
from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.devices.arrays.storage import STRIP
from apical.scripts import models

MODEL = str(Path(__file__).parent.parent / "models" / "Nokland_2016_mnist.py")
PLAIN_RATE = 0.1
BLOCK = 5000
"""Trials of one call of a simulator in the epoch."""


def network(wiring: str, sizes: tuple[int, ...], update: str) -> Network:
    """Return a network of the model, with RMSprop or the plain update."""
    data: Any = SimpleNamespace(n_inputs=sizes[0], n_classes=sizes[-1])
    layers, hidden = len(sizes) - 2, sizes[1]
    net = models.load(MODEL).build(data, 0, layers=layers, hidden=hidden, wiring=wiring.lower())
    if update == "plain":
        rule = rules.three_factor(PLAIN_RATE)
        net.projections[:] = [replace(p, rule=rule) if p.rule else p for p in net.projections]
    return net


@cache
def simulator(wiring: str, sizes: tuple[int, ...], update: str, batch: int) -> Simulator:
    return simulate(network(wiring, sizes, update), "array", batch=batch)


def products(
    wiring: str, sizes: tuple[int, ...], batch: int, in_strips: bool
) -> Callable[[], None]:
    """Return a function that does the matrix products of one batch, and nothing else.

    Parameters
    ----------
    wiring
        Which; biases are left out.
    sizes, batch
        Of what.
    in_strips
        Whether updates are worked out beside the weights, strip by strip, as dynamics need them.
    """
    library, rng = NumpyLibrary("float32"), np.random.default_rng(0)

    def drawn(n_rows: int, n_columns: int) -> np.ndarray:
        return library.array(rng.uniform(-1, 1, (n_rows, n_columns)) * (3 / n_rows) ** 0.5)

    pairs = list(itertools.pairwise(sizes))
    x, d = [drawn(batch, n) for n in sizes], [drawn(batch, n) for n in sizes]
    w = [drawn(*pair) for pair in pairs]
    direct = [drawn(sizes[-1], n) for n in sizes[1:-1]]
    random = [drawn(after, before) for before, after in pairs[1:]]
    room = {n: library.empty((max(batch, STRIP // n), n)) for n in sizes}

    calls = [library.product(x[k], w[k], x[k + 1], add=False) for k in range(len(w))]
    for k in reversed(range(1, len(w))):
        if wiring == "DFA":
            calls.append(library.product(d[-1], direct[k - 1], d[k], add=False))
        elif wiring == "FA":
            calls.append(library.product(d[k + 1], random[k - 1], d[k], add=False))
        else:
            calls.append(library.product(d[k + 1], w[k], d[k], add=False, transposed=True))
    for k in range(len(w)):
        if not in_strips:
            calls.append(library.outer(x[k], d[k + 1], w[k], 1e-9, add=True))
            continue
        strip = room[sizes[k + 1]]
        for start in range(0, sizes[k], len(strip)):
            part = x[k][:, start : start + len(strip)]
            calls.append(library.outer(part, d[k + 1], strip[: part.shape[1]], 1e-9, add=False))

    def step() -> None:
        for call in calls:
            call()

    return step


@cache
def images(file: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values and labels of a file."""
    with np.load(file) as arrays:
        return arrays["values"], arrays["labels"]


@cache
def floor(wiring: str, sizes: tuple[int, ...], batch: int, in_strips: bool) -> Callable[[], None]:
    return products(wiring, sizes, batch, in_strips)


def timed(request: dict[str, Any]) -> dict[str, Any]:
    """Time a number of trials, or return the share of wrong decisions where that is 0."""
    values, labels = images(request["file"])
    wiring, sizes, batch = request["what"], tuple(request["sizes"]), request["batch"]
    n = request["trials"]
    if request["update"].startswith("floor"):
        step = floor(wiring, sizes, batch, request["update"] == "floor in strips")
        started = time.perf_counter()
        for _ in range(0, n, batch):
            step()
        return {"seconds": time.perf_counter() - started}
    learner = simulator(wiring, sizes, request["update"], batch)
    if not n:
        decided = learner.run(Block(values)).counts["output"].argmax(axis=1)
        return {"error": float((decided != labels).mean())}
    started = time.perf_counter()
    learner.run(Block(values[:n], labels[:n], 1.0))
    return {"seconds": time.perf_counter() - started}


def memory(what: str) -> float:
    """Return the memory in use, ``"VmRSS"``, or the most of it, ``"VmHWM"`` [MB]; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) / 1024


def epoch(request: dict[str, Any]) -> dict[str, Any]:
    """Learn all training images once by DFA with RMSprop; say how long it took, and what memory."""
    data = datasets.load("mnist", request["data_dir"])
    if request["trials"]:
        data = data.subset(train=request["trials"])
    Path("/proc/self/clear_refs").write_text("5")  # the most so far, from now on
    before = memory("VmRSS")
    sizes = tuple(request["sizes"])
    learner = simulate(network("DFA", sizes, "rmsprop"), "array", batch=request["batch"])
    order = np.random.default_rng(0).permutation(len(data.train))
    started = time.perf_counter()
    for start in range(0, len(order), BLOCK):
        values, labels = data.train.block(order[start : start + BLOCK])
        learner.run(Block(values, labels, 1.0, start // BLOCK))
    seconds, most = time.perf_counter() - started, memory("VmHWM")
    megabytes = {name: array.nbytes / 1024**2 for name, array in learner.state.items()}
    return {
        "seconds": seconds,
        "trials": len(order),
        "test_error": 1 - evaluate(learner, data.test).accuracy,
        "megabytes": {
            "before the network: Python, libraries, images": before,
            "the most of learning, beside that": most - before,
            "of this, weights, biases, feedback": sum(
                m for n, m in megabytes.items() if n.endswith(".w")
            ),
            "of this, state of RMSprop": sum(
                m for n, m in megabytes.items() if not n.endswith(".w")
            ),
            "of this, two blocks of trials": 2 * BLOCK * sizes[0] * 4 / 1024**2,
        },
    }


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Time what is asked for, or say which BLAS this is."""
    if request.get("what") == "epoch":
        return epoch(request)
    if "what" in request:
        return timed(request)
    simulate(network("DFA", (4, 3, 2), "plain"), "array")
    libraries = [x for x in threadpool_info() if "scipy" in x["filepath"].rpartition(".libs")[0]]
    return {
        key: [x.get(key) for x in libraries]
        for key in ("internal_api", "version", "architecture", "num_threads")
    }


if __name__ == "__main__":
    serve(answer)
