"""The command that draws what flows in a network: `apical graph`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from apical._base.extras import library
from apical._base.whole_files import write_whole
from apical.cli.model_options import ModelCommand, experiment_of, experiment_options
from apical.errors import ParameterError
from apical.network.description import Network
from apical.runs.experiment import prepare
from apical.scripts import models


def _graphml(network: Network) -> bytes:
    lines = library("networkx", "graph").generate_graphml(
        network.graph.signals.to_networkx(), named_key_ids=True
    )
    return ("\n".join(lines) + "\n").encode()


def _json(network: Network) -> bytes:
    made = library("networkx", "graph").node_link_data(
        network.graph.signals.to_networkx(), edges="edges"
    )
    return (json.dumps(made, indent=1) + "\n").encode()


DATA: dict[str, Callable[[Network], bytes]] = {".graphml": _graphml, ".json": _json}
"""Files that hold the graph of signals, by the end of their name."""

FIGURES = (".png", ".svg")


@click.command("graph", cls=ModelCommand, no_args_is_help=True)
@click.argument("model")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write: .png or .svg for a figure, .graphml or .json for the graph of signals as "
    "data. [default: MODEL.png]",
)
@click.option(
    "--signals",
    is_flag=True,
    help="Draw what every variable, weight and update reads, not populations and pathways only.",
)
@experiment_options("hypothesis", "dataset", "data_dir", "seed")
@click.pass_context
def graph_command(
    context: click.Context, model: str, out: Path | None, signals: bool, **given: Any
) -> None:
    """Draw the network of a MODEL script: forward, feedback and teaching signals told apart.

    MODEL is a name that 'apical models' lists, or the path of a script. 'apical graph MODEL --help'
    also lists the model's own options. Arrows come from projections and from the text of every
    model and rule, not from what variables are called.

    \b
    Examples:
      apical graph spiking_dfa
      apical graph rate_dfa --wiring ifa --signals --out rate_ifa.svg
      apical graph spiking_dfa --out spiking_dfa.graphml   for networkx, yEd, Gephi, Cytoscape
    """
    loaded: models.Model = context.meta["model"]
    path = Path(f"{loaded.name}.png") if out is None else out
    if path.suffix.lower() not in (*FIGURES, *DATA):
        raise ParameterError(
            f"--out must end in {', '.join((*FIGURES, *DATA))}, got {path}; rename it.",
            object="apical graph",
            parameter="out",
        )
    if not path.parent.is_dir():
        raise ParameterError(
            f"--out needs a folder that exists, got {path.parent}; make it first.",
            object="apical graph",
            parameter="out",
        )
    network = prepare(experiment_of(loaded, given)).network
    if path.suffix.lower() in DATA:
        write_whole(path, DATA[path.suffix.lower()](network))
    else:
        from apical import plotting

        drawn = plotting.signal_graph if signals else plotting.network_graph
        plotting.save(drawn(network), path)
    if signals or path.suffix.lower() in DATA:
        found = network.graph.signals
        click.echo(f"{path}: {len(found.nodes)} nodes, {len(found.edges)} arrows.")
    else:
        joined = f"{len(network.populations)} populations, {len(network.projections)} projections"
        click.echo(f"{path}: {joined}.")
