"""A network beside a recording: every comparison of the field in one table, with controls."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np

from apical._base.checking import check_fields, checked, listed, shown
from apical._base.parameters import (
    Array,
    Count,
    CountOrZero,
    Duration,
    Line,
    Measured,
    Names,
    Seed,
)
from apical._base.progress import ComparisonProgress
from apical._base.rounding import ROUNDING
from apical.errors import DataError, brief
from apical.measures.compared import (
    DESCRIPTIONS,
    RELATIONS,
    Description,
    Relation,
    Settings,
    Side,
)
from apical.measures.matching import (
    Activity,
    common_window,
    long_enough,
    matched,
    of_network,
    of_recording,
    shuffled,
    unlabelled,
)
from apical.measures.representation import responding
from apical.measures.resampling import (
    PERMUTATIONS,
    RESAMPLES,
    benjamini_hochberg,
    holm,
    interval_of,
)
from apical.recordings import Recording
from apical.recordings.choosing import listed_classes
from apical.records.arrays import Records

if TYPE_CHECKING:
    import pandas

Window = Annotated[np.ndarray, Array((1,), finite=True)]
"""Start and stop of a window from the onset of the trial [ms]."""
SYSTEMS = ("recording", "network", "untrained", "other seed", "shuffled")
"""What stands side by side in the table: the recording, the network, and its controls."""
FEW = 5
"""Number of classes up to which a remark says how few orders they have."""
MOST_BINS = 50
"""Largest number of bins of a PSTH."""
MEASURES = len(DESCRIPTIONS) + len(RELATIONS)
"""Number of measures of each pair of a population and an area."""


@dataclass(frozen=True)
class Controls:
    """What a network is compared with so that its likeness to a recording means something.

    A shuffled network is made of its records. To leave one out, give None, and why.

    Parameters
    ----------
    untrained
        Records of the network before learning, of the same samples.
    other_seed
        Records of a network that differs in its seed only, after learning.
    why
        Why one of them is None.

    See Also
    --------
    compare : Takes them.
    apical.runs.beside_recording.compare_run : Makes them of a finished run.

    Examples
    --------
    >>> from apical.measures.comparison import Controls
    >>> none = Controls(None, None, "the network was built by hand")
    >>> none.why
    'the network was built by hand'
    """

    untrained: Records | None
    other_seed: Records | None
    why: Line = "no records of it were given"

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Row:
    """One value of a comparison; NaN where a number is not defined.

    Parameters
    ----------
    population
        Population of the network.
    area
        Population of the recording, ``""`` if it names none.
    measure
        What is compared.
    system
        One of `SYSTEMS`. For measures of a model and the recording together, the row
        ``"recording"`` is of one half of its trials (or neurons) and the other.
    value, low, high
        The value, a mean over neurons or of the population, and its 95 % interval by bootstrap over
        neurons and trials, in `unit`.
    unit
        ``"1"`` if dimensionless.
    difference, difference_low, difference_high
        Value less that of the recording, and its interval.
    distance
        Wasserstein distance of the distributions over neurons from those of the recording.
    p, p_holm, p_bh
        p value by permutation, of neurons or of classes, and corrected for all rows that have one:
        family-wise error rate by Holm's method, false discovery rate by that of Benjamini and
        Hochberg.
    smallest_p
        The smallest p value that is possible with the number of permutations there are.
    chance
        Mean of the permutations.
    floor, ceiling
        Noise ceiling: what two halves of the recording have in common, what a perfect model
        reaches.
    neurons, trials, classes
        Numbers of each that were used: the same for all systems, but for neurons without a value.
    why, note, source
        Why it is undefined; what to keep in mind; the library, paper or equation.
    """

    population: Line
    area: Line
    measure: Line
    system: Line
    value: Measured = math.nan
    low: Measured = math.nan
    high: Measured = math.nan
    unit: Line = "1"
    difference: Measured = math.nan
    difference_low: Measured = math.nan
    difference_high: Measured = math.nan
    distance: Measured = math.nan
    p: Measured = math.nan
    p_holm: Measured = math.nan
    p_bh: Measured = math.nan
    smallest_p: Measured = math.nan
    chance: Measured = math.nan
    floor: Measured = math.nan
    ceiling: Measured = math.nan
    neurons: CountOrZero = 0
    trials: CountOrZero = 0
    classes: CountOrZero = 0
    why: Line = ""
    note: Line = ""
    source: Line = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Comparison:
    """A network beside a recording.

    Parameters
    ----------
    rows
        A row for each population, area, measure and system.
    window
        Start and stop of the window from the onset of trials [ms].
    notes
        Remarks on what was left out.
    """

    rows: Sequence[Row]
    window: Window
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def table(self) -> "pandas.DataFrame":
        """The rows, a column for each field of `Row`."""
        import pandas

        return pandas.DataFrame([asdict(row) for row in self.rows], columns=list(_COLUMNS))

    @property
    def overview(self) -> "pandas.DataFrame":
        """Values with intervals as text: a row for each measure, a column for each system."""
        import pandas

        lines: dict[tuple[str, str, str], dict[str, str]] = {}
        for row in self.rows:
            unit = "" if row.unit == "1" else f" [{row.unit}]"
            key = (row.population, row.area, f"{row.measure.replace('_', ' ')}{unit}")
            lines.setdefault(key, {})[row.system] = _text(row)
        keys = ("population", "area", "measure")
        return pandas.DataFrame([dict(zip(keys, k, strict=True)) | v for k, v in lines.items()])


_UNORDERED = "the order of trials does not matter to it"
_COLUMNS = tuple(Row.__dataclass_fields__)


def _text(row: Row) -> str:
    if not math.isfinite(row.value):
        return "-"
    interval = f" [{row.low:.2g}, {row.high:.2g}]" if math.isfinite(row.low) else ""
    return f"{row.value:.3g}{interval}{'*' if row.p_holm < 0.05 else ''}"


@checked()
def compare(
    records: Records,
    recording: Recording,
    controls: Controls,
    *,
    window: Window | None = None,
    bin: Duration = 10.0,
    populations: Names | None = None,
    areas: Names | None = None,
    equal_neurons: bool = True,
    resamples: Count = RESAMPLES,
    permutations: Count = PERMUTATIONS,
    seed: Seed = 0,
    progress: bool = False,
) -> Comparison:
    """Compare populations of a network with populations of a recording, beside controls.

    All systems are cut to windows of equal length from the onset of trials, and to equal numbers of
    trials of each class and of neurons, drawn from named streams; classes with one trial are left
    out, unless all are. Each value has an interval by bootstrap over neurons and trials. p values
    are of permutations: of neurons between network and recording where distributions over neurons
    are compared, of classes where their responses are. What the neurons of a data set share in its
    trials, such as a gain, shifts the two parts of a permutation of neurons apart at random, by as
    much as a jackknife over trials finds (`apical.measures.shared_noise`): it is no difference.
    Values of pairs of neurons and of whole populations have an interval of their difference, and no
    p value, since no permutation of neurons leaves them what they are.

    Parameters
    ----------
    records
        Recorded activity of the network.
    recording
        A recording; `Recording.classes` says which class of the network each trial shows. Where
        they are unknown, classes are ignored and a remark says so. What was not observed is no
        silence: trials and neurons are left out until all others were observed throughout.
    controls
        The network before learning, and another seed. The third control, the network with trials
        shuffled, each neuron by itself, is made here.
    window
        Start and stop from the onset of trials [ms]; by default what all trials of both have, or
        those of the recording, if the network does not spike. Recorded trials that end before are
        left out.
    bin
        Width of the bins of PSTHs [ms], for latencies and explained variance; larger where there
        would be more than `MOST_BINS`.
    populations, areas
        Which to compare; all by default.
    equal_neurons
        False to keep all neurons of both.
    resamples, permutations
        Number of bootstrap resamples, and of permutations. Of few classes there are as many
        permutations as they have orders. Models that are fitted again for each have fewer.
    seed
        Seed of all streams.
    progress
        Whether to show a progress bar.

    Raises
    ------
    DataError
        If recorded classes were mapped to classes that the network does not have; if no neuron was
        observed in any trial; if no recorded trial holds the window; if a control lacks a
        population, or one that is named is not there; if rsatoolbox is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from apical.measures.comparison import Controls, compare
    >>> from apical.recordings import Recording
    >>> from apical.records.arrays import Records, Spikes, Units
    >>> draw, labels = np.random.default_rng(0), np.repeat([0, 1, 2], 20)
    >>> def poisson():  # 10 neurons of 40 Hz in 60 trials of 100 ms
    ...     trial, unit = np.divmod(np.repeat(np.arange(600), draw.poisson(4, 600)), 10)
    ...     return Spikes(trial, draw.uniform(0, 100, len(trial)), unit)
    >>> def network():
    ...     return Records(100.0, 1.0, {"hidden": Units("LIF", np.ones(10))}, np.arange(60),
    ...         np.zeros((60, 1)), labels, labels, {"hidden": poisson()})
    >>> recording = Recording(Path("a.nwb"), poisson(), np.full(10, "V1"), np.full(60, 100.0),
    ...     labels.astype(str), labels.astype(str))
    >>> found = compare(network(), recording, Controls(network(), network()), resamples=20)
    >>> rates = found.table.query("measure == 'rate'").set_index("system")
    >>> rates["value"].round(-1).tolist()  # [Hz]
    [40.0, 40.0, 40.0, 40.0, 40.0]
    >>> bool((rates["p"].dropna() > 0.05).all())
    True
    """
    edges = common_window(records, recording) if window is None else tuple(map(float, window))
    if len(edges) != 2:
        raise DataError(f"A window has a start and a stop [ms], got {len(edges)} numbers.")
    part, notes = _with_classes(records, recording)
    notes = [*_on_recording(recording), *notes, *_on_windows(records, recording, edges)]
    known, said = _observed(part, edges[1])
    said += _on_controls(controls)
    pairs = [
        (name, area)
        for name in _named("population", populations, responding(records))
        for area in _named("area", areas, known)
    ]
    length = edges[1] - edges[0]
    bins = int(np.clip(np.ceil(length / bin * (1 - ROUNDING)), 1, MOST_BINS))
    settings = Settings(bins, resamples, permutations, seed)
    rows, remarks = list[Row](), dict[str, list[str]]()
    with ComparisonProgress(len(pairs) * MEASURES, shown=progress) as shown_progress:
        for pair in pairs:
            name, area = pair
            both = f"{name} and {area or 'the recording'}"
            groups = _activities(records, part, controls, pair, edges)
            equal, found = _equal(groups, equal_neurons, seed)
            for text in _on_observation(part.part(area), groups["recording"], edges) + found:
                remarks.setdefault(text, []).append(both)
            of_pair = replace(settings, name=f"{name} {area}")
            for row in _rows(name, area, equal, controls, of_pair):
                rows.append(row)
                shown_progress.update(len(rows) // len(SYSTEMS), ", ".join(filter(None, pair)))
    notes += [*_on_pairs(remarks, len(pairs)), *said, *_powerless(rows)]
    return Comparison(_corrected(rows), np.array(edges), tuple(dict.fromkeys(notes)))


def _on_controls(controls: Controls) -> list[str]:
    """Say which controls are missing, and why."""
    given = {"untrained": controls.untrained, "other seed": controls.other_seed}
    return [f"{name}: {controls.why}." for name, control in given.items() if control is None]


def _on_pairs(remarks: Mapping[str, Sequence[str]], n: int) -> list[str]:
    """Return remarks on pairs; those on all `n` do not name them."""
    return [text if len(of) == n else f"{', '.join(of)}: {text}" for text, of in remarks.items()]


def _on_recording(recording: Recording) -> list[str]:
    """Say what was taken of a recording, and what was left out of it."""
    of = f" of table {recording.table}" if recording.table else ""
    classes = f", classes in {recording.stimulus}" if recording.stimulus else ""
    number = f"{len(recording):,} trials{of}{classes}, {len(recording.populations):,} neurons"
    return [
        f"recording: {number}.",
        *(f"recording, left out: {left}." for left in recording.left_out),
        *(f"recording: {note.rstrip('.')}." for note in recording.notes),
    ]


def _with_classes(records: Records, recording: Recording) -> tuple[Recording, list[str]]:
    """Return a recording without classes that are not the network's, and why they are not.

    Raises
    ------
    DataError
        If they were mapped to classes that the network does not have.
    """
    why = _unmatched(records, recording)
    if not why:
        return recording, []
    if any("--map" in note for note in recording.notes):  # said when it was read
        why = ""
    said = f"{why}. Classes are ignored." if why else "recorded classes are ignored."
    return replace(recording, classes=None), [said]


def _unmatched(records: Records, recording: Recording) -> str:
    """Return why the classes of a recording are not those of the network; empty if they are."""
    advice = "say which is which by --map CLASSES.csv (in Python: Selection(classes={...}))"
    if recording.classes is None:
        if recording.labels is None:
            return "the recording has no labels of trials"
        return f"recorded classes are numbers, which need not mean the network's: {advice}"
    ours, theirs = records.about.get("dataset"), recording.dataset
    if theirs and ours and ours != theirs:
        return f"recorded classes are those of {brief(theirs, 40)}, not {brief(ours, 40)}: {advice}"
    known, found = set(map(str, records.labels)), set(recording.classes.tolist())
    if found & known:
        return ""
    if recording.labels is None or not np.array_equal(recording.labels, recording.classes):
        raise DataError(
            f"Recording {brief(recording.path)} has classes that are mapped to "
            f"{listed_classes(found)}, and the network has {listed_classes(known)}; correct the "
            "column 'network' of --map (in Python: Selection(classes={...})).",
            object=f"Recording {brief(recording.path)}",
        )
    return f"no recorded class ({listed_classes(found)}) is one of the network's: {advice}"


def _observed(recording: Recording, stop: float) -> tuple[list[str], list[str]]:
    """Return the areas of which a neuron was observed in a trial that holds a window; a remark."""
    seen = recording.seen[long_enough(recording.durations, stop)].any(axis=0)
    areas = np.asarray(recording.populations)
    kept = np.unique(areas[seen]).tolist()
    if not kept:
        raise DataError(
            f"Recording {brief(recording.path)}: no neuron was observed in a trial that holds the "
            "window; choose trials by --rows, or neurons by --units (in Python: "
            "Selection(rows=..., units=...)).",
            object=f"Recording {brief(recording.path)}",
        )
    gone = sorted({*areas.tolist()} - {*kept})
    return kept, [f"no neuron of {listed(gone)} was observed in any trial."] if gone else []


def _on_windows(records: Records, recording: Recording, edges: Sequence[float]) -> list[str]:
    """Say how the window cuts trials, and which are left out."""
    said, durations = [], recording.durations
    left_out = int(np.sum(durations < edges[1] * (1 - 1e-6)))
    if left_out:
        said.append(f"{left_out} of {len(durations)} recorded trials end before the window does.")
    if records.spikes and edges[1] < records.duration * (1 - 1e-6):
        said.append(
            f"trials of the network ({records.duration:g} ms) are cut at {edges[1]:g} ms; the "
            f"shortest recorded trial has {float(durations.min()):g} ms: give a window to choose."
        )
    return said


def _on_observation(part: Recording, kept: Activity, edges: Sequence[float]) -> list[str]:
    """Say which neurons and trials are left out since not all were observed all the time."""
    whole = int(np.sum(part.durations >= edges[1] * (1 - 1e-6)))
    trials, neurons = whole - len(kept), len(part.populations) - kept.neurons
    if not trials and not neurons:
        return []
    return [
        f"{neurons} of {len(part.populations)} recorded neurons and {trials} of {whole} trials are "
        "left out, so that all others were observed throughout."
    ]


def _powerless(rows: Sequence[Row]) -> list[str]:
    """Say which measures cannot pass Holm's correction, whatever the data."""
    tests = [row for row in rows if math.isfinite(row.p)]
    weak = [row.measure for row in tests if row.smallest_p * len(tests) > 0.05]
    if not weak:
        return []
    return [
        f"with {len(tests)} tests, no p value of {', '.join(dict.fromkeys(weak))} can pass Holm's "
        "correction by itself: take more permutations, compare fewer populations and areas, or "
        "more classes."
    ]


def _named(what: str, wanted: Names | None, known: Sequence[str]) -> list[str]:
    missing = [name for name in wanted or () if name not in known]
    if missing:
        raise DataError(
            f"There is no {what} {shown(missing[0])} to compare; there are "
            f"{listed(known) or 'none'}: name one."
        )
    return list(known if wanted is None else wanted)


def _activities(
    records: Records,
    recording: Recording,
    controls: Controls,
    names: tuple[str, str],
    edges: Sequence[float],
) -> dict[str, Activity]:
    """Return the activity of all systems in the window."""
    found = {"recording": of_recording(recording, names[1], *edges)}
    given = {
        "network": records,
        "untrained": controls.untrained,
        "other seed": controls.other_seed,
    }
    for system, of in given.items():
        if of is None:
            continue
        if names[0] not in responding(of):
            raise DataError(
                f"The control {system!r} holds no activity of {shown(names[0])}; record the "
                "same populations of it as of the network."
            )
        found[system] = of_network(of, names[0], *edges)
    return found


def _equal(
    groups: Mapping[str, Activity], equal_neurons: bool, seed: int
) -> tuple[dict[str, Activity], list[str]]:
    """Return groups of equal numbers of trials of each class, and remarks.

    Classes with one trial are left out; if all have one, classes are ignored.
    """
    equal, said = matched(groups, equal_neurons=equal_neurons, seed=seed), []
    labels = equal["recording"].labels
    if labels is None:
        return equal, []
    kinds, times = np.unique(labels, return_counts=True)
    if times.max() < 2:
        equal = {name: unlabelled(activity) for name, activity in equal.items()}
        return equal, ["no class has 2 trials in all; classes are ignored."]
    if times.min() < 2:
        kept = np.isin(labels, kinds[times > 1])
        equal = {name: activity.some(kept) for name, activity in equal.items()}
        said.append(f"{np.sum(times < 2)} classes with one trial are left out.")
    n = int(np.sum(times > 1))
    if n <= FEW:
        said.append(
            f"{n} classes have {math.factorial(n)} orders, so that no p value of RSA, CKA or "
            f"encoding can be below {1 / math.factorial(n):.2g}."
        )
    return equal, said


def _rows(
    name: str,
    area: str,
    equal: Mapping[str, Activity],
    controls: Controls,
    settings: Settings,
) -> Iterator[Row]:
    """Yield the rows of a population and an area."""
    activities = {**equal, "shuffled": shuffled(equal["network"], seed=settings.seed)}
    recorded = Side(equal["recording"], "recording", settings)
    sides = {
        system: Side(activities[system], system, settings)
        for system in SYSTEMS[1:]
        if system in activities
    }
    blank = Row(
        name,
        area,
        "",
        "",
        neurons=recorded.activity.neurons,
        trials=len(recorded.activity),
        classes=recorded.classes,
    )
    for description in DESCRIPTIONS:
        about = replace(
            blank, measure=description.name, unit=description.unit, source=description.source
        )
        yield from _described(about, description, recorded, sides, controls)
    for measure, (relate, source) in RELATIONS.items():
        about = replace(blank, measure=measure, source=source)
        found = {system: relate(side, recorded) for system, side in sides.items()}
        yield from _related(about, found, controls)


def _described(
    about: Row,
    description: Description,
    recorded: Side,
    sides: Mapping[str, Side],
    controls: Controls,
) -> Iterator[Row]:
    """Yield the rows of a statistic of each side."""
    theirs: np.ndarray | None = None
    whole = np.zeros(0)
    for system in SYSTEMS:
        side = recorded if system == "recording" else sides.get(system)
        row = replace(about, system=system)
        why = controls.why if side is None else description.lacks(side)
        if side is None or why:
            yield replace(row, why=why)
            continue
        values = description.of(side)
        over = values
        if description.per_neuron:
            over = _over_neurons(values, side)
            row = replace(row, neurons=int(np.isfinite(values[0]).sum()))
        row = _with_interval(row, over, description.why, description.correlation)
        if system == "recording":
            theirs, whole = values, over
            yield row
            continue
        if theirs is not None:
            row = _less(row, over, whole)
            if system == "shuffled" and not description.ordered:
                row = replace(row, note=_UNORDERED)
            elif description.per_neuron:
                apart, p = description.distance(values[0], theirs[0], (side, recorded))
                row = _tested(row, apart, p, side.settings)
        yield row


def _tested(row: Row, apart: float, p: float, settings: Settings) -> Row:
    """Return a row with the distance of the distributions over neurons, and its p value."""
    smallest = 1 / (1 + settings.permutations) if math.isfinite(p) else math.nan
    return replace(row, distance=apart, p=p, smallest_p=smallest)


def _over_neurons(values: np.ndarray, side: Side) -> np.ndarray:
    """Return means over the neurons drawn, of those that have a value."""
    chosen = np.take_along_axis(values, side.resamples.neurons, axis=1)
    known = np.isfinite(chosen)
    number = known.sum(axis=1)
    total = np.where(known, chosen, 0).sum(axis=1)
    return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)


def _with_interval(row: Row, values: np.ndarray, why: str, correlation: bool) -> Row:
    low, high = interval_of(values, correlation=correlation)
    value = float(values[0])
    return replace(row, value=value, low=low, high=high, why="" if math.isfinite(value) else why)


def _less(row: Row, ours: np.ndarray, theirs: np.ndarray) -> Row:
    """Return a row with the difference from the recording."""
    apart = ours - theirs
    low, high = interval_of(apart)
    return replace(row, difference=float(apart[0]), difference_low=low, difference_high=high)


def _related(about: Row, found: Mapping[str, Relation], controls: Controls) -> Iterator[Row]:
    """Yield the rows of a measure of a model and the recording together."""
    network = found["network"]
    note = "one half of the recording and the other"
    yield replace(about, system="recording", value=network.floor, note=note, why=network.why)
    for system in SYSTEMS[1:]:
        relation, row = found.get(system), replace(about, system=system)
        if relation is None:
            yield replace(row, why=controls.why)
            continue
        row = _with_interval(row, relation.values, relation.why, relation.correlation)
        chance, n = relation.by_chance, len(relation.by_chance)
        if system == "shuffled" and relation.of == "differences":
            row = replace(row, note=_UNORDERED)
        elif n:
            p = relation.p
            smallest = 1 / (1 + (relation.planned or n))
            row = replace(row, p=p, chance=float(np.mean(chance)), smallest_p=smallest)
        yield replace(row, floor=relation.floor, ceiling=relation.ceiling)


def _corrected(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return rows with p values corrected for all of them."""
    p = np.array([row.p for row in rows], float)
    both = zip(rows, holm(p).tolist(), benjamini_hochberg(p).tolist(), strict=True)
    return tuple(replace(row, p_holm=one, p_bh=other) for row, one, other in both)
