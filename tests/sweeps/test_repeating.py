"""Conditions times seeds in one process."""

import pytest

from apical.errors import DesignError
from apical.sweeps import repeated, report


def test_every_level_meets_every_seed_and_the_report_reads_it() -> None:
    results = repeated(lambda level, seed: 0.5 + level * 0.1 + seed * 0.01, [0, 1, 2], seeds=3)
    assert list(results["seed"]) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    said = report(results, ["condition"], {"condition": 0})
    assert said.summary["mean"].tolist() == pytest.approx([0.51, 0.61, 0.71])
    assert said.comparisons["difference"].tolist() == pytest.approx([0.1, 0.2])
    assert "61.00" in said.markdown()


def test_several_numbers_may_be_measured() -> None:
    results = repeated(
        lambda level, seed: {"angle": seed, "error": 0.1}, ["a"], [4, 7], factor="wiring"
    )
    assert results["angle"].tolist() == [4, 7] and set(results["wiring"]) == {"a"}
    assert report(results, ["wiring"], metric="angle").summary["mean"][0] == 5.5


def test_nothing_to_measure_is_said() -> None:
    with pytest.raises(DesignError, match="one level or more"):
        repeated(lambda level, seed: 0.0, [])
    with pytest.raises(DesignError, match="test_accuracy of condition 'a' is 'high'"):
        repeated(lambda level, seed: "high", ["a"], 1)  # type: ignore[arg-type, return-value]
