"""Templates of model scripts: files of ``models/templates``, of which `apical new` makes models."""

import ast
from collections.abc import Mapping
from pathlib import Path

from apical._base.checking import shown
from apical._base.names import check_name
from apical._base.whole_files import write_whole
from apical.errors import ParameterError
from apical.scripts import models

USUAL = "spiking"
"""The template that is used unless another is named."""


def templates() -> Mapping[str, Path]:
    """Return the templates by name, in the order of their files."""
    found: dict[str, Path] = {}
    for folder in models.own_folders():
        for path in sorted((folder / "templates").glob("*.py")):
            found.setdefault(path.stem, path)
    return found


def about(path: Path) -> str:
    """Return the first line of the docstring of a template; it is not run."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


def write(name: str, template: str = USUAL, folder: Path = Path()) -> Path:
    """Write a model script from a template, and return it.

    Parameters
    ----------
    name
        Name of the model, with ``.py`` or without.
    template
        Name of the template.
    folder
        Where to write it.

    Raises
    ------
    ParameterError
        If the name is no name of a Python module or that of a model of the package, there is no
        such template, or the file exists.
    """
    stem = name.removesuffix(".py")
    check_name(stem, "function", "apical new", "a model")
    if models.own(stem) is not None:
        raise _refused(
            f"{stem} is a model of apical, which 'apical run {stem}' means; choose another"
        )
    known = templates()
    if template not in known:
        raise _refused(f"there is no template {shown(template)}; known are {', '.join(known)}")
    path = folder / f"{stem}.py"
    if path.exists() or path.is_symlink():
        raise _refused(f"{path} is there already; choose another name, or remove it")
    try:
        return write_whole(path, known[template].read_bytes())
    except OSError as error:
        raise _refused(f"{path} cannot be written: {error.strerror}") from None


def _refused(why: str) -> ParameterError:
    return ParameterError(f"No script is written: {why}.", object="apical new")
