"""Draw every figure of `apical.plotting` once, from networks trained here on digits.

    python benchmarks/figures/make_gallery.py    # about a minute

A spiking network (`models/spiking_dfa.py`, 64-200-10) is recorded before and after ten epochs of
learning; networks of rates (64-60-50-40-10) learn for ten under four wirings, five seeds each. The
figures go to ``gallery/`` beside this script, all of them on one sheet to ``gallery.png``, three to
``front.png``, which README.md shows. Seeds are fixed: the same versions of libraries give the same
files.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from PIL import Image

from apical import (
    Bias,
    Dataset,
    FanIn,
    Network,
    Rate,
    RateError,
    Stimulus,
    Zero,
    datasets,
    feedback,
    optimizers,
    plotting,
    rules,
    simulate,
)
from apical._base.metric_names import parts
from apical.devices import Block, Simulator
from apical.measures.alignment import angles_to_backpropagation
from apical.measures.representation import dissimilarities
from apical.measures.tables import Analysis, analyze
from apical.neurons.encoding import Graded
from apical.records.arrays import Records
from apical.records.recording import record
from apical.scripts import models
from apical.training.loop import Plan, evaluate, steps

HERE = Path(__file__).parent
SEEDS, TRIALS, SHOWN = 5, 200, 100
WIRINGS = ("bp", "fa", "dfa", "ifa")
SHEET_WIDTH, DOTS = 1920, 90  # [pixels], [pixels per inch]
FRONT = ("network_graph", "traces", "learning_curves")
"""Figures on the front page: a network, a trial, and how wirings learn."""


@dataclass(frozen=True)
class Material:
    """What is drawn."""

    data: Dataset
    network: Network
    deep: Mapping[str, Network]
    table: pd.DataFrame
    before: Records
    after: Records
    analyses: tuple[Analysis, Analysis]
    weights: Mapping[str, np.ndarray]
    decided: tuple[np.ndarray, np.ndarray]
    tables: Mapping[str, pd.DataFrame]


def rates(data: Dataset, seed: int, wiring: str) -> Network:
    """Describe three hidden populations of tanh neurons under one wiring."""
    net = Network(seed=seed)
    pre, bias = net.add(Stimulus("stimulus", data.n_inputs, Graded())), net.add(Bias("bias"))
    rule = rules.three_factor(dynamics=optimizers.rmsprop(3e-3))
    hidden = [Rate(f"hidden_{k}", n, "tanh") for k, n in enumerate((60, 50, 40), 1)]
    for post in (*hidden, Rate("output", data.n_classes, "logistic", gain="one")):
        net.add(post)
        net.connect(pre, post, weights=FanIn(), rule=rule)
        net.connect(bias, post, weights=Zero(), rule=rule)
        pre = post
    net.teach(feedback.WIRINGS[wiring](net.add(RateError("error", data.n_classes)), net.forward))
    return net


def learned(simulator: Simulator, data: Dataset, epochs: int) -> pd.DataFrame:
    """Train, and return what was measured as a long table like ``metrics.csv``."""
    rows = []
    for step in steps(simulator, data, Plan(epochs)):
        found = {parts(metric): value for metric, value in step.metrics.items()}
        if not simulator.network.is_spiking:
            angles = angles_to_backpropagation(simulator, Block(*data.test.block(slice(None))))
            found |= {("angle", name): value for name, value in angles.items()}
            found["train_accuracy", ""] = evaluate(simulator, data.train).accuracy
        where = {"epoch": step.position.epoch, "trial": step.position.trial}
        where["seed"] = simulator.network.seed
        rows += [where | {"metric": m, "subject": s, "value": v} for (m, s), v in found.items()]
    return pd.DataFrame(rows)


def material() -> Material:
    """Train and record everything."""
    data = datasets.load("digits")
    network = models.load("spiking_dfa").build(data, seed=0, hidden=200)
    names = [population.name for population in network.populations]
    simulator = simulate(network, record=names, traces=("v", "teach"))
    before = record(simulator, data.test, np.arange(TRIALS))
    table = learned(simulator, data, 10)
    after = record(simulator, data.test, np.arange(TRIALS))
    final = evaluate(simulator, data.test)
    tables = {}
    for wiring in WIRINGS:
        nets = [simulate(rates(data, seed, wiring), "array", batch=16) for seed in range(SEEDS)]
        tables[wiring.upper()] = pd.concat([learned(net, data, 10) for net in nets])
    return Material(
        data,
        network,
        {name: rates(data, 0, name) for name in WIRINGS},
        table,
        before,
        after,
        (analyze(before), analyze(after)),
        {p.name: simulator.weights(p) for p in network.plastic},
        (final.labels, final.decided),
        tables,
    )


def by_seed(table: pd.DataFrame, metric: str, subject: str) -> np.ndarray:
    """Return a metric of a subject after every epoch, shape (n_seeds, n_epochs + 1)."""
    rows = table[(table["metric"] == metric) & (table["subject"] == subject)]
    return rows.pivot_table("value", "seed", "epoch", dropna=False).to_numpy()


def spikes_of(records: Records, trial: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return times and neurons of one trial, by population."""
    parts = {name: spikes.of_trial(trial) for name, spikes in records.spikes.items()}
    return {name: (part.time, part.unit) for name, part in parts.items()}


def compared(analysis: Analysis) -> dict[str, np.ndarray]:
    """Return what is compared with a recording; here, before learning with after."""
    return {
        "firing rate of hidden neurons [Hz]": analysis.rates["hidden"],
        "CV of their intervals [dimensionless]": analysis.cvs["hidden"],
    }


def figures(m: Material) -> dict[str, Callable[[], Any]]:
    """Return what draws each figure, by name."""
    tested = m.table[m.table["metric"] == "test_accuracy"]
    fired = m.table[(m.table["metric"] == "rate") & (m.table["subject"] == "hidden")]
    sizes = {population.name: population.size for population in m.network.populations}
    trial = int(np.flatnonzero(~m.before.correct & m.after.correct)[0])
    analysis = m.analyses[1]
    said = [int(records.decisions[trial]) for records in (m.before, m.after)]
    close = {
        wiring: {
            (metric, subject) if subject else metric: by_seed(table, metric, subject)
            for metric, subject in table[["metric", "subject"]].drop_duplicates().to_numpy()
        }
        for wiring, table in m.tables.items()
    }
    dfa = {
        subject: values
        for (metric, subject), values in ((parts(m), v) for m, v in close["DFA"].items())
        if metric == "angle" and "bias" not in subject
    }
    distances = dissimilarities(m.after, "hidden", of="trials").matrix[:SHOWN, :SHOWN]
    return {
        "network_graph": lambda: plotting.network_graph(m.network),
        "network_graph_ifa": lambda: plotting.network_graph(m.deep["ifa"]),
        "network_graph_bp": lambda: plotting.network_graph(m.deep["bp"]),
        "raster_of": lambda: plotting.raster_of(m.after, trial),
        "traces": lambda: plotting.traces(m.after, "hidden", trial=trial),
        "raster_pair": lambda: plotting.raster_pair(
            spikes_of(m.before, trial),
            spikes_of(m.after, trial),
            sizes,
            m.after.duration,
            int(m.after.labels[trial]),
            *said,
        ),
        "comparison": lambda: plotting.comparison(close),
        "learning_curves": lambda: plotting.learning_curves(m.tables),
        "angles": lambda: plotting.angles(dfa, band="range"),
        "learning_curve": lambda: plotting.learning_curve(
            tested["trial"], tested["value"], name="spiking DFA", chance=0.1
        ),
        "firing_rates": lambda: plotting.firing_rates(analysis.rates),
        "distributions": lambda: plotting.distributions(
            analysis.cvs, "CV of intervals between spikes [dimensionless]"
        ),
        "confusion_matrix": lambda: plotting.confusion_matrix(*m.decided),
        "receptive_fields": lambda: plotting.receptive_fields(
            m.weights["stimulus_to_hidden"], m.data.shape
        ),
        "dissimilarity": lambda: plotting.dissimilarity(
            distances, m.after.labels[:SHOWN], title="hidden, single trials"
        ),
        "similarity": lambda: plotting.similarity(analysis.cka, analysis.populations),
        "recording_comparison": lambda: plotting.recording_comparison(
            *map(compared, m.analyses), names=("before learning", "after learning")
        ),
        "histograms": lambda: plotting.distributions(
            m.weights, "weight [threshold]", kind="histogram", of="synapses"
        ),
        "curves": lambda: plotting.curves(
            {"hidden": (fired["epoch"], fired["value"])}, "epochs", "mean firing rate [Hz]"
        ),
    }


def sheet(images: Sequence[Image.Image], width: int = SHEET_WIDTH) -> Image.Image:
    """Return images of one scale in rows, each row as long as fits."""
    gap, rows = 14, [[]]
    for image in images:
        small = image.resize((image.width * DOTS // 150, image.height * DOTS // 150), Image.LANCZOS)
        if sum(other.width + gap for other in (*rows[-1], small)) > width - gap:
            rows.append([])
        rows[-1].append(small)
    heights = [max(image.height for image in row) + gap for row in rows]
    canvas = Image.new("RGB", (width, gap + sum(heights)), "white")
    for row, top in zip(rows, np.cumsum([gap, *heights]), strict=False):
        room = (width - sum(image.width for image in row)) // (len(row) + 1)
        left = room
        for image in row:
            canvas.paste(image, (left, int(top)))
            left += image.width + room
    return canvas.quantize(256, kmeans=1, dither=Image.Dither.NONE)  # a third of the size


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--out", type=click.Path(path_type=Path), default=HERE, show_default=True)
def main(out: Path) -> None:
    folder = out / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    images = {}
    for name, draw in figures(material()).items():
        axes = draw()
        plotting.save(axes, folder / f"{name}.png")
        images[name] = Image.open(io.BytesIO(plotting.as_png(axes, 150))).convert("RGB")
    sheet([*images.values()]).save(out / "gallery.png", optimize=True)
    sheet([images[name] for name in FRONT], 1520).save(out / "front.png", optimize=True)
    print(f"{len(images)} figures in {folder}; all of them on {out / 'gallery.png'}.")


if __name__ == "__main__":
    main()
