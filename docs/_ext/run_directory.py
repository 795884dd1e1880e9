"""The page on run directories: files, schemas, versions, from what reads and writes them."""

import inspect

from tables import cell, entries, schema, table

from apical.export import EXPORTERS
from apical.plausibility import findings
from apical.records.arrays import VERSION as RECORDS_VERSION
from apical.records.arrays import Records
from apical.runs import directory, experiment, manifest, open, schemas, stored_network
from apical.sweeps import results
from apical.sweeps import tables as sweep_tables
from apical.training import loop

FILES = {
    directory.CONFIG: "What was run: model, options, data, seed, device, scorecard, versions.",
    directory.NETWORK: "The network as data, hypotheses applied, so that no script is imported.",
    directory.ARRAYS: "Arrays that the network was given; there only if there are any.",
    directory.METRICS: "What was measured during training: one row for each number.",
    directory.CHECKPOINT: "Everything needed to resume: state, position, random streams.",
    directory.WEIGHTS: "Weights after training: name of the projection → array (n_pre, n_post).",
    directory.SCORECARD: "The scorecard judged once more when the run ended.",
    directory.SUMMARY: "Results in one place. It is written last: a run that has it is finished.",
    manifest.MANIFEST: "Size and SHA-256 of every file; whatever is read is checked against it.",
    open.RECORDS: "Spikes and signals, by `apical record`; there only after that.",
    f"{directory.FIGURES}/": "Figures, drawn when training ends (`--no-figures`: none).",
    "analysis/": "Tables and figures of `apical analyze`; there only after that.",
    ".lock": "Empty; locked while a process writes into the run.",
}
"""Every file of a run directory, and what it is for."""

SWEEP = {
    results.SWEEP: "The design: experiment, factors, seeds.",
    f"{results.RUNS}/<id>/": "A run directory for each combination.",
    results.RESULTS: "One row for each finished or failed run.",
    sweep_tables.MARKDOWN: "Means, intervals and tests, for a page.",
    sweep_tables.LATEX: "The same, for a paper.",
    sweep_tables.FIGURE: "Every seed, by factor.",
}
"""Files of a sweep."""

LEAD = """# The run directory

What `apical run --out FOLDER` leaves behind, file by file, so that you can read it from any
language: JSON, CSV, and npz files of NumPy without pickled objects. `apical.runs.open.open_run`
reads all of it. Each file is there whole or not at all. Entries that are not listed here may be
added by later versions; readers leave alone what they do not know.

## Files

"""


def versions() -> str:
    """Return the table of formats and their versions."""
    rows = [
        ["run directory (`format` in `config.json`)", str(directory.FORMAT)],
        [f"`{manifest.MANIFEST}` ({manifest.FORMAT})", str(manifest.VERSION)],
        [f"`{directory.NETWORK}` ({stored_network.FORMAT})", str(stored_network.VERSION)],
        [f"`{open.RECORDS}` (`Records.to_arrays`)", str(RECORDS_VERSION)],
    ]
    return table(["format", "version written"], rows)


def config() -> str:
    """Return what is said of ``config.json``."""
    asked = experiment.Experiment
    names = [entry.name for entry in entries(asked)]
    found = schema(schemas.Config, without=names)
    return (
        f"## {directory.CONFIG}\n\nThe fields of an `Experiment`:\n\n{schema(asked, loop.Plan)}\n"
        f"And what the run found when it began:\n\n{found}\n"
        f"Each entry of `scorecard`:\n\n{schema(schemas.Finding, findings.Finding)}\n"
        f"Each entry of `changed`, a setting that `apical run --resume` changed:\n\n"
        f"{schema(schemas.Change)}"
    )


def metrics() -> str:
    """Return what is said of ``metrics.csv``."""
    said = {
        "run": "name of the run",
        "seed": "its seed",
        "epoch": "epochs finished; 0 is before training",
        "block": "block of the epoch, from 0",
        "trial": "trials learned so far",
        "metric": "what was measured, for instance `test_accuracy`, `rate`, `angle`",
        "subject": "the population or projection that it is of; empty for the whole network",
        "value": "the number, so that it is read back to the same bits",
    }
    rows = [[f"`{name}`", said[name]] for name in directory.COLUMNS]
    text = table(["column", "what it holds"], rows)
    return (
        f"## {directory.METRICS}\n\n{text}\nRuns before 0.2 have no `subject`: metrics end in it."
    )


def arrays() -> str:
    """Return what is said of the files of arrays."""
    per_trial = "`samples`, `values`, `labels`, `decisions`"
    return (
        f"## {directory.CHECKPOINT}\n\nThe state of the simulator, array by array, weights as "
        "`<projection>.w`; and `about`, JSON in an array of text:\n\n"
        f"{schema(schemas.Progress, loop.Position)}\n"
        f"## {directory.WEIGHTS}\n\n`<projection>` → float32 or float64 of shape (n_pre, n_post), "
        f"finite, at most {schemas.LARGEST_WEIGHT:g} in size.\n\n"
        f"## {open.RECORDS}\n\nThe arrays of `Records.to_arrays`: {per_trial}; "
        "`signs:<population>`; `signal:<population>.<signal>`; `trial:`, `time:` and "
        "`unit:<population>` of spikes; and "
        f"`records`, JSON in an array of text. The fields of `Records`:\n\n{schema(Records)}"
    )


def network() -> str:
    """Return what is said of ``network.json`` and of the manifest."""
    return (
        f"## {directory.NETWORK}\n\n{cell(inspect.getdoc(stored_network) or '')}\n\n"
        "`format` and `version`; `model`: path, SHA-256, docstring and defaults of the script; "
        "`lacks`: what data cannot hold, and why; `network`: parameters, populations, their "
        "equations, projections, feedback, and the lines of the script that made them.\n\n"
        f"## {manifest.MANIFEST}\n\n{cell(inspect.getdoc(manifest) or '')}"
    )


def pages() -> dict[str, str]:
    """Return the page on run directories."""
    heads = ["file", "what it is for"]
    rows = [[f"`{name}`", text] for name, text in FILES.items()]
    swept = [[f"`{name}`", text] for name, text in SWEEP.items()]
    formats = [
        [f"`{name}`", f"`{one.suffix}`" if one.suffix else "folder", cell(one.about)]
        for name, one in EXPORTERS.items()
    ]
    text = "\n\n".join(
        (
            LEAD + table(heads, rows),
            f"## Versions\n\n{versions()}",
            config(),
            metrics(),
            f"## {directory.SUMMARY}\n\n{schema(schemas.Summary, experiment.Experiment)}",
            arrays(),
            network(),
            f"## The directory of a sweep\n\n{table(heads, swept)}",
            f"## Exports\n\n{table(['format', 'file', 'what it is'], formats)}",
        )
    )
    return {"reference/generated/run_directory.md": text + "\n"}
