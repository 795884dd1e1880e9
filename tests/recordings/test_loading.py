"""Recordings in the layouts of large data sets: right counts, and nothing taken as silence."""

from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
from layouts import COUNTS, START, STOP, TRAINS, Nwb, electrodes, intervals, plain, region, units

from apical.errors import ApicalError, DataError, ParameterError
from apical.recordings import Recording, Selection, load_recording, read_classes


def reasons(recording: Recording) -> dict[str, list[int]]:
    """Return why rows were left out, and which."""
    return {left.why: list(left.rows) for left in recording.left_out}


# ---- tables -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    ["trials", "natural_scenes_presentations", "encoding_table", "epochs", "processing/b/shown"],
)
def test_the_only_table_holds_the_trials_whatever_its_name(name: str, tmp_path: Path) -> None:
    found = load_recording(plain(tmp_path / "a.nwb", name))
    assert found.counts.tolist() == COUNTS
    assert found.table == name.rpartition("/")[2] and not found.left_out
    np.testing.assert_allclose(found.durations, 500)


def test_trials_are_taken_before_other_tables(tmp_path: Path) -> None:
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        intervals(file, "gratings", [0.0, 2.0], [1.0, 3.0])
        intervals(file, "trials", START, STOP)
    assert load_recording(tmp_path / "a.nwb").counts.tolist() == COUNTS
    chosen = Selection(table="gratings")
    assert load_recording(tmp_path / "a.nwb", selection=chosen).counts.tolist() == [
        [2, 1, 1],
        [1, 0, 1],
    ]


def test_several_tables_are_listed_with_a_command_that_takes_one(tmp_path: Path) -> None:
    path = tmp_path / "two tables.nwb"
    with Nwb(path) as file:
        units(file, TRAINS)
        intervals(file, "spontaneous", START, STOP)
        intervals(file, "gratings", START, STOP, orientation=[0.0, 90.0, 0.0, 90.0])
    with pytest.raises(DataError) as caught:
        load_recording(path)
    said = caught.value.message
    assert "has 2 tables that may hold trials" in said and "\n" not in said
    assert "spontaneous (4 rows), gratings (4 rows)" in sorted_tables(said)
    assert f"apical analyze RUN --compare '{path}' --table gratings" in said
    assert "--stimulus-column orientation" in said
    with pytest.raises(DataError, match="has no table 'grating'"):
        load_recording(path, selection=Selection(table="grating"))


def sorted_tables(said: str) -> str:
    """Return the listed tables, the one without classes first."""
    listed = said.partition("Tables in it: ")[2].partition(". ")[0].split(", ")
    return ", ".join(sorted(listed, reverse=True))


def test_a_file_with_one_epoch_has_nothing_to_compare_by_stimulus(tmp_path: Path) -> None:
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        intervals(file, "epochs", [0.0], [3.5], tags=["wake"])
    said = r"no table with two rows or more. Tables in it: epochs \(1 row\). Nothing can be comp"
    with pytest.raises(DataError, match=said):
        load_recording(tmp_path / "a.nwb")
    found = load_recording(tmp_path / "a.nwb", selection=Selection(table="epochs"))
    assert found.counts.tolist() == [[5, 5, 2]]


def test_events_need_a_window(tmp_path: Path) -> None:
    """Rows without a stop, with a stop at the start, and series of annotations are events."""
    for k, stop in enumerate((None, START, [np.nan] * 4)):
        path = tmp_path / f"{k}.nwb"
        with Nwb(path) as file:
            units(file, TRAINS)
            intervals(file, "flashes", START, stop)
        with pytest.raises(DataError, match="events without durations; .* --window 0 1 "):
            load_recording(path)
        found = load_recording(path, selection=Selection(window=(0, 0.5)))
        assert found.counts.tolist() == COUNTS


@pytest.mark.parametrize(
    ("kind", "data", "labels"),
    [
        ("AnnotationSeries", ["a", "b", "a", "b"], None),
        ("IndexSeries", [3, 7, 3, 7], None),
        ("LabeledEvents", [0, 1, 0, 1], ["a", "b"]),
    ],
)
def test_series_of_events_are_tables(kind: str, data: Any, labels: Any, tmp_path: Path) -> None:
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        series = layouts.group(file, "stimulus/presentation/shown", kind)
        layouts.put(series, "timestamps", START)
        layouts.put(series, "data", data)
        if labels:
            series["data"].attrs["labels"] = np.array(labels, layouts.TEXT)
    found = load_recording(tmp_path / "a.nwb", selection=Selection(window=(0, 0.5)))
    assert found.counts.tolist() == COUNTS and found.labels is not None
    assert found.labels.tolist() == (["3", "7"] if kind == "IndexSeries" else ["a", "b"]) * 2


def test_start_and_duration_are_a_row_too(tmp_path: Path) -> None:
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        table = layouts.group(file, "processing/behavior/events", "EventsTable", ["timestamp"])
        layouts.put(table, "id", np.arange(4))
        layouts.put(table, "timestamp", START)
        layouts.put(table, "duration", np.full(4, 0.5))
    assert load_recording(tmp_path / "a.nwb").counts.tolist() == COUNTS


# ---- rows that cannot be used -------------------------------------------------------------------
def test_rows_that_cannot_be_used_are_counted_and_named(tmp_path: Path) -> None:
    start = [0.0, 0.4, 1.0, np.nan, 2.0, 2.5, 3.0, 3.2]
    stop = [0.5, 0.6, np.nan, 1.9, 1.9, 2.9, 3.2, 3.4]
    shown = ["a", "a", "a", "a", "a", "", "a", "b"]
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        intervals(file, "trials", start, stop, stimulus=shown)
        intervals(file, "invalid_times", [3.3], [3.35])
    found = load_recording(tmp_path / "a.nwb")
    assert reasons(found) == {
        "without a time in start_time": [3],
        "without a stop time": [2],
        "with a stop before the start": [4],
        "without a value in stimulus": [5],
        "reaching into invalid_times": [7],
        "overlapping an earlier one": [1],
    }
    assert found.rows is not None and found.rows.tolist() == [0, 6]
    assert found.counts.tolist() == [[2, 1, 1], [1, 0, 0]]


def test_a_row_that_cannot_be_used_takes_no_other_with_it(tmp_path: Path) -> None:
    """An invalid trial overlaps a good one: the good one stays."""
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        intervals(file, "trials", [0.0, 0.4], [0.5, 0.9])
        intervals(file, "invalid_times", [0.0], [0.1])
    found = load_recording(tmp_path / "a.nwb")
    assert found.rows is not None and found.rows.tolist() == [1]


def test_windows_that_touch_within_a_millisecond_do_not_overlap(tmp_path: Path) -> None:
    onset = np.arange(4) * 0.25
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        intervals(file, "trials", onset, onset + 0.2505)
    assert len(load_recording(tmp_path / "a.nwb")) == 4
    far = load_recording(tmp_path / "a.nwb", selection=Selection(window=(0, 0.3)))
    assert reasons(far) == {"overlapping an earlier one": [1, 3]}


def test_rows_after_the_end_of_the_recording_are_no_silence(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    trains = [np.sort(rng.uniform(0, 100, 1000)) for _ in range(5)]
    onset = np.arange(0, 200, 2.0)
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, trains)
        intervals(file, "trials", onset, onset + 1)
    found = load_recording(tmp_path / "a.nwb")
    assert reasons(found) == {"outside of the time in which any unit spikes": list(range(50, 100))}
    np.testing.assert_allclose(found.mean_rates, 10, rtol=0.2)


def test_a_silent_row_within_the_recording_stays(tmp_path: Path) -> None:
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, [[0.1, 3.0]])
        intervals(file, "trials", START, STOP)
    found = load_recording(tmp_path / "a.nwb")
    assert found.counts.ravel().tolist() == [1, 0, 0, 1] and found.observed is None


def test_nothing_left_is_one_line(tmp_path: Path) -> None:
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        intervals(file, "trials", START, [-1.0, np.nan, -1.0, -1.0])
    said = "no row .* can be used: 1 row without a stop time .1.; 3 rows with a stop before the"
    with pytest.raises(DataError, match=said):
        load_recording(tmp_path / "a.nwb")


# ---- what units were observed in ----------------------------------------------------------------
def test_a_unit_has_no_rate_where_it_was_not_observed(tmp_path: Path) -> None:
    """The second unit was observed in the first and the last trial, in windows that touch."""
    seen = [[(0.0, 9.0)], [(3.2, 4.0), (0.0, 0.25), (0.25, 0.6), (3.0, 3.2)], [(0.0, 3.4)]]
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS, seen)
        intervals(file, "trials", START, STOP)
    found = load_recording(tmp_path / "a.nwb")
    assert found.observed is not None
    assert found.observed.tolist() == [
        [True, True, True],
        [True, False, True],
        [True, False, True],
        [True, True, False],
    ]
    assert found.counts.tolist() == [[2, 1, 1], [1, 0, 0], [1, 0, 1], [1, 2, 0]]
    # 5 spikes in 2 s; 3 spikes in the 1 s in which it was observed, not in 2 s; 2 in 1.5 s
    np.testing.assert_allclose(found.mean_rates, [2.5, 3.0, 4 / 3])
    assert np.isnan(found.rates[1:3, 1]).all() and not np.isnan(found.rates[:, 0]).any()
    assert found.complete().counts.tolist() == [[2], [1], [1], [1]]
    assert np.isnan(found.binned(250.0)[1, :, 1]).all()
    assert any("2 of 3 units were observed in some of the trials only" in n for n in found.notes)


def test_rows_in_which_nobody_was_observed_and_units_never_observed_are_left_out(
    tmp_path: Path,
) -> None:
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS, [[(0.0, 2.0)], [(0.0, 2.6)], [(9.0, 10.0)]], area=["a", "b", "c"])
        intervals(file, "trials", START, STOP)
    found = load_recording(tmp_path / "a.nwb")
    assert reasons(found) == {"outside of what any chosen unit was observed in": [3]}
    assert found.areas == {"a": 1, "b": 1} and found.seen.tolist() == [[1, 1], [1, 1], [0, 1]]
    assert any("observed in none of the trials" in note for note in found.notes)


def test_a_unit_that_spikes_was_observed_where_its_intervals_are_empty(tmp_path: Path) -> None:
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS, [[(0.0, 9.0)], [], [(0.0, 9.0)]])
        intervals(file, "trials", START, STOP)
    assert load_recording(tmp_path / "a.nwb").counts.tolist() == COUNTS


def test_rates_of_conditions_are_those_of_the_observed_time(tmp_path: Path) -> None:
    """Five spikes in 2 s and in 5 s."""
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, [TRAINS[0], TRAINS[0]], [[(0.0, 1.0), (3.0, 4.0)], [(0.0, 5.0)]])
        intervals(file, "trials", [0.0], [0.5])
    for condition, n in (("rate > 2.4", 1), ("rate > 2.6", 0), ("rate >= 1", 2)):
        chosen = Selection(units=condition)
        if n:
            assert len(load_recording(tmp_path / "a.nwb", selection=chosen).populations) == n
        else:
            with pytest.raises(DataError, match="none of its 2 units was chosen"):
                load_recording(tmp_path / "a.nwb", selection=chosen)


# ---- units and areas ----------------------------------------------------------------------------
def test_order_of_spikes_does_not_matter(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, [rng.permutation(train) for train in TRAINS])
        intervals(file, "trials", START, STOP)
    found = load_recording(tmp_path / "a.nwb")
    assert found.counts.tolist() == COUNTS
    pairs = np.stack([found.spikes.trial, found.spikes.time], axis=1).tolist()
    assert pairs == sorted(pairs)


def areas_file(path: Path) -> Path:
    with Nwb(path) as file:
        device = layouts.group(file, "general/extracellular_ephys/probeA", "ElectrodeGroup")
        device.attrs["location"] = "left hemisphere"
        ids = [850, 851, 900]
        known = electrodes(file, ids, location=["VISp", "CA1", "LGd"], x=[1.0, 2.0, 3.0])
        table = units(
            file,
            TRAINS,
            peak_channel_id=[900, 850, 7],
            probe_name=["p0", "p1", "p1"],
            beryl_location=["VISp", "CA", "CA"],
            quality=["good", "mua", "good"],
        )
        region(table, "electrodes", [[0], [1, 1, 2], [2]], known)
        one = table.create_dataset("electrode_group", (3,), layouts.h5py.ref_dtype)
        one[:] = [device.ref] * 3
        intervals(file, "trials", START, STOP)
    return path


@pytest.mark.parametrize(
    ("column", "areas"),
    [
        (None, ["VISp", "CA", "CA"]),
        ("probe_name", ["p0", "p1", "p1"]),
        ("location", ["VISp", "CA1", "LGd"]),
        ("electrodes", ["VISp", "CA1", "LGd"]),
        ("electrodes.location", ["VISp", "CA1", "LGd"]),
        ("peak_channel_id", ["900", "850", "7"]),
        ("peak_channel_id.location", ["LGd", "VISp", ""]),
        ("electrode_group", ["probeA"] * 3),
        ("electrode_group.location", ["left hemisphere"] * 3),
    ],
)
def test_areas_are_found_through_electrodes_and_groups(
    column: str | None, areas: list[str], tmp_path: Path
) -> None:
    path = areas_file(tmp_path / "a.nwb")
    found = load_recording(path, selection=Selection(area_column=column))
    assert found.populations.tolist() == areas
    if areas[0] != areas[1]:
        chosen = Selection(area_column=column, areas=(areas[1],))
        first = load_recording(path, selection=chosen)
        assert set(first.populations.tolist()) == {areas[1]}


def test_areas_and_columns_that_are_not_there_are_told_with_those_that_are(tmp_path: Path) -> None:
    path = areas_file(tmp_path / "a.nwb")
    with pytest.raises(DataError, match="no unit in area 'V9'; column beryl_location has 'CA', 'V"):
        load_recording(path, selection=Selection(areas=("V9",)))
    with pytest.raises(DataError, match="no column 'where'; they have id, "):
        load_recording(path, selection=Selection(area_column="where"))


def test_units_are_chosen_by_a_condition(tmp_path: Path) -> None:
    path = areas_file(tmp_path / "a.nwb")
    span = 3.3 - 0.1  # first to last spike of all
    for condition, chosen in (
        ("quality == 'good'", [0, 2]),
        ("quality != 'good'", [1]),
        (f"rate > {4.9 / span}", [0, 1]),
        ("spikes == 2", [2]),
        ("quality == 'good' and rate > 1", [0]),
        ("electrodes.location in ('CA1', 'LGd')", [1, 2]),
        ("area == 'CA' and not quality == 'mua'", [2]),
        ("electrodes.x >= 2", None),
        ("1 < 2", [0, 1, 2]),
    ):
        if chosen is None:  # the second unit is on two electrodes, so its x is text
            with pytest.raises(ParameterError, match=r"electrodes.x is text \('1', '2', '3'\)"):
                load_recording(path, selection=Selection(units=condition))
            continue
        found = load_recording(path, selection=Selection(units=condition))
        assert found.units is not None
        assert found.units.tolist() == [str(k) for k in chosen], condition


# ---- classes ------------------------------------------------------------------------------------
def test_classes_are_mapped_and_others_left_out(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.nwb", more={"frame": [8.0, 6.0, 8.0, np.nan]})
    file = tmp_path / "classes.csv"
    file.write_text("recorded,network\n8,3\n5,1\n")
    found = load_recording(path, selection=Selection(classes=read_classes(file)))
    assert found.labels is not None and found.labels.tolist() == ["8", "8"]
    assert found.classes is not None and found.classes.tolist() == ["3", "3"]
    assert reasons(found) == {
        "without a value in frame": [3],
        "of a class that is not mapped": [1],
    }
    assert any("mapped, but not recorded: 5" in note for note in found.notes)
    with pytest.raises(DataError, match=r"none of the classes to map \(9\) is in frame"):
        load_recording(path, selection=Selection(classes={"9": "1"}))


def test_numbers_are_not_matched_by_coincidence(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.nwb", more={"label": [0, 1, 0, 1]})
    found = load_recording(path)
    assert found.labels is not None and found.classes is None
    assert any("--same-classes" in note for note in found.notes)
    same = load_recording(path, selection=Selection(same_classes=True))
    assert same.classes is not None and same.classes.tolist() == ["0", "1", "0", "1"]
    words = load_recording(plain(tmp_path / "b.nwb", more={"label": ["cat", "dog"] * 2}))
    assert words.classes is not None and words.classes.tolist() == ["cat", "dog"] * 2


def test_several_columns_are_one_class(tmp_path: Path) -> None:
    more = {"left": [0.0, 0.25, 0.0, 1.0], "right": [0, 0, 1, 0]}
    path = plain(tmp_path / "a.nwb", more=more)
    assert load_recording(path).labels is None
    found = load_recording(path, "left, right")
    assert found.labels is not None
    assert found.labels.tolist() == ["0, 0", "0.25, 0", "0, 1", "1, 0"]


def test_the_only_column_named_for_stimuli_is_the_class(tmp_path: Path) -> None:
    more = {"odor_id": [1, 2, 1, 2], "choice": [0, 1, 1, 0], "odor_name": ["a", "b", "a", "b"]}
    found = load_recording(plain(tmp_path / "a.nwb", more=more))
    assert found.stimulus == "odor_name" and any("--stimulus-column" in n for n in found.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "its first line is 'a,b'"),
        ("recorded,network\n", "it has no line after"),
        ("recorded,network\n1,2\n1,3\n", "class '1' is there twice"),
        ("recorded,network\n1,\n", "a class is missing"),
        ("recorded,network\n1,2,3\n", "is cut short or too long"),
        ("recorded,network\n1,2\x00\n", "bytes of 0"),
    ],
)
def test_bad_files_of_classes_are_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read_classes(tmp_path / "c.csv")
    assert "\n" not in str(caught.value)


# ---- windows ------------------------------------------------------------------------------------
def test_trials_are_aligned_to_a_column(tmp_path: Path) -> None:
    """Counted by hand from 0.1 s before to 0.2 s after the response."""
    more = {"response_time": [0.3, np.nan, 2.3, 3.25]}
    path = plain(tmp_path / "a.nwb", more=more)
    chosen = Selection(window=(-0.1, 0.2), align="response_time", bin=0.1)
    found = load_recording(path, selection=chosen)
    assert reasons(found) == {"without a time in response_time": [1]}
    assert found.counts.tolist() == [[1, 1, 1], [1, 0, 1], [0, 2, 0]]
    assert found.begins == -100 and found.bin == pytest.approx(100)
    assert found.binned()[0].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    rows = load_recording(path, selection=Selection(align="start_time"))
    assert rows.counts.tolist() == COUNTS
    with pytest.raises(DataError, match="has no column 'onset'; it has start_time, stop_time, re"):
        load_recording(path, selection=Selection(align="onset"))


def test_trials_that_are_aligned_need_a_window(tmp_path: Path) -> None:
    """Rows may end soon after what they are aligned to: of such, hardly one would be left."""
    path = plain(tmp_path / "a b.nwb", more={"response_time": [0.49, np.nan, 2.499, 3.4]})
    with pytest.raises(DataError, match="aligned to response_time need a window") as caught:
        load_recording(path, selection=Selection(align="response_time"))
    said = str(caught.value)
    words = f"--compare '{path}' --table trials --align response_time --window 0 1 (in Python"
    assert words in said and "\n" not in said
    chosen = Selection(align="response_time", window=(0, 0.9))
    assert len(load_recording(path, selection=chosen)) == 3


def test_rows_of_which_none_has_a_time_are_named(tmp_path: Path) -> None:
    nowhere = [np.nan] * 4
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        intervals(file, "trials", nowhere, nowhere)
    with pytest.raises(DataError, match="no row of table trials can be used: 4 rows without a t"):
        load_recording(tmp_path / "a.nwb")


def test_rows_are_chosen_by_a_condition(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.nwb", more={"contrast": [0.0, 0.5, 1.0, np.nan]})
    found = load_recording(path, selection=Selection(rows="contrast > 0 and start_time < 2"))
    assert found.counts.tolist() == [COUNTS[1]]
    assert reasons(found) == {"that --rows leaves out": [0, 2, 3]}


def test_bins_are_counted_by_hand(tmp_path: Path) -> None:
    found = load_recording(plain(tmp_path / "a.nwb"))
    binned = found.binned(200.0)  # two whole bins of 0.5 s
    assert binned.shape == (4, 2, 3)
    assert binned[:, :, 0].tolist() == [[1, 1], [0, 1], [0, 0], [1, 0]]
    assert found.binned(250.0).sum(axis=1).tolist() == [[float(c) for c in row] for row in COUNTS]
    for width in (0.0, 501.0, None):
        with pytest.raises(ApicalError):
            found.binned(width)


def test_parts_keep_what_belongs_to_them(tmp_path: Path) -> None:
    found = load_recording(areas_file(tmp_path / "a.nwb"))
    part = found.part("CA")
    assert part.counts.tolist() == [row[1:] for row in COUNTS]
    assert part.units is not None and part.units.tolist() == ["1", "2"]
    some = found.of_trials(np.array([False, True, False, True]))
    assert some.counts.tolist() == [COUNTS[1], COUNTS[3]]
    assert some.rows is not None and some.rows.tolist() == [1, 3]
    assert "CA: 2" in found._repr_html_() and "<script" not in found._repr_html_()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": (1.0, 1.0)}, "a start and a later stop"),
        ({"window": (0.0, float("inf"))}, "finite"),
        ({"bin": 0.0}, "above 0 s"),
        ({"units": "__import__('os')"}, "may not hold|not one expression"),
        ({"areas": "V1"}, "areas must be"),
    ],
)
def test_selections_that_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Selection(**options)
