"""The script that a user would write after Brian2's documentation, without apical.

A 784-H-10 network learns by direct feedback alignment in one run: Poisson input neurons, LIF
neurons, spiking error neurons, random feedback synapses, and plasticity in ``on_pre``. Images and
labels are timed arrays. Everything about Brian2 is stock: C++ standalone, float64, its own
compiler flags, one thread.

    python benchmarks/plain_brian2.py --images FILE --labels FILE --trials 1000

The files hold plain bytes, 784 for an image and one for a label. Prints one JSON object.
"""

import argparse
import json
import time

import numpy as np
from brian2 import (
    Hz,
    NeuronGroup,
    PoissonGroup,
    SpikeMonitor,
    Synapses,
    TimedArray,
    defaultclock,
    device,
    ms,
    prefs,
    run,
    seed,
    set_device,
)

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--images", required=True)
parser.add_argument("--labels", required=True)
parser.add_argument("--trials", type=int, default=1000)
parser.add_argument("--hidden", type=int, default=200)
parser.add_argument("--total", type=float, default=100.0, help="sum that pixels are scaled to")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--directory", default="output", help="where Brian2 puts its program")
arguments = parser.parse_args()
n, n_hidden = arguments.trials, arguments.hidden

set_device("cpp_standalone", directory=arguments.directory)
prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
defaultclock.dt = 1 * ms
seed(arguments.seed)
rng = np.random.default_rng(arguments.seed)

# ---- data: each image is shown for 100 ms -------------------------------------------------------
images = np.fromfile(arguments.images, np.uint8).reshape(-1, 784)[:n].astype(float)
labels = np.fromfile(arguments.labels, np.uint8)[:n]
images *= arguments.total / images.sum(axis=1, keepdims=True)
image = TimedArray(images * 100 * Hz, dt=100 * ms)
label = TimedArray(np.eye(10)[labels], dt=100 * ms)

# ---- neurons ------------------------------------------------------------------------------------
tau_m, tau_s, tau_teach = 20 * ms, 5 * ms, 20 * ms
target = 100 * Hz
lif = """
dv/dt = (I + bias - v)/tau_m : 1
dI/dt = -I/tau_s : 1
dteach/dt = -teach/tau_teach : 1
bias : 1 (shared, constant)
"""
inputs = PoissonGroup(784, rates="image(t, i)")
hidden = NeuronGroup(n_hidden, lif, threshold="v > 1", reset="v -= 1", method="exact")
output = NeuronGroup(10, lif, threshold="v > 1", reset="v -= 1", method="exact")
hidden.bias, output.bias = 0.5, 2.2
# Neuron k says "class k fired too much", neuron 10 + k "class k fired too little".
error = NeuronGroup(
    20,
    """dv/dt = -side*target*shown - v/(50*ms) : 1
    dshown/dt = (label(t, i % 10) - shown)/(20*ms) : 1
    side : 1 (constant)""",
    threshold="v > 1",
    reset="v -= 1",
    method="euler",
)
error.side = "1 - 2*int(i >= 10)"

# ---- plastic synapses: event-driven random backpropagation --------------------------------------
first = Synapses(
    inputs,
    hidden,
    "w : 1",
    on_pre="""
    I_post += w
    w += eta*int(v_post > 0)*teach_post
    """,
    namespace={"eta": 2e-5},
)
first.connect()
first.w = rng.normal(0, 0.12 * 100 / arguments.total, 784 * n_hidden)
second = Synapses(
    hidden,
    output,
    "w : 1",
    on_pre="""
    I_post += w
    w += eta*teach_post
    """,
    namespace={"eta": 6e-4},
)
second.connect()
second.w = 0

# ---- errors, and the feedback they send ---------------------------------------------------------
judge = Synapses(output, error, "w : 1", on_pre="v_post += w")
judge.connect(condition="j % 10 == i")
judge.w = "side_post"
push_pull = Synapses(error, error, on_pre="v_post += 1")
push_pull.connect(condition="j == (i + 10) % 20")
to_output = Synapses(error, output, "b : 1", on_pre="teach_post += b")
to_output.connect(condition="i % 10 == j")
to_output.b = "-side_pre"
to_hidden = Synapses(error, hidden, "b : 1", on_pre="teach_post += b")
to_hidden.connect()
feedback = rng.normal(size=(10, n_hidden))
to_hidden.b = np.concatenate([-feedback, feedback]).flatten()

# ---- run ----------------------------------------------------------------------------------------
spikes = SpikeMonitor(output)
active = SpikeMonitor(hidden, record=False)
started = time.perf_counter()
run(n * 100 * ms)
whole = time.perf_counter() - started
seconds = device._last_run_time

last = spikes.t / ms >= 50 * n  # decisions of the second half of the training
trial = ((np.asarray(spikes.t / ms)[last] + 0.5) // 100).astype(int)
counts = np.zeros((n, 10))
np.add.at(counts, (trial, np.asarray(spikes.i)[last]), 1)
right = (counts.argmax(axis=1) == labels)[n - n // 2 :]
print(
    json.dumps(
        {
            "trials_per_second": n / seconds,
            "ms_per_trial": 1e3 * seconds / n,
            "seconds": seconds,
            "compile_seconds": whole - seconds,
            "spikes_per_trial": {
                "hidden": float(np.sum(active.count)) / n,
                "output": spikes.num_spikes / n,
            },
            "training_decisions": float(right.mean()) if len(right) else None,
        }
    )
)
