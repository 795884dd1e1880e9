"""How normal numbers are, against distributions whose distance is known."""

from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

from apical import plotting
from apical.errors import DataError
from apical.measures.normality import normal_fit


def test_distance_of_a_uniform_distribution_is_the_known_one() -> None:
    values = (np.arange(100_000) + 0.5) / 100_000  # as uniform as can be
    known = -optimize.minimize_scalar(
        lambda z: -abs(stats.norm.cdf(z) - (0.5 + z / 12**0.5)),
        bounds=(0, 3**0.5),
        method="bounded",
    ).fun
    fit = normal_fit(values.reshape(100, -1))
    assert fit.distance == pytest.approx(known, abs=1e-4)
    assert (fit.mean, fit.std) == pytest.approx((0.5, 12**-0.5), rel=1e-4)
    assert fit.distance > 10 * fit.chance


def test_normal_numbers_stay_below_chance_in_95_of_100_cases() -> None:
    rng = np.random.default_rng(0)
    below = [(fit := normal_fit(rng.normal(3, 2, 500))).distance < fit.chance for _ in range(300)]
    assert 0.91 < np.mean(below) < 0.985


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0], [1.0, np.nan]])
def test_what_has_no_fit_is_said(values: list[float]) -> None:
    with pytest.raises(DataError, match="two finite numbers or more"):
        normal_fit(np.array(values))


def test_normality_is_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    axes = plotting.normality({"normal": rng.normal(size=(50, 60)), "flat": rng.random(900)})
    assert plotting.save(axes, tmp_path / "normal.png").stat().st_size > 10_000
    off = [np.abs(np.subtract(*axes[k].lines[-1].get_xydata().T)).max() for k in (2, 3)]
    assert off[0] < off[1]  # points of the flat one leave the line
    with pytest.raises(DataError, match="samples: needs one or more"):
        plotting.normality({})
