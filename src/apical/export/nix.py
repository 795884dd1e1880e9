"""Export to NIX in Neo's layout: a block with a segment for each trial, its trains and signals.

The file has the layout of `neo.io.NixIO` (tests compare the two, as Neo reads them), but is written
directly: NixIO takes 23 ms and 23 kB for each spike train, this some 0.4 ms and 1.5 kB. It writes
trial by trial, and shared objects once: the section with the unit of a train, the empty array of
silent units, and the time axis of a signal. Silent units have trains too, so that all segments have
the same ones. Synapses that exist are data arrays of type ``apical.synapses``, three or four for a
projection, with its section of metadata. Segments begin at time 0; their section says when they do
in the session (``onset``, ``end``), whose time 0 is the onset of the first trial. Neo takes 4 ms to
read a train (15 ms of its own files): use NWB for many units in many trials.

Fewer and larger arrays are no way out. A train is a tag of Neo's, and Neo takes all positions of
the array that a tag refers to, so that trains cannot share one. With one train of a unit for all
trials, on the clock of the session, times would not be those of the trial any more: of multiples of
0.1 ms in 1,000 trials of 100 ms, a fifth is the same after the onset was added and taken off.

Source of the format: Stoewer et al. 2014, Neuroinformatics 2014,
doi:10.3389/conf.fninf.2014.18.00027; of the objects: Garcia et al. 2014, Front. Neuroinform. 8:10,
doi:10.3389/fninf.2014.00010.
"""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from apical._base.extras import library
from apical.export import about, session, tables
from apical.export.exporter import Exporter
from apical.export.nix_file import LIBVER, Entity, NixFile
from apical.records.arrays import Records, Spikes

_TRAIN, _SIGNAL = "neo.spiketrain", "neo.analogsignal"
_LONGEST = 10_000
"""Largest number of characters of a description: HDF5 limits attributes to 64 kB."""


def write(records: Records, path: Path, metrics: pandas.DataFrame | None) -> None:
    """Write a NIX file.

    Raises
    ------
    DataError
        If neo or nixio is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import neo
    >>> from apical.export import export
    >>> from apical.testing.references import records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = export(records(), "nix", Path(folder) / "activity.nix")
    ...     with neo.NixIO(str(path), "ro") as file:
    ...         block = file.read_block()
    >>> len(block.segments), [len(segment.spiketrains) for segment in block.segments]
    (2, [3, 3])
    """
    nixio, neo = library("nixio", "nix"), library("neo", "nix")
    with nixio.File.open(str(path), nixio.FileMode.Overwrite) as file:
        file.create_section("neo", "neo.metadata")["version"] = neo.__version__
    with library("h5py", "nix").File(path, "r+", libver=LIBVER) as file:
        nix = NixFile(file)
        block, section = _block(nix, records, metrics)
        trains = _sections_of_trains(nix, records, section)
        silent = nix.entity(block["data_arrays"], "silent.times", f"{_TRAIN}.times", unit="ms")
        nix.data(silent, np.zeros(0))
        _add_synapses(nix, records, block["data_arrays"], section)
        for trial in range(len(records)):
            segment, inner = _segment(nix, records, trial, block["groups"], section)
            _add_trains(nix, records, trial, block, segment["multi_tags"], trains, silent)
            _add_signals(nix, records, trial, block, segment["data_arrays"], inner)


def _block(
    nix: NixFile, records: Records, metrics: pandas.DataFrame | None
) -> tuple[dict[str, Any], Any]:
    """Return the containers of a new block, and its section of metadata."""
    origin = records.about
    name = f"neo.block.{uuid.uuid4().hex}"
    block = nix.entity(
        nix.root("data"),
        name,
        "neo.block",
        created=about.created(origin),
        definition=f"{about.story(records)} {about.axis(records)}"[:_LONGEST],
    ).group
    section = nix.section(
        nix.root("metadata"),
        name,
        "neo.block.metadata",
        neo_name=about.title(origin),
        simulated="yes",
        licence_of_the_stimuli=about.licence(origin),
        citations=about.citations(origin),
        about=about.as_text(about.provenance(records, "nix", ("neo", "nixio", "h5py"))),
    )
    if metrics is not None:
        nix.property(section, "metrics", metrics.to_csv(index=False, lineterminator="\n"))
    nix.link(block, "metadata", section)
    names = ("groups", "data_arrays", "multi_tags")
    return {name: nix.group(block, name) for name in names}, section


def _segment(
    nix: NixFile, records: Records, trial: int, groups: Any, parent: Any
) -> tuple[dict[str, Any], Any]:
    """Return the containers of the segment of a trial, and its section of metadata."""
    name = f"neo.segment.{trial}"
    segment = nix.entity(groups, name, "neo.segment", created=about.created(records.about)).group
    section = nix.section(
        nix.group(parent, "sections"),
        name,
        "neo.segment.metadata",
        neo_name=f"trial {trial}",
        trial=trial,
        **_answer(records, trial),
        sample=int(records.samples[trial]),
        stimulus=np.asarray(records.values[trial], np.float64),
    )
    nix.property(section, "onset", trial * float(records.duration), unit="ms")
    nix.property(section, "end", (trial + 1) * float(records.duration), unit="ms")
    nix.link(segment, "metadata", section)
    return {name: nix.group(segment, name) for name in ("data_arrays", "multi_tags")}, section


def _answer(records: Records, trial: int) -> dict[str, Any]:
    """Return what was wanted in a trial, and what the network made of it; frames in a row."""
    if records.targets is not None and records.outputs is not None:
        return {
            "target": records.targets[trial].ravel(),
            "output": np.asarray(records.outputs[trial], np.float64).ravel(),
        }
    return {
        "label": int(records.labels[trial]),
        "decision": int(records.decisions[trial]),
        "correct": "yes" if records.correct[trial] else "no",
    }


def _sections_of_trains(nix: NixFile, records: Records, parent: Any) -> dict[str, list[Any]]:
    """Return the metadata sections with the unit of each train, by spiking population."""
    made: dict[str, list[Any]] = {}
    sections = nix.group(parent, "sections")
    for name in session.populations_of(records)[0]:
        made[name] = []
        for unit, sign in enumerate(np.asarray(records.units[name].signs).tolist()):
            section = nix.section(
                sections,
                f"{name}.{unit}",
                f"{_TRAIN}.metadata",
                neo_name=f"{name}.{unit}",
                population=name,
                unit=unit,
                sign=int(sign),
                kind=records.units[name].kind,
            )
            nix.property(section, "t_start", 0.0, unit="ms")
            nix.property(section, "t_stop", float(records.duration), unit="ms")
            made[name].append(section)
    return made


def _add_trains(
    nix: NixFile,
    records: Records,
    trial: int,
    block: Mapping[str, Any],
    segment: Any,
    sections: Mapping[str, Sequence[Any]],
    silent: Entity,
) -> None:
    for population, of_unit in sections.items():
        times, ends = _by_unit(records.spikes[population].of_trial(trial), len(of_unit))
        for unit, section in enumerate(of_unit):
            name = f"{_TRAIN}.{population}.{trial}.{unit}"
            own, positions = times[ends[unit] : ends[unit + 1]], silent
            if len(own):
                positions = nix.entity(
                    block["data_arrays"], f"{name}.times", f"{_TRAIN}.times", unit="ms"
                )
                nix.data(positions, own)
            train = nix.entity(block["multi_tags"], name, _TRAIN)
            nix.link(train.group, "positions", positions.group)
            nix.link(train.group, "metadata", section)
            nix.refer(segment, train)


def _by_unit(spikes: Spikes, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return spike times sorted by unit, and the offset of each unit, shape (n + 1,)."""
    order = np.argsort(spikes.unit, kind="stable")
    ends = np.cumsum([0, *np.bincount(spikes.unit, minlength=n)])
    return np.asarray(spikes.time, np.float64)[order], ends


def _add_signals(
    nix: NixFile, records: Records, trial: int, block: Mapping[str, Any], segment: Any, parent: Any
) -> None:
    for signal, values in records.signals.items():
        population, kind = session.split(signal)
        start, step = session.sampling(records, values.shape[1])
        name = f"{_SIGNAL}.{signal}.{trial}"
        section = nix.section(
            nix.group(parent, "sections"),
            name,
            f"{_SIGNAL}.metadata",
            neo_name=signal,
            population=population,
            variable=kind,
        )
        nix.property(section, "t_start", start, unit="ms")
        nix.property(section, "unit", np.arange(values.shape[2]), kind="ARRAYANNOTATION")
        for unit in range(values.shape[2]):
            channel = nix.entity(
                block["data_arrays"], f"{name}.{unit}", _SIGNAL, unit="dimensionless"
            )
            nix.data(channel, values[trial, :, unit])
            nix.time_axis(channel, signal, start, step)
            nix.link(channel.group, "metadata", section)
            nix.refer(segment, channel)


def _add_synapses(nix: NixFile, records: Records, arrays: Any, parent: Any) -> None:
    for row in tables.projections(records).to_dict("records"):
        name = str(row["projection"])
        one, kind = records.synapses[name], "apical.synapses"
        section = nix.section(nix.group(parent, "sections"), f"synapses.{name}", kind, **row)
        pre, post = one.edges()
        values = {"pre_unit": pre, "post_unit": post, "weight": one.each(one.weights)}
        if one.initial is not None:
            values["initial_weight"] = one.each(one.initial)
        for key, of_synapses in values.items():
            array = nix.entity(arrays, f"synapses.{name}.{key}", kind)
            nix.data(array, of_synapses)
            nix.link(array.group, "metadata", section)


EXPORTER = Exporter("nix", "one file of NIX, for Neo and Elephant", write, ".nix")
