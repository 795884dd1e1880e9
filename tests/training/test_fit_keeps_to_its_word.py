"""What `fit`, `predict` and files of states must not do in silence."""

from pathlib import Path

import numpy as np
import pytest

import apical as ap
from apical import connectivity, hypotheses, rules
from apical.errors import DataError, ParameterError, WiringError
from apical.network.interventions import Redraw
from apical.network.lesions import cut
from apical.training.callbacks import EarlyStopping


@pytest.fixture(scope="module")
def numbers() -> ap.Dataset:
    rng = np.random.default_rng(0)
    x = rng.random((60, 4))
    return ap.Dataset.from_targets(
        x, x @ [[1.0], [-2.0], [0.5], [1.0]], x[:20], x[:20] @ np.ones(4)
    )


def regression(rate: float = 0.02, seed: int = 0) -> ap.Network:
    net, rule = ap.Network(seed=seed), rules.three_factor(rate)
    x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    h, y = ap.Rate("hidden", 6), ap.Rate("output", 1, "linear")
    ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
    net.teach(ap.feedback.direct(net.add(ap.RateError("error", 1)), net.forward))
    return net


def sparse(seed: int = 0) -> ap.Network:
    net, rule = ap.Network(seed=seed), rules.three_factor(0.1)
    x, h = ap.Stimulus("stimulus", 64, ap.encoding.Graded()), ap.Rate("hidden", 40)
    y = ap.Rate("output", 10)
    ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule)
    error = net.add(ap.RateError("error", 10))
    some = connectivity.Probability(0.2)
    net.teach(ap.feedback.direct(error, net.forward, weights=ap.FanIn(), connectivity=some))
    return net


def test_early_stopping_of_targets_keeps_the_best_epoch(numbers: ap.Dataset) -> None:
    stop = EarlyStopping(patience=2, monitor="validation_mse")
    found = ap.fit(regression(), numbers, 6, validation=20, early_stopping=stop, progress=False)
    errors = found.table["validation_mse"].to_numpy()
    assert errors[-1] < errors[0] and found.best == int(errors.argmin())
    found = ap.fit(regression(), numbers, 2, validation=20, early_stopping=3, progress=False)
    assert found.best is not None  # by the score to report, R2


def test_targets_are_predicted_in_their_units(numbers: ap.Dataset) -> None:
    found = ap.fit(regression(), numbers, 1, progress=False)
    predicted = ap.predict(found.simulator, numbers.test)
    assert predicted.shape == (20, 1) and len(np.unique(predicted)) > 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"class_weights": "balanced"}, "class_weights are for classes"),
        ({"class_weights": {0: 2.0}}, "class_weights are for classes"),
        ({"schedule": "plateau"}, "give validation"),
        ({"validation": -5}, "validation must be .* got -5"),
        ({"validation": 0}, "validation must be"),
    ],
)
def test_what_would_be_ignored_is_refused(
    numbers: ap.Dataset, given: dict[str, object], said: str
) -> None:
    with pytest.raises(ParameterError, match=f"^fit: .*{said}"):
        ap.fit(regression(), numbers, 1, progress=False, **given)  # type: ignore[arg-type]


def test_a_state_of_other_synapses_is_refused(tmp_path: Path) -> None:
    with ap.simulate(sparse(0), "array") as first, ap.simulate(sparse(1), "array") as second:
        path = first.save(tmp_path / "state")
        with pytest.raises(
            DataError, match="of seed 0, not 1: other synapses of 'error_to_hidden'"
        ):
            second.load(path)
        first.load(path)
    full = ap.models.load("rate_dfa").build(ap.datasets.load("digits"), 0, hidden=5)
    with ap.simulate(full, "array") as one, ap.simulate(full.altered(seed=1), "array") as other:
        other.load(one.save(tmp_path / "full"))


def test_sparse_feedback_is_redrawn_by_the_law_of_its_beginning() -> None:
    net = sparse()
    back = net.projection("error_to_hidden")
    exists = net.existing(back)
    began, drawn = net.initial_weights(back), Redraw(16).acted(back, np.zeros((10, 40)), 0, 160)
    assert exists is not None and not drawn[~exists].any() and drawn[exists].all()
    assert drawn[exists].std() == pytest.approx(began[exists].std(), rel=0.3)


def test_lesions_are_of_synapses_that_exist() -> None:
    net = sparse()
    back = net.projection("error_to_hidden")
    lesion = cut(net, back.name, share=0.5, after=0).interventions[-1]
    left = np.count_nonzero(lesion.acted(back, net.initial_weights(back), 0, 0))
    assert left == net.n_synapses(back) - round(0.5 * net.n_synapses(back))


def test_a_lesion_does_not_vanish_with_the_wiring() -> None:
    net = cut(regression(), "error_to_hidden", share=1.0, after=0)
    with pytest.raises(WiringError, match="intervention on 'error_to_hidden'.*wire it first"):
        net.rewired(ap.feedback.layerwise)
    assert hypotheses.redrawn_feedback(sparse(), every=10).rewired(ap.feedback.layerwise)
