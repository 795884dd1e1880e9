"""Common-mode collapse: a mean output error stalls direct feedback alignment, in rates and spikes.

Reddy, Sabatini & Safaai 2026 (code and records: github.com/KempnerInstitute/DFA-Stall, commit
879950c): an output that begins far from the mean of its targets has a mean error, which random
feedback turns into a drive that is the same for a hidden neuron in every trial. Its tanh saturates,
trials look alike, and learning stalls. Published for MNIST, 784-300-300-300-10, batches of 128,
median number of updates to 80 %: at a learning rate of 1e-3 DFA 1,220, with an output bias at which
every class has its prior 860, BP 1,060; at 0.1 DFA 130, with the bias 28, BP 20.

Here also feedback that sums to 0 over the classes, and integrators, one trial after the other,
whose output begins with 6 spikes (as in spiking_dfa) or 1, the mean of its targets. All commands
and results: docs/results/stall.md.

    python models/Reddy_2026_stall.py --spikes --updates 30000
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np

import apical as ap
from apical.devices.simulator import left_as_it_was
from apical.measures import common_mode as common
from apical.projections.weights import ZeroSum
from apical.scripts import gallery, learning, options, panels, studies, study, sweep, tables
from apical.scripts.layers import feedforward
from apical.scripts.spiking import integrators

CURES = {"plain": (0, 0), "prior": (1, 0), "zero-sum": (0, 1), "both": (1, 1)}
THROUGH_TIME = {"device": "lockstep", "library": "torch", "batch": 32, "steepness": 5.0}
TARGET = 10.0  # spikes of the right class in a trial of 100 ms
FEEDBACK = ap.Normal(1.0), ZeroSum(ap.Normal(1.0))


def rates(
    data: ap.Dataset, seed: int, wiring: str, rate: float, prior: int, zero_sum: int, size: int
) -> ap.Network:
    """Describe the published network of rates, with hidden populations of some size."""
    sizes, share = [data.n_inputs, *[size] * 3, data.n_classes], 1 / data.n_classes
    first = ap.Constant(log(share / (1 - share))) if prior else ap.Zero()
    joins: dict[str, Any] = {"bias": [*[ap.Zero()] * 3, first], "weights": ap.Glorot()}
    joins |= {"rule": ap.rules.three_factor(rate), "feedback": ap.FanIn(uniform=False)}
    net = feedforward(sizes, "tanh", "logistic", wiring=wiring, seed=seed, **joins)
    hidden = [p for p in net.feedback.projections if p.post is not net.output]
    onto = {p.name for p in hidden if wiring != "bp" and p.pre.size == data.n_classes}
    given = {"weights": FEEDBACK[zero_sum]}
    return net.altered(projection=lambda p: replace(p, **given) if p.name in onto else p)


def spikes(
    data: ap.Dataset, seed: int, wiring: str, output: float, prior: int, zero_sum: int, slope: str
) -> ap.Network:
    """Describe spiking_dfa with 200 hidden neurons, with a factor on the output's learning rate."""
    few = 1.0 if data.n_inputs > 200 else 10 / 3  # small images have fewer spikes
    etas = (0.3, 0.1) if wiring == "bp" else (1.5e-5 * sqrt(2.5) * few**1.2, output * 6e-4)
    joins: dict[str, Any] = {"weights": [ap.Normal(0.06 * few), ap.Zero()]}
    joins |= {"rule": [ap.rules.three_factor(eta) for eta in etas], "feedback": FEEDBACK[zero_sum]}
    joins |= {"bias": TARGET / data.n_classes / 5 if prior else 1.2, "name": "hidden_1"}
    sizes, encoder = [data.n_inputs, 200, data.n_classes], ap.encoding.Regular(100.0, 100 / few)
    return integrators(sizes, encoder, slope, wiring=wiring, seed=seed, **joins)


def learn(data: ap.Dataset, net: ap.Network, updates: int) -> Iterator[tables.Row]:
    """Train, and yield accuracy and common modes of the last hidden population on 500 samples."""
    last, spiking = net.forward[-1].pre.name, net.is_spiking
    how: dict[str, Any] = {"device": "array", "batch": 128, "record": [last], "traces": ["x"]}
    if spiking:
        how = THROUGH_TIME if net.feedback.name == "BP" else {"device": "cpp_standalone"}
    batch, apart = how.get("batch", 1), 1 if "batch" in how else 25
    at = [apart * k for k in learning.log_spaced(updates // apart, 50)]
    back = next(p for p in net.feedback.projections if p.post.name == last)
    values, labels = data.test.block(slice(500))
    right = (TARGET if spiking else 1.0) * np.eye(data.n_classes)[labels]
    with ap.simulate(net, **how) as simulator:
        for step in learning.at_updates(simulator, data, at, batch):
            with left_as_it_was(simulator):
                seen = simulator.run(ap.Block(values))
            activity = seen.counts[last] if spiking else seen.traces[f"{last}.x"][:, 0]
            decided, error = seen.counts["output"].argmax(1), seen.counts["output"] - right
            gain = 1.0 * (activity > 0) if spiking else 1 - activity**2  # who fired may learn
            teach = error @ simulator.weights(back)[: data.n_classes]  # the rest: of opposite sign
            row = {"updates": step, "trials": step * batch, "error": common.common_mode(error)}
            row["accuracy"] = float(np.mean(decided == labels))
            yield row | common.between_trials(activity, gain, teach)


def summary(rows: list[tables.Row], of: str) -> tables.Row:
    """Return when accuracies were reached, and the extremes on the way to 80 %."""
    moments, accuracy = tables.column(rows, of), tables.column(rows, "accuracy")
    reached = partial(common.first_reaching, moments, accuracy)
    found = {f"to {p} %": reached(p / 100) for p in (80, 90, 95)}
    early = [row for row in rows if row[of] <= found["to 80 %"]]
    largest = {k: max(tables.column(early, k)) for k in ("cosine", "update cosine")}
    least = {k: min(tables.column(early, k)) for k in ("gates", "dimensions")}
    return found | largest | least | {"error": rows[0]["error"], "last": accuracy[-1]}


def quick(out: Path) -> gallery.Finding:
    """Train three populations of 100 on digits at a high rate, as they are and with each cure."""
    data, steps = ap.datasets.load("digits"), dict[str, float]()
    for cure, about in CURES.items():
        rows = [*learn(data, rates(data, 0, "dfa", 0.1, *about, 100), 300)]
        steps[cure] = summary(rows, "updates")["to 80 %"]
    said = f"updates to 80 %: {tables.listed(steps, 0)}"
    return gallery.Finding(said, max(steps["prior"], steps["zero-sum"]) < 0.8 * steps["plain"])


EXHIBIT = gallery.Exhibit(
    claim="A mean output error stalls DFA; output biases at the prior or zero-sum feedback cure it",
    published="MNIST, updates to 80 % at a rate of 0.1: DFA 130, output bias at prior 28, BP 20",
    reached="DFA 153, prior 29, zero-sum 38, both 25, BP 24; in spikes no stall (5 seeds)",
    quick=quick,
)


@study(EXHIBIT, files="stall.csv, summary.csv and stall.png", on="digits")
@options.dataset()
@options.flag("--spikes", "Spiking neurons, not rates.")
@options.names("--wirings", "bp,dfa,fa")
@options.names("--cures", ",".join(CURES))
@options.option("--rate", 0.1, "Learning rate of the networks of rates.", above=0)
@options.option("--output", 1.0, "Factor on the output's learning rate in spikes.", above=0)
@options.option("--slope", "int(x > 0)", "When spiking hidden neurons learn.")
@options.option("--updates", 1000)
@options.seeds("0,1,2,3,4")
def main(dataset: str, wirings: list, cures: list, seeds: list, out: Path, **of: Any) -> None:
    data, spiking = studies.validated(ap.datasets.load(dataset)), of["spikes"]
    unit = "trials" if spiking else "updates"

    def measured(wiring: str, cure: str, seed: int) -> list[tables.Row]:
        about = data, seed, wiring, of["output"] if spiking else of["rate"], *CURES[cure]
        net = spikes(*about, of["slope"]) if spiking else rates(*about, 300)
        return [*learn(data, net, of["updates"] // (32 if spiking and wiring == "bp" else 1))]

    rows = sweep(measured, **(levels := {"wiring": wirings, "cure": cures, "seed": seeds}))
    said = "{called}: 80 % after {to 80 %:.0f} " + unit + ", cosine {cosine:.3f}"
    ends = sweep(lambda **of: summary(tables.where(rows, **of), unit), said, **levels)
    studies.write_table(out / "stall.csv", rows)
    studies.write_table(out / "summary.csv", ends)
    shown = {"accuracy": "accuracy", "cosine": "cosine between trials", "gates": "open gates"}
    panels.draw(out / "stall.png", *panels.grid(rows, unit, shown, by="cure", over="wiring"))


if __name__ == "__main__":
    studies.run(main)
