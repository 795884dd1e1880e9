"""Drawing of the signal graph: dependencies of all variables, weights and updates of a network."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from apical.network.description import Network
from apical.network.signals import Node, Route, SignalGraph
from apical.plotting.checks import refuse
from apical.plotting.style import GREY, PALETTE, new_axes, styled

ROUTES: Mapping[Route, tuple[str, str]] = {
    "forward": ("forward: on a path to the decision", PALETTE[0]),
    "feedback": ("feedback: depends on the target", PALETTE[1]),
    "teaching": ("teaching: read by updates, and weight changes", PALETTE[2]),
    "local": ("local: read by learning alone", "#9AA5B1"),
}
"""Legend labels of edges, and their colours."""

_ROW, _COLUMN, _WIDTH = 0.34, 2.1, 1.15  # distances of nodes and of boxes, width of a box [inch]

Place = tuple[float, float]


@styled
def signal_graph(network: Network, *, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the signal graph of a network: dependencies of all variables, weights and updates.

    Populations are boxes from the stimulus (left) to the error (right), with their variables in
    rows; below them are plastic synapses, and above external inputs. The colour of an arrow shows
    its purpose; each has ``source->target`` as its gid.

    Parameters
    ----------
    network
        The description.
    title
        Title; by default the numbers of nodes and edges.

    Raises
    ------
    ParameterError
        If the network has no population.

    See Also
    --------
    apical.plotting.network_graph : Populations and pathways, without what is inside.

    Examples
    --------
    >>> import apical as ap
    >>> from apical import plotting
    >>> from apical.testing.references import rates
    >>> ax = plotting.signal_graph(rates())
    >>> print(ax.get_title(loc="left") or ax.get_title())
    43 nodes, 74 arrows
    """
    if not network.populations:
        refuse("network", "a population or more", "none", "add one")
    graph = network.graph.signals
    places, boxes = _layout(network, graph)
    xs, ys = zip(*places.values(), strict=True)
    left, right, low, high = min(xs) - 0.9, max(xs) + 0.9, min(ys) - 0.5, max(ys) + 0.7
    ax = new_axes(ax, (max(5.0, right - left), high - low + 0.7))
    for name, (nodes, kind) in boxes.items():
        _box(ax, name, kind, [places[str(node)] for node in nodes])
    for name, node in graph.nodes.items():
        if name in places:
            _write(ax, node, places[name])
    used = _arrows(ax, graph, places)
    lines = [Line2D([], [], color=ROUTES[route][1], linewidth=1.4) for route in used]
    ax.legend(
        lines,
        [ROUTES[route][0] for route in used],
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=2,
        title="bold: what synapses can read, inputs, updates; italic: expressions",
        title_fontsize=8,
    )
    ax.set(xlim=(left, right), ylim=(low, high), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    counted = f"{len(graph.nodes)} nodes, {len(graph.edges)} arrows"
    ax.set_title(counted if title is None else title)
    return ax


def _layout(
    network: Network, graph: SignalGraph
) -> tuple[dict[str, Place], dict[str, tuple[list[Node], str]]]:
    """Return where nodes are, and the nodes and kind of each box."""
    of: dict[str, list[Node]] = {}
    for node in graph.nodes.values():
        of.setdefault(node.owner, []).append(node)
    places: dict[str, Place] = {}
    boxes: dict[str, tuple[list[Node], str]] = {}
    columns = {p.name: _COLUMN * k for k, p in enumerate(network.graph.populations)}
    for population in network.graph.populations:
        nodes = of[population.name]
        boxes[population.name] = nodes, type(population).__name__
        for row, node in enumerate(nodes):
            places[str(node)] = columns[population.name], -_ROW * row
    bottom = min(y for _, y in places.values()) - 1.1
    learning = [p for p in network.graph.projections if p.rule is not None or p.total is not None]
    width = max(columns.values(), default=0.0)
    for k, projection in enumerate(learning):
        nodes = of[projection.name]
        x = width * (k + 0.5) / len(learning) if len(learning) > 1 else width / 2
        boxes[projection.name] = nodes, "synapses"
        for row, node in enumerate(nodes):
            places[str(node)] = x, bottom - _ROW * row
    world = of.get("", [])
    for k, node in enumerate(world):
        places[str(node)] = width * (k + 0.5) / len(world), 0.95
    return places, boxes


def _box(ax: Axes, name: str, kind: str, inside: Sequence[Place]) -> None:
    x, top, low = inside[0][0], max(y for _, y in inside), min(y for _, y in inside)
    corner = x - _WIDTH / 2, low - 0.2
    look: dict[str, Any] = {"facecolor": "#F1F4F7", "edgecolor": "#777777", "linewidth": 0.8}
    style = "round,pad=0,rounding_size=0.08"
    ax.add_patch(FancyBboxPatch(corner, _WIDTH, top - low + 0.4, style, gid=name, **look))
    size = min(8.5, 100 / len(name))
    ax.text(x, top + 0.34, name, ha="center", va="center", weight="bold", fontsize=size, zorder=4)
    if kind != "synapses":
        ax.text(x, low - 0.31, kind, ha="center", va="center", fontsize=6.5, color=GREY)


def _write(ax: Axes, node: Node, place: Place) -> None:
    """Write the name of a node: signals in bold, states upright, expressions in italics."""
    inputs = ["input" if name == node.name else name for name in node.inputs]
    named = f"{node.name} ({', '.join(inputs)})" if inputs else node.name
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7, "zorder": 4}
    look |= {"style": "italic"} if node.kind == "expression" else {}
    look |= {"weight": "bold"} if node.is_signal or node.kind in ("world", "update") else {}
    text = ax.text(*place, named, **look)
    text.set_gid(str(node))


def _arrows(ax: Axes, graph: SignalGraph, places: Mapping[str, Place]) -> list[Route]:
    """Draw the arrows between nodes that are shown, once each, and return what they serve."""
    used: set[Route] = set()
    drawn = {(e.source, e.target): graph.route(e) for e in graph.edges if e.source != e.target}
    for (source, target), route in drawn.items():
        if source not in places or target not in places:
            continue
        (x0, y0), (x1, y1) = places[source], places[target]
        same = x0 == x1
        side = 0.42 if same or x1 > x0 else -0.42
        start = x0 + side, y0
        end = (x1 + side if same else x1 - side), y1
        bend = -0.45 if same and y1 < y0 else 0.45 if same else 0.12
        ax.add_patch(
            FancyArrowPatch(
                start,
                end,
                connectionstyle=f"arc3,rad={bend}",
                arrowstyle="-|>",
                mutation_scale=6,
                linewidth=0.9,
                color=ROUTES[route][1],
                zorder=2 if route == "local" else 3,
                gid=f"{source}->{target}",
            )
        )
        used.add(route)
    return [route for route in ROUTES if route in used]
