"""A laboratory for learning without backpropagation.

Describe a network, simulate it on a device, train it from local signals only.

Public names are imported when they are first used: `__init__.pyi` lists them, and says where they
are. A shell that asks for completions, or for a version, thus need not wait for NumPy.
"""

import importlib
from functools import cache
from pathlib import Path
from typing import Any

from apical import _moved

_HERE = Path(__file__).parent

_moved.install()


@cache
def _public() -> dict[str, tuple[str, str]]:
    """Return the public names: name -> (module, its name there)."""
    import ast

    body = ast.parse((_HERE / "__init__.pyi").read_text(encoding="utf-8")).body
    imports = (node for node in body if isinstance(node, ast.ImportFrom))
    return {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in imports
        for alias in node.names
    }


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("apical")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _public():
        module, attribute = _public()[name]
        if module == __name__:
            return importlib.import_module(f"{module}.{attribute}")
        found = importlib.import_module(module)
        value = getattr(found, attribute, None) or importlib.import_module(f"{module}.{attribute}")
    elif name in _moved.PUBLIC:
        return importlib.import_module(f"{__name__}.{_moved.PUBLIC[name]}")
    elif name in _moved.RENAMED:
        return _moved.under_new_name(name, stacklevel=3)
    elif (_HERE / name / "__init__.py").is_file():
        return importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_public(), "__version__"})
