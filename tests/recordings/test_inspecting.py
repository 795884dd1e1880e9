"""What is in a recording: as an object, as a table of 80 columns, as JSON; and the next command."""

import json
import shlex
from pathlib import Path
from typing import Any

import click
import layouts
import numpy as np
import pytest
from click.testing import CliRunner, Result
from layouts import COUNTS, START, STOP, TRAINS, Nwb, electrodes, intervals, plain, units

from apical.cli.app import commands
from apical.cli.recording import Seconds, selection_of
from apical.cli.results import analyze_command
from apical.errors import ApicalError
from apical.recordings import Selection, inspect, load_recording


def run(*words: str) -> Result:
    """Run `apical recording` at 80 columns."""
    return CliRunner().invoke(commands, ["recording", *words], env={"COLUMNS": "80"})


def like_allen(path: Path) -> Path:
    """Write natural scenes, a peak channel, a quality column and invalid times."""
    with Nwb(path, "2.2.2") as file:
        electrodes(file, [850, 851], location=["VISp", "CA1"])
        units(file, TRAINS, peak_channel_id=[850, 851, 850], quality=["good", "noise", "good"])
        shown = {"frame": [-1.0, 4.0, 4.0, -1.0], "stimulus_name": ["natural_scenes"] * 4}
        intervals(file, "natural_scenes_presentations", START, STOP, **shown)
        intervals(file, "spontaneous_presentations", [0.6], [0.9])
        intervals(file, "invalid_times", [3.4], [3.6])
    return path


def test_a_file_is_summed_up(tmp_path: Path) -> None:
    found = inspect(like_allen(tmp_path / "a.nwb"))
    assert found.form == "NWB 2.2.2" and found.invalid == ((3.4, 3.6),)
    assert found.units is not None
    assert (found.units.units, found.units.spikes, found.units.silent) == (3, 12, 0)
    assert (found.units.start, found.units.stop, found.units.is_exact) == (0.1, 3.3, True)
    assert found.units.areas == {"peak_channel_id.location": {"VISp": 2, "CA1": 1}}
    table = found.table("natural_scenes_presentations")
    assert (table.rows, table.start, table.stop) == (4, 0.0, 3.5)
    assert table.durations == (0.5, 0.5, 0.5) and table.stimulus_columns == ("frame",)
    assert dict(table.unusable) == {"reaching into invalid_times": 1}
    frame = next(c for c in table.columns if c.name == "frame")
    assert (frame.kind, frame.distinct, frame.values) == ("number", 2, ("-1", "4"))
    assert found.usable == ("natural_scenes_presentations",)


def test_the_command_that_is_shown_works(tmp_path: Path) -> None:
    path = like_allen(tmp_path / "a b.nwb")
    words = shlex.split(inspect(path).command)
    assert words[:3] == ["apical", "analyze", "RUN"]
    context = click.Context(analyze_command)
    given: dict[str, Any] = dict(analyze_command.make_context("analyze", words[2:], context).params)
    assert given["recording"] == path
    found = load_recording(given.pop("recording"), selection=selection_of(given))
    assert found.counts.tolist() == COUNTS[:3] and found.stimulus == "frame"


def test_it_is_shown_at_80_columns(tmp_path: Path) -> None:
    more = {f"a_column_with_a_rather_long_name_{k}": [f"value {k}" * 9] * 4 for k in range(3)}
    path = plain(tmp_path / "a.nwb", "trials_of_a_session", {**more, "odour[x]": list("abab")})
    result = run(str(path))
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    tables = [line for line in lines if not line.startswith(("Next:", "Repres", "A comparison"))]
    assert max(map(len, tables)) <= 80
    assert "trials_of_a_session: 4 rows, from 0 to 3.5 s, each 0.5 s." in result.output
    assert "odour[x]" in result.output and "likely" in result.output
    assert f"--compare {path} --table trials_of_a_session" in result.output


def test_json_has_all_of_it_and_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with Nwb(path) as file:
        units(file, TRAINS, [[(0.0, 9.0)], [], [(0.0, 9.0)]], depth=[np.nan, np.inf, 1.0])
        intervals(file, "trials", START, [np.nan, *STOP[1:]])
    result = run(str(path), "--json")
    told = json.loads(result.output, parse_constant=lambda name: pytest.fail(name))
    assert told["tables"][0]["unusable"] == {"without a stop time": 1}
    assert told["units"]["observed"][1]["start"] is None
    assert told["command"] == inspect(path).command


def test_one_table_alone_is_shown(tmp_path: Path) -> None:
    path = like_allen(tmp_path / "a.nwb")
    result = run(str(path), "--table", "spontaneous_presentations")
    assert "spontaneous_presentations: 1 row" in result.output
    assert "natural_scenes_presentations:" not in result.output
    wrong = run(str(path), "--table", "nothing")
    assert wrong.exit_code == 2 and "it has invalid_times, natural_scenes" in wrong.output


def test_a_file_of_classes_is_written_to_be_filled(tmp_path: Path) -> None:
    path, out = like_allen(tmp_path / "a.nwb"), tmp_path / "classes.csv"
    result = run(str(path), "--classes", str(out))
    assert result.exit_code == 0, result.output
    assert out.read_text() == "recorded,network\n-1,\n4,\n"
    assert run(str(path), "--classes", str(out)).exit_code == 2  # it is there
    assert "cannot be written" in run(str(path), "--classes", str(path / "c.csv")).output
    bare = plain(tmp_path / "b.nwb")
    assert "is plainly the class" in run(str(bare), "--classes", str(tmp_path / "c.csv")).output


def test_files_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.nwb").write_bytes(b"nothing")
    for name in ("a.nwb", "b.nwb"):
        assert isinstance(run(str(tmp_path / name)).exception, ApicalError)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0.25", 0.25), ("250ms", 0.25), ("-0.1", -0.1), ("2 s", 2), ("5us", 5e-6)],
)
def test_times_may_name_their_unit(text: str, seconds: float) -> None:
    assert Seconds().convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "1.2.3", "5 min", "0x10", "nan"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="must be a time in seconds"):
        Seconds().convert(text, None, None)


def test_options_become_a_selection(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("recorded,network\na,1\n")
    line = (
        "RUN --compare a.nwb --table t --stimulus-column s --area V1 --area LM --area-column x "
        "--same-classes --rows r>1 --window -50ms 0.2 --bin 10ms --align onset"
    )
    words = [*line.split(), "--units", "quality == 'good'", "--map", str(tmp_path / "c.csv")]
    given = dict(analyze_command.make_context("analyze", words).params)
    assert selection_of(given) == Selection(
        table="t",
        stimulus="s",
        classes={"a": "1"},
        same_classes=True,
        areas=("V1", "LM"),
        area_column="x",
        units="quality == 'good'",
        rows="r>1",
        window=(-0.05, 0.2),
        bin=0.01,
        align="onset",
    )


def test_options_of_a_recording_need_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(commands, ["analyze", str(tmp_path), "--table", "trials"])
    assert result.exit_code == 2 and "--table needs --compare FILE" in result.output


def test_a_summary_is_shown_in_a_notebook(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.nwb", "trials", {"<b>": list("abab")})
    page = inspect(path)._repr_html_()
    assert "<table>" in page and "&lt;b&gt;" in page and "<b>" not in page
    assert layouts.TRAINS and "3 units, 12 spikes" in page
