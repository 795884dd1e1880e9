"""Completions for bash, zsh and fish, and what commands there are, without what these import.

The protocol of completions is click's. Commands, options and names come from a table
(`completions.json`) that `tabulating.py` writes from the real commands, and a test keeps it so;
names of models, run directories and data files are looked up where the shell is. Nothing is run:
options of a model script are read from its text.
"""

import ast
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, shell_complete

from apical.cli.protocol import COMPLETE, CONTEXT

TABLE = Path(__file__).with_name("completions.json")
"""Commands, their options, and names of registered objects."""
HELP = tuple(CONTEXT["help_option_names"])
"""Options that ask for help."""
DEEPEST, MOST = 3, 2000
"""How deep, and among how many directories, runs are looked for."""

Items = list[CompletionItem]


def answer() -> int:
    """Answer the shell, and return the exit code."""
    asked = os.environ[COMPLETE]
    return shell_complete(commands(), {}, "apical", COMPLETE, asked)


def is_overview(arguments: Sequence[str]) -> bool:
    """Say whether a command line asks which commands there are: ``--help`` of a group, or nothing.

    Parameters
    ----------
    arguments
        What follows ``apical``.

    Examples
    --------
    >>> from apical.cli.answering import is_overview
    >>> [is_overview(line.split()) for line in ("", "-h", "data --help", "run --help", "data")]
    [True, True, True, False, False]
    """
    if not arguments:
        return True
    *path, last = arguments
    if last not in HELP:
        return False
    told = table()["commands"]
    for name in path:
        told = told.get("commands", {}).get(name, {})
    return "commands" in told


def overview(arguments: Sequence[str]) -> int:
    """Print which commands there are, and return the exit code.

    Parameters
    ----------
    arguments
        What follows ``apical``, for which `is_overview` holds.
    """
    try:
        commands().main([*arguments], "apical", standalone_mode=False)
    except click.ClickException as error:  # nothing was asked for
        error.show()
        return error.exit_code
    return 0


@cache
def table() -> Mapping[str, Any]:
    """Return the table of commands and names."""
    found: Mapping[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found


def commands() -> click.Command:
    """Return the commands as the table tells them: they only complete."""
    return _command("apical", table()["commands"])


def _command(name: str, told: Mapping[str, Any]) -> click.Command:
    parameters = [*map(_parameter, told["parameters"])]
    if "commands" in told:
        below = {inner: _command(inner, what) for inner, what in told["commands"].items()}
        return click.Group(
            name, below, params=parameters, help=told["help"], context_settings=CONTEXT
        )
    return _ModelCommand(name, params=parameters, help=told["help"], context_settings=CONTEXT)


def _parameter(told: Mapping[str, Any]) -> click.Parameter:
    kind = _Kind(told.get("kind", ""), told.get("choices", ()))
    nargs = told.get("nargs", 1)
    if "options" not in told:
        return click.Argument([told["name"]], type=kind, nargs=nargs, required=False)
    return click.Option(
        [*told["options"], told["name"]],
        type=None if told.get("flag") else kind,
        is_flag=told.get("flag", False),
        multiple=told.get("multiple", False),
        help=told["help"],
    )


class _ModelCommand(click.Command):
    """A command whose first argument may name a model, which has options of its own."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Find the model before options are parsed."""
        kinds = {getattr(p.type, "kind", "") for p in self.params if isinstance(p, click.Argument)}
        if kinds & {"model", "run or model"}:
            valued = {o for p in self.params if _takes_value(p) for o in p.opts}
            context.meta["model"] = _script(_first_argument(args, valued))
        return super().parse_args(context, args)

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        """Return the options of the command, and those of the model."""
        own = super().get_params(context)
        model: Path | None = context.meta.get("model")
        taken = {p.name for p in own}
        more = [] if model is None else _options(model)
        return [*own, *(option for option in more if option.name not in taken)]


def _takes_value(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not parameter.is_flag


def _first_argument(args: list[str], valued: set[str]) -> str:
    """Return the first argument that is neither an option nor an option's value; "" for none."""
    previous = ""
    for argument in args:
        if not argument.startswith("-") and previous not in valued:
            return argument
        previous = argument
    return ""


class _Kind(click.ParamType):
    """Type of a value by what it names.

    Parameters
    ----------
    kind
        What it names, one of `_KINDS`; "" for anything else.
    choices
        Values, where they are known.
    """

    name = "text"

    def __init__(self, kind: str, choices: Iterable[str] = ()) -> None:
        self.kind, self.choices = kind, tuple(choices)

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> Items:
        """Return what the value may be."""
        if self.choices:
            return _beginning(incomplete, self.choices)
        return _KINDS[self.kind](incomplete) if self.kind else []


def _beginning(incomplete: str, words: Iterable[str], before: str = "") -> Items:
    return [CompletionItem(f"{before}{w}") for w in words if w.startswith(incomplete)]


def _registered(kind: str) -> list[str]:
    """Return names of a registry: those of the package, and of other packages installed here."""
    from importlib.metadata import entry_points

    told = table()["registries"][kind]
    others = (point.name for point in entry_points(group=told["group"]))
    return [*dict.fromkeys((*told["names"], *others))]


def _one_of(kind: str) -> Callable[[str], Items]:
    return lambda incomplete: _beginning(incomplete, _registered(kind))


def _several_of(kind: str, separator: str) -> Callable[[str], Items]:
    """Return what completes the last of several names, each of them once."""

    def complete(incomplete: str) -> Items:
        head, found, last = incomplete.rpartition(separator)
        before = f"{head}{found}"
        used = [part.strip().partition("(")[0] for part in head.split(separator)]
        names = [name for name in _registered(kind) if name not in used]
        return _beginning(last, names, before)

    return complete


def _files(incomplete: str) -> Items:
    return [CompletionItem(incomplete, type="file")]


def _folders(incomplete: str) -> Items:
    return [CompletionItem(incomplete, type="dir")]


def _model_folders() -> Iterator[Path]:
    """Yield the folders of models: those of the package, then ``./models``."""
    package = Path(__file__).parents[1]
    yield from (f for f in (package / "models", package.parents[1] / "models") if f.is_dir())
    yield Path("models")


def _models(incomplete: str) -> Items:
    """Return models that can be run, and scripts in this folder."""
    if "/" in incomplete or incomplete.startswith("."):
        return _files(incomplete)
    found: dict[str, str] = {}
    for folder in _model_folders():
        for path in sorted(folder.glob("*.py")):
            text = _text(path)
            if "\ndef build(" in text:
                about = text.removeprefix('"""').partition("\n")[0]
                found.setdefault(path.stem, about)
    here = {p.name: "" for p in sorted(Path().glob("*.py")) if "\ndef build(" in _text(p)}
    items = {**found, **here}.items()
    return [CompletionItem(n, help=about) for n, about in items if n.startswith(incomplete)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _script(name: str) -> Path | None:
    """Return the script of a model by its name or path; None if there is none."""
    if not name or Path(name).is_dir():
        return None
    if name.endswith(".py") and Path(name).is_file():
        return Path(name)
    stem = name.removesuffix(".py")
    found = (folder / f"{stem}.py" for folder in _model_folders())
    return next((path for path in found if "/" not in name and path.is_file()), None)


def _options(script: Path) -> list[click.Option]:
    """Return the options of a model, read from the text of its function ``build``."""
    try:
        body = ast.parse(_text(script)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    builds = [n for n in body if isinstance(n, ast.FunctionDef) and n.name == "build"]
    arguments = builds[0].args.kwonlyargs if builds else []
    return [
        click.Option(
            [f"--{a.arg.replace('_', '-')}", a.arg], type=_annotated(a.annotation), help="Of MODEL."
        )
        for a in arguments
    ]


def _annotated(annotation: ast.expr | None) -> _Kind:
    """Return what an annotation allows: choices, or a registry that it names last."""
    if isinstance(annotation, ast.Name) and annotation.id == "bool":
        return _Kind("", ["true", "false"])
    if not isinstance(annotation, ast.Subscript):
        return _Kind("")
    inner = annotation.slice
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if _last(annotation.value) == "Literal":
        return _Kind("", [str(part.value) for part in parts if isinstance(part, ast.Constant)])
    registry = _last(parts[-1]).lower()
    return _Kind("", _registered(registry) if registry in table()["registries"] else ())


def _last(name: ast.expr) -> str:
    """Return the last part of a dotted name."""
    return ast.unparse(name).rpartition(".")[2]


def _data(incomplete: str) -> Items:
    """Return data sets known by name, and files of one's own in this folder."""
    if "/" in incomplete or incomplete.startswith("."):
        return _files(incomplete)
    mine = (path.name for path in sorted(Path().glob("*.npz")))
    return _beginning(incomplete, [*_registered("data_sources"), *mine])


def _runs(incomplete: str) -> Items:
    """Return run directories below what is typed; folders, if there are none."""
    typed = incomplete.rpartition("/")[0] + "/" if "/" in incomplete else ""
    found = _beginning(incomplete, (f"{typed}{run}" for run in _run_folders(Path(typed or "."))))
    return found or _folders(incomplete)


def _run_folders(root: Path) -> Iterator[str]:
    """Yield the run directories below a folder, relative to it."""
    for seen, (folder, inner, files) in enumerate(os.walk(root)):
        here = Path(folder).relative_to(root)
        if "config.json" in files and here != Path():
            yield here.as_posix()
        deep = len(here.parts) >= DEEPEST or "config.json" in files or seen > MOST
        inner[:] = [] if deep else sorted(name for name in inner if not name.startswith("."))


def _runs_or_models(incomplete: str) -> Items:
    runs = [item for item in _runs(incomplete) if item.type == "plain"]
    models = [item for item in _models(incomplete) if item.type == "plain"]
    return [*models, *runs] or _files(incomplete)


_KINDS: Mapping[str, Callable[[str], Items]] = {
    "data": _data,
    "device": _one_of("devices"),
    "exporter": _one_of("exporters"),
    "file": _files,
    "folder": _folders,
    "hypotheses": _several_of("hypotheses", "+"),
    "measures": _several_of("measures", ","),
    "model": _models,
    "run": _runs,
    "run or model": _runs_or_models,
    "wirings": _several_of("wirings", ","),
}
"""What values may name."""
