"""Model scripts: finding and loading them, and their options, from the signature of `build`."""

import ast
import hashlib
import importlib.util
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from apical._base.checking import shown
from apical.data.datasets import Dataset
from apical.errors import ApicalWarning, ParameterError, ScriptError
from apical.network.description import Network

BuildFunction = Callable[..., Network]


@dataclass(frozen=True)
class Option:
    """One option of a model.

    Parameters
    ----------
    name
        Keyword of ``build``.
    kind
        Its type: int, float, str or bool.
    choices
        Allowed values; empty if any is allowed.
    default
        Default value.
    help
        Its description, from the docstring of ``build``.

    Examples
    --------
    >>> import apical as ap
    >>> {option.name: option.default for option in ap.models.load("rate_dfa").options}
    {'hidden': 100, 'wiring': 'dfa', 'share': 0.5, 'eta': 0.05, 'trial': 100.0}
    """

    name: str
    kind: type
    choices: tuple[str, ...]
    default: Any
    help: str


@dataclass(frozen=True)
class ModelAbout:
    """What a run keeps of its model as data: nothing of it is executed.

    Parameters
    ----------
    path
        The script.
    sha256
        Checksum of the script.
    doc
        Its docstring.
    defaults
        Default values of its options, by name.

    Examples
    --------
    >>> import apical as ap
    >>> about = ap.models.load("rate_dfa").about
    >>> about.name, about.defaults["hidden"]
    ('rate_dfa', 100)
    """

    path: Path
    sha256: str
    doc: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the script, without its extension."""
        return self.path.stem


@dataclass(frozen=True)
class Model:
    """A script with a function ``build(data, seed, *, option=default, ...) -> Network``.

    Parameters
    ----------
    path
        The script.
    doc
        Its docstring.
    build
        The function.
    options
        Keyword-only arguments of the function.
    sha256
        Checksum of the script, as it was when it was imported.

    Examples
    --------
    >>> import apical as ap
    >>> model = ap.models.load("rate_dfa")
    >>> model.name, len(model.sha256)
    ('rate_dfa', 64)
    >>> net = model.describe(ap.datasets.load("digits"), 0, {"hidden": 20})
    >>> net.projection("stimulus_to_hidden").shape
    (64, 20)
    """

    path: Path
    doc: str
    build: BuildFunction
    options: tuple[Option, ...]
    sha256: str

    @property
    def name(self) -> str:
        """Name of the script, without its extension."""
        return self.path.stem

    def describe(self, data: Dataset, seed: int, options: Mapping[str, Any]) -> Network:
        """Return the network for a data set, or raise if the script is at fault.

        Parameters
        ----------
        data, seed
            As in ``build``.
        options
            Name of an option -> its value; defaults for the others.

        Examples
        --------
        >>> import apical as ap
        >>> data = ap.datasets.load("digits")
        >>> net = ap.models.load("rate_dfa").describe(data, 3, {"wiring": "bp"})
        >>> net.seed, net.feedback.name
        (3, 'BP')
        """
        known = {option.name for option in self.options}
        strangers = sorted(set(options) - known)
        if strangers:
            raise ParameterError(
                f"Model {self.path} has no option {shown(strangers[0])}; it has "
                f"{', '.join(sorted(known)) or 'none'}.",
                object=f"Model {self.path}",
                parameter=strangers[0],
            )
        network = self.build(data, seed, **options)
        if not isinstance(network, Network):
            raise ScriptError(
                f"Model {self.path}: build must return a Network, got {type(network).__name__}.",
                object=f"Model {self.path}",
            )
        return network

    @property
    def about(self) -> ModelAbout:
        """What a run keeps of it as data."""
        defaults = {option.name: option.default for option in self.options}
        return ModelAbout(self.path, self.sha256, self.doc, defaults)


def own_folders() -> list[Path]:
    """Return the folders of models that came with the package.

    Examples
    --------
    >>> import apical as ap
    >>> [folder.name for folder in ap.models.own_folders()]
    ['models']
    """
    package = Path(__file__).parents[1]
    places = [package / "models", package.parents[1] / "models"]
    return [place for place in places if place.is_dir()]


def folders() -> list[Path]:
    """Return the folders of models: those that came with the package, then ``./models``.

    Examples
    --------
    >>> import apical as ap
    >>> ap.models.folders()[0].name
    'models'
    """
    return [*own_folders(), *(place for place in [Path("models")] if place.is_dir())]


def available() -> dict[str, tuple[Path, str]]:
    """Return the known models and studies: name -> (script, first line of its docstring).

    Examples
    --------
    >>> import apical as ap
    >>> path, line = ap.models.available()["rate_dfa"]
    >>> path.name, line  # doctest: +NORMALIZE_WHITESPACE
    ('rate_dfa.py', 'A rate network learns to classify by direct feedback alignment, one trial after
    the other.')
    """
    found: dict[str, tuple[Path, str]] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.py")):
            try:
                doc = ast.get_docstring(ast.parse(path.read_text())) or ""
                doc = doc.partition("\n")[0]
                doc += f" (study: python {path})" if is_study(path) else ""
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                doc = f"(does not parse: {error})".partition("\n")[0]
            found.setdefault(path.stem, (path, doc))
    return found


def is_study(path: Path) -> bool:
    """Say whether a script is a study: it has its own command, and no network to train.

    Parameters
    ----------
    path
        The script. It is parsed, not run: a study defines ``main`` and no ``build``.

    Examples
    --------
    >>> import apical as ap
    >>> [ap.models.is_study(ap.models.find(name)) for name in ("rate_dfa", "Maas_2013_dead_units")]
    [False, True]
    """
    body = ast.parse(path.read_text()).body
    names = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    return "main" in names and "build" not in names


def own(name: str) -> Path | None:
    """Return the script of a model that came with the package; None if there is none.

    Parameters
    ----------
    name
        Its name.

    Examples
    --------
    >>> import apical as ap
    >>> ap.models.own("rate_dfa").name, ap.models.own("nothing")
    ('rate_dfa.py', None)
    """
    scripts = (folder / f"{name}.py" for folder in own_folders())
    return next((script for script in scripts if script.is_file()), None)


def find(name: str) -> Path:
    """Return the script of a model, by its path or its name; nothing is imported.

    A name is that of a model of the package first, then of a script in ``./models``. A path has a
    slash, or ends in ``.py``.

    Parameters
    ----------
    name
        Its path or its name.

    Raises
    ------
    ScriptError
        If there is no such script.

    Examples
    --------
    >>> import apical as ap
    >>> ap.models.find("spiking_dfa").name
    'spiking_dfa.py'
    >>> ap.models.find("perceptron")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ScriptError: There is no model 'perceptron'; 'apical models' ...
    """
    path = Path(name)
    if path.is_file() and name != path.stem:
        return path
    scripts = {s.stem: s for folder in reversed(folders()) for s in folder.glob("*.py")}
    if path.stem not in scripts or name not in (path.stem, f"{path.stem}.py"):
        known = available()
        near = get_close_matches(path.stem, known, 1)
        nor = " and no such file" if path.suffix or path.name != name else ""
        if near:
            raise ScriptError(
                f"There is no model {shown(name)}{nor}. Did you mean {near[0]!r}? 'apical models' "
                "lists all."
            )
        raise ScriptError(
            f"There is no model {shown(name)}{nor}; 'apical models' lists the {len(known)} that "
            "come with the package. Give one of them, or the path of a script."
        )
    found = scripts[path.stem]
    for here in (Path("models") / f"{path.stem}.py", Path(f"{path.stem}.py")):
        if here.is_file() and not here.samefile(found):
            warnings.warn(
                f"{name} is the model {found}; {here} in this folder is another file. To use that, "
                f"give its path: ./{here}.",
                ApicalWarning,
                stacklevel=3,
            )
    return found


def load(name: str, sha256: str | None = None) -> Model:
    """Load a model by its path or its name, as `find` does.

    Parameters
    ----------
    name
        Its path or its name.
    sha256
        The checksum that it must have to be imported; None for any.

    Returns
    -------
    Model
        The script, imported.

    Raises
    ------
    ScriptError
        If there is no such script, it has another checksum, or no suitable function ``build``.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.datasets.load("digits")
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> [(population.name, population.size) for population in net.populations]
    [('stimulus', 64), ('hidden', 20), ('output', 10), ('bias', 1), ('error', 10)]

    A script of one's own, and one with another checksum than that of a run:

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     script = Path(folder) / "mine.py"
    ...     size = script.write_text("def build(data, seed, *, hidden: int = 3): ...")
    ...     ap.models.load(str(script)).options[0].default
    3
    >>> ap.models.load("rate_dfa", sha256="0" * 64)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ScriptError: Model ...rate_dfa.py is not imported: its SHA-256 is ...
    """
    path = find(name)
    try:
        study = is_study(path)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        study = False  # the import reports what is wrong
    if study:
        raise ScriptError(
            f"{path} is a study: it compares networks by its own command and is not a model to "
            f"train; run 'python {path} --help'."
        )
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, found):
        raise ScriptError(
            f"Model {path} is not imported: its SHA-256 is {found}, not {sha256}.",
            object=f"Model {path}",
        )
    module = imported(path.resolve(), content)
    build = getattr(module, "build", None)
    if not callable(build):
        raise ScriptError(
            f"Model {path} must define build(data, seed, *, option=default, ...) that returns a "
            "Network; it does not.",
            object=f"Model {path}",
        )
    options = _options(path, build)
    try:
        inspect.signature(build).bind("data", "seed")
    except TypeError as error:
        raise ScriptError(
            f"Model {path}: build must take (data, seed, *, option=default, ...), but calling "
            f"build(data, seed) fails: {error}; correct its arguments.",
            object=f"Model {path}",
        ) from None
    doc = inspect.getdoc(module) or ""
    return Model(path.resolve(), doc, build, options, found)


def imported(path: Path, content: bytes | None = None) -> ModuleType:
    """Return a script as a freshly imported module.

    It is compiled from its source: of bytecode that lies beside it nobody knows the checksum.

    Parameters
    ----------
    path
        The script.
    content
        What the file holds, if it was read before.

    Raises
    ------
    ScriptError
        If it is not a Python script.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import apical as ap
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     script = Path(folder) / "mine.py"
    ...     size = script.write_text("EPOCHS = 5")
    ...     ap.models.imported(script).EPOCHS
    5
    """
    name = f"apical_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or not isinstance(spec.loader, SourceLoader):
        raise ScriptError(
            f"Model {path} is not a Python script; its name must end in '.py'.",
            object=f"Model {path}",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        source = path.read_bytes() if content is None else content
        exec(spec.loader.source_to_code(source, str(path)), vars(module))
    except SyntaxError as error:
        raise ScriptError(
            f"Model {path} does not parse: {error}.", object=f"Model {path}"
        ) from None
    return module


def _options(path: Path, build: BuildFunction) -> tuple[Option, ...]:
    helps = _helps(inspect.getdoc(build) or "")
    options = []
    for parameter in inspect.signature(build, eval_str=True).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        annotation, choices = parameter.annotation, ()
        # an optional value: None means that the model chooses
        union = [kind for kind in get_args(annotation) if kind is not type(None)]
        if get_origin(annotation) is Literal:
            kind, choices = str, get_args(annotation)
        elif get_origin(annotation) is Annotated:  # by a registry, for instance feedback.WIRINGS
            kind, registry = get_args(annotation)[:2]
            choices = getattr(registry, "names", ())
        else:
            kind = union[0] if get_origin(annotation) in (Union, UnionType) else annotation
        if kind not in (int, float, str, bool) or parameter.default is inspect.Parameter.empty:
            raise ScriptError(
                f"Model {path}: option {parameter.name!r} of build needs a default and a type "
                "among int, float, str, bool, Literal and Annotated[str, a registry].",
                object=f"Model {path}",
            )
        name = parameter.name
        options.append(Option(name, kind, choices, parameter.default, helps.get(name, "")))
    return tuple(options)


def _helps(doc: str) -> dict[str, str]:
    """Return the descriptions of parameters in a numpydoc docstring."""
    section = doc.partition("Parameters\n----------\n")[2]
    found = re.findall(r"^(\w[\w, ]*)\n((?:[ ]+.*\n?)+)", section, flags=re.MULTILINE)
    return {
        name.strip(): " ".join(text.split()) for names, text in found for name in names.split(",")
    }
