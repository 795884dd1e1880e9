"""Tables on the terminal fit into its width, and name what they leave out."""

import io

from rich.console import Console

from apical.cli import tables


def printed(rows: list[dict[str, object]], width: int = 80, **given: str) -> str:
    file = io.StringIO()
    tables.show(rows, "Title", console=Console(file=file, width=width), **given)
    return file.getvalue()


ROWS: list[dict[str, object]] = [
    {"measure": "rate", "value": 54.8123, "note": "n" * 70, "p": None},
    {"measure": "cv [1]", "value": float("nan"), "note": "", "p": 0.5},
]


def test_columns_without_room_are_named_with_their_file() -> None:
    text = printed(ROWS, file="run/measures.csv")
    assert "note, p: in run/measures.csv" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "54.8" in text and "cv [1]" in text and "n" * 70 not in text


def test_a_wide_terminal_shows_all() -> None:
    text = printed(ROWS, 200, file="run/measures.csv")
    assert "n" * 70 in text and "in run/measures.csv" not in text


def test_two_columns_are_always_shown() -> None:
    assert tables.fitting([{"a": "x" * 50, "b": "y" * 50}], ["a", "b"], 80) == ["a", "b"]


def test_units_in_brackets_are_no_markup() -> None:
    file = io.StringIO()
    rows = [{"training [s]": "1 [low]", "b": "c"}]
    tables.show(rows, "Angle [degrees]", console=Console(file=file, width=80))
    for text in ("training [s]", "1 [low]", "[degrees]"):
        assert text in file.getvalue()
