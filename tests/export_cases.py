"""Records to export: those of a spiking network, of a network of rates, and of chance."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from apical.records.arrays import Records, Spikes, Units

ABOUT: dict[str, Any] = {
    "run": "digits/s0",
    "model": "spiking_dfa",
    "model_doc": 'A network, with a "quoted" word\nand a second line.',
    "options": {"hidden": 4},
    "dataset": "digits",
    "licence": "CC BY 4.0",
    "device": "cpp_standalone",
    "dtype": "float32",
    "seed": 3,
    "versions": {"apical": "0.1.0", "brian2": "2.10.1"},
    "config": {"epochs": 5, "plan": {"block": 100}},
    "rules": [
        {
            "projection": "stimulus_to_hidden",
            "name": "three_factor",
            "update": "eta * x_pre * gain_post * teach_post",
            "source": "Nokland 2016, doi:10.48550/arXiv.1609.01596, eq. 4",
        },
        {"projection": "hidden_to_output", "name": "delta", "update": "eta", "source": "Nobody"},
    ],
    "feedback": {"name": "direct", "source": "Nokland (https://doi.org/10.48550/arXiv.1609.01596)"},
    "projections": [
        {"name": "stimulus_to_hidden", "pre": "stimulus", "post": "hidden", "kind": "forward"},
        {"name": "hidden_to_output", "pre": "hidden", "post": "output", "kind": "forward"},
    ],
    "created": "2026-01-02T03:04:05+01:00",
    "shape": [2, 3],
}


def spikes_of(trial: Any, time: Any, unit: Any) -> Spikes:
    """Return spikes in the order that records keep."""
    trial, time, unit = np.array(trial, np.int32), np.array(time, float), np.array(unit, np.int32)
    order = np.lexsort((unit, time, trial))
    return Spikes(trial[order], time[order], unit[order])


def random_records(n_trials: int = 30, seed: int = 0, steps: int = 10) -> Records:
    """Return records with silent units, a silent population, membranes and a settled signal."""
    rng = np.random.default_rng(seed)
    n = 5 * n_trials
    hidden = spikes_of(
        rng.integers(0, n_trials, n), rng.integers(0, steps, n) * 0.5, rng.integers(1, 4, n)
    )
    output = spikes_of(rng.integers(0, n_trials, 7), rng.integers(0, steps, 7) * 0.5, np.zeros(7))
    return Records(
        steps * 0.5,
        0.5,
        {
            "hidden": Units("LIF", np.array([1, -1, 0, 0, 1], np.int8)),
            "output": Units("LIF", np.zeros(3, np.int8)),
            "quiet": Units("Error", np.array([1, -1], np.int8)),
            "graded": Units("Rate", np.zeros(6, np.int8)),
        },
        samples=rng.integers(0, 20, n_trials),
        values=rng.random((n_trials, 6)),
        labels=rng.integers(0, 3, n_trials),
        decisions=rng.integers(-1, 3, n_trials),
        spikes={"hidden": hidden, "output": output, "quiet": spikes_of([], [], [])},
        signals={
            "hidden.v": rng.normal(size=(n_trials, steps, 5)).astype(np.float32),
            "output.v": rng.normal(size=(n_trials, steps, 3)).astype(np.float32),
            "graded.x": rng.normal(size=(n_trials, 1, 6)).astype(np.float32),
        },
        about=ABOUT,
    )


def rate_records(n_trials: int = 4) -> Records:
    """Return records of a network of rates: no spikes, fewer points in time than units."""
    rng = np.random.default_rng(1)
    return Records(
        100.0,
        1.0,
        {"hidden": Units("Rate", np.zeros(7, np.int8))},
        samples=np.arange(n_trials),
        values=rng.random((n_trials, 5)),
        labels=np.arange(n_trials) % 2,
        decisions=np.zeros(n_trials, int),
        signals={"hidden.x": rng.random((n_trials, 1, 7))},
    )


def some_metrics() -> pd.DataFrame:
    """Return a table as in ``metrics.csv``."""
    rows = [
        ("digits/s0", 3, 0, 0, 0, "test_accuracy", "", 0.1),
        ("digits/s0", 3, 0, 1, 500, "rate", "hidden", 12.5),
        ("digits/s0", 3, 1, 0, 1000, "test_accuracy", "", 0.9),
        ("digits/s0", 3, 1, 0, 1000, "angle", "stimulus_to_hidden", 81.25),
    ]
    columns = ["run", "seed", "epoch", "block", "trial", "metric", "subject", "value"]
    return pd.DataFrame(rows, columns=columns)


@st.composite
def small_records(draw: st.DrawFn) -> Records:
    """Draw records: any units silent, populations empty of spikes, or graded only."""
    n_trials, dt = draw(st.integers(1, 3)), draw(st.sampled_from([0.1, 0.5, 1.0]))
    steps = draw(st.integers(1, 4))
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    units, spikes, signals = {}, {}, {}
    for k, size in enumerate(sizes):
        name = f"p{k}"
        units[name] = Units("LIF", rng.integers(-1, 2, size).astype(np.int8))
        if draw(st.booleans()):
            n = draw(st.integers(0, 6))
            spikes[name] = spikes_of(
                rng.integers(0, n_trials, n),
                rng.integers(0, steps, n) * dt,
                rng.integers(0, size, n),
            )
        if name not in spikes or draw(st.booleans()):
            points = draw(st.sampled_from([1, steps]))
            signals[f"{name}.v"] = rng.normal(size=(n_trials, points, size)).astype(np.float32)
    return Records(
        steps * dt,
        dt,
        units,
        samples=rng.integers(0, 5, n_trials),
        values=rng.random((n_trials, 4)),
        labels=rng.integers(0, 3, n_trials),
        decisions=rng.integers(0, 3, n_trials),
        spikes=spikes,
        signals=signals,
    )
