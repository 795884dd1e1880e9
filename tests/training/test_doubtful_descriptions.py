"""What has no effect, or hardly the one that was meant, is warned of in one line."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import apical as ap
from apical import LearningRule, Trace, rules
from apical.connectivity import OneToOne
from apical.errors import DescriptionWarning, ParameterError
from apical.testing.references import driven, rates
from apical.training.scoring import scored


@contextmanager
def warned() -> Iterator[list[str]]:
    """Collect the messages of warnings of descriptions."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield said
    said += [str(one.message) for one in told if one.category is DescriptionWarning]
    assert not any("\n" in one for one in said)


def test_rules_with_what_they_do_not_read() -> None:
    slow = Trace("x_pre", tau=20.0)
    with warned() as said:
        LearningRule("hebb", "eta*x_pre*x_post", {"eta": 0.1, "decay": 0.5})
        LearningRule("hebb", "eta*x_pre*x_post", {"eta": 0.1}, when="post", traces={"slow": slow})
        rules.three_factor(-0.1)
    assert [one.partition(";")[0] for one in said] == [
        "LearningRule 'hebb' does not read its parameter 'decay'",
        "LearningRule 'hebb' does not read its trace 'slow'",
        "LearningRule 'three_factor' has a negative learning rate, eta=-0.1, and learns the "
        "opposite of its update",
    ]


def test_shipped_rules_read_all_that_they_have() -> None:
    with warned() as said:
        for name in ("three_factor", "three_factor_at_spikes", "norm_scale", "node_perturbation"):
            getattr(rules, name)(0.1)
        rules.stdp(0.1)
        rules.e_prop(0.1)
    assert said == []


def test_training_of_a_network_that_does_not_learn() -> None:
    data = ap.datasets.blobs(8, 4, 6, 3, rng=ap.stream(0, "data"))
    fixed = driven(ap.Rate("output", 3))
    with ap.simulate(fixed, "array") as simulator, warned() as said:
        ap.train(simulator, data, 1, progress=False)
    assert len(said) == 1 and said[0].startswith("No projection of the network has a learning rule")
    with ap.simulate(rates(), "array") as simulator, warned() as said:
        ap.train(simulator, data, 1, progress=False)
    assert said == []


def test_a_projection_without_synapses() -> None:
    net = ap.Network()
    x = net.add(ap.Stimulus("x", 3, ap.encoding.Graded()))
    y = net.add(ap.Rate("y", 3))
    net.connect(x, y, connectivity=OneToOne(), missing=0.999)
    with warned() as said, ap.simulate(net, "array"):
        pass
    assert len(said) == 1 and "'x_to_y' has no synapse" in said[0]
    assert "missing=0.999 leaves none" in said[0]


@pytest.mark.parametrize(
    ("encoder", "largest"),
    [
        (ap.encoding.Regular(), 1.0),
        (ap.encoding.Poisson(), 1.0),
        (ap.encoding.Latency(), 1.0),
        (ap.encoding.Regular(total=2.0), np.inf),
        (ap.encoding.Escape(), np.inf),
    ],
)
def test_stimuli_beyond_what_an_encoder_shows(encoder: Any, largest: float) -> None:
    with ap.simulate(driven(ap.LIF("output", 2), encoder), "runtime") as simulator:
        for value, beyond in ((1.0, False), (1.5, largest == 1)):
            with warned() as said:
                simulator.run(ap.Block.of_stimuli(np.full((1, 6), value)))
            assert len(said) == beyond
            assert not said or "reach 1.5, beyond 1" in said[0]


def test_a_scorer_is_given_once() -> None:
    pytest.importorskip("sklearn")
    outputs, labels = np.eye(3), np.arange(3)
    for twice in (["accuracy", "accuracy"], [lambda *_: 1.0, lambda *_: 2.0]):
        with pytest.raises(ParameterError, match="twice.*give it once, or name -> scorer"):
            scored(labels, outputs, twice)
