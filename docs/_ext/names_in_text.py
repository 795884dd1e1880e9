"""Names in docstrings lead to their pages: `Network`, `rules.stdp`, `Population.relays`.

A docstring names things as its readers know them. Where Sphinx does not find such a name, it is
looked for at the end of all full names: the one in the same module, or the shortest, is meant.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode


@cache
def _endings(names: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Return full names by each of their endings."""
    found: dict[str, list[str]] = {}
    for name in names:
        parts = name.split(".")
        for k in range(1, len(parts)):
            found.setdefault(".".join(parts[k:]), []).append(name)
    return found


def resolved(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.reference | None:
    """Return a link to what a name means; None where nothing has such an ending."""
    if node.get("refdomain") != "py":
        return None
    known = env.domains.python_domain.objects
    here = node.get("py:module") or "apical"
    meant = _endings(tuple(known)).get(node["reftarget"].removeprefix("apical."), ())
    if not meant:
        return None
    name = min(meant, key=lambda full: (not full.startswith(here), full.count("."), full))
    entry = known[name]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, text, name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the search."""
    app.connect("missing-reference", resolved)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
