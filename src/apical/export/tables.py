"""Export to long tables, one row for each spike or value: Parquet and CSV.

A folder of ``units``, ``trials``, ``stimuli``, ``spikes``, ``signals``, ``projections``,
``synapses`` and ``metrics``, those of them that there are, and ``about.json``. Time 0 is the onset
of the first trial in ``trials``; times of ``spikes`` and ``signals`` count from ``start_ms`` of
their trial. Synapses that do not exist have no row. Parquet files carry the text of ``about.json``
too, under the key ``apical`` of their metadata.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from apical._base.extras import library
from apical._base.metric_names import former
from apical.export import about, session
from apical.export.exporter import Exporter
from apical.export.names import ABOUT, METRICS
from apical.records.arrays import Records

Tables = Mapping[str, Iterator[pandas.DataFrame]]
"""Portions of each table, by name."""


def write_parquet(records: Records, folder: Path, metrics: pandas.DataFrame | None) -> None:
    """Write each table as ``<name>.parquet``.

    Parameters
    ----------
    records, folder, metrics
        As in `write_csv`.

    Raises
    ------
    DataError
        If pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from apical.export.tables import write_parquet
    >>> from apical.testing.references import records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_parquet(records(), Path(folder), None)
    ...     spikes = pd.read_parquet(Path(folder) / "spikes.parquet")
    >>> len(spikes)
    3
    """
    arrow, parquet = library("pyarrow", "parquet"), library("pyarrow.parquet", "parquet")
    text = about.as_text(about.provenance(records, "parquet", ("pandas", "pyarrow")))
    (folder / ABOUT).write_text(text, encoding="utf-8")
    for name, frames in long_tables(records, metrics).items():
        writer = None
        try:
            for frame in frames:
                table = arrow.Table.from_pandas(frame, preserve_index=False)
                if writer is None:
                    schema = table.schema.with_metadata(
                        {**(table.schema.metadata or {}), b"apical": text.encode()}
                    )
                    writer = parquet.ParquetWriter(folder / f"{name}.parquet", schema)
                writer.write_table(table.cast(writer.schema))
        finally:
            if writer is not None:
                writer.close()


def write_csv(records: Records, folder: Path, metrics: pandas.DataFrame | None) -> None:
    """Write each table as ``<name>.csv``.

    Parameters
    ----------
    records
        Recorded activity.
    folder
        An empty folder.
    metrics
        Metrics of training, as in `apical.export.export`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.export.tables import write_csv
    >>> from apical.testing.references import records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_csv(records(), Path(folder), None)
    ...     (Path(folder) / "spikes.csv").read_text().splitlines()
    ['spike_time_ms,unit,population,trial', '3.0,0,hidden,0', '12.5,1,hidden,0', '7.0,2,hidden,1']
    """
    text = about.as_text(about.provenance(records, "csv", ("pandas",)))
    (folder / ABOUT).write_text(text, encoding="utf-8")
    for name, frames in long_tables(records, metrics).items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            for number, frame in enumerate(frames):
                frame.to_csv(file, index=False, header=number == 0, lineterminator="\n")


def long_tables(records: Records, metrics: pandas.DataFrame | None) -> Tables:
    """Return the tables of records in portions; each has at least one, which may be empty.

    Parameters
    ----------
    records, metrics
        As in `write_csv`.

    Examples
    --------
    >>> from apical.export.tables import long_tables
    >>> from apical.testing.references import records
    >>> sorted(long_tables(records(), None))
    ['signals', 'spikes', 'stimuli', 'trials', 'units']
    """
    found = {
        "units": iter([units(records)]),
        "trials": iter([trials(records)]),
        "stimuli": _stimuli(records),
    }
    if records.targets is not None:
        found["targets"] = iter([targets(records)])
    if records.spikes:
        found["spikes"] = _spikes(records)
    if records.signals:
        found["signals"] = _signals(records)
    if records.synapses:
        found["projections"] = iter([projections(records)])
        found["synapses"] = _synapses(records)
    if metrics is not None:
        found["metrics"] = iter([measured(metrics, records.about)])
    return found


def units(records: Records) -> pandas.DataFrame:
    """Return the units of the recorded populations, with model and sign.

    Parameters
    ----------
    records
        Recorded activity.

    Examples
    --------
    >>> from apical.export.tables import units
    >>> from apical.testing.references import records
    >>> units(records()).head(2).to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'population': 'hidden', 'unit': 0, 'kind': 'LIF', 'sign': 0, 'spikes_recorded': True},
    {'population': 'hidden', 'unit': 1, 'kind': 'LIF', 'sign': 0, 'spikes_recorded': True}]
    """
    frames = [
        pandas.DataFrame(
            {
                "population": name,
                "unit": np.arange(len(units)),
                "kind": units.kind,
                "sign": np.asarray(units.signs, np.int64),
                "spikes_recorded": name in records.spikes,
            }
        )
        for name, units in records.units.items()
    ]
    columns = ["population", "unit", "kind", "sign", "spikes_recorded"]
    return pandas.concat(frames) if frames else pandas.DataFrame(columns=columns)


def trials(records: Records) -> pandas.DataFrame:
    """Return the trials: start and stop, stimulus, label and decision; no class with targets.

    Parameters
    ----------
    records
        Recorded activity.

    Examples
    --------
    >>> from apical.export.tables import trials
    >>> from apical.testing.references import records
    >>> trials(records()).to_dict("list")  # doctest: +NORMALIZE_WHITESPACE
    {'trial': [0, 1], 'start_ms': [0.0, 50.0], 'stop_ms': [50.0, 100.0], 'sample': [0, 1],
    'label': [0, 1], 'decision': [0, 0], 'correct': [True, False]}
    """
    number = np.arange(len(records))
    found = pandas.DataFrame(
        {
            "trial": number,
            "start_ms": number * np.float64(records.duration),
            "stop_ms": (number + 1) * np.float64(records.duration),
            "sample": records.samples,
        }
    )
    if records.targets is not None:
        return found
    return found.assign(label=records.labels, decision=records.decisions, correct=records.correct)


def targets(records: Records) -> pandas.DataFrame:
    """Return the targets of trials and the outputs of the network, a row for each number.

    Parameters
    ----------
    records
        Recorded activity of trials with targets.
    """
    told, found = records.targets, records.outputs
    assert told is not None and found is not None
    frames = told.shape[1] if told.ndim == 3 else 1
    shape = len(told), frames, told.shape[-1]
    trial, frame, target = (axis.ravel() for axis in np.indices(shape))
    both = {"value": told.ravel(), "output": np.asarray(found, np.float64).ravel()}
    return pandas.DataFrame({"trial": trial, "frame": frame, "target": target, **both})


def projections(records: Records) -> pandas.DataFrame:
    """Return the projections: their populations, role, delay, rule, and number of synapses."""
    rules = {str(r.get("projection")): r for r in records.about.get("rules") or ()}
    return pandas.DataFrame(
        [
            {
                "projection": name,
                "pre": one.pre,
                "post": one.post,
                "role": one.role,
                "carries": "; ".join(f"{a} to {b}" for b, a in (one.carries or {}).items()),
                "synapses": len(one),
                "delay_ms": one.delay,
                "rule": one.rule,
                "update": str(rules.get(name, {}).get("update", "")),
            }
            for name, one in records.synapses.items()
        ]
    )


def with_subjects(metrics: pandas.DataFrame) -> pandas.DataFrame:
    """Return the columns `METRICS` of a table; before 0.2 names of metrics ended in the subject.

    Parameters
    ----------
    metrics
        A table of metrics.

    Examples
    --------
    >>> import pandas as pd
    >>> from apical.export.tables import with_subjects
    >>> old = {"run": "a", "seed": 0, "epoch": 1, "block": 0, "trial": 100}
    >>> metrics = pd.DataFrame([old | {"metric": "rate_hidden", "value": 7.0}])
    >>> with_subjects(metrics)[["metric", "subject", "value"]].to_dict("records")
    [{'metric': 'rate', 'subject': 'hidden', 'value': 7.0}]
    """
    if "subject" in metrics:
        subject = metrics["subject"].fillna("").astype(str)  # pandas reads "" as missing
        return metrics.assign(subject=subject)[list(METRICS)]
    pairs = [former(str(name)) for name in metrics["metric"]]
    metric, subject = ([pair[k] for pair in pairs] for k in (0, 1))
    return metrics.assign(metric=metric, subject=subject)[list(METRICS)]


def measured(metrics: pandas.DataFrame, origin: Mapping[str, Any]) -> pandas.DataFrame:
    """Return metrics with the learning rule and the population that they belong to.

    Parameters
    ----------
    metrics
        A table with the columns `METRICS`, as `with_subjects` returns it.
    origin
        `Records.about`, with the rule and populations of each projection.

    Notes
    -----
    What is measured of a projection is of the population that it reaches, and of its rule. What is
    measured of a population is of all rules, and so is what is of the whole network, which has no
    population.
    """
    rules = origin.get("rules") or ()
    rule_of = {str(rule.get("projection")): str(rule.get("name", "")) for rule in rules}
    every = "; ".join(dict.fromkeys(rule_of.values()))
    post = {str(p.get("name")): str(p.get("post", "")) for p in origin.get("projections") or ()}
    columns = {key: metrics[key] for key in METRICS}
    columns["rule"] = metrics["subject"].map(lambda subject: rule_of.get(subject, every))
    columns["population"] = metrics["subject"].map(lambda subject: post.get(subject, subject))
    order = ("run", "seed", "rule", "epoch", "block", "trial", "population", *METRICS[5:])
    return pandas.DataFrame({key: columns[key] for key in order})


def _stimuli(records: Records) -> Iterator[pandas.DataFrame]:
    n = records.values.shape[1]
    for part in session.portions(len(records), max(1, session.PORTION // max(n, 1))):
        values = records.values[part]
        number = np.arange(part.start, part.stop)
        yield pandas.DataFrame(
            {
                "trial": np.repeat(number, n),
                "input": np.tile(np.arange(n), len(number)),
                "value": values.ravel(),
            }
        )


def _spikes(records: Records) -> Iterator[pandas.DataFrame]:
    names = list(records.spikes)
    for name, spikes in records.spikes.items():
        for part in session.portions(len(spikes)) if len(spikes) else (slice(0, 0),):
            time = spikes.time[part].astype(np.float64)
            yield pandas.DataFrame(
                {
                    "spike_time_ms": time,
                    "unit": spikes.unit[part].astype(np.int32),
                    "population": _same(name, names, len(time)),
                    "trial": spikes.trial[part].astype(np.int32),
                }
            )


def _signals(records: Records) -> Iterator[pandas.DataFrame]:
    parts = [session.split(name) for name in records.signals]
    populations, signals = (list(dict.fromkeys(names)) for names in zip(*parts, strict=True))
    kind = np.result_type(*records.signals.values())
    for (population, signal), values in zip(parts, records.signals.values(), strict=True):
        n_trials, n_times, n_units = values.shape
        times, each = records.times(n_times), n_times * n_units
        for part in session.portions(n_trials, max(1, session.PORTION // max(each, 1))):
            number = np.arange(part.start, part.stop)
            rows = len(number) * each
            yield pandas.DataFrame(
                {
                    "trial": np.repeat(number, each).astype(np.int32),
                    "time_ms": np.tile(np.repeat(times, n_units), len(number)),
                    "unit": np.tile(np.arange(n_units, dtype=np.int32), len(number) * n_times),
                    "population": _same(population, populations, rows),
                    "signal": _same(signal, signals, rows),
                    "value": values[part].ravel().astype(kind),
                }
            )


def _synapses(records: Records) -> Iterator[pandas.DataFrame]:
    names = list(records.synapses)
    for name, one in records.synapses.items():
        (pre, post), now, before = one.edges(), one.each(one.weights), one.each(one.before)
        for part in session.portions(len(pre)) if len(pre) else (slice(0, 0),):
            weights = now[part]
            yield pandas.DataFrame(
                {
                    "projection": _same(name, names, len(weights)),
                    "pre": pre[part].astype(np.int32),
                    "post": post[part].astype(np.int32),
                    "weight": weights.astype(np.float64),
                    "initial_weight": before[part].astype(np.float64),
                    "delay_ms": np.full(len(weights), one.delay),
                }
            )


def _same(name: str, names: list[str], n: int) -> pandas.Categorical:
    """Return a constant column of one of the names, which takes one byte a row."""
    return pandas.Categorical.from_codes(np.full(n, names.index(name)), categories=names)


PARQUET = Exporter("parquet", "a folder of long tables, as Parquet", write_parquet)
CSV = Exporter("csv", "a folder of long tables, as CSV", write_csv)
