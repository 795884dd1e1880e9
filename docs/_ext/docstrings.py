"""Docstrings as this package writes them: of a property, a colon ends no type.

Napoleon takes the first line of a property, "Number of frames: 1 for a class", for a type and a
description, as one style of docstrings has it. Here types are in the annotations.
"""

from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import GoogleDocstring


def _untyped(docstring: Any) -> tuple[str, list[str]]:
    """Return no type, and the docstring as it stands."""
    return "", [*docstring._consume_to_end()]


def setup(app: Sphinx) -> dict[str, Any]:
    """Let docstrings of properties and constants be text."""
    GoogleDocstring._consume_inline_attribute = _untyped  # type: ignore[method-assign]
    return {"parallel_read_safe": True, "parallel_write_safe": True}
