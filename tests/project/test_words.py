"""The field's words are found where a reader looks for them, and our own oddities are gone."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "apical"
PAGES = ("README.md", "ARCHITECTURE.md", "BENCHMARKS.md", "CONTRIBUTING.md")

TERMS = (
    "activation function",
    "backpropagation through time",
    "backward pass",
    "batch normalisation",
    "batch size",
    "catastrophic forgetting",
    "centred kernel alignment",
    "chance level",
    "confusion matrix",
    "continual learning",
    "credit assignment",
    "cross-entropy",
    "Dale's law",
    "data augmentation",
    "dead zone",
    "denoising autoencoder",
    "direct feedback alignment",
    "dropout",
    "early stopping",
    "effect size",
    "eligibility trace",
    "exact integration",
    "Fano factor",
    "feedback alignment",
    "firing rate",
    "forward pass",
    "gradient clipping",
    "gradient descent",
    "hyperparameter",
    "interspike interval",
    "learning curve",
    "learning-rate schedule",
    "lesion",
    "loss function",
    "loss landscape",
    "membrane potential",
    "mini-batch",
    "momentum",
    "mutual information",
    "node perturbation",
    "noise ceiling",
    "optimiser",
    "participation ratio",
    "permutation test",
    "plateau potential",
    "quantisation",
    "raster plot",
    "receptive field",
    "refractory period",
    "release probability",
    "representational dissimilarity matrix",
    "reward prediction error",
    "spike train",
    "steady state",
    "stochastic rounding",
    "surrogate gradient",
    "synaptic scaling",
    "three-factor",
    "transmission delay",
    "tuning",
    "update locking",
    "validation set",
    "vanishing gradient",
    "weight constraint",
    "weight decay",
    "weight initialisation",
    "weight mirror",
    "weight perturbation",
    "weight transport",
)
"""What a neuroscientist or a machine learner searches for."""

ODD = (
    "answers to most",
    "as a wish",
    "asks of weights",
    "by nobody in the network",
    "carry on in their direction",
    "comes to stand for",
    "decided rightly",
    "drawn anew every",
    "gone on with",
    "had better say which",
    "hangs on",
    "hears nobody",
    "how alike",
    "how far two spike trains",
    "how normal numbers",
    "how unlike",
    "in which order samples",
    "in words by",
    "is no merit",
    "learns otherwise",
    "more than anybody",
    "nobody else in this process",
    "nobody hears",
    "nobody looks at",
    "nobody notices",
    "not worth a word",
    "not worth a spike",
    "points from what backpropagation",
    "so many thresholds has diverged",
    "still on its way",
    "stopped behind",
    "stops behind",
    "tells nobody",
    "that would do",
    "throws dice",
    "trials that learn together",
    "trials of learning",
    "turn out to stand for",
    "waits for nobody",
    "wait for nobody",
    "what a synapse makes",
    "what a network costs",
    "what a network did",
    "what a network's descent",
    "what is drawn at random",
    "what records of a network",
    "what weights are held to",
    "worth a word",
)
"""Phrases that were written once in place of the field's words."""


def plain(text: str) -> str:
    """Return text in lower case, with every run of blanks as one."""
    return " ".join(text.split()).lower()


def written(path: Path) -> str:
    """Return all text that a module holds: docstrings, messages, help."""
    tree = ast.parse(path.read_text())
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return plain("\n".join(text for text in found if isinstance(text, str)))


@cache
def source() -> str:
    return "\n".join(written(path) for path in sorted(SOURCE.rglob("*.py")))


@cache
def documents() -> str:
    pages = [*(ROOT / name for name in PAGES), *sorted((ROOT / "docs").rglob("*.md"))]
    # an emphasised term is the same term
    return plain("\n".join(re.sub(r"[*`]", "", path.read_text()) for path in pages))


@cache
def read() -> dict[str, str]:
    """Return what is read for odd phrases: name -> text, comments included."""
    modules = [*sorted(SOURCE.rglob("*.py")), *sorted((ROOT / "models").glob("*.py"))]
    pages = [*(ROOT / name for name in PAGES), *sorted((ROOT / "docs").rglob("*.md"))]
    tables = sorted((ROOT / "benchmarks" / "results").rglob("*.toml"))  # their texts are on pages
    files = [*modules, *pages, *tables]
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in files}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        prose = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        texts[f"notebooks/{path.name}"] = "\n".join(prose)
    return {name: plain(text.replace("#", " ")) for name, text in texts.items()}


@pytest.mark.parametrize("term", TERMS)
def test_the_term_is_found_in_the_code_and_in_the_documents(term: str) -> None:
    assert term.lower() in source(), f"no docstring or message says {term!r}"
    assert term.lower() in documents(), f"no page says {term!r}"


@pytest.mark.parametrize("phrase", ODD)
def test_the_phrase_is_gone(phrase: str) -> None:
    found = [name for name, text in read().items() if phrase in text]
    assert not found, f"{phrase!r} stands in {', '.join(found)}"


def test_the_glossary_is_linked_and_names_files_that_are_there() -> None:
    for name in ("README.md", "ARCHITECTURE.md"):
        assert "(docs/reference/glossary.md)" in (ROOT / name).read_text()
    page = (ROOT / "docs" / "reference" / "glossary.md").read_text()
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py))`", page)) - {"models/"}
    assert named
    assert not [name for name in named if not (SOURCE / name).exists()]


def test_every_module_begins_with_a_sentence_that_names_a_thing() -> None:
    for path in [*sorted(SOURCE.rglob("*.py")), *sorted((ROOT / "models").glob("*.py"))]:
        first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        assert first.endswith((".", ":")), f"{path}: {first}"
        assert not re.match(r"(What|How|Whoever|Where|Which|In which) ", first), f"{path}: {first}"
