"""Records: arrays with names, there and back."""

import numpy as np
import pytest

from apical.errors import DataError
from apical.records.arrays import Records, Spikes, Units


def some_records() -> Records:
    """Return three trials of two populations, one of which is silent in a trial."""
    spikes = Spikes(
        np.array([0, 0, 2]), np.array([1.0, 7.0, 3.0]), np.array([1, 0, 1], dtype=np.int32)
    )
    return Records(
        10.0,
        1.0,
        {"hidden": Units("LIF", np.array([0, 1])), "output": Units("LIF", np.zeros(2, int))},
        samples=np.arange(3),
        values=np.zeros((3, 4)),
        labels=np.array([0, 1, 1]),
        decisions=np.array([0, 1, 0]),
        spikes={"hidden": spikes},
        signals={"hidden.v": np.arange(60.0).reshape(3, 10, 2)},
        about={"model": "none"},
    )


def test_counts_and_rates() -> None:
    records = some_records()
    assert records.counts("hidden").tolist() == [[1, 1], [0, 0], [0, 1]]
    assert records.rates("hidden")[0].tolist() == [100, 100]
    assert records.correct.tolist() == [True, True, False]
    assert [len(records.spikes["hidden"].of_trial(k)) for k in range(3)] == [2, 0, 1]


def test_axes_have_names_and_units() -> None:
    trace = some_records().trace("hidden", "v")
    assert trace.dims == ("trial", "time", "unit")
    assert trace.time.attrs["units"] == "ms" and trace.time.values[-1] == 9.0
    assert trace.sel(trial=1, time=2.0, unit=1) == 25.0


def test_there_and_back() -> None:
    records = some_records()
    back = Records.from_arrays(records.to_arrays())
    assert back.about == records.about and back.units["hidden"].kind == "LIF"
    assert back.counts("hidden").tolist() == records.counts("hidden").tolist()
    np.testing.assert_array_equal(back.signals["hidden.v"], records.signals["hidden.v"])


def test_what_was_not_recorded_is_named() -> None:
    records = some_records()
    with pytest.raises(DataError, match="no spikes of 'output'; they hold those of hidden"):
        records.rates("output")
    with pytest.raises(DataError, match=r"no signal 'hidden.teach'; they hold hidden.v"):
        records.trace("hidden", "teach")


@pytest.mark.parametrize("name", ["records", "labels", "signs:hidden", "time:hidden"])
def test_a_missing_array_is_said(name: str) -> None:
    arrays = some_records().to_arrays()
    del arrays[name]
    with pytest.raises(DataError, match=f"holds no records: .*{name}.* is missing"):
        Records.from_arrays(arrays)
