"""Common-mode collapse: a mean output error stalls direct feedback alignment, in rates and spikes.

Reddy, Sabatini & Safaai 2026 (code and records: github.com/KempnerInstitute/DFA-Stall, commit
879950c): an output that begins far from the mean of its targets has a mean error, which random
feedback turns into a drive that is the same for a hidden neuron in every trial. Its tanh saturates,
trials look alike (cosines near 1), and learning stalls until the output has learned the mean.
Published for MNIST, 784-300-300-300-10, tanh, logistic outputs, weight updates by the mean of 128
trials, number of updates to 80 % (medians): at a learning rate of 1e-3 DFA 1,220, with an output
bias at which every class has its prior 860, BP 1,060; at 0.1 DFA 130, with the bias 28, BP 20.

Here a second cure, feedback whose weights onto a neuron sum to 0 over the classes, and the same
question in spikes, with trials one after the other: one hidden population of integrators, whose
output fires 6 spikes in a trial at the bias of `spiking_dfa` and 1, the mean of the targets, at the
prior. BP in spikes is through time, with PyTorch, 32 trials at a time. What came out:
docs/results/stall.md.

    python models/Reddy_2026_stall.py --rate 0.1 --updates 1000
    python models/Reddy_2026_stall.py --rate 1e-3 --updates 3000
    python models/Reddy_2026_stall.py --spikes --updates 30000
    python models/Reddy_2026_stall.py --spikes --updates 30000 --output 0.04
"""

from collections.abc import Iterator
from dataclasses import replace
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np

import apical as ap
from apical.measures import common_mode, representation
from apical.projections.weights import ZeroSum
from apical.scripts import gallery, learning, options, panels, studies, study, sweep, tables
from apical.scripts.layers import feedforward
from apical.scripts.spiking import integrators

CURES = {
    "plain": (False, False),
    "prior": (True, False),
    "zero-sum": (False, True),
    "both": (True, True),
}
"""What is done about the mean error: output biases at the class prior, zero-sum feedback."""
LEVELS = 80, 90, 95
THROUGH_TIME = {"device": "lockstep", "library": "torch", "batch": 32, "steepness": 5.0}
TARGET = 10.0
"""Spikes of the right class in a trial of 100 ms."""


def drawn(zero_sum: bool) -> ap.Normal | ZeroSum:
    """Return standard normal feedback from the classes, which sums to 0 over these or does not."""
    return ZeroSum(ap.Normal(1.0)) if zero_sum else ap.Normal(1.0)


def rates(
    data: ap.Dataset, seed: int, wiring: str, rate: float, prior: bool, zero_sum: bool, **size: int
) -> ap.Network:
    """Describe the published network of rates."""
    n, share = size.get("layers", 3), 1 / data.n_classes
    sizes = [data.n_inputs, *[size.get("hidden", 300)] * n, data.n_classes]
    first = ap.Constant(log(share / (1 - share))) if prior else ap.Zero()
    joins: dict[str, Any] = {"bias": [*[ap.Zero()] * n, first], "weights": ap.Glorot()}
    joins |= {"rule": ap.rules.three_factor(rate), "feedback": ap.FanIn(uniform=False)}
    net = feedforward(sizes, "tanh", "logistic", wiring=wiring, seed=seed, **joins)
    hidden = [p for p in net.feedback.projections if p.post is not net.output]
    onto = [p.name for p in hidden if wiring != "bp" and p.pre.size == data.n_classes]
    from_classes = drawn(zero_sum)
    return net.altered(
        projection=lambda p: replace(p, weights=from_classes) if p.name in onto else p
    )


def spikes(
    data: ap.Dataset, seed: int, wiring: str, output: float, prior: bool, zero_sum: bool, slope: str
) -> ap.Network:
    """Describe spiking_dfa with 200 hidden neurons, learning rates included."""
    few = 1.0 if data.n_inputs > 200 else 10 / 3  # small images have fewer spikes
    etas = (0.3, 0.1) if wiring == "bp" else (1.5e-5 * sqrt(2.5) * few**1.2, output * 6e-4)
    joins: dict[str, Any] = {"weights": [ap.Normal(0.06 * few), ap.Zero()]}
    joins |= {"rule": [ap.rules.three_factor(eta) for eta in etas], "feedback": drawn(zero_sum)}
    # a current of 0.02 thresholds a spike: over 100 ms with a time constant of 20 ms
    joins |= {"bias": 0.2 * TARGET / data.n_classes if prior else 1.2, "name": "hidden_1"}
    sizes, encoder = [data.n_inputs, 200, data.n_classes], ap.encoding.Regular(100.0, 100 / few)
    return integrators(sizes, encoder, slope, wiring=wiring, seed=seed, **joins)


def learn(data: ap.Dataset, net: ap.Network, updates: int) -> Iterator[tables.Row]:
    """Train, and yield accuracy and common modes of the last hidden population on 500 samples."""
    last, bp, spiking = net.forward[-1].pre.name, net.feedback.name == "BP", net.is_spiking
    how: dict[str, Any] = {"batch": 128, "traces": ["x", "gain"]}
    if spiking:
        how = {"device": "cpp_standalone"} | (THROUGH_TIME if bp else {})
    how |= {"samples": 500, "record": [last, "output"]}
    batch, first = how.get("batch", 1), 25 if how.get("batch", 1) == 1 else 1
    at = [first * k for k in learning.log_spaced(updates // first, 50)]
    back = next(p for p in net.feedback.projections if p.post.name == last)
    for step, simulator, records in learning.recorded_at(net, data, at, **how):
        activity, output = (representation.responses(records, name) for name in (last, "output"))
        size, right = (TARGET if spiking else 1.0), np.eye(data.n_classes)[records.labels]
        error = output * (net.trial * 1e-3 if spiking else 1.0) - size * right
        # a hidden neuron that fired may learn
        gain = activity > 0 if spiking else records.signals[f"{last}.gain"][:, -1]
        teach = error @ simulator.weights(back)[: data.n_classes]  # others are of opposite sign
        yield {
            "updates": step,
            "trials": step * batch,
            "accuracy": float(np.mean(output.argmax(axis=1) == records.labels)),
            "error": common_mode.common_mode(error),
            "cosine": common_mode.mean_cosine(activity),
            "update cosine": common_mode.mean_cosine(gain * teach),
            "gates": common_mode.gate_participation(1.0 * gain),
            "dimensions": representation.participation_ratio(activity),
        }


def summary(rows: list[tables.Row], of: str) -> tables.Row:
    """Return when accuracies were reached, and the extremes on the way to 80 %."""
    moments, accuracy = tables.column(rows, of), tables.column(rows, "accuracy")
    found = {f"to {p} %": common_mode.first_reaching(moments, accuracy, p / 100) for p in LEVELS}
    early = [row for row in rows if row[of] <= found["to 80 %"]]
    largest = {k: max(tables.column(early, k)) for k in ("cosine", "update cosine")}
    least = {k: min(tables.column(early, k)) for k in ("gates", "dimensions")}
    return found | largest | least | {"error": rows[0]["error"], "last": accuracy[-1]}


def quick(out: Path) -> gallery.Finding:
    """Train three populations of 100 on digits at a high rate, as they are and with each cure."""
    data, found = ap.datasets.load("digits"), dict[str, tables.Row]()
    for cure, options in CURES.items():
        net = rates(data, 0, "dfa", 0.1, *options, layers=3, hidden=100)
        found[cure] = summary([*learn(data, net, 300)], "updates")
    steps = {cure: row["to 80 %"] for cure, row in found.items()}
    said = ", ".join(f"{cure} {n:.0f}" for cure, n in steps.items())
    text = f"updates to 80 %: {said}; cosine between trials {found['plain']['cosine']:.3f}"
    return gallery.Finding(text, max(steps["prior"], steps["zero-sum"]) < 0.8 * steps["plain"])


EXHIBIT = gallery.Exhibit(
    claim="The mean output error stalls DFA: all trials look alike; prior or zero-sum feedback cure it",
    published="MNIST, updates to 80 % at a rate of 0.1: DFA 130, output bias at the prior 28, BP 20",
    reached="",
    quick=quick,
)


@study(EXHIBIT, files="stall.csv, summary.csv and stall.png", on="digits")
@options.dataset()
@options.flag("--spikes", "Spiking neurons, not rates.")
@options.names("--wirings", "bp,dfa,fa", "Wirings of the feedback.")
@options.names("--cures", ",".join(CURES), "What is done about the mean error.")
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
        net = spikes(*about, of["slope"]) if spiking else rates(*about)
        return [*learn(data, net, of["updates"] // (32 if spiking and wiring == "bp" else 1))]

    levels = {"wiring": wirings, "cure": cures, "seed": seeds}
    rows = sweep(measured, **levels)
    said = "{called}: 80 % after {to 80 %:.0f}, 95 % after {to 95 %:.0f} " + unit
    said += ", cosine {cosine:.3f}, gates {gates:.2f}, dimensions {dimensions:.1f}"
    ends = sweep(lambda **of: summary(tables.where(rows, **of), unit), said, **levels)
    studies.write_table(out / "stall.csv", rows)
    studies.write_table(out / "summary.csv", ends)
    shown = {"accuracy": "accuracy", "cosine": "cosine between trials", "gates": "open gates"}
    how = {"by": "cure", "over": "wiring", "log_x": True}
    panels.draw(out / "stall.png", *panels.grid(rows, unit, shown, **how))


if __name__ == "__main__":
    studies.run(main)
