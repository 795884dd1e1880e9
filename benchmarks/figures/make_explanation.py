"""Draw the figures of docs/explanation, and measure how errors fall with the time step.

    python benchmarks/figures/make_explanation.py

writes SVG files to docs/explanation/figures, and benchmarks/results/time_steps.csv; seed 0.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import apical as ap
from apical import Block, plotting, simulate
from apical.neurons.encoding import Graded, Regular

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs/explanation/figures"
BLUE, RED, GREEN = plotting.PALETTE[0], plotting.PALETTE[1], plotting.PALETTE[2]
Arrow = tuple[str, str, str, float]
"""From, to, what it carries (forward, error, relay), bend."""

PLACES = {"x": (0, 0), "h1": (0, 1), "h2": (0, 2), "y": (0, 3), "e": (1.1, 3)}
FORWARD: list[Arrow] = [(a, b, "forward", 0.0) for a, b in (("x", "h1"), ("h1", "h2"), ("h2", "y"))]
WIRINGS: dict[str, list[Arrow]] = {
    "BP: back through\nthe forward weights": [
        ("e", "y", "error", 0.0),
        ("y", "h2", "copied", 0.45),
        ("h2", "h1", "copied", 0.45),
    ],
    "FA: back through\nfixed random weights": [
        ("e", "y", "error", 0.0),
        ("y", "h2", "error", 0.45),
        ("h2", "h1", "error", 0.45),
    ],
    "DFA: directly\nto every population": [
        ("e", "y", "error", 0.0),
        ("e", "h2", "error", 0.0),
        ("e", "h1", "error", 0.0),
    ],
    "IFA: directly to the\nfirst, then upward": [
        ("e", "y", "error", 0.0),
        ("e", "h1", "error", 0.0),
        ("h1", "h2", "error", -0.45),
    ],
}
COLOURS = {"forward": "#444444", "error": RED, "copied": BLUE}


def figure(n: int, width: float, height: float, **layout: object) -> tuple[Figure, list[Axes]]:
    """Return a figure and its Axes side by side, or one above the other."""
    drawn = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    axes = drawn.subplots(**{"ncols": n, "squeeze": False, **layout})
    return drawn, list(axes.ravel())


def arrow(
    ax: Axes,
    start: tuple,
    end: tuple,
    colour: str,
    bend: float,
    style: str = "-",
    shrink: float = 13,
) -> None:
    """Draw an arrow between two nodes."""
    how = {"arrowstyle": "-|>", "color": colour, "lw": 1.6, "shrinkA": shrink, "shrinkB": shrink}
    how |= {"connectionstyle": f"arc3,rad={bend}", "linestyle": style}
    ax.annotate("", end, start, arrowprops=how)


def node(ax: Axes, place: tuple, name: str, colour: str = "#444444") -> None:
    """Draw a population as a circle with its name."""
    ax.plot(*place, "o", ms=21, mfc="white", mec=colour, mew=1.4)
    ax.text(*place, name, ha="center", va="center", fontsize=10, color=colour)


def wirings() -> None:
    """Draw the four wirings side by side."""
    _, axes = figure(4, 8.4, 3.6)
    for ax, (title, feedback) in zip(axes, WIRINGS.items(), strict=True):
        for start, end, kind, bend in (*FORWARD, *feedback):
            style = "--" if kind == "copied" else "-"
            arrow(ax, PLACES[start], PLACES[end], COLOURS[kind], bend, style)
        arrow(ax, PLACES["y"], (1.1, 3), "#AAAAAA", -0.5)
        for name, place in PLACES.items():
            node(ax, place, name, RED if name == "e" else "#444444")
        ax.set(title=title, xlim=(-0.9, 1.6), ylim=(-0.4, 3.6))
        ax.axis("off")
    plotting.save(axes[0], FIGURES / "wirings.svg")


REACH = [
    ("x_pre", "activity, trace", (0.05, 0.30), GREEN),
    ("w, e_trace, m, xi", "weight, traces, optimiser,\nnoise of its own", (0.32, 0.02), GREEN),
    ("gain_post, x_post", "slope, activity", (0.60, 0.30), GREEN),
    ("teach_post", "feedback in the dendrite", (0.60, 0.68), GREEN),
]
BARRED = ["weights of other synapses", "other neurons", "target, clock", "mean over synapses"]


def locality() -> None:
    """Draw what a synapse may read, and what it may not."""
    _, (ax,) = figure(1, 8.0, 3.2)
    at = {"pre": (0.12, 0.55), "post": (0.52, 0.55), "dendrite": (0.52, 0.88)}
    for name, place in at.items():
        ax.plot(*place, "o", ms=42, mfc="white", mec="#444444", mew=1.4)
        ax.text(*place, name, ha="center", va="center", fontsize=8)
    for start, end in (("pre", "post"), ("dendrite", "post")):
        arrow(ax, at[start], at[end], "#444444", 0.0, shrink=22)
    ax.plot(0.41, 0.55, "D", ms=9, color=GREEN)
    ax.text(0.39, 0.60, "synapse", ha="center", fontsize=9, color=GREEN)
    for name, what, (left, low), colour in REACH:
        ax.text(left, low + 0.09, name, color=colour, family="monospace", fontsize=9)
        ax.text(left, low, what, color="#444444", fontsize=8, va="center")
    ax.text(0.82, 0.90, "out of reach", fontsize=10, color=RED)
    for k, text in enumerate(BARRED):
        ax.text(0.82, 0.76 - 0.14 * k, f"x  {text}", fontsize=9, color=RED)
    ax.set(xlim=(0, 1.12), ylim=(-0.06, 1.02))
    ax.axis("off")
    plotting.save(ax, FIGURES / "locality.svg")


def dots(ax: Axes, spikes: tuple[np.ndarray, np.ndarray], colour: str, label: str) -> None:
    """Draw the spikes of a population."""
    ax.plot(*spikes, "|", color=colour, ms=4)
    ax.set_ylabel(label)


def trial() -> None:
    """Draw one trial of `spiking_dfa` after 60 trials of learning."""
    data = ap.datasets.load("digits")
    net = ap.models.load("spiking_dfa").build(data, seed=0, hidden=40)
    seen = ["stimulus", "hidden", "output", "error"]
    simulator = simulate(net, "runtime", record=seen, traces=["v", "teach"])
    values, labels = data.train.block(slice(0, 61))
    simulator.run(Block.of_labels(values[:60], labels[:60], learning=1.0))
    run = simulator.run(Block.of_labels(values[60:], labels[60:], learning=1.0, first=60))
    drawn, axes = figure(1, 7.2, 7.6, nrows=6, sharex=True)
    time, some = np.arange(1, 101), [3, 8, 20]
    dots(axes[0], run.spikes["stimulus"], "#444444", "stimulus")
    axes[1].plot(time, run.traces["hidden.v"][0][:, some])
    axes[1].set_ylabel("v, hidden")
    dots(axes[2], run.spikes["hidden"], BLUE, "hidden")
    dots(axes[3], run.spikes["output"], GREEN, "output")
    axes[3].set_yticks(range(0, 10, 3))
    dots(axes[4], run.spikes["error"], RED, "error")
    axes[4].set_ylim(-1, 20)
    axes[5].plot(time, run.traces["hidden.teach"][0][:, some])
    axes[5].set(ylabel="teach, hidden", xlabel="time in the trial [ms]", xlim=(0, 100))
    for ax in axes:
        ax.axvline(100, color="#AAAAAA", lw=1)
        ax.spines[["right", "top"]].set_visible(False)
    axes[0].set_title(f"one trial: the digit {labels[60]}", loc="left", fontsize=10)
    drawn.align_ylabels(axes)
    plotting.save(axes, FIGURES / "trial.svg")


def rates() -> None:
    """Draw spike counts of a perfect integrator beside the activity of a rectified linear rate."""
    weights = np.linspace(-0.3, 0.9, 49)[None, :]
    _, (ax,) = figure(1, 5.4, 3.2)
    for trial_ms, colour in ((100, "#AAAAAA"), (1000, BLUE)):
        net = ap.Network(seed=0, trial=trial_ms)
        x = net.add(ap.Stimulus("stimulus", 1, Regular(rate=100, total=1)))
        h = net.add(ap.LIF("hidden", 49, leak=False, v_start=0.5))
        net.connect(x, h, weights=ap.Given(weights))
        counted = (
            simulate(net, "runtime").run(Block.of_stimuli(np.ones((1, 1)))).counts["hidden"][0]
        )
        charge = trial_ms / 10 * h.tau_s / h.tau_m  # a spike every 10 ms, through its current
        shown = {"color": colour, "label": f"spikes over what arrived at weight 1, {trial_ms} ms"}
        ax.step(weights[0], counted / charge, where="mid", **shown)
    net = ap.Network(seed=0)
    x = net.add(ap.Stimulus("stimulus", 1, Graded()))
    h = net.add(ap.Rate("hidden", 49, "relu"))
    net.connect(x, h, weights=ap.Given(weights))
    activity = simulate(net, "array").run(Block.of_stimuli(np.ones((1, 1)))).counts["hidden"][0]
    ax.plot(weights[0], activity, "--", color=RED, label="rate, rectified linear")
    ax.set(xlabel="weight", ylabel="response")
    ax.legend(frameon=False)
    ax.spines[["right", "top"]].set_visible(False)
    plotting.save(ax, FIGURES / "rates.svg")


CURVES = {
    "leaky, linear": ("(1 - v + I)/tau", lambda t: 1 - np.exp(-t / 20), ("exact", "euler")),
    "quadratic": ("(1 - v**2 + I)/tau", lambda t: np.tanh(t / 20), ("euler", "rk2", "rk4")),
}
"""Name -> right side of dv/dt, the solution from v = 0, methods."""


def potential(change: str, method: str, dt: float) -> np.ndarray:
    """Return the potential after each time step of 40 ms, device `runtime`, double precision."""
    equations = f"dv/dt = {change} : 1\ndI/dt = -I/(5*ms) : 1\ndx/dt = -x/tau : 1"
    parameters = {"tau": (20.0, "ms")}
    model = ap.NeuronModel(equations, "v > 10", "v = 0", parameters=parameters, method=method)
    net = ap.Network(seed=0, trial=40)
    x = net.add(ap.Stimulus("stimulus", 1, Regular(rate=100, total=1)))
    h = net.add(ap.Neurons("neuron", 1, model, {"drive": "I"}, offers=("x", "v")))
    net.connect(x, h, weights=ap.Zero())
    how = {"dt": dt, "dtype": "float64", "record": ["neuron"], "traces": ["v"]}
    run = simulate(net, "runtime", **how).run(Block.of_stimuli(np.zeros((1, 1))))
    return run.traces["neuron.v"][0, :, 0]


def errors() -> Iterable[tuple]:
    """Yield equation, method, and the largest error at time steps of 2, 1 and 0.5 ms."""
    for name, (change, solution, methods) in CURVES.items():
        for method in methods:
            found = []
            for dt in (2.0, 1.0, 0.5):
                values = potential(change, method, dt)
                right = solution(dt * np.arange(1, len(values) + 1))
                found.append(f"{np.abs(values - right).max():.1e}")
            yield (name, method, *found)


def time_steps() -> None:
    """Measure the largest error of a membrane potential by method and time step."""
    with (ROOT / "benchmarks/results/time_steps.csv").open("w", newline="") as file:
        written = csv.writer(file, lineterminator="\n")
        written.writerow(["equation", "method", "dt 2 ms", "dt 1 ms", "dt 0.5 ms"])
        written.writerows(errors())


if __name__ == "__main__":
    FIGURES.mkdir(exist_ok=True)
    for make in (wirings, locality, rates, trial, time_steps):
        make()
