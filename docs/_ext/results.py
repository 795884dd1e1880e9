"""Stored results in pages: directive ``results`` puts in a table, role ``number`` one number."""

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from stored import RESULTS, NoSuchNumberError, markdown, number


class Results(SphinxDirective):
    """A stored table, with the commands, seeds, commits and machine that gave it."""

    required_arguments: ClassVar[int] = 1
    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """Return the table and what is said about it."""
        (name,) = self.arguments
        self.env.note_dependency(str(RESULTS / "tables" / f"{name}.toml"))
        self.env.note_dependency(str(RESULTS / "tables" / f"{name}.csv"))
        try:
            text = markdown(name)
        except NoSuchNumberError as error:
            raise self.error(str(error)) from None
        parent = nodes.container(classes=["results"], ids=[f"table-{nodes.make_id(name)}"])
        self.state.nested_parse(StringList(text.splitlines(), source=name), 0, parent)
        return [parent]


def number_role(
    role: str,
    rawtext: str,
    text: str,
    lineno: int,
    inliner: Inliner,
    options: Any = None,
    content: Any = None,
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Return a stored number with its unit."""
    try:
        return [nodes.inline(rawtext, number(text), classes=["result"])], []
    except NoSuchNumberError as error:
        message = inliner.reporter.error(str(error), line=lineno)
        return [nodes.problematic(rawtext, rawtext)], [message]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive and the role."""
    app.add_directive("results", Results)
    app.add_role("number", number_role)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
