"""Pages that are made from the code, its registries and stored results, when the site is built.

A generator is a module of this folder with a function ``pages()``: the text of each page by its
path below docs/. Generated pages lie in folders called ``generated``, which git ignores.
To add one, write the module and name it in `GENERATORS`.
"""

import importlib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

GENERATORS: tuple[str, ...] = (
    "api",
    "commands",
    "compared",
    "criteria",
    "equations",
    "error_classes",
    "exhibits",
    "features",
    "units_of_names",
    "reproduced",
    "run_directory",
)


def texts() -> dict[str, str]:
    """Return all generated pages: path below docs/, text."""
    made: dict[str, str] = {}
    for name in GENERATORS:
        for path, text in importlib.import_module(name).pages().items():
            assert "generated" in Path(path).parts, path
            assert path not in made, path
            made[path] = text
    return made


def write(app: Sphinx) -> None:
    """Write the pages that changed, and remove those that no generator makes any more.

    Pages of autosummary lie in folders of their own, called ``api``.
    """
    root = Path(app.srcdir)
    made = {root / path: text for path, text in texts().items()}
    for old in root.rglob("generated/*"):
        if old.is_file() and old not in made and not old.is_relative_to(root / "_build"):
            old.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write pages before Sphinx looks for them."""
    # Before autosummary, which reads what it is to write from the pages that there are.
    app.connect("builder-inited", write, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
