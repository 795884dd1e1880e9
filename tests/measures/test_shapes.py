"""Arrays that measures and records return have the shapes that their docstrings promise."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rate_networks
from made_records import poisson, records
from shapes import assert_documented, assert_shape, documented

from apical import simulate
from apical.data.samples import Samples
from apical.devices.simulator import Block
from apical.measures import learning, losses, representation, saturation, spike_statistics, tuning
from apical.measures.landscapes import Plane, surface
from apical.measures.representation import Dissimilarities
from apical.measures.statistic import Statistic
from apical.measures.updates import update, update_signals
from apical.recordings import Recording
from apical.records.arrays import Records, Spikes, Units
from apical.records.recording import record

SIZES = {"n_trials": 7, "n": 5, "n_inputs": 4, "n_classes": 3, "n_patterns": 7}
"""No two sizes that could be taken for each other are equal, but those of trials and patterns."""
LABELS = np.array([0, 1, 2, 0, 1, 2, 0])


def made() -> Records:
    spikes = poisson(np.full((7, 5), 80.0), 200.0)
    graded = np.random.default_rng(0).random((7, 5))
    return records({"h": (spikes, 5)}, LABELS, 200.0, signals={"g": graded})


def recording() -> Recording:
    found = made()
    return Recording(
        Path("made"), found.spikes["h"], np.array(["h"] * 5), np.full(7, 200.0), LABELS.astype(str)
    )


def rdm() -> Dissimilarities:
    return representation.rdm(np.random.default_rng(0).random((5, 9)), np.arange(5))


RETURNED: dict[str, tuple[Any, Callable[[], Any]]] = {
    "counts": (Records.counts, lambda: made().counts("h")),
    "rates": (Records.rates, lambda: made().rates("h")),
    "rates, graded": (Records.rates, lambda: made().rates("g")),
    "correct": (Records.correct, lambda: made().correct),
    "times": (Records.times, lambda: made().times(5)),
    "recorded counts": (Recording.counts, lambda: recording().counts),
    "responses": (representation.responses, lambda: representation.responses(made(), "h")),
    "class means": (
        representation.class_means,
        lambda: representation.class_means(made().counts("h"), LABELS)[1],
    ),
    "vector": (Dissimilarities.vector, lambda: rdm().vector),
    "defined patterns": (Dissimilarities.defined, lambda: rdm().defined),
}


@pytest.mark.parametrize("name", RETURNED)
def test_what_is_returned_has_its_shape(name: str) -> None:
    what, make = RETURNED[name]
    assert_documented(make(), what, SIZES)


@dataclass(frozen=True)
class Field:
    """A field whose shape a class documents, and the object that has it."""

    kind: type
    name: str
    made: Callable[[], Any]
    sizes: dict[str, int]


N_SPIKES = len(made().spikes["h"])
FIELDS = [
    *(Field(Records, name, made, SIZES) for name in ("samples", "values", "labels", "decisions")),
    *(
        Field(Spikes, name, lambda: made().spikes["h"], {"n_spikes": N_SPIKES})
        for name in ("trial", "time", "unit")
    ),
    Field(Units, "signs", lambda: made().units["h"], SIZES),
    *(Field(Recording, name, recording, SIZES) for name in ("populations", "durations", "labels")),
    Field(Dissimilarities, "matrix", rdm, SIZES),
    Field(Dissimilarities, "patterns", rdm, SIZES),
    Field(Statistic, "values", lambda: spike_statistics.fano(made().counts("h")), SIZES),
    *(
        Field(
            spike_statistics.Intervals,
            name,
            lambda: spike_statistics.intervals(made().spikes["h"]),
            {"n_intervals": len(spike_statistics.intervals(made().spikes["h"]).length)},
        )
        for name in ("unit", "trial", "length")
    ),
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f"{f.kind.__name__}.{f.name}")
def test_fields_have_their_shape(field: Field) -> None:
    assert field.name in {f.name for f in fields(field.kind)}
    value = getattr(field.made(), field.name)
    assert_documented(value, field.kind, field.sizes, field.name)


EACH = {"neuron": 5, "trial": 7, "pair": 10, "population": 1}
"""How many numbers there are, by what there is one for: of 7 trials of 5 neurons."""


def test_statistics_have_a_number_for_each() -> None:
    found = spike_statistics.spike_statistics(made(), "h")
    found |= {f"tuning {k}": v for k, v in tuning.tuning(made(), "h").items()}
    found |= {
        "saturated": saturation.saturated(np.ones((7, 5)), "tanh"),
        "dead": saturation.dead(np.ones((7, 5))),
    }
    assert len(found) > 12
    for name, statistic in found.items():
        assert statistic.values.shape == (EACH[statistic.each],), name
        text = documented(Statistic.defined)[0]
        assert_shape(statistic.defined, text, {"n": 0, "undefined": -len(statistic.defined)})


def test_losses_surfaces_and_slopes_have_their_shape() -> None:
    network = rate_networks.rates(sizes=(4, 5, 3))
    simulator = simulate(network, "array", record=["hidden_1"], traces=["gain"])
    block = Block.of_labels(np.random.default_rng(0).random((7, 4)), LABELS)
    assert_documented(losses.losses(simulator, block), losses.losses, SIZES)
    weights = {p.name: simulator.weights(p) for p in network.plastic}
    plane = Plane(weights, weights, {name: w + 1 for name, w in weights.items()})
    found = surface(simulator, block, plane, [0.0, 1.0], [0.0, 0.5, 1.0])
    assert_documented(found, surface, {"n_a": 2, "n_b": 3})
    slopes = saturation.slopes(simulator, block.values)["hidden_1"]
    assert_shape(slopes, documented(saturation.saturated, "gain")[0], SIZES)


def test_updates_are_shaped_like_their_weights() -> None:
    network = rate_networks.rates(sizes=(4, 5, 3))
    names = [p.name for p in network.populations if p.name != "bias"]
    simulator = simulate(network, "array", record=names, traces=update_signals(network))
    values = np.random.default_rng(0).random((7, 4)).astype(np.float32)
    shown = record(simulator, Samples(values, LABELS), np.arange(7))
    for p in network.plastic:
        w, sizes = simulator.weights(p), {"n_pre": p.pre.size, "n_post": p.post.size}
        assert_documented(w, learning.weight_measures, sizes, "weights")
        assert_documented(update(p, w, shown), update, sizes)


def test_documented_shapes_are_read_as_written() -> None:
    def example() -> None:
        """Return something, shape (n * (n - 1) / 2,).

        Parameters
        ----------
        a, b
            Both, shape (n_trials, n).
        c
            Nothing of the kind.
        """

    assert documented(example) == ["n * (n - 1) / 2,"]
    assert documented(example, "b") == ["n_trials, n"] and documented(example, "c") == []
    assert_shape(np.zeros(10), "n * (n - 1) / 2,", SIZES)
    with pytest.raises(AssertionError, match=r"\(5, 7\) is not \(n_trials, n\)"):
        assert_shape(np.zeros((5, 7)), "n_trials, n", SIZES)
