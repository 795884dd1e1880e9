"""Options shared by the commands that train a model script: the model's own, and of training."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from apical.data.registry import SOURCES
from apical.devices import DEVICES
from apical.errors import ParameterError, ScriptError
from apical.runs.experiment import Experiment
from apical.runs.measures import MEASURES
from apical.scripts import models
from apical.training.loop import Every

F = TypeVar("F", bound=Callable[..., Any])


class ModelCommand(click.Command):
    """A command that names a model: its options, and those of that model.

    Parameters
    ----------
    leaves_out
        Options of the model that the command sets by itself.
    instead
        Options in place of a model, with which none is named.
    """

    def __init__(
        self,
        *args: Any,
        leaves_out: Collection[str] = (),
        instead: Collection[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._leaves_out = leaves_out
        self._instead = instead

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Load the named model before its options are parsed."""
        options_with_value = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        given = {argument.partition("=")[0] for argument in args}
        if given & {*self._instead}:
            return super().parse_args(context, args)
        named = _first_argument(args, options_with_value)
        if named is not None and self.names_model(named):
            context.meta["model"] = self._checked(models.load(named))
        return super().parse_args(context, args)

    def names_model(self, text: str) -> bool:
        """Say whether the argument of the command names a model, which is then imported."""
        return True

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        """Return the options of the command, and those of the model."""
        model: models.Model | None = context.meta.get("model")
        own = super().get_params(context)
        if model is None:
            return own
        return [*own, *(_click_option(o) for o in model.options if o.name not in self._leaves_out)]

    def format_help_text(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of the command, and a description of the model."""
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


_SETTINGS: dict[str, dict[str, Any]] = {
    "hypothesis": dict(
        metavar="NAME(OPTION=...)+...",
        help="Plausibility hypotheses to apply to the network, for instance "
        "'sparse_feedback(wires=1)'; 'apical hypotheses' lists them.",
    ),
    "dataset": dict(
        help="Data set (see 'apical data list'), an .npz file with x_train, y_train, x_test, "
        "y_test or with events, or a folder of SHD, SSC, N-MNIST or DVS128 Gesture.",
    ),
    "data_dir": dict(type=click.Path(), help="Folder with the data set's IDX files."),
    "scale": dict(
        type=click.FloatRange(0, min_open=True),
        help="Input normalisation: the stored value that stands for 1; by default that of the data "
        "set where it is known, otherwise inferred from its values and reported.",
    ),
    "train_trials": dict(type=click.IntRange(1), help="Train on the first N samples only."),
    "test_trials": dict(type=click.IntRange(1), help="Test on the first N samples only."),
    "validation": dict(
        type=click.IntRange(0),
        help="Hold out N training samples as validation set and evaluate on them instead of the "
        "test samples.",
    ),
    "epochs": dict(type=click.IntRange(0)),
    "block": dict(type=click.IntRange(1), help="Trials between two checkpoints (a block)."),
    "final_rate": dict(
        type=click.FloatRange(0, 1),
        help="Learning-rate schedule: final factor on learning rates, reached linearly from 1.",
    ),
    "device": dict(
        type=click.Choice(tuple(DEVICES)),
        help="Device to simulate on; by default cpp_standalone for spiking networks, lockstep for "
        "those with backpropagation, array for rate networks.",
    ),
    "batch": dict(
        type=click.IntRange(1),
        help="Batch size on devices array, mpi and lockstep: trials per weight update "
        "(mini-batch); 64 by default.",
    ),
    "surrogate": dict(
        type=click.Choice(["fast_sigmoid", "arctan", "triangle", "gain", "sigmoid"]),
        help="Backpropagation in spiking networks: what stands for the derivative of a spike.",
    ),
    "steepness": dict(
        type=click.FloatRange(0, min_open=True), help="Steepness of the surrogate derivative."
    ),
    "through_reset": dict(
        is_flag=True,
        help="Let gradients pass through the reset after a spike.",
    ),
    "in_flight": dict(
        type=click.IntRange(1),
        help="Device mpi: batches in flight; with 1, the same bits as on device array, with more, "
        "no rank waits for an error while fewer are in flight.",
    ),
    "dtype": dict(type=click.Choice(["float32", "float64"]), help="Floating-point precision."),
    "dt": dict(type=click.FloatRange(0, min_open=True), help="Time step [ms]."),
    "measure": dict(
        callback=lambda _, __, text: _measures(text),
        default="",
        show_default=False,
        metavar="NAME,...",
        help="Also measure, with learning off, before training and after every epoch: "
        + "; ".join(f"{name} ({one.about})" for name, one in MEASURES.items())
        + ".",
    ),
    "measure_every": dict(
        type=click.Choice(get_args(Every)),
        help="Measure after every epoch, or after every block.",
    ),
    "seed": dict(type=int, help="Seed of every random stream."),
}
"""Options of commands that become fields of an `Experiment`, all but model and its own options."""


def experiment_options(*names: str) -> Callable[[F], F]:
    """Return a decorator that adds options of an `Experiment` to a command, with its defaults.

    Parameters
    ----------
    *names
        Fields of `Experiment`, for instance ``"dataset"``.
    """

    def added(command: F) -> F:
        for name in reversed(names):
            default = Experiment.__dataclass_fields__[name].default
            settings = {"default": default, "show_default": default not in (None, "")}
            option = f"--{name.replace('_', '-')}"
            command = click.option(option, name, **{**settings, **_SETTINGS[name]})(command)
        return command

    return added


def _measures(text: str) -> tuple[str, ...]:
    """Return the measures named by an option; list the choices if one is unknown."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    try:
        return tuple(MEASURES[name].name for name in names)
    except ParameterError as error:
        raise click.BadParameter(error.message, param_hint="--measure") from None


def training_options(command: F) -> F:
    """Add the options of training to a command: data, epochs, hyperparameters, device; no seed."""
    return experiment_options(*(name for name in _SETTINGS if name != "seed"))(command)


def jobs_option(what: str) -> Callable[[F], F]:
    """Return a decorator that adds the option --jobs to a command.

    Parameters
    ----------
    what
        What is done at the same time, in the plural.
    """
    told = f"Number of {what} at the same time, each in a process with one thread."
    kind = click.IntRange(1)
    return click.option("--jobs", type=kind, default=1, show_default=True, help=told)


def experiment_of(
    model: models.Model, given: dict[str, Any], leaves_out: Collection[str] = ()
) -> Experiment:
    """Return the experiment specified by a command, and remove its options from `given`."""
    names = [option.name for option in model.options if option.name not in leaves_out]
    options = {name: given.pop(name) for name in names}
    if given["dataset"].endswith(".npz") or (
        given["dataset"] not in SOURCES and Path(given["dataset"]).exists()
    ):
        given["dataset"] = str(Path(given["dataset"]).resolve())
    given["data_dir"] = given["data_dir"] and str(Path(given["data_dir"]).resolve())
    known = [name for name in Experiment.__dataclass_fields__ if name in given]
    return Experiment(str(model.path), options, **{name: given.pop(name) for name in known})
