"""Memory and time of backpropagation through time in spikes, with and without checkpoints.

Each measurement is a fresh process that learns one batch of 784-200-10 on device lockstep with
PyTorch; its peak memory minus that before the batch, and its CPU time, are written.

    python benchmarks/bptt_memory.py --out benchmarks/results/tables/bptt_memory.csv
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

BATCH, HIDDEN = 64, 200
CASES = [(steps, c) for steps in (50, 100, 200, 400) for c in (0, round(steps**0.5))]


def measured(steps: int, checkpoint: int) -> dict[str, float]:
    """Learn one batch, and return peak memory [MiB] above that before it, and CPU time [s]."""
    import numpy as np

    import apical as ap

    net = ap.Network(seed=0, trial=float(steps))
    x = net.add(ap.Stimulus("stimulus", 784, ap.encoding.Regular(100.0, 100.0)))
    h = net.add(ap.LIF("hidden", HIDDEN, leak=False, v_start=0.5))
    y = net.add(ap.LIF("output", 10, leak=False, v_start=0.5, bias=1.2, gain="1"))
    rule, weights = ap.rules.three_factor(0.1), [ap.Normal(0.06), ap.Normal(0.06)]
    ap.chain(net, x, h, y, weights=weights, rule=rule)
    net.teach(ap.feedback.transposed(net.add(ap.Error("error", 20)), net.forward))
    values = np.random.default_rng(0).random((BATCH, 784))
    how = {"library": "torch", "batch": BATCH, "checkpoint": checkpoint, "steepness": 5.0}
    with ap.simulate(net, "lockstep", **how) as simulator:
        simulator.run(ap.Block.of_labels(values[:1], [0], learning=1.0))  # imports included
        before, start = peak(), time.process_time()
        simulator.run(ap.Block.of_labels(values, np.arange(BATCH) % 10, learning=1.0))
        return {"memory": peak() - before, "time": time.process_time() - start}


def peak() -> float:
    """Return the peak memory of this process [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure all cases, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs=2, type=int, help="measure one, and print it")
    parser.add_argument("--out", type=Path, default=Path("bptt_memory.csv"))
    given = parser.parse_args()
    if given.case:
        print(json.dumps(measured(*given.case)))
        return
    rows = []
    for steps, checkpoint in CASES:
        command = [sys.executable, __file__, "--case", str(steps), str(checkpoint)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        kept = f"checkpoint={checkpoint}" if checkpoint else "all steps kept"
        rows.append([f"{steps} steps, {kept}", f"{found['memory']:.0f}", f"{found['time']:.1f}"])
        print(*rows[-1], flush=True)
    with given.out.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["trial", "memory", "CPU time"], *rows])


if __name__ == "__main__":
    main()
