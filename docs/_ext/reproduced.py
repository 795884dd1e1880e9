"""What was reproduced: published numbers beside those of this package, with intervals.

Published numbers are ``benchmarks/results/published.csv``, ours ``models/measured.csv`` and
``benchmarks/results/reached.csv``, which names a row of the former, or lists one value for each
seed, or both. Intervals are 95 % t intervals of the mean over seeds.
"""

import csv
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy import stats
from tables import table as markdown

ROOT = Path(__file__).parents[2]
Row = Mapping[str, str]


@dataclass(frozen=True)
class Reached:
    """A number of this package: mean over seeds, and what is known of its spread.

    Parameters
    ----------
    mean
        Over seeds, in the unit of the published number.
    n
        Number of seeds.
    interval
        Limits of the 95 % t interval of the mean; None if the spread is not known.
    digits
        Decimals that were stored.
    """

    mean: float
    n: int
    interval: tuple[float, float] | None
    digits: int

    def __str__(self) -> str:
        return f"{self.mean:.{self.digits}f}"

    @property
    def limits(self) -> str:
        """The interval as text, or why there is none."""
        if self.interval is not None:
            return " to ".join(f"{x:.{self.digits}f}" for x in self.interval)
        return "one seed" if self.n == 1 else "spread not stored"


def table(path: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file of the repository."""
    with (ROOT / path).open(newline="") as file:
        return list(csv.DictReader(file))


def seeds(settings: str) -> int:
    """Return how many seeds a text of settings names.

    Examples
    --------
    >>> [seeds(text) for text in ("seed 0", "seeds 0, 1, 2", "mean of seeds 0 to 4")]
    [1, 3, 5]
    """
    if found := re.search(r"seeds (\d+) to (\d+)", settings):
        return int(found[2]) - int(found[1]) + 1
    found = re.search(r"seeds (\d+(?:, \d+)*)", settings)
    return len(found[1].split(",")) if found else 1


def interval(mean: float, spread: float, n: int) -> tuple[float, float]:
    """Return the 95 % t interval of a mean, from a standard deviation over n seeds.

    Examples
    --------
    >>> [round(x, 2) for x in interval(2.16, 0.11, 3)]
    [1.89, 2.43]
    """
    half = float(stats.t.ppf(0.975, n - 1)) * spread / n**0.5
    return mean - half, mean + half


def digits(numbers: Iterable[str]) -> int:
    """Return the most decimals among numbers."""
    return max(len(number.partition(".")[2]) for number in numbers)


def of_seeds(values: str, settings: str) -> Reached:
    """Return what one value for each seed says, or a mean alone where one value stands for all."""
    listed = values.split()
    numbers, n = [float(value) for value in listed], seeds(settings)
    mean, many = statistics.fmean(numbers), len(numbers)
    known = interval(mean, statistics.stdev(numbers), many) if many > 1 else None
    return Reached(mean, many if many > 1 else n, known, digits(listed))


def of_measured(row: Row, unit: str) -> Reached:
    """Return a row of ``models/measured.csv``, as an error if the published number is one."""
    mean, _, spread = (part.strip() for part in row["accuracy"].partition("+-"))
    number = 100 - float(mean) if "error" in unit else float(mean)
    n = seeds(row["settings"])
    known = interval(number, float(spread), n) if spread else None
    return Reached(number, n, known, digits([mean]))


def reached(ours: Row, unit: str, measured: Mapping[str, Row]) -> tuple[Reached, str, str]:
    """Return our number, its settings, and its source."""
    row = measured.get(ours["measured"])
    settings = row["settings"] if row else ours["settings"]
    source = row["source"] if row else ours["source"]
    if ours["values"]:
        return of_seeds(ours["values"], settings), settings, source
    assert row is not None, ours
    return of_measured(row, unit), settings, source


def rows() -> Iterator[tuple[Row, Row | None, Reached | None, tuple[str, str]]]:
    """Yield each published number with ours: its entry, the number, settings and source."""
    measured = {f"{r['model']}/{r['condition']}": r for r in table("models/measured.csv")}
    ours = {row["key"]: row for row in table("benchmarks/results/reached.csv")}
    for row in table("benchmarks/results/published.csv"):
        mine = ours.get(row["key"])
        if mine is None:
            yield row, None, None, ("", "")
        else:
            number, *how = reached(mine, row["unit"], measured)
            yield row, mine, number, (how[0], how[1])


def numbers() -> list[list[str]]:
    """Return the lines of the table of all numbers, a line of its own before each script."""
    lines, last = [], ""
    for row, _, number, _ in rows():
        if row["model"] != last:
            last = row["model"]
            lines.append(line([f"**{row['paper']}**, `models/{last}.py`", *[""] * 5]))
        cells = [f"{row['what']} [{row['unit']}]", row["value"], row["checked"]]
        known = [f"**{number}**", number.limits, str(number.n)] if number else ["not run", "", ""]
        lines.append(line([*cells, *known]))
    return lines


def differences() -> list[list[str]]:
    """Return the lines that say how ours were made, and what differs from the paper."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for row, mine, _, (settings, source) in rows():
        if mine is not None:
            key = (f"`{row['model']}`", settings, source, mine["differs"])
            found.setdefault(key, []).append(row["what"])
    return [line([key[0], "; ".join(what), *key[1:]]) for key, what in found.items()]


def line(cells: Sequence[str]) -> list[str]:
    """Return the cells of a line of a Markdown table."""
    return [cell.replace("|", "\\|") for cell in cells]


def places() -> list[list[str]]:
    """Return a line for each place where published numbers were found."""
    found = dict.fromkeys(
        (
            f"{row['paper']} ({row['doi']})" if row["doi"] else row["paper"],
            *(row[name] for name in ("where", "checked", "remark")),
        )
        for row in table("benchmarks/results/published.csv")
    )
    return [line(cells) for cells in found]


def pages() -> dict[str, str]:
    """Return the tables of numbers, of how ours were made, and of where theirs were found."""
    heads = ["what [unit]", "published", "checked", "here, mean", "95 % interval", "seeds"]
    ours = ["script", "what", "settings", "source", "what differs from the paper"]
    where = ["paper", "where", "checked", "remark"]
    return {
        "explanation/generated/reproduced.inc": markdown(heads, numbers()),
        "explanation/generated/differences.inc": markdown(ours, differences()),
        "explanation/generated/places.inc": markdown(where, places()),
    }
