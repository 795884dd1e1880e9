"""Reports: a self-contained HTML page on one run, or on several side by side.

Imports `runs` and below. To add a section, write a function of runs in `sections.py` that returns a
`Section`, and call it in `page` (for all runs) or in `sections.details` (for one).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from apical._base.metric_names import headline, scored, told
from apical._base.private_paths import bare
from apical.errors import RunError
from apical.recordings import Recording
from apical.report import naming, sections
from apical.report.parts import Section
from apical.runs.directory import RunDirectory
from apical.runs.experiment import versions
from apical.runs.open import TrainedRun

MOST_DETAILS = 4
"""Largest number of groups of runs shown in detail, which bounds the size of the page."""


def write_report(
    runs: Sequence[TrainedRun],
    path: Path,
    *,
    trials: int = 200,
    overwrite: bool = False,
    recording: Recording | None = None,
    **comparing: Any,
) -> Path:
    """Write an HTML report of finished runs, atomically.

    Parameters
    ----------
    runs
        One or more. Of runs that differ only in their seed, the first is shown in detail.
    path
        File to write.
    trials
        Test samples to replay where a run has no records yet.
    overwrite
        Whether to replace a file that is there.
    recording
        A recording to compare each run shown in detail with.
    comparing
        Options of `apical.measures.comparison.compare`: ``populations``, ``progress``, ...

    Raises
    ------
    RunError
        If there is no run, if the file exists, or cannot be written.
    DataError
        As in `apical.measures.comparison.compare`.

    Examples
    --------
    ``apical report RUN`` does it; in Python::

        from apical.report import write_report
        from apical.runs.open import open_run

        write_report([open_run(Path("runs/first"))], Path("report.html"))

    >>> from pathlib import Path
    >>> from apical.report import write_report
    >>> write_report([], Path("report.html"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.RunError: A report needs at least one run; name its directory. ...
    """
    if not runs:
        raise RunError("A report needs at least one run; name its directory.")
    if path.exists() and not overwrite:
        raise RunError(f"{path} exists; give another --out, or --overwrite.")
    text = page(runs, trials, recording, **comparing)
    RunDirectory(path.parent, {}).write(path.name, lambda file: file.write(text.encode()))
    return path


def page(
    runs: Sequence[TrainedRun],
    trials: int = 200,
    recording: Recording | None = None,
    **comparing: Any,
) -> str:
    """Return the page as text; parameters as in `write_report`."""
    named = dict(zip(naming.labels(runs), runs, strict=True))
    groups = naming.groups(runs)
    parts = [sections.overview(named), sections.learning(groups)]
    for name, members in list(groups.items())[:MOST_DETAILS]:
        parts += sections.details(members[0], name, trials, recording, **comparing)
    parts.append(sections.repeat(named))
    first = runs[0]
    name = headline(first.summary)
    found = [run.summary[name] for run in runs if run.summary.get(name) is not None]
    best = f"best {told(name)} {scored(name, max(found))}"
    several = "s" if len(runs) > 1 else ""
    lead = f"{len(runs)} run{several} on {bare(first.data.name)}; {best}."
    return _rendered(_title(runs), lead, parts)


def _title(runs: Sequence[TrainedRun]) -> str:
    names = dict.fromkeys(run.prepared.model.name for run in runs)
    return " and ".join(names)


def _rendered(title: str, lead: str, parts: Sequence[Section]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("apical.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        title=title, lead=lead, sections=parts, footer=f"Made by apical {versions()['apical']}."
    )
