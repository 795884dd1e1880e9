"""Make simulators of one device, one after the other, and print the memory of this process [MB].

Every network has another size, as in a sweep. Arguments: device, its options as JSON, how many.
"""

import ctypes
import gc
import json
import os
import sys
from contextlib import suppress

import networks
import rate_networks

from apical import simulate
from apical.devices import DEVICES


def resident() -> float:
    """Return the memory of this process [MB], without what is free in it."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def one(device: str, k: int, options: dict[str, str]) -> None:
    """Make a simulator, let it learn, and drop it; every other one is closed before."""
    spikes, k = DEVICES[device].spikes, k % 60  # in these no weights agree by chance
    network = (
        networks.small(seed=k, hidden=(30 + k,))
        if spikes
        else rate_networks.rates(sizes=(6, 30 + k, 3), seed=k)
    )
    trials = networks.trials(2, learning=1.0) if spikes else rate_networks.trials(7, learning=1.0)
    simulator = simulate(network, device, **options)
    simulator.run(trials)
    if k % 2:
        simulator.close()


def main() -> None:
    device, options, n = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    for k in range(n):
        one(device, k, options)
        if not k:
            gc.collect()
            gc.freeze()  # what was imported need not be searched every time
        print(f"{resident():.3f}", flush=True)


if __name__ == "__main__":
    main()
