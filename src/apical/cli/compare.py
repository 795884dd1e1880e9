"""`apical compare`: train one network under several feedback wirings."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from apical._base.numbers_as_text import with_spread
from apical.cli import tables
from apical.cli.interruption import interruptible
from apical.cli.model_options import ModelCommand, experiment_of, jobs_option, training_options
from apical.feedback.wirings import WIRINGS, label
from apical.runs.run import Stopped
from apical.scripts import models
from apical.sweeps.wirings import FIGURE, TABLE, Outcome, compare, table_row


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
@click.option("--quiet", is_flag=True, help="No progress bars.")
@jobs_option("runs")
@click.pass_context
def compare_command(context: click.Context, model: str, **given: Any) -> int:
    """Train the network of a MODEL script under several wirings of its feedback.

    One learning rule, several wirings: backpropagation (bp), feedback alignment (fa), direct (dfa),
    indirect along forward synapses (ifa_forward, or ifa) or random ones (ifa_random), target
    projection (drtp), and two phases (two_phases). Prints test and training errors, and draws
    learning curves and the alignment angle between each wiring's updates and the backpropagation
    gradient.

    \b
    Example:
      apical compare Nokland_2016_mnist --dataset mnist --wirings bp,dfa --seeds 5 --epochs 20
    """
    loaded: models.Model = context.meta["model"]
    wirings = [wiring.strip() for wiring in given.pop("wirings").split(",")]
    n_seeds, out, quiet = given.pop("n_seeds"), given.pop("out"), given.pop("quiet")
    jobs = given.pop("jobs")
    experiment = experiment_of(loaded, given, leaves_out=("wiring",))
    folder = out or Path("runs") / f"compare-{loaded.name}-{Path(experiment.dataset).stem}"
    with interruptible() as stop:
        try:
            how: dict[str, Any] = {"jobs": jobs, "progress": not quiet, "stop": stop}
            outcomes = compare(experiment, wirings, range(n_seeds), folder, **how)
        except Stopped:
            Console().print("Stopped after a checkpoint. Resume with the same command.")
            return stop.code
    _show(outcomes, f"{loaded.name} on {experiment.dataset}", folder / TABLE)
    Console().print(f"Figure: {folder / FIGURE}\nTable: {folder / TABLE}", soft_wrap=True)
    return 0


def _show(outcomes: list[Outcome], title: str, file: Path) -> None:
    """Print the errors under each wiring: mean and standard deviation over seeds."""
    n_seeds = len(outcomes[0].seconds)
    rows = []
    for outcome in outcomes:
        test, test_sd, train, train_sd, seconds = table_row(outcome)
        several = n_seeds > 1
        rows.append(
            {
                "wiring": label(outcome.wiring),
                "test error [%]": with_spread(100 * test, 100 * test_sd if several else None),
                "training error [%]": with_spread(100 * train, 100 * train_sd if several else None),
                "training [s]": f"{seconds:.1f}",
            }
        )
    of = f"mean ± standard deviation of {n_seeds} seeds" if n_seeds > 1 else "one seed"
    tables.show(rows, f"{title}: {of}", file=str(file))
