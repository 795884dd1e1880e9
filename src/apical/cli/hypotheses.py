"""`apical hypotheses`: list the plausibility hypotheses that networks can be tested under."""

import inspect

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical.hypotheses import HYPOTHESES


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
    for name, hypothesis in sorted(HYPOTHESES.items()):
        options = ", ".join(map(_option, hypothesis.options.values()))
        table.add_row(
            escape(f"{name}({options})"), escape(hypothesis.about), escape(hypothesis.source)
        )
    Console().print(table)
    click.echo(
        "Give one or more to 'apical run', 'compare' or 'check': --hypothesis 'NAME(OPTION=...)'. "
        "help(apical.hypotheses.NAME) says more."
    )


def _option(option: inspect.Parameter) -> str:
    known = option.default is not inspect.Parameter.empty
    return f"{option.name}={option.default!r}" if known else option.name
