"""Commands that train the network of a model script: its options, and those of training."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import click

from apical.devices import DEVICES
from apical.errors import ParameterError, ScriptError
from apical.runs.experiment import Experiment
from apical.runs.measures import MEASURES
from apical.scripts import models

F = TypeVar("F", bound=Callable[..., Any])


class ModelCommand(click.Command):
    """A command that names a model: its options, and those of that model.

    Parameters
    ----------
    leaves_out
        Options of the model that the command sets itself.
    """

    def __init__(self, *args: Any, leaves_out: Collection[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self._leaves_out = leaves_out

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Load the model that is named before its options are read."""
        options_with_value = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        named = _first_argument(args, options_with_value)
        if named is not None:
            context.meta["model"] = self._checked(models.load(named))
        return super().parse_args(context, args)

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        """Return the options of the command, and those of the model."""
        model: models.Model | None = context.meta.get("model")
        own = super().get_params(context)
        if model is None:
            return own
        return [*own, *(_click_option(o) for o in model.options if o.name not in self._leaves_out)]

    def format_help_text(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, and what the model is."""
        super().format_help_text(context, formatter)
        if "model" in context.meta:
            model = context.meta["model"]
            with formatter.section(f"Model {model.name} (its options come last)"):
                formatter.write_text("\b\n" + model.doc)

    def _checked(self, model: models.Model) -> models.Model:
        taken = {option.name for option in model.options} & {p.name for p in self.params}
        if taken:
            raise ScriptError(
                f"Model {model.path}: build has the option {min(taken)!r}, which is one of "
                f"'apical {self.name}' itself; give it another name.",
                object=f"Model {model.path}",
            )
        return model


def _first_argument(args: list[str], options_with_value: set[str]) -> str | None:
    """Return the first argument that is neither an option nor an option's value."""
    previous = ""
    for argument in args:
        if not argument.startswith("-") and previous not in options_with_value:
            return argument
        previous = argument
    return None


def _click_option(option: models.Option) -> click.Option:
    kind: Any = click.Choice(option.choices) if option.choices else option.kind
    return click.Option(
        [f"--{option.name.replace('_', '-')}", option.name],
        type=kind,
        default=option.default,
        show_default=option.default is not None,
        help=option.help,
    )


hypothesis_option = click.option(
    "--hypothesis",
    default="",
    metavar="NAME(OPTION=...)+...",
    help="Put the network under hypotheses, for instance 'sparse_feedback(wires=1)'; 'apical "
    "hypotheses' lists them.",
)

scale_option = click.option(
    "--scale",
    type=click.FloatRange(0, min_open=True),
    help="Stored value that stands for 1; by default that of the data set where it is known, or "
    "what its values look like, which is then said.",
)

# fmt: off
_TRAINING = [
    hypothesis_option,
    click.option("--dataset", default="digits", show_default=True,
                  help="Data set (see 'apical data list'), or an .npz file with x_train, y_train, "
                  "x_test, y_test."),
    click.option("--data-dir", type=click.Path(), help="Folder with the data set's IDX files."),
    scale_option,
    click.option("--train-trials", type=click.IntRange(1),
                  help="Train on the first N samples only."),
    click.option("--test-trials", type=click.IntRange(1), help="Test on the first N samples only."),
    click.option("--validation", type=click.IntRange(0), default=0, show_default=True,
                  help="Hold out N training samples and evaluate on them instead of the test "
                  "samples."),
    click.option("--epochs", type=click.IntRange(0), default=10, show_default=True),
    click.option("--block", type=click.IntRange(1), default=5000, show_default=True,
                  help="Trials between two checkpoints."),
    click.option("--final-rate", type=click.FloatRange(0, 1), default=0.05, show_default=True,
                  help="Factor on learning rates at the end; it falls linearly from 1."),
    click.option("--device", type=click.Choice(tuple(DEVICES)),
                  help="What to run on; by default cpp_standalone for networks that spike, array "
                  "for networks of rates."),
    click.option("--batch", type=click.IntRange(1),
                  help="Trials that learn together, on device array; 64 by default."),
    click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32",
                  show_default=True),
    click.option("--dt", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
                  help="Time step [ms]."),
    click.option("--measure", callback=lambda _, __, text: _measures(text), default="",
                 metavar="NAME,...",
                 help="Also measure, learning off, before training and after every epoch: "
                 + "; ".join(f"{name} ({one.about})" for name, one in MEASURES.items()) + "."),
    click.option("--measure-every", type=click.Choice(["epoch", "block"]), default="epoch",
                 show_default=True, help="Measure after every epoch, or after every block."),
]
# fmt: on


def _measures(text: str) -> tuple[str, ...]:
    """Return the names of an option, or say which there are."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    try:
        return tuple(MEASURES[name].name for name in names)
    except ParameterError as error:
        raise click.BadParameter(error.message, param_hint="--measure") from None


def training_options(command: F) -> F:
    """Give a command the options that say what to train on, for how long, and on which device."""
    for option in reversed(_TRAINING):
        command = option(command)
    return command


def experiment_of(
    model: models.Model, given: dict[str, Any], leaves_out: Collection[str] = ()
) -> Experiment:
    """Return the experiment that a command describes, and take its options out of `given`."""
    names = [option.name for option in model.options if option.name not in leaves_out]
    options = {name: given.pop(name) for name in names}
    if given["dataset"].endswith(".npz"):
        given["dataset"] = str(Path(given["dataset"]).resolve())
    given["data_dir"] = given["data_dir"] and str(Path(given["data_dir"]).resolve())
    known = [name for name in Experiment.__dataclass_fields__ if name in given]
    return Experiment(str(model.path), options, **{name: given.pop(name) for name in known})
