"""Encoding scores and geometry against scikit-learn, rsatoolbox and formulas by hand."""

import numpy as np
import pytest
import rsatoolbox
from scipy import stats
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge as PlainRidge

from apical.measures import encoding_scores
from apical.measures.encoding_scores import (
    Ridge,
    brain_score,
    folds_of,
    middle,
    partial_least_squares,
    reliabilities,
    scores,
    spearman_brown,
)
from apical.measures.geometry import (
    Geometry,
    likeness,
    pair_matrix,
    permuted_products,
    quick_distances,
    resampled_matrix,
)
from apical.measures.kernels import cka_debiased
from apical.measures.resampling import orders

DRAW = np.random.default_rng(0)
X, NOISE = DRAW.normal(size=(24, 30)), DRAW.normal(size=(24, 7))
Y = X[:, :3] @ DRAW.normal(size=(3, 7)) + 0.5 * NOISE + 4


@pytest.mark.parametrize("grouped", [False, True])
def test_ridge_equals_that_of_scikit_learn_with_the_penalty_chosen_by_refitting(
    grouped: bool,
) -> None:
    groups = np.repeat(np.arange(8), 3) if grouped else np.arange(24)
    folds = folds_of(groups, np.random.default_rng(1), 4)
    assert all(len(np.unique(folds[groups == g])) == 1 for g in groups)
    predicted, found = Ridge(X, groups, folds).held_out(Y)
    x = X / np.abs(X).max()
    for fold in np.unique(folds):
        held, kept = folds == fold, folds != fold
        inner = groups[kept]
        scale = np.sum((x[kept] - x[kept].mean(0)) ** 2) / kept.sum()
        errors = []
        for penalty in encoding_scores.PENALTIES:
            error = 0.0
            for group in np.unique(inner):
                out = inner == group
                # the scale and the centre of the penalised fit are those of all kept rows
                about, target = x[kept] - x[kept].mean(0), Y[kept]
                model = PlainRidge(penalty * scale).fit(about[~out], target[~out])
                error += np.sum((model.predict(about[out]) - target[out]) ** 2)
            errors.append(error)
        best = encoding_scores.PENALTIES[int(np.argmin(errors))]
        model = PlainRidge(best * scale).fit(x[kept], Y[kept])
        assert np.allclose(predicted[held], model.predict(x[held]) - Y[kept].mean(0))
        assert np.allclose(found[held], Y[held] - Y[kept].mean(0))
    assert middle(scores(predicted, found)) > 0.4


def test_partial_least_squares_equals_that_of_scikit_learn() -> None:
    folds = folds_of(np.arange(24), np.random.default_rng(1), 4)
    predicted, _ = partial_least_squares(X, Y, folds, 5)
    for fold in range(4):
        held, kept = folds == fold, folds != fold
        model = PLSRegression(5, scale=False, max_iter=100_000, tol=1e-20).fit(X[kept], Y[kept])
        assert np.allclose(predicted[held], model.predict(X[held]) - Y[kept].mean(0))
    few = partial_least_squares(X[:, :2], Y, folds)[0]  # with as many components as there are
    for fold in range(4):
        held, kept = folds == fold, folds != fold
        line = np.linalg.lstsq(
            X[kept, :2] - X[kept, :2].mean(0), Y[kept] - Y[kept].mean(0), rcond=None
        )[0]
        assert np.allclose(few[held], (X[held, :2] - X[kept, :2].mean(0)) @ line)


def test_a_model_that_knows_nothing_scores_nothing_on_average() -> None:
    """Correlations of single left-out stimuli with the means over others would be below 0."""
    draw, found = np.random.default_rng(3), []
    for _ in range(60):
        x, y = draw.normal(size=(8, 20)), draw.normal(size=(8, 15))
        found.append(middle(scores(*Ridge(x, np.arange(8), np.arange(8)).held_out(y))))
    assert abs(np.mean(found)) < 0.1
    assert np.isnan(middle(scores(*Ridge(np.ones((8, 3)), np.arange(8), np.arange(8)).held_out(y))))


def test_reliability_is_the_corrected_correlation_of_halves() -> None:
    one, other = DRAW.normal(size=(2, 3, 12, 5)) + 1.5 * DRAW.normal(size=(12, 5))
    found = reliabilities(one, other)
    for k in range(5):
        r = np.mean([stats.pearsonr(one[s, :, k], other[s, :, k])[0] for s in range(3)])
        assert np.isclose(found[k], 2 * r / (1 + r))
    one[:, :, 0] = 1
    assert np.isnan(reliabilities(one, other)[0])
    assert spearman_brown(np.array([-0.3]))[0] == 0


def test_reliability_is_the_share_of_variance_that_trials_repeat() -> None:
    draw = np.random.default_rng(0)
    signal = draw.normal(size=(400, 20))
    halves = signal + np.sqrt(2) * draw.normal(size=(2, 1, 400, 20))  # the mean has noise 1
    assert np.allclose(reliabilities(*halves).mean(), 0.5, atol=0.03)


def test_brain_score_by_hand() -> None:
    """Brain-Score's explained variance: (median r / median of corrected consistency)^2."""
    r, halves = np.array([0.2, 0.5, 0.6]), np.array([0.3, 0.4, 0.8])
    ceiling = float(np.median(2 * halves / (1 + halves)))
    assert np.isclose(ceiling, 0.8 / 1.4)
    assert np.isclose(brain_score(middle(r), ceiling), (0.5 / (0.8 / 1.4)) ** 2)
    assert brain_score(-0.5, 1.0) == -0.25 and np.isnan(brain_score(0.5, 0.0))
    assert np.isnan(middle(np.array([np.nan])))


def test_geometry_equals_that_of_rsatoolbox() -> None:
    a, b = DRAW.normal(size=(7, 20)), DRAW.normal(size=(7, 11))
    rdms = [
        rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(m), method="correlation") for m in (a, b)
    ]
    for measure, method in (("rsa", "spearman"), ("rsa_rho_a", "rho-a")):
        product = np.sum(pair_matrix(a, measure) * pair_matrix(b, measure))
        assert np.isclose(product, rsatoolbox.rdm.compare(*rdms, method=method)[0, 0])
    product = np.sum(pair_matrix(a, "cka_debiased") * pair_matrix(b, "cka_debiased"))
    assert np.isclose(product, cka_debiased(a, b))
    upper = np.triu_indices(7, 1)
    assert np.allclose(quick_distances(a, np.ones(20))[upper], rdms[0].get_vectors()[0])


@pytest.mark.parametrize("measure", ["rsa", "rsa_rho_a", "cka_debiased"])
def test_resampled_geometry_is_that_of_repeated_neurons(measure: Geometry) -> None:
    means = DRAW.normal(size=(6, 9))
    drawn = np.random.default_rng(0).integers(0, 9, 9)
    weights = np.bincount(drawn, minlength=9).astype(float)
    assert np.allclose(
        resampled_matrix(means, weights, measure), pair_matrix(means[:, drawn], measure)
    )


@pytest.mark.parametrize("measure", ["rsa", "rsa_rho_a", "cka_debiased"])
def test_permutations_are_those_of_classes(measure: Geometry) -> None:
    model, halves = DRAW.normal(size=(5, 9)), DRAW.normal(size=(3, 2, 5, 8))
    every = orders(5, 1000, np.random.default_rng(0))
    found = likeness(model, halves, every, measure)
    for k, order in enumerate(every[:10]):
        moved = likeness(model[order], halves, every[:1], measure)
        assert np.isclose(found.by_chance[k], moved.value)
    matrix = pair_matrix(model, measure)
    assert np.isclose(permuted_products(matrix, matrix, np.arange(5)[None])[0], np.sum(matrix**2))
    alike = np.broadcast_to(model, (2, 2, 5, 9))
    same = likeness(model, alike, every, measure)
    assert np.isclose(same.value, 1) and np.isclose(same.floor, 1) and np.isclose(same.ceiling, 1)


@pytest.mark.parametrize("measure", ["rsa", "cka_debiased"])
def test_geometry_that_is_undefined_says_so(measure: Geometry) -> None:
    every = orders(5, 10, np.random.default_rng(0))
    found = likeness(np.ones((5, 4)), DRAW.normal(size=(2, 2, 5, 8)), every, measure)
    assert (
        np.isnan([found.value, found.floor, found.ceiling]).all()
        and np.isnan(found.by_chance).all()
    )
    assert np.isnan(pair_matrix(DRAW.normal(size=(2, 8)), measure)).all()
