"""The gallery: a page for each script of models/, and the cards that lead to them."""

import ast
import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import model_texts
import numpy as np
from criteria import LINKS, linked
from tables import cell, table

from apical import plotting
from apical.data import datasets
from apical.network.description import Network
from apical.projections import TransposeOf
from apical.reference import bptt, margin_losses
from apical.scripts import catalogue, gallery, models

ROOT = Path(__file__).parents[2]
FOLDER = "gallery/generated"
MOST = 4
"""Largest number of networks of a script that are drawn."""
NUMBERS = "BENCHMARKS.md"
SECTIONS = {
    "spikes": "Spiking networks",
    "rates": "Networks of rates",
    "": "Without a network to train",
}


@dataclass(frozen=True)
class Drawing:
    """A drawing: what it shows, its SVG, and a text for those who do not see it."""

    title: str
    svg: str
    alt: str


@dataclass(frozen=True, eq=False)
class Script:
    """A script of models/.

    Parameters
    ----------
    name, path, doc
        Its name, its file and its docstring.
    exhibit
        What it reproduces; None for a model that reproduces no publication.
    networks
        Its networks by condition, that of its defaults first.
    """

    name: str
    path: Path
    doc: str
    exhibit: gallery.Exhibit | None
    networks: Mapping[str, Network]

    @property
    def claim(self) -> str:
        """What it shows, in one line."""
        first = self.doc.partition("\n")[0].rstrip(".")
        return self.exhibit.claim if self.exhibit else first

    @property
    def kind(self) -> str:
        """Kind of its networks: the section of the gallery."""
        spikes = [network.is_spiking for network in self.networks.values()]
        return ("spikes" if any(spikes) else "rates") if spikes else ""


def paths() -> list[Path]:
    """Return all scripts of models/; each has a page."""
    return sorted((ROOT / "models").glob("*.py"))


@cache
def script(path: Path) -> Script:
    """Return a script with its networks."""
    name, doc = path.stem, ast.get_docstring(ast.parse(path.read_text())) or ""
    exhibit = gallery.load(path) if name in gallery.scripts() else None
    networks = dict(_networks(path)) if name in catalogue.names() else {}
    return Script(name, path, doc, exhibit, networks)


def _networks(path: Path) -> Iterator[tuple[str, Network]]:
    """Yield the networks of a script by condition; of a model, that of its defaults first."""
    data = datasets.load("digits")
    default = ""
    if not models.is_study(path):
        model = models.load(str(path))
        chosen = [o.default for o in model.options if o.name in catalogue.CONDITIONS]
        default = " ".join(chosen[:1])
    entries = catalogue.entries(path.stem, data)
    for entry in sorted(entries, key=lambda entry: entry.condition != default):
        if entry.network is not None:
            yield entry.condition, entry.network


def drawings(script: Script) -> list[Drawing]:
    """Return drawings of the networks of a script, those that look alike once."""
    found: dict[object, Drawing] = {}
    for condition, network in script.networks.items():
        if len(found) < MOST and look(network) not in found:
            svg = plotting.as_svg(plotting.network_graph(network, title="")).decode()
            found[look(network)] = Drawing(condition, svg, told(script.name, condition, network))
    if script.name in OTHERS:
        axes, alt = OTHERS[script.name]()
        found[""] = Drawing("", plotting.as_svg(axes).decode(), alt)
    return [*found.values()]


def look(network: Network) -> object:
    """Return what a drawing of a network depends on."""
    transposed = {p.name for p in network.projections if isinstance(p.weights, TransposeOf)}
    return (
        tuple((p.name, p.size, type(p).__name__) for p in network.populations),
        tuple(
            (p.name, p.rule is None, tuple(p.carries.items()), p.name in transposed)
            for p in network.projections
        ),
    )


def told(name: str, condition: str, network: Network) -> str:
    """Return a network in words, for those who do not see its drawing."""
    sizes = {p.name: f"{p.name} ({p.size:,} {type(p).__name__})" for p in network.populations}
    joins = [p for p in network.projections if p.pre.role != "bias"]
    arrows = [f"{p.pre.name} to {p.post.name}" for p in joins]
    rest = f" and {len(arrows) - 12} more" if len(arrows) > 12 else ""
    under = f" under {condition}" if condition else ""
    return (
        f"Network of {name}{under}. Populations: {', '.join(sizes.values())}. "
        f"Projections: {', '.join(arrows[:12])}{rest}."
    )


def _losses() -> tuple[object, str]:
    curves = margin_losses.loss_curves(np.linspace(-2.0, 2.5, 181))
    shown = {name: (x[y <= 4.0], y[y <= 4.0]) for name, (x, y) in curves.items()}
    alt = "Losses over the margin, scaled to 1 at 0: 0-1 loss, and surrogates that bound it."
    return plotting.curves(shown, "margin", "loss [of that at 0]"), alt


def _norms() -> tuple[object, str]:
    lags, draw = np.arange(0.0, 61.0), np.random.default_rng(0)
    weights, last = draw.normal(size=(20, 20)), draw.normal(size=20)
    shown = {}
    for radius in (0.8, 0.95, 1.0, 1.05, 1.2):
        norms = bptt.linear_norms(bptt.with_radius(weights, radius), last, lags)
        shown[f"spectral radius {radius:g}"] = lags, norms / norms[0]
    alt = "Norm of the gradient over steps back: it shrinks where the radius is below 1."
    return plotting.curves(shown, "steps back", "norm [of the last]", log_y=True), alt


def _wells() -> tuple[object, str]:
    w = np.linspace(-6.0, 6.0, 601)
    off = w - np.floor(w + 0.5)
    of = models.imported(ROOT / "models" / "Polyak_1964_minima.py")
    loss = (1 + of.C * w**2 + 4 * of.A * off**2) ** 2 / 2
    alt = "Loss over the weight: a bowl with nine wells, the lowest at 0."
    return plotting.curves({"loss": (w, loss)}, "weight", "loss"), alt


OTHERS: Mapping[str, Callable[[], tuple[object, str]]] = {
    "Bartlett_2006_surrogates": _losses,
    "Pascanu_2013_recurrent": _norms,
    "Polyak_1964_minima": _wells,
}
"""Drawings of scripts that train no network."""


@cache
def verdicts() -> Mapping[str, list[tuple[str, str, str]]]:
    """Return what the catalogue says: script -> condition, whether local, what is not."""
    page = (ROOT / "docs" / "reference" / "catalogue.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    heads, found = rows[0], dict[str, list[tuple[str, str, str]]]()
    for row in rows[2:] if set(rows[1]) == {"---"} else rows[1:]:
        name = re.sub(r"\[(\w+)\].*", r"\1", row[0])
        bad = [head for head, text in zip(heads, row, strict=False) if text == "not local"]
        found.setdefault(name, []).append((row[1], row[2], ", ".join(bad)))
    return found


def prose(doc: str) -> str:
    """Return a docstring as Markdown: paragraphs, lists, commands, references as links."""
    parts = []
    for part in re.split(r"\n\s*\n", doc):
        if all(line.startswith("    ") for line in part.splitlines()):
            text = inspect.cleandoc(part)
            shell = text.startswith(("apical ", "python "))
            parts.append(f"```{'bash' if shell else 'text'}\n{text}\n```")
        elif part.lstrip().startswith("- "):
            items = re.split(r"\n(?=- )", part)
            parts.append("\n".join(linked(cell(item)) for item in items))
        else:
            parts.append(linked(cell(part)))
    return "\n\n".join(parts)


def papers(text: str) -> list[str]:
    """Return the identifiers of papers in a text, as links, each once."""
    found = dict.fromkeys(re.findall(r"(doi|arXiv):([^\s;,)]+)", text))
    return [f"[{kind}:{n.rstrip('.')}]({LINKS[kind]}{n.rstrip('.')})" for kind, n in found]


def results(script: Script) -> str:
    """Return what was published, what was reached, and what was measured."""
    parts = []
    if script.exhibit:
        rows = [
            ["published", cell(script.exhibit.published)],
            ["reached at full size", cell(script.exhibit.reached)],
        ]
        parts.append(table(["what", "result"], rows))
        parts.append(
            "Full size is the size of the publication, or what the text below says; the command at "
            f"its end repeats it. All numbers, with seeds and settings, are in `{NUMBERS}`."
        )
    measured = [m for (name, _), m in catalogue.read_measured().items() if name == script.name]
    rows = [
        [cell(m.condition) or "-", m.accuracy or "-", cell(m.settings), cell(m.source)]
        for m in measured
        if m.settings
    ]
    if rows:
        heads = ["condition", "test accuracy [%]", "settings", "source"]
        parts.append("Measured with learning off (`models/measured.csv`):\n\n" + table(heads, rows))
    return "\n\n".join(parts)


def checked(script: Script) -> str:
    """Return what the quick check does, and how it is repeated."""
    if script.exhibit is None:
        lead = "One epoch on the digits that come with scikit-learn:"
        return f"## Try it\n\n{lead}\n\n```bash\napical run {script.name} --epochs 1\n```"
    doc = cell((inspect.getdoc(script.exhibit.quick) or "").partition("\n\n")[0])
    command = f"```bash\napical gallery {script.name} --quick\n```"
    return f"## Check it in seconds\n\n{doc}\n\n{command}"


def local(script: Script) -> str:
    """Return what the scorecard says of its networks."""
    rows = [[cell(c) or "-", v, cell(bad) or "-"] for c, v, bad in verdicts().get(script.name, [])]
    if not rows:
        return "It describes no network, so there is nothing to judge."
    text = table(["condition", "learning is local", "what is not"], rows)
    return f"{text}\nEvery line is in the [catalogue](../../reference/catalogue.md)."


def shown(script: Script, drawn: list[Drawing]) -> str:
    """Return the drawings of a script."""
    parts = []
    for k, one in enumerate(drawn):
        image = f"![{one.alt}]({script.name}_{k}.svg)"
        parts.append(f"**{cell(one.title)}**\n\n{image}" if len(drawn) > 1 else image)
    left = len(script.networks) - len(drawn)
    if left > 0 and drawn:
        parts.append("Other conditions look like one of these, or are in the catalogue.")
    return "\n\n".join(parts)


def page(script: Script, drawn: list[Drawing]) -> str:
    """Return the page of a script."""
    condition, network = next(iter(script.networks.items()), ("", None))
    parts = [f"# {script.name}", f"{cell(script.claim)}.", shown(script, drawn), results(script)]
    parts += ["## What it does", prose(script.doc), checked(script)]
    parts += ["## Local or not", local(script)]
    if network is not None:
        under = f" ({condition})" if condition else ""
        inside = model_texts.whole(network)
        lead = "Built for the digits that come with scikit-learn; other data change the sizes."
        parts += [f"## The network in equations{under}", f"{lead} {inside}"]
    cited = papers(script.path.read_text())
    if cited:
        parts += ["## Papers", "\n".join(f"- {link}" for link in cited)]
    code = f"```{{literalinclude}} ../../../models/{script.path.name}\n:language: python\n```"
    parts += ["## The script", f"`models/{script.path.name}`", code]
    return "\n\n".join(parts) + "\n"


def cards(drawn: Mapping[Script, list[Drawing]]) -> str:
    """Return the cards of the gallery, by kind of network."""
    parts = []
    for kind, title in SECTIONS.items():
        parts.append(f"## {title}\n\n::::{{grid}} 1 2 2 3\n:gutter: 3\n")
        for one, first in ((one, many[0]) for one, many in drawn.items() if one.kind == kind):
            parts.append(
                f":::{{grid-item-card}} {one.name.replace('_', ' ')}\n"
                f":link: generated/{one.name}\n:link-type: doc\n"
                f":img-top: generated/{one.name}_0.svg\n:img-alt: {first.alt}\n\n"
                f"{cell(one.claim)}.\n:::\n"
            )
        parts.append("::::\n")
    return "\n".join(parts)


def of_script(one: Script, drawn: list[Drawing]) -> dict[str, str]:
    """Return the page of a script and its drawings, by their paths."""
    made = {f"{FOLDER}/{one.name}_{k}.svg": drawing.svg for k, drawing in enumerate(drawn)}
    return {f"{FOLDER}/{one.name}.md": page(one, drawn), **made}


def pages() -> dict[str, str]:
    """Return the pages of the gallery, their drawings, and the cards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = {one: drawings(one) for one in map(script, paths())}
    made = {f"{FOLDER}/cards.inc": cards(drawn)}
    for one, many in drawn.items():
        made |= of_script(one, many)
    return made
