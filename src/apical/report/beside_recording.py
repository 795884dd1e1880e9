"""The section of a report on a network beside a recording."""

import math

from apical import plotting
from apical.measures.comparison import SYSTEMS, Comparison, Row
from apical.report.parts import Picture, Section, Table, drawn

MOST_PAIRS = 6
"""Largest number of pairs of a population and an area that are drawn."""


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
        "numbers of trials and neurons. Controls: the network before learning, another seed, and "
        "the network with the trials of each neuron shuffled. Intervals are 95 %, by bootstrap "
        "over neurons and trials; p values are of permutations, corrected by Holm's method for all "
        f"{sum(math.isfinite(row.p) for row in comparison.rows)} tests.",
        *comparison.notes,
    ]
    pairs = list(dict.fromkeys((row.population, row.area) for row in comparison.rows))
    tables, pictures = list[Table](), list[Picture]()
    for population, area in pairs:
        rows = [row for row in comparison.rows if (row.population, row.area) == (population, area)]
        tables.append(_table(rows))
        known = any(row.system == "network" and math.isfinite(row.value) for row in rows)
        if known and len(pictures) < MOST_PAIRS:
            axes = plotting.beside_recording(comparison, population, area)
            pictures.append(drawn(axes, _caption(rows), wide=True))
    return Section(f"Beside a recording: {name}", said, tables, pictures)


def _table(rows: list[Row]) -> Table:
    """Return the values of all systems with intervals, and p of the network."""
    cells: dict[str, dict[str, Row]] = {}
    for row in rows:
        cells.setdefault(row.measure, {})[row.system] = row
    lines = []
    for measure, by_system in cells.items():
        network = by_system["network"]
        unit = "" if network.unit == "1" else f" [{network.unit}]"
        title = plotting.TITLES.get(measure, measure.replace("_", " "))
        p = f"{network.p_holm:.2g}" if math.isfinite(network.p_holm) else "-"
        lines.append([f"{title}{unit}", *(_cell(by_system[s]) for s in SYSTEMS), p])
    columns = ("measure", *SYSTEMS, "p (Holm), network")
    return Table(columns, lines, f"{rows[0].population} beside {rows[0].area or 'the recording'}.")


def _cell(row: Row) -> str:
    if not math.isfinite(row.value):
        return f"- ({row.why})" if row.why else "-"
    if not math.isfinite(row.low):
        return f"{row.value:.3g}"
    return f"{row.value:.3g} [{row.low:.2g}, {row.high:.2g}]"


def _caption(rows: list[Row]) -> str:
    """Say what is seen: in which measures the network is like the recording, or differs."""
    network = [row for row in rows if row.system == "network"]
    like = [r.measure for r in network if r.p_holm < 0.05 and not math.isfinite(r.distance)]
    differ = [r.measure for r in network if r.p_holm < 0.05 and math.isfinite(r.distance)]
    differ += [name for name in like if name == "isi_distance"]
    like = [name for name in like if name != "isi_distance"]
    parts = [
        f"{what}: {', '.join(plotting.TITLES.get(n, n.replace('_', ' ')) for n in names) or 'none'}"
        for what, names in (("alike beyond chance", like), ("different distributions", differ))
    ]
    return (
        f"{rows[0].population} beside {rows[0].area or 'the recording'}, a panel for each measure, "
        f"with controls and 95 % intervals. {'; '.join(parts)} (p < 0.05 after Holm's correction)."
    )
