"""Contracts of measures."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from apical._base.metric_names import Metric, parts
from apical.data.datasets import blobs
from apical.runs.callbacks import Measuring
from apical.runs.experiment import Experiment, Prepared, prepare
from apical.runs.measures import Measure
from apical.testing import model
from apical.testing.contracts import contract, expect
from apical.training.loop import Position


@cache
def _prepared() -> Prepared:
    """Return the experiment that is measured."""
    samples = blobs(6, 3, 6, 2, rng=np.random.default_rng(0))
    train, test = samples.train, samples.test
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        file = Path(folder, "blobs.npz")
        np.savez(
            file,
            x_train=train.values,
            y_train=train.labels,
            x_test=test.values,
            y_test=test.labels,
            scale=train.scale,
        )
        script = str(Path(model.__file__))
        return prepare(Experiment(script, dataset=str(file), device="array", batch=2))


def _measured(measure: Measure) -> tuple[dict[Metric, float], bool]:
    """Return the metrics of the network, and whether its state is unchanged."""
    simulator = _prepared().simulator()
    before = simulator.state
    found = Measuring(_prepared(), [measure])(simulator, Position(), {})
    after = simulator.state
    return found, all(np.array_equal(values, after[name]) for name, values in before.items())


@contract("measure")
def says_what_it_is(measure: Measure) -> None:
    """It has a name and a description."""
    expect(measure.name and measure.about, f"{measure!r} lacks a name or a description.")


@contract("measure")
def finds_numbers_by_name(measure: Measure) -> None:
    """It returns numbers, by names without blanks."""
    found, _ = _measured(measure)
    expect(found, f"Measure {measure.name!r} returns nothing.")
    for metric, value in found.items():
        name, subject = parts(metric)
        named = isinstance(name, str) and name and not set(name + subject) & {" ", ",", "\n"}
        expect(named, f"Measure {measure.name!r} returns a metric with the name {name!r}.")
        expect(np.ndim(value) == 0 and isinstance(float(value), float), f"{name!r} is {value!r}.")


@contract("measure")
def leaves_the_network_as_it_is(measure: Measure) -> None:
    """It does not change the network in training."""
    expect(_measured(measure)[1], f"Measure {measure.name!r} changes the network that it measures.")


@contract("measure")
def finds_the_same_again(measure: Measure) -> None:
    """It is deterministic: the same network at the same position gives the same numbers."""
    one, other = _measured(measure)[0], _measured(measure)[0]
    same = one.keys() == other.keys() and np.array_equal(
        list(one.values()), list(other.values()), equal_nan=True
    )
    expect(same, f"Measure {measure.name!r} returns other numbers when it is repeated.")
