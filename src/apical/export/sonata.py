"""Export to SONATA: nodes, edges, spikes, reports and configurations in a folder.

SONATA has no trials: times continue from one trial to the next, from 0 at the onset of the first,
and ``trials.csv`` lists their starts and stops, and the stimuli. Each projection is a population of
edges, its synapses that exist, with ``syn_weight`` [dimensionless, in units of the threshold],
``initial_weight`` (before learning) and ``delay`` [ms]. Reports are float32, as the format
requires; nothing is compressed, since libsonata does not support it. The format has no scheme for
custom equations in its model templates, so they are ``apical:<kind>``.

Source of the format: Dai et al. 2020, PLoS Comput. Biol. 16(2):e1007696,
doi:10.1371/journal.pcbi.1007696, and its developer guide, version 0.1.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from apical._base.extras import library
from apical.export import about, session, tables
from apical.export.exporter import Exporter
from apical.export.names import ABOUT
from apical.records.arrays import Records, Units

MAGIC, VERSION = 0x0A7A, (0, 1)
"""Attributes of every HDF5 file of the format."""

NODES, NODE_TYPES, SPIKES = "nodes.h5", "node_types.csv", "spikes.h5"
EDGES, EDGE_TYPES = "edges.h5", "edge_types.csv"
CIRCUIT, SIMULATION = "circuit_config.json", "simulation_config.json"

_VIRTUAL = "Stimulus"
"""Kind of virtual units, which are not simulated but provide the stimulus."""


def write(records: Records, folder: Path, metrics: pandas.DataFrame | None) -> None:
    """Write a folder of SONATA files.

    Raises
    ------
    DataError
        If h5py is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import h5py
    >>> from apical.export import export
    >>> from apical.testing.references import records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = export(records(), "sonata", Path(folder) / "activity")
    ...     names = sorted(file.name for file in path.iterdir())
    ...     with h5py.File(path / "spikes.h5") as file:
    ...         ids = file["spikes/hidden/node_ids"][:].tolist()
    >>> names  # doctest: +NORMALIZE_WHITESPACE
    ['about.json', 'circuit_config.json', 'node_types.csv', 'nodes.h5', 'simulation_config.json',
    'spikes.h5', 'stimuli.h5', 'trials.csv', 'x_settled_report.h5']
    >>> ids
    [0, 1, 2]
    """
    library("h5py", "sonata")
    text = about.as_text(about.provenance(records, "sonata", ("h5py",)))
    (folder / ABOUT).write_text(text, encoding="utf-8")
    _write_nodes(records, folder, text)
    if records.spikes:
        _write_spikes(records, folder / SPIKES, text)
    if records.synapses:
        _write_edges(records, folder, text)
    reports = _reports(records)
    for report, populations in reports.items():
        _write_report(records, folder / f"{report}.h5", populations, text)
    _table(tables.trials(records), folder / "trials.csv")
    _write_stimuli(records, folder / "stimuli.h5", text)
    if metrics is not None:
        _table(tables.measured(metrics, records.about), folder / "metrics.csv")
    _write_configurations(records, folder, reports)


@contextmanager
def _opened(path: Path, text: str) -> Iterator[Any]:
    """Create a file with the common attributes of the format, and its provenance."""
    h5py = library("h5py", "sonata")
    with h5py.File(path, "w") as file:
        file.attrs["version"] = np.array(VERSION, np.uint32)
        file.attrs["magic"] = np.uint32(MAGIC)
        file["about"] = text
        yield file


# ---- nodes --------------------------------------------------------------------------------------
def _populations(records: Records) -> dict[str, Units]:
    """Return the recorded populations, and those that projections join besides."""
    found = dict(records.units)
    for one in records.synapses.values():
        for name, kind, n in zip((one.pre, one.post), one.kinds, one.shape, strict=True):
            found.setdefault(name, Units(kind, np.zeros(n, np.int8)))
    return found


def _write_nodes(records: Records, folder: Path, text: str) -> None:
    rows = []
    with _opened(folder / NODES, text) as file:
        for number, (name, units) in enumerate(_populations(records).items()):
            n = len(units)
            group = file.create_group(f"nodes/{name}")
            group["node_type_id"] = np.full(n, number, np.uint64)
            group["node_id"] = np.arange(n, dtype=np.uint64)
            group["node_group_id"] = np.zeros(n, np.uint32)
            group["node_group_index"] = np.arange(n, dtype=np.uint64)
            group["0/sign"] = np.asarray(units.signs, np.int32)
            virtual = units.kind == _VIRTUAL
            rows.append(
                {
                    "node_type_id": number,
                    "population": name,
                    "model_type": _model_type(units.kind),
                    "model_template": "NULL" if virtual else f"apical:{units.kind}",
                    "kind": units.kind,
                    "recorded": int(name in records.units),
                    "spikes_recorded": int(name in records.spikes),
                }
            )
    _table(pandas.DataFrame(rows), folder / NODE_TYPES)


# ---- edges --------------------------------------------------------------------------------------
def _write_edges(records: Records, folder: Path, text: str) -> None:
    about_each = tables.projections(records).drop(columns=["synapses", "delay_ms"])
    about_each = about_each.rename(columns={"projection": "population"})
    about_each.insert(0, "edge_type_id", np.arange(len(about_each)))
    about_each["model_template"] = "NULL"
    _table(about_each, folder / EDGE_TYPES)
    with _opened(folder / EDGES, text) as file:
        for number, (name, one) in enumerate(records.synapses.items()):
            group, (pre, post) = file.create_group(f"edges/{name}"), one.edges()
            n = len(pre)
            for end, population, nodes in (("source", one.pre, pre), ("target", one.post, post)):
                data = group.create_dataset(f"{end}_node_id", data=nodes.astype(np.uint64))
                data.attrs["node_population"] = population
            group["edge_type_id"] = np.full(n, number, np.uint64)
            group["edge_group_id"] = np.zeros(n, np.uint32)
            group["edge_group_index"] = np.arange(n, dtype=np.uint64)
            group["0/syn_weight"] = one.each(one.weights)
            group["0/initial_weight"] = one.each(one.before)
            group["0/delay"] = np.full(n, one.delay, np.float32)
            group["0/delay"].attrs["units"] = "ms"
            for key, ends, count in (
                ("source_to_target", pre, one.shape[0]),
                ("target_to_source", post, one.shape[1]),
            ):
                _write_index(group.create_group(f"indices/{key}"), ends, count)


def _write_index(group: Any, nodes: np.ndarray, n: int) -> None:
    """Write where the edges of each of `n` nodes are, as ranges of edges without a gap."""
    order = np.lexsort((np.arange(len(nodes)), nodes))
    begins = np.ones(len(nodes), bool)
    begins[1:] = (np.diff(nodes[order]) != 0) | (np.diff(order) != 1)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(nodes)) - 1 if len(first) else first
    ranges = np.stack([order[first], order[last] + 1], axis=1) if len(first) else np.zeros((0, 2))
    ends = np.searchsorted(nodes[order][first], np.arange(n + 1))
    group["range_to_edge_id"] = ranges.astype(np.uint64)
    group["node_id_to_ranges"] = np.stack([ends[:-1], ends[1:]], axis=1).astype(np.uint64)


def _table(frame: pandas.DataFrame, path: Path) -> None:
    """Write a table in the dialect of the format: separated by spaces, no empty fields."""
    whole = frame.replace("", "NULL")
    whole.to_csv(path, sep=" ", index=False, lineterminator="\n", na_rep="NULL")


# ---- spikes -------------------------------------------------------------------------------------
def _write_spikes(records: Records, path: Path, text: str) -> None:
    h5py = library("h5py", "sonata")
    order = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype=np.uint8)
    with _opened(path, text) as file:
        for name, spikes in records.spikes.items():
            group = file.create_group(f"spikes/{name}")
            group.attrs.create("sorting", 2, dtype=order)
            n = len(spikes)
            times = group.create_dataset("timestamps", (n,), np.float64)
            times.attrs["units"] = "ms"
            nodes = group.create_dataset("node_ids", (n,), np.uint64)
            for part in session.portions(n):
                times[part] = session.session_times(records, spikes, part)
                nodes[part] = spikes.unit[part]


# ---- signals ------------------------------------------------------------------------------------
def _reports(records: Records) -> dict[str, dict[str, np.ndarray]]:
    """Return the signals of each population, by the report that holds them.

    A report has one time axis, so steady states and time courses are in separate reports.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for signal, values in records.signals.items():
        population, name = session.split(signal)
        report = f"{name}_report" if values.shape[1] > 1 else f"{name}_settled_report"
        found.setdefault(report, {})[population] = values
    return found


def _write_report(
    records: Records, path: Path, populations: Mapping[str, np.ndarray], text: str
) -> None:
    with _opened(path, text) as file:
        for name, values in populations.items():
            n_trials, n_times, n_units = values.shape
            group = file.create_group(f"report/{name}")
            shape = (n_trials * n_times, n_units)
            data = group.create_dataset("data", shape, np.float32, chunks=_chunk(shape))
            data.attrs["units"] = "1"
            each = max(1, session.PORTION // max(1, n_times * n_units))
            for part in session.portions(n_trials, each):
                rows = values[part].reshape(-1, n_units)
                data[part.start * n_times : part.stop * n_times] = rows
            start, step = session.sampling(records, n_times)
            mapping = group.create_group("mapping")
            mapping["node_ids"] = np.arange(n_units, dtype=np.uint64)
            mapping["node_ids"].attrs["sorted"] = np.uint8(1)
            mapping["index_pointers"] = np.arange(n_units + 1, dtype=np.uint64)
            mapping["element_ids"] = np.zeros(n_units, np.uint32)
            mapping["time"] = np.array([start, start + n_trials * n_times * step, step])
            mapping["time"].attrs["units"] = "ms"


def _chunk(shape: tuple[int, int]) -> tuple[int, int] | None:
    """Return chunks of some 256 kB, all units at some times; None for all at once."""
    rows = max(1, (1 << 16) // max(1, shape[1]))
    return (rows, shape[1]) if 0 < rows < shape[0] and shape[1] else None


def _write_stimuli(records: Records, path: Path, text: str) -> None:
    """Write the stimuli as plain HDF5, since the format has no place for them."""
    with _opened(path, text) as file:
        data = file.create_dataset("values", data=records.values)
        data.attrs["axes"] = "trial, input"


# ---- configurations -----------------------------------------------------------------------------
def _write_configurations(
    records: Records, folder: Path, reports: Mapping[str, Mapping[str, np.ndarray]]
) -> None:
    circuit = {
        "manifest": {"$BASE_DIR": "."},
        "networks": {
            "nodes": [
                {
                    "nodes_file": f"$BASE_DIR/{NODES}",
                    "node_types_file": f"$BASE_DIR/{NODE_TYPES}",
                    "populations": {
                        name: {"type": _model_type(units.kind)}
                        for name, units in _populations(records).items()
                    },
                }
            ],
            "edges": _edges_configured(records),
        },
    }
    end = session.session_end(records)
    simulation = {
        "manifest": {"$BASE_DIR": ".", "$OUTPUT_DIR": "$BASE_DIR"},
        "network": f"$BASE_DIR/{CIRCUIT}",
        "run": {"tstop": end, "dt": records.dt, "random_seed": records.about.get("seed") or 0},
        "output": {"output_dir": "$OUTPUT_DIR"}
        | ({"spikes_file": SPIKES, "spikes_sort_order": "by_time"} if records.spikes else {}),
        "reports": {
            report: {
                "variable_name": report.removesuffix("_report").removesuffix("_settled"),
                "type": "compartment",
                "file_name": f"{report}.h5",
                "start_time": 0.0,
                "end_time": end,
                "dt": records.dt,
                "enabled": True,
            }
            for report in reports
        },
    }
    for name, data in ((CIRCUIT, circuit), (SIMULATION, simulation)):
        (folder / name).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _edges_configured(records: Records) -> list[dict[str, Any]]:
    if not records.synapses:
        return []
    files = {"edges_file": f"$BASE_DIR/{EDGES}", "edge_types_file": f"$BASE_DIR/{EDGE_TYPES}"}
    return [files | {"populations": {name: {"type": "chemical"} for name in records.synapses}}]


def _model_type(kind: str) -> str:
    return "virtual" if kind == _VIRTUAL else "point_neuron"


EXPORTER = Exporter("sonata", "a folder of SONATA nodes, edges, spikes and reports", write)
