"""Programs for tests of device mpi: what mpiexec starts on every rank, and how it is started.

mpiexec -n 2 python on_ranks.py wirings mpi "{}"
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import apical as ap
from apical.feedback import WIRINGS
from apical.network.order import forward_groups
from apical.neurons.batch_norm import BatchNorm


def mpiexec() -> str | None:
    """Return the path of mpiexec, that of this environment first; None without MPI."""
    if importlib.util.find_spec("mpi4py") is None:
        return None
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def command(n: int, *arguments: Any) -> list[str]:
    """Return the command that starts Python on some ranks."""
    return [str(mpiexec()), "-n", str(n), sys.executable, *map(str, arguments)]


def environment() -> dict[str, str]:
    """Return an environment in which products have the same bits on every rank."""
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}


def on_ranks(n: int, what: str, *arguments: Any, timeout: float = 240) -> str:
    """Run one of the programs of this file on some ranks, and return what rank 0 printed."""
    done = subprocess.run(
        command(n, __file__, what, *arguments),
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def networks() -> Iterator[tuple[str, ap.Network, ap.Dataset]]:
    """Yield networks of three hidden populations under every wiring, and some of other kinds."""
    data = ap.datasets.load("digits").subset(300, 100)
    model = ap.models.load("Nokland_2016_mnist")
    for wiring in WIRINGS:
        yield (
            wiring,
            model.build(data, 0, layers=3, hidden=30, wiring=wiring, rate=3e-3, dropout=True),
            data,
        )
    for wiring in ("bp", "dfa"):
        yield f"skipping {wiring}", skipping(data, wiring), data
    yield "recurrent", recurrent(data), data


def skipping(data: ap.Dataset, wiring: str) -> ap.Network:
    """Return a network with a short cut, whose first population hears from two under BP."""
    net, rule = ap.Network(seed=3), ap.rules.three_factor(0.2, dynamics=ap.optimizers.adam(1e-2))
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded())
    a, b = ap.Rate("first", 23, "tanh"), ap.Rate("second", 17, "tanh", norm=BatchNorm())
    y = ap.Rate("output", data.n_classes, "softmax", gain="one")
    ap.chain(net, x, a, b, y, weights=ap.FanIn(), bias=ap.Zero(), rule=rule)
    net.connect(a, y, weights=ap.FanIn(), rule=rule)
    net.teach(WIRINGS[wiring](net.add(ap.RateError("error", data.n_classes)), net.forward))
    return net


def recurrent(data: ap.Dataset) -> ap.Network:
    """Return a network with a recurrent loop of two populations."""
    net, rule = ap.Network(seed=1), ap.rules.three_factor(0.1)
    x = net.add(ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded()))
    e, i = net.add(ap.Rate("e", 20, "relu")), net.add(ap.Rate("i", 5, "relu"))
    y = net.add(ap.Rate("output", data.n_classes, "logistic", gain="one"))
    net.connect(x, e, weights=ap.FanIn(), rule=rule)
    net.connect(e, i, weights=ap.FanIn())
    net.connect(i, e, weights=ap.Given(-0.05 * np.ones((5, 20))))
    net.connect(e, y, weights=ap.FanIn(), rule=rule)
    net.teach(ap.feedback.direct(net.add(ap.RateError("error", data.n_classes)), net.forward))
    return net


def bits(device: str, **options: Any) -> dict[str, str]:
    """Return checksums of all that networks learned, and of what they then did.

    Networks that the ranks, or the places given, do not fit are left out.
    """
    found, n_ranks = {}, int(os.environ.get("PMI_SIZE", "1"))
    for name, network, data in networks():
        fits = set(options.get("place") or ()) <= {p.name for p in network.populations}
        if not fits or n_ranks > len(
            [g for g in forward_groups(network) if g[0].role == "neurons"]
        ):
            continue
        with ap.simulate(network, device, batch=32, record=["output"], **options) as simulator:
            history = ap.train(simulator, data, epochs=2, block=100, progress=False)
            updates = simulator.updates(ap.Block.of_samples(data.test, slice(20), 1.0))
            arrays = {**simulator.state, **updates}
            shown = simulator.run(ap.Block.of_stimuli(data.test.block(slice(9))[0]))
        digest = hashlib.sha256(repr(history.table.to_dict()).encode())
        for key in sorted(arrays):
            digest.update(key.encode() + arrays[key].tobytes())
        digest.update(shown.counts["output"].tobytes())
        found[name] = digest.hexdigest()
    return found


def delayed(device: str, wiring: str = "dfa", **options: Any) -> tuple[list[Any], Any]:
    """Return what two populations learned in batches of 4, and traces of ranks."""
    net, rule = ap.Network(seed=0), ap.rules.three_factor(0.3)
    x = ap.Stimulus("stimulus", 6, ap.encoding.Graded())
    h, y = ap.Rate("hidden", 5, "tanh"), ap.Rate("output", 3, "logistic", gain="one")
    ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
    net.teach(WIRINGS[wiring](net.add(ap.RateError("error", 3)), net.forward))
    owned = [p for p in net.projections if p.name != "feedback_output_to_hidden" or wiring != "bp"]
    with ap.simulate(net, device, batch=4, dtype="float64", **options) as simulator:
        first = [simulator.weights(p).tolist() for p in owned]
        rng = np.random.default_rng(0)
        values, labels = rng.random((44, 6)), rng.integers(0, 3, 44)
        simulator.run(ap.Block.of_labels(values, labels, learning=1.0))
        last = [simulator.weights(p).tolist() for p in owned]
        traced = simulator.traced() if device == "mpi" else []
    names = [p.name for p in owned]
    told = [values.tolist(), labels.tolist(), names, first, last]
    return told, [trace.as_dict() for trace in traced]


def hold() -> None:
    """Hold the device to the contracts of devices, on as many ranks as there are."""
    from apical.devices import DEVICES
    from apical.testing import contracts

    for one in contracts("device"):
        one.check(DEVICES["mpi"])
    print("held", len(contracts("device")))


def main() -> None:
    """Run the program that is named."""
    what, *given = sys.argv[1:]
    if what == "hold":
        hold()
        return
    options = json.loads(given[1])
    print(json.dumps({"bits": bits, "delayed": delayed}[what](given[0], **options)))


if __name__ == "__main__":
    main()
