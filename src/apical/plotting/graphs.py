"""Network diagram: populations, feedforward and lateral projections, feedback pathways."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from apical.network.description import Network
from apical.network.signals import SignalGraph
from apical.neurons.base import Population
from apical.plotting.checks import refuse
from apical.plotting.style import GREY, PALETTE, new_axes, styled
from apical.projections.projection import Projection

MOST_NOTED = 4
"""Number of projections of whose connectivity the legend speaks."""

MOST_COLUMNS = 8
"""Largest number of columns; of a deeper network the first ones and the last three are drawn."""
_WIDTH = 0.66  # of a box, in columns; heights are in the same units


@dataclass(frozen=True)
class _Look:
    """Style of a kind of projection, and its label in the legend."""

    name: str
    color: str
    dashes: Any = "-"
    width: float = 1.5
    above: bool = True


_LEARNS = _Look("forward, learns", PALETTE[0], width=2.2, above=False)
_FIXED = _Look("forward, fixed", PALETTE[5], width=1.2, above=False)
_JUDGES = _Look("what is compared with the target", GREY, width=1.0, above=False)
_DIRECT = _Look("feedback: error, fixed synapses", PALETTE[1])
_REWARD = _Look("feedback: one number for all, fixed synapses", PALETTE[4])
_RELAYED = _Look("feedback: relayed, fixed synapses", PALETTE[3], (0, (5, 2)))
_ALONG = _Look("feedback: relayed along forward synapses", PALETTE[2], (0, (2, 1.2)))
_TRANSPOSED = _Look("feedback: transposed forward weights", PALETTE[6], (0, (5, 2)))
_LEGEND = (_LEARNS, _FIXED, _JUDGES, _DIRECT, _REWARD, _RELAYED, _ALONG, _TRANSPOSED)


@dataclass(frozen=True)
class _Arrow:
    pre: str
    post: str
    look: _Look
    name: str


@styled
def network_graph(network: Network, *, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the diagram of a network, from the stimulus (left) to the error (right).

    Feedforward projections run through the middle, or below where they skip a population or return;
    feedback arrives from above, at the apical dendrite. Relayed feedback is dashed. Each arrow has
    the name of its projection as its gid. Biases are noted in the boxes. Of more than 8 columns
    those in the middle are left out, and counted. The legend says which synapses exist, where not
    all of them do.

    Parameters
    ----------
    network
        The network.
    title
        Text above; by default the name and source of the feedback pathway.

    Examples
    --------
    >>> import apical as ap
    >>> from apical import plotting
    >>> from apical.scripts.layers import feedforward
    >>> rule = ap.rules.three_factor(0.1)
    >>> net = feedforward([64, 30, 10], "tanh", wiring="dfa", weights=ap.FanIn(), rule=rule)
    >>> ax = plotting.network_graph(net)
    >>> print(ax.get_title(loc="left") or ax.get_title())
    DFA (Nokland 2016, arXiv:1609.01596, fig. 1c)
    >>> arrows = {patch.get_gid() for patch in ax.patches}
    >>> {projection.name for projection in net.projections} <= arrows
    True
    """
    if not network.populations:
        refuse("network", "a population or more", "none", "add one")
    columns = _columns(network)
    shown, gap = _shown(columns)
    arrows = [a for a in _arrows(network) if a.pre in shown and a.post in shown]
    last = max(shown[name][0] for name in shown)
    lifts = _lifts(arrows, shown)
    height, depth = (_reach(lifts, shown, above) for above in (True, False))
    ax = new_axes(ax, (1.25 * (last + 1) + 0.2, 1.05 * (height + depth) + 0.95))
    for name, place in shown.items():
        population = next(p for p in network.populations if p.name == name)
        _box(ax, population, place, _biased(network, population))
    if gap:
        _leave_out(ax, *gap)
    _draw(ax, arrows, shown, lifts)
    ax.set(xlim=(-0.5, last + 0.5), ylim=(-depth - 0.05, height + 0.05), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    used = [look for look in _LEGEND if look in {arrow.look for arrow in arrows}]
    _explain(ax, used, _partly_joined(network), last)
    pathway = network.feedback
    about = f"{pathway.name} ({pathway.source})" if pathway and pathway.source else ""
    ax.set_title(title if title is not None else about or (pathway.name if pathway else ""))
    return ax


def _explain(ax: Axes, used: Sequence[_Look], partly: Sequence[str], last: int) -> None:
    """Draw the legend below, in lines that the columns above leave room for."""
    lines = [Line2D([], [], color=k.color, linestyle=k.dashes, linewidth=k.width) for k in used]
    lines += [Line2D([], [], color="none") for _ in partly]
    room = 18 * (last + 1) - 8  # characters in a line
    beside = last > 2 and max(map(len, partly), default=0) <= room // 2 + 8
    texts = [*(k.name for k in used), *(fill(text, room) for text in partly)]
    look = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": 1 + beside}
    ax.legend(lines, texts, fontsize=8, **look)


def _partly_joined(network: Network) -> list[str]:
    """Return lines of the legend on projections of which not all synapses exist."""
    found = []
    for p in network.projections:
        if not p.connectivity.is_full:
            edges = network.edges(p)
            what = f"{network.n_synapses(p):,} synapses"
            if edges is not None and p.shares_weights:
                what += f" sharing {edges.n_weights:,} weights"
            found.append(f"{p.pre.name} to {p.post.name}: {p.connectivity.about}, {what}")
    more = len(found) - MOST_NOTED
    return [*found[:MOST_NOTED], f"{more} more are not all to all"] if more > 0 else found


def _columns(network: Network) -> list[list[str]]:
    """Return the names of populations by distance from the stimulus, the error last.

    In a column those stand last, which is lowest, whose projections pass below others.
    """
    judges = {p.name for p in network.populations if p.is_told}
    before: dict[str, set[str]] = {
        p.name: set() for p in network.graph.populations if p.role != "bias"
    }
    for projection in network.driving:
        before[projection.post.name].add(projection.pre.name)
    depth: dict[str, int] = {}
    for name in before:  # topological order, except for recurrent projections
        depth[name] = max((depth[pre] + 1 for pre in before[name] if pre in depth), default=0)
    rewards = {p.name for p in network.populations if p.role == "reward"}
    last = max((k for name, k in depth.items() if name not in judges | rewards), default=-1)
    depth |= dict.fromkeys(judges, last + 1) | dict.fromkeys(rewards, last + 2)
    columns: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in before:
        columns[depth[name]].append(name)
    passed = dict.fromkeys(before, 0)
    for p in network.driving:
        if p.pre.role != "bias":
            over = depth[p.post.name] - depth[p.pre.name] - 1
            passed[p.pre.name] = max(passed[p.pre.name], over)
    return [sorted(column, key=passed.__getitem__) for column in columns]


def _shown(
    columns: Sequence[Sequence[str]],
) -> tuple[dict[str, tuple[int, float]], tuple[int, int] | None]:
    """Return the position of each population drawn, and of the gap for those left out."""
    kept: list[Sequence[str]] = list(columns)
    gap = None
    if len(columns) > MOST_COLUMNS:
        first, left_out = MOST_COLUMNS - 4, columns[MOST_COLUMNS - 4 : -3]
        kept = [*columns[:first], [], *columns[-3:]]
        gap = (first, sum(map(len, left_out)))
    places = {
        name: (x, 1.0 * ((len(column) - 1) / 2 - row))
        for x, column in enumerate(kept)
        for row, name in enumerate(column)
    }
    return places, gap


def _arrows(network: Network) -> Iterable[_Arrow]:
    """Return the arrows to draw; a projection that drives and teaches gives two."""
    signals = network.graph.signals
    for p in network.projections:
        if p.pre.role == "bias":
            continue
        driving = signals.drives(p.name)
        if signals.teaches(p.name):
            yield _Arrow(p.pre.name, p.post.name, _feedback_look(signals, p), p.name)
        if driving and any(map(signals.is_told, _compared(signals, p))):
            yield _Arrow(p.pre.name, p.post.name, _JUDGES, p.name)
        elif driving:
            look = _FIXED if p.rule is None else _LEARNS
            yield _Arrow(p.pre.name, p.post.name, look, p.name)


def _compared(signals: SignalGraph, projection: Projection) -> Sequence[str]:
    """Return what a projection carries, and the activity of the neurons that it reaches."""
    carried = [edge.source for edge in signals.crossing(projection.name)]
    return [*carried, *signals.activity(projection.post.name)]


def _feedback_look(signals: SignalGraph, projection: Projection) -> _Look:
    if any(edge.kind == "weights" for edge in signals.into(f"{projection.name}.w")):
        return _TRANSPOSED
    if projection.pre.role == "reward":
        return _REWARD
    if any(signals.is_told(edge.source) for edge in signals.teaches(projection.name)):
        return _DIRECT
    return _ALONG if signals.drives(projection.name) else _RELAYED


def _biased(network: Network, population: Population) -> bool:
    return any(p.pre.role == "bias" and p.post is population for p in network.projections)


def _box(ax: Axes, population: Population, place: tuple[int, float], biased: bool) -> None:
    """Draw a population: name, number of neurons, neuron model."""
    x, y = place
    height = 0.62
    corner = (x - _WIDTH / 2, y - height / 2)
    face = "#FBE9DF" if population.is_told or population.role == "reward" else "#F1F4F7"
    look: dict[str, Any] = {
        "facecolor": face,
        "edgecolor": "#555555",
        "linewidth": 0.9,
        "zorder": 3,
    }
    style = "round,pad=0,rounding_size=0.08"
    ax.add_patch(FancyBboxPatch(corner, _WIDTH, height, style, gid=population.name, **look))
    kind = f"{type(population).__name__}{' + bias' if biased else ''}"
    name = population.name
    middle: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4}
    ax.text(x, y + 0.16, name, weight="bold", fontsize=min(9, 78 / len(name)), **middle)
    shape = population.shape or (population.size,)
    ax.text(x, y - 0.02, " x ".join(f"{n:,}" for n in shape), fontsize=9, **middle)
    ax.text(x, y - 0.19, kind, fontsize=7, color=GREY, **middle)


def _leave_out(ax: Axes, x: int, missing: int) -> None:
    """Draw the number of populations left out, between two dotted lines."""
    ax.text(x, 0, f"{missing}\nmore", ha="center", va="center", color=GREY)
    for side in (-1, 1):
        ends = [x + side * 0.25, x + side * (1 - _WIDTH / 2)]
        ax.plot(ends, [0, 0], ":", color=GREY, linewidth=1.5)


def _is_straight(arrow: _Arrow, places: dict[str, tuple[int, float]]) -> bool:
    return not arrow.look.above and places[arrow.post][0] - places[arrow.pre][0] == 1


def _lifts(arrows: Sequence[_Arrow], places: dict[str, tuple[int, float]]) -> dict[_Arrow, float]:
    """Return the height of each curved arrow, which grows with its length."""
    return {
        a: 0.38 + 0.27 * abs(places[a.post][0] - places[a.pre][0])
        for a in arrows
        if not _is_straight(a, places)
    }


def _reach(lifts: dict[_Arrow, float], places: dict[str, tuple[int, float]], above: bool) -> float:
    """Return the extent of the drawing above (or below) the middle."""
    side = 1 if above else -1
    tops = [side * y + 0.36 for _, y in places.values()]
    for arrow, lift in lifts.items():
        if arrow.look.above == above:
            base = max(side * places[arrow.pre][1], side * places[arrow.post][1])
            tops.append(base + 0.36 + 0.75 * lift)  # a Bezier curve ends at 3/4 of its controls
    return max(tops)


def _draw(
    ax: Axes,
    arrows: Sequence[_Arrow],
    places: dict[str, tuple[int, float]],
    lifts: dict[_Arrow, float],
) -> None:
    """Draw straight arrows between neighbours, and curved ones nested within each other."""
    ports = _ports(list(lifts), places)
    for arrow in arrows:
        (x0, y0), (x1, y1), look = places[arrow.pre], places[arrow.post], arrow.look
        if arrow in lifts:
            side = 1 if look.above else -1
            begin, finish = ports[arrow, 0], ports[arrow, 1]
            beyond = side * (max(side * y0, side * y1) + 0.31 + lifts[arrow])
            start, end = (begin, y0 + side * 0.31), (finish, y1 + side * 0.33)
            points = [start, (begin, beyond), (finish, beyond), end]
            path = Path(points, [Path.MOVETO, *[Path.CURVE4] * 3])
        else:
            path = Path([(x0 + _WIDTH / 2, y0), (x1 - _WIDTH / 2 - 0.02, y1)])
        how: dict[str, Any] = {"color": look.color, "linewidth": look.width, "zorder": 2}
        how |= {"linestyle": look.dashes, "capstyle": "butt", "gid": arrow.name}
        how |= {"arrowstyle": "-|>", "mutation_scale": 9 + look.width}
        ax.add_patch(FancyArrowPatch(path=path, **how))


def _ports(
    arrows: Sequence[_Arrow], places: dict[str, tuple[int, float]]
) -> dict[tuple[_Arrow, int], float]:
    """Return the start (0) and end (1) positions of curved arrows, so that arcs do not cross.

    Arcs to the left are at the left half of a box, the shortest outermost; likewise to the right.
    """
    ends: dict[tuple[str, bool], list[tuple[float, _Arrow, int]]] = {}
    for arrow in arrows:
        x0, x1 = places[arrow.pre][0], places[arrow.post][0]
        for end, (name, away) in enumerate(((arrow.pre, x1 - x0), (arrow.post, x0 - x1))):
            order = 1 / away if away else 0.5 * (1 - 2 * end) * 1e-3
            ends.setdefault((name, arrow.look.above), []).append((order, arrow, end))
    found = {}
    for (name, _), those in ends.items():
        those.sort(key=lambda item: item[0])  # -1 (near, left) ... 0 ... 1 (near, right)
        offsets = np.linspace(-0.5, 0.5, len(those) + 2)[1:-1] * _WIDTH
        for (_, arrow, end), offset in zip(those, offsets, strict=True):
            found[arrow, end] = places[name][0] + float(offset)
    return found
