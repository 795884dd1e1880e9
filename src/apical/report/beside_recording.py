"""The section of a report on a network beside a recording."""

import math
from collections.abc import Sequence

from apical.measures.comparison import SYSTEMS, Comparison, Row
from apical.report import seen
from apical.report.parts import Section, Table, drawn
from apical.runs.beside_recording import drawable, figure, pairs, title, undefined


def beside_recording(comparison: Comparison, name: str, recording: str) -> Section:
    """Return the section that compares a network with a recording, beside its controls.

    Parameters
    ----------
    comparison
        From `apical.measures.comparison.compare`.
    name
        Name of the run.
    recording
        Name of the recording.
    """
    start, stop = comparison.window
    said = [
        f"The network beside {recording}, from {start:g} to {stop:g} ms of each trial, with equal "
        "numbers of trials and neurons. Controls: the network before learning (untrained), another "
        "seed, and the network with the trials of each neuron shuffled. Intervals are 95 %, by "
        "bootstrap over neurons and trials; p values are of permutations, corrected by Holm's "
        f"method for all {sum(math.isfinite(row.p) for row in comparison.rows)} tests.",
        "Of measures of a model and the recording together, such as RSA, the column 'recording' is "
        "what one half of its trials has in common with the other.",
        *comparison.notes,
    ]
    of_pairs = pairs(comparison)
    tables = [_table(rows) for rows in of_pairs.values()]
    pictures = [
        drawn(*figure(comparison, pair), seen.beside_recording(of_pairs[pair]), wide=True)
        for pair in drawable(comparison)
    ]
    return Section(f"Beside a recording: {name}", said, tables, pictures)


def _table(rows: Sequence[Row]) -> Table:
    """Return the values of all systems with intervals, and p of the network."""
    cells: dict[str, dict[str, Row]] = {}
    for row in rows:
        cells.setdefault(row.measure, {})[row.system] = row
    lines = []
    for measure, by_system in cells.items():
        if not any(math.isfinite(row.value) for row in by_system.values()):
            continue  # the caption says why
        network = by_system["network"]
        unit = "" if network.unit == "1" else f" [{network.unit}]"
        p = f"{network.p_holm:.2g}" if math.isfinite(network.p_holm) else "-"
        lines.append([f"{title(measure)}{unit}", *(_cell(by_system[s]) for s in SYSTEMS), p])
    columns = ("measure", *SYSTEMS, "p (Holm), network")
    first = rows[0]
    said = f"{first.population} beside {first.area or 'the recording'}, {first.trials:,} trials."
    lacking = undefined(rows)
    if lacking:
        said += " Undefined in the network: "
        said += "; ".join(f"{', '.join(names)} ({why})" for why, names in lacking.items()) + "."
    return Table(columns, lines, said)


def _cell(row: Row) -> str:
    if not math.isfinite(row.value):
        return "-"
    if not math.isfinite(row.low):
        return f"{row.value:.3g}"
    return f"{row.value:.3g} [{row.low:.2g}, {row.high:.2g}]"
