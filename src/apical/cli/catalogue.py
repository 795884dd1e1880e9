"""The table of `apical check --all`: every shipped model, and what its learning needs."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical._base.progress import CatalogueProgress
from apical._base.whole_files import write_whole
from apical.data import datasets
from apical.errors import DataError
from apical.neurons.facts import Level
from apical.plausibility import ASPECTS
from apical.plausibility.findings import LEVELS
from apical.scripts import catalogue, models


def show_catalogue(
    colours: Mapping[str, str], table: Path | None, markdown: Path | None, measure: str
) -> None:
    """Judge every shipped model, and print and write the catalogue.

    Parameters
    ----------
    colours
        Colour of each level.
    table, markdown
        Files to write it to, as CSV and as Markdown; None for none.
    measure
        Which networks to train where their accuracy or cost is missing: ``"rates"``, ``"all"``;
        empty for none.
    """
    data, rows = datasets.load("digits"), list[catalogue.Row]()
    known, names = catalogue.read_measured(), catalogue.names()
    with CatalogueProgress(len(names)) as bar:
        for done, name in enumerate(names):
            bar.update(done, name)
            found = catalogue.entries(name, data)
            spiking = measure == "all"
            wanted = catalogue.missing(found, data, known, spiking=spiking) if measure else {}
            if wanted:
                for line in catalogue.measure(name, data, wanted):
                    key = line.model, line.condition
                    known[key] = known.get(key, line) | line
                catalogue.write_measured(models.folders()[0] / catalogue.MEASURED, known)
            rows += [catalogue.judged(entry, known) for entry in found]
        bar.update(len(names), "")
    for path, text in ((table, catalogue.table(rows)), (markdown, catalogue.markdown(rows))):
        if path is not None:
            _write(path, text)
    _print(rows, colours)


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, lambda file: file.write(text.encode()))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}; name another file.") from None


def _print(rows: list[catalogue.Row], colours: Mapping[str, str]) -> None:
    console = Console(highlight=False)
    numbers = "".join(str((k + 1) % 10) for k in range(len(ASPECTS)))
    shown = Table(title="Catalogue: the worst level of each line of the scorecard")
    shown.add_column("network", overflow="fold")
    shown.add_column(numbers, no_wrap=True)
    shown.add_column("accuracy [%], data", overflow="fold", min_width=12)
    shown.add_column("operations", justify="right")
    last = ""
    for row in rows:
        if row.model != last:
            shown.add_section()
            shown.add_row(f"[bold]{escape(row.model)}")
        last, of = row.model, row.measured
        marks = "".join(_mark(row.levels.get(aspect), colours) for aspect in ASPECTS)
        of_data = of.settings.partition(",")[0]
        accuracy = f"{of.accuracy} {of_data}" if of.accuracy else catalogue.NOT_MEASURED
        cost = f"{int(of.inference):,}" if of.inference else catalogue.NOT_MEASURED
        shown.add_row(f"  {escape(row.condition)}", marks, accuracy, cost)
    console.print(shown)
    legend = [f"[{colours[level]}]{_letter(level)}[/] {level}" for level in LEVELS]
    console.print(", ".join(legend), soft_wrap=True)
    console.print(", ".join(f"{k} {aspect}" for k, aspect in enumerate(ASPECTS, 1)), soft_wrap=True)
    judged = [row for row in rows if row.is_local is not None]
    number = sum(bool(row.is_local) for row in judged)
    console.print(f"{number} of {len(judged)} networks learn from local information alone.")
    console.print("Settings and sources of the numbers: --csv FILE or --markdown FILE.")
    for row in rows:
        if row.is_local is None:
            said = f"{row.model} {row.condition}: not judged: {row.problem}"
            console.print(said, soft_wrap=True, markup=False)


def _letter(level: str) -> str:
    """Return the letter of a level; capital where learning is not local."""
    return level[0].upper() if level == "not local" else level[0]


def _mark(level: Level | None, colours: Mapping[str, str]) -> str:
    return " " if level is None else f"[{colours[level]}]{_letter(level)}[/]"
