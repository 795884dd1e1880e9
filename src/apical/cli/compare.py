"""`apical compare`: train one network under several feedback wirings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from apical._base.numbers_as_text import with_spread
from apical.cli import tables
from apical.cli.interruption import interruptible
from apical.cli.model_options import ModelCommand, experiment_of, jobs_option, training_options
from apical.cli.programs import library_option
from apical.feedback.wirings import WIRINGS, label
from apical.runs.run import Stopped
from apical.scripts import models
from apical.sweeps.wirings import (
    FIGURE,
    TABLE,
    Outcome,
    Place,
    check_wirings,
    compare,
    places,
    table_row,
)


@click.command("compare", cls=ModelCommand, no_args_is_help=True, leaves_out=("wiring",))
@click.argument("model")
@click.option(
    "--wirings",
    default="bp,fa,dfa,ifa",
    show_default=True,
    help=f"Wirings of the feedback, joined by commas, of those that the model has: "
    f"{', '.join(WIRINGS)}.",
)
@click.option(
    "--seeds",
    "n_seeds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Number of seeds: 0, 1, ...",
)
@training_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for all runs, the table and the figure; runs/compare-... by default. "
    "Finished runs there are used as they are, unfinished ones are resumed.",
)
@click.option(
    "--choose",
    multiple=True,
    metavar="OPTION=VALUE,...",
    help="Choose an option of the model for each wiring, for instance --choose faster=0.3,1,3: "
    "all values (and their combinations, if given more than once) are trained with seed 0, and the "
    "best on --validation samples is used for all seeds, then evaluated on test samples.",
)
@click.option("--quiet", is_flag=True, help="No progress bars.")
@jobs_option("runs")
@library_option
@click.pass_context
def compare_command(context: click.Context, model: str, **given: Any) -> int:
    """Train the network of a MODEL script under several wirings of its feedback.

    One learning rule, several wirings: backpropagation (bp), feedback alignment (fa), direct (dfa),
    indirect along forward synapses (ifa_forward, or ifa) or random ones (ifa_random), target
    projection (drtp), and two phases (two_phases). Prints test and training errors, and draws
    learning curves and the alignment angle between each wiring's updates and the backpropagation
    gradient. In a spiking network backpropagation goes through time, on device lockstep with
    PyTorch, if no --device is given.

    \b
    Examples:
      apical compare Nokland_2016_mnist --dataset mnist --wirings bp,dfa --seeds 5 --epochs 20
      apical compare spiking_dfa --wirings bp,fa,dfa --choose faster=0.3,1,3 --validation 200
    """
    loaded: models.Model = context.meta["model"]
    wirings = [wiring.strip() for wiring in given.pop("wirings").split(",")]
    n_seeds, out, quiet = given.pop("n_seeds"), given.pop("out"), given.pop("quiet")
    how: dict[str, Any] = {"jobs": given.pop("jobs"), "progress": not quiet}
    how["choose"] = _choices(given.pop("choose"), loaded)
    library = given.pop("library")
    how["building"] = {"library": library} if library else {}
    experiment = experiment_of(loaded, given, leaves_out=("wiring",))
    folder = out or Path("runs") / f"compare-{loaded.name}-{Path(experiment.dataset).stem}"
    with interruptible() as stop:
        try:
            check_wirings(loaded, wirings)
            if experiment.device is None:
                shown = replace(experiment, validation=0)
                _say_where(places(shown, wirings, how["building"]))
            outcomes = compare(experiment, wirings, range(n_seeds), folder, stop=stop, **how)
        except Stopped:
            Console().print("Stopped after a checkpoint. Resume with the same command.")
            return stop.code
    _show(outcomes, f"{loaded.name} on {experiment.dataset}", folder / TABLE)
    Console().print(f"Figure: {folder / FIGURE}\nTable: {folder / TABLE}", soft_wrap=True)
    return 0


def _choices(given: Sequence[str], model: models.Model) -> dict[str, list[Any]]:
    """Return the options to choose, and their values, as the model takes them."""
    options = {option.name: option for option in model.options}
    found: dict[str, list[Any]] = {}
    for text in given:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in options or name == "wiring" or name in found:
            raise click.BadParameter(
                f"{text!r} is none of {', '.join(f'{o}=...' for o in options if o != 'wiring')}, "
                "each given once.",
                param_hint="--choose",
            )
        option = options[name]
        kind: Any = click.Choice(option.choices) if option.choices else option.kind
        convert = click.types.convert_type(kind).convert
        found[name] = [convert(value.strip(), None, None) for value in values.split(",")]
    return found


def _say_where(found: Mapping[str, Place]) -> None:
    """Print which device runs which wirings, where there are several."""
    wirings: dict[str, list[str]] = {}
    for wiring, place in found.items():
        wirings.setdefault(place.told, []).append(label(wiring))
    if len(wirings) > 1:
        said = "; ".join(f"{', '.join(names)} on {told}" for told, names in wirings.items())
        click.echo(f"Devices, since no --device was given: {said}.")


def _show(outcomes: list[Outcome], title: str, file: Path) -> None:
    """Print the errors under each wiring: mean and standard deviation over seeds."""
    n_seeds = len(outcomes[0].seconds)
    spiking = any(outcome.spikes.size for outcome in outcomes)
    rows = []
    for outcome in outcomes:
        test, test_sd, train, train_sd, seconds = table_row(outcome)
        several = n_seeds > 1
        rows.append(
            {
                "wiring": label(outcome.wiring),
                "test error [%]": with_spread(100 * test, 100 * test_sd if several else None),
                "training error [%]": with_spread(100 * train, 100 * train_sd if several else None),
                **({"spikes a trial": outcome.spikes.mean()} if outcome.spikes.size else {}),
                "training [s]": f"{seconds:.1f}",
                **outcome.options,
                **({"device": outcome.place.told} if outcome.place and spiking else {}),
            }
        )
    of = f"mean ± standard deviation of {n_seeds} seeds" if n_seeds > 1 else "one seed"
    tables.show(rows, f"{title}: {of}", file=str(file))
