"""`apical hypotheses`: list the plausibility hypotheses that networks can be tested under."""

import inspect
import re

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical.hypotheses.naming import KNOWN, Hypothesis


@click.command("hypotheses")
def hypotheses_command() -> None:
    """List the plausibility hypotheses that a network can be tested under.

    Each changes the network in one respect. Several are joined by '+', and applied from left to
    right.

    \b
    Examples:
      apical run rate_dfa --hypothesis "sparse_feedback(wires=1)"
      apical check spiking_dfa --hypothesis "redrawn_feedback(every=50)"
    """
    table = Table(title="Hypotheses")
    table.add_column("hypothesis", style="bold", overflow="fold")
    table.add_column("what it does", overflow="fold")
    table.add_column("source", overflow="fold", style="dim")
    for name, function in KNOWN.items():
        doc = inspect.getdoc(function) or ""
        table.add_row(
            escape(f"{name}({_options(function)})"),
            escape(doc.partition("\n")[0]),
            escape(_source(doc)),
        )
    Console().print(table)
    click.echo(
        "Give one or more to 'apical run', 'compare' or 'check': --hypothesis 'NAME(OPTION=...)'. "
        "help(apical.hypotheses.NAME) says more."
    )


def _options(function: Hypothesis) -> str:
    options = list(inspect.signature(function).parameters.values())[1:]
    return ", ".join(
        o.name if o.default is inspect.Parameter.empty else f"{o.name}={o.default!r}"
        for o in options
    )


def _source(doc: str) -> str:
    """Return the references in the docstring of a function, on one line."""
    found = re.search(r"References\n-+\n((?:.+\n?)+)", doc)
    return " ".join(found[1].split()) if found else ""
