"""Commands on finished runs: `apical record`, `export`, `analyze` and `report`."""

from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console

from apical.cli import tables
from apical.cli.beside_recording import recording_options, show, taken
from apical.export.exporter import EXPORTERS
from apical.nir.grading import Reset
from apical.nir.writing import Constants
from apical.records.arrays import Records

NIR = "nir"
"""Format of networks; all others are of records."""
_folder = click.Path(file_okay=False, path_type=Path)
_file = click.Path(path_type=Path)
_trust = click.option(
    "--trust",
    type=_file,
    metavar="FILE",
    help="Model script to import if data cannot hold the network of RUN; it must be the very file "
    "that the run began with. Without it nothing is imported.",
)


def _names(context: click.Context, option: click.Parameter, value: str | None) -> Any:
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def _say(text: str) -> None:
    Console(highlight=False).print(text, soft_wrap=True)


@click.command("record", no_args_is_help=True)
@click.argument("run", type=_folder)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Present the first N test samples.",
)
@click.option(
    "--populations",
    callback=_names,
    metavar="NAME,...",
    help="Populations to record; all by default.",
)
@click.option(
    "--signals",
    callback=_names,
    metavar="NAME,...",
    help="Signals to keep at every time step, for instance v,teach; none by default, "
    "activity x where nothing spikes.",
)
@click.option(
    "--untrained", is_flag=True, help="Replay the network as it was before learning; needs --out."
)
@click.option("--out", type=_file, help="File to write; records.npz in RUN by default.")
@_trust
def record_command(run: Path, out: Path | None, trust: Path | None, **given: Any) -> None:
    """Record the activity of a trained network on held-out trials: spikes and signals.

    RUN is the directory of a finished run. Learning is off; decisions are made without labels.
    Error neurons receive the labels, so that dendrites carry the same feedback as during learning.

    \b
    Examples:
      apical record runs/mnist --trials 200 --populations hidden,output --signals v,teach
      apical record runs/mnist --untrained --out before.npz
    """
    if given["untrained"] and out is None:
        raise click.UsageError("--untrained needs --out: RUN keeps the records after learning.")
    from apical.measures.predictions import reached
    from apical.runs.open import open_run, write_records

    with Console(stderr=True).status("replaying"):
        records = open_run(run, trust=trust).record(**given)
    where = write_records(out or run, records)
    spikes = sum(len(spikes) for spikes in records.spikes.values())
    held = [f"{spikes:,} spikes of {', '.join(records.spikes)}"] if records.spikes else []
    held += [f"signals {', '.join(records.signals)}"] if records.signals else []
    _say(
        f"{len(records)} trials, {reached(records)}; "
        f"{' and '.join(held)}.\nRecords: {where}\nNext: apical analyze {run}, or "
        f"apical export {run} --format nwb --out FILE.nwb"
    )


@click.command("export", no_args_is_help=True)
@click.argument("run", type=_folder)
@click.option(
    "--format",
    "kind",
    type=click.Choice((*EXPORTERS, NIR)),
    required=True,
    help=". ".join(f"{name}: {exporter.about}" for name, exporter in EXPORTERS.items())
    + ". nir: the network itself, without activity, as a NIR graph.",
)
@click.option("--out", type=_file, required=True, help="File to write; a folder for tables.")
@click.option(
    "--records",
    type=_file,
    help="Records to export; by default those in RUN, made by "
    "'apical record', or of 200 trials recorded now.",
)
@click.option(
    "--reset",
    type=click.Choice(get_args(Reset)),
    default="own",
    show_default=True,
    help="For nir, which has no soft reset. own: such networks are refused; hard: they are written "
    "with a reset to 0, and the accuracy of what is read back is told.",
)
@click.option(
    "--constants",
    type=click.Choice(get_args(Constants)),
    default="continuous",
    show_default=True,
    help="For nir. euler: constants with which Euler's method, in the time steps of the run, "
    "integrates exactly.",
)
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@_trust
def export_command(
    run: Path,
    kind: str,
    out: Path,
    records: Path | None,
    trust: Path | None,
    overwrite: bool,
    **of_nir: Any,
) -> None:
    """Export a trained network: its recorded activity and synapses, or the network as NIR.

    RUN is the directory of a finished run.

    \b
    Examples:
      apical export runs/mnist --format nwb --out mnist.nwb
      apical export runs/mnist --format parquet --out tables
      apical export runs/mnist --format nir --reset hard --out mnist.nir
    """
    if kind == NIR:
        _export_nir(run, out, trust, overwrite=overwrite, **of_nir)
        return
    if of_nir != {"reset": "own", "constants": "continuous"}:
        raise click.UsageError("--reset and --constants are for --format nir.")
    from apical.export import export
    from apical.runs.open import completed, metrics_of

    what, metrics = completed(_records(run, records, trust), run), metrics_of(run)
    if not what.synapses:
        _say(
            "These records hold no synapses, as those of versions before 0.3: record the run anew "
            f"to export them, with 'apical record {run}'."
        )
    with Console(stderr=True).status(f"writing {out}"):
        where = export(what, kind, out, metrics=metrics, overwrite=overwrite)
    _say(f"{len(what)} trials of {', '.join(what.units)}: {where}")


def _export_nir(run: Path, out: Path, trust: Path | None, **given: Any) -> None:
    from apical.runs.exchange import write_nir
    from apical.runs.open import open_run

    with Console(stderr=True).status(f"writing {out}"):
        found = write_nir(open_run(run, trust=trust), out, **given)
    for grade in found.grades:
        _say(f"{grade.level}: {grade.name}, {grade.reason}")
    _say(
        f"Accuracy on {found.trials} test samples: {found.before:.1%}, of the network that was "
        f"read back {found.after:.1%}.\nNIR: {out}"
    )


@click.command("analyze", no_args_is_help=True)
@click.argument("run", type=_folder)
@click.option(
    "--records",
    type=_file,
    help="Records to analyse; by default those in RUN, made by "
    "'apical record', or of 200 trials recorded now.",
)
@recording_options
@click.option(
    "--against",
    type=_file,
    help="Another run, or a file of records of the same samples: compare the "
    "representations of populations.",
)
@click.option("--out", type=_file, help="Folder for tables and figures; RUN/analysis by default.")
@_trust
def analyze_command(
    run: Path,
    records: Path | None,
    recording: Path | None,
    against: Path | None,
    trust: Path | None,
    out: Path | None,
    **given: Any,
) -> None:
    """Analyse the activity and weights of a trained network: spikes, representations, cost.

    RUN is the directory of a finished run. With --compare it is put beside a recording: every
    measure of both and of three controls, the network before learning, another seed (a run in the
    same folder that differs in its seed only) and shuffled trials, with intervals, p values and a
    figure. Options from --table to --align choose what of the recording is taken.

    \b
    Examples:
      apical analyze runs/mnist
      apical analyze runs/mnist --compare recording.nwb
      apical analyze runs/mnist --compare recording.nwb --table scenes --map classes.csv
      apical analyze runs/dfa --against runs/bp
    """
    from apical.runs.analysis import analyze_run
    from apical.runs.beside_recording import compare_run
    from apical.runs.open import open_run, read_records

    chosen, options = taken(recording, given)
    what = _records(run, records, trust)
    other = None
    if against is not None:
        is_run = against.is_dir()
        other = _records(against, None, None) if is_run else read_records(against)
    folder = out or run / "analysis"
    trained = open_run(run, trust=trust)
    beside = None if chosen is None else compare_run(trained, what, chosen, **options)
    with Console(stderr=True).status("analysing"):
        analysis = analyze_run(trained, what, beside=beside, against=other)
        files = analysis.write(folder)
    if chosen is None or beside is None:
        _show(analysis, len(what), folder)
    else:
        show(beside, chosen.path.name, folder)
    if analysis.against is not None:
        rows = analysis.against.to_dict("records")
        tables.show(rows, f"Against {against}", file=str(folder / "against.csv"))
    for note in () if beside is not None else analysis.notes:
        _say(f"- {note}")
    _say(f"{len(files)} files: {folder}")


def _show(analysis: Any, trials: int, folder: Path) -> None:
    """Print the measures of a run by itself."""
    _show_overview(analysis.overview, trials, folder / "measures.csv")
    learned = analysis.learning.tables
    for table, title, file in (
        (learned.get("angles"), "Angle to the backpropagation gradient [degrees]", "angles.csv"),
        (learned.get("cost"), "Cost, in NeuroBench's names", "cost.csv"),
    ):
        if table is not None:
            tables.show(table.to_dict("records"), title, file=str(folder / file))


@click.command("report", no_args_is_help=True)
@click.argument("runs", type=_folder, nargs=-1, required=True)
@click.option("--out", type=_file, help="File to write; report.html in the first RUN by default.")
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Test samples to replay where a RUN has no records yet.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
@recording_options
@_trust
def report_command(
    runs: tuple[Path, ...],
    out: Path | None,
    trials: int,
    trust: Path | None,
    overwrite: bool,
    recording: Path | None,
    **given: Any,
) -> None:
    """Write an HTML report on one RUN, or on several side by side.

    RUNS are directories of finished runs. The page needs no internet connection and no other file.
    Runs that differ only in their seed share a learning curve. With --compare the page has a
    section on each run beside a recording; options from --table to --align choose what of it.

    \b
    Examples:
      apical report runs/mnist
      apical report runs/mnist --compare recording.nwb
      apical report runs/compare/*/seed* --out wirings.html
    """
    from apical.report import write_report
    from apical.runs.open import open_run

    path = out or runs[0] / "report.html"
    chosen, options = taken(recording, given)
    opened = [open_run(run, trust=trust) for run in runs]
    if chosen is None:
        with Console(stderr=True).status("writing the report"):
            write_report(opened, path, trials=trials, overwrite=overwrite)
    else:  # which shows a bar of its own
        options |= {"trials": trials, "overwrite": overwrite, "recording": chosen}
        write_report(opened, path, **options)
    _say(f"Report: {path} ({path.stat().st_size / 1e6:.1f} MB); open it in a browser.")


def _show_overview(overview: Any, trials: int, file: Path) -> None:
    """Print the measures of populations, as many side by side as there is room for."""
    rows = overview.replace(r" \(\d+ undefined\)", "*", regex=True).to_dict("records")
    names = [name for name in overview.columns if name != "measure"]
    title = f"{trials} trials: mean ± standard deviation"
    console = Console(highlight=False)
    while names:
        shown = tables.fitting(rows, ["measure", *names], console.width)[1:]
        part = [{name: row[name] for name in ("measure", *shown)} for row in rows]
        tables.show([row for row in part if any(row[name] for name in shown)], title)
        names, title = names[len(shown) :], ""
    starred = any("*" in cell for row in rows for cell in row.values())
    said = "* undefined in some neurons, trials or pairs, which are left out. " if starred else ""
    _say(f"{said}Numbers of each, reasons and sources: {file}")


def _records(run: Path, file: Path | None, trust: Path | None) -> Records:
    """Return the records of a file, those of the run, or new ones."""
    from apical.runs.open import has_records, open_run, read_records, write_records

    if file is not None or has_records(run):
        return read_records(file or run, of=run)
    trained = open_run(run, trust=trust)
    with Console(stderr=True).status("replaying 200 trials"):
        records = trained.record(min(200, len(trained.data.test)))
    write_records(run, records)
    return records
