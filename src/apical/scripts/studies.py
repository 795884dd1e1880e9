"""Helpers of studies, the scripts that compare networks by their own command."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.checking import shown
from apical.data.datasets import Dataset
from apical.errors import DataError, ParameterError, ending_in_one_line


def run(command: Callable[[], Any]) -> None:
    """Run the command of a study; errors of this package end it in one line and exit code 2.

    Parameters
    ----------
    command
        Reads its arguments from the command line, for instance a click command.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import studies
    >>> studies.run(lambda: print("done"))
    done
    """
    with ending_in_one_line():
        command()


def numbers(text: str) -> list[int]:
    """Parse seeds such as ``"0,1,2"``.

    Parameters
    ----------
    text
        Numbers, separated by commas.

    Examples
    --------
    >>> from apical.scripts import studies
    >>> studies.numbers("0,1,2")
    [0, 1, 2]
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ParameterError(
            f"Seeds must be whole numbers joined by commas, got "
            f"{shown(text)}; give for instance 0,1,2.",
            object="studies",
            parameter="seeds",
        ) from None


def sizes(text: str) -> list[float]:
    """Parse non-negative numbers such as ``"0,0.03,0.1"``.

    Parameters
    ----------
    text
        Numbers, separated by commas.

    Examples
    --------
    >>> from apical.scripts import studies
    >>> studies.sizes("0,0.03,0.1")
    [0.0, 0.03, 0.1]
    """
    try:
        found = [float(part) for part in text.split(",")]
        if all(0 <= size < float("inf") for size in found):
            return found
        raise ValueError("negative, infinite, or no number")
    except ValueError:
        raise ParameterError(
            f"Sizes must be numbers of 0 or more joined by commas, got "
            f"{shown(text)}; give for instance "
            "0,0.03,0.1.",
            object="studies",
            parameter="sizes",
        ) from None


def layers(text: str) -> list[int]:
    """Parse sizes of hidden populations such as ``"256-32-256"``.

    Parameters
    ----------
    text
        Sizes, separated by hyphens.

    Examples
    --------
    >>> from apical.scripts import studies
    >>> studies.layers("256-32-256")
    [256, 32, 256]
    """
    try:
        found = [int(part) for part in text.split("-")]
        if min(found) > 0:
            return found
        raise ValueError("a population without neurons")
    except ValueError:
        raise ParameterError(
            f"Hidden populations must be numbers of neurons joined by hyphens, got "
            f"{shown(text)}; give "
            "for instance 500-500.",
            object="studies",
            parameter="hidden",
        ) from None


def validated(data: Dataset, n: int | None = None) -> Dataset:
    """Return a data set with `n` random training samples as its test set; a sixth if None.

    Parameters
    ----------
    data
        The data set.
    n
        Size of the validation set.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import studies
    >>> data = ap.datasets.load("digits")
    >>> held = studies.validated(data, 100)
    >>> len(data.train) - len(held.train), len(held.test)
    (100, 100)
    """
    return data.split(n or len(data.train) // 6, np.random.default_rng(0))


def folder(path: Path) -> Path:
    """Return an output folder, which is created if it is missing.

    Parameters
    ----------
    path
        The folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.scripts import studies
    >>> with tempfile.TemporaryDirectory() as root:
    ...     studies.folder(Path(root) / "figures" / "errors").is_dir()
    True
    """
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], first: Sequence[str] = ()) -> Path:
    """Write rows as a CSV file, and return its path.

    Parameters
    ----------
    path
        The file; an existing one is replaced.
    rows
        Column -> value; all with the columns of the first row.
    first
        Columns to begin with; the others follow in the order of the first row.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.scripts import studies
    >>> rows = [{"error": 2.0, "wiring": "bp"}, {"error": 3.0, "wiring": "dfa"}]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = studies.write_table(Path(folder) / "errors.csv", rows, first=["wiring"])
    ...     path.read_text().splitlines()
    ['wiring,error', 'bp,2.0', 'dfa,3.0']
    """
    if not rows:
        raise DataError(f"Table {path} needs at least one row, got none.", object=f"Table {path}")
    with path.open("w", newline="") as file:
        columns = list(dict.fromkeys([*first, *rows[0]]))
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
