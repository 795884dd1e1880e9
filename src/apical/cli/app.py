"""The `apical` command-line interface."""

import atexit
import importlib
import importlib.metadata
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical import __version__
from apical._base.checking import shown
from apical._base.metric_names import headline, scored, told
from apical.cli.interruption import be_deaf, code_of, ending_by_signals, interruptible
from apical.cli.model_options import (
    ModelCommand,
    experiment_of,
    jobs_option,
    training_options,
)
from apical.cli.near import Group, unknown_option
from apical.cli.programs import only_compiled, program_options, taken
from apical.cli.protocol import CONTEXT
from apical.data import datasets
from apical.devices import DEVICES
from apical.errors import ending_in_one_line
from apical.runs.directory import check_new
from apical.runs.experiment import Experiment, read_experiment
from apical.runs.manifest import CONFIG
from apical.runs.run import Stopped, resume, run
from apical.scripts import models


def main() -> None:
    """Run the command; errors of this package are reported on one line, with exit code 2."""
    _exit_with(commands)


def run_model(path: str) -> None:
    """Run a model script with the arguments of the command line, as ``apical run PATH`` does."""
    before = sys.argv[:]
    sys.argv[:1] = ["apical", "run", path]
    try:
        main()
    finally:
        sys.argv[:] = before


def _exit_with(command: click.Command) -> None:
    try:
        with ending_in_one_line(), ending_by_signals():
            sys.exit(command.main(prog_name="apical", standalone_mode=False) or 0)
    except click.NoSuchOption as error:
        unknown_option(error).show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        sys.exit(code_of(error))
    finally:  # at interpreter exit; the caller may continue until then
        atexit.unregister(be_deaf)
        atexit.register(be_deaf)


ELSEWHERE = {
    "analyze": "results",
    "bench": "bench",
    "cache": "cache",
    "check": "check",
    "cite": "cite",
    "compare": "compare",
    "completion": "completion",
    "doctor": "doctor",
    "export": "results",
    "gallery": "gallery",
    "graph": "graph",
    "hypotheses": "hypotheses",
    "new": "new",
    "record": "results",
    "recording": "recording",
    "report": "results",
    "sweep": "sweep",
}
"""Commands, and the modules that hold them."""


class Commands(Group):
    """Command group with lazy import of its modules, most of which need large libraries."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(context), *ELSEWHERE})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command, imported now if it is elsewhere."""
        if name not in ELSEWHERE:
            return super().get_command(context, name)
        module = importlib.import_module(f"apical.cli.{ELSEWHERE[name]}")
        command: click.Command = getattr(module, f"{name}_command")
        return command


@click.group(cls=Commands, context_settings=CONTEXT)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=lambda context, _, value: _print_version(context, value),
    help="Print the versions of apical, Brian2 and Python, and exit.",
)
def commands() -> None:
    """A laboratory for learning without backpropagation.

    \b
    Start with:
      apical models                        what can be run
      apical new mine                      a model of your own, from a template
      apical run spiking_dfa --epochs 30   train a spiking network on real digits
      apical report RUN                    look at what it does, on one page
    """


def _print_version(context: click.Context, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    try:
        brian = importlib.metadata.version("brian2")
    except importlib.metadata.PackageNotFoundError:
        brian = "not installed"
    click.echo(f"apical {__version__}, Brian2 {brian}, Python {platform.python_version()}")
    context.exit()


@commands.command("run", cls=ModelCommand, no_args_is_help=True, instead=("--resume",))
@click.argument("model", required=False)
@training_options
@click.option(
    "--seed",
    "seeds",
    default="0",
    show_default=True,
    help="Seed, or several (0,1,2): one run each, and their mean.",
)
@click.option(
    "--closely",
    is_flag=True,
    help="Short for --measure training,angles (spiking networks: training only).",
)
@click.option("--out", type=click.Path(path_type=Path), help="Run directory; runs/... by default.")
@click.option(
    "--resume",
    "resume_from",
    type=click.Path(path_type=Path),
    help="Resume the run of this directory from its last checkpoint; nothing else is needed. Only "
    "--epochs (more of them), --device and --library may change, which is recorded.",
)
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --resume: model script to import if data cannot hold the network of the run; it "
    "must be the very file that the run began with. Without it nothing is imported.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--figures/--no-figures", default=True, show_default=True)
@jobs_option("seeds")
@program_options
@click.pass_context
def run_command(
    context: click.Context, model: str | None, resume_from: Path | None = None, **given: Any
) -> int:
    """Train the network of a MODEL script, and keep all results in a run directory.

    MODEL is a name that 'apical models' lists, or the path of a script. 'apical run MODEL --help'
    also lists the model's own options.

    \b
    Examples:
      apical run spiking_dfa --epochs 30 --seed 0,1,2 --jobs 3
      apical run models/spiking_dfa.py --dataset mnist --hidden 500 --out runs/mnist
      apical run --resume runs/mnist
      apical run --resume runs/mnist --epochs 40
      apical run spiking_dfa --device cuda_standalone --no-run --capability 9.0 --out built
      apical run spiking_dfa --device cuda_standalone --prebuilt built
      apical run rate_dfa --device array --library torch:cuda
      mpiexec -n 4 apical run Nokland_2016_mnist --device mpi --in-flight 8
    """
    progress, draw = not given.pop("quiet"), given.pop("figures")
    seeds, out, trust = _seeds(given.pop("seeds")), given.pop("out"), given.pop("trust")
    _join(given.get("device"), resume_from, given["jobs"])
    no_run, building = given["no_run"], taken(given, given.get("device"), out)
    how: dict[str, Any] = {"progress": progress, "draw": draw, "building": building}
    n = given.pop("jobs")
    if resume_from is not None:
        how |= {"trust": trust, **_changing(context)}
        return _run_all([(resume_from, partial(resume, resume_from, **how))])
    if trust is not None:
        raise click.UsageError("--trust is for --resume; a MODEL that you name is imported.")
    if model is None:
        raise click.UsageError("Which MODEL? 'apical models' lists them.")
    loaded: models.Model = context.meta["model"]
    described = experiment_of(loaded, given)
    if no_run:
        return only_compiled(replace(described, seed=seeds[0]), building)
    experiments = [replace(described, seed=seed) for seed in seeds]
    plans = [(e, _folder(out, loaded.name, e, len(seeds) > 1)) for e in experiments]
    if min(n, len(plans)) > 1:
        return _run_together(plans, n, how)
    return _run_all([(folder, partial(run, e, folder, **how)) for e, folder in plans])


def _join(device: str | None, resume_from: Path | None, jobs: int) -> None:
    """Let all processes that run this command on one device, but one of them, serve that one."""
    if device is None and resume_from is not None:
        device = read_experiment(resume_from).device
    if device is None or not DEVICES[device].is_joint:
        return
    if jobs > 1:
        raise click.UsageError(
            f"On device {device} all processes run one seed after the other; leave out --jobs."
        )
    DEVICES[device].join()


def _run_together(plans: list[tuple[Experiment, Path]], n: int, how: dict[str, Any]) -> int:
    """Run several seeds at the same time."""
    from apical.sweeps.parallel import in_parallel  # starts processes, which one run does not need

    for _, folder in plans:
        check_new(folder)
    console = Console()
    with interruptible() as stop:
        try:
            summaries = in_parallel(plans, n, stop=stop, **how)
        except Stopped:
            begun = [str(folder) for _, folder in plans if (folder / CONFIG).exists()]
            lines = "".join(f"\n  apical run --resume {folder}" for folder in begun)
            said = f"Stopped after a checkpoint. Resume with:{lines}"
            console.print(said, soft_wrap=True, highlight=False)
            return stop.code
    return _told(console, summaries, [folder for _, folder in plans])


def _changing(context: click.Context) -> dict[str, Any]:
    """Return the settings that --resume is to change, and refuse those that it may not."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = [k for k, v in sources.items() if v is click.core.ParameterSource.COMMANDLINE]
    for name in given:
        if name not in (*_WITH_RESUME, *_CHANGED_AT_RESUME):
            raise click.UsageError(
                f"--resume takes everything from the run directory; leave out {name!r}."
            )
    return {name: context.params[name] for name in given if name in _CHANGED_AT_RESUME}


_WITH_RESUME = (
    *("resume_from", "trust", "quiet", "figures", "capability", "prebuilt", "library"),
    *("place", "micro_batches", "patience"),
)
_CHANGED_AT_RESUME = ("epochs", "device")
"""Settings of a run that may change when it is resumed."""


def _run_all(jobs: list[tuple[Path, Callable[..., dict[str, Any]]]]) -> int:
    console, summaries = Console(), []
    with interruptible() as stop:
        for folder, job in jobs:
            try:
                summaries.append(job(stop=stop))
            except Stopped:
                console.print(
                    f"Stopped after a checkpoint. Resume with:\n  apical run --resume {folder}",
                    soft_wrap=True,
                    highlight=False,
                )
                return stop.code
    return _told(console, summaries, [folder for folder, _ in jobs])


def _told(console: Console, summaries: list[dict[str, Any]], folders: list[Path]) -> int:
    """Print what runs reached, and where they are."""
    console.print(_table(summaries))
    for said in dict.fromkeys(_where(s) for s in summaries if "library" in s):
        console.print(said, highlight=False)
    _print_verdict(console, summaries)
    console.print(f"Run director{'y' if len(folders) == 1 else 'ies'}:", highlight=False)
    for folder in folders:
        console.print(f"  {folder}", soft_wrap=True, highlight=False)
    console.print(
        f"Next: look at {folders[0]}/figures, or write a report that you can pass on:\n"
        f"  apical report {' '.join(map(str, folders))} --out report.html",
        soft_wrap=True,
        highlight=False,
    )
    return 0


def _where(summary: dict[str, Any]) -> str:
    """Say where a run was made that needed a library, by itself or as it was told."""
    device, library, batch = (summary[name] for name in ("device", "library", "batch"))
    return f"Device {device}, library {library}, batch size {batch}."


def _print_verdict(console: Console, summaries: list[dict[str, Any]]) -> None:
    """Print whether learning was local, by the scorecard that is judged after each run."""
    judged = [s for s in summaries if "is_local" in s]  # a run of an earlier version is not
    if judged and all(s["is_local"] for s in judged):
        console.print("Judged after the run: learning was [green]local[/].", highlight=False)
    for fault in dict.fromkeys(fault for s in judged for fault in s["faults"]):
        said = f"Judged after the run: [bold red]not local[/]: {escape(fault)}"
        console.print(said, soft_wrap=True, highlight=False)


def _table(summaries: list[dict[str, Any]]) -> Table:
    first = summaries[0]
    table = Table(
        title=f"{first['model']} on {first['dataset']} "
        f"({first['n_train']:,} training, {first['n_test']:,} test samples)"
    )
    name = headline(first)
    columns = ("seed", "epochs", told(name), "training", "compiling", "per trial", "memory")
    for column in columns:
        table.add_column(column, justify="right")
    for s in summaries:
        per_trial = "-" if s["ms_per_trial"] is None else f"{s['ms_per_trial']:.3f} ms"
        table.add_row(
            str(s["seed"]),
            str(s["epochs"]),
            scored(name, s[name]),
            f"{s['train_seconds']:.1f} s",
            f"{s['compile_seconds']:.1f} s",
            per_trial,
            f"{s['peak_memory_mb']:.0f} MB",
        )
    if len(summaries) > 1:
        mean = scored(name, sum(s[name] for s in summaries) / len(summaries))
        table.add_row("mean", "", f"[bold]{mean}", "", "", "", "")
    return table


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
        if len(set(seeds)) == len(seeds):
            return seeds
        raise ValueError("duplicate seed")
    except ValueError:
        raise click.BadParameter(
            f"must be a number, or different numbers joined by commas, got {shown(text)}",
            param_hint="--seed",
        ) from None


def _folder(out: Path | None, model: str, experiment: Experiment, many: bool) -> Path:
    """Return the run's directory: the one given, or the first free name under ./runs."""
    seed = f"seed{experiment.seed}"
    if out is not None:
        return out / seed if many else out
    stem = f"{model}-{Path(experiment.dataset).stem}-{seed}"
    candidates = (Path("runs") / (f"{stem}-{k}" if k else stem) for k in range(10**6))
    return next(folder for folder in candidates if not folder.exists())


@commands.command("models")
def models_command() -> None:
    """List the models that can be run."""
    table = Table(title="Models", show_lines=False)
    table.add_column("model", style="bold", no_wrap=True)
    table.add_column("what it is")
    for name, (_, doc) in models.available().items():
        table.add_row(name, doc)
    Console().print(table)
    click.echo(
        "Run one with 'apical run MODEL'; 'apical run MODEL --help' lists its options. Studies "
        "have a command of their own."
    )


@commands.group("data", cls=Group)
def data_commands() -> None:
    """List, download and find data sets."""


_data_dir = click.option("--data-dir", type=click.Path(path_type=Path), help="Folder to look in.")


@data_commands.command("list")
@_data_dir
def data_list(data_dir: Path | None) -> None:
    """List the known data sets, and their local paths."""
    table = Table(title="Data sets")
    for column in ("name", "training", "test", "classes", "licence", "where"):
        justify: Any = "right" if column in ("training", "test") else "left"
        table.add_column(column, justify=justify, overflow="fold")
    for source in datasets.available(data_dir):
        table.add_row(
            source.name,
            f"{source.n_train:,}",
            f"{source.n_test:,}",
            str(source.n_classes),
            source.licence,
            source.where,
        )
    Console().print(table)


@data_commands.command("get")
@click.argument("name")
@_data_dir
def data_get(name: str, data_dir: Path | None) -> None:
    """Download the data set NAME, or make it, verify its checksums, and print its path."""
    found = datasets.fetch(name, data_dir)
    click.echo(found or f"{name} has no file: it is made when it is loaded.")


@data_commands.command("controls")
@click.argument("name")
@_data_dir
@click.option("--windows", default=5, show_default=True, type=click.IntRange(1), help="Windows.")
@click.option(
    "--readout",
    default="least squares",
    show_default=True,
    type=click.Choice(["least squares", "logistic"]),
    help="Linear read-out; logistic regression needs apical[analysis].",
)
@click.option("--train-trials", type=click.IntRange(1), help="Training samples; all by default.")
@click.option("--test-trials", type=click.IntRange(1), help="Test samples; all by default.")
def data_controls(
    name: str,
    data_dir: Path | None,
    windows: int,
    readout: Any,
    train_trials: int | None,
    test_trials: int | None,
) -> None:
    """Show how much a linear read-out knows of the events of the data set NAME.

    Of the input in windows of time, of counts alone, and with times shuffled within each sample:
    what a network on these events has to be compared with.
    """
    from apical.measures.event_controls import event_controls  # pandas is slow to import

    data = datasets.load(name, data_dir).subset(train_trials, test_trials)
    found = event_controls(data, windows=windows, readout=readout)
    table = Table(title=f"Controls of {data.name}, {len(data.train):,} training samples, {readout}")
    for column in ("control", "features", "test accuracy [%]", "95 % interval"):
        table.add_column(column, justify="left" if column == "control" else "right")
    for row in found.itertuples():
        shown = f"{100 * row.low:.2f} to {100 * row.high:.2f}"
        table.add_row(row.name, f"{row.features:,}", f"{100 * row.test_accuracy:.2f}", shown)
    Console().print(table)


@data_commands.command("path")
@click.argument("name")
@_data_dir
def data_path(name: str, data_dir: Path | None) -> int:
    """Print the path of the data set NAME, without downloading it."""
    found = datasets.path(name, data_dir)
    if found is None:
        click.echo(f"apical: {name} is not here yet; 'apical data get {name}'.", err=True)
        return 2
    click.echo(found)
    return 0
